"""
What a user changes of runs: tags, name and description; and that they are deleted, which can be undone until they are purged.

What is said of a run is a line of a stream, like what a script says: an agent's own in the spool, for every sink; a server,
which has no spool, puts it where what agents ship goes in. Whether a run is deleted is the store's: no script can say it. Everything here
blocks; who calls does it in a thread.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from typing import TYPE_CHECKING, Any

import msgspec

from outrider import record, spool
from outrider_agent import errors, layout
from outrider_agent.store import editing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from outrider_agent import protocols
    from outrider_agent.store import reading


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be said of a run. A tag whose value is null is taken away; what is not named stays as it is."""

    tags: dict[str, str | int | float | bool | None] = {}
    name: str | None = None
    description: str | None = None

    def lines(self, now: int) -> Iterator[dict[str, Any]]:
        """As lines of the spool."""
        said = {key: value for key, value in (("name", self.name), ("description", self.description)) if value is not None}
        if said:
            yield {"k": record.RUN, "t": now, **said}
        for key, value in self.tags.items():
            yield {"k": record.TAG, "t": now, "n": key, **({"del": True} if value is None else {"v": value})}


def into_spool(home: str, run: str, attempt: int, lines: Sequence[bytes]) -> None:
    """Appends lines of a run, by a stream of the agent's own; they are in the store with the next commit. Raises `Unavailable`."""
    with contextlib.closing(spool.Writer(home, run, "agent", attempt=attempt)) as writer:
        for line in lines:
            if not writer.append(line):
                raise errors.Unavailable("The spool took no more, so the run is as it was: free some space, then try again.")


class Changes:
    """Of the runs of one home. `say(run, attempt, lines)` puts lines of a run where all are taken from."""

    def __init__(
        self,
        where: layout.Layout,
        database: Path,
        reader: reading.Reader,
        blobs: protocols.Blobs,
        say: Callable[[str, int, list[bytes]], None],
    ) -> None:
        self._layout, self._database, self._reader, self._blobs, self._say = where, database, reader, blobs, say

    def edit(self, run: str, edit: Edit) -> None:
        """Says it. Raises `NotFound`, `Unavailable`."""
        lines = [b"\n" + msgspec.json.encode(line) + b"\n" for line in edit.lines(time.time_ns())]
        self._say(run, self._reader.run(run).attempt, lines)

    def remove(self, run: str) -> None:
        """Hides a run from every list. Idempotent. Raises `NotFound`; `OutriderError` where it still runs."""
        if not self._reader.run(run).is_over:
            raise errors.OutriderError(f"Run {run} is still running; it was not deleted. Stop it first.")
        editing.hide_run(self._database, run, time.time_ns())

    def restore(self, run: str) -> None:
        """Shows it again. Idempotent. Raises `NotFound`."""
        editing.hide_run(self._database, run, None)

    def purge(self, run: str) -> int:
        """
        Deletes a run for good: from the store, its folder of the spool, and the blobs that only it had; how many of those.

        The store first: what the streams still bring is then passed over. The folder next: a writer that lives stops, quietly.
        """
        folder, blobs = self._layout.run(run), []
        try:
            blobs = editing.delete_run(self._database, run, self._layout.home)
        except errors.NotFound:
            if not folder.is_dir():
                raise
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(self._layout.submitted(run), ignore_errors=True)
        for sha in blobs:
            self._blobs.delete(sha)
        return len(blobs)

    def purge_older(self, seconds: float) -> int:
        """Purges what was deleted longer ago than that; how many runs."""
        found = editing.hidden_before(self._database, time.time_ns() - int(seconds * 1e9))
        for run in found:
            with contextlib.suppress(errors.NotFound):  # somebody else was faster
                self.purge(run)
        return len(found)
