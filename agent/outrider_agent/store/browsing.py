"""
What the portal asks of a store, beyond what commands ask: pages of runs, what came since, parts of a long log.

Reads only, in short transactions; each method is one. As in `reading`, every method may raise `Unavailable` and `SchemaTooNew`, and, where
it takes a run id, `NotFound`.
"""

from __future__ import annotations

import bisect
import itertools
import json
import os
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from outrider_agent.core import points as packing
from outrider_agent.store import origins, paging, progress, queries, reading, records

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

SQL, SHOW = queries.load("portal"), queries.load("show")

Sort = Literal["number", "started", "duration", "status", "name", "experiment", "metric", "param", "tag"]
#: Orders that are by a value of a name: `metric:loss`.
SORTS_BY_NAME = ("metric", "param", "tag")
#: What the completion of a query offers of each kind of name.
NAMES = 200

#: More new points of a series than these are not handed out one by one: whoever draws asks for buckets.
MANY_POINTS = 2_000
#: What one look hands out of a run's log at most; who is further behind gets its end, and is told so.
LOOK_RECORDS = 1_000
LOOK_CHUNKS = 500
LOOK_BYTES = 1 << 20
#: A sparkline decodes so many points at most.
SPARK_POINTS = 8_192


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """
    Which runs, in which order. `query` is of core/query.py; `by` is the name of the metric, parameter or tag to sort by. `metrics`: those
    that come with each run; None: all. `removed`: those that were deleted and not purged yet, instead of the others.
    """

    experiment: str | None = None
    status: str | None = None
    text: str | None = None
    parent: str | None = None
    query: str | None = None
    removed: bool = False
    sort: Sort = "started"
    by: str | None = None
    down: bool = True
    limit: int = 50
    offset: int = 0
    metrics: tuple[str, ...] | None = None

    def asked(self) -> dict[str, Any]:
        """The parameters of its queries."""
        asked = msgspec.structs.asdict(self)
        return {name: value for name, value in asked.items() if name not in ("metrics", "query")}


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A run of a page, with its metrics; how far it is, while it runs."""

    run: records.Run
    series: Sequence[records.Series]
    progress: progress.Progress | None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page of runs; `total` counts all that fit, `statuses` those that fit but for their status."""

    runs: Sequence[Listed]
    total: int
    statuses: Mapping[str, int]


class Head(NamedTuple):
    """What a metric of a run is called."""

    name: str
    source: str
    kind: str


#: Of the metrics of several runs, each run's in the order they appeared, the names of those that are wanted.
Choice = Callable[[Sequence[Sequence[Head]]], Collection[str]]


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What runs have: names of metrics, parameters, tags and properties, those that most runs have first."""

    metrics: Sequence[str]
    params: Sequence[str]
    tags: Sequence[str]
    properties: Sequence[str]


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment, how its runs ended, and the last of them."""

    experiment: records.Experiment
    statuses: Mapping[str, int]
    last: records.Run | None


