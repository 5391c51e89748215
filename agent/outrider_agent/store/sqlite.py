"""
The store on SQLite, as a sink: rows and cursors in one transaction, by one owner.

One connection writes, in one thread at a time. Readers have connections of their own (`reading`). Exactly once rests on two things that are
checked inside the transaction: the owner's token, and that each cursor stands where the slice began.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from outrider_agent import crashpoints, errors, model
from outrider_agent.core import decode, lines
from outrider_agent.store import connect, ingest, migrate, printed, queries, series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

SQL = queries.load("write")
#: So many bytes of a slice are decoded at a time.
DECODED_BYTES = 32 << 10
BALLAST_BYTES = 1 << 20
#: The ballast is made again only where so much is free.
BALLAST_ROOM = 16 << 20


class SqliteStore:
    """
    A `protocols.Sink`. Opening makes the file and brings its schema up to date: raises `SchemaTooNew`, `Unavailable`.

    Any thread may call it, one at a time (a lock sees to that). `ballast` is 1 MiB beside the file that is given up first when the disk is
    full, so that the transaction which frees space has room.
    """

    name = "store"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._ballast = Path(self.path).parent / "ballast"
        self._lock = threading.Lock()
        self._token: int | None = None
        self._data_version = 0
        self._streams: dict[model.StreamId, int] = {}
        Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with connect.translated(self.path):
            connect.make(self.path)
            self._connection = connect.writer(self.path)
            try:
                migrate.migrate(self._connection, self.path)
            except BaseException:
                self._connection.close()
                raise
        self._series = series.SeriesWriter(self._connection)
        self._printed = printed.PrintedWriter(self._connection, self._series)
        self._keep_ballast()

    def take_over(self) -> int:
        """Becomes the sink's owner."""
        with self._guarded(), connect.transaction(self._connection):
            token = self._connection.execute(SQL.take_over, {"sink": self.name, "now": time.time_ns()}).fetchone()[0]
        self._token = int(token)
        return self._token

    def positions(self, streams: Iterable[model.StreamId]) -> Mapping[model.StreamId, model.Position]:
        """The committed position of each stream."""
        found: dict[model.StreamId, model.Position] = {}
        with self._guarded(), connect.transaction(self._connection, "DEFERRED"):
            for stream in streams:
                given = {"sink": self.name, "run": stream.run, "writer": stream.writer}
                row = self._connection.execute(SQL.position, given).fetchone()
                found[stream] = model.Position(*row) if row else model.START
        return found

    def commit(self, batch: model.Batch) -> model.Receipt:
        """Commits the batch and its cursors in one transaction, or neither."""
        began = time.perf_counter()
        count = aside = 0
        crashpoints.at("before_begin")
        with self._guarded(), connect.transaction(self._connection):
            self._check_owner()
            gathered = ingest.Ingest(self._connection, self._series, self._printed)
            for piece in by_start(batch.slices):
                key, taken = self._stream_key(piece.stream), 0
                for found in decoded(piece):
                    gathered.take(piece.stream.run, key, found.records)
                    gathered.set_aside(key, piece.end.segment, found.aside)
                    taken += len(found.records) - sum(isinstance(item, decode.Head) for item in found.records[:1])
                    aside += len(found.aside)
                self._move(key, piece, taken)
                count += taken
            gathered.flush()
            crashpoints.at("after_insert")
            crashpoints.at("before_commit")
        crashpoints.at("after_commit")
        return model.Receipt(records=count, set_aside=aside, seconds=time.perf_counter() - began)

    def pass_over(self, piece: model.Slice, reason: str) -> None:
        """Sets a whole slice aside, unread, and moves its cursor: for what the store rejects. Raises as `commit`."""
        whole = decode.Aside(piece.data_offset, len(piece.data), reason, piece.data[: decode.HEAD_BYTES])
        with self._guarded(), connect.transaction(self._connection):
            self._check_owner()
            key = self._stream_key(piece.stream)
            ingest.Ingest(self._connection, self._series, self._printed).set_aside(key, piece.end.segment, [whole])
            self._move(key, piece, 0)

    def has_ended(self, run: str, attempt: int | None = None) -> bool:
        """Has the run (or that attempt of it) a status that is final, or was it deleted? False for an unknown one."""
        with self._guarded():
            row = self._connection.execute(SQL.status, {"run": run, "attempt": attempt}).fetchone()
            if row is None:
                return self._connection.execute(SQL.is_deleted, {"run": run}).fetchone() is not None
            return bool(row[0] != "Running")

    def idle(self) -> None:
        """Nothing is to be done for a while: the log of transactions is folded into the file and truncated. Raises `Unavailable`."""
        with self._guarded():
            wal = Path(self.path + "-wal")
            if wal.exists() and wal.stat().st_size:
                self._connection.execute("PRAGMA busy_timeout = 100")
                try:
                    self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                finally:
                    self._connection.execute(f"PRAGMA busy_timeout = {int(connect.BUSY_TIMEOUT_S * 1000)}")
        self._keep_ballast()

    def close(self) -> None:
        """Ends it. Idempotent."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """One caller at a time; errors translated; what is cached is dropped after any of them."""
        with self._lock:
            try:
                with connect.translated(self.path):
                    yield
            except BaseException as exc:
                self._forget()
                if connect.primary_code(exc.__cause__ or exc) == sqlite3.SQLITE_FULL:
                    self._ballast.unlink(missing_ok=True)
                raise

    def _forget(self) -> None:
        self._series.forget()
        self._printed.forget()
        self._streams.clear()

    def _check_owner(self) -> None:
        """Inside the transaction: is the sink still ours? Also drops what is cached when another connection has written."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._data_version:
            self._forget()
            self._data_version = version
        row = self._connection.execute(SQL.token, {"sink": self.name}).fetchone()
        if self._token is None or row is None or row[0] != self._token:
            raise errors.Fenced("Another agent writes this store now; this one stops. Nothing is lost and nothing is written twice.")

    def _stream_key(self, stream: model.StreamId) -> int:
        """The stream's key; it and its cursor are made when they are new."""
        key = self._streams.get(stream)
        if key is not None:
            return key
        given = {"run": stream.run, "writer": stream.writer}
        row = self._connection.execute(SQL.stream_key, given).fetchone() or self._connection.execute(SQL.add_stream, given).fetchone()
        key = int(row[0])
        self._connection.execute(SQL.add_cursor, {"sink": self.name, "stream_key": key})
        self._streams[stream] = key
        return key

    def _move(self, key: int, piece: model.Slice, records: int) -> None:
        """Compare and set: the cursor moves from the slice's start to its end, or nothing is committed."""
        moved = self._connection.execute(
            SQL.move_cursor,
            {
                "sink": self.name,
                "stream_key": key,
                "start_segment": piece.start.segment,
                "start_offset": piece.start.offset,
                "segment": piece.end.segment,
                "offset": piece.end.offset,
                "records": records,
                "bytes": len(piece.data),
            },
        )
        if moved.rowcount != 1:
            place = f"{piece.stream.run}/{piece.stream.writer}"
            raise errors.Fenced(f"Stream {place} is committed elsewhere than at {tuple(piece.start)}: another agent writes this store now.")

    def _keep_ballast(self) -> None:
        """Sees to it that the ballast is there, where the disk has room."""
        with contextlib.suppress(OSError):
            if not self._ballast.exists():
                free = os.statvfs(self._ballast.parent)
                if free.f_bavail * free.f_frsize > BALLAST_ROOM:
                    self._ballast.write_bytes(b"\0" * BALLAST_BYTES)


def by_start(slices: Sequence[model.Slice]) -> list[model.Slice]:
    """The slices, runs that begin here in the order in which they started: so they are numbered. A run's own stay in their order."""
    started: dict[str, int] = {}
    for piece in slices:
        if piece.start == model.START:
            found = decode.decode(piece.data[: piece.data.find(lines.NEWLINE, 1) + 1]).records
            if found and isinstance(found[0], decode.Head):
                started[piece.stream.run] = min(found[0].t, started.get(piece.stream.run, found[0].t))
    return sorted(slices, key=lambda piece: (piece.stream.run in started, started.get(piece.stream.run, 0), piece.stream.run))


def decoded(piece: model.Slice) -> Iterator[decode.Decoded]:
    """The slice's records, a little at a time so that they stay in the processor's cache; a torn tail is set aside."""
    whole = len(piece.data) - piece.torn
    for start, data in lines.pieces(piece.data[:whole] if piece.torn else piece.data, DECODED_BYTES):
        yield decode.decode(data, piece.data_offset + start)
    if piece.torn:
        tail = piece.data[whole : whole + decode.HEAD_BYTES]
        yield decode.Decoded([], [decode.Aside(piece.data_offset + whole, piece.torn, "torn: the line was not finished", tail)])
