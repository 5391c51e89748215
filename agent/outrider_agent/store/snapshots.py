"""Read transactions over a store's file: a connection a thread, and an empty store in memory while there is none on disk."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from outrider_agent import errors
from outrider_agent.store import connect, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator


class Snapshots:
    """Gives out read transactions; `close` closes every thread's connection."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """One read transaction: what it sees does not change. Raises `Unavailable`, `SchemaTooNew`."""
        with connect.translated(self.path):
            connection = self._connection()
            with connect.transaction(connection, "DEFERRED"):
                yield connection

    def close(self) -> None:
        """Closes every connection. Idempotent."""
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            return connection
        if os.path.exists(self.path):  # noqa: PTH110
            connection = connect.reader(self.path)
            connection.row_factory = sqlite3.Row
            self._opened.append(connection)
            present = migrate.check(connection, self.path)
            if present == migrate.newest():
                self._local.connection = connection
                return connection
            self._opened.remove(connection)
            connection.close()
            if present:
                raise errors.Unavailable(
                    f"{self.path} was written by an earlier Outrider (schema {present}, now {migrate.newest()}). Nothing is lost: the "
                    f"agent brings it up to date when it starts. Run `outrider agent --stop`, then `outrider agent`."
                )
        return self._empty()

    def _empty(self) -> sqlite3.Connection:
        """An empty store."""
        connection: sqlite3.Connection | None = getattr(self._local, "empty", None)
        if connection is None:
            connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            connection.row_factory = sqlite3.Row
            migrate.migrate(connection, ":memory:")
            self._local.empty = connection
            self._opened.append(connection)
        return connection
