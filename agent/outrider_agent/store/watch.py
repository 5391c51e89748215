"""Has anything been committed since? Asks SQLite's own counter, so that looking often costs next to nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from outrider_agent.store import connect

if TYPE_CHECKING:
    from pathlib import Path

#: Asked again within so long, the last answer serves.
FRESH_S = 0.04


class Changes:
    """The store's version: a number that changes with every commit. One connection, made when first asked; any thread may ask."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._asked = -1.0
        self._version = 0

    def version(self) -> int:
        """0 while there is no store. A store that cannot be asked at the moment has not changed."""
        with self._lock:
            if time.monotonic() - self._asked < FRESH_S:
                return self._version
            with suppress(sqlite3.Error):
                if self._connection is None and self._path.exists():
                    self._connection = connect.reader(str(self._path))
                if self._connection is not None:
                    self._version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
            self._asked = time.monotonic()
            return self._version

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
