"""
What one part of the agent is told of another, each in its own words: collectors of the store, retention of the outputs collector.

Adapters only: they hold no truth, and what cannot be asked at the moment is `Unavailable` or "not known", never "no".
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from outrider_agent import errors
from outrider_agent.collect import container, roots, streams
from outrider_agent.store import owners

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from outrider_agent import protocols
    from outrider_agent.collect import containers, ledger, outputs
    from outrider_agent.ship import shipper
    from outrider_agent.store import reading


#: Looking for runs with outputs takes at most this part of a core, and happens at least so often.
_LOOK_SHARE = 8000
_LOOK_AT_LEAST_S = 3.0
#: What a server said of a run's end holds for so long, of so many runs.
_TOLD_S, _MOST_TOLD = 2.0, 10_000


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
        self._open: tuple[object, Mapping[str, Sequence[streams.Head]]] = (None, {})
        #: Set when it is made: the two know one another.
        self.shipper: shipper.Shipper | None = None

    def has_ended(self, run: str, attempt: int | None = None) -> bool:
        """`liveness.Known`, and for retention. Raises `Unavailable`."""
        if self.shipper is None:
            raise errors.Unavailable
        return self.shipper.has_ended(run, attempt)

    def open_runs(self) -> Mapping[str, Sequence[streams.Head]]:
        """`liveness.Known`. The same mapping as before where the store has not changed."""
        found = self._open_runs()
        if found is not self._open[0]:
            heads = {
                run: [streams.Head(writer=one.writer, own=True, host=one.host, boot=one.boot, attempt=one.attempt) for one in writers]
                for run, writers in found.items()
            }
            self._open = found, heads
        return self._open[1]

    def remembered(self, run: str) -> roots.Remembered | None:
        """Output roots of a run whose first lines have left the spool. Raises `Unavailable`."""
        try:
            found = self._reader.run(run)
        except errors.NotFound:
            return None
        return roots.Remembered(tuple(found.outputs or ()), found.started)

    def artifacts(self, run: str) -> dict[str, ledger.Kept]:
        """The last versions of a run's artifacts. Raises `Unavailable`."""
        try:
            found = self._reader.artifacts(run)
        except errors.NotFound:
            return {}
        return {one.path: (one.size, one.sha256, one.modified or 0) for one in found if one.source == "outputs"}

    def has_ended_for_sure(self, run: str) -> bool:
        """As `has_ended`, where "not known" may be taken for "no"."""
        try:
            return self.has_ended(run)
        except errors.Unavailable:
            return False

    def before(self, run: str) -> container.Before | None:
        """For the containers collector: how far a run has come of which the spool has nothing more. Raises `Unavailable`."""
        try:
            found = self._reader.run(run)
        except errors.NotFound:
            return None
        return container.Before(found.attempt, found.ended)

    def close(self) -> None:
        """Idempotent."""
        self._open_runs.close()


class Remote(Protocol):
    """What is asked of a server about a run (sinks/http.py). Raises `Unavailable`."""

    def about(self, run: str, attempt: int | None = None) -> Answer:
        """What it knows."""
        ...


class Answer(Protocol):
    """A run as its server knows it."""

    @property
    def ended(self) -> bool:
        """Has it (or that attempt of it) a final status?"""
        ...

    @property
    def outputs(self) -> Sequence[str] | None:
        """Its output roots."""
        ...

    @property
    def started(self) -> int | None:
        """When it began, ns."""
        ...

    @property
    def attempt(self) -> int:
        """Its newest one."""
        ...

    @property
    def ended_at(self) -> int | None:
        """When that ended, ns."""
        ...

    @property
    def artifacts(self) -> Mapping[str, ledger.Kept]:
        """The last versions of what was in its output folders."""
        ...


