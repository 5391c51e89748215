"""
Follows one file whose writer is not ours, for good: through rotation, truncation, copies, deletion and restarts of the agent.

A file is read through a descriptor that is held until nobody can write to it any more, whatever becomes of its name. Only whole lines are
given out, each with the mark of the place after it: who writes the events down in order (`remember`) has at every moment what a later
agent needs to go on exactly there. What cannot be read any more is said, not skipped. Knows nothing of what stands in the lines. Blocking,
one thread at a time.
"""

# Paths are plain strings here: their names may be any bytes, and a look at a file is made twenty times a second.
# ruff: noqa: PTH116
from __future__ import annotations

import errno
import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.collect import held, siblings
from outrider_agent.core import foreign

if TYPE_CHECKING:
    from collections.abc import Mapping

#: So many rotated files of which something is unread are held at once; the oldest is given up beyond that, and the loss is said.
MOST_HELD = 16
#: Bytes a second that whoever replaces its file can write at most: conmon has been seen at a tenth of it.
MOST_PER_S = 200e6


class Piece(NamedTuple):
    """
    Whole lines of the file `number`, from byte `start` on; `mark`: the place after them.

    `torn`: they are the file's end, which has no newline, and no more will come.
    """

    number: int
    start: int
    data: bytes
    mark: foreign.Mark
    torn: bool = False


class Long(NamedTuple):
    """A line beyond every limit: only its beginning is kept."""

    number: int
    start: int
    end: int
    head: bytes
    mark: foreign.Mark


class Lost(NamedTuple):
    """Bytes that could not be read, or may have been there: how many (None: nobody can tell), and why."""

    number: int
    size: int | None
    why: str


class Begun(NamedTuple):
    """The file `number` is read from now on, beginning at `mark`."""

    number: int
    path: str
    mark: foreign.Mark


class Drained(NamedTuple):
    """The file was rotated away, is read to its end (`mark`), and nobody writes to it any more; but it is there still."""

    number: int
    mark: foreign.Mark


class Ended(NamedTuple):
    """The file is gone."""

    number: int


class Position(NamedTuple):
    """How far a file is read. `drained`: to its end, so that it is no loss when it is gone."""

    path: str
    mark: foreign.Mark
    drained: bool = False


Event = Piece | Long | Lost | Begun | Drained | Ended


def remember(positions: dict[int, Position], event: Event) -> None:
    """What is to be known after this event, so that a tail that is given it goes on there."""
    if isinstance(event, Begun):
        positions[event.number] = Position(event.path, event.mark)
    elif isinstance(event, Ended):
        positions.pop(event.number, None)
    elif isinstance(event, Piece | Long | Drained) and event.number in positions:
        positions[event.number] = positions[event.number]._replace(mark=event.mark, drained=isinstance(event, Drained))


