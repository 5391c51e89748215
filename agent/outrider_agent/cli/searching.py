"""
A run's log around a moment, and the lines of it that hold a text. For the portal: each call is bounded in what it reads and in time.

Lines are found in the raw bytes and decoded only where they hold what is looked for, so a gigabyte takes seconds.
"""

from __future__ import annotations

import re
import sys
import time as clock
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.cli import format as fmt
from outrider_agent.cli import journal, transcript
from outrider_agent.core import literals

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outrider_agent.store import browsing, records

#: A search answers after so long with what it has, and says where to go on.
LONGEST_S = 0.5
LOGS, CHUNKS = 5_000, 64
#: After so many lines that hold what an expression needs and are no match, the rest is matched as it is.
TRIED = 50
#: A hit shows so many characters of its line.
SHOWN = 400
#: After a moment no more of the console is read than this.
NEAR_BYTES = 8 << 20


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


class Found(NamedTuple):
    """Hits in the order of time, and where to go on: keys of the last record and chunk looked at; None where that was all."""

    hits: list[Hit]
    next: tuple[int, int] | None


class Wanted:
    """What is looked for, in any case (of other letters than ASCII's only as it is spelled). Raises `re.error`."""

    def __init__(self, text: str, *, is_regex: bool) -> None:
        spelled = text.encode("utf-8", "surrogateescape")
        self._pattern = re.compile(spelled, re.IGNORECASE | re.MULTILINE) if is_regex else None
        #: What is looked for, or what is in whatever is, the longest first.
        self._texts = [one.encode("utf-8", "surrogateescape").lower() for one in (literals.needed(text) if is_regex else [text])]

    def ready(self, data: bytes) -> bytes:
        """The data as `find` takes it, of the same length: done once for many finds."""
        return data.lower() if self._texts else data

    def find(self, data: bytes, start: int = 0, end: int = sys.maxsize) -> int:
        """Where it is first; -1 where it is not."""
        if self._pattern is None:
            return data.find(self._texts[0], start, end)
        end, tried = min(end, len(data)), 0
        while self._texts and tried < TRIED:  # of most lines it is certain without a match that they do not hold it
            at, *others = [data.find(one, start, end) for one in self._texts]
            if min([at, *others]) < 0:
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
        return all(one in looked for one in self._texts) and (self._pattern is None or self._pattern.search(looked) is not None)


def search(
    store: browsing.Browser, run_id: str, wanted: Wanted, since: tuple[int, int], limit: int, *, attempt: int | None = None
) -> Found:
    """Looks on from there: first through the log records, then through the console."""
    until = clock.monotonic() + LONGEST_S
    hits: list[Hit] = []
    log, console = since
    while len(hits) < limit and clock.monotonic() < until:
        texts = store.log_texts(run_id, log, LOGS, attempt)
        if not texts:
            break
        hits += [Hit(time, transcript.LOG, _shown(text)) for _, time, text in texts if wanted.is_in(text.encode("utf-8", "replace"))]
        log = texts[-1][0]
    else:
        return Found(hits, (log, console))
    rest: dict[int, bytes] = {}
    while (len(hits) < limit and clock.monotonic() < until) or any(rest.values()):
        chunks = store.console(run_id, after=console, limit=CHUNKS, attempt=attempt)
        if not chunks:
            hits += [Hit(0, transcript.stream(fd), _shown(_text(line))) for fd, line in rest.items() if line and wanted.is_in(line)]
            return Found(_timed(hits), None)
        for chunk in chunks:
            hits += _in_chunk(chunk, rest, wanted)
        console = chunks[-1].key
        if clock.monotonic() > until + LONGEST_S:  # a line without an end: it is looked at in pieces
            break
    return Found(_timed(hits), (log, console))


