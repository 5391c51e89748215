"""
One container that is followed: its output into its run's stream, start by start, and its end.

Reads by a `tail` where the engine keeps a file, and takes what the API gives where it does not. A container that was started again is a
further attempt of its run; which of two starts a line belongs to is told by its time. One thread at a time.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider_agent.collect import containerbook, tail
from outrider_agent.core import containerlog, containers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outrider_agent import protocols

#: A new start is written down so long after it at the latest, s: the last lines of the one before may still be on their way.
_SETTLED_S = 1.0
#: What is said of a container that is gone before anybody knows how it ended.
_UNKNOWN = (
    "The container was removed before its exit code was seen: whether it succeeded is not known. Its output is whole as far as it could be "
    "read. With the engine's socket (containers.sockets) the agent is told the exit code."
)


class Before(NamedTuple):
    """What a store knows of a run whose streams are gone: its last attempt, and when that ended (None: it has not)."""

    attempt: int
    ended: int | None


class Surroundings(NamedTuple):
    """What all containers of a collector share. `roots`: where links to logs of pods may lead."""

    home: str
    clock: protocols.Clock
    experiment: str
    roots: tuple[str, ...] = ()


class Container:
    """Made when the container has first been started. `resumed`: an earlier agent's stream tells of it; `before`: only a store does."""

    def __init__(
        self,
        facts: containers.Facts,
        around: Surroundings,
        *,
        resumed: containerbook.Resumed | None = None,
        before: Before | None = None,
        owner: bool = True,
    ) -> None:
        self.facts, self._around, self._clock = facts, around, around.clock
        self.wish = containers.wish(facts)
        self._owner = owner
        self.place = containerbook.Place()  #: how far it is read
        self._offsets, self._attempt = (0, 0), facts.number
        self.is_over = False  #: its end is written, and nothing is to be read until it starts again
        self._is_described = False
        self._started = facts.started
        self._earlier = facts
        self._cut = 0  # lines from that time on are of the next start, which `facts` tells of
        self._starting = 0.0
        self._deaths: dict[int, tuple[int, bool]] = {}  # time -> exit code, killed for memory?
        self._book: containerbook.Book | None = None
        self.lines_aside = self.gaps = self.bytes = 0
        if resumed is not None:
            self._take_up(resumed)
        elif before is not None:
            self._begin_after(before)
        #: Does only the engine have its log?
        self.by_api = not _is_readable(facts)
        self._tail = None if self.by_api else _tail(facts, self.place.files, around.roots)

    @property
    def trouble(self) -> str | None:
        """Why its file cannot be read now."""
        return self._tail.trouble if self._tail is not None else None

    def pending(self) -> int:
        """Bytes that are there and not read."""
        return self._tail.pending() if self._tail is not None else 0

    def learn(self, facts: containers.Facts) -> None:
        """What its engine says now."""
        before, self.facts = self.facts, facts
        if not self._cut and containers.is_next(facts, self._started, before.finished, ended=self.is_over):
            ended = containers.end_before(facts, before)
            self._earlier, self._cut = msgspec.structs.replace(before, finished=ended), containers.between(ended, facts)
            self._starting = time.monotonic()
            if self.is_over:
                self._next_start()
        elif self._started is None:
            self._started = facts.started

    def died(self, when: int, code: int, *, oom: bool) -> None:
        """An engine's event: it ended then, and how. Kept, for its state says it only until the next start."""
        self._deaths = dict(sorted({**self._deaths, when: (code, oom)}.items())[-16:])

    def step(self, budget: int) -> bool:
        """Reads up to about so many bytes of its file; is there more?"""
        if self._tail is None or self.is_over:
            return False
        self._write(self._tail.step(budget))
        more = self._tail.is_moving()
        if not self._tail.more:
            self.settle()
        return more

    def take(self, messages: Iterable[tuple[int, bytes]]) -> None:
        """Messages of the API's stream of logs: those that are new by their time stamp, and their number within it, are written down."""
        for stream, message in messages:
            try:
                stamp, data = containerlog.stamped(message)
            except containerlog.Unreadable as exc:
                self._open().set_aside(str(exc), len(message), message, None)
                self.lines_aside += 1
                continue
            when = containerlog.nanoseconds_of(stamp) or 0
            if when > self.place.after and self.place.is_new(stream, when):
                if self._cut and when >= self._cut:
                    self._next_start()
                self._open().console(stream, when, data, (0, when, self.place.stamps[stream].number, stream))
                self.bytes += len(data)

    def gone(self) -> None:
        """Its engine has it no longer: what is still held is read to its end."""
        if not self.is_over:
            if not self.facts.is_over:
                self.facts = containers.removed(self.facts, self._deaths, self._clock.time_ns())
                if self.facts.code is None and not self.facts.pod:
                    self._open().note(_UNKNOWN)
            if not self.place.is_begun():
                self._miss("the container was removed before its output could be read")
            if self._cut:
                self._drain()
                self._next_start()
            self._end()
        self.close()

    def settle(self) -> None:
        """Everything that was there is read: is its end, or its next start, to be told?"""
        if self._cut and time.monotonic() - self._starting >= _SETTLED_S:
            self._next_start()
        elif not self._cut and self.facts.is_over and not self.is_over:
            self._end()

    def close(self) -> None:
        """Lets go of its stream and its files; what was appended stays, and says where the next agent goes on. Idempotent."""
        if self._tail is not None:
            self._tail.close()
        if self._book is not None:
            self._book.close()
            self._book = None

    def _take_up(self, resumed: containerbook.Resumed) -> None:
        """Goes on where an earlier agent's stream ends; an attempt that is told to its end is not begun anew."""
        self.wish = self.wish._replace(run=resumed.run)
        self._owner, self.place, self._offsets = resumed.owner, resumed.place, resumed.offsets
        self._attempt, self._started, self.is_over = resumed.attempt, resumed.started, resumed.ended
        self._is_described = True
        if self.facts.started is not None and resumed.started is not None and self.facts.started > resumed.started:
            facts, self.facts = self.facts, msgspec.structs.replace(self.facts, started=resumed.started, running=True, code=None)
            self.learn(facts)

    def _begin_after(self, before: Before) -> None:
        """Everything up to an end that a store knows is there already; what began after it is a further attempt."""
        if before.ended is None or self.facts.pod:
            self._attempt = max(self._attempt, before.attempt) if self._owner else before.attempt
            self.is_over = bool(self.facts.pod) and (before.attempt > self._attempt or before.ended is not None)
            return
        self.is_over = not containers.is_further(self.facts, before.ended)
        self.place.after = containers.known_until(self.facts, before.ended, self._clock.time_ns())
        self._attempt = before.attempt + (not self.is_over)

    def _open(self) -> containerbook.Book:
        """The stream of the present attempt."""
        if self._book is None:
            experiment = self.wish.experiment or self._around.experiment
            opening = containerbook.Opening(self.wish.run, self.facts.id, self._owner, experiment, self._attempt)
            self._book = containerbook.Book(
                self._around.home, opening, self._clock, self.place, started=self._started, offsets=self._offsets
            )
            if not self._is_described:
                self._is_described = True
                said = containers.said(self.facts, self.wish, self._around.experiment) if self._owner else {}
                self._book.describe(said | _outputs(self.facts, self.wish), containers.properties(self.facts))
            self._book.say_positions()
        return self._book

    def _write(self, events: list[tail.Event]) -> None:
        """In order; what is remembered is what is written: a line counts as read once it is in the stream."""
        if events and not self.place.files and (why := _missing_before(self.facts, events)):
            self._miss(why)
        for event in events:
            if isinstance(event, tail.Piece):
                self._piece(event)
            elif isinstance(event, tail.Long):
                at = (event.number, event.end, event.mark.marker_length, event.mark.marker)
                self._open().set_aside("the line is too long to be one of the engine's", event.end - event.start, event.head, at)
                self.lines_aside += 1
            elif isinstance(event, tail.Lost):
                self._miss(event.why, event.size)
            tail.remember(self.place.files, event)
            if isinstance(event, tail.Begun | tail.Drained | tail.Ended):
                self._open().say_positions()
        if events:
            self._open().keep_up()

    def _miss(self, why: str, size: int | None = None) -> None:
        self.gaps += 1
        self._open().gap(why, records=0, size=size)

    def _piece(self, piece: tail.Piece) -> None:
        for one in containerlog.parse(_style(self.facts, piece.data), piece.data):
            at = (piece.number, piece.start + one.end, *containerbook.marker(piece.data, one.start, one.end))
            if isinstance(one, containerlog.Bad):
                self._open().set_aside(one.reason, one.end - one.start, one.head, at)
                self.lines_aside += 1
                continue
            when = one.time if one.time is not None else self._clock.time_ns()
            if when <= self.place.after:
                continue
            if self._cut and when >= self._cut:
                self._next_start()
            self._open().console(one.stream, when, one.data, at)
            self.bytes += len(one.data)

    def _next_start(self) -> None:
        """The attempt before is ended, and the next one begun."""
        if not self.is_over:
            self._end_line(self._earlier, self._earlier.finished or self._cut)
        self._cut, self.is_over = 0, False
        self._started = self.facts.started
        self._attempt += 1
        self._offsets, self._is_described = (0, 0), False
        self._open()

    def _drain(self) -> None:
        if self._tail is not None:
            self._write(self._tail.finish())

    def _end(self) -> None:
        self._drain()
        self._end_line(self.facts, self.facts.finished)
        self.is_over = True

    def _end_line(self, facts: containers.Facts, finished: int | None) -> None:
        """The `end` of an attempt: from its state, or the engine's event about it."""
        book = self._open()
        facts = containers.settled(facts, finished, self._deaths)
        book.say_positions()
        if not self._owner:
            book.note(f"The container {facts.name} ended" + (f" with exit code {facts.code}." if facts.code is not None else "."))
        book.end(containers.ending(facts, self._clock.time_ns()))
        self._book = None


