"""
Dead runs: a run whose owner ended without a word gets its `end` from here, as one more line in the spool.

A run is dead when the owner stream of its newest attempt has no `end` and none of its streams is locked, seen twice at least a second
apart; at once, when the machine was started anew since. What cannot be told (another machine; a mount that does not show foreign locks)
is left as it is, and said. Pids are never asked. The agent's own streams (outputs, agent) do not keep a run alive.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import structlog

from outrider import record, spool
from outrider_agent import errors
from outrider_agent.collect import memory, refusals, streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from outrider_agent import protocols

CERTAIN_AFTER_S = 1.0
_REFRESH_S = 5.0
_TRY_AGAIN_S = 30.0
_RACY_NS = 100_000_000

log = structlog.get_logger(part="liveness")


class Known(Protocol):
    """What the store knows of runs. Both raise `Unavailable` when it cannot be asked."""

    def has_ended(self, run: str, attempt: int) -> bool:
        """Has the store the end of that attempt of the run?"""
        ...

    def open_runs(self) -> Mapping[str, Sequence[streams.Head]]:
        """The runs that have no end yet, each with the owner streams of its newest attempt."""
        ...


class Run:
    """What is remembered of one run between two looks."""

    def __init__(self) -> None:
        self.heads: dict[str, streams.Head] = {}
        self.writers: list[str] = []
        self.settled: set[str] = set()
        self.last_alive: str | None = None
        self.dead_since: float | None = None
        self.was_alive = False
        self.ended = False
        self.attempt = 1
        self.next_try = 0.0
        self.refreshed = -_REFRESH_S
        self.changed = -1


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the last look found."""

    runs: int = 0
    alive: int = 0
    undecided: int = 0
    took_s: float = 0.0
    unknown: tuple[str, ...] = ()


