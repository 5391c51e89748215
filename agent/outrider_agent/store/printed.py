"""
From the console's chunks to points: each stream read by an `Extractor`, whose state is kept in the transaction that writes its points.

So reading is exactly once however often the agent dies, and can begin again from the stored bytes at any time (`reread`). Lives within the
writer's transactions; after any that failed, `forget` must be called.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider_agent import errors
from outrider_agent.core import extract, frames, points, redrawn
from outrider_agent.core.extract import bars, drawing, rules
from outrider_agent.store import connect, migrate, printed_names, queries
from outrider_agent.store import series as series_store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from outrider_agent.core import decode

SQL = queries.load("printed")
#: So many streams' readers are kept in memory.
CACHED = 256
#: A line in progress keeps no more bytes: of a bar that is drawn over and over its last states.
LONGEST_TAIL, KEPT_TAIL = 256 << 10, 64 << 10
#: What reads a line with a counter that is drawn over, beside the rules for bars.
COUNTED = frozenset({"kv", "dict"})
#: While a run is read again, what was found is written after so many bytes.
REREAD_BYTES = 4 << 20

LEFT_OUT = (
    "The rule “{name}” took longer than {limit:g} s for several lines of stream {fd}, and was left out there from byte {offset} on: "
    "its pattern has too many ways to match. The output is kept whole; mend the pattern, and `outrider reread` reads it again."
)


class Source(NamedTuple):
    """A console stream: `stream_key` is that of the writer which brought it."""

    run_key: int
    attempt: int
    fd: int
    stream_key: int


class Chunk(NamedTuple):
    """Bytes of it."""

    offset: int
    time: int
    data: bytes


class Found(points.Columns):
    """A series' new points, and where each was read."""

    __slots__ = ("places", "rules", "stream")

    def __init__(self, stream: int) -> None:
        super().__init__()
        self.stream: int | None = stream
        self.places: list[list[int]] = []
        self.rules: list[str] = []


class StreamReader:
    """One stream's extractor, the line that is not finished, and the bar that is drawn there."""

    def __init__(self, user: Iterable[rules.Rule], offset: int = 0, tail: bytes = b"", state: str | None = None) -> None:
        self._user = tuple(user)
        known = {} if state is None else msgspec.json.decode(state)
        self.drawn = drawing.Drawing(known.pop("drawn", None), tail)
        self._again: Any = known.pop("again", None)  # what was read last from a row that is drawn again and again
        self.extractor = extract.Extractor(self._user, known or None)
        self.trouble: str | None = None  # what a rule did that it must not
        self.told = set(self.extractor.left_out)  # the rules that the run's notes say are left out
        self.offset, self.tail = offset, tail

    @property
    def state(self) -> dict[str, Any]:
        """What to hand to the next reader."""
        return {**self.extractor.state, "drawn": self.drawn.state} | ({} if self._again is None else {"again": self._again})

    def take(self, chunks: list[Chunk]) -> list[tuple[int, extract.Reading]]:
        """What these chunks complete, and what a bar shows meanwhile: (time, reading)."""
        found: list[tuple[int, extract.Reading]] = []
        pieces: list[bytes] = []
        for chunk in chunks:
            data = chunk.data[max(self.offset - chunk.offset, 0) :]  # what came before is read
            if chunk.offset > self.offset:  # what was refused in between is missing: the line before it ends there
                found += _timed(self._read(b"".join(pieces)) + self.finish(), chunks)
                pieces, self.offset = [], chunk.offset
            pieces.append(data)
            self.offset += len(data)
            if (frame := self.drawn.frame(data, chunk.time)) is not None:
                found += _timed(self._read(b"".join(pieces)), chunks)
                pieces = []
                found += [(chunk.time, one) for one in self._live(frame)]
        return found + _timed(self._read(b"".join(pieces)), chunks)

    def _read(self, data: bytes) -> list[extract.Reading]:
        start = self.offset - len(data) - len(self.tail)
        data = self.tail + data
        end = data.rfind(b"\n") + 1
        self.tail = data[end:] if len(data) - end <= LONGEST_TAIL else data[-KEPT_TAIL:]
        found = self._guarded(lambda: self.extractor.read(data[:end], start)) if end else []
        if self._again is None and not redrawn.goes_up(data[:end]):
            return found
        return [one for one in found if self._is_new(one, data[max(one.offset - start, 0) : one.offset - start + one.length])]

    def _is_new(self, one: extract.Reading, line: bytes) -> bool:
        """Not what the same row showed when it was drawn before; of lines that stand alone each is new."""
        told = [one.step, one.metrics] if redrawn.goes_up(line) else None
        is_new = told is None or told != self._again
        self._again = told
        return is_new

    def _live(self, frame: drawing.Frame) -> list[extract.Reading]:
        """What a frame of the bar shows. By an extractor that is thrown away: what a line leaves behind it leaves when it ends."""
        aside = extract.Extractor(self._user, self.extractor.state, is_live=True)
        found = self._guarded(lambda: aside.read(frame.text, self.offset - frame.before_end))
        is_drawn = bars.describes_drawn(frames.settled(frame.text).decode("utf-8", "replace")) is not None
        return [one for one in found if one.rule.startswith("bar.") or ((is_drawn or one.step == frame.reached) and one.rule in COUNTED)]

    def _guarded(self, work: Callable[[], list[extract.Reading]]) -> list[extract.Reading]:
        """The output is kept whatever a rule makes of it: one that fails costs these lines' points, and is told in the run's notes."""
        try:
            return work()
        except Exception as exc:  # noqa: BLE001 (docs/architecture.md, where errors are swallowed)
            self.trouble = f"{type(exc).__name__}: {exc}"
            self.extractor = extract.Extractor(self._user)
            return []

    def finish(self) -> list[extract.Reading]:
        """The last line, which nothing ended, and what was open."""
        tail, self.tail = self.tail, b""
        self.drawn = drawing.Drawing()
        found = self._guarded(lambda: self.extractor.read(tail, self.offset - len(tail))) if tail else []
        return found + self._guarded(self.extractor.finish)


