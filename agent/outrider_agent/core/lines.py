"""
Bytes of a segment as lines: where they end, where to cut them. Pure; what a line means is `decode.py`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWLINE = b"\n"


def complete(data: bytes) -> int:
    """How many of the bytes are complete lines: up to and with the last newline."""
    return data.rfind(NEWLINE) + 1


def cut(data: bytes, limit: int) -> int:
    """The length of a prefix of complete lines that holds about `limit` of them; at least one where there is one."""
    lines = data.count(b"\n{") or data.count(NEWLINE)
    if lines <= limit:
        return complete(data)
    end = data.rfind(NEWLINE, 0, max(1, len(data) * limit // lines)) + 1
    return end or data.find(NEWLINE, 1) + 1 or complete(data)


def pieces(data: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """The data in pieces of complete lines of about `size` bytes, each with its offset. The last may lack its newline."""
    start = 0
    while start < len(data):
        end = data.find(NEWLINE, start + size) + 1 or len(data)
        yield start, data[start:end]
        start = end


def each(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, each with its offset and without its newline."""
    start = 0
    for line in data.split(NEWLINE):
        if line:
            yield start, line
        start += len(line) + 1
