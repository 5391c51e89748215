"""
A run's console as it happened: chunks made into lines again, each with its place in the stream.

Pure: takes chunks, returns lines. Memory is bounded by the longest line, whatever the run's length.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

from outrider_agent.core import frames, redrawn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Backspaces, and sequences that erase or move within the line.
_MOVES = re.compile(r"\x08|\x1b\[[0-9;]*[KCDGP]")
STREAMS = {1: "stdout", 2: "stderr"}
LOG = "log"

#: A line that never ends is broken here, so that memory is bounded.
LONGEST_LINE = 1 << 20
#: So many lines may come again: of each stream those that the cursor reaches.
HELD = 4 * frames.HEIGHT


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
    ones from `offset` on in the raw stream. `again`: a line of that place was told before; this is what it has become. `writes`: of one
    that was drawn over, behind which bytes of the stream its last states stand.
    """

    time: int
    stream: str
    text: str
    whole: bool = True
    offset: int = 0
    length: int = 0
    attempt: int = 1
    again: bool = False
    writes: tuple[int, ...] = ()


class _Stream:
    """The line in progress; the last lines, and, while these are drawn over, the region."""

    __slots__ = ("above", "began", "data", "expected", "offset", "region")

    def __init__(self) -> None:
        self.data = bytearray()
        self.began = 0
        self.expected = 0
        self.offset = 0
        self.above: deque[redrawn.Drawn | Line] = deque(maxlen=frames.HEIGHT)
        self.region: redrawn.Region | None = None


class Assembler:
    """
    Makes lines of raw chunks, each stream of the console by itself. A line's time is when its first bytes were read.

    Lines that are drawn over (bars below one another, live tables) are open while they are, and told when that is over: as they were left.
    Those that had been told before come again.
    """

    def __init__(self) -> None:
        self._streams: dict[tuple[int, int], _Stream] = {}

    def feed(self, chunk: Chunk) -> list[Line]:
        """The lines that this chunk completes. A hole before it (refused bytes) ends the line before it."""
        which = (chunk.attempt, chunk.fd)
        now = self._streams.setdefault(which, _Stream())
        lines = []
        if (now.data or now.region) and chunk.offset != now.expected:
            lines += self._cut(which)
        now.expected = chunk.offset + len(chunk.data)
        if now.region is None and b"\x1b" not in chunk.data and b"\x1b" not in now.data[-redrawn.LONGEST :]:
            return lines + self._plain(which, chunk, chunk.data, chunk.offset)
        data, at = chunk.data, chunk.offset
        while data:
            if now.region is None:
                size = self._until_up(now, data)
                lines += self._plain(which, chunk, data[:size], at)
                if size == len(data) and not redrawn.goes_up(now.data):
                    break
                data, at = bytes(now.data) + data[size:], now.offset if now.data else at + size
                now.region = redrawn.Region(deque(_drawn(one) for one in now.above), at)
                now.data.clear()
            data, at, now.region.held = now.region.held + data, at - len(now.region.held), b""
            size = now.region.take(data, chunk.time)
            data, at = data[size : len(data) - len(now.region.held)], at + size
            if now.region.is_over:
                lines += self._leave(which, now, now.region)
        return lines

    def _plain(self, which: tuple[int, int], chunk: Chunk, data: bytes, at: int) -> list[Line]:
        """The lines that these bytes complete, where nothing moves the cursor up."""
        now, lines = self._streams[which], []
        *complete, rest = data.split(b"\n")
        for piece in complete:
            self._add(now, chunk, at, piece)
            at += len(piece) + 1
            lines.append(self._take(which, whole=True))
        if rest:
            self._add(now, chunk, at, rest)
        if len(now.data) > LONGEST_LINE:
            lines.append(self._take(which, whole=False))
        now.above.extend(lines[-frames.HEIGHT :])
        return lines

    def _until_up(self, now: _Stream, data: bytes) -> int:
        """Up to the line in which the cursor goes up; all, where it does not."""
        if redrawn.goes_up(now.data[-redrawn.LONGEST :] + data[: redrawn.LONGEST]):
            return 0
        up = redrawn.first_up(data)
        return len(data) if up < 0 else data.rfind(b"\n", 0, up) + 1

    def _add(self, now: _Stream, chunk: Chunk, at: int, piece: bytes) -> None:
        if not now.data:
            now.began, now.offset = chunk.time, at
        now.data += piece

    def rest(self) -> list[Line]:
        """What has no newline yet, and forgets it."""
        found = self.open()
        for now in self._streams.values():
            now.data.clear()
            now.region = None
        return found

    def open(self) -> list[Line]:
        """What has no newline yet, or is drawn over; it goes on."""
        found = [self._line(which, whole=False) for which, now in self._streams.items() if now.data]
        for which, now in self._streams.items():
            if now.region is not None:
                found += [_told(which, one, whole=False) for one in now.region.lines()]
        return sorted(found, key=lambda line: (line.time, line.stream, line.offset))

    def _cut(self, which: tuple[int, int]) -> list[Line]:
        """The stream ends here, or something is missing."""
        now = self._streams[which]
        if now.region is not None:
            return self._leave(which, now, now.region)
        return [self._take(which, whole=False)] if now.data else []

    def _leave(self, which: tuple[int, int], now: _Stream, region: redrawn.Region) -> list[Line]:
        drawn = region.lines()
        now.region = None
        now.above = deque(region.above, frames.HEIGHT)
        now.above.extend(drawn[-frames.HEIGHT :])
        return [_told(which, one, whole=True) for one in drawn]

    def _take(self, which: tuple[int, int], *, whole: bool) -> Line:
        line = self._line(which, whole=whole)
        self._streams[which].data.clear()
        return line

    def _line(self, which: tuple[int, int], *, whole: bool) -> Line:
        now, (attempt, fd) = self._streams[which], which
        return Line(now.began, stream(fd), text(now.data), whole, now.offset, len(now.data) + whole, attempt)