class RemoteKnowledge:
    """
    The same as `StoreKnowledge` where this agent keeps no store: its server is asked.

    A run's own folder stays here until its end has arrived there, so what is open is what lies in the spool.
    """

    def __init__(self, server: Remote, clock: protocols.Clock) -> None:
        self._server, self._clock = server, clock
        self._asked: dict[tuple[str, int | None], tuple[float, bool]] = {}
        self.shipper: shipper.Shipper | None = None

    def has_ended(self, run: str, attempt: int | None = None) -> bool:
        """`liveness.Known`, and for retention. What was told a moment ago is not asked again. Raises `Unavailable`."""
        now = self._clock.monotonic()
        told = self._asked.get((run, attempt))
        if told is None or now - told[0] > _TOLD_S:
            if len(self._asked) > _MOST_TOLD:
                self._asked.clear()
            told = self._asked[run, attempt] = now, self._server.about(run, attempt).ended
        return told[1]

    def has_ended_for_sure(self, run: str) -> bool:
        """As `has_ended`, where "not known" may be taken for "no"."""
        try:
            return self.has_ended(run)
        except errors.Unavailable:
            return False

    def open_runs(self) -> Mapping[str, Sequence[streams.Head]]:
        """`liveness.Known`. None but those of the spool."""
        return {}

    def remembered(self, run: str) -> roots.Remembered | None:
        """Output roots of a run whose first lines have left the spool. Raises `Unavailable`."""
        found = self._server.about(run)
        return None if found.started is None else roots.Remembered(tuple(found.outputs or ()), found.started)

    def before(self, run: str) -> container.Before | None:
        """As `StoreKnowledge.before`. Raises `Unavailable`."""
        found = self._server.about(run)
        return None if found.started is None else container.Before(found.attempt, found.ended_at)

    def artifacts(self, run: str) -> dict[str, ledger.Kept]:
        """The last versions of a run's artifacts. Raises `Unavailable`."""
        return dict(self._server.about(run).artifacts)

    def close(self) -> None:
        """Idempotent."""


#: Of either kind.
Knowledge = StoreKnowledge | RemoteKnowledge


class Departures:
    """
    May what is left of an ended run be deleted? Not before the outputs collector has looked at it after its end, and has all of it; and not
    while a container of it is followed.
    """

    def __init__(self, finder: roots.RootFinder, known: Knowledge, clock: SystemClock) -> None:
        #: None: no outputs are collected. Set when it is made: the two know one another.
        self.collector: outputs.OutputsCollector | None = None
        #: None: no containers are followed.
        self.containers: containers.ContainersCollector | None = None
        self._finder, self._known, self._clock = finder, known, clock
        self._ended: dict[str, float] = {}
        self._with_roots: frozenset[str] = frozenset()
        self._found: list[roots.OutputRoots] = []
        self._looked = -1.0
        self._next_look = 0.0

    def __call__(self) -> list[roots.OutputRoots]:
        """The collector's `runs`: remembers when it last looked, and what had roots. Where a look is costly, the last one serves longer."""
        now = self._clock.monotonic()
        if now < self._next_look:
            return self._found
        began = time.thread_time()
        self._found = list(self._finder())
        self._next_look = now + min(_LOOK_AT_LEAST_S, _LOOK_SHARE * (time.thread_time() - began))
        self._with_roots, self._looked = frozenset(one.run for one in self._found), now
        return self._found

    def hurry(self) -> None:
        """The next look takes in every run."""
        self._next_look = 0.0
        self._finder.hurry()

    def may_go(self, run: str) -> bool:
        """For retention, of any run. Raises `Unavailable`."""
        if not self._known.has_ended(run):
            self._ended.pop(run, None)  # it may have been resumed
            return False
        if self.containers is not None and self.containers.keeps(run):
            return False
        if self.collector is None:
            return True
        since = self._ended.setdefault(run, self._clock.monotonic())
        if len(self._ended) > 10_000:
            self._ended = {run: since}
        return self._looked > since and (run not in self._with_roots or self.collector.is_done(run))
