"""What `show` counts of a run, each in one query, so that a long run costs no more memory than a short one."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import msgspec

from outrider_agent.cli import transcript
from outrider_agent.store import connect, queries

if TYPE_CHECKING:
    from pathlib import Path


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """`console_bytes` by stream's name; `children` are run ids."""

    warnings: int
    errors: int
    console_bytes: dict[str, int]
    children: list[str]


def of_run(path: Path, run_id: str) -> Counts:
    """Counts what the store has of the run. Raises `Unavailable`."""
    sql = queries.load("show")
    given = {"run_id": run_id}
    with connect.translated(str(path)), contextlib.closing(connect.reader(str(path))) as connection:
        connection.row_factory = sqlite3.Row
        logs = connection.execute(sql.log_counts, given).fetchone()
        written = {row["fd"]: row["bytes"] for row in connection.execute(sql.console_bytes, given)}
        children = [row["run_id"] for row in connection.execute(sql.children, given)]
    return Counts(
        warnings=logs["warnings"],
        errors=logs["errors"],
        console_bytes={name: written.get(fd, 0) for fd, name in transcript.STREAMS.items()},
        children=children,
    )