def _in_chunk(chunk: records.ConsoleChunk, rest: dict[int, bytes], wanted: Wanted) -> Iterator[Hit]:
    """The lines that end in this chunk and hold it; what has no end yet is kept in `rest`."""
    data = rest.get(chunk.fd, b"") + chunk.data
    begins = chunk.offset + len(chunk.data) - len(data)
    end = data.rfind(b"\n") + 1
    rest[chunk.fd] = data[end:]
    looked, place = wanted.ready(data), 0
    while place < end and (found := wanted.find(looked, place, end)) >= 0:
        start, place = data.rfind(b"\n", 0, found) + 1, data.find(b"\n", found) + 1 or end
        stream = transcript.stream(chunk.fd)
        yield Hit(chunk.time, stream, _shown(_text(data[start:place])), Place(chunk.attempt, stream, begins + start))


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").rstrip("\r\n")


def _shown(text: str) -> str:
    return fmt.shorten(text, SHOWN)


def _timed(hits: list[Hit]) -> list[Hit]:
    """Lines whose end is missing stand last."""
    return sorted(hits, key=lambda hit: hit.time or 2**63)


def around(
    store: browsing.Browser, run_id: str, time: int, count: int, *, attempt: int | None = None, place: Place | None = None
) -> journal.Ending:
    """
    About `count` lines around that moment, or around a place that was written then or soon after, woven. `logs` and `console` are the keys
    up to which it goes.
    """
    log, chunk = store.keys_at(run_id, time)
    half = max(1, count // 2)
    logs = [*store.logs_before(run_id, log, half, attempt=attempt), *store.logs(run_id, after=log - 1, limit=half, attempt=attempt)]
    before, has_more = journal.last_chunks(store, run_id, half + 1, attempt, before=chunk)
    ahead = None if place is None or any(place.is_in(one) for one in before) else place
    after, goes_on = _chunks_from(store, run_id, chunk, half, attempt=attempt, place=ahead)
    lines = list(transcript.lines([*before, *after]))
    if has_more:
        lines = journal.begun(lines)
    is_many = len(logs) >= 2 * half
    low = max((one[0].time for one, is_cut in ((logs, is_many), (before, has_more)) if is_cut), default=0)
    high = min((one[-1].time for one, is_cut in ((logs, is_many), (after, goes_on)) if is_cut), default=2**63)
    entries = [journal.Entry(one.time, record=one) for one in logs] + [journal.Entry(one.time, line=one) for one in lines]
    told = journal.woven(store, run_id, [one for one in sorted(entries, key=journal.when) if low <= one.time <= high])
    return journal.Ending(_near(told, time, count, place), False, logs[-1].key if logs else 0, after[-1].key if after else 0)


def _chunks_from(
    store: browsing.Browser, run_id: str, key: int, count: int, *, attempt: int | None, place: Place | None
) -> tuple[list[records.ConsoleChunk], bool]:
    """Chunks from that one on that hold so many lines, counted from the place on where one is given. And whether there are more."""
    found: list[records.ConsoleChunk] = []
    size, lines, asked = 0, 0, journal.FEW_CHUNKS
    while lines <= count and size < NEAR_BYTES:
        page = store.console(run_id, after=found[-1].key if found else key - 1, limit=asked, attempt=attempt)
        for chunk in page:
            if place is not None and place.is_in(chunk):
                place = None
            size += len(chunk.data)
            lines += chunk.data.count(b"\n") if place is None else 0
        found += page
        if len(page) < asked:
            return found, False
        asked *= 2
    return found, True


def _near(entries: Sequence[journal.Entry], time: int, count: int, place: Place | None) -> list[journal.Entry]:
    """So many of them, in the middle what is meant."""
    middle = next((at for at, one in enumerate(entries) if one.time >= time), len(entries))
    if place is not None:
        middle = next((at for at, one in enumerate(entries) if one.line is not None and _has(one.line, place)), middle)
    first = max(0, min(middle - count // 2, len(entries) - count))
    return list(entries[first : first + count])


def _has(line: transcript.Line, place: Place) -> bool:
    return (line.attempt, line.stream) == place[:2] and line.offset <= place.offset < line.offset + max(1, line.length)
