"""
Numbered migrations: `sql/NNNN_name.sql`, each applied once, in order, in one transaction. `PRAGMA user_version` is the schema's number.
"""

from __future__ import annotations

import importlib.resources
import re
import sqlite3

from outrider_agent import errors
from outrider_agent.store import connect


def migrations() -> list[tuple[int, str]]:
    """The migrations that this version knows: (number, SQL), in order."""
    folder = importlib.resources.files("outrider_agent.store").joinpath("sql")
    found = [
        (int(match[1]), entry.read_text("utf-8")) for entry in folder.iterdir() if (match := re.match(r"(\d{4})_\w+\.sql$", entry.name))
    ]
    return sorted(found)


def newest() -> int:
    """The number of the newest schema that this version knows."""
    return migrations()[-1][0]


def version(connection: sqlite3.Connection) -> int:
    """The schema's number of a database; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check(connection: sqlite3.Connection, path: str) -> int:
    """The schema's number. Raises `SchemaTooNew`."""
    found = version(connection)
    if found > newest():
        raise errors.SchemaTooNew(
            f"{path} has schema {found}, this Outrider knows {newest()}. Nothing was changed; upgrade Outrider to read or write it."
        )
    return found


def statements(script: str) -> list[str]:
    """The statements of a script, one by one (executescript would commit between them)."""
    found, pending = [], ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            found.append(pending)
            pending = ""
    return found


def migrate(connection: sqlite3.Connection, path: str) -> int:
    """Brings a database to the newest schema; returns its number. Idempotent; safe when two do it at once. Raises `SchemaTooNew`."""
    if check(connection, path) == newest():
        return newest()
    with connect.transaction(connection):
        present = check(connection, path)
        for number, script in migrations():
            if number > present:
                for statement in statements(script):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
    return version(connection)
