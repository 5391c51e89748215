"""Tables: a heading with columns below it, by widths; reports with a row a class."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.core.extract import bars, names, numerals

if TYPE_CHECKING:
    from collections.abc import Iterable

_CELL = re.compile(r"[^\s|│┃]+(?: [^\s|│┃]+)*")
_WORD = re.compile(r"\[[^\[\]]*\]|\d+ days?\b(?: \d\d:\d\d:\d\d(?:\.\d+)?)?|\S+")  # a list and a span of days are one cell
_RULE = re.compile(r"^[\s|+]*[-=─━]{2,}(?:[\s|+┼╋]+[-=─━]+)*[\s|+]*$")
_VALUE = re.compile(r"[-+]?(?:\d[\d,]*+(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d+)?$|[-+]?(?:nan|inf)$", re.IGNORECASE)
_PROGRESS = re.compile(r"(\d+)/(\d+)$")
_ROW = re.compile(
    r"^\s*(?:[A-Za-z_][\w/.-]*(?: [\w/.()-]+){0,2}\s+)?(?:[-+]?[\d.][\d.eE+%/GMKB-]*+\s+){1,2}"
    r"(?:[-+]?[\d.]|nan\b|[-+]?inf\b|\S+\s+[-+]?[\d.])|^\s*\d+\s+\[\s?[-+]?\d"
    r"|^\s*[A-Za-z_]\w*:\s+\d+\s+\d\S*\s+[-+]?[\d.]"
)
_SHARED = re.compile(r"(\w+)&(\w+) (\w+)")
_ONE = re.compile(r"[A-Za-z_][\w/.-]{0,60}\s{2,60}-?\d+\.\d+$")
#: In a heading none of these is a column.
_SENTENCE = frozenset(
    {"the", "a", "an", "of", "to", "is", "are", "was", "with", "at", "by", "and", "or", "for", "this", "that", "it", "be"}
)
#: A row that begins with a time has no name: each would be a series of its own.
_MOMENT = re.compile(r"\d:\d\d|\d{4}-\d\d")
BARS = "|│┃║┆"
#: Words between two lines of one mark: over a part of a report, and over no columns.
_TITLE = re.compile(r"\s*([=#*~-])\1+ [^=#*~]*\w ?\1\1+\s*$")
#: A row below a metric's one column holds fewer values: its number and that one.
_ONLY = 3
#: A table is no wider.
WIDEST = 2000
#: Precision, recall and their mean, where nothing else stands in a heading.
_SHORT = frozenset({"p", "r", "f", "f1", "f-1", "f-score", "fscore"})
_ASIDE = frozenset({"support", "size", "cp", "(index)"})
_TIMES = frozenset({"time", "times", "elapsed", "seconds", "secs", "timestamp", "date", "duration"})
_AXES = {"e": 0, "#": 3, "iter": 3, "epoch": 0, "step": 3}


class Column(NamedTuple):
    """A column's name and where it stands."""

    name: str
    start: int
    stop: int


class Row(NamedTuple):
    """
    A table's row: its values by name, and its axes (level, value, total). `is_keyed`: the names begin with words of the row's own;
    `number`: the row's own, where it begins with one that stands below no column.
    """

    values: dict[str, float]
    axes: list[tuple[int, float, float | None]]
    is_keyed: bool = False
    number: int | None = None

    @property
    def is_numbered(self) -> bool:
        """Does it have its number and no other name or axis?"""
        return self.number is not None and not self.axes


def is_value(text: str) -> bool:
    """Is a cell a number and nothing else?"""
    return _VALUE.match(text) is not None


def is_moment(text: str) -> bool:
    """Does a cell hold a time of day, or a date?"""
    return _MOMENT.search(text) is not None


def is_aside(name: str) -> bool:
    """Is a column of that name no metric's: a time, a size, a place?"""
    found = names.words(name)
    return names.is_never(name) or name.lower() in _ASIDE or bool(_TIMES & set(found)) or found[:1] in {("param",), ("params",), ("rank",)}


