"""Changes that a user asks for, on a connection of their own. What the spool brings is `ingest`'s."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import msgspec

from outrider_agent import errors
from outrider_agent.store import connect, migrate, queries

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

SQL = queries.load("write")


def delete_run(path: str | os.PathLike[str], run_id: str, home: Path) -> list[str]:
    """
    Deletes a run and everything of it; what its streams still bring is passed over from now on.

    Returns the sha256 of the blobs that only this run named: their deletion is the caller's. A registered model outlives its run, so what
    the registry of the home names stays. Idempotent for a run that was deleted; raises
    `NotFound` for one that never was, `Unavailable`.
    """
    where = os.fspath(path)
    if not os.path.exists(where):  # noqa: PTH110
        raise errors.NotFound(f"There is no run “{run_id}”: there is no store yet.")
    with connect.translated(where), contextlib.closing(connect.writer(where)) as connection:
        migrate.check(connection, where)
        with connect.transaction(connection):
            known = connection.execute(SQL.status, {"run": run_id, "attempt": None}).fetchone()
            if not known and not connection.execute(SQL.is_deleted, {"run": run_id}).fetchone():
                raise errors.NotFound(f"There is no run “{run_id}” in this store; nothing was deleted.")
            unused = [str(row[0]) for row in connection.execute(SQL.unused_blobs, {"run": run_id})]
            connection.execute(SQL.forget_set_aside, {"run": run_id})
            connection.execute(SQL.forget_run, {"run": run_id})
            connection.execute(SQL.remember_deleted, {"run": run_id, "now": time.time_ns()})
    registered = of_models(home)
    return [sha for sha in unused if sha not in registered]


def hide_run(path: str | os.PathLike[str], run_id: str, when: int | None) -> None:
    """Hides a run from every list since that moment, or shows it again (None). Raises `NotFound`, `Unavailable`."""
    where = os.fspath(path)
    with _opened(where) as connection:
        if connection is None or not connection.execute(SQL.remove_run, {"run": run_id, "removed": when}).fetchall():
            raise errors.NotFound(f"There is no run “{run_id}” in this store; nothing was changed.")


def hidden_before(path: str | os.PathLike[str], before: int) -> list[str]:
    """Runs that were hidden before that moment; none of a store whose schema is being brought up to date. Raises `Unavailable`."""
    with _opened(os.fspath(path)) as connection:
        if connection is None or migrate.version(connection) < migrate.newest():
            return []
        return [str(row[0]) for row in connection.execute(SQL.removed_before, {"before": before})]


@contextlib.contextmanager
def _opened(where: str) -> Iterator[sqlite3.Connection | None]:
    """A connection in a transaction; None where there is no store yet."""
    if not os.path.exists(where):  # noqa: PTH110
        yield None
        return
    with connect.translated(where), contextlib.closing(connect.writer(where)) as connection:
        migrate.check(connection, where)
        with connect.transaction(connection):
            yield connection


def of_models(home: Path) -> set[str]:
    """The sha256 of every file of a registered model (docs/spool.md, Models). One that cannot be read names nothing."""
    found: set[str] = set()
    for about in home.glob("models/*/*/about.json"):
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            found.update(sha for sha, _ in msgspec.json.decode(about.read_bytes(), type=Registered).files.values())
    return found


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What matters here of a registered model."""

    files: dict[str, tuple[str, int]]