def _missing_before(facts: containers.Facts, events: list[tail.Event]) -> str | None:
    """At the first look: are there as many files as its engine keeps? Then there may have been others."""
    most = facts.most_files
    if most is None or sum(isinstance(event, tail.Begun) for event in events) < most:
        return None
    kept = "1 file" if most == 1 else f"{most} files"
    return f"its engine keeps {kept} of its log: what it wrote before these, if anything, is missing"


def _tail(facts: containers.Facts, files: dict[int, tail.Position], roots: tuple[str, ...]) -> tail.Tail:
    """Reads its log. Podman (conmon) keeps no rotated file: it puts a new one in the place of the one that is full."""
    return tail.Tail(facts.log or "", files, roots if facts.pod else (), alone=facts.driver == "k8s-file" and not facts.pod)


def _style(facts: containers.Facts, data: bytes) -> str:
    """A pod's log is CRI's, but docker's where docker still runs the pods."""
    is_docker = data.startswith(b'{"log":') or b'\n{"log":' in data if facts.pod else facts.driver == "json-file"
    return containerlog.DOCKER if is_docker else containerlog.CRI


def _outputs(facts: containers.Facts, wish: containers.Wish) -> dict[str, Any]:
    """Where its outputs are on this machine; a folder that is not there yet is expected in the first place of all."""
    found = []
    for path in wish.outputs:
        places = containers.places_of(facts, path)
        found += [place for place in places if os.path.isdir(place)][:1] or places[:1]  # noqa: PTH112
    return {"outputs": found} if found else {}


def _is_readable(facts: containers.Facts) -> bool:
    """Is its log a file that may be read, or that is not there yet in a folder that may be?"""
    if not facts.log or facts.driver not in containers.FILES:
        return False
    folder = os.path.dirname(facts.log)  # noqa: PTH120
    return os.access(facts.log, os.R_OK) or (not os.path.lexists(facts.log) and os.access(folder, os.R_OK | os.X_OK))
