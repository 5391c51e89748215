"""
The tokens of a server: made, listed, revoked; and asked, at each request, what one may do.

A token has 256 random bits, so its plain SHA-256 is kept: nobody finds it by trying. It is shown once, where it is made. Revoking one holds
within a second for servers that run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
from typing import TYPE_CHECKING, Literal, get_args

import msgspec

from outrider_agent import errors
from outrider_agent.store import connect, migrate, queries, snapshots

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

SQL = queries.load("tokens")
#: So that a token is known for what it is where it should not be: in a log, in a repository.
PREFIX = "otr_"
#: What was read of the tokens holds for so long.
FRESH_S = 1.0

Scope = Literal["all", "ship", "read"]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a token. Times in ns; `expires` and `revoked` are None where they are not."""

    key: int
    name: str
    sha256: str
    scope: Scope
    created: int
    expires: int | None
    revoked: int | None

    def holds(self, now: int) -> bool:
        """Is it neither revoked nor expired?"""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def may(self, what: Scope) -> bool:
        """Is that among what it was made for?"""
        return self.scope in ("all", what)


def create(path: str | os.PathLike[str], name: str, *, scope: Scope = "all", expires: int | None = None) -> str:
    """Makes one: its text, which is kept nowhere. Raises `Rejected` where the name is taken, `Unavailable`."""
    if scope not in get_args(Scope):
        raise errors.Rejected(f"{scope} is no scope; there are {', '.join(get_args(Scope))}.")
    text = PREFIX + secrets.token_urlsafe(32)
    with _writing(path) as connection:
        given = {"name": name, "sha256": hashed(text), "scope": scope, "now": time.time_ns(), "expires": expires}
        if connection.execute(SQL.add, given).rowcount != 1:
            raise errors.Rejected(f"There is a token named {name} already, or there was; nothing was made. Take another name.")
    return text


def revoke(path: str | os.PathLike[str], name: str) -> None:
    """Ends one. Idempotent. Raises `NotFound` where there is none of that name, `Unavailable`."""
    known = {one.name for one in every(path)}
    if name not in known:
        raise errors.NotFound(f"There is no token named {name}; `outrider token list` has them.")
    with _writing(path) as connection:
        connection.execute(SQL.revoke, {"name": name, "now": time.time_ns()})


def every(path: str | os.PathLike[str]) -> list[Token]:
    """All of them, the oldest first; none where there is no store. Raises `Unavailable`."""
    reading = snapshots.Snapshots(os.fspath(path))
    try:
        return _read(reading)
    finally:
        reading.close()


def hashed(text: str) -> str:
    """What is kept of a token's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class Keeper:
    """Knows the tokens of a store, as of a second ago at most. `find` blocks on the disk; one thread at a time."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._snapshots = snapshots.Snapshots(os.fspath(path))
        self._known: dict[str, Token] = {}
        self._read_at = float("-inf")

    def find_nowait(self, sha256: str | None = None, key: int | None = None) -> Token | None:
        """The token of that hash (or key), where it holds and that is known without looking. Any thread."""
        if time.monotonic() - self._read_at >= FRESH_S:
            return None
        known, now = self._known, time.time_ns()
        found = known.get(sha256) if sha256 is not None else next((one for one in known.values() if one.key == key), None)
        return found if found is not None and found.holds(now) else None

    def find(self, asked: float, sha256: str | None = None, key: int | None = None) -> Token | None:
        """
        The same, after looking, where nobody has looked since `asked` (monotonic): one that was just made is known at once, and however
        many wrong ones come, they share a look. Raises `Unavailable`.
        """
        if self._read_at < asked:
            self._read_at, self._known = time.monotonic(), {one.sha256: one for one in _read(self._snapshots)}
        return self.find_nowait(sha256, key)

    def close(self) -> None:
        """Idempotent."""
        self._snapshots.close()


def _read(reading: snapshots.Snapshots) -> list[Token]:
    with reading.open() as connection:
        return [
            Token(key=row[0], name=row[1], sha256=row[2], scope=row[3], created=row[4], expires=row[5], revoked=row[6])
            for row in connection.execute(SQL.all)
        ]


@contextlib.contextmanager
def _writing(path: str | os.PathLike[str]) -> Iterator[sqlite3.Connection]:
    where = os.fspath(path)
    connect.make(where)
    with connect.translated(where), contextlib.closing(connect.writer(where)) as connection:
        migrate.migrate(connection, where)
        with connect.transaction(connection):
            yield connection
