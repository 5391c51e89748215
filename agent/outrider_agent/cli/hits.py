"""
What a search looks for, and the lines of a console that hold it. Pure: chunks in, hits out.

Lines are found in the raw bytes and decoded only where they hold what is looked for, so a gigabyte takes seconds.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.cli import format as fmt
from outrider_agent.cli import transcript
from outrider_agent.core import literals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from outrider_agent.store import records

#: After so many lines that hold what an expression needs and are no match, the rest is matched as it is.
TRIED = 50
#: A hit shows so many characters of its line.
SHOWN = 400
#: A line that is longer is looked at in pieces.
LINE_BYTES = 2 << 20


class Place(NamedTuple):
    """Where a line of the console is: `offset`, of a byte of it, counts in its stream of that attempt."""

    attempt: int
    stream: str
    offset: int

    def __str__(self) -> str:
        return f"{self.attempt}.{self.stream}.{self.offset}"

    def is_in(self, chunk: records.ConsoleChunk) -> bool:
        """Does the chunk have that byte?"""
        here = (chunk.attempt, transcript.stream(chunk.fd)) == (self.attempt, self.stream)
        return here and chunk.offset <= self.offset < chunk.offset + len(chunk.data)


class Hit(NamedTuple):
    """A line, or a record's message, that holds it. `place`: of a line."""

    time: int
    stream: str
    text: str
    place: Place | None = None


class Wanted:
    """What is looked for, in any case (of other letters than ASCII's only as it is spelled). Raises `re.error`."""

    def __init__(self, text: str, *, is_regex: bool) -> None:
        spelled = text.encode("utf-8", "surrogateescape")
        self._pattern = re.compile(spelled, re.IGNORECASE | re.MULTILINE) if is_regex else None
        #: What is looked for, or what is in whatever is, the longest first; of an expression any of such sets.
        self._sets = [
            [one.encode("utf-8", "surrogateescape").lower() for one in pieces]
            for pieces in (literals.choices(text) if is_regex else [[text]])
        ]

        #: Else: characters of which so many stand in a row in whatever it is, each as 1, and that row.
        atom, count = literals.row(text) if is_regex and not self._sets else ("", 0)
        one = re.compile(atom.encode("utf-8", "surrogateescape"), re.IGNORECASE)
        self._table = bytes(one.fullmatch(bytes([byte])) is not None for byte in range(256))
        self._row = b"\1" * count

    def ready(self, data: bytes) -> bytes:
        """The data as `find` takes it, of the same length: done once for many finds."""
        return data.lower() if self._sets else data

    def find(self, data: bytes, start: int = 0, end: int = sys.maxsize) -> int:
        """Where it is first; -1 where it is not."""
        if self._pattern is None:
            return data.find(self._sets[0][0], start, end)
        end, tried = min(end, len(data)), 0
        if self._row:
            at = data[start:end].translate(self._table).find(self._row)
            if at < 0:
                return -1
            start = data.rfind(b"\n", start, start + at) + 1 or start
        while self._sets and tried < TRIED:  # of most lines it is certain without a match that they do not hold it
            at = min((place for pieces in self._sets if (place := _all_in(data, pieces, start, end)) >= 0), default=-1)
            if at < 0:
                return -1
            begin, stop = data.rfind(b"\n", start, at) + 1 or start, data.find(b"\n", at, end)
            found = self._pattern.search(data, begin, end if stop < 0 else stop)
            if found is not None:
                return found.start()
            if stop < 0:
                return -1
            start, tried = stop + 1, tried + 1
        found = self._pattern.search(data, start, end)
        return -1 if found is None else found.start()

    def is_in(self, data: bytes) -> bool:
        """Is it in there? An expression may reach over several lines of a message."""
        looked = self.ready(data)
        may_be = not self._sets or any(all(one in looked for one in pieces) for pieces in self._sets)
        return may_be and (self._pattern is None or self._pattern.search(looked) is not None)


def _all_in(data: bytes, pieces: list[bytes], start: int, end: int) -> int:
    """Where the first of the pieces is; -1 where one of them is not."""
    at, *others = [data.find(one, start, end) for one in pieces]
    return -1 if min([at, *others]) < 0 else at


class _Rest(NamedTuple):
    """What a stream has since its last end of a line: begins at `offset`, was last written to at `time`."""

    data: bytes
    attempt: int
    offset: int
    time: int


class Lines:
    """
    Looks through the lines of chunks. A line that goes on behind them can be read to its end (`ended_by`), so each is looked at once, where
    it begins; `told` are the streams (descriptor, attempt) whose first line was looked at so by who came before.
    """

    def __init__(self, wanted: Wanted, told: Iterable[tuple[int, int]] = ()) -> None:
        self._wanted = wanted
        self._rest: dict[int, _Rest] = {}
        #: Of these the line that goes on is passed over.
        self._passed = set(told)
        self._ended: set[tuple[int, int]] = set()

    @property
    def are_open(self) -> bool:
        """Is there a line without its end?"""
        return bool(self._rest)

    @property
    def told(self) -> frozenset[tuple[int, int]]:
        """Whose next line, behind the chunks of `of`, has been looked at."""
        return frozenset(self._ended | self._passed)

    def of(self, chunk: records.ConsoleChunk) -> Iterator[Hit]:
        """The lines that end in this chunk and hold it; what has no end yet is kept."""
        data, begins = chunk.data, chunk.offset
        if (chunk.fd, chunk.attempt) in self._passed:
            stop = data.find(b"\n") + 1
            if not stop:
                return
            data, begins = data[stop:], begins + stop
            self._passed.remove((chunk.fd, chunk.attempt))
        rest = self._rest.pop(chunk.fd, None)
        if rest is not None and (rest.attempt != chunk.attempt or len(rest.data) > LINE_BYTES):
            yield from self._whole(chunk.fd, rest)
        elif rest is not None:
            data, begins = rest.data + data, rest.offset
        end = data.rfind(b"\n") + 1
        if end < len(data):
            self._rest[chunk.fd] = _Rest(data[end:], chunk.attempt, begins + end, chunk.time)
        looked, place = self._wanted.ready(data), 0
        while place < end and (found := self._wanted.find(looked, place, end)) >= 0:
            start, place = data.rfind(b"\n", 0, found) + 1, data.find(b"\n", found) + 1 or end
            yield _hit(chunk.fd, _Rest(data[start:place], chunk.attempt, begins + start, chunk.time))

    def ended_by(self, chunk: records.ConsoleChunk) -> Iterator[Hit]:
        """Takes no more of this chunk than the end of a line that began before it."""
        rest = self._rest.pop(chunk.fd, None)
        if rest is None:
            return
        stop = 0
        if rest.attempt == chunk.attempt:
            stop = chunk.data.find(b"\n") + 1
            rest = _Rest(rest.data + chunk.data[: stop or None], rest.attempt, rest.offset, chunk.time)
            self._ended.add((chunk.fd, chunk.attempt))
        if stop or rest.attempt != chunk.attempt:
            yield from self._whole(chunk.fd, rest)
        else:
            self._rest[chunk.fd] = rest

    def last(self, *, is_all: bool) -> Iterator[Hit]:
        """What has no end still. With `is_all` there is none: nothing came after it. Else it is a piece of a line, and the rest another."""
        for fd, rest in self._rest.items():
            yield from self._whole(fd, rest)
        if not is_all:
            self._ended -= {(fd, rest.attempt) for fd, rest in self._rest.items()}
        self._rest.clear()

    def _whole(self, fd: int, line: _Rest) -> Iterator[Hit]:
        if self._wanted.is_in(line.data):
            yield _hit(fd, line)


def _hit(fd: int, line: _Rest) -> Hit:
    stream = transcript.stream(fd)
    return Hit(line.time, stream, shown(line.data.decode("utf-8", "replace").rstrip("\r\n")), Place(line.attempt, stream, line.offset))


def shown(text: str) -> str:
    """As much of it as a hit shows."""
    return fmt.shorten(text, SHOWN)
