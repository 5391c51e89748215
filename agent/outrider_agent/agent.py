"""
The only wiring: makes the parts of an agent, lets them run, and ends them in order.

    stop discovering → collectors read to their end → sinks are flushed, up to a deadline → sinks are closed → socket and lock go

An agent that was replaced (`Fenced`, or the lock's name is no longer its own) stops at once and touches nothing that its successor owns.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import os
import signal
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from outrider import spool
from outrider_agent import agent_lock, errors, layout, operations, report, settings, supervise
from outrider_agent.blobs import local
from outrider_agent.collect import liveness, outputs, roots, streams
from outrider_agent.core import backoff
from outrider_agent.server import control
from outrider_agent.ship import fullness, reader, shipper
from outrider_agent.sinks import store
from outrider_agent.store import owners, reading

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from typing import Any

    from outrider_agent.collect import ledger

log = structlog.get_logger(part="agent")

STOPPED, IDLE, FENCED = "stopped", "idle", "fenced"

#: How often the agent looks whether it still owns its home, and whether it is idle.
_GUARD_S = 0.5
#: A frozen predecessor that holds the store's write lock is killed after so long.
_LOCKED_S = 2.0
#: What is left of a shutdown after its deadline: closing a sink waits for the transaction under way.
_CLOSE_S = 8.0
#: At most this part of a core goes into looking at an idle spool's size.
_SHARE = 500


class SystemClock:
    """The system's time."""

    def time_ns(self) -> int:
        """Wall clock."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds, never backwards."""
        return time.monotonic()


class StoreKnowledge:
    """What collectors are told of the store, each in its own words."""

    def __init__(self, where: Path, reading_: reading.Reader) -> None:
        self._reader = reading_
        self._open_runs = owners.OpenRuns(where)
        self.sink: shipper.Shipper | None = None

    def has_ended(self, run: str) -> bool:
        """`liveness.Known`, and for retention."""
        if self.sink is None:
            raise errors.Unavailable
        return self.sink.has_ended(run)

    def open_runs(self) -> Mapping[str, Sequence[streams.Head]]:
        """`liveness.Known`."""
        found = self._open_runs()
        return {
            run: [streams.Head(writer=one.writer, own=True, host=one.host, boot=one.boot) for one in writers]
            for run, writers in found.items()
        }

    def remembered(self, run: str) -> roots.Remembered | None:
        """Output roots of a run whose first lines have left the spool."""
        try:
            found = self._reader.run(run)
        except (errors.NotFound, errors.Unavailable):
            return None
        return roots.Remembered(tuple(found.outputs or ()), found.started)

    def artifacts(self, run: str) -> dict[str, ledger.Kept]:
        """The last versions of a run's artifacts."""
        try:
            found = self._reader.artifacts(run)
        except (errors.NotFound, errors.Unavailable):
            return {}
        return {one.path: (one.size, one.sha256, one.modified or 0) for one in found if one.source == "outputs"}

    def close(self) -> None:
        """Idempotent."""
        self._open_runs.close()


class Departures:
    """May what is left of an ended run be deleted? Not before the outputs collector has looked at it after its end, and has all of it."""

    def __init__(self, finder: roots.RootFinder, clock: SystemClock) -> None:
        self._finder, self._clock = finder, clock
        self._ended: dict[str, float] = {}
        self._with_roots: frozenset[str] = frozenset()
        self._looked = -1.0

    def __call__(self) -> list[roots.OutputRoots]:
        """The collector's `runs`: remembers when it last looked, and what had roots."""
        now = self._clock.monotonic()
        found = list(self._finder())
        self._with_roots, self._looked = frozenset(one.run for one in found), now
        return found

    def hurry(self) -> None:
        """The next look takes in every run."""
        self._finder.hurry()

    def may_go(self, run: str, collector: outputs.OutputsCollector) -> bool:
        """Asked of runs that have ended in the store."""
        since = self._ended.setdefault(run, self._clock.monotonic())
        if len(self._ended) > 10_000:
            self._ended = {run: since}
        return self._looked > since and (run not in self._with_roots or collector.is_done(run))


