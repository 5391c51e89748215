"""
A run as one file: a zip of `bundle.json` (what it is), `run.db` (a store that holds this run alone) and `blobs/<sha256>`; docs/export.md.

A store's file is the one form of a run that every later version reads: its migrations bring it up to date. What is taken in is checked
first: the names in the zip, every row of the store in it (`foreign`), the sha256 of every blob; then the blobs are kept, then the rows
committed, in one transaction.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import re
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

import msgspec

from outrider import spool
from outrider_agent import errors
from outrider_agent.export import foreign, rows
from outrider_agent.store import connect, migrate, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outrider_agent import protocols

FORMAT, VERSION = "outrider-bundle", 1
ABOUT, STORE, BLOBS = "bundle.json", "run.db", "blobs/"
_BLOB = re.compile(r"blobs/([0-9a-f]{64})")
_CHUNK = 1 << 20
#: What a zip begins with.
_ZIP = b"PK\x03\x04"
#: What unpacking raises where bytes are not what they were.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeDecodeError)
#: What says it all: no bundle's description is longer.
_ABOUT_BYTES = 1 << 20


class About(msgspec.Struct, kw_only=True):
    """`bundle.json`. `missing`: blobs that the run names and whose bytes were not there."""

    format: str
    version: int
    run_id: str
    experiment: str
    number: int
    missing: list[str] = []


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What `take` did."""

    about: About
    number: int
    blobs: int


def write(store: Path, blobs: protocols.Blobs, run_id: str, target: IO[bytes]) -> About:
    """Writes a bundle of the run. Raises `NotFound`, `Unavailable`, OSError."""
    with tempfile.TemporaryDirectory(prefix="outrider-") as folder:
        alone = Path(folder) / STORE
        about = _alone(store, run_id, alone)
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as packed:
            for sha in _named(alone):
                try:
                    source = blobs.open(sha)
                except errors.NotFound:
                    about.missing.append(sha)
                    continue
                with source, packed.open(zipfile.ZipInfo(BLOBS + sha), "w", force_zip64=True) as kept:
                    shutil.copyfileobj(source, kept, _CHUNK)
            packed.write(alone, STORE)
            packed.writestr(ABOUT, json.dumps(msgspec.to_builtins(about), indent=1))
    return about


def take(path: Path, store: Path, blobs: protocols.Blobs) -> Taken:
    """
    Takes a bundle in. The run is there afterwards as it was, whole, or nothing has changed (but blobs that nobody names).

    Raises `OutriderError` for a file that is no bundle, is damaged, is of a later version, or whose run is here already.
    """
    with tempfile.TemporaryDirectory(prefix="outrider-") as folder, _opened(path) as packed:
        foreign.check_entries(packed, path, frozenset((ABOUT, STORE)), _BLOB)
        about = _read_about(packed, path)
        alone = Path(folder) / STORE
        foreign.check_room(packed.getinfo(STORE).file_size, Path(folder), path)
        with packed.open(STORE) as source, alone.open("wb") as target:
            shutil.copyfileobj(source, target, _CHUNK)
        _check_new(store, about.run_id)
        _bring_up_to_date(alone, path)
        foreign.check_store(alone, about.run_id, path)
        _restore(alone)
        kept = _keep_blobs(packed, path, blobs, [BLOBS + sha for sha in _named(alone)], store.parent)
        sqlite.SqliteStore(store).close()  # makes it, or brings it up to date
        number = _commit(store, alone, about.run_id)
    return Taken(about=about, number=number, blobs=kept)


def refuse_torn(path: Path) -> None:
    """Raises `OutriderError` for a zip that has lost its end: it is no log either."""
    with path.open("rb") as file:
        if file.read(4) == _ZIP:
            raise errors.OutriderError(f"{path} is a zip that ends too early; nothing was changed: copy it or export the run again")


def _alone(store: Path, run_id: str, target: Path) -> About:
    """A store with this run only."""
    sqlite.SqliteStore(target).close()
    number = _commit(target, store, run_id, "DEFERRED")  # the home's store is only read: its agent goes on
    (target.parent / "ballast").unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()  # one file, without a log of transactions beside it
        connection.execute("VACUUM")
        (experiment,) = connection.execute("SELECT name FROM experiments").fetchone()
    return About(format=FORMAT, version=VERSION, run_id=run_id, experiment=experiment, number=number)


