"""
An agent's life: its parts run until it is stopped, idle or replaced, and end in order.

    stop discovering → collectors read to their end → sinks are flushed, up to a deadline → sinks are closed → socket and lock go

An agent that was replaced (`Fenced`, or the lock's name is no longer its own) stops at once and touches nothing that its successor owns.
The parts are made elsewhere (`main`); nothing here knows what a sink or a collector does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING

import msgspec
import structlog

from outrider_agent import agent_lock, errors, layout, supervise

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Coroutine, Sequence
    from typing import Any

    from outrider_agent import knowledge, operations, service, settings
    from outrider_agent.collect import containers, liveness, outputs
    from outrider_agent.portal import server as portal
    from outrider_agent.server import control, port
    from outrider_agent.ship import fullness, shipper
    from outrider_agent.store import reading

log = structlog.get_logger(part="agent")

STOPPED, IDLE, FENCED = "stopped", "idle", "fenced"

#: Exit code of an agent that was told twice to stop: it leaves everything where it is.
AT_ONCE = 5

#: How often the agent looks whether it still owns its home, and whether it is idle.
GUARD_S = 1.0
#: Between two looks for runs that were deleted long ago.
_PURGE_S = 3600.0
#: A frozen predecessor that holds the store's write lock is killed after so long.
_LOCKED_S = 2.0
#: A file is looked at so long after it has settled.
_SETTLED_S = 0.1
#: What is left of a shutdown after its deadline: closing a sink waits for the transaction under way.
_CLOSE_S = 8.0
#: Looking takes at most one part of a core in so many.
_SHARE = 4000
#: But dead runs are looked for at least so often: they end within 5 s, of which the second look, a second later, and shipping take two.
_LOOK_AT_LEAST_S = 2.25
#: And the pause between two measurements of the spool is at most so many times the one that is set, unless one part in so many is exceeded.
_MEASURE_STRETCH = 2.5
_MEASURE_SHARE = 500


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent consists of. `supervised`: the state of its collectors, by name."""

    layout: layout.Layout
    settings: settings.Settings
    lock: agent_lock.AgentLock
    version: str
    started: int
    shippers: Sequence[shipper.Shipper]
    outputs: outputs.OutputsCollector | None
    containers: containers.ContainersCollector | None
    liveness: liveness.Liveness
    fullness: fullness.Fullness
    operations: operations.AgentOperations
    server: control.Server
    portal: portal.Portal
    probes: port.ProbePort
    knowledge: knowledge.Knowledge
    reader: reading.Reader
    threads: concurrent.futures.ThreadPoolExecutor
    looker: concurrent.futures.ThreadPoolExecutor
    supervised: dict[str, supervise.Part]
    manager: service.Service
    reloader: service.Reloader


class Ending:
    """Why an agent ends, told from any thread. The first word stands, but for `fenced`, which overrules all."""

    def __init__(self) -> None:
        self.why = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on `wait` can be woken."""
        self._loop = loop
        if self.why:
            self._event.set()

    def stop(self, why: str = STOPPED) -> None:
        """Ends the agent in order."""
        self.why = self.why or why
        self._notify()

    def fenced(self, reason: str) -> None:
        """Ends it at once: another agent serves this home."""
        log.error("replaced_by_another_agent", error=reason)
        self.why = FENCED
        self._notify()

    async def wait(self) -> None:
        """Until somebody has said so."""
        await self._event.wait()

    def _notify(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._event.set)


class Unlocker:
    """Kills a predecessor that sleeps in the middle of a transaction: it would hold the store's write lock for ever. Called by the sink."""

    def __init__(self, predecessor: dict[str, Any]) -> None:
        self._predecessor: dict[str, Any] | None = predecessor or None

    def __call__(self, error: str, since_s: float) -> None:
        """The sink could not be used for `error` since so many seconds after its start."""
        if self._predecessor is None or since_s < _LOCKED_S or "locked" not in error:
            return
        predecessor, self._predecessor = self._predecessor, None
        if agent_lock.kill_frozen(predecessor):
            log.warning("frozen_agent_killed", pid=predecessor.get("pid"), error="it held the store's write lock and did not answer")