class Liveness:
    """Looks at every run of a spool. One thread calls it."""

    name = "liveness"

    def __init__(self, home: str, known: Known, clock: protocols.Clock) -> None:
        self._home = home
        self._spool = os.path.join(home, "spool")  # noqa: PTH118
        self._known = known
        self._clock = clock
        self._runs: dict[str, Run] = {}
        self._open: Mapping[str, Sequence[streams.Head]] = {}
        self._tested: tuple[float, bool] | None = None
        self._present = streams.Folders(self._spool)
        self._listed: tuple[object, object] = (None, None)
        self._names: list[str] = []
        self._slow_look = -_REFRESH_S
        self.statistics = Statistics()

    def look(self) -> Statistics:
        """One look at everything. Raises OSError when the spool cannot be read."""
        now, began = self._clock.monotonic(), time.thread_time()
        if now - self._slow_look >= _REFRESH_S:
            self._slow_look = now
            with contextlib.suppress(errors.Unavailable):
                self._open = self._known.open_runs()
        names = self._all_names()
        unknown: list[str] = []
        alive = sum(self._look_at(name, now, unknown) for name in names)
        undecided = sum(run.dead_since is not None and not run.ended for run in self._runs.values())
        took = time.thread_time() - began
        self.statistics = Statistics(runs=len(names), alive=alive, undecided=undecided, took_s=took, unknown=tuple(unknown))
        return self.statistics

    def _all_names(self) -> list[str]:
        """The runs of the spool and those that are open in the store; of others nothing is remembered."""
        present = self._present(self._clock.time_ns())
        if self._listed[0] is not present or self._listed[1] is not self._open:
            self._listed = present, self._open
            self._names = [*present, *(self._open.keys() - set(present))]
            for gone in self._runs.keys() - set(self._names):
                del self._runs[gone]
        return self._names

    def _sees_locks(self) -> bool:
        """The self-test, asked only where somebody seems to be dead: it writes a file."""
        now = self._clock.monotonic()
        if self._tested is None or now - self._tested[0] >= _REFRESH_S:
            self._tested = now, sees_foreign_locks(self._spool)
        return self._tested[1]

    def _look_at(self, name: str, now: float, unknown: list[str]) -> bool:
        """Looks at one run; True when it is alive."""
        run = self._runs.get(name)
        if run is None:
            run = self._runs[name] = Run()
        directory = f"{self._spool}/{name}"
        if run.last_alive is not None and now - run.refreshed < _REFRESH_S and spool.is_locked(f"{directory}/{run.last_alive}/lock"):
            return True  # the shortest way, which an idle agent goes all day
        self._refresh(run, directory, now)
        if self._is_alive(run, directory):
            run.dead_since = None
            return True
        if run.ended or now < run.next_try:
            return False
        owners = self._owners(name, run, directory)
        if not owners:
            return False
        verdict = self._verdict(owners)
        if verdict == "unknown":
            unknown.append(name)
            return False
        if run.dead_since is None:
            run.dead_since = now
        if verdict == "dead" or now - run.dead_since >= CERTAIN_AFTER_S:
            self._conclude(name, run, directory, owners, now)
        return False

    def _refresh(self, run: Run, directory: str, now: float) -> None:
        """Which streams there are; and, now and then, the refusals of those that died."""
        try:
            changed = os.stat(directory).st_mtime_ns  # noqa: PTH116
        except FileNotFoundError:
            run.writers = []
            return
        if changed == run.changed and now - run.refreshed < _REFRESH_S:
            return
        run.refreshed = now
        if changed != run.changed:
            # A folder that changed just now may change again within the same tick of the clock: it is listed once more.
            run.changed = changed if self._clock.time_ns() - changed > _RACY_NS else -1
            run.writers = [name for name in streams.folders(directory) if not name.startswith(streams.AGENTS_OWN)]
            if run.ended:
                self._look_for_attempt(run, directory)
        for writer in run.writers:
            if writer not in run.settled and writer != run.last_alive:
                self._settle(run, directory, writer)

    def _look_for_attempt(self, run: Run, directory: str) -> None:
        """Has a run that ended been resumed? Then it is judged anew."""
        heads = self._heads(run, directory)
        if len(heads) < len(run.writers):
            run.changed = -1  # a stream without a header yet: looked at again
        if any(head.attempt > run.attempt for head in heads):
            run.ended, run.dead_since = False, None

    def _heads(self, run: Run, directory: str) -> list[streams.Head]:
        return [head for writer in run.writers if (head := self._head(run, f"{directory}/{writer}", writer)) is not None]

    def _settle(self, run: Run, directory: str, writer: str) -> None:
        folder, now = f"{directory}/{writer}", self._clock.time_ns()
        if streams.look(folder, now / 1e9).alive or not self._sees_locks():
            return
        with contextlib.closing(_LazyWriter(self._home, directory)) as lazy:
            if refusals.settle(folder, lazy.append, now) and self._settle_end(run, directory, writer):
                run.settled.add(writer)

    def _settle_end(self, run: Run, directory: str, writer: str) -> bool:
        """The `end` in an owner's block: of the newest attempt it is `_conclude`'s to say, and of one before it this one's."""
        folder = os.path.join(directory, writer)  # noqa: PTH118
        head = self._head(run, folder, writer)
        if head is None or not head.own:
            return True
        newest = max(one.attempt for one in self._heads(run, directory))
        if head.attempt == newest:
            return (run.ended or refusals.unsaid_end(folder) is None) and refusals.settle_end(folder, None)
        with contextlib.closing(_LazyWriter(self._home, directory, owner=True, attempt=head.attempt)) as lazy:
            return refusals.settle_end(folder, lazy.append)

    def _is_alive(self, run: Run, directory: str) -> bool:
        """Is any of its streams? The one that was alive the last time is asked first: of a thousand streams mostly one is looked at."""
        now = self._clock.time_ns() / 1e9
        ordered = run.writers if run.last_alive is None else [run.last_alive, *run.writers]
        for writer in ordered:
            seen = streams.look(f"{directory}/{writer}", now)
            if seen.alive and (seen.has_lock or not self._is_over(run, directory, writer)):
                run.last_alive, run.was_alive = writer, seen.has_lock
                return True
        run.last_alive = None
        return False

    def _is_over(self, run: Run, directory: str, writer: str) -> bool:
        """For a foreign stream without a lock: does its run have an end, or was its machine started anew since?"""
        if run.ended:
            return True
        folder = os.path.join(directory, writer)  # noqa: PTH118
        head = self._head(run, folder, writer)
        if head is not None and _other_boot(head):
            return True
        run.ended = streams.has_end(folder)
        return run.ended

    def _head(self, run: Run, folder: str, writer: str) -> streams.Head | None:
        if writer not in run.heads:
            head = streams.head(folder)
            if head is None:
                return None
            run.heads[writer] = head
        return run.heads[writer]

    def _owners(self, name: str, run: Run, directory: str) -> list[streams.Head]:
        """The owner streams of the newest attempt."""
        found = {head.writer: head for head in self._heads(run, directory)}
        # A stream that every sink has passed may be deleted with its writer dead: then only the store remembers the owner.
        for head in self._open.get(name, ()):
            if not head.writer.startswith(streams.AGENTS_OWN):
                found.setdefault(head.writer, head)
        run.attempt = max((head.attempt for head in found.values()), default=1)
        return [head for head in found.values() if head.own and head.attempt == run.attempt]

    def _verdict(self, owners: Iterable[streams.Head]) -> str:
        """`dead` (machine started anew), `unlocked` (dead if seen again), or `unknown`."""
        if all(_other_boot(head) for head in owners):
            return "dead"
        judged = all(head.boot in (None, spool.boot_id()) or _other_boot(head) for head in owners)
        return "unlocked" if judged and self._sees_locks() else "unknown"

    def _conclude(self, name: str, run: Run, directory: str, owners: Sequence[streams.Head], now: float) -> None:
        """Writes the `end`, unless there is one: on disk, or (the order matters: committed segments vanish) in the store."""
        try:
            on_disk = any(_has_end(directory, writer, run.attempt) for writer in streams.folders(directory))
            run.ended = on_disk or self._known.has_ended(name, run.attempt)
        except errors.Unavailable:
            return
        if run.ended:
            return
        end = self._end(run, directory, owners)
        writer = spool.Writer(self._home, name, "agent", owner=True, attempt=run.attempt)
        try:
            run.ended = writer.append_vital(spool.line(end))
        finally:
            writer.close()
        if run.ended:
            log.info("run_ended_without_a_word", run=name, status=end["status"], reason=end["reason"])
        else:
            run.next_try = now + _TRY_AGAIN_S
            log.warning("end_refused", run=name, error="the spool took no more")

    def _end(self, run: Run, directory: str, owners: Sequence[streams.Head]) -> dict[str, Any]:
        said = next(filter(None, (refusals.unsaid_end(os.path.join(directory, head.writer)) for head in owners)), None)  # noqa: PTH118
        if said is not None:
            return said
        end: dict[str, Any] = {"k": record.END, "t": _time_of_death(run, directory, self._clock.time_ns())}
        asked = _cancel(os.path.join(directory, "cancel"))  # noqa: PTH118
        if asked is not None:
            end |= {"status": record.CANCELED, "reason": "canceled"}
            if isinstance(asked.get("by"), str):
                end["by"] = asked["by"]
            return end
        if killed := memory.killed(directory, [head.writer for head in owners]):
            return end | {"status": record.FAILED, "reason": "oom-killed", "oom": killed}
        lost = any(head.is_keeper for head in owners)
        return end | {"status": record.FAILED, "reason": "keeper-lost" if lost else "vanished"}