def is_rule(text: str) -> bool:
    """Is it a line of dashes?"""
    return _RULE.match(text) is not None


def is_heading(text: str) -> bool:
    """Is it the heading of some table: indented names and no number?"""
    return (
        text.startswith("  ")
        and not text.rstrip().endswith((".", ":", ","))
        and len(cells_of := text.split()) > 1
        and not any(_VALUE.match(cell) for cell in cells_of)
    )


#: Over a list of results, whatever is drawn around the words.
_RESULTS = re.compile(r"(?i)[\W_]*(?:\w+ ){0,2}(?:results?|metrics|scores|evaluation)(?: \(\w+ \w+\))?[\W_]*$")
_RESULT = re.compile(r"\s{0,4}([A-Za-z](?:[\w()/.@-]| (?! )){0,60}?)\s{2,40}(-?\d+\.\d+)%?$")


def is_results(text: str) -> bool:
    """Does a line say that results follow, and nothing else?"""
    return len(text) < WIDEST and _RESULTS.match(text) is not None


def result(text: str) -> tuple[str, float] | None:
    """A name, blanks, and a measured value: an entry of a list of results."""
    found = _RESULT.match(text.rstrip()) if len(text) < WIDEST else None
    return (found[1].strip(), float(found[2])) if found and not is_aside(found[1]) else None


def may_be_row(text: str) -> bool:
    """Could it be one: a number first, or one behind a word or two, and more behind it?"""
    return len(text) < WIDEST and (_ROW.match(text) is not None or _ONE.match(text) is not None)


def header(above: list[str], row: str) -> list[Column] | None:
    """The columns over a row: `above` are the lines before it, the nearest last."""
    lines = [line for line in above if line.strip() and len(line) < WIDEST]
    if not lines or row.lstrip().startswith("count ") or _TITLE.match(lines[-1]):  # a summary of data begins so
        return None
    if is_rule(lines[-1]) and len(lines) > 1 and not is_rule(lines[-2]):
        if len(set(lines[-1].strip())) > 1:
            return _ruled(lines[-2], lines[-1])
        lines.pop()  # one line from end to end tells no widths
    return _named(lines, row)


def _named(lines: list[str], row: str) -> list[Column] | None:
    """The same where no line of dashes tells the widths."""
    head = bars.without(lines[-1]).removesuffix("\\").rstrip()  # it says: more columns stand further down
    if len(lines) > 1 and (indexed := _indexed(lines[-2], head)):
        return indexed
    columns = _apart(_columns(_CELL.finditer(head)), lines[:-1])
    if not any(_VALUE.match(column.name) for column in columns) and len(columns) == _keyed_cells(row):
        return columns
    if any(_VALUE.match(word) for word in head.split()):
        return None
    cells = len(_WORD.findall(unbarred(bars.without(row))))
    if len(lines) > 1 and (stacked := _stacked(lines[-2], head, cells)):
        return stacked
    if len(columns) == 1 and _is_only(lines[-1], row, columns[0]):
        return columns
    if is_header(columns) and len(columns) >= cells:
        return columns
    if _SENTENCE.isdisjoint(head.lower().split()):
        words = _apart(_columns(_WORD.finditer(unbarred(head))), lines[:-1])
        columns = next((one for one in (words, _close(head)) if len(one) == cells and is_header(one)), columns)
    return columns if is_header(columns) else None


def unbarred(text: str) -> str:
    """A row whose cells bars part, and that no bar begins: with blanks instead."""
    return text.replace("|", " ") if " | " in text else text


def _keyed_cells(row: str) -> int:
    """Of a row that a metric's name begins, and that holds nothing else but values (`RMSE (test)  0.5  0.6`): how many these are."""
    key, *found = _CELL.findall(row) or [""]
    is_keyed = all(_VALUE.match(cell) and "." in cell for cell in found) and names.is_metric(key, measured=True)
    return len(found) if is_keyed and len(found) > 1 else -1


