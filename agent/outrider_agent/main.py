"""
The daemon: its command line, its exit codes, and the only wiring of its parts. How it lives and ends is in `life`.

Nothing is decided about data here; whatever is made here is handed in where it is needed.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import os
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from outrider import control, spool
from outrider_agent import (
    agent_lock,
    errors,
    knowledge,
    layout,
    life,
    logs,
    operations,
    report,
    service,
    settings,
    supervise,
    systemd,
)
from outrider_agent.blobs import local
from outrider_agent.collect import containers, liveness, outputs, roots
from outrider_agent.core import backoff
from outrider_agent.portal import server as portal
from outrider_agent.server import control as server
from outrider_agent.server import port
from outrider_agent.ship import fullness, jumps, reader, shipper
from outrider_agent.sinks import http, store
from outrider_agent.store import browsing, history, watch

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

OK, FAILED, USAGE, ALREADY_RUNNING, FENCED = 0, 1, 2, 3, 4

#: So long may the agent that holds the home take to answer one question.
_ANSWER_S = 3.0

_EPILOG = """\
exit codes:
  0  it was stopped, or was idle (--idle-exit): everything is in order
  1  it could not go on; agent.log in the home, or stderr, says why
  2  a setting or OUTRIDER_HOME is wrong
  3  another agent already serves this home
  4  another agent has taken this home over

examples:
  python -m outrider_agent --foreground
  python -m outrider_agent --home /srv/outrider --config /etc/outrider/outrider.toml
  python -m outrider_agent --idle-exit --set agent.idle_exit_s=60
"""


def parser() -> argparse.ArgumentParser:
    """The daemon's options."""
    built = argparse.ArgumentParser(
        prog="outrider agent",
        description="Ships what scripts have written into the spool to the tracking store. One agent serves one OUTRIDER_HOME.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    built.add_argument("--home", metavar="DIR", help="where spool, store and blobs are (default: OUTRIDER_HOME)")
    built.add_argument("--config", metavar="FILE", help="the settings file (default: OUTRIDER_CONFIG, the user's, the system's)")
    built.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="one setting; may come several times")
    built.add_argument("--idle-exit", action="store_true", help="exit when nothing is pending and no run lives (agent.idle_exit_s)")
    built.add_argument("--foreground", action="store_true", help="log to the terminal instead of agent.log")
    built.add_argument("--log-level", choices=list(logs.LEVELS), help="the least severe messages kept (log.level)")
    return built


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the agent until it is stopped; returns its exit code."""
    arguments = parser().parse_args(argv)
    overrides = [*arguments.set, *([f"log.level={arguments.log_level}"] if arguments.log_level else [])]
    where = layout.Layout(Path(os.path.abspath(arguments.home or spool.home())))  # noqa: PTH100 (links stay as the user wrote them)
    # The home is the same for everything that is imported from here on, whatever it was told by.
    os.environ["OUTRIDER_HOME"] = os.fspath(where.home)
    try:
        values = settings.load(overrides, config=arguments.config)
        settings.check(values)
        layout.prepare(where)
    except (errors.SettingsError, errors.HomeUnusable) as exc:
        return _refuse(str(exc), USAGE)
    file = logs.configure(
        path=where.log,
        level=values.log.level,
        max_bytes=values.log.max_bytes,
        foreground=arguments.foreground,
        form=log_form(values.log.format),
    )
    try:
        given = Given(
            values=values,
            load=lambda: settings.load(overrides, config=arguments.config),
            file=file,
            notifier=systemd.Notifier(os.environ),
            sockets=systemd.handed_in(os.environ),
        )
        return _serve(where, given, idle_exit=arguments.idle_exit)
    finally:
        if file is not None:
            file.close()


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the outside gives a daemon at its start. `load` reads the settings again; `sockets` are those of the service manager."""

    values: settings.Settings
    load: Callable[[], settings.Settings]
    file: logs.File | None
    notifier: systemd.Notifier
    sockets: list[socket.socket]


def log_form(wanted: str) -> str:
    """The log's form on stderr: the one that is set (log.format), else the journal's where stderr is the journal."""
    if wanted != "auto":
        return wanted
    return "keys" if systemd.is_journal(2, os.environ) else "text"


