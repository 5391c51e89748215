"""
Summaries of a series at several resolutions: level 0 are its chunks, each higher level sums up FANOUT of the one below.

Only chunks that will not be merged again are summed up (series.py tells which), so a summary never changes. A level covers the points from
the first one up to its end; what lies behind it is told by the level below. So a series of an earlier schema, which has no level, is read
from its chunks, and gets its levels when the next points come.
"""

from __future__ import annotations

import sys
from itertools import chain
from typing import TYPE_CHECKING

from outrider_agent.core import buckets, points
from outrider_agent.store import queries

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

READ, WRITE = queries.load("read"), queries.load("write")
FIELDS = points.Summary.__struct_fields__
FANOUT = 8
LAST = sys.maxsize


def fold(connection: sqlite3.Connection, series_key: int, level: int = 0) -> int:
    """Sums up what a level has beyond the end of the next one, and so on upwards; how many of the level are left over."""
    loose = _rows(connection, series_key, level, (_end(connection, series_key, level + 1), LAST), buckets.EVERYTHING)
    left = len(loose) % FANOUT
    if whole := loose[: len(loose) - left]:
        merged = [buckets.merge(whole[i : i + FANOUT]) for i in range(0, len(whole), FANOUT)]
        connection.executemany(WRITE.add_summaries, [(series_key, level + 1, *(getattr(one, name) for name in FIELDS)) for one in merged])
        fold(connection, series_key, level + 1)
    return left


class Levels:
    """A series' summaries, for one read transaction: of the points of a span."""

    def __init__(self, connection: sqlite3.Connection, series_key: int, span: buckets.Span = buckets.EVERYTHING) -> None:
        self._connection, self._key, self._span = connection, series_key, span
        self._ends = list(_ends(connection, series_key))

    def at_least(self, count: int) -> tuple[Sequence[points.Summary], int]:
        """
        Consecutive summaries that touch the range: of the coarsest level that has `count` of them, else of the chunks. And that level.
        """
        level = len(self._ends)
        found = self._between(level, 0, LAST)
        while level and found and len(found) < count:
            level -= 1
            found = self._between(level, found[0].first, found[-1].first + found[-1].count)
        return found, level

    def clipped(self, summaries: Iterable[points.Summary], level: int) -> list[points.Summary]:
        """Summaries of `level` and below, those that only partly lie within the range made anew from what they sum up."""
        return list(chain.from_iterable([one] if self._span.holds(one) else self._parts(one, level) for one in summaries))

    def pieces(self, chunks: Iterable[points.Summary]) -> list[tuple[points.Columns, int]]:
        """The points of these chunks that lie within the range, as runs of consecutive ones, each with the ordinal of its first."""
        found: list[tuple[points.Columns, int]] = []
        for chunk in chunks:
            columns, first = read_chunk(self._connection, self._key, chunk.first)
            is_whole = self._span == buckets.EVERYTHING or (self._span.holds(chunk) and None not in columns.steps)
            found += [(columns, first)] if is_whole else buckets.within(columns, first, self._span)
        return found

    def _parts(self, summary: points.Summary, level: int) -> list[points.Summary]:
        if level:
            return self.clipped(self._between(level - 1, summary.first, summary.first + summary.count), level - 1)
        inside = buckets.within(*read_chunk(self._connection, self._key, summary.first), self._span)
        return [points.summarize(part, first) for part, first in inside]

    def _between(self, level: int, start: int, stop: int) -> list[points.Summary]:
        """Those of points from `start` up to `stop` (both between two summaries), finer ones behind the level's end."""
        if level == 0:
            return _rows(self._connection, self._key, 0, (start, stop), self._span)
        end = self._ends[level - 1]
        found = _rows(self._connection, self._key, level, (start, min(stop, end)), self._span) if start < end else []
        return found + self._between(level - 1, max(start, end), stop) if stop > end else found


def read_chunk(connection: sqlite3.Connection, series_key: int, first: int) -> tuple[points.Columns, int]:
    """A chunk's points, and the ordinal of its first."""
    row = connection.execute(READ.chunk, {"series_key": series_key, "first": first}).fetchone()
    return points.unpack(*tuple(row)[1:]), first


def _ends(connection: sqlite3.Connection, series_key: int) -> Iterable[int]:
    """The ordinal at which each level ends, from level 1 on."""
    level = 1
    while end := _end(connection, series_key, level):
        yield end
        level += 1


def _end(connection: sqlite3.Connection, series_key: int, level: int) -> int:
    row = connection.execute(READ.end_of_level, {"series_key": series_key, "level": level}).fetchone()
    return int(row[0]) if row else 0


def _rows(
    connection: sqlite3.Connection, series_key: int, level: int, between: tuple[int, int], span: buckets.Span
) -> list[points.Summary]:
    start, stop = between
    (low, high), (since, until) = span.steps, span.times
    given: dict[str, float | None] = {"series_key": series_key, "level": level, "start": start, "stop": stop}
    given |= {"low": low, "high": high, "since": since, "until": until}
    found = connection.execute(READ.summaries if level else READ.chunk_summaries, given)
    return [points.Summary(**dict(zip(FIELDS, row, strict=True))) for row in found]
