"""
Gives back what every sink has passed: segments, the folders of dead streams, the folders of runs that are over.

Decided from what was observed now; what cannot be observed is kept. Deletes nothing that a sink, a living writer or a look at the run's
end may still need.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from outrider import spool
from outrider_agent import crashpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outrider_agent import model
    from outrider_agent.ship import reader as spool_reader
    from outrider_agent.ship import streams


#: Left in a run's folder with its first stream that goes: who reads the spool alone must know that something is missing.
SHIPPED = ".shipped"
#: Locked while a new attempt of the run begins.
RESUME = ".resume"


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What one sweep gave back."""

    segments: int = 0
    streams: int = 0
    runs: int = 0
    bytes: int = 0


class Retention:
    """Deletes by the rules of docs/spool.md, Reading. `ended`: has the run its final status, in the store?"""

    def __init__(self, reader: spool_reader.SpoolReader, ended: Callable[[str], bool]) -> None:
        self._reader = reader
        self._ended = ended

    def sweep(self, cursors: Sequence[Mapping[model.StreamId, model.Position]]) -> Swept:
        """One look at everything. `cursors`: the committed positions of every sink; a stream that one of them lacks is kept."""
        counts = {"segments": 0, "streams": 0, "runs": 0, "bytes": 0}
        runs: set[str] = set()
        for name in self._reader.streams():
            stream = self._reader.stream(name)
            runs.add(name.run)
            if stream is None or not cursors or any(name not in positions for positions in cursors):
                continue
            # One stream that cannot be touched must not keep the others.
            with contextlib.suppress(OSError):
                self._sweep_stream(stream, min(positions[name] for positions in cursors), counts)
        for run in self._runs(runs):
            with contextlib.suppress(OSError):
                counts["runs"] += self._sweep_run(run)
        return Swept(**counts)

    def _runs(self, with_streams: set[str]) -> list[str]:
        """Every run's folder: those whose streams are gone have none left for the reader to name."""
        try:
            with os.scandir(self._reader.spool_dir) as entries:
                return [entry.name for entry in entries if spool.valid_name(entry.name) and entry.is_dir(follow_symlinks=False)]
        except OSError:
            return sorted(with_streams)

    def _sweep_stream(self, stream: streams.Stream, passed: model.Position, counts: dict[str, int]) -> None:
        """Segments before the one that the slowest sink is in; the folder when nothing more can come."""
        numbers = spool.segments(stream.directory)
        for number in numbers[:-1]:
            if number < passed.segment:
                counts["bytes"] += delete(spool.segment_path(stream.directory, number))
                counts["segments"] += 1
        if not numbers or passed.segment != numbers[-1] or stream.is_alive() or not self._is_done(stream):
            return
        path = spool.segment_path(stream.directory, numbers[-1])
        # Asked after the writer's death: nothing has grown since.
        if os.stat(path).st_size != passed.offset or spool.segments(stream.directory)[-1:] != numbers[-1:]:  # noqa: PTH116
            return
        Path(stream.directory).parent.joinpath(SHIPPED).touch(mode=0o600)
        counts["bytes"] += delete(path)
        counts["segments"] += 1
        for name in os.listdir(stream.directory):  # noqa: PTH208
            os.unlink(f"{stream.directory}/{name}")  # noqa: PTH108
        os.rmdir(stream.directory)  # noqa: PTH106
        counts["streams"] += 1

    def _is_done(self, stream: streams.Stream) -> bool:
        """
        Has everything been said about a dead stream, all its refusals told in gaps, and the `end` that only its block has?

        An owner's death may yet have to be read as the run's end, and the collectors of outputs and containers read their earlier streams
        again: these wait for the run's end.
        """
        told = spool.counters(stream.lock)
        if is_owed(told) or (stream.owns() and told.get("end") and not told.get("said")):
            return False
        if stream.id.writer.startswith("agent-"):
            # A gap of a dead writer may stand there that its lock does not know of yet: the next agent looks for it.
            run = os.path.dirname(stream.directory)  # noqa: PTH120
            return not any(is_owed(spool.counters(f"{run}/{name}/lock")) for name in os.listdir(run))  # noqa: PTH208
        if stream.id.writer.startswith(("outputs-", "container-")) or stream.owns():
            return self._ended(stream.id.run)
        return True

    def _sweep_run(self, run: str) -> int:
        """The folder of a run that has ended and has no stream left, with its marks."""
        path = f"{self._reader.spool_dir}/{run}"
        names = os.listdir(path)  # noqa: PTH208
        if not all(map(is_mark, names)) or not self._ended(run) or spool.is_locked(f"{path}/{RESUME}"):
            return 0
        for name in names:
            os.unlink(f"{path}/{name}")  # noqa: PTH108
        os.rmdir(path)  # noqa: PTH106 -- fails, rightly, where a stream came meanwhile
        return 1


def is_owed(told: Mapping[str, Any]) -> bool:
    """Does this lock's block count refusals that no gap accounts for?"""
    return int(told.get("refused") or 0) > int(told.get("gapped") or 0)


def is_mark(name: str) -> bool:
    """Is this a run's mark and no stream? An exception lies there that the keeper did not live to read."""
    return name in {"cancel", SHIPPED, RESUME} or name.startswith(".exception-")


def delete(path: str) -> int:
    """Deletes a segment; returns its size."""
    size = os.stat(path).st_size  # noqa: PTH116
    crashpoints.at("before_segment_delete")
    os.unlink(path)  # noqa: PTH108
    crashpoints.at("after_segment_delete")
    return size
