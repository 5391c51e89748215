"""
What is known of runs where no agent answers: of the spool, where all of a run lies there, else of the store's own file, where that has
everything. Which of them is decided for each run; where neither has the whole, HistoryUnavailable.
"""

from __future__ import annotations

import contextlib
import json
import os

from outrider import _metrics, _spooled, spool, stored
from outrider._errors import HistoryUnavailable, RunNotFound

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Dict, Iterator

    Document = Dict[str, Any]


def run(home: str, run_id: str) -> Document:
    """The run's document. Raises RunNotFound, HistoryUnavailable."""
    with _whole(home, run_id) as store:
        return _spooled.run(home, run_id) if store is None else stored.documents(store, run=run_id)[0]


def runs(home: str) -> list[Document]:
    """Every run's document, the newest first. Raises HistoryUnavailable where one of them cannot be read whole."""
    with _opened(home) as store:
        known = {document["run"]: document for document in (stored.documents(store) if store is not None else [])}
        new = []
        for run_id in _spooled.runs(home):
            if _lies_in_spool(home, run_id, store):
                document = _spooled.run(home, run_id)
                document["number"] = known[run_id]["number"] if run_id in known else None
                new.append(document)
            else:
                _check_passed_on(home, run_id, store)
    known.update((document["run"], document) for document in new)
    found = sorted(known.values(), key=lambda document: int(document["started"]))
    _number(found)
    return found[::-1]


def metrics(home: str, run_id: str) -> Document:
    """The run's payload (see `_metrics`)."""
    with _whole(home, run_id) as store:
        if store is None:
            return _of_segments(_spooled.folders(home, run_id))
        return stored.metrics(store, run_id, recursive=False, raw=json.loads)[run_id]


def files(home: str, run_id: str) -> Document:
    """As the agent answers: `files`, the size of the `console`, and the `run` that they are of."""
    with _whole(home, run_id) as store:
        if store is not None:
            return stored.files(store, run_id)
        kept = [{"path": path, **about} for path, about in _spooled.files(home, run_id).items()]
        return {"files": kept, "console": len(_spooled.console(home, run_id)), "run": _spooled.run(home, run_id)}


def console(home: str, run_id: str, start: int) -> bytes:
    """What the run's command wrote, from byte `start` on."""
    with _whole(home, run_id) as store:
        if store is None:
            return _spooled.console(home, run_id)[start:]
        found = b""
        while True:
            data, total = stored.console(store, run_id, start + len(found))
            found += data
            if not data or start + len(found) >= total:
                return found


def tail(home: str, run_id: str, count: int) -> tuple[bytes, list[Document]]:
    """The end of the run's console, and its last log records (see `_tail`)."""
    from outrider import _tail

    with _whole(home, run_id) as store:
        if store is not None:
            return stored.tail(store, run_id, count)
        return _tail.of_streams([_spooled.lines(folder) for folder in _spooled.folders(home, run_id)], count)


@contextlib.contextmanager
def _whole(home: str, run_id: str) -> Iterator[sqlite3.Connection | None]:
    """The store's connection where it has the whole run, None where the spool has. Raises RunNotFound, HistoryUnavailable."""
    with _opened(home) as store:
        if _lies_in_spool(home, run_id, store):
            yield None
            return
        known = store is not None and bool(stored.positions(store, run_id))
        if not known and not _spooled.is_there(home, run_id):
            raise RunNotFound(f"There is no run {run_id!r} in {home}. `outrider runs` lists those there are.")
        _check_passed_on(home, run_id, store)
        yield store


def _lies_in_spool(home: str, run_id: str, store: sqlite3.Connection | None) -> bool:
    """Is every line of the run in the spool, also those that a store has?"""
    if not _spooled.is_whole(home, run_id):
        return False
    there = {os.path.basename(folder) for folder in _spooled.folders(home, run_id)}
    return store is None or set(stored.positions(store, run_id)) <= there


def _check_passed_on(home: str, run_id: str, store: sqlite3.Connection | None) -> None:
    """Has the store everything that lies in the run's folder? Raises HistoryUnavailable."""
    passed = stored.positions(store, run_id) if store is not None else {}
    for folder in _spooled.folders(home, run_id):
        numbers = spool.segments(folder)
        size = os.stat(spool.segment_path(folder, numbers[-1])).st_size if numbers else 0
        if numbers and passed.get(os.path.basename(folder)) != (numbers[-1], size):
            raise HistoryUnavailable(
                f"Lines of the run {run_id!r} are in the store and others still in the spool, and no agent answers. Nothing is lost. "
                f"Start one (outrider agent) and ask again."
            )


@contextlib.contextmanager
def _opened(home: str) -> Iterator[sqlite3.Connection | None]:
    """A connection that only reads, in one transaction; None where there is no store. Raises HistoryUnavailable."""
    path = os.path.join(home, "outrider.db")
    if not os.path.exists(path):
        yield None
        return
    import sqlite3
    from urllib.parse import quote

    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=5.0, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            schema = connection.execute("PRAGMA user_version").fetchone()[0]
            if schema not in (0, stored.SCHEMA):
                raise HistoryUnavailable(
                    f"{path} has schema {schema}, this Outrider reads {stored.SCHEMA}. Nothing is lost; the agent of the newer of the two "
                    f"(outrider agent) answers."
                )
            connection.execute("BEGIN")
            yield connection if schema else None
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise HistoryUnavailable(
            f"{path} cannot be read at the moment ({error}). Start the agent (outrider agent) and ask again."
        ) from error


def _of_segments(folders: list[str]) -> Document:
    """Times are kept only where they are needed: most runs have one stream, whose order is the points'."""
    found = _metrics.Found(with_times=False)
    _read(found, folders)
    if found.needs_times:
        found = _metrics.Found()
        _read(found, folders)
    return found.payload()


def _read(found: _metrics.Found, folders: list[str]) -> None:
    try:
        for number, folder in enumerate(folders):
            for segment in spool.segments(folder):
                with open(spool.open_regular(spool.segment_path(folder, segment)), "rb") as file:
                    found.read(file.read(), number)
    except FileNotFoundError:
        raise HistoryUnavailable from None


def _number(documents: list[Document]) -> None:
    """Runs that no store has numbered yet get the numbers that one will give them: on from the largest, in the order they started."""
    last: dict[str, int] = {}
    for document in documents:
        last[document["experiment"]] = max(last.get(document["experiment"], 0), document["number"] or 0)
    for document in documents:
        if document["number"] is None:
            document["number"] = last[document["experiment"]] = last[document["experiment"]] + 1
