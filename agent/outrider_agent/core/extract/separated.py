"""
Separated values: a heading of names between commas, semicolons or tabs, and below it rows of as many cells.

Rows of data look the same, so the heading has to speak for itself: it names an axis, or a metric that is one wherever it stands.
"""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

from outrider_agent.core.extract import names, numerals, tables

_NAME = re.compile(r"[A-Za-z_#][\w ./@()%:#-]{0,80}$")
_SEPARATORS = "\t,;"
_LETTER = re.compile(r"[A-Za-z]")
#: Empty, as programs write it.
NOTHING = frozenset({"", "-", "--", "none", "null", "n/a", "na"})
_PAIR = re.compile(r"[A-Za-z]\s?[:=]\s?[-+]?[\d.]")
_FRACTION = re.compile(r"(\d+)/(\d+)$")
#: A heading has no more columns, and a row is no longer.
MOST, LONGEST = 200, 4000


class Heading(NamedTuple):
    """What parts the cells, and the columns' names."""

    separator: str
    names: list[str]


def may_be_row(text: str) -> bool:
    """Could it be one? What a heading says is not asked."""
    return len(text) < LONGEST and any(mark in text for mark in _SEPARATORS)


def may_head(above: str, row: str) -> bool:
    """Could `above` be the heading? A quick look: are there as many separators, and does it end with a name?"""
    return any(mark in row and above.count(mark) == row.count(mark) and _LETTER.search(above, above.rfind(mark)) for mark in _SEPARATORS)


def heading(above: str, row: str) -> Heading | None:
    """The heading that `above` is for a row directly below it; None where it is none."""
    separator = next((mark for mark in _SEPARATORS if mark in above and above.count(mark) == row.count(mark)), None)
    if separator is None or len(above) > LONGEST:
        return None
    found = _cells(above, separator)
    if not 1 < len(found) <= MOST or len(set(found)) < len(found) or not all(_NAME.match(name) for name in found):
        return None
    if not any(names.axis(name) is not None or names.is_metric(name, measured=False) for name in found):
        return None
    return Heading(separator, found)


def row(columns: list[str], separator: str, text: str) -> tables.Row | None:
    """A row's values by name; None where the line is none of this table."""
    if text.count(separator) != len(columns) - 1 or len(text) > LONGEST:
        return None
    cells = _cells(text, separator)
    if len(cells) != len(columns):
        return None
    values: dict[str, float] = {}
    axes: list[tuple[int, float, float | None]] = []
    texts: list[str] = []
    for name, cell in zip(columns, cells, strict=True):
        level = names.axis(name)
        if cell.lower() in NOTHING:
            continue
        bare = cell.removesuffix("%")
        if level is not None:
            if (found := _axis(level, cell)) is None:
                return None
            axes.append(found)
        elif tables.is_value(bare):
            if not tables.is_aside(name):
                values[name] = numerals.value_of(bare)
        elif names.is_metric(name, measured=False) or _PAIR.search(cell):
            return None  # prose with commas, names with their values
        else:
            texts.append(cell)
    return _keyed(values, axes, texts) if values else None


def _axis(level: int, cell: str) -> tuple[int, float, float | None] | None:
    if fraction := _FRACTION.match(cell):
        return level, float(fraction[1]), float(fraction[2])
    return (level, numerals.value_of(cell), None) if tables.is_value(cell) else None


def _keyed(values: dict[str, float], axes: list[tuple[int, float, float | None]], texts: list[str]) -> tables.Row:
    """Of several parts of the data, or without an axis of several things, each has series of its own: `val/loss`, `svm/accuracy`."""
    keys = (
        [text for text in texts if names.split_in(text) == text.lower()] if axes else [text for text in texts if not tables.is_moment(text)]
    )
    if keys:
        values = {f"{keys[0]}/{name}": value for name, value in values.items()}
    return tables.Row(values, axes, is_keyed=bool(keys))


def _cells(text: str, separator: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:  # a cell without an end
        return []