def _serve(where: layout.Layout, given: Given, *, idle_exit: bool) -> int:
    """Holds the lock while the agent runs."""
    log = structlog.get_logger(part="agent")
    try:
        lock = agent_lock.acquire(where.lock, answers=lambda: answers(where), patience_s=given.values.agent.takeover_after_s)
    except errors.AlreadyRunning as exc:
        return _refuse(str(exc), ALREADY_RUNNING)
    except OSError as exc:
        return _refuse(f"{where.lock} cannot be locked: {exc}. Set OUTRIDER_HOME to a folder on a local disk.", USAGE)
    if lock.predecessor is not None:
        log.warning("took_over_from_a_silent_agent", pid=lock.predecessor.get("pid"))
    try:
        while True:
            ended = asyncio.run(_live(where, given, lock, idle_exit=idle_exit))
            # A run that began while an idle agent was leaving found its lock held, and started none: so this one stays.
            if ended != life.IDLE or not liveness.is_anybody_alive(os.fspath(where.spool), time.time()):
                break
    except (OSError, errors.OutriderError) as exc:
        log.exception("agent_failed", error=supervise.describe(exc))
        return _refuse(f"The agent cannot go on: {exc} Nothing is lost, the spool holds it. {where.log} says more.", FAILED)
    except Exception as exc:
        log.exception("agent_failed", error=supervise.describe(exc))
        raise
    finally:
        lock.release()
    return FENCED if ended == life.FENCED else OK


async def _live(where: layout.Layout, given: Given, lock: agent_lock.AgentLock, *, idle_exit: bool) -> str:
    ending = life.Ending()
    return await life.Agent(wire(where, given, lock, ending), ending, idle_exit=idle_exit).run()


def wire(where: layout.Layout, given: Given, lock: agent_lock.AgentLock, ending: life.Ending) -> life.Parts:
    """Makes the parts of an agent, and says to each what it must know of the others."""
    values = given.values
    clock = knowledge.SystemClock()
    database = Path(values.store.path) if values.store.path else where.database
    reads = history.Historian(database)
    blobs = local.LocalBlobs(where.blobs)
    remote = http.HttpSink(http.options(values.sinks.http, where.sinks / "http"), blobs) if values.sinks.http.url else None
    known: knowledge.Knowledge = knowledge.StoreKnowledge(database, reads)
    if remote is not None and not values.store.enabled:
        known = knowledge.RemoteKnowledge(remote, clock)
    departures = knowledge.Departures(roots.RootFinder(where.spool, clock, remembered=known.remembered), known, clock)
    collector = departures.collector = _outputs(where, values.outputs, blobs, departures, known) if values.outputs.enabled else None
    followed = departures.containers = _containers(where, values, known) if values.containers.enabled else None
    ships = _shippers(where, values, known, database=database, remote=remote, may_go=departures.may_go, ending=ending, lock=lock)
    known.shipper = ship = ships[0]
    alive = liveness.Liveness(os.fspath(where.home), known, clock)
    full = fullness.Fullness(where.spool, max_bytes=values.spool.max_bytes, reserve_bytes=values.spool.disk_reserve_bytes)
    named = {"liveness": True, "spool": True, "purge": True, "outputs": collector, "containers": followed}
    parts = {name: supervise.Part(name) for name, there in named.items() if there}
    version, started, threads = installed_version(), time.time_ns(), concurrent.futures.ThreadPoolExecutor(4, "read")
    looked = report.Looked(
        layout=where,
        version=version,
        started=started,
        cap=values.spool.max_bytes,
        shippers=ships,
        liveness=alive,
        fullness=full,
        outputs=collector,
        containers=followed,
        parts=list(parts.values()),
    )
    told = report.Report(looked)
    asked = operations.AgentOperations(
        operations.Parts(
            layout=where,
            database=database,
            shipper=ship,
            reader=reads,
            outputs=collector,
            blobs=blobs,
            threads=threads,
            report=told,
            stop=ending.stop,
            has_store=values.store.enabled,
        )
    )
    web = portal.Portal(_pages(where, given, asked, blobs, version))
    probed = port.ProbePort(asked, values.probes.address, values.probes.port)
    told.portal, told.probes = web.describe, probed.describe
    return life.Parts(
        layout=where,
        settings=values,
        lock=lock,
        version=version,
        started=started,
        shippers=ships,
        outputs=collector,
        containers=followed,
        liveness=alive,
        fullness=full,
        operations=asked,
        server=server.Server(asked, where.socket()),
        portal=web,
        probes=probed,
        knowledge=known,
        reader=reads,
        threads=threads,
        looker=concurrent.futures.ThreadPoolExecutor(1, "liveness"),
        supervised=parts,
        manager=service.Service(given.notifier, told),
        reloader=service.Reloader(values, given.load, lambda new: _apply(new, full, told, given.file)),
    )


def _apply(new: settings.Settings, full: fullness.Fullness, told: report.Report, file: logs.File | None) -> None:
    """Tells the parts of settings that were read again (`service.RELOADED`); what `life` needs it looks up itself."""
    full.limit(max_bytes=new.spool.max_bytes, reserve_bytes=new.spool.disk_reserve_bytes)
    told.cap = new.spool.max_bytes
    logs.set_level(new.log.level)
    if file is not None:
        file.reopen(new.log.max_bytes)


