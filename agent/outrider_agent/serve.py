"""
`outrider server`: one process that takes the streams of many agents into its store, and shows them. docs/server.md.

It has a home of its own and holds the home's lock as an agent would: no agent serves that home too. Its wiring is here, as an agent's is in
`main`; what is received, and how, is in `receive`.
"""

from __future__ import annotations

import argparse
import asyncio
import concurrent.futures
import contextlib
import ipaddress
import os
import signal
import sys
import time
from pathlib import Path

import structlog
from aiohttp import web

from outrider import spool
from outrider_agent import agent_lock, errors, layout, life, logs, main, service, serving, settings, supervise
from outrider_agent.blobs import local, parts
from outrider_agent.core import backoff, wire
from outrider_agent.portal import asking, assets, door, gate
from outrider_agent.portal import server as portal
from outrider_agent.receive import receiver, routes
from outrider_agent.server import control
from outrider_agent.store import browsing, history, sqlite, tokens, watch

log = structlog.get_logger(part="server")

_SHUTDOWN_S = 3.0
_BACKLOG = 512
_KEEPALIVE_S = 75.0
_THREADS = 8
_FORGET_S = 3600.0

_EPILOG = """\
exit codes:
  0  it was stopped: everything is in order
  1  it could not go on; stderr, or agent.log in the home, says why
  2  a setting or the home is wrong
  3  an agent or another server already serves this home
  4  another server has taken this home over

examples:
  outrider token create laptop --home /srv/outrider
  outrider server --home /srv/outrider --address 0.0.0.0
  outrider server --home /srv/outrider --port 443 --config /etc/outrider/outrider.toml
"""


def parser() -> argparse.ArgumentParser:
    """The server's options."""
    built = argparse.ArgumentParser(
        prog="outrider server",
        description="Takes what agents ship (sinks.http.url) into its own store, and shows it. It has a home of its own.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    configure(built)
    built.add_argument("--home", metavar="DIR", help="where its store and blobs are (default: OUTRIDER_HOME)")
    return built


def configure(built: argparse.ArgumentParser) -> None:
    """Declares what `outrider server` and `python -m outrider_agent.serve` take alike."""
    built.add_argument("--address", metavar="ADDRESS", help="listen there; 0.0.0.0: everywhere (server.address, 127.0.0.1)")
    built.add_argument("--port", metavar="PORT", help="the port; 0: any (server.port, 7434)")
    built.add_argument("--config", metavar="FILE", help="the settings file (default: OUTRIDER_CONFIG, the user's, the system's)")
    built.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="one setting; may come several times")
    built.add_argument("--foreground", action="store_true", help="log to stderr instead of agent.log")


def run(arguments: argparse.Namespace) -> int:
    """Serves until it is stopped; the exit code."""
    where = layout.Layout(Path(os.path.abspath(arguments.home or spool.home())))  # noqa: PTH100 (links stay as the user wrote them)
    os.environ["OUTRIDER_HOME"] = os.fspath(where.home)
    given = {"server.address": arguments.address, "server.port": arguments.port}
    overrides = [*arguments.set, *(f"{key}={value}" for key, value in given.items() if value is not None)]

    def load() -> settings.Settings:
        found = settings.load(overrides, config=arguments.config)
        check(found.server)
        return found

    try:
        values = load()
        layout.prepare(where)
    except (errors.SettingsError, errors.HomeUnusable) as exc:
        return _refuse(str(exc), main.USAGE)
    told, form = values.log, main.log_form(values.log.format)
    file = logs.configure(path=where.log, level=told.level, max_bytes=told.max_bytes, foreground=arguments.foreground, form=form)
    reloader = service.Reloader(values, load, lambda new: _apply(new, file))
    try:
        return _locked(where, values, reloader)
    finally:
        if file is not None:
            file.close()


def _apply(new: settings.Settings, file: logs.File | None) -> None:
    """What of the settings a reload changes in a server: its log."""
    logs.set_level(new.log.level)
    if file is not None:
        file.reopen(new.log.max_bytes)


