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
    """The length of a prefix of complete lines that holds at most `limit` of them (but one where there is one)."""
    mark = b"\n{" if b"\n{" in data else NEWLINE
    end, found = complete(data), data.count(mark)
    while found > limit:
        shorter = data.rfind(NEWLINE, 0, min(end - 1, max(1, end * limit // found))) + 1
        if not data[:shorter].strip():
            return data.find(NEWLINE, 1) + 1 or complete(data)
        end, found = shorter, data.count(mark, 0, shorter)
    return end


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