class Agent:
    """One agent of one home, from its start to its end."""

    def __init__(self, where: layout.Layout, values: settings.Settings, lock: agent_lock.AgentLock, *, idle_exit: bool) -> None:
        self._layout, self._settings, self._lock, self._idle_exit = where, values, lock, idle_exit
        self._clock = SystemClock()
        self._ended = ""
        self._stopping = asyncio.Event()
        self._signals = 0
        self._killed = False
        self._predecessor = lock.predecessor or _last_agent(where)
        self._database = Path(values.store.path) if values.store.path else where.database
        self._threads = concurrent.futures.ThreadPoolExecutor(4, "read")
        self._looker = concurrent.futures.ThreadPoolExecutor(1, "liveness")
        self._reader = reading.Reader(self._database)
        self._knowledge = StoreKnowledge(self._database, self._reader)
        self._parts = [supervise.Part(name) for name in ("liveness", "spool")]
        self._make_collectors()
        self._make_ship()
        self._make_server()

    def _make_collectors(self) -> None:
        given = self._settings.outputs
        self._blobs = local.LocalBlobs(self._layout.blobs)
        self._departures = Departures(roots.RootFinder(self._layout.spool, self._clock, remembered=self._knowledge.remembered), self._clock)
        self._outputs: outputs.OutputsCollector | None = None
        if given.enabled:
            self._outputs = outputs.OutputsCollector(
                self._layout.home,
                self._blobs,
                self._departures,
                self._clock,
                outputs.Settings(
                    settle_s=given.settle_s,
                    sweep_interval_s=given.sweep_interval_s,
                    idle_after_s=given.idle_after_s,
                    idle_interval_s=given.idle_interval_s,
                    watch=given.watch,
                ),
                known=self._knowledge.artifacts,
            )
            self._parts.append(supervise.Part(self._outputs.name))
        self._liveness = liveness.Liveness(os.fspath(self._layout.home), self._knowledge, self._clock)
        limits = self._settings.spool
        self._fullness = fullness.Fullness(self._layout.spool, max_bytes=limits.max_bytes, reserve_bytes=limits.disk_reserve_bytes)

    def _make_ship(self) -> None:
        given = self._settings.ship
        self._shipper = shipper.Shipper(
            "store",
            lambda: store.open_store(self._database),
            reader.SpoolReader(self._layout.spool, self._clock, self._ended_or_unknown),
            self._clock,
            shipper.Options(
                batch_records=given.batch_records,
                batch_bytes=given.batch_bytes,
                flush_interval_s=given.flush_interval_s,
                poll_interval_s=given.poll_interval_s,
                stuck_after_s=self._settings.agent.stuck_after_s,
                retention_interval_s=given.retention_interval_s,
                backoff=backoff.Backoff(base_s=given.backoff_base_s, cap_s=given.backoff_cap_s),
            ),
            may_go=self._may_go,
            on_locked=self._on_locked,
            on_fenced=self._on_fenced,
        )
        self._knowledge.sink = self._shipper

    def _make_server(self) -> None:
        self._started = time.time_ns()
        self._version = _version()
        self._report = report.Report(
            report.Looked(
                layout=self._layout,
                version=self._version,
                started=self._started,
                cap=self._settings.spool.max_bytes,
                shipper=self._shipper,
                liveness=self._liveness,
                fullness=self._fullness,
                outputs=self._outputs,
                parts=self._parts,
            )
        )
        self._operations = operations.AgentOperations(
            operations.Parts(
                layout=self._layout,
                database=self._database,
                shipper=self._shipper,
                reader=self._reader,
                outputs=self._outputs,
                blobs=self._blobs,
                threads=self._threads,
                report=self._report,
                stop=lambda: self._stop(STOPPED),
            )
        )
        self._server = control.Server(self._operations, self._layout.socket())

    async def run(self) -> str:
        """Until it is stopped, idle or replaced: which of them it was."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_signal, number)
        try:
            await self._server.start()
            self._write_info()
            self._shipper.start()
            log.info("agent_started", pid=os.getpid(), version=self._version, home=os.fspath(self._layout.home))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work, name=name) for name, work in self._work()]
                await self._stopping.wait()
                for task in tasks:
                    task.cancel()
            if self._ended != FENCED:
                await self._drain()
        finally:
            await self._close()
        log.info("agent_ended", why=self._ended)
        return self._ended

    def _work(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs all the time, each under supervision."""
        parts = {part.name: part for part in self._parts}
        found: list[tuple[str, Coroutine[Any, Any, None]]] = [
            ("liveness", supervise.supervise(parts["liveness"], self._look_for_dead_runs)),
            ("spool", supervise.supervise(parts["spool"], self._measure_spool)),
            ("guard", self._guard()),
        ]
        if self._outputs is not None:
            found.append(("outputs", supervise.supervise(parts["outputs"], self._outputs.run)))
        return found

    async def _look_for_dead_runs(self) -> None:
        while True:
            await self._loop.run_in_executor(self._looker, self._liveness.look)
            await asyncio.sleep(self._settings.agent.liveness_interval_s)

    async def _measure_spool(self) -> None:
        while True:
            began = time.monotonic()
            await self._loop.run_in_executor(self._looker, self._fullness.look)
            await asyncio.sleep(max(self._settings.spool.check_interval_s, _SHARE * (time.monotonic() - began)))

    async def _guard(self) -> None:
        """Is the home still ours? Is there anything to do?"""
        while True:
            await asyncio.sleep(_GUARD_S)
            if not self._lock.is_mine():
                self._on_fenced("agent.lock is another agent's now, or is gone")
            elif self._idle_exit and self._is_idle():
                self._stop(IDLE)

    def _is_idle(self) -> bool:
        """Nothing pending, no run alive, and no request for a while."""
        seen, waiting = self._liveness.statistics, self._operations.waiting
        collecting = self._outputs.statistics().pending if self._outputs is not None else 0
        if seen.alive or seen.undecided or waiting or collecting or self._shipper.statistics().pending_bytes:
            self._operations.touched()
        return time.monotonic() - self._operations.last_used >= self._settings.agent.idle_exit_s

    def _stop(self, why: str) -> None:
        self._ended = self._ended or why
        self._stopping.set()

    def _on_signal(self, number: int) -> None:
        self._signals += 1
        if self._signals > 1:
            log.warning("stopped_at_once", signal=number)
            self._remove_info()
            os._exit(5)  # everything on disk may be left at any moment; that is what the spool is for
        log.info("stopping", signal=number)
        self._stop(STOPPED)

    def _on_fenced(self, reason: str) -> None:
        """From any thread."""
        log.error("replaced_by_another_agent", error=reason)
        self._ended = FENCED
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)

    def _on_locked(self, error: str, since_s: float) -> None:
        """In the sink's thread: a predecessor that sleeps in the middle of a transaction would hold the store for ever."""
        if self._killed or self._predecessor is None or since_s < _LOCKED_S or "locked" not in error:
            return
        if agent_lock.kill_frozen(self._predecessor):
            self._killed = True
            log.warning("frozen_agent_killed", pid=self._predecessor.get("pid"), error="it held the store's write lock and did not answer")

    def _ended_or_unknown(self, run: str) -> bool:
        try:
            return self._knowledge.has_ended(run)
        except errors.Unavailable:
            return False

    def _may_go(self, run: str) -> bool:
        if not self._knowledge.has_ended(run):
            return False
        return self._outputs is None or self._departures.may_go(run, self._outputs)

    async def _drain(self) -> None:
        """In order, up to the deadline; what is left then stays in the spool."""
        deadline = time.monotonic() + self._settings.agent.shutdown_deadline_s
        if self._outputs is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.1, deadline - time.monotonic())):
                    await self._outputs.drain()
            self._outputs.close()
        left = max(0.0, deadline - time.monotonic())
        try:
            late = await asyncio.wrap_future(self._shipper.flush(None, None, left))
        except errors.Unavailable as exc:
            log.warning("not_flushed", error=str(exc))
        else:
            if late:
                log.warning("left_in_the_spool", streams=len(late), bytes=sum(one.pending_bytes for one in late))

    async def _close(self) -> None:
        """What was opened is closed, in the other order; what is a successor's is left alone."""
        self._shipper.stop()
        if not await asyncio.to_thread(self._shipper.wait_stopped, _CLOSE_S):
            log.warning("sink_did_not_stop", error=f"not within {_CLOSE_S:g} s")
        if self._outputs is not None and self._ended == FENCED:
            self._outputs.close()
        await self._server.close()
        self._remove_info()
        for executor in (self._looker, self._threads):
            executor.shutdown(wait=False, cancel_futures=True)
        self._knowledge.close()
        self._reader.close()

    def _write_info(self) -> None:
        """agent.json: where the socket is, and who serves it."""
        content = {
            "v": 1,
            "pid": os.getpid(),
            "boot": spool.boot_id(),
            "host": spool.hostname(),
            "socket": os.fspath(self._server.path),
            "started": self._started,
            "start_time": agent_lock.start_time(os.getpid()),
            "version": self._version,
        }
        layout.write_atomically(self._layout.info, json.dumps(content).encode() + b"\n")

    def _remove_info(self) -> None:
        if self._lock.is_mine() and agent_lock.holder(self._layout.info).get("pid") == os.getpid():
            with contextlib.suppress(OSError):
                self._layout.info.unlink()


def _last_agent(where: layout.Layout) -> dict[str, Any] | None:
    """Who left an agent.json behind: one that was killed, or one whose lock was lost sight of."""
    return agent_lock.holder(where.info) or None


def _version() -> str:
    try:
        return metadata.version("outrider")
    except metadata.PackageNotFoundError:
        return "unknown"