def _told(which: tuple[int, int], one: redrawn.Drawn, *, whole: bool) -> Line:
    attempt, fd = which
    return Line(one.time, stream(fd), one.text, whole, one.start, one.stop - one.start, attempt, one.is_again, one.writes)


def _drawn(one: redrawn.Drawn | Line) -> redrawn.Drawn:
    if isinstance(one, redrawn.Drawn):
        return one
    return redrawn.line(one.text, one.offset, one.offset + one.length, one.time)


def stream(fd: int) -> str:
    """The name of a stream of the console."""
    return STREAMS.get(fd, f"fd{fd}")


def text(data: bytes | bytearray) -> str:
    """The bytes as text; what is no UTF-8 as replacement characters. `--stream console` has the bytes themselves."""
    return data.decode("utf-8", "replace")


def lines(chunks: Iterable[Chunk]) -> Iterator[Line]:
    """All lines of the chunks, a partial last one too."""
    assembler = Assembler()

    def each() -> Iterator[Line]:
        for chunk in chunks:
            yield from assembler.feed(chunk)
        yield from assembler.rest()

    return settled(each())


def settled(told: Iterable[Line]) -> Iterator[Line]:
    """Lines as they were told, those that came again in the place of what they had been. Keeps the last ones back for that."""
    held: dict[tuple[int, str, int], Line] = {}
    for line in told:
        place = (line.attempt, line.stream, line.offset)
        held[place] = line._replace(again=held[place].again) if place in held else line
        if len(held) > HELD:
            yield held.pop(next(iter(held)))
    yield from held.values()


def shown(line: str) -> str:
    """The line as a terminal would leave it: of a progress bar that rewrites itself by carriage returns, its last state."""
    if _MOVES.search(line):  # what moves within the line (Keras, rich) leaves more than its last piece; its colours are given up
        return frames.settled(line.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
    pieces = [piece for piece in line.split("\r") if piece]
    return pieces[-1] if pieces else ""
