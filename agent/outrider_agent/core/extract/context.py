"""What the lines before leave for those after: the epoch above, the step last seen, an open table, dict or box, names on probation."""

from __future__ import annotations

from typing import Any

import msgspec

from outrider_agent.core.extract import cycle, nesting, tables
from outrider_agent.core.extract.reading import Reading  # noqa: TC001 (msgspec reads the annotation)

#: So many names may be on probation at a time.
CANDIDATES = 256
#: Of a table that is too wide for the page so many rows are remembered.
NUMBERED = 200
#: Of a line no more bytes are looked at.
MAX_LINE = 16 << 10
#: So many lines above are kept, for a heading over a table.
ABOVE = 3
#: The places of so many lines that nobody read are remembered.
UNREAD = 20


class Candidate(msgspec.Struct):
    """A name that is none known: the first reading of it waits for a second one with another value."""

    value: float
    first: Reading | None


class Context(msgspec.Struct):
    """The state of a stream's reading between two lines; written with the points that it led to."""

    line: int = 0
    epoch: float | None = None
    step: float | None = None
    header: float | None = None  # the epoch of a heading that nothing has used yet
    block: int = -1  # the line of a heading whose indented lines belong to it
    bar: float | None = None  # the count of the run's own progress bar
    bar_total: float = 0.0
    bars: list[nesting.Level] = []  # from the outermost on
    is_from_zero: bool = False  # epochs count from 0
    split: str | None = None
    count: float | None = None  # how far the run is, of `total`
    total: float | None = None
    unread: int = 0  # lines that look like numbers and that no rule read
    unread_at: list[tuple[int, int, int]] = []  # the last of them: line, offset, length
    above: list[str] = []
    columns: list[tuple[str, int, int]] = []
    is_ruled: bool = False
    listed: int = -1  # the last line of a list of results
    separator: str = ""  # between the open table's cells; "": they stand by their widths
    is_numbered: bool = False  # its rows may begin with their numbers: the first stands right below the heading
    is_wrapped: bool = False  # its other columns stand further down, below the same rows' numbers
    numbered: list[tuple[int, int, float]] = []  # of such a table: a row's number, its finest axis and that one's value
    rows: int = 0  # of the open table, that had neither an axis nor a name
    box: list[list[str]] = []
    box_at: tuple[int, int, int] = (0, 0, 0)  # its last line: number, offset, length
    cycle: cycle.Cycle = msgspec.field(default_factory=cycle.Cycle)
    braces: str = ""
    braces_lines: int = 0
    braces_depth: int = 0
    implied: int = 0
    implied_names: list[str] = []
    candidates: dict[str, Candidate] = {}
    late: dict[str, int] = {}  # the user's rules by name: how many lines each took too long for

    @property
    def is_open(self) -> bool:
        """Does something go on over lines, so that each has to be looked at?"""
        return bool(self.box or self.braces)

    @staticmethod
    def text_of(line: bytes) -> str:
        """As much of it as is looked at."""
        return line[:MAX_LINE].decode("utf-8", "replace")

    def lines_above(self, lines: list[bytes], place: int) -> list[str]:
        """The lines before one of a block, the nearest last."""
        near = [self.text_of(line) for line in lines[max(place - ABOVE, 0) : place]]
        return (self.above + near)[-ABOVE:] if place < ABOVE else near

    def wait(self, key: str, one: Candidate) -> None:
        """Puts a name on probation; where too many are, the one that has waited longest is forgotten."""
        if len(self.candidates) >= CANDIDATES:
            oldest = next((name for name, candidate in self.candidates.items() if candidate.first is not None), None)
            if oldest is None:
                return
            del self.candidates[oldest]
        self.candidates[key] = one

    def unmissed(self, one: Reading) -> None:
        """A line that nothing read has been read after all."""
        place = (one.line, one.offset, one.length)
        if place in self.unread_at:
            self.unread_at = [other for other in self.unread_at if other != place]
            self.unread -= 1

    def add_row(self, cells: list[str], place: tuple[int, int, int]) -> None:
        """A row of the open box, or with no cells a rule, and where it stands."""
        self.box.append(cells)
        self.box_at = place

    def add_braces(self, text: str, depth: int) -> int:
        """A line of the open dict; how many of its braces are open then."""
        self.braces += f"\n{text}"
        self.braces_lines += 1
        self.braces_depth += depth
        return self.braces_depth

    def table(self) -> list[tables.Column]:
        """The open table's columns."""
        return [tables.Column(*column) for column in self.columns]


def restored(state: Any) -> Context:
    """From what `msgspec.to_builtins` made of one."""
    return msgspec.convert(state, Context)
