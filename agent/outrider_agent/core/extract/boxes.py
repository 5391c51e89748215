"""Boxes: rows between bars, names with values or columns below a heading."""

from __future__ import annotations

import itertools
import re

from outrider_agent.core.extract import names, numerals, tables


def is_inner_rule(text: str, rows: int) -> bool:
    """Is it a line within a box: below its heading, or between its rows?"""
    text = text.strip()
    return bool(text) and not any(char.isalnum() for char in text) and (rows == 1 or text[0] in "+├┡╞╠┝") and len(text) > 2


def cells(text: str) -> list[str] | None:
    """The cells of a row between bars; None where the line is none."""
    text = text.strip()
    if len(text) < 3 or text[0] not in tables.BARS or text[-1] not in tables.BARS:
        return None
    for bar in tables.BARS[1:]:
        text = text.replace(bar, "|")
    found = [cell.strip() for cell in text[1:-1].split("|")]
    return found if any(char.isalnum() for char in text) else found[:0]


def box(rows: list[list[str]]) -> list[tables.Row]:
    """What a box of rows holds: names with values below groups, or columns below a heading."""
    rows = [found for found in rows if found]
    if all(len(found) == 1 for found in rows):  # names and values in one frame
        rows = [pair for found in rows if len(pair := re.split(r"\s{2,}", found[0])) == 2]
    if len(rows) < 2:
        return []
    pairs = [found for found in rows if len(found) == 2]
    if len(pairs) == len(rows) and (names.axis(rows[0][0]) is None or tables.is_value(rows[0][1])):
        found = _pairs(pairs)
        return [found] if found else []
    head = rows[0]
    if any(len(found) != len(head) for found in rows) or any(tables.is_value(cell) for cell in head):
        return []
    columns = [tables.Column(name, place, place + 1) for place, name in enumerate(head)]
    if not tables.is_header(columns) and not {"metric", "value"} <= {column.name.lower() for column in columns}:
        return []
    for before, cells_of in itertools.pairwise(rows[1:]):
        cells_of[0] = cells_of[0] or before[0]
    return [made for found in rows[1:] if (made := _box_row(columns, found))]


def _box_row(columns: list[tables.Column], found: list[str]) -> tables.Row | None:
    axes: list[tuple[int, float, float | None]] = []
    if told := _told(columns, found):
        return tables.Row(told, axes)
    values = {}
    for column, cell in zip(columns, found, strict=True):
        level = names.axis(column.name)
        if level is not None and cell.isdigit():
            axes.append((level, float(cell), None))
        elif tables.is_value(cell) and not tables.is_aside(column.name):
            values[column.name] = numerals.value_of(cell)
    if not axes and found[0] and not tables.is_value(found[0]):
        values = {f"{found[0]}/{name}": value for name, value in values.items()}
    return tables.Row(values, axes) if values else None


def _told(columns: list[tables.Column], found: list[str]) -> dict[str, float]:
    """Of a box with a column of metrics' names and one of values: the row's one value."""
    cells = {column.name.lower(): cell for column, cell in zip(columns, found, strict=True)}
    name, value = cells.get("metric", ""), cells.get("value", "")
    if not name or not tables.is_value(value):
        return {}
    full = f"{found[0]}/{name}" if found[0] and found[0] != name else name
    error = cells.get("stderr", "")
    return {full: numerals.value_of(value)} | ({f"{full}_stderr": numerals.value_of(error)} if tables.is_value(error) else {})


def _pairs(rows: list[list[str]]) -> tables.Row | None:
    group, values = "", {}
    axes: list[tuple[int, float, float | None]] = []
    for name, cell in rows:
        if not cell and name.endswith("/"):
            group = name
        elif tables.is_value(cell):
            full = f"{group}{name}"
            if names.AXES.get(names.plain(name), 0) == 4:
                axes.append((4, numerals.value_of(cell), None))
            else:
                values[full] = numerals.value_of(cell)
    plain = [(names.axis(name), value, name) for name, value in values.items() if "/" not in name]
    for level, value, name in plain:
        if level is not None and not axes and value.is_integer():
            axes.append((level, value, None))
            del values[name]
    is_report = axes or any("/" in name for name in values)
    kept = (
        values if is_report else {name: value for name, value in values.items() if names.is_metric(name, measured=not value.is_integer())}
    )
    return tables.Row(kept, axes) if kept and any(names.is_metric(name, measured=True) for name in kept) else None
