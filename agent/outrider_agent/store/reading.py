"""
Reads a store, for the CLI and the control server. Never writes, never holds a read transaction for long.

A store that does not exist (yet) reads as an empty one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from outrider_agent import errors
from outrider_agent.core import buckets
from outrider_agent.core import points as packing
from outrider_agent.store import levels, queries, records, snapshots, streaming

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

T = TypeVar("T", bound=msgspec.Struct)

SQL = queries.load("read")
#: Columns that hold JSON, by the model's field.
JSON_FIELDS = frozenset(
    {"command", "outputs", "last", "evidence", "columns", "extra", "exception", "metrics", "printers", "inputs", "files"}
)
#: A chart may have so many times fewer buckets than were asked for, rather than that hundreds of thousands of points are decoded for it.
COARSEST = 5
#: Greater than every key.
NO_KEY = 2**62
BOOL_FIELDS = frozenset({"owner", "observed"})


def convert(model: type[T], row: sqlite3.Row, **more: Any) -> T:
    """A model from a row whose columns are called as its fields."""
    given = {name: row[name] for name in model.__struct_fields__ if name not in more}
    for name in JSON_FIELDS & given.keys():
        if given[name] is not None:
            given[name] = packing.parse(given[name])
    for name in BOOL_FIELDS & given.keys():
        given[name] = bool(given[name])
    return model(**given, **more)


class Rows:
    """Rows of a store: a connection a thread, made when first asked; `close` closes them all."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._snapshots = snapshots.Snapshots(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes every connection. Idempotent."""
        self._snapshots.close()

    def _rows(self, query: str, **given: Any) -> list[sqlite3.Row]:
        with self._snapshots.open() as connection:
            return connection.execute(query, given).fetchall()

    def _of_run(self, query: str, run_id: str, **given: Any) -> list[sqlite3.Row]:
        with self._snapshots.open() as connection:
            return connection.execute(query, {"run_key": run_key(connection, run_id), **given}).fetchall()