def _timed(found: list[extract.Reading], chunks: list[Chunk]) -> list[tuple[int, extract.Reading]]:
    starts = [chunk.offset for chunk in chunks]
    return [(chunks[max(bisect_right(starts, one.offset + one.length) - 1, 0)].time, one) for one in found]


class PrintedWriter:
    """Reads what the console brings, and writes its points. `take` and `end` gather, `flush` writes."""

    def __init__(self, connection: sqlite3.Connection, series: series_store.SeriesWriter) -> None:
        self._connection = connection
        self._series = series
        self._names = printed_names.Names(connection)
        self._readers: dict[tuple[int, int, int], StreamReader] = {}
        self._chunks: dict[Source, list[Chunk]] = {}
        self._ended: set[tuple[int, int, int]] = set()

    def forget(self) -> None:
        """Drops what is cached and what was gathered."""
        self._names.forget()
        self._readers.clear()
        self._chunks.clear()
        self._ended.clear()

    def brought(self, run_key: int, attempt: int, said: decode.Run) -> None:
        """A run says how its console is to be read. What is wrong with that is told in its notes, and costs nothing else."""
        if not said.metrics and said.rules is None:
            return
        given = {"run_key": run_key, "attempt": attempt}
        new = (points.json_text(said.metrics or []), said.rules)
        if self._connection.execute(SQL.run_rules, given).fetchone() == new:
            return
        self._connection.execute(SQL.set_run_rules, {**given, "options": new[0], "file": new[1]})
        for key in [key for key in self._readers if key[:2] == (run_key, attempt)]:
            del self._readers[key]  # saved at the last flush
        for problem in rules.carried(said.metrics or [], said.rules)[1]:
            self._connection.execute(SQL.add_note, (run_key, said.t, 30, problem))

    def take(self, source: Source, chunk: Chunk) -> None:
        """A chunk of a stream."""
        self._chunks.setdefault(source, []).append(chunk)

    def end(self, run_key: int, attempt: int, stream_key: int, now: int) -> None:
        """A writer has ended: the last lines of the console that it brought are whole."""
        self._ended.add((run_key, attempt, stream_key))
        given = {"run_key": run_key, "attempt": attempt, "stream_key": stream_key}
        for row in self._connection.execute(SQL.open_readings, given).fetchall():
            source = Source(run_key, attempt, row[0], stream_key)
            if not self._chunks.get(source):
                last = self._connection.execute(SQL.last_chunk, {**given, "fd": row[0]}).fetchone()
                self._chunks[source] = [Chunk(self._reader(source).offset, last[0] if last else now, b"")]

    def flush(self) -> None:
        """Reads what was gathered, and writes what was found."""
        found: dict[tuple[int, str], Found] = {}
        for source, chunks in self._chunks.items():
            reader = self._reader(source)
            timed = reader.take(chunks)
            if (source.run_key, source.attempt, source.stream_key) in self._ended:
                timed += [(chunks[-1].time, one) for one in reader.finish()]
            for when, one in timed:
                _gather(found, source, when, one)
            self._save(source, reader)
            self._tell(source, reader, chunks)
        self._chunks.clear()
        self._ended.clear()
        for (run_key, name), columns in found.items():
            if not self._names.admits(run_key, name, columns.times[0]):
                continue
            first = self._series.add((run_key, "printed", name), columns, columns.stream)
            texts = columns.rules[0] if len(set(columns.rules)) == 1 else columns.rules
            self._connection.execute(SQL.add_origin, (*first, len(columns), points.json_text(columns.places), points.json_text(texts)))

    def _tell(self, source: Source, reader: StreamReader, chunks: list[Chunk]) -> None:
        for name in sorted({*reader.extractor.left_out} - reader.told):
            reader.told.add(name)
            text = LEFT_OUT.format(name=name, limit=rules.LIMIT_S, fd=source.fd, offset=reader.offset)
            self._connection.execute(SQL.add_note, (source.run_key, chunks[-1].time, 30, text))
        if reader.trouble is None:
            return
        message = (
            f"What was printed up to byte {reader.offset} of stream {source.fd} could not be read for metrics ({reader.trouble}). "
            "The output is kept whole; `outrider reread` reads it again, by a later version or without the rule that failed."
        )
        self._connection.execute(SQL.add_note, (source.run_key, chunks[-1].time, 30, message))
        reader.trouble = None

    def _reader(self, source: Source) -> StreamReader:
        key = source[:3]
        reader = self._readers.get(key)
        if reader is None:
            given = {"run_key": source.run_key, "attempt": source.attempt, "fd": source.fd}
            row = self._connection.execute(SQL.reading, given).fetchone()
            reader = StreamReader(self._rules(source), *(row or ()))
            if len(self._readers) >= CACHED:
                self._readers.clear()
            self._readers[key] = reader
        return reader

    def _rules(self, source: Source) -> list[rules.Rule]:
        """Those that the run brought, then its experiment's."""
        of_run = self._connection.execute(SQL.run_rules, {"run_key": source.run_key, "attempt": source.attempt}).fetchone()
        brought = rules.carried(points.parse(of_run[0]), of_run[1])[0] if of_run else []
        return [*brought, *made_rules(self._connection.execute(SQL.rules, {"run_key": source.run_key}).fetchall())]

    def _save(self, source: Source, reader: StreamReader) -> None:
        count, total = reader.extractor.progress(reader.tail) or (None, None)
        self._connection.execute(
            SQL.set_reading,
            {
                "run_key": source.run_key,
                "attempt": source.attempt,
                "fd": source.fd,
                "stream_key": source.stream_key,
                "offset": reader.offset,
                "tail": reader.tail,
                "state": points.json_text(reader.state),
                "unread": reader.extractor.unread,
                "count": count,
                "total": total,
            },
        )


