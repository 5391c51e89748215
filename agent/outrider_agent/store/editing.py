"""Changes that a user asks for, on a connection of their own. What the spool brings is `ingest`'s."""

from __future__ import annotations

import contextlib
import os
import time

from outrider_agent import errors
from outrider_agent.store import connect, migrate, queries

SQL = queries.load("write")


def delete_run(path: str | os.PathLike[str], run_id: str) -> list[str]:
    """
    Deletes a run and everything of it; what its streams still bring is passed over from now on.

    Returns the sha256 of the blobs that only this run named: their deletion is the caller's. Idempotent for a run that was deleted; raises
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
    return unused
