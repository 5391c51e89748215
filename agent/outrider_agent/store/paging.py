"""
Which runs a list shows and in which order, as SQL; and many runs at once, for what a list costs is mostly the number of its queries.

Only what is asked for stands in the statement: an order or a filter that nobody wants is not looked at for each of 10,000 runs.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from outrider_agent.store import filtering, queries, reading, records

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from outrider_agent.store import browsing

SQL = queries.load("paging")


def statement(wanted: browsing.Wanted, now: int) -> tuple[str, dict[str, Any]]:
    """The query of a page, and its parameters. Raises `query.Wrong` for a query that cannot be read."""
    asked = filtering.compiled(wanted.query, now)
    is_recent = wanted.sort == "started" and not wanted.query and wanted.text is None
    conditions = [
        SQL.removed if wanted.removed else SQL.present if is_recent else SQL.in_place,
        *([SQL.in_experiment] if wanted.experiment is not None else []),
        *([SQL.with_text] if wanted.text is not None else []),
        *([SQL.of_parent] if wanted.parent is not None else []),
        asked.sql,
    ]
    given = {**wanted.asked(), **asked.given, "now": now}
    if is_recent:
        found = SQL.recent.replace("{direction}", "DESC" if wanted.down else "ASC")
    else:
        found = SQL.page.replace("{value}", getattr(SQL, f"by_{wanted.sort}").replace("{number}", SQL.number))
    return found.replace("{condition}", " AND ".join(conditions)), given


def runs(connection: sqlite3.Connection, keys: Sequence[int]) -> list[records.Run]:
    """The runs of these keys, in this order."""
    given = {"runs": json.dumps(list(keys))}
    tags, params = _pairs(connection.execute(SQL.tags, given)), _pairs(connection.execute(SQL.params, given))
    found = {row["run_key"]: row for row in connection.execute(SQL.runs, given)}
    return [reading.convert(records.Run, found[key], tags=tags.get(key, {}), params=params.get(key, {})) for key in keys]


def _pairs(rows: Iterable[sqlite3.Row]) -> dict[int, dict[str, Any]]:
    of_run: dict[int, list[sqlite3.Row]] = {}
    for row in rows:
        of_run.setdefault(row["run_key"], []).append(row)
    return {key: reading.pairs(given) for key, given in of_run.items()}
