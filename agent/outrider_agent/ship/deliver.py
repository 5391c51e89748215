"""
Delivers the spool to one sink: reads a batch, lets the sink commit it, moves on. One object a sink, driven by one thread.

`step` does what can be done now and says when to come again. What to do about an error is decided by its type: `Unavailable` backs off and
tries for ever, `Rejected` is narrowed down to the line that is at fault, which is set aside; `Fenced` and bugs are the caller's to see.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from outrider_agent import crashpoints, errors, model
from outrider_agent.core import backoff as backoff_rules
from outrider_agent.core import batches
from outrider_agent.ship import jumps as jumping
from outrider_agent.ship import reader as spool_reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from outrider_agent import protocols

State = Literal["ok", "backing-off", "stuck", "fenced"]
#: Nothing moved: yet a writer may have died, or a lock have been held for too long.
LOOK_AGAIN_S = 1.0
#: The same where nothing at all is pending: only a scan can find something then.
LOOK_AGAIN_DRAINED_S = 10.0
#: The sink is told that it may tidy up after so long with nothing to do.
IDLE_S = 2.0


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """How a sink is doing. `last_commit_age_s` is None before the first commit; `error` is the last one, None once a commit succeeded."""

    name: str
    state: State
    error: str | None
    records: int
    set_aside: int
    commits: int
    records_per_transaction: float
    pending_bytes: int
    last_commit_age_s: float | None


class Deliver:
    """
    One sink's loop. Call `step` again after the seconds that it returns, or sooner where something moved.

    To be read: `error`, the last one, None once a commit succeeded; `commits`, how many; `last_commit`, when, by the clock.
    """

    def __init__(
        self,
        sink: protocols.Sink,
        reader: spool_reader.SpoolReader,
        clock: protocols.Clock,
        *,
        batch_records: int = spool_reader.BATCH_RECORDS,
        batch_bytes: int = spool_reader.BATCH_BYTES,
        flush_interval_s: float = 0.25,
        poll_interval_s: float = 0.2,
        stuck_after_s: float = 30.0,
        backoff: backoff_rules.Backoff | None = None,
        jumps: jumping.Jumps | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.sink, self.reader = sink, reader
        self._clock = clock
        self._batch_records, self._batch_bytes = batch_records, batch_bytes
        self._flush_interval_s, self._poll_interval_s, self._stuck_after_s = flush_interval_s, poll_interval_s, stuck_after_s
        self._backoff, self._chance = backoff or backoff_rules.Backoff(), chance
        self._jumps = jumps
        self._positions: dict[model.StreamId, model.Position] = {}
        self._owner = False
        self._fenced = False
        self.error: str | None = None
        self._delays: Iterator[float] | None = None
        self._not_before = 0.0
        self._records = self._set_aside = self.commits = 0
        self.last_commit: float | None = None
        self._last_progress = clock.monotonic()
        self._idle_since: float | None = None
        self._is_drained, self._look_again = False, 0.0

    def step(self, *, urgent: bool = False, sweep: bool = False) -> float:
        """
        One look at the spool and at most one batch. Returns the seconds until the next step is due, 0 where there is more.

        `urgent`: does not wait for company in the transaction. `sweep`: looks into every folder. Raises `Fenced`: stop this sink; what
        else it raises is a bug.
        """
        now = self._clock.monotonic()
        if now < self._not_before:
            return self._not_before - now
        try:
            return self._step(now, urgent=urgent, sweep=sweep)
        except errors.Unavailable as exc:
            return self._failed(exc)
        except errors.Fenced as exc:
            self._fenced, self.error = True, str(exc)
            raise

    def positions(self) -> Mapping[model.StreamId, model.Position]:
        """The committed positions, of the streams that are there. A copy."""
        return dict(self._positions)

    def lag(self) -> list[model.StreamLag]:
        """How far the sink is behind each stream."""
        return self.reader.lag(self.positions())

    def statistics(self) -> Statistics:
        """A snapshot."""
        now = self._clock.monotonic()
        positions = self.positions()
        behind = pending(self.reader, {name: positions.get(name, model.START) for name in self.reader.streams()})
        return Statistics(
            name=self.sink.name,
            state=self._state(now, behind),
            error=self.error or getattr(self.sink, "trouble", None),
            records=self._records,
            set_aside=self._set_aside,
            commits=self.commits,
            records_per_transaction=self._records / self.commits if self.commits else 0.0,
            pending_bytes=behind,
            last_commit_age_s=None if self.last_commit is None else now - self.last_commit,
        )

    def goal(self, run: str | None = None, upto: Mapping[str, Sequence[int]] | None = None) -> dict[model.StreamId, model.Position]:
        """
        What a flush must reach: the ends of the complete lines that are in the spool now, of one run or of all.

        `upto` (writer -> [segment, offset]; needs `run`) takes these places instead. On the thread that calls `step`.
        """
        if run is not None and upto is not None:
            return {model.StreamId(run, writer): model.Position(int(place[0]), int(place[1])) for writer, place in upto.items()}
        self.reader.scan(sweep=True)
        found: dict[model.StreamId, model.Position] = {}
        for name in self.reader.streams():
            stream = self.reader.stream(name)
            if stream is not None and (run is None or name.run == run):
                found[name] = stream.end()
        return found

    def behind(self, goal: Mapping[model.StreamId, model.Position]) -> list[model.StreamLag]:
        """Those of a goal's streams that are not committed so far. Raises `Unavailable`. On the thread that calls `step`."""
        strange = [name for name in goal if name not in self._positions]
        known = {**self._positions, **(self.sink.positions(strange) if strange else {})}
        late: list[model.StreamLag] = []
        for name, end in goal.items():
            if known[name] < end:
                stream = self.reader.stream(name)
                pending, alive = (stream.pending(known[name]), stream.is_alive()) if stream else (0, False)
                late.append(model.StreamLag(stream=name, position=known[name], pending_bytes=pending, alive=alive))
        return late

    def flush(
        self,
        run: str | None = None,
        upto: Mapping[str, Sequence[int]] | None = None,
        timeout_s: float = 5.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> list[model.StreamLag]:
        """
        Delivers until what is in the spool now (or `upto`) is committed; returns what is not after `timeout_s`: empty is success.

        On the thread that calls `step`. Raises as `step`, and `Unavailable` when the sink cannot even be asked.
        """
        deadline = self._clock.monotonic() + timeout_s
        goal = self.goal(run, upto)
        sweep = True
        while True:
            delay = self.step(urgent=True, sweep=sweep)
            late = self.behind(goal)
            now = self._clock.monotonic()
            if not late or now >= deadline:
                return late
            if delay > 0:
                wait(min(delay, 0.02, deadline - now))
            sweep = False

    def _step(self, now: float, *, urgent: bool, sweep: bool) -> float:
        if not self._owner:
            self.sink.take_over()
            self._owner = True
        moved = self.reader.scan(sweep=sweep)
        self._is_drained = self._is_drained and not moved
        if self._is_drained and not (sweep or urgent) and now < self._look_again:
            self._tidy(now)
            return self._poll_interval_s
        self._learn_positions()
        self._jump()
        waited = now - self.last_commit if self.last_commit is not None else self._flush_interval_s
        if waited < self._flush_interval_s and not urgent and pending(self.reader, self._positions) < self._batch_bytes:
            return self._flush_interval_s - waited
        batch = next_batch(self.sink, self.reader, self._positions, self._batch_records, self._batch_bytes)
        self._is_drained = batch is None
        if batch is None:
            self._last_progress = now
            self._look_again = now + (LOOK_AGAIN_DRAINED_S if self.reader.is_drained(self._positions) else LOOK_AGAIN_S)
            self._tidy(now)
            return self._poll_interval_s
        self._idle_since = None
        crashpoints.at("after_read")
        self._deliver(batch)
        return 0.0

    def _jump(self) -> None:
        """Takes the jumps that were decided on, each as a gap in the lines' place."""
        if self._jumps is None:
            return
        for jump, gap in self._jumps.due(self._positions):
            if gap is not None:
                self._deliver(model.Batch(slices=(gap,)))
            self._jumps.taken(jump)

    def _learn_positions(self) -> None:
        """Asks the sink where the streams stand that are new; forgets those that are gone."""
        present = self.reader.streams()
        new = [name for name in present if name not in self._positions]
        if new:
            self._positions.update(self.sink.positions(new))
        if len(self._positions) > len(present):
            there = set(present)
            self._positions = {name: position for name, position in self._positions.items() if name in there}

    def _deliver(self, batch: model.Batch) -> None:
        """Commits a batch; one that is rejected is halved until the line that is at fault stands alone."""
        try:
            receipt = self.sink.commit(batch)
        except errors.Rejected as exc:
            parts = batches.halves(batch)
            if parts:
                for part in parts:
                    self._deliver(part)
                return
            pass_over(self.sink, batch.slices[0], str(exc))
            receipt = model.Receipt(records=0, set_aside=1, seconds=0.0)
        for piece in batch.slices:
            self._positions[piece.stream] = piece.end
        self._records += receipt.records
        self._set_aside += receipt.set_aside
        self.commits += 1
        self.last_commit = self._last_progress = self._clock.monotonic()
        self.error, self._delays = None, None

    def _failed(self, exc: errors.Unavailable) -> float:
        """Backs off. The positions are asked for again: whether a commit that failed took place, only the sink knows."""
        self.error = str(exc)
        self._positions.clear()
        if self._delays is None:
            self._delays = self._backoff.delays(self._chance)
        delay = max(next(self._delays), exc.retry_after_s)
        self._not_before = self._clock.monotonic() + delay
        return delay

    def _tidy(self, now: float) -> None:
        """Tells the sink, once, that nothing is to be done."""
        if self._idle_since is None:
            self._idle_since = now
        elif self._idle_since >= 0 and now - self._idle_since >= IDLE_S:
            self._idle_since = -1.0
            idle = getattr(self.sink, "idle", None)
            if idle is not None:
                idle()

    def _state(self, now: float, pending: int) -> State:
        if self._fenced:
            return "fenced"
        if pending and now - self._last_progress > self._stuck_after_s:
            return "stuck"
        return "backing-off" if self._delays is not None else "ok"


def pending(reader: spool_reader.SpoolReader, positions: Mapping[model.StreamId, model.Position]) -> int:
    """How many bytes lie after these positions."""
    return sum(stream.pending(position) for name, position in positions.items() if (stream := reader.stream(name)))


def next_batch(
    sink: protocols.Sink,
    reader: spool_reader.SpoolReader,
    positions: Mapping[model.StreamId, model.Position],
    max_records: int,
    max_bytes: int,
) -> model.Batch | None:
    """What may go to the sink now: one that ships blobs too holds streams back until what they name is there."""
    held = getattr(sink, "held", ())
    ready = {name: position for name, position in positions.items() if name not in held} if held else positions
    batch = reader.next_batch(ready, max_records, max_bytes)
    admit: Callable[[model.Batch], model.Batch | None] | None = getattr(sink, "admit", None)
    return batch if batch is None or admit is None else admit(batch)


def pass_over(sink: protocols.Sink, piece: model.Slice, reason: str) -> None:
    """Sets aside what the sink rejects. A sink that cannot leaves the cursor where it is: that is a bug, and loud."""
    passing = getattr(sink, "pass_over", None)
    if passing is None:
        raise errors.StoreError(f"Sink {sink.name} rejects a line and cannot set it aside: {reason}")
    passing(piece, reason)


def unopened(name: str, state: State, error: str | None, lag: Sequence[model.StreamLag]) -> Statistics:
    """How a sink is doing that could not be opened yet: everything in the spool is pending."""
    return Statistics(
        name=name,
        state=state,
        error=error,
        records=0,
        set_aside=0,
        commits=0,
        records_per_transaction=0.0,
        pending_bytes=sum(one.pending_bytes for one in lag),
        last_commit_age_s=None,
    )