class News(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a series: its points from ordinal `first` on; None where they are too many to hand out."""

    key: int
    series: records.Series
    first: int
    points: Sequence[records.Point] | None


class Since(msgspec.Struct, frozen=True, kw_only=True):
    """What came since the last look. `skipped`: more of the log came than is handed out; what is here is its end."""

    run: records.Run
    logs: Sequence[records.LogRecord]
    console: Sequence[records.ConsoleChunk]
    skipped: bool
    series: Sequence[News]
    versions: int


class Browser(origins.Origins):
    """A store's contents, as the portal asks for them."""

    def overviews(self) -> list[Overview]:
        """Every experiment, the one that was used last first."""
        with self._snapshots.open() as connection:
            of_name: dict[str, list[sqlite3.Row]] = {}
            for row in connection.execute(SQL.overviews):
                of_name.setdefault(row["name"], []).append(row)
            latest = [max(rows, key=lambda row: (row["last_started"], row["run_key"])) for rows in of_name.values()]
            last = paging.runs(connection, [row["run_key"] for row in latest])
        overviews = [_overview(rows, run) for rows, run in zip(of_name.values(), last, strict=True)]
        return sorted(overviews, key=lambda one: -(one.experiment.last_started or 0))

    def page(self, wanted: Wanted, now: int, choose: Choice | None = None) -> Page:
        """
        A page of runs. `choose`: which of their metrics come with them, instead of `wanted.metrics`; they have twenty each, or two hundred,
        and a list shows four. Raises `language.Wrong` for a query that cannot be read.
        """
        statement, given = paging.statement(wanted, now)
        with self._snapshots.open() as connection:
            found = connection.execute(statement, given).fetchall()
            keys = [row["run_key"] for row in found if row["status"] is None]
            statuses = {row["status"]: int(row["runs"]) for row in found if row["status"] is not None}
            total = sum(statuses.values()) if wanted.status is None else statuses.get(wanted.status, 0)
            metrics = wanted.metrics if choose is None else choose(_heads(connection, keys))
            names = None if metrics is None else json.dumps(list(metrics))
            series: dict[int, list[records.Series]] = {}
            for row in connection.execute(SQL.series_of, {"runs": json.dumps(keys), "names": names}):
                series.setdefault(row["run_key"], []).append(reading.convert(records.Series, row))
            runs = paging.runs(connection, keys)
            # How far it is is asked only of those that run.
            far = [None if run.is_over else progress.of(connection, run, now) for run in runs]
        listed = [Listed(run=run, series=series.get(key, []), progress=one) for key, run, one in zip(keys, runs, far, strict=True)]
        return Page(runs=listed, total=total, statuses=statuses)

    def names(self, experiment: str | None = None) -> Names:
        """What there is to ask for, in an experiment or in all."""
        with self._snapshots.open() as connection:
            found = {
                kind: [str(row[0]) for row in connection.execute(SQL.names.replace("{table}", table).replace("{name}", column),
                                                                 {"experiment": experiment, "limit": NAMES})]
                for kind, table, column in (("metrics", "series", "name"), ("params", "params", "key"), ("tags", "tags", "key"),
                                            ("properties", "properties", "key"))
            }  # fmt: skip
        return Names(**found)

    def sparklines(self, runs: Sequence[str], names: Sequence[str], count: int) -> dict[str, dict[str, list[float | None]]]:
        """
        The course of some metrics of some runs in at most `count` values each, by run and name: the last value of each part. Of a long
        series each value is that of the chunk that the part ends in; runs and metrics that are not there are left out.
        """
        found: dict[str, dict[str, list[float | None]]] = {}
        with self._snapshots.open() as connection:
            for row in connection.execute(SQL.spark_series, {"runs": json.dumps(list(runs)), "names": json.dumps(list(names))}):
                found.setdefault(row["run_id"], {})[row["name"]] = _sparkline(connection, row, count)
        return found

    def since(self, run_id: str, after_log: int, after_console: int, counts: Mapping[int, int] | None, attempt: int | None = None) -> Since:
        """
        What came of a run, its log of one attempt or of all. `counts`: how many points of each series (by key) are known; None: all
        are told, without points.
        """
        with self._snapshots.open() as connection:
            key = reading.run_key(connection, run_id)
            given = {"run_key": key, "attempt": attempt, "level": -(2**62)}
            logs, more_logs = _newest(connection, "logs", {**given, "after": after_log}, LOOK_RECORDS)
            console, more_console = _newest(connection, "console", {**given, "after": after_console}, LOOK_CHUNKS)
            series = [_news(connection, row, counts) for row in connection.execute(SQL.keyed_series, {"run_key": key}).fetchall()]
            chunks = [reading.convert(records.ConsoleChunk, row) for row in console]
            kept = _within_bytes(chunks)
            return Since(
                run=self._one(connection, run_id),
                logs=[reading.convert(records.LogRecord, row) for row in logs],
                console=kept,
                skipped=more_logs or more_console or len(kept) < len(chunks),
                series=[one for one in series if one is not None],
                versions=int(connection.execute(SQL.versions, {"run_key": key}).fetchone()[0]),
            )

    def points_from(self, run_id: str, name: str, source: str | None, first: int, limit: int) -> list[records.Point]:
        """A metric's points from that ordinal on, at most `limit`. Raises `NotFound`."""
        with self._snapshots.open() as connection:
            return _points_from(connection, int(reading.find_series(connection, run_id, name, source)["series_key"]), first, limit)

    def logs_before(
        self, run_id: str, before: int, limit: int, min_level: int = -(2**62), attempt: int | None = None
    ) -> list[records.LogRecord]:
        """The last `limit` log records before that one, in the order committed."""
        found = self._of_run(SQL.logs_before, run_id, before=before, limit=limit, level=min_level, attempt=attempt)
        return [reading.convert(records.LogRecord, row) for row in found[::-1]]

    def console_before(self, run_id: str, before: int, limit: int, attempt: int | None = None) -> list[records.ConsoleChunk]:
        """The last `limit` chunks of the console before that one, in the order committed."""
        return self.console(run_id, limit=limit, last=True, before=before, attempt=attempt)

    def keys_at(self, run_id: str, time: int) -> tuple[int, int]:
        """The keys of the first log record and of the first chunk of the console that are not before that time, or greater than all."""
        with self._snapshots.open() as connection:
            given = {"run_key": reading.run_key(connection, run_id)}
            logs = _key_at(connection, SQL.log_bounds, SQL.log_from, given, time)
            return logs, _key_at(connection, SQL.console_bounds, SQL.console_from, given, time)

    def log_texts(self, run_id: str, after: int, limit: int, attempt: int | None = None) -> list[tuple[int, int, str]]:
        """(key, time, message) of log records after that key, in the order committed."""
        return [tuple(row) for row in self._of_run(SQL.log_texts, run_id, after=after, limit=limit, attempt=attempt)]

    def log_counts(self, run_id: str) -> dict[str, int]:
        """How many warnings and errors the run logged."""
        with self._snapshots.open() as connection:
            row = connection.execute(SHOW.log_counts, {"run_id": run_id}).fetchone()
        return {"warnings": int(row["warnings"]), "errors": int(row["errors"])}

    def file(self, run_id: str, path: str, version: int | None) -> records.Artifact | None:
        """A version of a file of the run, or its last; None where there is none."""
        found = self._of_run(SQL.blob, run_id, path=os.fsencode(path), version=version)
        return reading.convert(records.Artifact, found[0], path=os.fsdecode(found[0]["path"])) if found else None

    def _one(self, connection: sqlite3.Connection, run_id: str) -> records.Run:
        row = connection.execute(reading.SQL.run, {"run_id": run_id}).fetchone()
        return self._run(connection, row)


def _heads(connection: sqlite3.Connection, keys: Sequence[int]) -> list[list[Head]]:
    """What the metrics of these runs are called."""
    found: dict[int, list[Head]] = {key: [] for key in keys}
    for key, name, source, kind in connection.execute(SQL.heads_of, {"runs": json.dumps(list(keys))}):
        found[key].append(Head(name, source, kind))
    return list(found.values())


def _overview(rows: Sequence[sqlite3.Row], last: records.Run) -> Overview:
    """Of an experiment's statuses, a row each."""
    statuses = {row["status"]: int(row["runs"]) for row in rows}
    experiment = records.Experiment(
        name=rows[0]["name"],
        created=rows[0]["created"],
        runs=sum(statuses.values()),
        running=statuses.get("Running", 0),
        last_started=last.started,
    )
    return Overview(experiment=experiment, statuses=statuses, last=last)


def _newest(connection: sqlite3.Connection, name: str, given: dict[str, Any], limit: int) -> tuple[list[sqlite3.Row], bool]:
    """What came after, the end of it where it is more than the limit; and whether it was."""
    after = {"logs": reading.SQL.logs, "console": reading.SQL.console}[name]
    found = connection.execute(after, {**given, "limit": limit + 1}).fetchall()
    if len(found) <= limit:
        return found, False
    last = {"logs": reading.SQL.last_logs, "console": reading.SQL.last_console}[name]
    return connection.execute(last, {**given, "limit": limit, "before": reading.NO_KEY}).fetchall()[::-1], True


def _key_at(connection: sqlite3.Connection, bounds: str, probe: str, given: dict[str, Any], time: int) -> int:
    """By halving: within a run, keys grow as time does, but for what came by several processes at once."""
    row = connection.execute(bounds, given).fetchone()
    if row["first"] is None:
        return reading.NO_KEY
    low, high = int(row["first"]), int(row["last"]) + 1
    while low < high:
        middle = (low + high) // 2
        found = connection.execute(probe, {**given, "key": middle}).fetchone()
        if found is None or found["time"] >= time:
            high = middle
        else:
            low = int(found["key"]) + 1
    return low


def _within_bytes(chunks: list[records.ConsoleChunk]) -> list[records.ConsoleChunk]:
    """The last chunks that fit, one at least."""
    size, place = 0, len(chunks)
    while place and (size == 0 or size + len(chunks[place - 1].data) <= LOOK_BYTES):
        place -= 1
        size += max(1, len(chunks[place].data))
    return chunks[place:]


def _news(connection: sqlite3.Connection, row: sqlite3.Row, counts: Mapping[int, int] | None) -> News | None:
    key = row["series_key"]
    if counts is None:
        return News(key=key, series=reading.convert(records.Series, row), first=0, points=None)
    have = counts.get(key)
    if have == row["count"]:
        return None
    series = reading.convert(records.Series, row)
    first = 0 if have is None or have > series.count else have
    few = series.count - first <= MANY_POINTS
    return News(key=key, series=series, first=first, points=_points_from(connection, key, first, MANY_POINTS) if few else None)


def _sparkline(connection: sqlite3.Connection, row: sqlite3.Row, count: int) -> list[float | None]:
    """Values at even distances: the points' own, or, where they are many, those of the chunks in which they lie."""
    if row["count"] > SPARK_POINTS:
        chunks = connection.execute(SQL.spark_chunks, {"series_key": row["series_key"]}).fetchall()
        ends = list(itertools.accumulate(size for size, _ in chunks))
        values: list[Any] = [last for _, last in chunks]
        places = [bisect.bisect_left(ends, (place + 1) * ends[-1] // count) for place in range(count)] if ends else []
    else:
        values = reading.read_columns(connection, row).values
        size = len(values)
        places = [(place + 1) * size // count - 1 for place in range(count)] if size > count else list(range(size))
    return [packing.real(value) if isinstance(value, int | float) else None for value in (values[place] for place in places)]


def _points_from(connection: sqlite3.Connection, series_key: int, first: int, limit: int) -> list[records.Point]:
    # A chunk holds one point at least.
    given = {"series_key": series_key, "have": first, "chunks": limit}
    found: list[records.Point] = []
    for row in connection.execute(SQL.points_from, given):
        columns = packing.unpack(*tuple(row)[1:])
        skip = max(0, first - row["first"])
        found += records.points_of(columns, skip)
        if len(found) >= limit:
            break
    return found[:limit]
