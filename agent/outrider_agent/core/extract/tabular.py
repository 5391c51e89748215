"""The open table: which heading a row belongs to, by the lines above it and by what was open before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from outrider_agent.core.extract import bars, context, prefilter, prefix, rows, separated, tables

if TYPE_CHECKING:
    from outrider_agent.core.extract import shapes, timeline

#: So many shapes of rows are remembered of a table; a row that is longer is looked at anew.
SHAPES, LONGEST = 5000, 2000
#: Names with their values, or the word for a step before its number: what says itself what it holds needs no heading.
_PAIR = re.compile(r"[A-Za-z]\w{0,40}[:=] ?[-+.\d]")
_AXIS = re.compile(r"(?i)\s*(?:step|epoch|iter(?:ation)?|batch|round|update)s?[ :=#\[]{1,3}\d")


class Tabular:
    """Reads rows, by the columns that the context keeps."""

    def __init__(self, state: context.Context, times: timeline.Timeline) -> None:
        self._context, self._timeline = state, times
        self._last = -1  # the line of a row that may stand above another
        self._known: dict[bytes, shapes.Cells] = {}  # of the open table

    def take(self, text: str, above: list[str], shape: bytes = b"") -> bool:
        """Is the line a row of a table? `above`: the lines before it, the nearest last."""
        if self._result(text, above):
            return True
        if not self._separated(text, above) and not (tables.may_be_row(tables.unbarred(bars.without(text))) and self._row(text, above)):
            return False
        if shape and len(self._known) < SHAPES and (made := rows.cells(self._context, text, is_sure=prefilter.is_sure(shape))) is not None:
            self._known[shape], self._last = made, self._context.line
        return True

    def is_known(self, shape: bytes) -> bool:
        """Was a row of that shape seen in the open table, and is any such row worth a look?"""
        return (found := self._known.get(shape)) is not None and found.is_sure

    def repeat(self, shape: bytes, line: bytes) -> bool:
        """
        Is the line a row of a shape that is known, right below another? Both hold nothing but numbers: so the row above is no heading,
        and this one belongs to the table that is open.
        """
        now = self._context
        if self._last != now.line - 1 or (known := self._known.get(shape)) is None or len(line) > LONGEST:
            return False
        self._last = now.line
        self._timeline.repeat_row(known, line.split(known.separator), "csv" if now.separator else "table")
        return True

    def _open(self, columns: list[tuple[str, int, int]], separator: str) -> None:
        now = self._context
        now.columns, now.separator = columns, separator
        self._known = {}

    def _result(self, text: str, above: list[str]) -> bool:
        """A name and its value in a list below a line that says: results."""
        now = self._context
        last = next((line for line in reversed(above) if line.strip()), "")
        if now.listed != now.line - 1 and not tables.is_results(last):
            return False
        if (found := tables.result(text)) is None:
            return False
        now.listed = now.line
        self._timeline.table_row(tables.Row({found[0]: found[1]}, [], is_keyed=True), "list")
        return True

    def _separated(self, text: str, above: list[str]) -> bool:
        """A row of separated values, below its heading or further down."""
        now = self._context
        found = None
        if above and separated.may_head(above[-1], text):
            found = separated.heading(_own(above[-1]), _own(text)) or separated.heading(above[-1], text)
        if found is not None:
            self._open([(name, 0, 0) for name in found.names], found.separator)
            now.rows = 0
        elif not now.separator or text.count(now.separator) < len(now.columns) - 1:
            return False
        columns = [name for name, _, _ in now.columns]
        own = _own(text)
        row = separated.row(columns, now.separator, own) or (separated.row(columns, now.separator, text) if own != text else None)
        if row is None:
            return False
        self._timeline.table_row(row, "csv")
        return True

    def _row(self, text: str, above: list[str]) -> bool:
        now = self._context
        if _AXIS.match(text) or len(_PAIR.findall(text)) > 1:
            return False
        columns = tables.header(above, text)
        if columns is not None:
            self._open([(column.name, column.start, column.stop) for column in columns], "")
            now.is_ruled = bool(above) and tables.is_rule(above[-1])
            now.is_numbered = bool(above) and bool(above[-1].strip())
            if not now.is_wrapped or above[-2:-1] == [] or above[-2].strip():
                now.numbered = []
            now.is_wrapped = any(line.endswith("\\") for line in above[-2:])
        elif not now.columns or now.separator or (above and tables.is_heading(above[-1])):
            return False
        row = tables.row(now.table(), text, is_ruled=now.is_ruled)
        if row is None or not row.values or (row.is_numbered and not now.is_numbered):
            return False
        self._timeline.table_row(self._numbered(row), "table")
        return True

    def _numbered(self, row: tables.Row) -> tables.Row:
        """A row without an axis has its number; of a table that goes on further down the axis that stood there beside this number."""
        now = self._context
        if row.number is None:
            return row
        if row.axes:
            if now.is_wrapped and len(now.numbered) < context.NUMBERED:
                now.numbered.append((row.number, *max(row.axes)[:2]))
            return row
        level, value = next(((level, value) for number, level, value in now.numbered if number == row.number), (3, float(row.number)))
        return row._replace(axes=[(level, value, None)])


def _own(text: str) -> str:
    """The line's own words."""
    return text[prefix.strip(text).stop :]
