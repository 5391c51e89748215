"""
A run's console as it happened: chunks made into lines again, each with its place in the stream.

Pure: takes chunks, returns lines. Memory is bounded by the longest line, whatever the run's length.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from outrider_agent.core import frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Backspaces, and sequences that erase or move within the line.
_MOVES = re.compile(r"\x08|\x1b\[[0-9;]*[KCDGP]")
STREAMS = {1: "stdout", 2: "stderr"}
LOG = "log"

#: A line that never ends is broken here, so that memory is bounded.
LONGEST_LINE = 1 << 20


class Chunk(Protocol):
    """What the keeper read at once."""

    @property
    def attempt(self) -> int:
        """Of the run: each has streams of its own."""
        ...

    @property
    def fd(self) -> int:
        """1 or 2."""
        ...

    @property
    def offset(self) -> int:
        """Of its first byte in that stream."""
        ...

    @property
    def time(self) -> int:
        """When it was read, in nanoseconds."""
        ...

    @property
    def data(self) -> bytes:
        """The bytes."""
        ...


class Line(NamedTuple):
    """
    A line of the console, without its newline. `whole` is False for one that has no end (yet). Its bytes, the newline too, are `length`
    ones from `offset` on in the raw stream.
    """

    time: int
    stream: str
    text: str
    whole: bool = True
    offset: int = 0
    length: int = 0
    attempt: int = 1


class _Partial:
    __slots__ = ("began", "data", "expected", "offset")

    def __init__(self) -> None:
        self.data = bytearray()
        self.began = 0
        self.expected = 0
        self.offset = 0


class Assembler:
    """Makes lines of raw chunks, each stream of the console by itself. A line's time is when its first bytes were read."""

    def __init__(self) -> None:
        self._partials: dict[tuple[int, int], _Partial] = {}

    def feed(self, chunk: Chunk) -> list[Line]:
        """The lines that this chunk completes. A hole before it (refused bytes) ends the line before it."""
        which = (chunk.attempt, chunk.fd)
        partial = self._partials.setdefault(which, _Partial())
        lines = []
        if partial.data and chunk.offset != partial.expected:
            lines.append(self._take(which, whole=False))
        partial.expected = chunk.offset + len(chunk.data)
        at = chunk.offset
        *complete, rest = chunk.data.split(b"\n")
        for piece in complete:
            self._add(partial, chunk, at, piece)
            at += len(piece) + 1
            lines.append(self._take(which, whole=True))
        if rest:
            self._add(partial, chunk, at, rest)
        if len(partial.data) > LONGEST_LINE:
            lines.append(self._take(which, whole=False))
        return lines

    def _add(self, partial: _Partial, chunk: Chunk, at: int, piece: bytes) -> None:
        if not partial.data:
            partial.began, partial.offset = chunk.time, at
        partial.data += piece

    def rest(self) -> list[Line]:
        """What has no newline yet, and forgets it."""
        return sorted(self._take(which, whole=False) for which, partial in self._partials.items() if partial.data)

    def open(self) -> list[Line]:
        """What has no newline yet; it goes on."""
        return sorted(self._line(which, whole=False) for which, partial in self._partials.items() if partial.data)

    def _take(self, which: tuple[int, int], *, whole: bool) -> Line:
        line = self._line(which, whole=whole)
        self._partials[which].data.clear()
        return line

    def _line(self, which: tuple[int, int], *, whole: bool) -> Line:
        partial, (attempt, fd) = self._partials[which], which
        return Line(partial.began, stream(fd), text(partial.data), whole, partial.offset, len(partial.data) + whole, attempt)


def stream(fd: int) -> str:
    """The name of a stream of the console."""
    return STREAMS.get(fd, f"fd{fd}")


def text(data: bytes | bytearray) -> str:
    """The bytes as text; what is no UTF-8 as replacement characters. `--stream console` has the bytes themselves."""
    return data.decode("utf-8", "replace")


def lines(chunks: Iterable[Chunk]) -> Iterator[Line]:
    """All lines of the chunks, a partial last one too."""
    assembler = Assembler()
    for chunk in chunks:
        yield from assembler.feed(chunk)
    yield from assembler.rest()


def shown(line: str) -> str:
    """The line as a terminal would leave it: of a progress bar that rewrites itself by carriage returns, its last state."""
    if _MOVES.search(line):  # what moves within the line (Keras, rich) leaves more than its last piece; its colours are given up
        return frames.settled(line.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
    pieces = [piece for piece in line.split("\r") if piece]
    return pieces[-1] if pieces else ""