def _close(head: str) -> list[Column]:
    """The columns of a heading whose names stand close: `#` begins one, `min&max std` are two."""
    columns: list[Column] = []
    for cell in _CELL.finditer(head):
        if shared := _SHARED.fullmatch(cell[0]):
            columns += [Column(f"{first} {shared[3]}", *cell.span()) for first in shared.group(1, 2)]
        elif "#" in cell[0]:
            columns += _columns(_WORD.finditer(head, *cell.span()))
        else:
            columns.append(Column(cell[0], *cell.span()))
    return columns


def _is_only(head: str, row: str, column: Column) -> bool:
    """Is it a metric's one column, over a row with a name or a number (of a table too wide for the page), flush with its value?"""
    is_flush = len(row.rstrip()) == column.stop and head.startswith("  ") and not _VALUE.match(row.strip())
    is_flush = is_flush and sum(map(is_value, row.split())) < _ONLY
    return is_flush and names.is_metric(column.name, measured=True)


def _indexed(upper: str, lower: str) -> list[Column] | None:
    """A heading whose index has its name on a line of its own, below and before the others."""
    word = _WORD.match(lower)
    if word is None or word.end() < len(lower.rstrip()) or names.axis(word[0]) is None:
        return None
    columns = _columns(_CELL.finditer(upper.rstrip().removesuffix("\\")))
    if not columns or columns[0].start < word.end() or not any(names.is_metric(column.name, measured=True) for column in columns):
        return None
    return [Column(word[0], *word.span()), *columns]


def _columns(cells: Iterable[re.Match[str]]) -> list[Column]:
    columns: list[Column] = []
    group = ""
    for cell in cells:
        name = cell[0]
        group = name.partition("(")[0] if "(" in name else group
        if group and any(column.name.strip(")") == name.strip(")") for column in columns):
            name = f"{group}({name.strip(')')})"  # `Box(P  R  mAP50)  Mask(P  R  mAP50)`
        columns.append(Column(_closed(name), *cell.span()))
    return columns


def _apart(columns: list[Column], above: list[str]) -> list[Column]:
    """Columns of one name: each with the heading over its group (`Train | Test`) before it, else with its number behind it."""
    known = [column.name for column in columns]
    if len(set(known)) == len(known):
        return columns
    groups = [(found.start(), found.end(), found[0].strip()) for line in above[-2:] if "|" in line for found in re.finditer(r"[^|]+", line)]
    made: list[Column] = []
    for place, column in enumerate(columns):
        name, middle = column.name, (column.start + column.stop) / 2
        if known.count(name) > 1:
            group = next((text for start, stop, text in groups if start <= middle < stop and text), "")
            number = known[: place + 1].count(name)
            name = f"{group}/{name}" if group else f"{name}_{number}" if number > 1 else name
        made.append(column._replace(name=name))
    return made


def _closed(name: str) -> str:
    """`Box(P` got its bracket at the end of the heading: each has its own."""
    if name.endswith(")") and "(" not in name:
        return name[:-1]
    return f"{name})" if "(" in name and ")" not in name else name


def _ruled(head: str, rule: str) -> list[Column] | None:
    """The rule's dashes give the widths."""
    columns = []
    for dashes in re.finditer(r"[-=─━]+", rule):
        name = head[dashes.start() : dashes.end()].strip(" |│")
        columns.append(Column(name, *dashes.span()))
    return columns if len(columns) > 1 and is_header(columns) else None


def _stacked(upper: str, lower: str, cells: int) -> list[Column] | None:
    first, second = list(_WORD.finditer(upper)), list(_WORD.finditer(lower))
    if not len(first) == len(second) == cells or any(_VALUE.match(word[0]) or word[0] in BARS for word in first):
        return None
    columns = [Column(f"{a[0]} {b[0]}", *b.span()) for a, b in zip(first, second, strict=True)]
    return columns if is_header(columns) else None


def is_header(columns: list[Column]) -> bool:
    """Does it name a metric, and something beside it? Or an axis, and much beside it?"""
    if any(names.is_metric(column.name, measured=True) for column in columns):
        return len(columns) > 1
    if len(columns) > 1 and all(column.name.lower() in _SHORT for column in columns):
        return True
    return len(columns) > 3 and names.axis(columns[0].name) is not None


