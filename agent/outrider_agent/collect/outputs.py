"""
The outputs collector: follows the output roots of runs live; every file there becomes an artifact, every change a version.

One thread (`outputs-sweep`) looks and decides, two lanes copy. It depends on nothing of a store: what it knows is in its own streams.
Order for each file: blob durable, then the `art` line, which is shipped like any other.
"""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
# ruff: noqa: PTH100
from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from typing import TYPE_CHECKING

import msgspec

from outrider_agent import errors, protocols
from outrider_agent.collect import capture, followed, lanes, ledger, roots, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OutputRoots = roots.OutputRoots
Settings = followed.Settings

_LEAST_WAIT_S = 0.05
_LONGEST_WAIT_S = 1.0
_STORE_WAIT_S = 5.0


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the collector has done since it began, and what is before it."""

    runs: int
    roots: int
    files: int
    pending: int
    captured: int
    unchanged: int
    bytes: int
    skipped: int
    retried: int
    watch: str
    watch_overflows: int
    watch_refused: int
    watch_restarts: int


class _Count:
    """Counters that only the holder of the lock changes."""

    captured = unchanged = bytes = retried = skipped = 0


class OutputsCollector:
    """A `protocols.Collector`. `runs` says which runs have which roots; `known(run)` what a store has of a run whose streams are gone."""

    name = "outputs"

    def __init__(
        self,
        home: str | os.PathLike[str],
        blobs: protocols.Blobs,
        runs: Callable[[], Iterable[OutputRoots]],
        clock: protocols.Clock,
        settings: Settings | None = None,
        *,
        known: Callable[[str], Mapping[str, ledger.Kept]] | None = None,
    ) -> None:
        self._home = os.path.abspath(home)
        self._blobs, self._runs, self._clock = blobs, runs, clock
        self._settings = settings or Settings()
        self._known = known or (lambda _run: {})
        self._began = clock.time_ns()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._followed: dict[str, followed.Followed] = {}
        self._done: set[str] = set()
        self._count = _Count()
        self._hints = watching.Hints(self._wake.set) if self._settings.watch else None
        self._broken: BaseException | None = None
        self._lanes: lanes.Lanes[followed.Job] = lanes.Lanes(self._capture, self._break)

    async def run(self) -> None:
        """Collects until canceled. What is being copied then is dropped, and copied anew by `drain` or the next agent."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        self._stopping.clear()
        self._broken = None

        def report(error: BaseException | None) -> None:
            if not ended.done():
                ended.set_exception(error) if error is not None else ended.set_result(None)

        thread = threading.Thread(
            target=self._loop, args=(lambda e: loop.call_soon_threadsafe(report, e),), name="outputs-sweep", daemon=True
        )
        thread.start()
        try:
            await ended
        finally:
            self._stopping.set()
            self._wake.set()
            await asyncio.shield(asyncio.to_thread(self._stop, thread))

    async def drain(self, run: str | None = None) -> None:
        """Captures everything that is there now and that nobody has open for writing, once; of one run, or of all."""
        stop = threading.Event()
        try:
            await asyncio.to_thread(self._drain, run, stop.is_set)
        finally:
            stop.set()

    def is_done(self, run: str) -> bool:
        """Has this run ended and is all of it captured? Only then may the last of its streams be deleted."""
        with self._lock:
            return run in self._done

    def statistics(self) -> Statistics:
        """A snapshot."""
        with self._lock:
            every = [root for run in self._followed.values() for root in run.roots.values()]
            hints = self._hints
            return Statistics(
                runs=len(self._followed),
                roots=len(every),
                files=sum(len(run.book.captured) for run in self._followed.values()),
                pending=sum(len(root.pending) + len(root.in_flight) for root in every),
                captured=self._count.captured,
                unchanged=self._count.unchanged,
                bytes=self._count.bytes,
                skipped=self._count.skipped + sum(run.skipped for run in self._followed.values()),
                retried=self._count.retried,
                watch=hints.mode if hints is not None else "sweep",
                watch_overflows=hints.overflows if hints is not None else 0,
                watch_refused=hints.refused if hints is not None else 0,
                watch_restarts=hints.restarts if hints is not None else 0,
            )

    def close(self) -> None:
        """Lets go of the streams of the runs that still live. Idempotent; after `run` was canceled and `drain` is through."""
        with self._lock:
            for run in self._followed.values():
                run.book.close()
            self._followed.clear()

    def tick(self) -> float:
        """Looks where it is time to, hands work to the lanes: how many seconds until there is something to do again."""
        with self._lock:
            if self._broken is not None:
                raise self._broken
            now = self._clock.monotonic()
            self._refresh(now)
            closed, stirred = self._hints.take() if self._hints is not None else ({}, set())
            for run in self._followed.values():
                for root in stirred:
                    run.stir(root)
                for job in run.jobs(now, closed):
                    self._lanes.put(job, job.found.stat.size)
            self._finish()
            due = min((run.next_due(now) for run in self._followed.values()), default=now + _LONGEST_WAIT_S)
            return min(_LONGEST_WAIT_S, max(0.0, due - now))

    def _loop(self, report: Callable[[BaseException | None], None]) -> None:
        try:
            while not self._stopping.is_set():
                wait = self.tick()
                if self._wake.wait(wait):
                    self._wake.clear()
                self._stopping.wait(_LEAST_WAIT_S)  # many hints make one look
        except BaseException as error:  # noqa: BLE001
            failure: BaseException | None = error
        else:
            failure = None
        with contextlib.suppress(RuntimeError):  # the event loop is closed already
            report(failure)

    def _stop(self, thread: threading.Thread) -> None:
        thread.join()
        self._lanes.stop()
        if self._hints is not None:
            self._hints.stop()

    def _break(self, error: BaseException) -> None:
        self._broken = error
        self._wake.set()

    def _refresh(self, now: float) -> None:
        """Takes up new runs, and lets go of those that were deleted."""
        named = set()
        for wanted in self._runs():
            named.add(wanted.run)
            if not wanted.ended:
                self._done.discard(wanted.run)
            if wanted.run in self._done:
                continue
            run = self._followed.get(wanted.run) or self._follow(wanted)
            if run is not None:
                run.want(wanted, now)
        for gone in self._followed.keys() - named:
            self._leave(gone)
        self._done &= named

    def _follow(self, wanted: OutputRoots) -> followed.Followed | None:
        book = ledger.Ledger(self._home, wanted.run, self._clock)
        book.learn(self._known(wanted.run))
        if wanted.ended and book.is_final:
            book.close()
            self._done.add(wanted.run)
            return None
        run = followed.Followed(wanted, book, self._hints, home=self._home, settings=self._settings, began=self._began)
        self._followed[wanted.run] = run
        return run

    def _finish(self) -> None:
        """Runs that ended and are captured whole are left, and not looked at again."""
        for name in [name for name, run in self._followed.items() if run.is_done]:
            self._followed[name].book.finish()
            self._leave(name)
            self._done.add(name)

    def _leave(self, name: str) -> None:
        run = self._followed.pop(name)
        run.book.close()
        self._count.skipped += run.skipped
        used = {root for other in self._followed.values() for root in other.roots}
        for root in run.roots.keys() - used:
            if self._hints is not None:
                self._hints.forget(root)

    def _drain(self, only: str | None, is_stopping: Callable[[], bool]) -> None:
        hurry = getattr(self._runs, "hurry", None)
        with self._lock:
            if hurry is not None:
                hurry()
            now = self._clock.monotonic()
            self._refresh(now)
            chosen = [run for name, run in self._followed.items() if only in (None, name)]
            work = [job for run in chosen for job in run.jobs(now, {}, everything=True)]
        for job in work:
            if is_stopping():
                self._put_back(job, 0.0)
            else:
                self._capture(job, is_stopping)
        with self._changed:
            while not is_stopping() and any(root.in_flight for run in chosen for root in run.roots.values()):
                self._changed.wait(0.2)  # the lanes are at it
            self._finish()

    def _capture(self, job: followed.Job, is_stopping: Callable[[], bool] | None = None) -> None:
        """One file, in a lane's thread or a drain's. Every outcome leaves it captured or pending."""
        stops = is_stopping or self._stopping.is_set
        wish = capture.Wish(job.found, job.folder, job.quiet, job.force)
        try:
            sha, size = capture.capture(wish, self._blobs, stops)
        except (capture.Changed, capture.Busy):
            self._settle(job.run.busy, job)
        except capture.Stopped:
            self._put_back(job, 0.0)
        except errors.Unavailable:
            self._put_back(job, _STORE_WAIT_S)
        except OSError:
            self._settle(job.run.unreadable, job)
        else:
            self._captured(job, sha, size)

    def _captured(self, job: followed.Job, sha: str, size: int) -> None:
        with self._changed:
            before = job.run.book.captured.get(job.path)
            if not job.run.captured(job, sha, size, self._clock.monotonic()):
                self._count.retried += 1
            elif before is not None and before.sha == sha:
                self._count.unchanged += 1
            else:
                self._count.captured += 1
                self._count.bytes += size
            self._changed.notify_all()

    def _settle(self, how: Callable[[followed.Job, float], None], job: followed.Job) -> None:
        with self._changed:
            self._count.retried += 1
            how(job, self._clock.monotonic())
            self._changed.notify_all()

    def _put_back(self, job: followed.Job, wait_s: float) -> None:
        with self._changed:
            job.run.put_back(job, self._clock.monotonic(), wait_s)
            self._changed.notify_all()
