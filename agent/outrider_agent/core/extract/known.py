"""Which shapes of lines were seen in a stream, and what reads the next line of each. What is remembered saves time and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outrider_agent.core.extract import prefilter, separated, shapes, tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from outrider_agent.core.extract import context, plan, tabular, timeline

#: So many shapes are remembered; then all are forgotten, which costs time and nothing else.
SHAPES = 20_000

DULL = None
#: Of a line that holds nothing by itself, and that a heading above it makes a table's row: where no letter stands in it, nothing else can.
ROW: Any = object()
_UNSEEN: Any = object()

Mark = tuple[int, int, int]  #: of a line: its number, its place in the output and its length


class Known:
    """The shapes of a stream's lines. A line that it does not know is for `look`, which is given the line's place and its shape."""

    def __init__(self, state: context.Context, times: timeline.Timeline, rows: tabular.Tabular) -> None:
        self._context, self._timeline, self._rows = state, times, rows
        self._shapes: dict[bytes, shapes.Pattern | None] = {}

    def remember(self, shape: bytes, pattern: shapes.Pattern | None) -> None:
        """What reads the lines of a shape."""
        if len(self._shapes) >= SHAPES:
            self._shapes.clear()
        self._shapes[shape] = pattern

    def remember_plan(self, shape: bytes, text: str, made: plan.Plan) -> None:
        """Of a line that was read by a plan."""
        self.remember(shape, shapes.Pattern(text, made, is_sure=prefilter.is_sure(shape)))

    def remember_row(self, shape: bytes, text: str) -> None:
        """Of a line that was a table's row."""
        if not any(map(str.isalpha, text)) and "{" not in text:
            self.remember(shape, ROW)

    def remember_dull(self, shape: bytes, text: str) -> None:
        """Of a line that held nothing; below a heading it could mean something."""
        self.remember(shape, ROW if separated.may_be_row(text) or tables.may_be_row(text) else DULL)

    def read(self, lines: list[bytes], place: int, shape: bytes) -> bool:
        """Reads one line, if its shape is known and nothing around it says otherwise."""
        pattern = self._shapes.get(shape, _UNSEEN)
        if pattern is DULL:
            return True
        line = lines[place]
        if isinstance(pattern, shapes.Pattern):
            above = lines[place - 1] if place else self._context.above[-1].encode() if self._context.above else b""
            match = pattern.match(line) if is_calm(above) else None
            if match is not None:
                self._timeline.repeat(pattern, match.groups())
            return match is not None
        if self._rows.repeat(shape, line):
            return True
        if pattern is ROW:
            self._rows.take(self._context.text_of(line), self._context.lines_above(lines, place), shape)
        return pattern is ROW

    def read_all(self, lines: list[bytes], shaped: list[bytes], mark: Callable[[int], Mark], look: Callable[[int, bytes], None]) -> int:
        """The same for a block, in which most lines hold something. Returns how many were read or looked at."""
        get, now, times, rows = self._shapes.get, self._context, self._timeline, self._rows
        was_calm, is_open, count = False, now.is_open, 0
        for place, (line, shape) in enumerate(zip(lines, shaped, strict=False)):
            if not is_open:
                pattern = get(shape, _UNSEEN)
                if pattern is DULL:
                    was_calm = False
                    continue
                if pattern.__class__ is shapes.Pattern:
                    if was_calm and pattern.is_sure and (match := pattern.match(line)) is not None:
                        times.place = spot = mark(place)
                        now.line = spot[0]
                        times.repeat(pattern, match.groups())
                        was_calm = pattern.is_calm
                        count += 1
                        continue
                elif rows.is_known(shape):
                    times.place = spot = mark(place)
                    now.line = spot[0]
                    if rows.repeat(shape, line):
                        was_calm = True
                        count += 1
                        continue
            if is_open or prefilter.is_candidate(line):
                times.place = spot = mark(place)
                now.line = spot[0]
                if is_open or not self.read(lines, place, shape):
                    look(place, shape)
                    is_open = now.is_open
                count += 1
            was_calm = is_calm(line)
        return count


def is_calm(above: bytes) -> bool:
    """Does a line change nothing for the one below it?"""
    return above.rstrip()[-1:] != b":" and b'File "' not in above
