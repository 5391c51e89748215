"""
Points and rows out of the bytes of a segment, quickly: a million of them in about a second. Pure.

Our own writers spell them in one way, so a pattern finds them, and a script that logs the same names at each step repeats a cycle of them,
which one pattern finds at once. What is spelled otherwise is left to who parses JSON.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Pattern, Tuple

    #: What it is, times (None where nobody asked), name, texts: of values, of lists, of rows, of log records' metrics, of whole lines.
    Part = Tuple[str, Optional[List[bytes]], bytes, List[bytes]]

POINTS, LISTS, ROWS, RECORDS, OTHERS = "m", "ls", "rw", "l", ""

_TEXT = rb'"[ !#-\[\]-~]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-\[\]-~]*)*"'
_VALUE = rb'(?:-?(?:0|[1-9]\d{0,300})(?:\.\d+)?(?:[eE][+-]?\d{1,4})?|true|false|null|\["(?:NaN|-?Infinity)"\]|' + _TEXT + rb")"
_CELL = _TEXT + rb":" + _VALUE
_LIST = rb"\[(?:" + _VALUE + rb"(?:," + _VALUE + rb"){0,1000})?\]"
_ROW = rb"\{" + _CELL + rb"(?:," + _CELL + rb"){0,1000}\}"
_DESCRIPTION = rb'(?:,"d":' + _TEXT + rb")?"
_REST = rb'(?:,"s":-?\d+)?' + _DESCRIPTION + rb"\}\n"
_SAID = rb'(?:,"[a-z]{1,8}":' + _VALUE + rb")*"
_LINE = re.compile(
    rb'\{"k":"(?:m|(rw)|(ls))","t":(\d{1,19}),"n":(' + _TEXT + rb'),"(?(1)c|v)":((?(1)' + _ROW
    + rb"|(?(2)" + _LIST + rb"|" + _VALUE + rb"))" + rb")" + _REST
    + rb'|\{"k":"l","t":(\d{1,19})' + _SAID + rb',"m":(' + _ROW + rb')(?:,"s":-?\d+)?(?:,"x":' + _ROW + rb")?\}\n"
    + rb"|([^\n]+)\n"
)  # fmt: skip
_POINT = re.compile(rb'^\{"k":"m","t":\d{1,19},"n":(' + _TEXT + rb'),"v":(' + _VALUE + rb")" + _REST, re.MULTILINE)
_RECORD = re.compile(
    rb'^\{"k":"l","t":\d{1,19}' + _SAID + rb',"m":(' + _ROW + rb')(?:,"s":-?\d+)?(?:,"x":' + _ROW + rb")?\}\n", re.MULTILINE
)
_CHUNK = 4 << 20
_HEAD = 16 << 10
_LONGEST = 32


def parts(data: bytes, *, with_times: bool) -> Iterator[Part]:
    """
    What whole lines hold, in order: points, lists or rows of a name, metrics of log records, or lines that are something else. Points and
    records of which nobody wants the times (`with_times`) may come without.

    Of a cycle of names each name's points come together: within a name the order holds.
    """
    start = 0
    while start < len(data):
        size = _CHUNK if start else _HEAD  # a segment begins with a header
        end = data.find(b"\n", min(start + size, len(data)) - 1) + 1 or len(data)
        chunk = data[start:end].lstrip(b"\n")
        found = None if with_times else _in_cycles(chunk) or _of_one_kind(chunk)
        if found is None:
            yield from _one_by_one(chunk)
        else:
            yield from found
        start = end


def _one_by_one(chunk: bytes) -> Iterator[Part]:
    """Of points and rows those of a name together; what else there is ends that, for a list's place among its name's points counts."""
    groups: dict[tuple[str, bytes], tuple[list[bytes], list[bytes]]] = {}
    together = ""
    for row, many, time, name, text, logged, metrics, other in _LINE.findall(chunk):
        kind = OTHERS if other else RECORDS if metrics else ROWS if row else LISTS if many else POINTS
        if kind is not together:
            yield from _taken(groups)
            together = kind
        group = groups.get((kind, name))
        if group is None:
            group = groups[kind, name] = ([], [])
        group[0].append(time or logged)
        group[1].append(text or metrics or other)
    yield from _taken(groups)


def _taken(groups: dict[tuple[str, bytes], tuple[list[bytes], list[bytes]]]) -> Iterator[Part]:
    for (kind, name), (times, texts) in groups.items():
        yield kind, times, name, texts
    groups.clear()


def _in_cycles(chunk: bytes) -> list[Part] | None:
    """The chunk's points, where it is nothing but a cycle of different names, over and over; else None."""
    head = _LINE.findall(chunk[: chunk.rfind(b"\n", 0, _HEAD) + 1])
    names = [one[3] for one in head]
    if len(head) < 4 or not all(map(_is_point, head)):
        return None
    period = names.index(names[0], 1) if names[0] in names[1:] else len(names)
    cycle = names[:period]
    if period > _LONGEST or period * 2 > len(names) or len(set(cycle)) < period:
        return None
    found = _pattern(cycle).findall(chunk)
    rest = chunk.count(b"\n") - chunk.count(b"\n\n") - len(found) * period
    if not 0 <= rest < period:
        return None
    # A line that was skipped somewhere shifts what is left at the end: it does not begin as the cycle does.
    tail = _LINE.findall(chunk[-_HEAD:])[-rest:] if rest else []
    if [one[3] for one in tail] != cycle[:rest] or not all(map(_is_point, tail)):
        return None
    columns = [list(column) for column in zip(*found)] if period > 1 else [found]
    for place, one in enumerate(tail):
        columns[place].append(one[4])
    return [(POINTS, None, name, column) for name, column in zip(cycle, columns)]


def _of_one_kind(chunk: bytes) -> list[Part] | None:
    """The chunk's points, or metrics of log records, where it is nothing but these; else None. Two thirds of what any lines take."""
    is_point = chunk.startswith(b'{"k":"m"')
    if not is_point and not chunk.startswith(b'{"k":"l"'):
        return None
    found = (_POINT if is_point else _RECORD).findall(chunk)
    if len(found) != chunk.count(b"\n") - chunk.count(b"\n\n"):
        return None
    if not is_point:
        return [(RECORDS, None, b"", found)]
    groups: dict[bytes, list[bytes]] = {}
    for name, text in found:
        group = groups.get(name)
        if group is None:
            group = groups[name] = []
        group.append(text)
    return [(POINTS, None, name, texts) for name, texts in groups.items()]


def _is_point(found: tuple[bytes, ...]) -> bool:
    row, many, _, name, *_ = found
    return bool(name) and not row and not many


def _pattern(cycle: list[bytes]) -> Pattern[bytes]:
    lines = [rb'\{"k":"m","t":\d{1,19},"n":' + re.escape(name) + rb',"v":(' + _VALUE + rb")" + _REST + rb"\n?" for name in cycle]
    return re.compile(b"".join(lines))