def _gather(found: dict[tuple[int, str], Found], source: Source, when: int, one: extract.Reading) -> None:
    step, epoch = global_step(one), number(one.epoch)
    place = [source.attempt, source.fd, one.offset, one.length, one.line]
    for name, value in one.metrics.items():
        key = (source.run_key, series_name(name, one.split, one.rank))
        columns = found.get(key)
        if columns is None:
            columns = found[key] = Found(source.stream_key)
        elif columns.stream != source.stream_key:
            columns.stream = None
        columns.append(when, step, spelled(value), epoch)
        columns.places.append(place)
        columns.rules.append(one.rule)


def global_step(one: extract.Reading) -> int | float | None:
    """The step on one axis for the whole run: of a batch within its epoch, epoch · batches + batch."""
    step = one.step
    if one.is_batch and step is not None and one.total and one.epoch is not None:
        step = one.epoch * one.total + step
    return number(step)


def number(given: float | None) -> int | float | None:
    """A whole number as one; None for what is not finite."""
    if given is None or not math.isfinite(given):
        return None
    return int(given) if given.is_integer() else given


def series_name(name: str, split: str | None, rank: int | None) -> str:
    """A series of its own for each part of the data, and for each rank but the first."""
    if split and not name.lower().startswith(split):
        name = f"{split}/{name}"
    return f"{name} [rank {rank}]" if rank else name