def check(given: settings.Server) -> None:
    """Raises `SettingsError` where everybody could write what they like."""
    if not given.require_token and not is_loopback(given.address):
        raise errors.SettingsError(
            f"server.require_token is off and server.address is {given.address}: everybody who reaches it could write. "
            "Nothing was started. Let it require tokens, or listen on 127.0.0.1."
        )


def is_loopback(address: str) -> bool:
    """Is that an address that only this machine reaches?"""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _locked(where: layout.Layout, values: settings.Settings, reloader: service.Reloader) -> int:
    """Holds the home's lock while the server runs."""
    try:
        lock = agent_lock.acquire(where.lock, answers=lambda: main.answers(where), patience_s=values.agent.takeover_after_s)
    except errors.AlreadyRunning as exc:
        return _refuse(str(exc), main.ALREADY_RUNNING)
    except OSError as exc:
        return _refuse(f"{where.lock} cannot be locked: {exc}. Set OUTRIDER_HOME to a folder on a local disk.", main.USAGE)
    try:
        ended = asyncio.run(Server(where, values, lock, reloader).run())
    except (OSError, errors.OutriderError) as exc:
        log.exception("server_failed", error=supervise.describe(exc))
        return _refuse(f"The server cannot go on: {exc} Nothing is lost: what is not committed, the agents hold.", main.FAILED)
    finally:
        lock.release()
    return main.FENCED if ended == life.FENCED else main.OK


