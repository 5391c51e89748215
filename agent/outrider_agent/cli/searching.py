"""
A run's log around a moment, and the lines of it that hold a text. For the portal: each call is bounded in what it reads and in time.

A search goes stretch by stretch, each an answer; the first is short, for somebody waits for it.
"""

from __future__ import annotations

import time as clock
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.cli import hits, journal, transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider_agent.store import browsing, records

#: A search answers after so long with what it has, and says where to go on; at first sooner.
LONGEST_S, FIRST_S = 0.5, 0.1
LOGS, CHUNKS, FEW_CHUNKS = 5_000, 16, 4
#: After a moment no more of the console is read than this.
NEAR_BYTES = 8 << 20


class Since(NamedTuple):
    """Where a search goes on: after the record and the chunk of these keys; `told` is what `hits.Lines` takes."""

    log: int = 0
    console: int = 0
    told: frozenset[tuple[int, int]] = frozenset()

    def __str__(self) -> str:
        return ".".join([f"{self.log}.{self.console}", *(f"{fd}-{attempt}" for fd, attempt in sorted(self.told))])


class Found(NamedTuple):
    """Hits in the order of time, and where to go on; None where that was all."""

    hits: list[hits.Hit]
    next: Since | None


def search(store: browsing.Browser, run_id: str, wanted: hits.Wanted, since: Since, limit: int, *, attempt: int | None = None) -> Found:
    """Looks on from there: first through the log records, then through the console."""
    until = clock.monotonic() + (LONGEST_S if any(since) else FIRST_S)
    found: list[hits.Hit] = []
    log = since.log
    while len(found) < limit and clock.monotonic() < until:
        texts = store.log_texts(run_id, log, LOGS, attempt)
        if not texts:
            rest = _in_console(store, run_id, wanted, since._replace(log=log), until=until, limit=limit - len(found), attempt=attempt)
            return Found(sorted(found + rest.hits, key=lambda hit: hit.time), rest.next)
        found += [
            hits.Hit(time, transcript.LOG, hits.shown(text)) for _, time, text in texts if wanted.is_in(text.encode("utf-8", "replace"))
        ]
        log = texts[-1][0]
    return Found(found, since._replace(log=log))


def _in_console(
    store: browsing.Browser, run_id: str, wanted: hits.Wanted, since: Since, *, until: float, limit: int, attempt: int | None
) -> Found:
    """The same, in the console: whole lines, the last of them to its end."""
    found: list[hits.Hit] = []
    lines, console, has_more = hits.Lines(wanted, since.told), since.console, True
    while has_more and len(found) < limit and clock.monotonic() < until:
        chunks = store.console(run_id, after=console, limit=CHUNKS, attempt=attempt)
        found += [hit for chunk in chunks for hit in lines.of(chunk)]
        console, has_more = chunks[-1].key if chunks else console, len(chunks) == CHUNKS
    at, size, goes_on = console, 0, has_more
    while goes_on and lines.are_open and size < hits.LINE_BYTES:
        chunks = store.console(run_id, after=at, limit=FEW_CHUNKS, attempt=attempt)
        found += [hit for chunk in chunks for hit in lines.ended_by(chunk)]
        at, size, goes_on = chunks[-1].key if chunks else at, size + sum(len(chunk.data) for chunk in chunks), len(chunks) == FEW_CHUNKS
    found += lines.last(is_all=not goes_on)
    return Found(found, since._replace(console=console, told=lines.told) if has_more else None)


def around(
    store: browsing.Browser, run_id: str, time: int, count: int, *, attempt: int | None = None, place: hits.Place | None = None
) -> journal.Ending:
    """
    About `count` lines around that moment, or around a place that was written then or soon after, woven. `logs` and `console` are the keys
    up to which it goes. `whole`: nothing is before them.
    """
    log, chunk = store.keys_at(run_id, time)
    half = max(1, count // 2)
    earlier = store.logs_before(run_id, log, half, attempt=attempt)
    logs = [*earlier, *store.logs(run_id, after=log - 1, limit=half, attempt=attempt)]
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
    shown = _near(told, time, count, place)
    is_first = not has_more and len(earlier) < half and all(one.time >= low for one in entries) and shown[:1] == told[:1]
    return journal.Ending(shown, is_first, logs[-1].key if logs else 0, after[-1].key if after else 0)


def _chunks_from(
    store: browsing.Browser, run_id: str, key: int, count: int, *, attempt: int | None, place: hits.Place | None
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


def _near(entries: Sequence[journal.Entry], time: int, count: int, place: hits.Place | None) -> list[journal.Entry]:
    """So many of them, in the middle what is meant."""
    middle = next((at for at, one in enumerate(entries) if one.time >= time), len(entries))
    if place is not None:
        middle = next((at for at, one in enumerate(entries) if one.line is not None and _has(one.line, place)), middle)
    first = max(0, min(middle - count // 2, len(entries) - count))
    return list(entries[first : first + count])


def _has(line: transcript.Line, place: hits.Place) -> bool:
    return (line.attempt, line.stream) == place[:2] and line.offset <= place.offset < line.offset + max(1, line.length)