def _pages(where: layout.Layout, given: Given, asked: operations.AgentOperations, blobs: local.LocalBlobs, version: str) -> portal.Parts:
    values = given.values
    database = Path(values.store.path) if values.store.path else where.database
    return portal.Parts(
        layout=where,
        store=browsing.Browser(database),
        changes=watch.Changes(database),
        blobs=blobs,
        agent=asked,
        version=version,
        enabled=values.portal.enabled and values.store.enabled,
        port=values.portal.port,
        address=values.portal.address,
        token_file=values.portal.token_file,
        handed_in=given.sockets[0].dup() if given.sockets else None,
    )


def _outputs(
    where: layout.Layout,
    given: settings.Outputs,
    blobs: local.LocalBlobs,
    departures: knowledge.Departures,
    known: knowledge.Knowledge,
) -> outputs.OutputsCollector:
    followed = outputs.Settings(
        settle_s=given.settle_s,
        sweep_interval_s=given.sweep_interval_s,
        idle_after_s=given.idle_after_s,
        idle_interval_s=given.idle_interval_s,
        watch=given.watch,
        existing=given.existing,
    )
    return outputs.OutputsCollector(where.home, blobs, departures, knowledge.SystemClock(), followed, known=known.artifacts)


def _containers(where: layout.Layout, values: settings.Settings, known: knowledge.Knowledge) -> containers.ContainersCollector:
    given = values.containers
    chosen = containers.Settings(
        select=given.select,
        names=given.names,
        experiment=given.experiment,
        docker_folder=given.docker_folder,
        pods_folder=given.pods_folder,
        sockets=given.sockets,
        sweep_interval_s=given.sweep_interval_s,
        watch=given.watch,
        reserve_bytes=values.spool.disk_reserve_bytes,
    )
    return containers.ContainersCollector(where.home, knowledge.SystemClock(), chosen, known=known.before)


def _shippers(
    where: layout.Layout,
    values: settings.Settings,
    known: knowledge.Knowledge,
    *,
    database: Path,
    remote: http.HttpSink | None,
    may_go: Callable[[str], bool],
    ending: life.Ending,
    lock: agent_lock.AgentLock,
) -> list[shipper.Shipper]:
    """One for each sink; the first one's word decides what of the spool may go, and it asks the others."""
    clock, made = knowledge.SystemClock(), []
    if remote is not None:
        spooled, is_alone = reader.SpoolReader(where.spool, clock, known.has_ended_for_sure), not values.store.enabled
        far = jumps.Jumps(where.sinks / "http" / "jumps.json", spooled, clock, sink="http", max_lag_bytes=values.sinks.http.max_lag_bytes)
        made.append(
            shipper.Shipper(
                remote.name,
                lambda: remote,
                spooled,
                clock,
                _options(values, timeout_s=values.sinks.http.timeout_s),
                may_go=may_go if is_alone else None,
                on_locked=lambda _error, _since: None,
                on_fenced=ending.fenced,
                jumps=None if is_alone else far,
            )
        )
    if values.store.enabled:
        first = shipper.Shipper(
            "store",
            lambda: store.open_store(database),
            reader.SpoolReader(where.spool, clock, known.has_ended_for_sure),
            clock,
            _options(values),
            may_go=may_go,
            # Who left agent.json behind counts too: its lock may have been lost sight of.
            on_locked=life.Unlocker(lock.predecessor or agent_lock.holder(where.info)),
            on_fenced=ending.fenced,
            others=[one.cursors for one in made],
        )
        made.insert(0, first)
    return made


def _options(values: settings.Settings, timeout_s: float | None = None) -> shipper.Options:
    """What of the settings concerns the way to a sink; `timeout_s` where it is on another machine."""
    given = values.ship
    return shipper.Options(
        batch_records=given.batch_records,
        batch_bytes=given.batch_bytes,
        flush_interval_s=given.flush_interval_s,
        poll_interval_s=given.poll_interval_s,
        # Several requests may have to time out before a look at such a sink has come round.
        stuck_after_s=values.agent.stuck_after_s + (0.0 if timeout_s is None else 4 * timeout_s),
        retention_interval_s=given.retention_interval_s,
        backoff=backoff.Backoff(base_s=given.backoff_base_s, cap_s=given.backoff_cap_s),
        is_remote=timeout_s is not None,
    )


def installed_version() -> str:
    """This Outrider's."""
    try:
        return metadata.version("outrider")
    except metadata.PackageNotFoundError:
        return "unknown"


def answers(where: layout.Layout) -> bool:
    """Does the agent that holds this home answer, be it that it is unwell?"""
    try:
        control.request(os.fspath(where.home), "GET", "/health", timeout=_ANSWER_S)
    except control.ControlError:
        return False
    return True


def _refuse(message: str, code: int) -> int:
    """Told on stderr, which is nowhere for an agent that was started in the background, and in the log for whoever looks there."""
    sys.stderr.write(f"outrider agent: {message}\n")
    if structlog.is_configured():
        structlog.get_logger(part="agent").info("agent_not_started", error=message, exit_code=code)
    return code
