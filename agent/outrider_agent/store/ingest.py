"""
Records into tables: what each kind of docs/spool.md means for the store. Works inside the writer's transaction; begins and ends none.

`Ingest` is the transaction's gatherer: points, log records and console chunks are collected and written by `flush`, the rest at once.
"""

from __future__ import annotations

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider import record
from outrider_agent.core import decode, ending, points
from outrider_agent.store import queries
from outrider_agent.store import series as series_store

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

SQL = queries.load("write")
#: The experiment of a run that named none.
PLACEHOLDER = "default"


class Place(NamedTuple):
    """Where records come from."""

    run: str
    run_key: int
    stream_key: int
    attempt: int


def json_or_none(value: Any) -> str | None:
    """JSON, but NULL for nothing."""
    return None if value is None else points.json_text(value)


class Ingest:
    """One transaction's records on their way into the tables."""

    def __init__(self, connection: sqlite3.Connection, series: series_store.SeriesWriter) -> None:
        self._execute = connection.execute
        self._many = connection.executemany
        self._series = series
        self._places: dict[int, Place | None] = {}  # by stream; None: the run was deleted
        self._points: dict[series_store.Key, points.Columns] = {}
        self._kinds: dict[series_store.Key, tuple[str, str | None]] = {}
        self._logs: list[tuple[Any, ...]] = []
        self._console: list[tuple[Any, ...]] = []
        self._rows: list[tuple[Any, ...]] = []
        self._by_kind: dict[Any, Callable[[Place, Any], None]] = {
            decode.Head: self._head,
            decode.Run: self._run,
            decode.List: self._list,
            decode.Row: self._row,
            decode.Table: self._row,
            decode.Log: self._log,
            decode.Console: self._chunk,
            decode.Tag: self._tag,
            decode.Param: self._param,
            decode.Property: self._property,
            decode.Artifact: self._artifact,
            decode.Seen: self._nothing,
            decode.End: self._end,
            decode.Gap: self._gap,
            decode.Note: self._note,
        }

    def take(self, run: str, stream_key: int, found: list[Any]) -> None:
        """A stream's records, in order."""
        if not found:
            return
        if stream_key not in self._places:
            deleted = self._execute(SQL.is_deleted, {"run": run}).fetchone()
            self._places[stream_key] = None if deleted else self._place(run, stream_key, found[0])
        place = self._places[stream_key]
        if place is None:
            return
        for kind, group in groupby(found, type):
            if kind is decode.Metric:
                self._metrics(place, list(group))
                continue
            handle = self._by_kind[kind]
            for item in group:
                handle(place, item)

    def set_aside(self, stream_key: int, segment: int, aside: Iterable[decode.Aside]) -> None:
        """What could not be read, with its place."""
        self._many(SQL.set_aside, [(stream_key, segment, item.offset, item.length, item.reason, item.data) for item in aside])

    def flush(self) -> None:
        """Writes what was gathered."""
        for key, columns in self._points.items():
            self._series.add(key, columns, *self._kinds.get(key, ("scalar", None)))
        for query, rows in ((SQL.add_row, self._rows), (SQL.add_log, self._logs), (SQL.add_console, self._console)):
            if rows:
                self._many(query, rows)

    def _place(self, run: str, stream_key: int, first: Any) -> Place:
        """The run's row, made when it is new."""
        row = self._execute(SQL.run, {"run": run}).fetchone()
        if row is not None:
            return Place(run, row[0], stream_key, row[3])
        experiment = getattr(first, "exp", None) or PLACEHOLDER
        key, number = self._number(experiment, first.t)
        given = {"run": run, "experiment_key": key, "number": number, "t": first.t}
        return Place(run, self._execute(SQL.add_run, given).fetchone()[0], stream_key, 1)

    def _number(self, experiment: str, time: int) -> tuple[int, int]:
        """An experiment's key and the next run number in it."""
        key = self._execute(SQL.experiment, {"name": experiment, "t": time}).fetchone()[0]
        return key, self._execute(SQL.next_number, {"experiment_key": key}).fetchone()[0]

    def _columns(self, key: series_store.Key) -> points.Columns:
        columns = self._points.get(key)
        if columns is None:
            columns = self._points[key] = points.Columns()
        return columns

    def _metrics(self, place: Place, found: list[decode.Metric]) -> None:
        """Scalars, by name. The hot path: whole columns at a time. A loop that logs the same names at each step makes a cycle of them."""
        names = [item.n for item in found]
        times, steps, values = [item.t for item in found], [item.s for item in found], [item.v for item in found]
        if period := cycle(names):
            for i, name in enumerate(names[:period]):
                self._columns((place.run_key, "call", name)).extend(points.Columns(times[i::period], steps[i::period], values[i::period]))
            return
        for name, time, step, value in zip(names, times, steps, values, strict=True):
            columns = self._columns((place.run_key, "call", name))
            columns.times.append(time)
            columns.steps.append(step)
            columns.values.append(value)

    def _list(self, place: Place, item: decode.List) -> None:
        key = (place.run_key, "call", item.n)
        self._kinds[key] = ("list", item.d)
        count = len(item.v)
        self._columns(key).extend(points.Columns([item.t] * count, [None] * count, item.v))

    def _row(self, place: Place, item: decode.Row | decode.Table) -> None:
        kind = "table" if isinstance(item, decode.Table) else "row"
        self._rows.append((place.run_key, item.n, kind, item.t, points.json_text(item.c), item.d))

    def _log(self, place: Place, item: decode.Log) -> None:
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
                json_or_none(item.x),
                json_or_none(item.exc),
                item.st,
                json_or_none(item.m),
                item.s,
                item.bad,
                item.via,
            )
        )
        for name, value in (item.m or {}).items():
            columns = self._columns((place.run_key, "log", name))
            columns.times.append(item.t)
            columns.steps.append(item.s)
            columns.values.append(value)

    def _chunk(self, place: Place, item: decode.Console) -> None:
        data = item.d.encode("utf-8") if item.d is not None else item.b or b""
        self._console.append((place.run_key, place.stream_key, place.attempt, item.f, item.o, item.t, data))

    def _tag(self, place: Place, item: decode.Tag) -> None:
        if item.delete:
            self._execute(SQL.delete_tag, {"run_key": place.run_key, "key": item.n})
        else:
            self._execute(SQL.set_tag, {"run_key": place.run_key, "key": item.n, "value": points.json_text(item.v)})

    def _param(self, place: Place, item: decode.Param) -> None:
        self._execute(SQL.set_param, {"run_key": place.run_key, "key": item.n, "value": points.json_text(item.v)})

    def _property(self, place: Place, item: decode.Property) -> None:
        """Set once: another value later is a note, not a change."""
        value = points.json_text(item.v)
        row = self._execute(SQL.property, {"run_key": place.run_key, "key": item.n}).fetchone()
        if row is None:
            self._execute(SQL.set_property, {"run_key": place.run_key, "key": item.n, "value": value})
        elif row[0] != value:
            message = f"Property {item.n!r} was set again, to {value[:200]}. A property is set once: it stays {row[0][:200]}."
            self._execute(SQL.add_note, (place.run_key, item.t, 30, message))

    def _artifact(self, place: Place, item: decode.Artifact) -> None:
        """A new version, unless it is what the last one was."""
        path = os.fsencode(item.p)
        row = self._execute(SQL.last_version, {"run_key": place.run_key, "path": path}).fetchone()
        version, sha256 = row or (0, None)
        if sha256 == item.sha:
            return
        given = {"run_key": place.run_key, "path": path, "version": version + 1, "size": item.size, "sha256": item.sha, "time": item.t}
        self._execute(SQL.add_artifact, {**given, "modified": item.mt, "source": item.src, "observed": item.obs})

    def _gap(self, place: Place, item: decode.Gap) -> None:
        self._execute(SQL.add_gap, (place.run_key, place.stream_key, item.t, item.since, item.n, item.bytes, item.why))

    def _note(self, place: Place, item: decode.Note) -> None:
        self._execute(SQL.add_note, (place.run_key, item.t, item.lv, item.msg))

    def _nothing(self, place: Place, item: decode.Seen) -> None:
        """The outputs collector's own bookkeeping."""

    def _head(self, place: Place, item: decode.Head) -> None:
        given = {name: getattr(item, name) for name in ("own", "host", "boot", "pid", "rank", "t")}
        self._execute(SQL.describe_stream, {"stream_key": place.stream_key, **given})
        if item.seg == 0:
            self._execute(SQL.started, {"run_key": place.run_key, "t": item.t, "host": item.host})
        if item.exp:
            self._choose(place, item.exp, item.t, default=True)
        if item.own:
            self._decide(place)

    def _run(self, place: Place, item: decode.Run) -> None:
        given = {name: getattr(item, name) for name in ("name", "cwd", "host", "user", "python", "parent", "attempt")}
        lists = {"command": json_or_none(item.command), "outputs": json_or_none(item.outputs)}
        self._execute(SQL.describe_run, {"run_key": place.run_key, **given, **lists})
        if item.attempt is not None:
            self._places.clear()
        for key, value in (item.tags or {}).items():
            self._execute(SQL.set_tag, {"run_key": place.run_key, "key": key, "value": points.json_text(value)})
        if item.experiment:
            self._choose(place, item.experiment, item.t, default=item.default)

    def _choose(self, place: Place, experiment: str, time: int, *, default: bool) -> None:
        """A chosen experiment beats a default one, and any name beats none; a run that moves gets a new number."""
        _, present, is_default, *_ = self._execute(SQL.run, {"run": place.run}).fetchone()
        name = self._execute(SQL.experiment_name, {"experiment_key": present}).fetchone()[0]
        if name == experiment:
            if is_default and not default:
                self._execute(SQL.choose_experiment, {"run_key": place.run_key})
            return
        if not is_default or (default and name != PLACEHOLDER):
            return
        key, number = self._number(experiment, time)
        given = {"run_key": place.run_key, "experiment_key": key, "number": number, "default": default}
        self._execute(SQL.move_run, given)

    def _end(self, place: Place, item: decode.End) -> None:
        error = item.err or decode.Failure()
        new = ending.Ending(
            status=item.status,
            reason=ending.known_reason(item.status, item.reason),
            time=item.t,
            code=item.code,
            signal=item.sig,
            error_type=error.type,
            error_message=error.message,
            traceback=error.traceback,
            by=item.by,
        )
        self._decide(place, new)

    def _decide(self, place: Place, new: ending.Ending | None = None) -> None:
        """The run's status anew, after an `end` or after its owner became known."""
        *_, seen_text, said_text = self._execute(SQL.run, {"run": place.run}).fetchone()
        seen, said = parsed(seen_text), parsed(said_text)
        owner = self._execute(SQL.is_owner, {"stream_key": place.stream_key}).fetchone()[0]
        if new is not None and (owner or ending.is_observed(new) or new.by):
            seen = ending.later(seen, new)
        elif new is not None:
            said = ending.worse(said, new)
        owned = self._execute(SQL.owned, {"run": place.run}).fetchone() is not None
        over = ending.decide(seen, said, owned=owned)
        names = ("reason", "code", "signal", "error_type", "error_message", "traceback", "by")
        given = {name: getattr(over, name, None) for name in names}
        given |= {"status": over.status if over else record.RUNNING, "ended": over.time if over else None}
        self._execute(SQL.end_run, {"run_key": place.run_key, **given, "seen": json_or_none(seen), "said": json_or_none(said)})


def cycle(names: list[str]) -> int:
    """The length of the cycle of different names that these repeat; 0 where they are none."""
    try:
        period = names.index(names[0], 1)
    except ValueError:
        period = len(names)
    if len(set(names[:period])) < period:
        return 0
    return period if names[period:] == names[:-period] else 0


def parsed(text: str | None) -> ending.Ending | None:
    """A kept ending."""
    return None if text is None else msgspec.json.decode(text, type=ending.Ending)
