"""
A run's text as it happened: console chunks made into lines again, woven with log records by time, and told apart from their own echoes.

Pure: takes chunks and records, returns entries. Memory is bounded by the longest line and a few hundred records, whatever the run's length.
"""

from __future__ import annotations

import collections
import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STREAMS = {1: "stdout", 2: "stderr"}
LOG = "log"

#: A line that never ends is broken here, so that memory is bounded.
LONGEST_LINE = 1 << 20
#: How long after a record its own print on the console may be read by the keeper.
ECHO_WINDOW_NS = 5_000_000_000
#: How many records that were not yet seen on the console are remembered.
REMEMBERED = 256

_CLOCK = re.compile(r"\d\d:\d\d")
_MARKS = re.compile(r"\b(DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\b", re.IGNORECASE)


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
    """A line of the console, without its newline. `whole` is False for one that has no end (yet)."""

    time: int
    stream: str
    text: str
    whole: bool = True


class _Partial:
    __slots__ = ("began", "data", "expected")

    def __init__(self) -> None:
        self.data = bytearray()
        self.began = 0
        self.expected = 0


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
        *complete, rest = chunk.data.split(b"\n")
        for piece in complete:
            began = partial.began if partial.data else chunk.time
            partial.data += piece
            lines.append(Line(began, stream(chunk.fd), text(partial.data)))
            partial.data.clear()
        if rest:
            if not partial.data:
                partial.began = chunk.time
            partial.data += rest
        if len(partial.data) > LONGEST_LINE:
            lines.append(self._take(which, whole=False))
        return lines

    def rest(self) -> list[Line]:
        """What has no newline yet, and forgets it."""
        return sorted(self._take(which, whole=False) for which, partial in self._partials.items() if partial.data)

    def _take(self, which: tuple[int, int], *, whole: bool) -> Line:
        partial = self._partials[which]
        line = Line(partial.began, stream(which[1]), text(partial.data), whole)
        partial.data.clear()
        return line


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
    pieces = [piece for piece in line.split("\r") if piece]
    return pieces[-1] if pieces else ""


class _Said(NamedTuple):
    time: int
    first: str
    logger: str
    following: tuple[str, ...]


class Echoes:
    """
    Tells console lines that are a log record's own print from others, so that an event is shown once.

    Records and lines are offered by time; a record is always older than its print. Missing an echo shows a line twice; taking a real print
    for one would hide it. So where more than the message stands on the line, the rest must look like a logging format's prefix.
    """

    def __init__(self) -> None:
        self._said: collections.deque[_Said] = collections.deque(maxlen=REMEMBERED)
        self._following: dict[str, collections.deque[str]] = {}

    def record(self, time: int, message: str, logger: str | None, after: str = "") -> None:
        """A log record; `after` is what a formatter appends: traceback and stack."""
        first, *more = message.split("\n")
        if first.strip():
            self._said.append(_Said(time, first.rstrip(), logger or "root", tuple(more) + tuple(after.split("\n") if after else ())))

    def is_echo(self, line: Line) -> bool:
        """Is this line the print of a record that was offered before?"""
        plain = shown(line.text).rstrip()
        following = self._following.get(line.stream)
        if following:
            if plain == following[0].rstrip():
                following.popleft()
                return True
            following.clear()
        for index, said in enumerate(self._said):
            if 0 <= line.time - said.time <= ECHO_WINDOW_NS and _is_print_of(plain, said):
                del self._said[index]
                self._following[line.stream] = collections.deque(said.following)
                return True
        return False


def _is_print_of(line: str, said: _Said) -> bool:
    if line == said.first:
        return True
    if not line.endswith(said.first):
        return False
    prefix = line[: -len(said.first)]
    return bool(said.logger in prefix or _CLOCK.search(prefix) or _MARKS.search(prefix))
