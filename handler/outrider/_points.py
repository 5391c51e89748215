"""
Points out of the bytes of a segment, quickly: a million of them in well under a second. Pure.

Our own writers spell a point in one way, so a pattern finds it, and a script that logs the same names at each step repeats a cycle of them,
which one pattern finds at once. What is spelled otherwise is left to who parses JSON.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Iterator, Pattern

_PLAIN = rb'"[ !#-\[\]-~]*"'
_VALUE = rb"-?(?:0|[1-9]\d{0,300})(?:\.\d+)?(?:[eE][+-]?\d{1,4})?|true|false|null|" + _PLAIN
_POINT = re.compile(rb'\{"k":"m","t":(\d{1,19}),"n":(' + _PLAIN + rb'),"v":(' + _VALUE + rb')(?:,"s":-?\d+)?\}\n|([^\n]+)\n')
_CHUNK = 4 << 20
_HEAD = 16 << 10
_LONGEST = 32


def parts(data: bytes, *, with_times: bool) -> Iterator[tuple[list[bytes] | None, bytes, list[bytes], bytes]]:
    """
    What whole lines hold, in order: points of a name (their times only `with_times`), or one line that is something else.

    Of a cycle of names each name's points come together: within a name the order holds.
    """
    start = 0
    while start < len(data):
        size = _CHUNK if start else _HEAD  # a segment begins with a header
        end = data.find(b"\n", min(start + size, len(data)) - 1) + 1 or len(data)
        chunk = data[start:end].lstrip(b"\n")
        found = None if with_times else _in_cycles(chunk)
        if found is None:
            yield from _one_by_one(chunk)
        else:
            yield from found
        start = end


def _one_by_one(chunk: bytes) -> Iterator[tuple[list[bytes] | None, bytes, list[bytes], bytes]]:
    times: list[bytes] = []
    values: list[bytes] = []
    present = b""
    for time, name, value, other in _POINT.findall(chunk):
        if name != present:
            if present:
                yield times, present, values, b""
            times, values, present = [], [], name
        if other:
            yield None, b"", [], other
        else:
            times.append(time)
            values.append(value)
    if present:
        yield times, present, values, b""


def _in_cycles(chunk: bytes) -> list[tuple[list[bytes] | None, bytes, list[bytes], bytes]] | None:
    """The chunk's points, where it is nothing but a cycle of different names, over and over; else None."""
    head = _POINT.findall(chunk[: chunk.rfind(b"\n", 0, _HEAD) + 1])
    names = [name for _, name, _, _ in head]
    if len(names) < 4 or b"" in names:
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
    tail = _POINT.findall(chunk[-_HEAD:])[-rest:] if rest else []
    if [name for _, name, _, _ in tail] != cycle[:rest]:
        return None
    columns = [list(column) for column in zip(*found)] if period > 1 else [found]
    for place, (_, _, value, _) in enumerate(tail):
        columns[place].append(value)
    return [(None, name, column, b"") for name, column in zip(cycle, columns)]


def _pattern(cycle: list[bytes]) -> Pattern[bytes]:
    lines = [rb'\{"k":"m","t":\d{1,19},"n":' + re.escape(name) + rb',"v":(' + _VALUE + rb')(?:,"s":-?\d+)?\}\n\n?' for name in cycle]
    return re.compile(b"".join(lines))