class Reader(Rows):
    """
    A store's contents.

    Runs are named by their exact id but in `find_run`. Every method raises `Unavailable` when the file cannot be read at the moment,
    `SchemaTooNew` when a newer Outrider wrote it, and, where it takes a run id, `NotFound`.
    """

    def experiments(self) -> list[records.Experiment]:
        """Every experiment that has a run, by name."""
        return [convert(records.Experiment, row) for row in self._rows(SQL.experiments)]

    def runs(self, experiment: str | None = None, status: str | None = None, limit: int | None = None) -> list[records.Run]:
        """Runs, the latest first."""
        with self._snapshots.open() as connection:
            found = connection.execute(SQL.runs, {"experiment": experiment, "status": status, "limit": limit}).fetchall()
            return [self._run(connection, row) for row in found]

    def run(self, run_id: str) -> records.Run:
        """The run of that id."""
        with self._snapshots.open() as connection:
            row = connection.execute(SQL.run, {"run_id": run_id}).fetchone()
            if row is None:
                raise unknown(run_id)
            return self._run(connection, row)

    def has(self, run_id: str) -> bool:
        """Is there a run of that id?"""
        with self._snapshots.open() as connection:
            return connection.execute(SQL.run_key, {"run_id": run_id}).fetchone() is not None

    def find_run(self, text: str) -> str:
        """
        The id of the run that a user means: its id, a beginning of it, `latest`, `experiment#number` or `experiment/number`.

        Raises `NotFound` or `Ambiguous`.
        """
        with self._snapshots.open() as connection:
            return meant(connection, text)

    def streams(self, run_id: str | None = None) -> list[records.Stream]:
        """The streams of a run, or of all runs, and how much of each is committed. Empty for an unknown run."""
        return [convert(records.Stream, row) for row in self._rows(SQL.streams, run_id=run_id)]

    def attempts(self, run_id: str) -> list[records.Attempt]:
        """A run's attempts in order: one, but for a run that was resumed."""
        return [convert(records.Attempt, row) for row in self._of_run(SQL.attempts, run_id)]

    def series(self, run_id: str, name: str | None = None, source: str | None = None) -> list[records.Series]:
        """A run's metrics in the order they appeared."""
        return [convert(records.Series, row) for row in self._of_run(SQL.series, run_id, name=name, source=source)]

    def points(self, run_id: str, name: str, source: str | None = None) -> list[records.Point]:
        """A metric's points in the order logged, of several streams by time; without a source of the best one. Raises `NotFound`."""
        with self._snapshots.open() as connection:
            columns = read_columns(connection, find_series(connection, run_id, name, source))
        return records.points_of(columns)

    def buckets(
        self,
        run_id: str,
        name: str,
        count: int = 1000,
        step_range: tuple[float | None, float | None] | None = None,
        source: str | None = None,
        *,
        time_range: tuple[int | None, int | None] | None = None,
    ) -> list[records.Bucket]:
        """
        A metric as at most `count` buckets (core/buckets.py), of the points whose step lies within `step_range` and whose time lies within
        `time_range` (nanoseconds): in the order logged; of several processes by step, or, where a point has none, by time. Raises
        `NotFound`.
        """
        span = buckets.Span(step_range or (None, None), time_range or (None, None))
        with self._snapshots.open() as connection:
            series = find_series(connection, run_id, name, source)
            key, is_mixed = int(series["series_key"]), series["stream_key"] is None
            found = levels.Levels(connection, key, span)
            summaries, level = found.at_least(-(-count // COARSEST))
            if len(summaries) * COARSEST >= count:
                parts = found.clipped(summaries, level)
                return buckets.of_summaries(buckets.in_order(parts) if is_mixed else parts, count)
            pieces = found.pieces(summaries)
        if not is_mixed:
            return buckets.of_pieces(pieces, count)
        columns = packing.Columns()
        for piece, _ in pieces:
            columns.extend(piece)
        return buckets.of_points(packing.by_step(columns), 0, count)

    def columns(self, run_id: str, series: Sequence[records.Series], last: int | None = None) -> Iterator[packing.Columns]:
        """
        The points of these series of the run as one, a piece after the other: of one stream in the order logged, of several by time. The
        `last` ones, or all. Memory does not grow with their number. Raises `NotFound`.
        """
        with self._snapshots.open() as connection:
            found = [find_series(connection, run_id, one.name, one.source) for one in series]
        return streaming.columns(self._snapshots, found, last)

    def rows(self, run_id: str, name: str | None = None) -> list[records.Row]:
        """A run's rows and tables in the order logged."""
        return [convert(records.Row, row) for row in in_order(self._of_run(SQL.rows, run_id, name=name))]

    def logs(
        self,
        run_id: str,
        after: int | None = None,
        min_level: int | None = None,
        limit: int | None = None,
        *,
        last: bool = False,
        attempt: int | None = None,
    ) -> list[records.LogRecord]:
        """Log records in the order committed, after the record of key `after`; the first `limit` ones, or the `last` ones."""
        level = min_level if min_level is not None else -(2**62)
        if last and limit is not None:
            found = self._of_run(SQL.last_logs, run_id, level=level, limit=limit, attempt=attempt)[::-1]
        else:
            found = self._of_run(SQL.logs, run_id, after=after or 0, level=level, limit=limit, attempt=attempt)
        return [convert(records.LogRecord, row) for row in found]

    def prints(self, run_id: str, after: int | None = None) -> list[records.Print]:
        """How the run's loggers print their records, in the order told."""
        return [convert(records.Print, row) for row in self._of_run(SQL.prints, run_id, after=after or 0)]

    def console(
        self,
        run_id: str,
        after: int | None = None,
        limit: int | None = None,
        *,
        last: bool = False,
        before: int = NO_KEY,
        attempt: int | None = None,
    ) -> list[records.ConsoleChunk]:
        """Raw chunks of the console in the order committed; the first `limit` ones, or the `last` ones before the chunk of key `before`."""
        if last and limit is not None:
            found = self._of_run(SQL.last_console, run_id, limit=limit, before=before, attempt=attempt)[::-1]
        else:
            found = self._of_run(SQL.console, run_id, after=after or 0, limit=limit, attempt=attempt)
        return [convert(records.ConsoleChunk, row) for row in found]

    def artifacts(self, run_id: str, all_versions: bool = False) -> list[records.Artifact]:
        """A run's artifacts by path, their last versions or all."""
        found = self._of_run(SQL.artifacts, run_id, all_versions=all_versions)
        return [convert(records.Artifact, row, path=os.fsdecode(row["path"])) for row in found]

    def tags(self, run_id: str) -> dict[str, Any]:
        """A run's tags."""
        return pairs(self._of_run(SQL.tags, run_id))

    def params(self, run_id: str) -> dict[str, Any]:
        """A run's parameters."""
        return pairs(self._of_run(SQL.params, run_id))

    def properties(self, run_id: str) -> dict[str, Any]:
        """A run's properties."""
        return pairs(self._of_run(SQL.properties, run_id))

    def children(self, run_id: str, limit: int | None = None) -> list[records.Child]:
        """The runs that a run started, in the order they began. Empty for an unknown run."""
        return [convert(records.Child, row) for row in self._rows(SQL.children, run_id=run_id, limit=limit)]

    def figures(self, run_id: str) -> list[records.Figure]:
        """Images and charts of a run, in the order logged."""
        return [convert(records.Figure, row, path=os.fsdecode(row["path"])) for row in self._of_run(SQL.figures, run_id)]

    def models(self, run_id: str) -> list[records.Model]:
        """Models that were registered from a run, in the order registered."""
        return [convert(records.Model, row) for row in self._of_run(SQL.models, run_id)]

    def snapshots(self, run_id: str) -> list[records.Snapshot]:
        """Copies of folders that are kept with a run."""
        return [convert(records.Snapshot, row) for row in self._of_run(SQL.snapshots, run_id)]

    def gaps(self, run_id: str) -> list[records.Gap]:
        """What the run's writers had to refuse."""
        return [convert(records.Gap, row) for row in self._of_run(SQL.gaps, run_id)]

    def set_aside(self, run_id: str, limit: int | None = None) -> list[records.SetAside]:
        """Lines of the run that could not be taken, by place."""
        return [convert(records.SetAside, row) for row in self._rows(SQL.set_aside, run_id=run_id, limit=limit)]

    def notes(self, run_id: str) -> list[records.Note]:
        """What Outrider has to say about the run."""
        return [convert(records.Note, row) for row in self._of_run(SQL.notes, run_id)]

    def changes_since(
        self, run_id: str, after_log: int = 0, after_console: int = 0, limit: int = 1000, attempt: int | None = None
    ) -> records.Follow:
        """What came after those keys, at most `limit` of each: ask again with the answer's keys. For `logs -f`."""
        with self._snapshots.open() as connection:
            key = run_key(connection, run_id)
            given = {"run_key": key, "level": -(2**62), "limit": limit, "attempt": attempt}
            logs = [convert(records.LogRecord, row) for row in connection.execute(SQL.logs, {**given, "after": after_log})]
            console = [convert(records.ConsoleChunk, row) for row in connection.execute(SQL.console, {**given, "after": after_console})]
            status = str(connection.execute(SQL.status, {"run_key": key}).fetchone()[0])
        return records.Follow(
            logs=logs,
            console=console,
            after_log=logs[-1].key if logs else after_log,
            after_console=console[-1].key if console else after_console,
            status=status,
        )

    def _run(self, connection: sqlite3.Connection, row: sqlite3.Row) -> records.Run:
        key = {"run_key": row["run_key"]}
        tags, params = pairs(connection.execute(SQL.tags, key)), pairs(connection.execute(SQL.params, key))
        return convert(records.Run, row, tags=tags, params=params)


def pairs(rows: Any) -> dict[str, Any]:
    """Rows of (key, JSON value) as a dictionary."""
    return {row["key"]: None if row["value"] is None else packing.parse(row["value"]) for row in rows}


def unknown(text: str) -> errors.NotFound:
    """What a user reads who named a run that is not there."""
    return errors.NotFound(
        f"There is no run “{text}” in this store. outrider runs lists those there are; what was just logged may take a second."
    )


def meant(connection: sqlite3.Connection, text: str) -> str:
    """The id of the run that a user means (`Reader.find_run`)."""
    if connection.execute(SQL.run_key, {"run_id": text}).fetchone():
        return text
    if text == "latest":
        if row := connection.execute(SQL.latest_run).fetchone():
            return str(row[0])
        raise errors.NotFound("There is no run yet. Start one with: outrider run -- python train.py")
    if row := by_number(connection, text):
        return str(row[0])
    found = [str(row[0]) for row in connection.execute(SQL.runs_by_prefix, {"prefix": text})] if text else []
    if not found:
        raise unknown(text)
    if len(found) > 1:
        some = ", ".join(found[:5]) + (" …" if len(found) > 5 else "")
        raise errors.Ambiguous(f"“{text}” is the beginning of several runs: {some}. Give more of the id.")
    return found[0]


def by_number(connection: sqlite3.Connection, text: str) -> sqlite3.Row | None:
    """The run named as `experiment#number` or `experiment/number`."""
    for mark in "#/":
        experiment, found, number = text.rpartition(mark)
        if found and number.isdecimal() and len(number) < 19:
            row: sqlite3.Row | None = connection.execute(SQL.run_by_number, {"experiment": experiment, "number": int(number)}).fetchone()
            if row is not None:
                return row
    return None


def run_key(connection: sqlite3.Connection, run_id: str) -> int:
    """A run's key. Raises `NotFound`."""
    row = connection.execute(SQL.run_key, {"run_id": run_id}).fetchone()
    if row is None:
        raise unknown(run_id)
    return int(row[0])


def find_series(connection: sqlite3.Connection, run_id: str, name: str, source: str | None) -> sqlite3.Row:
    """A metric's row; without a source that of the best one. Raises `NotFound`."""
    key = run_key(connection, run_id)
    found: list[sqlite3.Row] = connection.execute(SQL.series, {"run_key": key, "name": name, "source": source}).fetchall()
    if not found:
        raise errors.NotFound(f"Run {run_id} has no metric “{name}”. outrider metrics {run_id} lists those it has.")
    order = {"call": 0, "log": 1}
    return min(found, key=lambda row: order.get(row["source"], 2))


def read_columns(connection: sqlite3.Connection, series: sqlite3.Row) -> packing.Columns:
    """Every point of a series: of one stream in its order, of several by time."""
    columns = packing.Columns()
    for row in connection.execute(SQL.points, {"series_key": series["series_key"]}):
        columns.extend(packing.unpack(*row))
    return columns if series["stream_key"] is not None else packing.by_time(columns)


def in_order(rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """Rows and tables (of the order committed), those of one name that come from several streams by time."""
    of_name: dict[str, list[sqlite3.Row]] = {}
    for row in rows:
        of_name.setdefault(row["name"], []).append(row)
    for found in of_name.values():
        if len({row["stream_key"] for row in found}) > 1:
            found.sort(key=lambda row: row["time"])
    turns = {name: iter(found) for name, found in of_name.items()}
    return [next(turns[row["name"]]) for row in rows]
