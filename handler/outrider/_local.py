"""
What is known of runs where no agent answers: what the store's own file has of them, and from there on the lines that lie in the spool. An
agent may be at work all the same, too busy to answer: what it commits, and deletes from the spool, while it is read is noticed, and read
again. Where something between the two is missing, HistoryUnavailable: never a part.
"""

from __future__ import annotations

import contextlib
import json
import os

from outrider import _metrics, _spooled, stored
from outrider._errors import HistoryUnavailable, RunNotFound

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Callable, Dict, Iterator, TypeVar

    Document = Dict[str, Any]
    T = TypeVar("T")

#: So often it is read again because an agent moved on meanwhile.
_TRIES = 10


def run(home: str, run_id: str) -> Document:
    """The run's document. Raises RunNotFound, HistoryUnavailable."""
    return _read(home, [run_id], lambda found: found.document(run_id))


def runs(home: str) -> list[Document]:
    """Every run's document, the newest first. Raises HistoryUnavailable where one of them cannot be read whole."""
    found = _read(home, None, _Found.documents)
    found.sort(key=lambda document: int(document["started"]))
    _number(found)
    return found[::-1]


def metrics(home: str, run_ids: list[str]) -> dict[str, Document]:
    """The runs' payloads (see `_metrics`), by run."""
    return _read(home, run_ids, lambda found: {run_id: found.metrics(run_id) for run_id in run_ids})


def files(home: str, run_id: str) -> Document:
    """As the agent answers: `files`, the size of the `console`, and the `run` that they are of."""
    return _read(home, [run_id], lambda found: found.files(run_id))


def console(home: str, run_id: str, start: int) -> bytes:
    """What the run's command wrote, from byte `start` on."""
    return _read(home, [run_id], lambda found: found.console(run_id, start))


def tail(home: str, run_id: str, count: int) -> tuple[bytes, list[Document]]:
    """The end of the run's console, and its last log records (see `_tail`)."""
    return _read(home, [run_id], lambda found: found.tail(run_id, count))


def _read(home: str, run_ids: list[str] | None, make: Callable[[_Found], T]) -> T:
    """
    What `make` makes of the store and the spool. They are no one snapshot: lines leave the spool once they are committed. So it is made
    again where the store's positions are no longer those that it was made with.
    """
    for left in reversed(range(_TRIES)):
        with _opened(home) as store:
            found = _Found(home, run_ids, store)
            try:
                made = make(found)
            except HistoryUnavailable:
                if not left or found.is_as_it_was():
                    raise
                continue
        if found.is_as_it_was():
            return made
    raise HistoryUnavailable