class Server:
    """One server, from its start to its end: listening ends first, then what was received is committed, then the store is closed."""

    def __init__(self, where: layout.Layout, values: settings.Settings, lock: agent_lock.AgentLock, reloader: service.Reloader) -> None:
        self._where, self._values, self._lock, self._reloader = where, values, lock, reloader
        self._ending = life.Ending()
        self._database = Path(values.store.path) if values.store.path else where.database
        self._threads = concurrent.futures.ThreadPoolExecutor(_THREADS, "serve")
        self._keeping = concurrent.futures.ThreadPoolExecutor(1, "tokens")
        self._blobs = local.LocalBlobs(where.blobs)
        self._uploads = parts.Uploads(where.blobs, self._blobs)
        self._closing = asyncio.Event()
        self._started = time.time_ns()
        self._url = ""

    async def run(self) -> str:
        """Until it is stopped or replaced: which of them it was."""
        loop = asyncio.get_running_loop()
        self._ending.bind(loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.stop)
        loop.add_signal_handler(signal.SIGHUP, self._reloader.reload)
        store = await loop.run_in_executor(self._threads, self._open)
        received = receiver.Receiver(store, self._ending.fenced)
        await loop.run_in_executor(self._threads, received.start)
        reader, keeper = history.Historian(self._database), tokens.Keeper(self._database)
        browser, changes = browsing.Browser(self._database), watch.Changes(self._database)
        told = serving.Told(
            layout=self._where, version=main.installed_version(), started=self._started, receiver=received, reader=reader,
            database=self._database, blobs=self._blobs, threads=self._threads, stop=self._ending.stop, url=lambda: self._url,
            stuck_after_s=self._values.agent.stuck_after_s,
        )  # fmt: skip
        asked = serving.ServerOperations(told)
        controlled = control.Server(asked, self._where.socket())
        runner = await self._runner(asking.Given(
            store=browser, changes=changes, blobs=told.blobs, agent=asked, version=told.version, threads=self._threads,
        ), store, received, keeper)  # fmt: skip
        try:
            await self._listen(runner)
            await controlled.start()
            self._announce(controlled)
            log.info("server_started", url=self._url, pid=os.getpid(), home=os.fspath(self._where.home))
            async with asyncio.TaskGroup() as group:
                guard = group.create_task(self._guard(asked), name="guard")
                await self._ending.wait()
                guard.cancel()
        finally:
            self._closing.set()
            await runner.cleanup()
            await controlled.close()
            await loop.run_in_executor(self._threads, received.close)
            for part in (reader, keeper, browser, changes):
                part.close()
            self._withdraw()
            for executor in (self._threads, self._keeping):
                executor.shutdown(wait=False, cancel_futures=True)
        log.info("server_ended", why=self._ending.why)
        return self._ending.why

    def _forget(self, asked: serving.ServerOperations) -> None:
        with contextlib.suppress(errors.Unavailable):  # then the next time
            self._uploads.forget()
        with contextlib.suppress(errors.Unavailable):
            asked.purge_older(self._values.store.keep_deleted_s)

    def _open(self) -> sqlite.SqliteStore:
        """The store; waits for one that is locked, up to a deadline. Raises `Unavailable`, `SchemaTooNew`."""
        unlock = life.Unlocker(self._lock.predecessor or agent_lock.holder(self._where.info))
        began, delays = time.monotonic(), backoff.Backoff().delays(lambda: 0.5)
        while True:
            try:
                return sqlite.SqliteStore(self._database)
            except errors.Unavailable as exc:
                since = time.monotonic() - began
                if since > self._values.agent.stuck_after_s:
                    raise
                unlock(str(exc), since)
                time.sleep(next(delays))

    async def _runner(
        self, given: asking.Given, store: sqlite.SqliteStore, received: receiver.Receiver, keeper: tokens.Keeper
    ) -> web.AppRunner:
        loop, limits = asyncio.get_running_loop(), self._values.server
        key = await loop.run_in_executor(self._threads, door.read_token, self._where.portal_token)
        static = await loop.run_in_executor(self._threads, assets.Assets)
        taking = routes.Routes(
            routes.Given(
                receiver=received,
                uploads=self._uploads,
                about=serving.About(given.store, store.has_ended),
                threads=self._threads,
                version=given.version,
                limits=routes.Limits(max_body_bytes=limits.max_body_bytes, body_timeout_s=limits.body_timeout_s),
            )
        )
        paths = (wire.STREAMS, wire.BLOBS, wire.ABOUT)
        guard = gate.Gate(
            key, static, keeper, self._keeping,
            shipping=paths, is_open=not limits.require_token, is_near=is_loopback(limits.address),
        )  # fmt: skip
        context = asking.Context(given=given, assets=static, closing=self._closing)
        app = portal.application(context, guard, [*taking.table(), *guard.table()])
        # Bodies come as they are: what they unpack to is bounded where they are read.
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_S, auto_decompress=False, keepalive_timeout=_KEEPALIVE_S
        )
        await runner.setup()
        return runner

    async def _listen(self, runner: web.AppRunner) -> None:
        given = self._values.server
        site = web.TCPSite(runner, given.address, given.port, backlog=_BACKLOG, reuse_address=True)
        try:
            await site.start()
        except OSError as exc:
            raise errors.Unavailable(
                f"{given.address}:{given.port} cannot be listened on ({exc.strerror or exc}); set server.port or server.address."
            ) from exc
        port = runner.addresses[0][1]
        shown = given.address if not ipaddress_any(given.address) else spool.hostname()
        self._url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
        if not is_loopback(given.address):
            log.warning("no_tls_here", error="tokens cross the network as they are; docs/server.md has what to put before it")

    def _announce(self, controlled: control.Server) -> None:
        """agent.json and portal.json, by which commands find it."""
        card = agent_lock.card(os.fspath(controlled.path), self._started, main.installed_version())
        layout.write_atomically(self._where.info, card)
        layout.write_atomically(self._where.portal, serving.portal_card(self._url))

    def _withdraw(self) -> None:
        if self._lock.is_mine():
            for path in (self._where.info, self._where.portal):
                path.unlink(missing_ok=True)

    async def _guard(self, asked: serving.ServerOperations) -> None:
        """Is the home still ours? And what nobody goes on with is forgotten, what was deleted long ago purged."""
        forgotten = time.monotonic()
        while True:
            await asyncio.sleep(life.GUARD_S)
            if time.monotonic() - forgotten > _FORGET_S:
                forgotten = time.monotonic()
                await asyncio.get_running_loop().run_in_executor(self._threads, self._forget, asked)
            if not self._lock.is_mine():
                self._ending.fenced("agent.lock is another server's now, or is gone")


def ipaddress_any(address: str) -> bool:
    """Does it stand for every address of the machine?"""
    return address in ("", "0.0.0.0", "::")  # noqa: S104 (asked, not bound)


def _refuse(message: str, code: int) -> int:
    sys.stderr.write(f"outrider server: {message}\n")
    return code


if __name__ == "__main__":
    sys.exit(run(parser().parse_args()))
