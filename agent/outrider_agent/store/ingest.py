"""
Records into tables: what each kind of docs/spool.md means for the store. Works inside the writer's transaction; begins and ends none.

`Ingest` is the transaction's gatherer: points, log records and console chunks are collected and written by `flush`, the rest at once.
"""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from outrider_agent.core import decode, points
from outrider_agent.store import printed, queries, runs
from outrider_agent.store import series as series_store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

SQL = queries.load("write")


class Gathered(points.Columns):
    """A series' points of one transaction, and the stream they come from; 0: from several."""

    __slots__ = ("stream",)

    def __init__(self, stream: int) -> None:
        super().__init__()
        self.stream = stream


class Ingest:
    """One transaction's records on their way into the tables."""

    def __init__(self, connection: sqlite3.Connection, series: series_store.SeriesWriter, readers: printed.PrintedWriter) -> None:
        self._printed = readers
        self._execute, self._many = connection.execute, connection.executemany
        self._series = series
        self._runs = runs.Runs(connection)
        self._places: dict[int, runs.Place | None] = {}  # by stream; None: the run was deleted
        self._points: dict[series_store.Key, Gathered] = {}
        self._kinds: dict[series_store.Key, tuple[str, str | None]] = {}
        self._logs: list[tuple[Any, ...]] = []
        self._console: list[tuple[Any, ...]] = []
        self._rows: list[tuple[Any, ...]] = []
        self._descriptions: dict[tuple[int, str], str | None] = {}  # of points, by run and name

    def take(self, run: str, stream_key: int, found: list[Any]) -> None:
        """A stream's records, in order."""
        if not found:
            return
        if stream_key not in self._places:
            deleted = self._execute(SQL.is_deleted, {"run": run}).fetchone()
            self._places[stream_key] = None if deleted else self._runs.place(run, stream_key, found[0])
        place = self._places[stream_key]
        if place is None:
            return
        for kind, group in groupby(found, type):
            if kind is decode.Metric:
                self._metrics(place, list(group))
                continue
            if kind is decode.Run:
                for item in group:
                    place = self._places[stream_key] = self._runs.describe(place, item)
                    self._printed.brought(place.run_key, place.attempt, item)
                continue
            for item in group:
                self._BY_KIND[kind](self, place, item)

    def set_aside(self, stream_key: int, segment: int, aside: Iterable[decode.Aside]) -> None:
        """What could not be read, with its place."""
        self._many(SQL.set_aside, [(stream_key, segment, item.offset, item.length, item.reason, item.data) for item in aside])

    def flush(self) -> None:
        """Writes what was gathered."""
        for key, columns in self._points.items():
            self._series.add(key, columns, columns.stream or None, *self._kinds.get(key, ("scalar", None)))
        for query, rows in ((SQL.add_row, self._rows), (SQL.add_log, self._logs), (SQL.add_console, self._console)):
            if rows:
                self._many(query, rows)
        for (run_key, name), text in self._descriptions.items():
            self._execute(SQL.set_description, {"run_key": run_key, "name": name, "description": text})
        self._printed.flush()

    def _columns(self, place: runs.Place, source: str, name: str) -> points.Columns:
        key = (place.run_key, source, name)
        columns = self._points.get(key)
        if columns is None:
            columns = self._points[key] = Gathered(place.stream_key)
        elif columns.stream != place.stream_key:
            columns.stream = 0
        return columns

    def _metrics(self, place: runs.Place, found: list[decode.Metric]) -> None:
        """Scalars, by name. The hot path: whole columns at a time. A loop that logs the same names at each step makes a cycle of them."""
        self._descriptions.update(((place.run_key, item.n), item.d) for item in found if item.d)
        names = [item.n for item in found]
        times, steps, values = [item.t for item in found], [item.s for item in found], [item.v for item in found]
        if period := cycle(names):
            for i, name in enumerate(names[:period]):
                self._columns(place, "call", name).extend(points.Columns(times[i::period], steps[i::period], values[i::period]))
            return
        for name, time, step, value in zip(names, times, steps, values, strict=True):
            columns = self._columns(place, "call", name)
            columns.times.append(time)
            columns.steps.append(step)
            columns.values.append(value)

    def _list(self, place: runs.Place, item: decode.List) -> None:
        key = (place.run_key, "call", item.n)
        self._kinds[key] = ("list", item.d)
        count = len(item.v)
        self._columns(place, "call", item.n).extend(points.Columns([item.t] * count, [None] * count, item.v))

    def _row(self, place: runs.Place, item: decode.Row | decode.Table) -> None:
        kind = "table" if isinstance(item, decode.Table) else "row"
        self._rows.append((place.run_key, place.stream_key, item.n, kind, item.t, points.json_text(item.c), item.d))

    def _log(self, place: runs.Place, item: decode.Log) -> None:
        self._logs.append(
            (
                place.run_key,
                place.stream_key,
                item.t,
                item.lv,
                item.ln,
                item.lg,
                item.msg,
                item.fi,
                item.no,
                item.fn,
                item.th,
                item.ti,
                item.pr,
                item.tk,
                runs.json_or_none(item.x),
                runs.json_or_none(item.exc),
                item.st,
                runs.json_or_none(item.m),
                item.s,
                item.bad,
                item.via,
            )
        )
        for name, value in (item.m or {}).items():
            columns = self._columns(place, "log", name)
            columns.times.append(item.t)
            columns.steps.append(item.s)
            columns.values.append(value)

    def _print(self, place: runs.Place, item: decode.Print) -> None:
        self._execute(SQL.add_print, (place.run_key, place.stream_key, item.t, item.lg, points.json_text(msgspec.to_builtins(item.to))))

    def _chunk(self, place: runs.Place, item: decode.Console) -> None:
        data = item.d.encode("utf-8") if item.d is not None else item.b or b""
        self._console.append((place.run_key, place.stream_key, place.attempt, item.f, item.o, item.t, data))
        self._printed.take(printed.Source(place.run_key, place.attempt, item.f, place.stream_key), printed.Chunk(item.o, item.t, data))

    def _tag(self, place: runs.Place, item: decode.Tag) -> None:
        value = None if item.delete else points.json_text(item.v)
        given = {"run_key": place.run_key, "key": item.n, "value": value, "t": item.t, "stream_key": place.stream_key}
        self._execute(SQL.set_tag, given)

    def _param(self, place: runs.Place, item: decode.Param) -> None:
        self._execute(SQL.set_param, {"run_key": place.run_key, "key": item.n, "value": points.json_text(item.v)})

    def _property(self, place: runs.Place, item: decode.Property) -> None:
        """Set once: another value later is a note, not a change."""
        value = points.json_text(item.v)
        row = self._execute(SQL.property, {"run_key": place.run_key, "key": item.n}).fetchone()
        if row is None:
            self._execute(SQL.set_property, {"run_key": place.run_key, "key": item.n, "value": value})
        elif row[0] != value:
            message = f"Property {item.n!r} was set again, to {value[:200]}. A property is set once: it stays {row[0][:200]}."
            self._execute(SQL.add_note, (place.run_key, item.t, 30, message))

    def _artifact(self, place: runs.Place, item: decode.Artifact) -> None:
        """A new version, unless it is what the last one was."""
        path = os.fsencode(item.p)
        row = self._execute(SQL.last_version, {"run_key": place.run_key, "path": path}).fetchone()
        version, sha256 = row or (0, None)
        if sha256 == item.sha:
            return
        given = {"run_key": place.run_key, "path": path, "version": version + 1, "size": item.size, "sha256": item.sha, "time": item.t}
        self._execute(SQL.add_artifact, {**given, "modified": item.mt, "source": item.src, "observed": item.obs})

    def _figure(self, place: runs.Place, item: decode.Figure) -> None:
        self._execute(SQL.add_figure, (place.run_key, item.n, os.fsencode(item.p), item.ty, item.t, item.d))

    def _model(self, place: runs.Place, item: decode.Model) -> None:
        more = [runs.json_or_none(part) for part in (item.tags, item.props)]
        files = points.json_text(item.files)
        self._execute(SQL.add_model, (place.run_key, item.n, item.ver, item.t, item.p, files, *more, item.d, item.fw, item.fwv))

    def _snapshot(self, place: runs.Place, item: decode.Snapshot) -> None:
        self._execute(SQL.add_snapshot, (place.run_key, item.id, item.t, item.sha, item.size, item.files, item.root))

    def _phase(self, place: runs.Place, item: decode.Phase) -> None:
        self._execute(SQL.set_phase, {"run_key": place.run_key, "phase": item.ph})

    def _gap(self, place: runs.Place, item: decode.Gap) -> None:
        self._execute(SQL.add_gap, (place.run_key, place.stream_key, item.t, item.since, item.n, item.bytes, item.why))

    def _note(self, place: runs.Place, item: decode.Note) -> None:
        self._execute(SQL.add_note, (place.run_key, item.t, item.lv, item.msg))

    def _nothing(self, place: runs.Place, item: decode.Seen | decode.From) -> None:
        """The outputs collector's own bookkeeping."""

    def _head(self, place: runs.Place, item: decode.Head) -> None:
        self._runs.head(place, item)

    def _end(self, place: runs.Place, item: decode.End) -> None:
        self._runs.end(place, item)
        self._printed.end(place.run_key, place.attempt, place.stream_key, item.t)

    #: Unbound: an instance that holds its own methods is a cycle, and its points would wait for the garbage collector.
    _BY_KIND: ClassVar[dict[Any, Callable[[Ingest, runs.Place, Any], None]]] = {
        decode.Head: _head,
        decode.List: _list,
        decode.Row: _row,
        decode.Table: _row,
        decode.Log: _log,
        decode.Print: _print,
        decode.Console: _chunk,
        decode.Tag: _tag,
        decode.Param: _param,
        decode.Property: _property,
        decode.Artifact: _artifact,
        decode.Figure: _figure,
        decode.Model: _model,
        decode.Snapshot: _snapshot,
        decode.Phase: _phase,
        decode.Seen: _nothing,
        decode.From: _nothing,
        decode.End: _end,
        decode.Gap: _gap,
        decode.Note: _note,
    }


def cycle(names: list[str]) -> int:
    """The length of the cycle of different names that these repeat; 0 where they are none."""
    try:
        period = names.index(names[0], 1)
    except ValueError:
        period = len(names)
    if len(set(names[:period])) < period:
        return 0
    return period if names[period:] == names[:-period] else 0
