"""
A table's rows of numbers alone: which of their cells are what, so that the next row of the same shape need not be asked.

Such a row says nothing by itself, and is no heading for the one below it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from outrider_agent.core.extract import names, plan, separated, shapes, tables

if TYPE_CHECKING:
    from outrider_agent.core.extract import context

#: Numbers, and what may part them: no time of day, no word but the letters of `1e-4` and `nan`.
_PLAIN = re.compile(r"[-+.,;\t 0-9A-Za-z/]+$")


def cells(now: context.Context, text: str, *, is_sure: bool) -> shapes.Cells | None:
    """Of a row of the open table. None where there is more in it than numbers, or where they don't stand one by one below its names."""
    if _PLAIN.match(text) is None:
        return None
    columns = now.table()
    found = [cell.strip() for cell in text.split(now.separator or None)]
    if len(found) != len(columns) or not all(tables.is_value(cell) or _is_empty(now, cell) for cell in found):
        return None
    axes: list[tuple[int, int]] = []
    values: dict[str, int] = {}
    for place, (column, cell) in enumerate(zip(columns, found, strict=True)):
        level = names.axis(column.name) if now.separator else tables.level(column)
        if _is_empty(now, cell):
            continue
        if level is not None and (now.separator or cell.isdigit()):
            axes.append((level, place))
        elif not tables.is_aside(column.name):
            values[plan.spelled(column.name)] = place
    return _made(now.separator, values, axes, is_sure=is_sure)


def _is_empty(now: context.Context, cell: str) -> bool:
    return bool(now.separator) and cell.lower() in separated.NOTHING


def _made(separator: str, values: dict[str, int], axes: list[tuple[int, int]], *, is_sure: bool) -> shapes.Cells | None:
    """None where the axes' values decide which of them counts."""
    finer = [axis for axis in axes if axis[0] > 0]
    if not values or len({level for level, _ in finer}) < len(finer):
        return None
    epoch = next((place for level, place in axes if level == 0), None)
    return shapes.cells(separator, values, epoch, max(finer)[1] if finer else None, is_sure=is_sure)