def _commit(store: Path, other: Path, run_id: str, how: str = "IMMEDIATE") -> int:
    """Copies the run from the other store's file, in one transaction. Raises `NotFound`, `Unavailable`."""
    if not other.is_file():
        raise errors.NotFound(f"There is no run “{run_id}”: there is no store yet.")
    with connect.translated(str(store)), contextlib.closing(connect.writer(str(store))) as connection:
        if migrate.check(connection, str(store)) != migrate.newest():
            raise errors.Unavailable(
                f"{store} was written by an earlier Outrider: start the agent once, then try again. Nothing was changed."
            )
        connection.execute("ATTACH DATABASE ? AS other", (str(other.absolute()),))
        if connection.execute("PRAGMA other.user_version").fetchone()[0] != migrate.newest():
            raise errors.Unavailable(
                f"{other} was written by an earlier Outrider: start the agent once, then try again. Nothing was changed."
            )
        with connect.transaction(connection, how):
            return rows.copy_run(connection, run_id)


def _named(alone: Path) -> list[str]:
    """Every blob that the run's rows name, once."""
    with contextlib.closing(sqlite3.connect(alone)) as connection:
        found = [str(row[0]) for table in ("artifacts", "snapshots") for row in connection.execute(f"SELECT sha256 FROM {table}")]  # noqa: S608 (two names, above)
        for (files,) in connection.execute("SELECT files FROM models"):
            found += [str(sha) for sha, _ in json.loads(files).values()]
    return sorted(set(found))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as packed:
            yield packed
    except (*DAMAGED, OSError) as exc:
        if isinstance(exc, OSError) and exc.errno != errno.EINVAL:  # what a zip without its beginning leads to; a disk's errors are others
            raise
        raise errors.OutriderError(f"{path} is no bundle, or is damaged ({exc}); nothing was changed: export the run again") from exc
    except KeyError as exc:
        raise errors.OutriderError(f"{path} is no bundle of a run: {exc.args[0]}; nothing was changed") from exc


def _read_about(packed: zipfile.ZipFile, path: Path) -> About:
    with packed.open(ABOUT) as file:
        text = file.read(_ABOUT_BYTES)
    try:
        about = msgspec.json.decode(text, type=About)
    except msgspec.MsgspecError as exc:
        raise errors.OutriderError(f"{path} is no bundle of a run: {ABOUT} cannot be read ({exc}); nothing was changed") from exc
    if about.format != FORMAT or not 1 <= about.version <= VERSION:
        raise errors.OutriderError(
            f"{path} is a {about.format} of version {about.version}, this Outrider reads {VERSION}; nothing was changed: upgrade"
        )
    if not spool.valid_name(about.run_id):
        raise errors.OutriderError(f"{path} names a run {about.run_id!r}, which is no run id; nothing was changed")
    return about


def _bring_up_to_date(alone: Path, path: Path) -> None:
    try:
        with connect.translated(str(path)), contextlib.closing(connect.writer(str(alone))) as connection:
            migrate.migrate(connection, str(path))
            connection.execute("PRAGMA journal_mode = DELETE").fetchall()
    except (errors.Unavailable, errors.Rejected, sqlite3.Error) as exc:
        raise errors.OutriderError(f"{path} is damaged: the store in it cannot be read; nothing was changed: export the run again") from exc


def _restore(alone: Path) -> None:
    """One that was deleted where it was exported: who takes it in wants it, and the agent would purge it before it was seen."""
    with contextlib.closing(sqlite3.connect(alone)) as connection, connection:
        connection.execute("UPDATE runs SET removed = NULL")


def _check_new(store: Path, run_id: str) -> None:
    """Before gigabytes are copied; what counts is asked again in the transaction."""
    if not store.exists():
        return
    with contextlib.closing(connect.reader(str(store))) as connection, connect.translated(str(store)):
        has_runs = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'runs'").fetchone()
        if has_runs and connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone():
            raise errors.OutriderError(
                f"run {run_id} is in this store already; nothing was changed: delete it first, or import it into another --home"
            )


def _keep_blobs(packed: zipfile.ZipFile, path: Path, blobs: protocols.Blobs, named: list[str], folder: Path) -> int:
    """Keeps those that the run names and that are not there yet, each by its own sha256."""
    wanted = [entry for entry in packed.infolist() if entry.filename in named and not blobs.has(entry.filename.removeprefix(BLOBS))]
    foreign.check_room(sum(entry.file_size for entry in wanted), folder, path)
    for entry in wanted:
        sha = entry.filename.removeprefix(BLOBS)
        if _digest(packed, entry) != sha:
            raise errors.OutriderError(f"{path} is damaged: the bytes of {sha[:12]}… are not those of its name; no run was changed")
        with packed.open(entry) as source:
            blobs.put(cast("BinaryIO", source))
    return len(wanted)


def _digest(packed: zipfile.ZipFile, entry: Any) -> str:
    digest = hashlib.sha256()
    with packed.open(entry) as source:
        while data := source.read(_CHUNK):
            digest.update(data)
    return digest.hexdigest()
