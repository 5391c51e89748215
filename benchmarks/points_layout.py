"""
How points could be laid out in SQLite, measured: `python -m benchmarks.points_layout [MILLIONS]`. docs/decisions/0002 has the table.

Each layout takes the same scalars in flushes of 50,000 (a backlog) and of 10 (a script that logs now and then), one transaction a flush,
and answers the same question: 1,000 buckets with the minimum and the maximum of each.
"""

from __future__ import annotations

import array
import random
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

from outrider_agent import model
from outrider_agent.core import points
from outrider_agent.store import migrate, reading, series, sqlite

T0 = 1_700_000_000_000_000_000
FLUSH = 50_000
BUCKETS = 1000


def flushes(count, size):
    """Points as the decoder gives them: column lists."""
    draw = random.Random(0)
    values = [draw.gauss(0, 1) for _ in range(10_007)]
    for first in range(0, count, size):
        steps = list(range(first, min(count, first + size)))
        yield points.Columns([T0 + i * 20_000 + i % 997 for i in steps], steps, [values[i % 10_007] for i in steps])


class Rows:
    """A row each."""

    name = "a row each"

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000;"
            "CREATE TABLE p (series INTEGER, ordinal INTEGER, step INTEGER, time INTEGER, value REAL, PRIMARY KEY (series, ordinal))"
            " WITHOUT ROWID"
        )
        self.count = 0

    def add(self, columns):
        self.db.execute("BEGIN IMMEDIATE")
        rows = zip(range(self.count, self.count + len(columns)), columns.steps, columns.times, columns.values, strict=True)
        self.db.executemany("INSERT INTO p VALUES (1, ?, ?, ?, ?)", rows)
        self.count += len(columns)
        self.db.execute("COMMIT")

    def buckets(self):
        width = max(1, self.count // BUCKETS)
        return self.db.execute(
            "SELECT min(value), max(value), min(step), max(step) FROM p WHERE series = 1 GROUP BY ordinal / ?", (width,)
        ).fetchall()

    def close(self):
        self.db.close()


class Blobs:
    """Packed as arrays of 8 bytes, with summaries; small flushes make small chunks."""

    name = "packed, binary"

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint=4000;"
            "CREATE TABLE p (series INTEGER, first INTEGER, count INTEGER, low REAL, high REAL, step_low INTEGER, step_high INTEGER,"
            " times BLOB, steps BLOB, vals BLOB, PRIMARY KEY (series, first))"
        )
        self.count = 0

    def add(self, columns):
        self.db.execute("BEGIN IMMEDIATE")
        rows = []
        for chunk in points.chunks(columns):
            packed = [
                array.array(code, column).tobytes() for code, column in zip("qqd", (chunk.times, chunk.steps, chunk.values), strict=True)
            ]
            edges = (min(chunk.values), max(chunk.values), min(chunk.steps), max(chunk.steps))
            rows.append((self.count, len(chunk), *edges, *packed))
            self.count += len(chunk)
        self.db.executemany("INSERT INTO p VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self.db.execute("COMMIT")

    def buckets(self):
        return self.db.execute("SELECT low, high, step_low, step_high FROM p WHERE series = 1 ORDER BY first").fetchall()

    def close(self):
        self.db.close()


class Json:
    """The store's own: packed as JSON lists, with summaries; small chunks are merged."""

    name = "packed, JSON (taken)"

    def __init__(self, path):
        self.path = path
        self.sink = sqlite.SqliteStore(path)
        self.sink.take_over()
        data = b'\n{"k":"note","t":1,"msg":""}\n'
        one = model.Slice(stream=model.StreamId("r", "w"), start=model.START, end=model.Position(0, len(data)), data_offset=0, data=data)
        self.sink.commit(model.Batch(slices=(one,)))
        self.db = self.sink._connection
        self.writer = series.SeriesWriter(self.db)

    def add(self, columns):
        self.db.execute("BEGIN IMMEDIATE")
        self.writer.add((1, "call", "x"), columns, 1)
        self.db.execute("COMMIT")

    def buckets(self):
        with reading.Reader(self.path) as store:
            return store.buckets("r", "x", BUCKETS)

    def close(self):
        self.sink.close()


def measure(layout, count, size):
    """Nanoseconds a point to insert (CPU), milliseconds to 1,000 buckets, bytes a point."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.db"
        made, spent = layout(path), 0.0
        for columns in flushes(count, size):
            began = time.process_time()
            made.add(columns)
            spent += time.process_time() - began
        made_buckets = []
        for _ in range(3):
            began = time.perf_counter()
            found = made.buckets()
            made_buckets.append((time.perf_counter() - began) * 1000)
        assert found
        made.close()
        return spent / count * 1e9, min(made_buckets), path.stat().st_size / count


def main():
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    print(f"chunks of {points.FULL}, small below {points.SMALL}, schema {migrate.newest()}, SQLite {sqlite3.sqlite_version}")
    print("| layout | points | flush | insert, ns a point | to 1,000 buckets, ms | bytes a point |")
    print("|---|---|---|---|---|---|")
    for count, size in ((int(millions * 1e6), FLUSH), (int(millions * 1e6 / 100), 10)):
        for layout in (Rows, Blobs, Json):
            insert, chart, size_of = measure(layout, count, size)
            print(f"| {layout.name} | {count:,} | {size:,} | {insert:,.0f} | {chart:,.1f} | {size_of:.1f} |", flush=True)


if __name__ == "__main__":
    main()