def _has_end(directory: str, writer: str, attempt: int) -> bool:
    """Has it the `end` of its owner for that attempt?"""
    folder = os.path.join(directory, writer)  # noqa: PTH118
    head = streams.head(folder)
    return head is not None and head.own and head.attempt == attempt and streams.has_end(folder)


def _time_of_death(run: Run, directory: str, now: int) -> int:
    """Now, for a run that was seen alive; else its last sign of life, for it may have died long ago."""
    if run.was_alive:
        return now
    last = max((streams.last_append(os.path.join(directory, writer)) for writer in run.writers), default=0.0)  # noqa: PTH118
    return min(now, int(last * 1e9)) if last else now


class _LazyWriter:
    """A stream of the agent in a run's folder that is made only when there is something to say."""

    def __init__(self, home: str, directory: str, *, owner: bool = False, attempt: int = 1) -> None:
        self._home, self._run = home, os.path.basename(directory)  # noqa: PTH119
        self._owner, self._attempt = owner, attempt
        self._writer: spool.Writer | None = None

    def append(self, line: bytes) -> bool:
        if self._writer is None:
            self._writer = spool.Writer(self._home, self._run, "agent", owner=self._owner, attempt=self._attempt)
        return self._writer.append_vital(line)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _other_boot(head: streams.Head) -> bool:
    """Was it written on this machine before it was last started?"""
    return head.boot is not None and head.boot != spool.boot_id() and head.host == spool.hostname()


def _cancel(path: str) -> dict[str, Any] | None:
    try:
        with open(spool.open_regular(path), "rb") as file:  # noqa: PTH123
            content = json.loads(file.read() or b"{}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def is_anybody_alive(spool_directory: str, now: float) -> bool:
    """Does any run of the spool have a living stream? For an agent that is about to leave; `now`: wall clock in seconds."""
    for run in streams.folders(spool_directory):
        directory = os.path.join(spool_directory, run)  # noqa: PTH118
        for writer in streams.folders(directory):
            seen = streams.look(os.path.join(directory, writer), now)  # noqa: PTH118
            if seen.alive and seen.has_lock and not writer.startswith(streams.AGENTS_OWN):
                return True
    return False


def sees_foreign_locks(folder: str) -> bool:
    """Self-test: does this mount show a lock that another descriptor holds? Where it does not, nobody is ever declared dead."""
    path = os.path.join(folder, f".locktest-{os.getpid()}.tmp")  # noqa: PTH118
    try:
        descriptor = spool.lock_file(path)
    except OSError:
        return False
    if descriptor is None:
        return False
    try:
        return spool.is_locked(path)
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)  # noqa: PTH108
        os.close(descriptor)
