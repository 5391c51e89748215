"""
One run's rows from one store's file into another's, all tables alike: what a bundle is made by, and taken in by.

The statements are made from the schema, not written down: a table that a later migration adds comes along by itself. A row belongs to a run
by its `run_key`, `series_key`, `stream_key` or `run_id`; keys of the store (INTEGER PRIMARY KEY) are moved behind those that are there, in
their order. Works within one transaction of a connection that has the other file attached as `other`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent import errors

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

#: Of the store, not of a run; `experiments` and `runs` are made by hand below.
NOT_OF_A_RUN = frozenset({"experiments", "runs", "deleted_runs", "owners", "tokens", "rules"})
#: How a row's run is told by a column, the first one that a table has.
OWNERS = {
    "run_key": "run_key = :run_key",
    "series_key": "series_key IN (SELECT series_key FROM other.series WHERE run_key = :run_key)",
    "stream_key": "stream_key IN (SELECT stream_key FROM other.streams WHERE run_id = :run_id)",
    "run_id": "run_id = :run_id",
}
#: Parents before what names them.
FIRST = ("streams", "series")


def copy_run(connection: sqlite3.Connection, run_id: str) -> int:
    """
    Copies the run from `other` into this store, under the number that it has, or, where that is taken in its experiment, the next one.

    Returns the number. Raises `NotFound` where `other` has no such run, `OutriderError` where this store has it already.
    """
    source = connection.execute("SELECT * FROM other.runs WHERE run_id = ?", (run_id,)).fetchone()
    if source is None:
        raise errors.NotFound(f"There is no run “{run_id}” in it.")
    if connection.execute("SELECT 1 FROM main.runs WHERE run_id = ?", (run_id,)).fetchone():
        raise errors.OutriderError(
            f"run {run_id} is in this store already; nothing was changed: delete it first, or import it into another --home"
        )
    _forget(connection, run_id)
    names = columns(connection, "runs")
    row = dict(zip(names, source, strict=True))
    experiment, number = _place(connection, row["experiment_key"], row["number"])
    old, new = row["run_key"], _free(connection, "runs", "run_key")
    row |= {"run_key": new, "experiment_key": experiment, "number": number}
    connection.execute(f"INSERT INTO main.runs ({_list(names)}) VALUES ({', '.join(f':{name}' for name in names)})", row)  # noqa: S608 (names of the schema)
    given = {"run_key": old, "run_id": run_id}
    shifts = {table: _shift(connection, table, given) for table in _tables(connection)}
    for table in shifts:
        _copy(connection, table, given | {"new_run": new}, shifts)
    return number


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """A table's columns, in order."""
    return [str(row[1]) for row in connection.execute(f"PRAGMA main.table_info({table})")]


def _forget(connection: sqlite3.Connection, run_id: str) -> None:
    """Of a run that was deleted here: that it was, and how far its streams were read."""
    its = "stream_key IN (SELECT stream_key FROM main.streams WHERE run_id = ?)"
    connection.execute(f"DELETE FROM main.set_aside WHERE {its}", (run_id,))  # noqa: S608 (its own text, above)
    connection.execute(f"DELETE FROM main.cursors WHERE {its}", (run_id,))  # noqa: S608
    connection.execute("DELETE FROM main.streams WHERE run_id = ?", (run_id,))
    connection.execute("DELETE FROM main.deleted_runs WHERE run_id = ?", (run_id,))


def _tables(connection: sqlite3.Connection) -> Iterator[str]:
    """Those with rows of runs; parents first."""
    found = [
        str(row[0]) for row in connection.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    ]
    ours = [name for name in found if name not in NOT_OF_A_RUN and OWNERS.keys() & set(columns(connection, name))]
    yield from (name for name in FIRST if name in ours)
    yield from (name for name in ours if name not in FIRST)


def _list(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _own_key(connection: sqlite3.Connection, table: str) -> str | None:
    """The column that is the store's own number of a row; None where there is none."""
    keys = [(str(row[1]), str(row[2])) for row in connection.execute(f"PRAGMA main.table_info({table})") if row[5]]
    return keys[0][0] if len(keys) == 1 and keys[0][1].upper() == "INTEGER" else None


def _free(connection: sqlite3.Connection, table: str, key: str) -> int:
    return int(connection.execute(f"SELECT coalesce(max({key}), 0) + 1 FROM main.{table}").fetchone()[0])  # noqa: S608 (names of the schema)


def _where(connection: sqlite3.Connection, table: str) -> str:
    names = columns(connection, table)
    return next(condition for column, condition in OWNERS.items() if column in names)


def _shift(connection: sqlite3.Connection, table: str, given: Mapping[str, object]) -> int:
    """What is added to the own key of each row, so that the first one comes behind all that are there."""
    key = _own_key(connection, table)
    if key is None:
        return 0
    least = connection.execute(f"SELECT min({key}) FROM other.{table} WHERE {_where(connection, table)}", given).fetchone()[0]  # noqa: S608 (names of the schema)
    return 0 if least is None else _free(connection, table, key) - int(least)


def _copy(connection: sqlite3.Connection, table: str, given: Mapping[str, object], shifts: Mapping[str, int]) -> None:
    names, own = columns(connection, table), _own_key(connection, table)
    moved = {"series_key": shifts["series"], "stream_key": shifts["streams"]}

    def value(name: str) -> str:
        if name == "run_key":
            return ":new_run"
        by = shifts[table] if name == own else moved.get(name, 0)
        return f'"{name}" + {by}' if by else f'"{name}"'

    order = f" ORDER BY {own}" if own else ""
    taken = ", ".join(value(name) for name in names)
    select = f"SELECT {taken} FROM other.{table} WHERE {_where(connection, table)}{order}"  # noqa: S608 (names of the schema)
    connection.execute(f"INSERT INTO main.{table} ({_list(names)}) {select}", given)


def _place(connection: sqlite3.Connection, key: int, number: int) -> tuple[int, int]:
    """The experiment of that name here, made where there is none; and the number that the run gets in it."""
    name, created = connection.execute("SELECT name, created FROM other.experiments WHERE experiment_key = ?", (key,)).fetchone()
    connection.execute("INSERT OR IGNORE INTO main.experiments (name, created) VALUES (?, ?)", (name, created))
    here, last = connection.execute("SELECT experiment_key, last_number FROM main.experiments WHERE name = ?", (name,)).fetchone()
    is_taken = connection.execute("SELECT 1 FROM main.runs WHERE experiment_key = ? AND number = ?", (here, number)).fetchone()
    given = int(last) + 1 if is_taken else number
    connection.execute("UPDATE main.experiments SET last_number = max(last_number, ?) WHERE experiment_key = ?", (given, here))
    return int(here), given
