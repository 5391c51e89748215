"""
The points of a metric, however many, a piece after the other: in short transactions and in memory that does not grow with their number.

Points are found by their ordinals, which stay while the store packs chunks anew. Where several streams logged the metric they are merged by
time: of each chunk its first moment is known without reading it, so what may still come is known too.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from outrider_agent.core import points as packing
from outrider_agent.store import queries

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from outrider_agent.store import snapshots

SQL = queries.load("streaming")

#: So many chunks are read in one transaction, of 1,024 points at most each.
CHUNKS = 64
#: Points of several streams are handed out in pieces of so many.
PIECE = 8_192

#: A point that waits: its time, the place of its series, its ordinal; its step, value and epoch.
Waiting = tuple[int, int, int, Any, Any, Any]


def columns(opened: snapshots.Snapshots, series: Sequence[sqlite3.Row], last: int | None) -> Iterator[packing.Columns]:
    """The points of these series as one; the `last` ones, or all."""
    total = sum(row["count"] for row in series)
    skip = 0 if last is None else max(0, total - last)
    if len(series) == 1 and series[0]["stream_key"] is not None:
        yield from _in_order(opened, series[0]["series_key"], skip, total)
        return
    for piece in _by_time(opened, series):
        if skip < len(piece):
            yield piece.cut(skip, len(piece)) if skip else piece
        skip = max(0, skip - len(piece))


def _in_order(opened: snapshots.Snapshots, series_key: int, first: int, end: int) -> Iterator[packing.Columns]:
    """A series' points from ordinal `first` up to `end`."""
    while first < end:
        given = {"series_key": series_key, "least": first - packing.FULL, "first": first, "end": end, "chunks": CHUNKS}
        with opened.open() as connection:
            rows = connection.execute(SQL.chunks_from, given).fetchall()
        if not rows:  # the run was deleted meanwhile
            return
        for row in rows:
            found = packing.unpack(*tuple(row)[1:])
            stop = min(end, row["first"] + len(found))
            yield found.cut(first - row["first"], stop - row["first"])
            first = stop


def _by_time(opened: snapshots.Snapshots, series: Sequence[sqlite3.Row]) -> Iterator[packing.Columns]:
    """
    All points by time; those of one time by series and ordinal.

    Chunks are read in the order of their first moments. Before one is, everything earlier than its first moment can go: nothing that comes
    later is earlier. What waits is what overlaps in time.
    """
    ranges: list[tuple[int, int, int, int]] = []
    with opened.open() as connection:
        for place, row in enumerate(series):
            found = connection.execute(SQL.ranges, {"series_key": row["series_key"]})
            ranges += [(began, place, first, first + count) for first, count, began in found]
    ranges.sort()
    waiting: list[Waiting] = []
    ready = packing.Columns()
    for began, place, first, end in ranges:
        while waiting and waiting[0][0] < began:
            _move(waiting, ready)
            if len(ready) >= PIECE:
                yield ready
                ready = packing.Columns()
        for piece in _in_order(opened, series[place]["series_key"], first, end):
            given = zip(piece.times, piece.steps, piece.values, piece.epoch_list(), strict=True)
            for ordinal, (time, step, value, epoch) in enumerate(given, first):
                heapq.heappush(waiting, (time, place, ordinal, step, value, epoch))
            first += len(piece)  # noqa: PLW2901 (where the next piece begins)
    while waiting:
        _move(waiting, ready)
        if len(ready) >= PIECE:
            yield ready
            ready = packing.Columns()
    yield ready


def _move(waiting: list[Waiting], ready: packing.Columns) -> None:
    time, _place, _ordinal, step, value, epoch = heapq.heappop(waiting)
    ready.append(time, step, value, epoch)
