"""
Lines that were drawn over each other: bars below one another, live tables. Pure.

Where output moves the cursor up, lines that were complete change again. A `Region` is such a part of a stream: it begins with the lines
that are drawn over, and ends when the cursor stands below all of them and goes on downwards. Its rows are then lines as a terminal left
them, colours kept, each with the states that it went through before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.core import frames

if TYPE_CHECKING:
    from collections import deque

#: Of a row so many of its last states are kept.
STATES = 200
#: A style of more codes is begun anew.
PEN = 64

_UP = re.compile(rb"\x1b\[[0-9]{0,4}[AF]")
_UP_OR_DOWN = re.compile(rb"\x1b\[([0-9]{0,4})([ABEF])")
_HALF = re.compile(rb"\x1b(?:\[[0-9]{0,4})?\Z")
#: Bytes of such a sequence, at most.
LONGEST = 8
_CLEARS = re.compile(r"\x1b\[(?:0?|0?;.*)m")


def goes_up(data: bytes | bytearray) -> bool:
    """Does it move the cursor up?"""
    return first_up(data) >= 0


def first_up(data: bytes | bytearray) -> int:
    """Where it first moves the cursor up; -1 where it does not."""
    if b"\x1b" not in data:
        return -1
    found = _UP.search(data)
    return -1 if found is None else found.start()


def height(data: bytes) -> int:
    """So many rows it moves the cursor up, in sum."""
    if b"\x1b" not in data:
        return 0
    return sum(int(found[0][2:-1] or 1) for found in _UP.finditer(data))


class Drawn(NamedTuple):
    """
    A line: its text, its earlier states before it, each ended by a carriage return; its place; was it told before the region began?
    `writes`: behind which bytes of the stream its last states stand, for the bytes of several rows lie among one another.
    """

    text: str
    start: int
    stop: int
    time: int
    is_again: bool
    row: frames.Row
    writes: tuple[int, ...] = ()


class Painted(frames.Row):
    """A row whose cells know their colours, and that knows what it was."""

    __slots__ = ("is_cleared", "is_new", "past", "writes")

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.past: list[str] = []
        self.writes: list[int] = []
        self.is_cleared = self.is_new = False  # blanks were written over all of it; something else has been written there since

    def text(self) -> str:
        """As it stands, without blanks at its end; colours as sequences."""
        end = len(self.cells)
        while end and self.cells[end - 1] == " ":
            end -= 1
        made, pen = [], ""
        for cell in self.cells[:end]:
            if cell[:-1] != pen:
                made.append("\x1b[0m" if pen else "")
                pen = cell[:-1]
                made.append(pen)
            made.append(cell[-1])
        return "".join(made) + ("\x1b[0m" if pen else "")

    def whole(self) -> str:
        """With the states before this one; nothing where it is blank now."""
        last = self.text()
        before = self.past[:-1] if self.past and self.past[-1] == last else self.past
        return "\r".join([*before, last]) if last.strip() else ""

    def note(self, at: int, *, goes_on: bool) -> None:
        """Text ends at that byte. `goes_on`: it stands behind what was noted last."""
        if goes_on and self.column and self.writes:
            self.writes[-1] = at
        else:
            self.writes.append(at)
            del self.writes[:-STATES]

    def put(self, text: str) -> None:
        """Characters at the cursor. From the first column on it is another state."""
        if self.column == 0:
            self.keep()
        super().put(text)
        if text.strip():
            self.is_new, self.is_cleared = self.is_new or self.is_cleared, False
        elif self.past and not self.text().strip():  # a bar that left: what comes here is another line
            self.past, self.is_cleared = [], True

    def erase(self, how: str) -> None:
        """What is erased was a state."""
        if how == "2" or self.column == 0:
            self.keep()
        super().erase(how)

    def keep(self) -> None:
        """What stands here now is a state, if it is anything."""
        state = self.text() if self.cells else ""
        if state.strip() and (not self.past or self.past[-1] != state):
            self.past.append(state)
            del self.past[:-STATES]


class Canvas(frames.Screen):
    """A screen with colours."""

    def __init__(self, start: int) -> None:
        super().__init__(None, start)
        self._pen = ""
        self._rows.clear()
        self._rows.append(Painted(start))
        self.gone: list[frames.Row] = []
        self._written: frames.Row | None = None  # last

    def lower(self, row: frames.Row) -> None:
        """A line stands above all others now."""
        self._rows.appendleft(row)
        self._row += 1

    @property
    def line(self) -> int:
        """In which line the cursor stands, from 0."""
        return self._row

    @property
    def rows(self) -> list[frames.Row]:
        """From above; of the last one only if there is anything in it."""
        found = list(self._rows)
        return found[:-1] if not found[-1].text().strip() else found

    @property
    def is_below(self) -> bool:
        """Does the cursor stand in an empty row below all others?"""
        return self._row == len(self._rows) - 1 and not self._rows[-1].text().strip()

    @property
    def cursor(self) -> frames.Row:
        """The row in which it stands."""
        return self._rows[self._row]

    def _new_row(self, start: int) -> frames.Row:
        return Painted(start)

    def _take(self, piece: str, done: list[frames.Shown]) -> None:
        if piece[0] >= " " and piece.strip(" \x7f") and isinstance(self.cursor, Painted):
            self.cursor.note(self._at, goes_on=self._written is self.cursor)
            self._written = self.cursor
        if piece.startswith("\x1b[") and piece[-1] == "m":
            self._pen = "" if _CLEARS.fullmatch(piece) else (self._pen + piece if len(self._pen) < PEN else piece)
        elif self._pen and piece[0] >= " " and piece != "\x7f":
            row = self._rows[self._row]
            column, count = row.column, len(piece)
            row.write(piece)
            row.cells[column : column + count] = [self._pen + cell for cell in row.cells[column : column + count]]
            row.stop = max(row.stop, self._at)
        else:
            super()._take(piece, done)

    def _release(self, done: list[frames.Shown]) -> None:
        self.gone.append(self._rows[0])
        super()._release(done)


class Region:
    """
    Takes what comes from the line on in which the cursor first goes up. `above`: the lines before it in the stream; those that the cursor
    reaches are taken from there. `held`: the beginning of a sequence, which belongs to what comes next.
    """

    def __init__(self, above: deque[Drawn], start: int) -> None:
        self.above = above
        self._screen = Canvas(start)
        self._times: dict[int, int] = {}
        self._told: set[int] = set()
        self.held = b""
        self.is_over = False

    def take(self, data: bytes, time: int) -> int:
        """How many of the bytes belong to it: all, but where it ended before. Then `is_over`. What is `held` comes again with the next."""
        half = _HALF.search(data, max(len(data) - LONGEST, 0))
        end = len(data) if half is None else half.start()
        self.held = data[end:]
        at = 0
        while at < end:
            stop = data.find(b"\n", at, end) + 1 or end
            if self._screen.is_below and not goes_up(data[at:stop]):
                self.is_over, self.held = True, b""
                break
            self._reach(data[at:stop])
            self._screen.feed(data[at:stop])
            at = stop
        for row in [*self._screen.gone, *self._screen.rows]:
            self._times.setdefault(row.start, time)
            if isinstance(row, Painted) and row.is_new:
                self._times[row.start], row.is_new = time, False
        return at

    def _reach(self, piece: bytes) -> None:
        """Takes the lines from above that the cursor reaches in this piece of a line."""
        line = least = self._screen.line
        for match in _UP_OR_DOWN.finditer(piece):
            count = max(int(match[1] or 1), 1)
            line += -count if match[2] in b"AF" else count
            least = min(least, line)
        while least < 0 and self.above:
            one = self.above.pop()
            self._screen.lower(one.row)
            self._times[one.start] = one.time
            self._told.add(one.start)
            least += 1

    def lines(self) -> list[Drawn]:
        """Its rows as they stand, those that are out of reach too."""
        return [self._drawn(row) for row in [*self._screen.gone, *self._screen.rows]]

    def _drawn(self, row: frames.Row) -> Drawn:
        text, writes = (row.whole(), tuple(row.writes)) if isinstance(row, Painted) else (row.text(), ())
        return Drawn(text, row.start, max(row.stop, row.start + 1), self._times[row.start], row.start in self._told, row, writes)


def line(text: str, start: int, stop: int, time: int) -> Drawn:
    """A line as it was told, for a region that may begin below it."""
    canvas = Canvas(start)
    canvas.feed(text.encode("utf-8", "replace"))
    row = canvas.cursor
    row.stop = stop
    return Drawn(text, start, stop, time, True, row)