def spelled(value: float) -> float | str:
    """As docs/spool.md spells it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def made_rules(rows: Iterable[tuple[str | None, str]]) -> list[rules.Rule]:
    """The users' rules. They were checked when they were made; one that is none any more is passed over."""
    found = []
    for name, pattern in rows:
        with contextlib.suppress(errors.BadRule):
            found.append(rules.Rule(pattern, name, f"user: {name or pattern}"))
    return found


def reread(path: str | os.PathLike[str], run_id: str, more: Iterable[rules.Rule] = (), *, drop_rules: bool = False) -> int:
    """
    Reads a run's console again, from its stored bytes: what was read before is replaced, in one transaction. Idempotent.

    `more`: rules that the run's experiment gets, for this and later reading; `drop_rules`: away with those it has. Returns how many points
    there are now. Raises `NotFound`, `Unavailable`.
    """
    where = os.fspath(path)
    if not os.path.exists(where):  # noqa: PTH110 (a path is what the store's functions take)
        raise errors.NotFound(f"There is no run “{run_id}”: there is no store yet.")
    with connect.translated(where), contextlib.closing(connect.writer(where)) as connection:
        migrate.check(connection, where)
        with connect.transaction(connection):
            row = connection.execute(SQL.run, {"run": run_id}).fetchone()
            if row is None:
                raise errors.NotFound(f"There is no run “{run_id}” in this store; nothing was read.")
            run_key, experiment_key, status = row
            _keep_rules(connection, experiment_key, more, drop_rules=drop_rules)
            connection.execute(SQL.forget_series, {"run_key": run_key})
            connection.execute(SQL.forget_readings, {"run_key": run_key})
            return _read_again(connection, run_key, is_over=status != "Running")


def _keep_rules(connection: sqlite3.Connection, experiment_key: int, more: Iterable[rules.Rule], *, drop_rules: bool) -> None:
    if drop_rules:
        connection.execute(SQL.drop_rules, {"experiment_key": experiment_key})
    for rule in more:
        given = {"experiment_key": experiment_key, "name": rule.metric, "pattern": rule.pattern}
        if not connection.execute(SQL.has_rule, given).fetchone():
            connection.execute(SQL.add_rule, {**given, "now": time.time_ns()})


def _read_again(connection: sqlite3.Connection, run_key: int, *, is_over: bool) -> int:
    writer = PrintedWriter(connection, series_store.SeriesWriter(connection))
    size, last = 0, None
    attempts: dict[int, tuple[int, int]] = {}
    for attempt, fd, offset, when, data, stream_key in connection.execute(SQL.chunks, {"run_key": run_key}):
        source = Source(run_key, attempt, fd, stream_key)
        if size > REREAD_BYTES or (last is not None and last != source):
            writer.flush()
            size = 0
        writer.take(source, Chunk(offset, when, data))
        size, last = size + len(data), source
        attempts[attempt] = (stream_key, when)
    writer.flush()
    newest = max(attempts, default=0)
    for attempt, (stream_key, when) in attempts.items():
        if is_over or attempt < newest:
            writer.end(run_key, attempt, stream_key, when)
    writer.flush()
    return int(connection.execute(SQL.count, {"run_key": run_key}).fetchone()[0])
