"""
How a SQLite file is opened, and the one place where sqlite3's exceptions become ours.

Writers: WAL, synchronous=FULL: a commit survives a power cut too, for the spool's segments are deleted after it (docs/decisions/0004).
Readers: read-only connections that see committed transactions only.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from outrider import spool
from outrider_agent import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

BUSY_TIMEOUT_S = 5.0
JOURNAL_SIZE_LIMIT = 64 << 20
#: Result codes (the lower 8 bits) after which the same transaction may succeed later.
TRANSIENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
    }
)
#: What the data are at fault for.
AT_FAULT = (sqlite3.IntegrityError, sqlite3.DataError, OverflowError, UnicodeEncodeError)


def primary_code(error: BaseException) -> int:
    """SQLite's result code of an exception, without its extension; 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


@contextlib.contextmanager
def translated(path: str) -> Iterator[None]:
    """Turns what sqlite3 raises into `Unavailable` or `Rejected`; bugs (a wrong statement) pass as they are."""
    try:
        yield
    except AT_FAULT as exc:
        raise errors.Rejected(f"The store refused these data ({exc}); they are set aside with their place, the rest goes on.") from exc
    except sqlite3.Error as exc:
        code = primary_code(exc)
        if code == sqlite3.SQLITE_FULL:
            raise errors.Unavailable(f"The disk of {path} is full: nothing is lost, the spool holds it. Free some space.") from exc
        folder = Path(path).absolute().parent
        if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY} and not os.access(folder, os.W_OK):
            raise errors.Unavailable(
                f"{folder} cannot be written, which SQLite needs to read the store in it. Nothing is lost; make it writable for you, "
                "or copy it and set OUTRIDER_HOME to the copy."
            ) from exc
        if code in TRANSIENT:
            raise errors.Unavailable(f"{path} cannot be used at the moment ({exc}); nothing is lost, the spool holds it.") from exc
        if code == sqlite3.SQLITE_TOOBIG:
            raise errors.Rejected(f"A value is too large for the store ({exc}); it is set aside with its place.") from exc
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise errors.Unavailable(
                f"{path} is damaged ({exc}). The spool holds what is not committed; move the file away or restore a copy, then start again"
            ) from exc
        raise


def make(path: str) -> None:
    """Makes the file where there is none: nobody else's to read, as SQLite would not, but where the home is shared. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    spool.share(descriptor, os.path.dirname(path))  # noqa: PTH120 -- a text, as SQLite takes it
    os.close(descriptor)


def writer(path: str) -> sqlite3.Connection:
    """A connection that may write; transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            f"journal_size_limit = {JOURNAL_SIZE_LIMIT}",
            "foreign_keys = ON",
            "secure_delete = OFF",
            "wal_autocheckpoint = 4000",
            "cache_size = -16000",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def reader(path: str) -> sqlite3.Connection:
    """A connection that only reads."""
    uri = f"file:{quote(str(Path(path).absolute()))}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8000")
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, how: str = "IMMEDIATE") -> Iterator[None]:
    """Commits at the end, rolls back when anything is raised (a full disk may have rolled back by itself)."""
    connection.execute(f"BEGIN {how}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise
