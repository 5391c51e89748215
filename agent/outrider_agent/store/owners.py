"""
Which runs are open, and who owns them: asked every few seconds by liveness, so an unchanged store is not read again.

Read-only, on a connection of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.store import queries, snapshots

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

SQL = queries.load("owners")


class Owner(NamedTuple):
    """A stream that owns an open run."""

    writer: str
    host: str | None
    boot: str | None
    attempt: int


class OpenRuns:
    """The open runs of a store. One thread asks."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._snapshots = snapshots.Snapshots(str(path))
        self._version: tuple[int, int] | None = None
        self._found: dict[str, list[Owner]] = {}

    def __call__(self) -> Mapping[str, Sequence[Owner]]:
        """Every open run with its owners. Raises `Unavailable`."""
        with self._snapshots.open() as connection:
            version = (id(connection), int(connection.execute("PRAGMA data_version").fetchone()[0]))
            if version == self._version:
                return self._found
            found: dict[str, list[Owner]] = {}
            for row in connection.execute(SQL.open_runs):
                found.setdefault(row["run_id"], []).append(Owner(row["writer"], row["host"], row["boot"], row["attempt"]))
        self._version, self._found = version, found
        return found

    def close(self) -> None:
        """Idempotent."""
        self._snapshots.close()
