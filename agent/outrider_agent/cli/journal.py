"""
What a run logged and printed, read from the store in pages and told in the order of time; and what comes after, while somebody follows.

Memory is bounded: entries are sorted in a window of `WINDOW`, so a run with fewer is told exactly by time, and one with more nearly so.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

from outrider_agent.cli import transcript
from outrider_agent.core import echoes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from outrider_agent.store import reading, records

PAGE = 2_000
WINDOW = 100_000
#: So many chunks are read at first where the end of a console is looked for.
FEW_CHUNKS = 4
#: How long somebody who follows waits for what belongs before a line.
HOLD_S = 0.3


class Entry(NamedTuple):
    """A log record or a line of the console. `echo`: the key of the record that the line is a print of."""

    time: int
    record: records.LogRecord | None = None
    line: transcript.Line | None = None
    echo: int | None = None

    @property
    def stream(self) -> str:
        """`log`, `stdout` or `stderr`."""
        return transcript.LOG if self.line is None else self.line.stream

    @property
    def is_whole(self) -> bool:
        """Is it more than the beginning of a line?"""
        return self.line is None or self.line.whole

    @property
    def attempt(self) -> int:
        """Of the run."""
        return self.line.attempt if self.line is not None else self.record.attempt if self.record is not None else 1

    @property
    def id(self) -> str:
        """Names it within its run, for ever."""
        if self.line is not None:
            return f"{self.line.attempt}.{self.line.stream}.{self.line.offset}"
        return "" if self.record is None else str(self.record.key)

    @property
    def text(self) -> str:
        """The message, or the line."""
        if self.line is not None:
            return self.line.text
        return self.record.message if self.record is not None else ""


class Journal:
    """Reads one run, one attempt of it or all. Remembers how far it has come, so that `news()` goes on from there."""

    def __init__(self, store: reading.Reader, run_id: str, attempt: int | None = None) -> None:
        self.store = store
        self.run_id = run_id
        self.attempt = attempt
        self._after_log = 0
        self._after_console = 0
        self._held: list[tuple[float, Entry]] = []
        self._assembler = transcript.Assembler()
        self._echoes = echoes.Echoes()
        self.prints = Prints(store, run_id)

    def past(self, *, logs: bool = True, console: bool = True) -> Iterator[Entry]:
        """Everything that is in the store now, by time. A line without its end is kept for `news()` or `rest()`."""
        read_logs = self._records() if logs else iter(())
        read_lines = self._lines() if console else iter(())
        yield from self.marked(by_time(heapq.merge(read_logs, read_lines, key=when)))

    def is_over(self) -> bool:
        """Has the run ended? Asked before reading, everything that came until then is read after."""
        return self.store.run(self.run_id).is_over

    def news(self, now: float) -> list[Entry]:
        """
        What came since, by time; `now` in monotonic seconds. It is held for HOLD_S: a record may be read after its own print, and what was
        told is not taken back.
        """
        while True:
            came = self.store.changes_since(self.run_id, self._after_log, self._after_console, attempt=self.attempt)
            if not came.logs and not came.console:
                break
            self._after_log, self._after_console = came.after_log, came.after_console
            if came.logs:
                self.prints.look()
            self._held += [(now, Entry(one.time, record=one)) for one in came.logs]
            self._held += [(now, Entry(line.time, line=line)) for chunk in came.console for line in self._assembler.feed(chunk)]
            if len(self._held) > WINDOW:
                return self._told()
        ripe = max((entry.time for since, entry in self._held if now - since >= HOLD_S), default=-1)
        return self._told(ripe)

    def rest(self) -> list[Entry]:
        """What is held, and the lines that have no end yet."""
        return self._told() + list(self.marked([Entry(line.time, line=line) for line in self._assembler.rest()]))

    def _told(self, until: int | None = None) -> list[Entry]:
        """Tells what is held, up to that time."""
        told = [entry for _, entry in self._held if until is None or entry.time <= until]
        self._held = [(since, entry) for since, entry in self._held if until is not None and entry.time > until]
        return list(self.marked(sorted(told, key=when)))

    def chunks(self) -> Iterator[records.ConsoleChunk]:
        """The console's raw chunks from where it stands, as they were written."""
        while page := self.store.console(self.run_id, after=self._after_console, limit=PAGE, attempt=self.attempt):
            self._after_console = page[-1].key
            yield from page

    def _records(self) -> Iterator[Entry]:
        while page := self.store.logs(self.run_id, after=self._after_log, limit=PAGE, attempt=self.attempt):
            self.prints.look()
            self._after_log = page[-1].key
            for one in page:
                yield Entry(one.time, record=one)

    def _lines(self) -> Iterator[Entry]:
        told = (line for chunk in self.chunks() for line in self._assembler.feed(chunk))
        return (Entry(line.time, line=line) for line in transcript.settled(told))

    def marked(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """The entries, those marked that are echoes. They come by time."""
        return (mark(entry, self._echoes, self.prints) for entry in entries)


def mark(entry: Entry, echoed: echoes.Echoes, prints: Prints) -> Entry:
    """The entry, marked where it is an echo of one before it."""
    if entry.record is not None:
        echoed.record(entry.record, prints.of(entry.record))
    elif entry.line is not None:
        echo = echoed.echo_of(entry.line)
        return entry if echo is None else entry._replace(echo=echo)
    return entry


class Prints:
    """How each logger's records are printed, as the run's processes told it."""

    def __init__(self, store: reading.Reader, run_id: str) -> None:
        self._store = store
        self._run_id = run_id
        self._after = 0
        self._told: dict[tuple[str, str], list[tuple[int, list[dict[str, Any]]]]] = {}

    def of(self, record: records.LogRecord) -> list[dict[str, Any]] | None:
        """How this record is printed; None where its process told nothing of its logger."""
        told = self._told.get((record.writer, record.logger or "root"))
        if not told:
            return None
        place = bisect.bisect_right(told, record.time, key=lambda one: one[0])
        return told[max(place - 1, 0)][1]

    def look(self) -> None:
        """Reads what has been told since."""
        for one in self._store.prints(self._run_id, after=self._after):
            self._after = one.key
            told = self._told.setdefault((one.writer, one.logger), [])
            told.append((one.time, one.printers))
            told.sort(key=lambda one: one[0])


class Ending(NamedTuple):
    """The end of a run's log, by time. `whole`: it is all of it. `logs`, `console`: the keys of the last record and chunk in it, or 0."""

    entries: list[Entry]
    whole: bool
    logs: int
    console: int


def tail(store: reading.Reader, run_id: str, count: int, *, with_echoes: bool = False, attempt: int | None = None) -> list[Entry]:
    """The last entries (without echoes, or with them), found from the end: a long run costs no more than a short one."""
    return ending(store, run_id, count, with_echoes=with_echoes, attempt=attempt).entries


def ending(store: reading.Reader, run_id: str, count: int, *, with_echoes: bool = False, attempt: int | None = None) -> Ending:
    """The last `count` entries (without echoes, or with them), and how far they reach."""
    # Where echoes count, all that is read is told but for what an edge may have cut off.
    window = count + 2 * echoes.COMPARED if with_echoes else max(200, 4 * count)
    while True:
        found = _ending(store, run_id, window, attempt)
        shown = [entry for entry in found.entries if with_echoes or entry.echo is None]
        if found.whole or len(shown) >= count:
            return found._replace(entries=shown[-count:], whole=found.whole and len(shown) <= count)
        window *= 8


def _ending(store: reading.Reader, run_id: str, window: int, attempt: int | None) -> Ending:
    """What the last `window` records and chunks tell for certain, by time."""
    read_logs = store.logs(run_id, limit=window, last=True, attempt=attempt)
    chunks, is_cut = last_chunks(store, run_id, window, attempt)
    lines = list(transcript.lines(chunks))
    # Where one of the two was cut off, what the other has from before is not the whole story; nor is a line that may have begun before.
    edges = [read_logs[0].time] if len(read_logs) == window else []
    if is_cut:
        lines = begun(lines)
        edges.append(chunks[0].time)
    entries = [Entry(one.time, record=one) for one in read_logs] + [Entry(line.time, line=line) for line in lines]
    told = woven(store, run_id, sorted(entries, key=when))
    if edges:  # what stands first may be the print of a record that was cut off
        told = [entry for entry in told if entry.time >= max(edges)][echoes.COMPARED :]
    return Ending(told, not edges, read_logs[-1].key if read_logs else 0, chunks[-1].key if chunks else 0)


def woven(store: reading.Reader, run_id: str, entries: Iterable[Entry]) -> list[Entry]:
    """Entries by time, those marked that are echoes of others among them."""
    teller = Journal(store, run_id)
    teller.prints.look()
    return list(teller.marked(entries))


def last_chunks(
    store: reading.Reader, run_id: str, window: int, attempt: int | None, before: int | None = None
) -> tuple[list[records.ConsoleChunk], bool]:
    """
    The last `window` chunks (before one of them), or fewer that hold as many lines: a chunk may be a line, or thousands. And whether
    there are more.
    """
    found: list[records.ConsoleChunk] = []
    lines, size = 0, FEW_CHUNKS
    while len(found) < window and lines < window:
        asked = min(size, window - len(found))
        edge = found[0].key if found else before
        page = store.console(run_id, limit=asked, last=True, attempt=attempt, **({} if edge is None else {"before": edge}))
        found = [*page, *found]
        lines += sum(chunk.data.count(b"\n") for chunk in page)
        size *= 2
        if len(page) < asked:
            return found, False
    return found, True


def begun(lines: list[transcript.Line]) -> list[transcript.Line]:
    """Without the first line of each stream, where chunks before them were not read: it may have begun there."""
    firsts = {(line.attempt, line.stream): line for line in reversed(lines)}
    return [line for line in lines if line is not firsts[line.attempt, line.stream]]


def when(entry: Entry) -> int:
    """Its time."""
    return entry.time


def appended(record: records.LogRecord) -> str:
    """What a log formatter prints after the message: traceback and stack."""
    traceback = (record.exception or {}).get("traceback") or ""
    return "\n".join(part.rstrip("\n") for part in (traceback, record.stack or "") if part)


def by_time(entries: Iterable[Entry], window: int = WINDOW) -> Iterator[Entry]:
    """Nearly ordered entries, ordered: each is at most `window` places from where it belongs. Equal times keep their order."""
    heap: list[tuple[int, int, Entry]] = []
    for order, entry in zip(itertools.count(), entries):
        if len(heap) < window:
            heapq.heappush(heap, (entry.time, order, entry))
        else:
            yield heapq.heappushpop(heap, (entry.time, order, entry))[2]
    while heap:
        yield heapq.heappop(heap)[2]
