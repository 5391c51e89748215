"""The open table: which heading a row belongs to, by the lines above it and by what was open before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent.core.extract import bars, context, prefix, separated, tables

if TYPE_CHECKING:
    from outrider_agent.core.extract import timeline


class Tabular:
    """Reads rows, by the columns that the context keeps."""

    def __init__(self, state: context.Context, times: timeline.Timeline) -> None:
        self._context, self._timeline = state, times

    def take(self, text: str, above: list[str]) -> bool:
        """Is the line a row of a table? `above`: the lines before it, the nearest last."""
        return (
            self._result(text, above) or self._separated(text, above) or (tables.may_be_row(bars.without(text)) and self._row(text, above))
        )

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
            now.columns, now.separator, now.rows = [(name, 0, 0) for name in found.names], found.separator, 0
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
        columns = tables.header(above, text)
        if columns is not None:
            now.columns, now.separator = [(column.name, column.start, column.stop) for column in columns], ""
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