class Tail:
    """
    One log: the file at `path` and those it was before. `remembered`: what an earlier agent had to `remember`.

    `roots`: folders that a link may lead into; without any, it may lead anywhere. `alone`: its writer replaces it where others rotate.
    """

    def __init__(
        self, path: str, remembered: Mapping[int, Position] | None = None, roots: tuple[str, ...] = (), *, alone: bool = False
    ) -> None:
        self._alone = alone
        self._path = path
        self._siblings = siblings.Siblings(path, roots)
        self._held: list[held.Held] = []
        self._remembered = dict(remembered or {})
        self._done: dict[foreign.Identity, tuple[int, foreign.Mark]] = {}
        self._copies: set[foreign.Identity] = set()
        self._numbers = itertools.count(max(self._remembered, default=0) + 1)
        self._again = self._is_broken = False
        self.more = False  #: the last step ended before it had read everything
        self.trouble: str | None = None  #: why the file at the path cannot be opened now

    def step(self, budget: int) -> list[Event]:
        """What is new, up to about `budget` bytes; the files in the order in which they were written."""
        events: list[Event] = []
        self._look(events)
        self.more = self._again = False
        for one in list(self._held):
            while budget > 0:
                consumed = self._read(one, events)
                if consumed == 0:
                    break
                budget -= consumed
            else:
                self.more = True
                break
        self.more |= self._again
        self._retire(events)
        return events

    def finish(self) -> list[Event]:
        """Nobody writes any more: all that is there, also what has no newline; then every descriptor is let go. `step` may go on later."""
        events: list[Event] = []
        while True:
            events += self.step(1 << 24)
            if not self.more:
                break
        for number, told in self._remembered.items():
            events += [*([] if told.drained else [Lost(number, None, _gone(told, []))]), Ended(number)]
        for one in self._held:
            events += _end(one)
            if one is not self._held[-1]:
                events.append(Drained(one.number, one.mark()))
            self._let_go(one)
        self._held, self._remembered = [], {}
        return events

    def pending(self) -> int:
        """Bytes of the files held that are not read."""
        return sum(one.pending() for one in self._held)

    def is_moving(self) -> bool:
        """Is there more than one file, or more to read? Then it is looked at again soon."""
        return self.more or len(self._held) > 1

    def close(self) -> None:
        """Lets go of every descriptor. Idempotent."""
        for one in self._held:
            one.close()
        self._held = []

    def _look(self, events: list[Event]) -> None:
        """Is the file at the path still the newest that is held? A held inode is not given out again, so its number says it."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            self.trouble = None
            return
        except OSError as exc:  # not observed is not gone: what is held stays
            self.trouble = f"{self._path}: {exc.strerror}"
            return
        newest = self._held[-1].identity if self._held else None
        has_moved = self._siblings.has_moved()
        if has_moved or newest is None or (status.st_dev, status.st_ino) != newest[:2]:
            self._arrive(events)

    def _read(self, one: held.Held, events: list[Event]) -> int:
        try:
            got, event = one.read()
        except OSError as exc:
            self._cannot(one, exc)
            return 0
        self._is_broken, self.trouble = False, None if self._is_broken else self.trouble
        if got == held.REWRITTEN:
            self._renew(one, events)
            return 0
        if event is not None:
            if isinstance(event, held.TooLong):
                events.append(Long(one.number, *event, one.mark()))
            else:
                events.append(Piece(one.number, event.start, event.data, one.mark()))
        return got

    def _cannot(self, one: held.Held, exc: OSError) -> None:
        """It could not be read: it is tried again, and where the descriptor itself is no good any more, opened again by its path."""
        self._is_broken, self.trouble = True, f"{one.path}: {exc.strerror}"
        if exc.errno == errno.ESTALE:
            self._remembered[one.number] = Position(one.path, one.mark())
            self._held.remove(one)
            one.close()

    def _arrive(self, events: list[Event]) -> None:
        """Takes up what lies at the path, and what was rotated away between two looks, the oldest first."""
        found, remembered = self._siblings.open_all(), self._remembered
        self.trouble = self._siblings.trouble
        try:
            self._take_up(found, events)
        except OSError as exc:  # none of them is judged by what cannot be read: it is tried again
            self._is_broken, self.trouble, self._remembered = True, f"{self._path}: {exc.strerror}", remembered
            for candidate in found:
                if candidate not in self._held:
                    candidate.close()

    def _take_up(self, found: list[held.Held], events: list[Event]) -> None:
        known = {one.identity: one for one in self._held}
        _recognize(found, self._remembered, events)
        self._remembered = {}
        events += _outrun(self._held, found, alone=self._alone)
        for candidate in found:
            same = known.get(candidate.identity)
            if same is not None:
                same.path = candidate.path
                candidate.close()
            elif candidate.number or _is_done(self._done, candidate):
                self._take_back(candidate, events)
            elif (original := _original(self._held, candidate)) is not None:
                if candidate is found[-1]:  # what lies at the path now goes on where the file went that lay there
                    self._begin(candidate, events, original.offset)
                elif original.judge(original.mark()) is foreign.Verdict.SAME:
                    self._copies.add(candidate.identity)
                    candidate.resume(next(self._numbers), candidate.size())
                    self._take_back(candidate, events)
                else:
                    candidate.close()  # `_renew` reads in it what is missing
            else:
                self._begin(candidate, events)
        order = {candidate.identity: place for place, candidate in enumerate(found)}
        self._held.sort(key=lambda one: order.get(one.identity, -1))
        if self.trouble is None:  # what could not be looked at is not gone
            events += [Ended(self._done.pop(identity)[0]) for identity in self._done.keys() - order.keys()]
            self._copies &= order.keys()

    def _take_back(self, candidate: held.Held, events: list[Event]) -> None:
        """A file whose place is known is read on from there, or let go again where there is nothing to read."""
        is_new = candidate.identity not in self._done
        if candidate.pending() or candidate.path == os.path.realpath(self._path):
            self._done.pop(candidate.identity, None)
            self._held.append(candidate)
            events.append(Begun(candidate.number, candidate.path, candidate.mark()))
            return
        if is_new:
            events += [Begun(candidate.number, candidate.path, candidate.mark()), Drained(candidate.number, candidate.mark())]
        self._let_go(candidate)

    def _begin(self, candidate: held.Held, events: list[Event], offset: int = 0) -> None:
        candidate.resume(next(self._numbers), offset)
        self._held.append(candidate)
        events.append(Begun(candidate.number, candidate.path, candidate.mark()))
        while len(self._held) > MOST_HELD:
            oldest = self._held.pop(0)
            if lost := oldest.pending():
                events.append(Lost(oldest.number, lost, f"{MOST_HELD} rotated files are read at once; {oldest.path} was given up"))
            oldest.resume(oldest.number, oldest.size())
            events.append(Drained(oldest.number, oldest.mark()))
            self._let_go(oldest)

    def _renew(self, one: held.Held, events: list[Event]) -> None:
        """The file was truncated or rewritten: what is there is read from its beginning, after what a copy of the old content still has."""
        self._again = True
        place, mark = self._held.index(one), one.mark()
        before, after = self._held[:place], self._held[place + 1 :]
        self._held = before
        copied = False
        for candidate in self._siblings.open_all():
            is_known = candidate.identity in self._done and candidate.identity not in self._copies
            is_known |= any(candidate.identity == other.identity for other in (*before, one, *after))
            if not is_known and not copied and mark.offset and candidate.judge(mark) is foreign.Verdict.MOVED:
                self._begin(candidate, events, mark.offset)
                copied = True
            else:
                candidate.close()
        events += [Lost(one.number, None, _rewritten(one.path, mark.offset, copied=copied)), Ended(one.number)]
        one.resume(next(self._numbers), 0)
        self._held += [one, *after]
        events.append(Begun(one.number, one.path, one.mark()))

    def _retire(self, events: list[Event]) -> None:
        """Rotated files that are read to their end and that nobody has open for writing any more."""
        for one in self._held[:-1]:
            if not one.pending() and not one.has_writer():
                events += self._read_rest(one)
                events.append(Drained(one.number, one.mark()))
                self._let_go(one)
                self._held.remove(one)

    def _read_rest(self, one: held.Held) -> list[Event]:
        """What came between the last read and the look for a writer; and an end without a newline."""
        events: list[Event] = []
        while self._read(one, events):
            pass
        return events + _end(one)

    def _let_go(self, one: held.Held) -> None:
        self._done[one.identity] = (one.number, one.mark())
        one.close()


def _recognize(found: list[held.Held], remembered: Mapping[int, Position], events: list[Event]) -> None:
    """After a start: which of the files are those that an earlier agent read? Those get their number and place."""
    matched: set[int] = set()
    for wanted in (foreign.Verdict.SAME, foreign.Verdict.MOVED):
        for candidate in found:
            for number, told in remembered.items():
                if number not in matched and not candidate.number and candidate.judge(told.mark) is wanted:
                    candidate.resume(number, told.mark.offset)
                    matched.add(number)
    for number in remembered.keys() - matched:
        told = remembered[number]
        events += [*([] if told.drained else [Lost(number, None, _gone(told, found))]), Ended(number)]


def _is_done(done: Mapping[foreign.Identity, tuple[int, foreign.Mark]], candidate: held.Held) -> bool:
    """Was it read to its end and let go? Then its place is known, should it have grown."""
    told = done.get(candidate.identity)
    if told is None or candidate.judge(told[1]) is not foreign.Verdict.SAME:
        return False
    candidate.resume(told[0], told[1].offset)
    return True


def _original(holding: list[held.Held], candidate: held.Held) -> held.Held | None:
    """The file that is held, and so exists itself, of which this is a copy: what both hold is read there."""
    return next((one for one in holding if one.offset and candidate.judge(one.mark()) is foreign.Verdict.MOVED), None)


def _outrun(holding: list[held.Held], found: list[held.Held], *, alone: bool) -> list[Event]:
    """Is the newest file that is held not even among the rotated ones any more? Then others may have come and gone since the last look."""
    if not holding or not found or any(one.identity == holding[-1].identity for one in found) or len(found) < 2 - alone:
        return []
    if alone and holding[-1].size() > holding[-1].deleted_for_s() * MOST_PER_S:  # no time for another one as large
        return []
    why = (
        f"{found[-1].path} was rotated more often between two looks than files of it are kept; what was in between, if anything, is missing"
    )
    return [Lost(holding[-1].number, None, why)]


def _end(one: held.Held) -> list[Event]:
    try:
        rest = one.end()
    except OSError as exc:
        why = f"{one.path} cannot be read ({exc.strerror}): what it held after byte {one.offset:,} is missing"
        return [Lost(one.number, one.pending(), why)]
    return [] if rest is None else [Piece(one.number, *rest, one.mark(), torn=True)]


def _rewritten(path: str, offset: int, *, copied: bool) -> str:
    why = "what came between its copy and that may be missing" if copied else "what was written since then and before that is missing"
    return f"{path} was truncated or rewritten after byte {offset:,} was read; {why}"


def _gone(told: Position, found: list[held.Held]) -> str:
    if any(candidate.identity == told.mark.identity for candidate in found):
        return f"{told.path} was truncated or rewritten while nobody read it; what it held after byte {told.mark.offset:,} is missing"
    return f"{told.path} is gone since byte {told.mark.offset:,} of it was read; what it held after that, if anything, is missing"
