"""
What scripts ask of the past, answered by the agent: `outrider.stored` over this store's connections, as JSON.

Reads only, each method one short transaction. Raises what `reading` raises.
"""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

import msgspec

from outrider import stored
from outrider_agent.store import reading

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator


class Historian(reading.Reader):
    """A store's contents, as the run API asks for them."""

    def documents(
        self, *, run: str | None = None, experiment: str | None = None, parent: str | None = None, recursive: bool = False
    ) -> Any:
        """Of one run, of the children of a run, of an experiment's runs, or of all; the newest first. Raises `NotFound`."""
        with self._asked() as connection:
            return {"runs": stored.documents(connection, run=run, experiment=experiment, parent=parent, recursive=recursive)}

    def metrics(self, run: str, *, recursive: bool = False, packed: bool = False) -> Any:
        """What `get_metrics()` is made of: series, rows and figures by run. Raises `NotFound`."""
        with self._asked() as connection:
            answer = stored.metrics(connection, run, recursive=recursive, raw=_as_it_is, packed=packed)
            return {"runs": answer}

    def files(self, run: str) -> Any:
        """The run's files in their last versions, and what it takes to find those not captured yet. Raises `NotFound`."""
        with self._asked() as connection:
            return stored.files(connection, run)

    def console_from(self, run: str, start: int) -> Any:
        """What the run's command wrote, from byte `start` on: base64, at most 4 MiB, and how much there is in all. Raises `NotFound`."""
        with self._asked() as connection:
            data, total = stored.console(connection, run, start)
        return {"data": base64.b64encode(data).decode(), "total": total}

    def tail(self, run: str, count: int) -> Any:
        """The end of the run's console, base64, and its last `count` log records. Raises `NotFound`."""
        with self._asked() as connection:
            console, logs = stored.tail(connection, run, count)
        return {"console": base64.b64encode(console[-stored.TAIL_BYTES :]).decode(), "logs": logs}

    @contextlib.contextmanager
    def _asked(self) -> Iterator[sqlite3.Connection]:
        with self._snapshots.open() as connection:
            try:
                yield connection
            except LookupError as exc:
                raise reading.unknown(str(exc.args[0])) from exc


def _as_it_is(text: str) -> msgspec.Raw:
    """JSON that goes into the answer unread."""
    return msgspec.Raw(text.encode())