def row(columns: list[Column], text: str, *, is_ruled: bool = False) -> Row | None:
    """A row's values; None where it is none of this table."""
    text = unbarred(bars.without(text))
    cells = list(_WORD.finditer(text))
    placed = _placed(columns, cells, is_ruled=is_ruled)
    if placed is None:
        return None
    values: dict[str, float] = {}
    axes: list[tuple[int, float, float | None]] = []
    keyed = _key(cells, text)
    if keyed and keyed.endswith(":"):  # whose rows these are: `BFGS:  3  0.5  0.1` below `Step  Energy  fmax`
        if " " in keyed or level(columns[0]) is None:
            return None
        keyed = None
    if keyed and (_MOMENT.search(keyed) or is_aside(keyed) or any(names.axis(column.name) is not None for column in columns)):
        return None
    for column, cell in placed:
        fine = level(column)
        if fine is not None and (progress := _PROGRESS.match(cell)):
            axes.append((fine, float(progress[1]), float(progress[2])))
        elif fine is not None and cell.isdigit():
            axes.append((fine, float(cell), None))
        elif not is_aside(column.name):
            values |= _values(column.name, cell)
    number = int(cells[0][0]) if _is_numbered(columns, cells) else None
    if not axes and keyed is None and number is None:
        return None
    return Row(_keyed(values, keyed), axes, keyed is not None, number)


def level(column: Column) -> int | None:
    """How fine an axis a column is; None: it is none."""
    return _AXES.get(column.name.lower(), names.axis(column.name))


def _values(name: str, cell: str) -> dict[str, float]:
    """What a cell holds: a number, or a list of them, of which each has its place behind the name."""
    if _VALUE.match(bare := cell.removesuffix("%")):
        return {name: numerals.value_of(bare)}
    found = [numerals.value_of(cell[start:stop]) for start, stop in numerals.elements(cell, 0)] if cell.startswith("[") else []
    if found and len(set(found)) > 1:
        return {f"{name}/{place}": value for place, value in enumerate(found)}
    bare = cell.strip("[]")
    return {name: found[0] if found else numerals.value_of(bare)} if found or (cell != bare and _VALUE.match(bare)) else {}


def _is_numbered(columns: list[Column], cells: list[re.Match[str]]) -> bool:
    """Does a row begin with its number, which no column is above, and stand flush with its columns behind it?"""
    return (
        len(cells) == len(columns) + 1
        and cells[0][0].isdigit()
        and cells[0].end() < columns[0].start
        and all(cell.end() == column.stop for column, cell in zip(columns, cells[1:], strict=True))
    )


def _keyed(values: dict[str, float], keyed: str | None) -> dict[str, float]:
    if not keyed or keyed == "all":
        return values
    if names.is_metric(keyed, measured=True) and len(values) == 1:
        return {keyed: next(iter(values.values()))}
    return {f"{keyed}/{name}": value for name, value in values.items()}


def _key(cells: list[re.Match[str]], text: str) -> str | None:
    """The words at the beginning of a row that name it; None where it begins with a number."""
    words = []
    for cell in cells:
        if _VALUE.match(cell[0]) or _PROGRESS.match(cell[0]):
            break
        words.append(cell)
    if not words or len(words) == len(cells):
        return None
    return text[words[0].start() : words[-1].end()]


def _placed(columns: list[Column], cells: list[re.Match[str]], *, is_ruled: bool) -> list[tuple[Column, str]] | None:
    """Each cell with its column: one by one where there are as many, else by where they stand."""
    if len(cells) == len(columns):
        return [(column, cell[0]) for column, cell in zip(columns, cells, strict=True)]
    placed, taken = [], set()
    for cell in cells:
        for number, column in enumerate(columns):
            overlaps = cell.start() < column.stop and column.start < cell.end()
            if number not in taken and (overlaps if is_ruled else abs(cell.end() - column.stop) <= 1 or overlaps):
                placed.append((column, cell[0]))
                taken.add(number)
                break
    return placed if len(placed) >= min(2, len(columns)) else None
