"""
Bytes of a segment as lines: where they end, where to cut them. Pure; what a line means is `decode.py`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWLINE = b"\n"
#: Lines are counted in samples of so many bytes.
SAMPLE = 32 << 10


def complete(data: bytes) -> int:
    """How many of the bytes are complete lines: up to and with the last newline."""
    return data.rfind(NEWLINE) + 1


def count(data: bytes) -> int:
    """
    About how many lines are not empty: exactly in few bytes of one writer, from samples in many (counting all costs as much as decoding).

    Our writers put a newline before and after each line, so there are half as many as newlines.
    """
    sampled = data if len(data) <= 4 * SAMPLE else data[:SAMPLE] + data[len(data) // 2 : len(data) // 2 + SAMPLE]
    found = sampled.count(NEWLINE) * len(data) // max(1, len(sampled))
    return -(-found // (2 if data.find(b"\n\n", 0, 4096) >= 0 else 1))


def cut(data: bytes, limit: int) -> int:
    """The length of a prefix of complete lines, at most about `limit` of them (but one where there is one)."""
    end, found = complete(data), count(data)
    while found > limit:
        end = data.rfind(NEWLINE, 0, min(end - 1, max(1, end * limit // found))) + 1
        if end <= 1:
            return data.find(NEWLINE, 1) + 1 or complete(data)
        found = count(data[:end])
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