class _Found:
    """A store (None: there is none), and the spool of the same home, as they are now."""

    def __init__(self, home: str, run_ids: list[str] | None, store: sqlite3.Connection | None) -> None:
        self._home, self._ids, self._store = home, run_ids, store
        self._passed = _passed(store, run_ids)

    def is_as_it_was(self) -> bool:
        """Has the store still what it had?"""
        with _opened(self._home) as store:
            return _passed(store, self._ids) == self._passed

    def document(self, run_id: str) -> Document:
        store, streams = self._parts(run_id)
        return self._document(run_id, streams, stored.documents(store, run=run_id)[0] if store is not None else None)

    def documents(self) -> list[Document]:
        known = {one["run"]: one for one in (stored.documents(self._store) if self._store is not None else [])}
        for run_id in _spooled.runs(self._home):
            with contextlib.suppress(RunNotFound):  # it was deleted
                known[run_id] = self._document(run_id, self._parts(run_id)[1], known.get(run_id))
        return list(known.values())

    def metrics(self, run_id: str) -> Document:
        store, streams = self._parts(run_id)
        if store is not None and not any(stream.size() for stream in streams):
            return stored.metrics(store, run_id, recursive=False, raw=json.loads, packed=True)[run_id]
        found = self._joined(run_id, store, streams, with_times=False)
        # Times are kept only where they are needed: most runs have one stream, whose order is the points'.
        return (self._joined(run_id, store, streams, with_times=True) if found.needs_times else found).payload()

    def files(self, run_id: str) -> Document:
        store, streams = self._parts(run_id)
        told: Document = stored.files(store, run_id) if store is not None else {"files": [], "console": 0}
        kept = [{"path": path, **about} for path, about in _spooled.files(streams, told["files"]).items()]
        return {"files": kept, "console": told["console"] + len(_spooled.console(streams)), "run": self.document(run_id)}

    def console(self, run_id: str, start: int) -> bytes:
        store, streams = self._parts(run_id)
        found, total = b"", 0
        while store is not None:
            data, total = stored.console(store, run_id, start + len(found))
            found += data
            if not data or start + len(found) >= total:
                break
        return found + _spooled.console(streams)[max(0, start - total) :]

    def tail(self, run_id: str, count: int) -> tuple[bytes, list[Document]]:
        from outrider import _tail

        store, streams = self._parts(run_id)
        console, logs = stored.tail(store, run_id, count) if store is not None else (b"", [])
        more, later = _tail.of_streams([stream.lines() for stream in streams], count)
        return console + more, (logs + later)[-count:]

    def _parts(self, run_id: str) -> tuple[sqlite3.Connection | None, list[_spooled.Stream]]:
        """The store where it knows the run, and the run's streams from there on. Raises RunNotFound, HistoryUnavailable."""
        passed = self._passed.get(run_id, {})
        if passed is _DELETED:
            raise RunNotFound(f"The run {run_id!r} was deleted from {self._home}.")
        streams = _spooled.streams(self._home, run_id, passed)
        if streams is None:
            raise HistoryUnavailable(
                f"Lines of the run {run_id!r} are neither in the store nor in the spool of {self._home}, and no agent answers. "
                f"Start one (outrider agent) and ask again."
            )
        if not streams and not passed:
            raise RunNotFound(f"There is no run {run_id!r} in {self._home}. `outrider runs` lists those there are.")
        is_known = self._store is not None and stored.is_known(self._store, run_id)
        return (self._store if is_known else None), streams

    def _document(self, run_id: str, streams: list[_spooled.Stream], known: Document | None) -> Document:
        if known is None:
            return _spooled.run(run_id, streams)
        if known["ended"] is not None and not any(stream.size() for stream in streams):
            return known
        return _spooled.run(run_id, streams, known, stored.so_far(self._store, run_id) if self._store is not None else None)

    def _joined(self, run_id: str, store: sqlite3.Connection | None, streams: list[_spooled.Stream], *, with_times: bool) -> _metrics.Found:
        found = _metrics.Found(with_times=with_times)
        if store is not None:
            found.resume(stored.metrics_so_far(store, run_id, with_times=with_times))
        for stream in streams:
            for piece in stream.pieces():
                found.read(piece, stream.writer)
        return found


#: In the place of a deleted run's positions.
_DELETED: dict[str, tuple[int, int]] = {"": (-1, -1)}


def _passed(store: sqlite3.Connection | None, run_ids: list[str] | None) -> dict[str, dict[str, tuple[int, int]]]:
    """How far the store has the runs' streams, by run and writer."""
    if store is None:
        return {}
    return {**stored.positions(store, run_ids), **dict.fromkeys(stored.deleted(store, run_ids), _DELETED)}


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


def _number(documents: list[Document]) -> None:
    """Runs that no store has numbered yet get the numbers that one will give them: on from the largest, in the order they started."""
    last: dict[str, int] = {}
    for document in documents:
        last[document["experiment"]] = max(last.get(document["experiment"], 0), document["number"] or 0)
    for document in documents:
        if document["number"] is None:
            document["number"] = last[document["experiment"]] = last[document["experiment"]] + 1
