"""
The outputs collector: follows the output roots of runs live; every file there becomes an artifact, every change a version.

One thread (`outputs-sweep`) looks and decides, two lanes copy. It depends on nothing of a store: what it knows is in its own streams.
Order for each file: blob durable, then the `art` line, which is shipped like any other.
"""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
# ruff: noqa: PTH100
from __future__ import annotations

import asyncio
import os
import threading
from concurrent import futures
from typing import TYPE_CHECKING

import msgspec

from outrider_agent import errors, protocols
from outrider_agent.collect import capture, following, lanes, ledger, outcomes, rooted, roots, watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

OutputRoots = roots.OutputRoots
Settings = rooted.Settings

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

    captured = unchanged = bytes = retried = 0


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
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._count = _Count()
        self._hints = watching.Hints(self._wake.set) if self._settings.watch else None
        self._following = following.Following(self._home, clock, self._settings, self._hints, known)
        self._broken: BaseException | None = None
        self._lanes: lanes.Lanes[rooted.Job] = lanes.Lanes(self._capture, self._break)

    async def run(self) -> None:
        """Collects until canceled. What is being copied then is dropped, and copied anew by `drain` or the next agent."""
        self._stopping.clear()
        self._broken = None
        thread = futures.ThreadPoolExecutor(1, thread_name_prefix="outputs-sweep")
        looking = asyncio.get_running_loop().run_in_executor(thread, self._loop)
        try:
            await asyncio.shield(looking)
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

    def settles_in(self, run: str | None = None) -> float:
        """
        Seconds until what a drain has left of runs that have ended can be taken: another user's files, of which only their holding
        still says that nobody writes them. 0.0: nothing.
        """
        with self._lock:
            return self._following.settles_in(run, self._clock.monotonic())

    def is_done(self, run: str) -> bool:
        """Has this run ended and is all of it captured? Only then may the last of its streams be deleted."""
        with self._lock:
            return run in self._following.done

    def statistics(self) -> Statistics:
        """A snapshot."""
        with self._lock:
            runs = self._following.runs.values()
            every = [root for run in runs for root in run.roots.values()]
            hints = self._hints
            return Statistics(
                runs=len(runs),
                roots=len(every),
                files=sum(len(run.book.captured) for run in runs),
                pending=sum(len(root.pending) + len(root.in_flight) for root in every),
                captured=self._count.captured,
                unchanged=self._count.unchanged,
                bytes=self._count.bytes,
                skipped=self._following.skipped + sum(run.skipped for run in runs),
                retried=self._count.retried,
                watch=hints.mode if hints is not None else "sweep",
                watch_overflows=hints.overflows if hints is not None else 0,
                watch_refused=hints.refused if hints is not None else 0,
                watch_restarts=hints.restarts if hints is not None else 0,
            )

    def close(self) -> None:
        """Lets go of the streams of the runs that still live. Idempotent; after `run` was canceled and `drain` is through."""
        with self._lock:
            self._following.close()

    def tick(self) -> float:
        """Looks where it is time to, hands work to the lanes: how many seconds until there is something to do again."""
        with self._lock:
            if self._broken is not None:
                raise self._broken
            now = self._clock.monotonic()
            self._following.refresh(self._runs(), now)
            closed, stirred = self._hinted(now)
            runs = self._following.runs.values()
            for run in runs:
                for root in stirred:
                    run.stir(root)
                if now >= run.due or (closed and not closed.keys().isdisjoint(run.roots)):
                    for job in run.jobs(now, closed):
                        self._lanes.put(job, job.found.stat.size)
            self._following.finish()
            due = min((run.due for run in runs), default=now + _LONGEST_WAIT_S)
            return min(_LONGEST_WAIT_S, max(0.0, due - now))

    def _hinted(self, now: float) -> tuple[dict[str, set[str]], set[str]]:
        """What was hinted: files that were closed, and roots to look at; what was renamed goes to its runs."""
        if self._hints is None:
            return {}, set()
        hinted = self._hints.take()
        for root, seen in hinted.renamed.items():
            try:
                for run in self._following.runs.values():
                    if root in run.roots:
                        run.renamed(root, seen, now)
            finally:
                for one in seen:
                    if one.early is not None:
                        one.early.close()
        return hinted.closed, hinted.stirred

    def _loop(self) -> None:
        while not self._stopping.is_set():
            if self._wake.wait(max(_LEAST_WAIT_S, self.tick())):
                self._stopping.wait(_LEAST_WAIT_S)  # many hints make one look
                self._wake.clear()

    def _stop(self, thread: futures.Executor) -> None:
        thread.shutdown()
        self._lanes.stop()
        if self._hints is not None:
            self._hints.stop()

    def _break(self, error: BaseException) -> None:
        self._broken = error
        self._wake.set()

    def _drain(self, only: str | None, is_stopping: Callable[[], bool]) -> None:
        hurry = getattr(self._runs, "hurry", None)
        with self._lock:
            if hurry is not None:
                hurry()
            now = self._clock.monotonic()
            self._following.refresh(self._runs(), now)
            chosen = [run for name, run in self._following.runs.items() if only in (None, name)]
            work = [job for run in chosen for job in run.jobs(now, {}, everything=True)]
        while work:
            for job in work:
                if is_stopping():
                    self._put_back(job, 0.0)
                else:
                    self._capture(job, is_stopping)
            with self._lock:
                again = any(job.early is not None for job in work) and not is_stopping()
                work = [job for run in chosen for job in run.jobs(self._clock.monotonic(), {}, everything=True)] if again else []
        with self._changed:
            while not is_stopping() and any(root.in_flight for run in chosen for root in run.roots.values()):
                self._changed.wait(0.2)  # the lanes are at it
            self._following.finish()

    def _capture(self, job: rooted.Job, is_stopping: Callable[[], bool] | None = None) -> None:
        """One file, in a lane's thread or a drain's. Every outcome leaves it captured or pending."""
        stops = is_stopping or self._stopping.is_set
        wish = capture.Wish(job.found, job.folder, job.quiet, job.force, job.early)
        try:
            sha, size = capture.capture(wish, self._blobs, stops)
        except capture.Stopped:
            return self._put_back(job, 0.0)
        except errors.Unavailable:
            return self._put_back(job, _STORE_WAIT_S)
        except (capture.Changed, capture.Busy):
            self._settle(outcomes.busy, job)
        except capture.Unsettled:
            self._settle(outcomes.unsettled, job)
        except OSError:
            self._settle(outcomes.unreadable, job)
        else:
            self._captured(job, sha, size)
        if job.early is not None:
            self._wake.set()  # the next one of its path has its turn
        return None

    def _captured(self, job: rooted.Job, sha: str, size: int) -> None:
        with self._changed:
            before = job.run.book.captured.get(job.path)
            if not outcomes.captured(job, sha, size, self._clock.monotonic()):
                self._count.retried += 1
            elif before is not None and before.sha == sha:
                self._count.unchanged += 1
            else:
                self._count.captured += 1
                self._count.bytes += size
            self._changed.notify_all()

    def _settle(self, how: Callable[[rooted.Job, float], None], job: rooted.Job) -> None:
        with self._changed:
            self._count.retried += 1
            if job.early is not None:
                outcomes.lost(job)
            else:
                how(job, self._clock.monotonic())
            self._changed.notify_all()

    def _put_back(self, job: rooted.Job, wait_s: float) -> None:
        with self._changed:
            outcomes.put_back(job, self._clock.monotonic(), wait_s)
            self._changed.notify_all()
