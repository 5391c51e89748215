"""
Writes points: chunks of a series, its totals, and the merging of small chunks at its tail (docs/decisions/0002-points-are-packed.md).

Lives within one writer's transactions: after any that failed, `forget` must be called, for what is cached may not have been committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outrider_agent.core import points
from outrider_agent.store import levels, queries

if TYPE_CHECKING:
    import sqlite3

SQL = queries.load("write")
#: So many series are kept in memory.
CACHED = 20_000

Key = tuple[int, str, str]  # run_key, source, name
Last = tuple[str, int | float | None, int, int | float | None]  # value as JSON, step, time, epoch


class State:
    """
    A series as the last commit left it. The tail is its last chunks that are small: how many, and where they begin. `loose`: so many of its
    other chunks, or more, are in no summary yet.
    """

    __slots__ = ("count", "key", "kind", "last", "loose", "max", "min", "stream", "tail", "tail_first")

    def __init__(self, key: int, kind: str, stream: int | None) -> None:
        self.key, self.kind, self.stream = key, kind, stream
        self.count = 0
        self.last: Last | None = None
        self.min: float | None = None
        self.max: float | None = None
        self.tail, self.tail_first = 0, 0
        self.loose = 0


class SeriesWriter:
    """Adds points to series, creating them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._states: dict[Key, State] = {}

    def forget(self) -> None:
        """Drops what is cached."""
        self._states.clear()

    def add(
        self, key: Key, columns: points.Columns, stream: int | None, kind: str = "scalar", description: str | None = None
    ) -> tuple[int, int]:
        """
        Appends points to a series. `stream`: the key of the one that they come from, None: several.

        Returns the series' key and the ordinal that the first of them has.
        """
        state = self._state(key, stream, kind, description)
        if not columns:
            return state.key, state.count
        begins = first = state.count
        added = len(columns)
        merged = columns
        if state.tail and (added >= points.SMALL or state.tail >= points.TAIL):
            merged, first = self._with_tail(state, columns), state.tail_first
        written = self._write(state.key, merged, first)
        self._count_tail(state, written)
        self._sum_up(state, written)
        if any(part.nonfinite for part in written) and points.has_text(columns.values):
            state.kind = "text"
        state.count += added
        state.min = min((number for number in (state.min, *(part.min for part in written)) if number is not None), default=None)
        state.max = max((number for number in (state.max, *(part.max for part in written)) if number is not None), default=None)
        self._find_last(state, columns, stream)
        self._connection.execute(
            SQL.update_series,
            {
                "series_key": state.key,
                "kind": state.kind,
                "count": state.count,
                "stream_key": state.stream,
                "last": state.last[0] if state.last else None,
                "last_step": state.last[1] if state.last else None,
                "last_time": state.last[2] if state.last else None,
                "last_epoch": state.last[3] if state.last else None,
                "min": None if state.kind == "text" else state.min,
                "max": None if state.kind == "text" else state.max,
                "description": description,
            },
        )
        return state.key, begins

    def _find_last(self, state: State, columns: points.Columns, stream: int | None) -> None:
        """The last point after these were written: of one stream its last one, of several the newest. Its epoch: the last that is known."""
        known = state.last[3] if state.last else None
        if state.stream is not None and state.stream != stream:
            state.stream = None  # what was its last point need not be its newest: found anew
            row = self._connection.execute(SQL.newest_chunk, {"series_key": state.key}).fetchone()
            columns, state.last = points.unpack(*row), None
        at = len(columns) - 1 if state.stream is not None else points.newest(columns)
        if state.stream is not None or state.last is None or columns.times[at] >= state.last[2]:
            epochs = points.present(columns.epochs[: at + 1]) if columns.epochs is not None else []
            state.last = (points.json_text(columns.values[at]), columns.steps[at], columns.times[at], epochs[-1] if epochs else known)

    def _state(self, key: Key, stream: int | None, kind: str, description: str | None) -> State:
        state = self._states.get(key)
        if state is not None:
            return state
        run_key, source, name = key
        row = self._connection.execute(SQL.series, {"run_key": run_key, "source": source, "name": name}).fetchone()
        if row is None:
            given = {"run_key": run_key, "source": source, "name": name, "kind": kind, "description": description}
            given["stream_key"] = stream
            state = State(self._connection.execute(SQL.add_series, given).fetchone()[0], kind, stream)
        else:
            state = State(row[0], row[1], row[5])
            state.count, state.min, state.max = row[2:5]
            state.last = tuple(row[6:]) if row[6] is not None else None
            self._find_tail(state)
            state.loose = levels.FANOUT  # not known, so it is looked for
        if len(self._states) >= CACHED:
            self._states.clear()
        self._states[key] = state
        return state

    def _find_tail(self, state: State) -> None:
        """Counts the small chunks at the end of a series that was written by an earlier agent."""
        for first, count in self._connection.execute(SQL.last_chunks, {"series_key": state.key, "limit": points.TAIL}).fetchall():
            if count >= points.SMALL:
                break
            state.tail += 1
            state.tail_first = first

    def _with_tail(self, state: State, columns: points.Columns) -> points.Columns:
        """The tail's points and these; the tail's chunks are deleted."""
        where = {"series_key": state.key, "first": state.tail_first}
        merged = points.Columns()
        for row in self._connection.execute(SQL.tail, where).fetchall():
            merged.extend(points.unpack(*row))
        self._connection.execute(SQL.drop_tail, where)
        state.tail = 0
        merged.extend(columns)
        return merged

    def _write(self, series_key: int, columns: points.Columns, first: int) -> list[points.Summary]:
        """Writes chunks; returns what they say of their points."""
        rows: list[tuple[Any, ...]] = []
        written: list[points.Summary] = []
        for chunk in points.chunks(columns):
            summary = points.summarize(chunk, first)
            written.append(summary)
            rows.append(
                (
                    series_key,
                    first,
                    summary.count,
                    summary.step_min,
                    summary.step_max,
                    summary.time_min,
                    summary.time_max,
                    summary.min,
                    summary.max,
                    summary.first_value,
                    summary.last_value,
                    summary.nonfinite,
                    summary.epoch_min,
                    summary.epoch_max,
                    *points.pack(chunk, summary.time_min),
                )
            )
            first += summary.count
        self._connection.executemany(SQL.add_points, rows)
        return written

    def _count_tail(self, state: State, written: list[points.Summary]) -> None:
        """Chunks are of nearly equal size, so either all that were written are small or none."""
        if written[-1].count >= points.SMALL:
            state.tail = 0
            return
        if state.tail == 0:
            state.tail_first = written[0].first
        state.tail += len(written)

    def _sum_up(self, state: State, written: list[points.Summary]) -> None:
        """Chunks that will not be merged again get their summaries."""
        if state.tail:
            return
        state.loose += len(written)
        if state.loose >= levels.FANOUT:
            state.loose = levels.fold(self._connection, state.key)
