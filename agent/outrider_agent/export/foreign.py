"""
What is looked at before a bundle is taken in: it is a file from whoever made it, and one row that cannot be read would spoil every list.

The names and sizes in the zip; the schema of the store in it, which has to be ours to the last column; and every row of the run, by the
code that reads it afterwards. Nothing here changes anything.
"""

from __future__ import annotations

import collections
import contextlib
import shutil
import sqlite3
import zipfile
from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent import errors
from outrider_agent.cli import documents, journal
from outrider_agent.export import tables
from outrider_agent.portal import answers, api, asking, shapes
from outrider_agent.store import browsing, sqlite

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes that stay free on the disk, whatever a bundle holds.
RESERVE = 256 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: What a value of a declared type is, as SQLite calls it. SQLite itself takes anything anywhere.
TYPES = {"INTEGER": ("integer",), "REAL": ("real", "integer"), "TEXT": ("text",), "BLOB": ("blob",)}
#: What reading a row of another shape raises.
STRANGE = (sqlite3.Error, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, errors.OutriderError)


def check_entries(packed: zipfile.ZipFile, path: Path, known: frozenset[str], blob: Any) -> None:
    """Every file in the zip is one of a bundle, once, packed as we pack; and there is room for all. Raises `OutriderError`."""
    entries = packed.infolist()
    for name in sorted(known - {entry.filename for entry in entries}):
        raise errors.OutriderError(f"{path} is no bundle of a run: there is no {name} in it; nothing was changed")
    for entry in entries:
        if entry.filename not in known and not blob.fullmatch(entry.filename):
            raise errors.OutriderError(f"{path} has a file {entry.filename[:200]!r}, which no bundle has; nothing was changed")
        if entry.flag_bits & 1 or entry.compress_type not in METHODS:
            raise errors.OutriderError(f"{path} is no bundle: it is packed as Outrider packs none; nothing was changed")
    if len({entry.filename for entry in entries}) != len(entries):
        raise errors.OutriderError(f"{path} is no bundle: a file is in it twice; nothing was changed")


def check_room(needed: int, folder: Path, path: Path) -> None:
    """There is room for so many bytes on the folder's disk. Raises `OutriderError`."""
    free = shutil.disk_usage(folder).free - RESERVE
    if needed > free:
        raise errors.OutriderError(
            f"{path} unpacks to {needed >> 20:,} MiB, and {max(0, free) >> 20:,} MiB are free in {folder}; nothing was changed: "
            "make room first"
        )


def check_store(alone: Path, run_id: str, path: Path) -> None:
    """The store of a bundle, brought up to date, holds this run and can be read to its last row. Raises `OutriderError`."""
    try:
        _check_schema(alone)
        with browsing.Browser(alone) as store:
            _read_all(store, run_id)
    except errors.NotFound as exc:
        raise errors.OutriderError(f"{path} is no bundle of run {run_id}: the store in it has no such run; nothing was changed") from exc
    except STRANGE as exc:
        raise errors.OutriderError(
            f"{path} is damaged: the store in it cannot be read ({_short(exc)}); nothing was changed: export the run again"
        ) from exc


def _short(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}"[:200]


def _check_schema(alone: Path) -> None:
    """Tables, not views, with our columns and nothing that acts by itself; each value of its column's type. Raises ValueError."""
    ours = alone.with_name("ours.db")
    sqlite.SqliteStore(ours).close()
    with contextlib.closing(sqlite3.connect(ours)) as here, contextlib.closing(sqlite3.connect(alone)) as there:
        if (expected := _objects(here)) != (found := _objects(there)):
            odd = sorted(f"{kind} {name}" for kind, name in expected ^ found)
            raise ValueError(f"another schema: {', '.join(odd)[:120]}")
        for kind, table in sorted(expected):
            if kind != "table":
                continue
            if _columns(here, table) != (columns := _columns(there, table)):
                raise ValueError(f"another schema: the columns of {table}")
            _check_types(there, table, columns)


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    return {
        (str(kind), str(name))
        for kind, name in connection.execute("SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%'")
    }


def _columns(connection: sqlite3.Connection, table: str) -> list[tuple[str, str]]:
    return [(str(row[1]), str(row[2])) for row in connection.execute(f'PRAGMA table_xinfo("{table}")')]


def _check_types(connection: sqlite3.Connection, table: str, columns: list[tuple[str, str]]) -> None:
    for name, declared in columns:
        types = ", ".join(f"'{one}'" for one in TYPES.get(declared, ()))
        wrong = f'SELECT 1 FROM "{table}" WHERE typeof("{name}") NOT IN ({types}, \'null\') LIMIT 1'  # noqa: S608 (names of our schema)
        if types and connection.execute(wrong).fetchone():
            raise ValueError(f"{table}.{name} holds what is no {declared}")


def _read_all(store: browsing.Browser, run_id: str) -> None:
    """As the lists, the run's page and its exports will."""
    document = api.run_document(store, run_id)
    msgspec.json.decode(shapes.encoded(document), type=answers.WholeRun)
    if (found := store.runs()) and [run.run_id for run in found] != [run_id]:
        raise ValueError("it holds other runs")
    store.page(browsing.Wanted(), 0)
    for series in store.series(run_id):
        store.buckets(run_id, series.name, asking.BUCKETS, None, series.source)
    for told in (tables.points(store, run_id, store.series(run_id)), tables.log(store, run_id)):
        collections.deque(told, maxlen=0)
    for row in store.rows(run_id):
        collections.deque(documents.table_rows(row), maxlen=0)
    for one in store.artifacts(run_id, all_versions=True):
        documents.artifact(one)
    journal.ending(store, run_id, 1_000, with_echoes=True)