class Agent:
    """One agent of one home, from its start to its end."""

    def __init__(self, parts: Parts, ending: Ending, *, idle_exit: bool) -> None:
        self._parts, self._ending, self._idle_exit = parts, ending, idle_exit
        self._settings = parts.settings
        self._signals = 0

    async def run(self) -> str:
        """Until it is stopped, idle or replaced: which of them it was."""
        self._loop = asyncio.get_running_loop()
        self._ending.bind(self._loop)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._on_signal, number)
        self._loop.add_signal_handler(signal.SIGHUP, self._reload)
        try:
            await self._parts.server.start()
            await self._parts.portal.start()
            await self._parts.probes.start()
            self._write_info()
            for one in self._parts.shippers:
                one.start()
            self._parts.manager.ready()
            log.info("agent_started", pid=os.getpid(), version=self._parts.version, home=os.fspath(self._parts.layout.home))
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work, name=name) for name, work in self._work()]
                await self._ending.wait()
                for task in tasks:
                    task.cancel()
            if self._ending.why != FENCED:
                await self._drain()
        finally:
            await self._close()
        log.info("agent_ended", why=self._ending.why)
        return self._ending.why

    def _work(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs all the time, each under supervision."""
        parts = self._parts.supervised
        found: list[tuple[str, Coroutine[Any, Any, None]]] = [
            ("liveness", supervise.supervise(parts["liveness"], self._look_for_dead_runs)),
            ("spool", supervise.supervise(parts["spool"], self._measure_spool)),
            ("purge", supervise.supervise(parts["purge"], self._purge_deleted_runs)),
            ("guard", self._guard()),
            ("service", self._parts.manager.run()),
        ]
        if self._parts.outputs is not None:
            found.append(("outputs", supervise.supervise(parts["outputs"], self._parts.outputs.run)))
        if self._parts.containers is not None:
            found.append(("containers", supervise.supervise(parts["containers"], self._parts.containers.run)))
        return found

    async def _look_for_dead_runs(self) -> None:
        while True:
            seen = await self._loop.run_in_executor(self._parts.looker, self._parts.liveness.look)
            rest = 0.0 if seen.undecided else min(_LOOK_AT_LEAST_S, _SHARE * seen.took_s)
            await asyncio.sleep(max(self._settings.agent.liveness_interval_s, rest))

    async def _measure_spool(self) -> None:
        def look() -> float:
            """Its own work, not what it waited for: a busy machine is no reason to look less often."""
            began = time.thread_time()
            self._parts.fullness.look()
            return time.thread_time() - began

        while True:
            pause = self._settings.spool.check_interval_s
            took = await self._loop.run_in_executor(self._parts.looker, look)
            await asyncio.sleep(max(pause, min(_MEASURE_STRETCH * pause, _SHARE * took), _MEASURE_SHARE * took))

    async def _purge_deleted_runs(self) -> None:
        """For good, once they have been deleted for so long."""
        kept_s = self._parts.settings.store.keep_deleted_s
        while True:
            with contextlib.suppress(errors.Unavailable):  # then the next time: nothing waits for it
                purged = await self._loop.run_in_executor(self._parts.threads, self._parts.operations.purge_older, kept_s)
                if purged:
                    log.info("deleted_runs_purged", runs=purged)
            await asyncio.sleep(_PURGE_S)

    async def _guard(self) -> None:
        """Is the home still ours? Is there anything to do?"""
        while True:
            pause = min(GUARD_S, max(0.1, self._settings.agent.idle_exit_s / 2))
            await asyncio.sleep(pause)
            if not self._parts.lock.is_mine():
                self._ending.fenced("agent.lock is another agent's now, or is gone")
            elif self._idle_exit and self._is_idle():
                self._ending.stop(IDLE)

    def _is_idle(self) -> bool:
        """Nothing pending, no run alive, and no request for a while."""
        if self._is_busy():
            self._parts.operations.touched()
        return time.monotonic() - self._parts.operations.last_used >= self._settings.agent.idle_exit_s

    def _is_busy(self) -> bool:
        """The cheapest question first: it is asked every second."""
        seen = self._parts.liveness.statistics
        if seen.alive or seen.undecided or self._parts.operations.waiting:
            return True
        if self._parts.outputs is not None and self._parts.outputs.statistics().pending:
            return True
        if self._parts.containers is not None and self._parts.containers.statistics().running:
            return True
        return any(one.is_busy() for one in self._parts.shippers)

    def _reload(self) -> None:
        """SIGHUP."""
        self._parts.manager.reloading()
        self._settings = self._parts.reloader.reload()
        self._parts.manager.ready()

    def _on_signal(self, number: int) -> None:
        self._signals += 1
        if self._signals > 1:
            log.warning("stopped_at_once", signal=number)
            self._remove_info()
            os._exit(AT_ONCE)  # everything on disk may be left at any moment; that is what the spool is for
        log.info("stopping", signal=number)
        self._ending.stop()

    async def _drain(self) -> None:
        """In order, up to the deadline; what is left then stays in the spool."""
        given = self._settings.agent.shutdown_deadline_s
        deadline = time.monotonic() + given
        self._parts.manager.stopping(given)
        for collector in self._collectors():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.1, deadline - time.monotonic())):
                    await collector.drain()
                    if collector is self._parts.outputs:
                        await self._settle(self._parts.outputs)
            collector.close()
        left = max(0.0, deadline - time.monotonic())
        await asyncio.gather(*(self._flush(one, left) for one in self._parts.shippers))

    async def _flush(self, ship: shipper.Shipper, left: float) -> None:
        try:
            late = await asyncio.wrap_future(ship.flush(None, None, left))
        except errors.Unavailable as exc:
            log.warning("not_flushed", sink=ship.name, error=str(exc))
        else:
            if late:
                left_bytes = int(sum(one.pending_bytes for one in late))
                reason = "not delivered in time; kept for the next start"
                log.warning("left_in_the_spool", sink=ship.name, streams=len(late), bytes=left_bytes, error=reason)
                self._parts.manager.ended(left_bytes)

    async def _settle(self, collector: outputs.OutputsCollector) -> None:
        """
        Whether another user's file is still being written cannot be asked: that it is not shows by its holding still for the settling time,
        which is waited for once.
        """
        if collector.statistics().pending:
            await asyncio.sleep(self._settings.outputs.settle_s + _SETTLED_S)
            await collector.drain()

    async def _close(self) -> None:
        """What was opened is closed, in the other order; what is a successor's is left alone."""
        for one in self._parts.shippers:
            one.stop()
        for one in self._parts.shippers:
            if not await asyncio.to_thread(one.wait_stopped, _CLOSE_S):
                log.warning("sink_did_not_stop", sink=one.name, error=f"not within {_CLOSE_S:g} s")
        for collector in self._collectors() if self._ending.why == FENCED else ():
            collector.close()
        await self._parts.portal.close()
        await self._parts.probes.close()
        await self._parts.server.close()
        self._remove_info()
        for executor in (self._parts.looker, self._parts.threads):
            executor.shutdown(wait=False, cancel_futures=True)
        self._parts.knowledge.close()
        self._parts.reader.close()

    def _collectors(self) -> list[containers.ContainersCollector | outputs.OutputsCollector]:
        """Those that are drained before the sinks: containers first, whose end lets their outputs be taken as whole."""
        every: tuple[containers.ContainersCollector | outputs.OutputsCollector | None, ...] = (self._parts.containers, self._parts.outputs)
        return [one for one in every if one is not None]

    def _write_info(self) -> None:
        """agent.json: where the socket is, and who serves it."""
        data = agent_lock.card(os.fspath(self._parts.server.path), self._parts.started, self._parts.version)
        try:
            layout.write_atomically(self._parts.layout.info, data)
        except OSError:
            self._parts.layout.ballast.unlink(missing_ok=True)  # a full disk: the store makes it again when there is room
            layout.write_atomically(self._parts.layout.info, data)

    def _remove_info(self) -> None:
        if self._parts.lock.is_mine() and agent_lock.holder(self._parts.layout.info).get("pid") == os.getpid():
            with contextlib.suppress(OSError):
                self._parts.layout.info.unlink()
