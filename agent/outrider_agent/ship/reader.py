"""
Reads the spool for a sink: finds its runs and streams, and gives out batches from where the sink's cursors stand.

A scan is the truth; it costs at most one stat for each idle stream, and looks into the runs' folders once a second (at once where something
moves). It holds no position: those are the sink's. Nothing here writes or deletes.
"""

from __future__ import annotations

import math
import os
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from outrider import spool
from outrider_agent import model
from outrider_agent.core import lines
from outrider_agent.ship import streams as files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from outrider_agent import protocols

BATCH_RECORDS = 50_000
BATCH_BYTES = 4 << 20
#: No stream gets less than this of a batch while it has more.
QUANTUM = 64 << 10
#: A record has about so many bytes: more than the records that are wanted is not read only to be left.
TYPICAL_BYTES = 96
#: Folders of streams that are idle are looked at so often, and every folder is listed anew so often, whatever its mtime says.
FOLDER_INTERVAL_S = 1.0
SWEEP_INTERVAL_S = 30.0
#: A stream is hot for so long after it grew, and looked at in every scan. The others so often at most, and their own folders so often.
HOT_S = 5.0
IDLE_INTERVAL_S = 0.5
IDLE_FOLDER_INTERVAL_S = 8.0
#: Of so many idle streams the last segment is kept open.
MOST_RESTING = 200


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Something that could not be observed or is wrong: where, what, when (ns)."""

    place: str
    message: str
    time: int


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader has seen and done so far."""

    runs: int
    streams: int
    scans: int
    batches: int
    bytes_read: int
    troubles: tuple[Trouble, ...]


class SpoolReader:
    """
    The streams of a spool folder. One thread scans and reads; `streams`, `lag` and `statistics` may be asked from others.

    `ended` tells whether a run has its final status (only asked for streams without a lock file).
    """

    def __init__(
        self, spool_dir: str | os.PathLike[str], clock: protocols.Clock, ended: Callable[[str], bool] = lambda _run: False
    ) -> None:
        self.spool_dir = os.fspath(spool_dir)
        self.ended = ended
        self._clock = clock
        self._root = files.FolderWatch(self.spool_dir)
        self._runs: dict[str, files.FolderWatch] = {}
        self._streams: dict[model.StreamId, files.Stream] = {}
        self._looked: dict[str, float] = {}
        self._turn = 0
        self._scans = self._batches = self._bytes = 0
        self._troubles: deque[Trouble] = deque(maxlen=50)

    def streams(self) -> list[model.StreamId]:
        """The streams that are there."""
        return list(self._streams)

    def stream(self, name: model.StreamId) -> files.Stream | None:
        """One stream's files."""
        return self._streams.get(name)

    def scan(self, *, sweep: bool = False) -> bool:
        """Looks at the spool once; with `sweep` into every folder. True where something is new or has grown."""
        self._scans += 1
        now = self._clock.monotonic()
        sweep = self._is_due("sweep", now, 0.0 if sweep else SWEEP_INTERVAL_S)
        folders = self._is_due("folders", now, FOLDER_INTERVAL_S) or sweep
        idle_folders = self._is_due("idle_folders", now, IDLE_FOLDER_INTERVAL_S) or sweep
        idle = self._is_due("idle", now, IDLE_INTERVAL_S) or idle_folders
        hot_since = now - HOT_S
        hot = {name.run for name, stream in self._streams.items() if stream.grew > hot_since}
        moved = self._scan_root(sweep=sweep)
        for run in list(self._runs) if folders else hot & self._runs.keys():
            moved |= self._scan_run(run, sweep=sweep)
        if idle or hot:
            moved |= self._scan_streams(hot_since, idle=idle, folders=idle_folders, sweep=sweep)
        return moved

    def is_drained(self, positions: Mapping[model.StreamId, model.Position]) -> bool:
        """Does nothing at all lie after these positions, as of the last scan? Then time alone makes nothing of it ready."""
        return all(name in positions and not stream.pending(positions[name]) for name, stream in self._streams.items())

    def next_batch(
        self, positions: Mapping[model.StreamId, model.Position], max_records: int = BATCH_RECORDS, max_bytes: int = BATCH_BYTES
    ) -> model.Batch | None:
        """
        What comes after these positions (streams that they lack are left out), shared fairly; None where there is nothing.

        Of a run that was resumed, what is there of an earlier attempt comes before anything of a later one.

        A batch is larger than its limits only by one line that is longer.
        """
        at = {name: position for name, position in positions.items() if name in self._streams}
        ready = [name for name, position in at.items() if self._streams[name].pending(position)]
        if not ready:
            return None
        self._turn += 1
        ready = ready[self._turn % len(ready) :] + ready[: self._turn % len(ready)]
        taken: list[model.Slice] = []
        while ready and max_bytes > 0 and max_records > 0:
            now, still = in_turn(ready, [self._streams[name].attempt for name in ready])
            share = max(QUANTUM, max_bytes // len(now))
            for name in now:
                if max_bytes <= 0 or max_records <= 0:
                    break
                piece = self._read(self._streams[name], at[name], min(share, max_bytes), max_records)
                if piece is None:
                    continue
                taken.append(piece)
                at[name] = piece.end
                max_bytes -= len(piece.data)
                max_records -= lines.count(piece.data)
                if self._streams[name].pending(piece.end):
                    still.append(name)
            ready = still
        self._batches += bool(taken)
        self._bytes += sum(len(piece.data) for piece in taken)
        return model.Batch(slices=tuple(taken)) if taken else None

    def lag(self, positions: Mapping[model.StreamId, model.Position]) -> list[model.StreamLag]:
        """How far each stream is ahead of its position."""
        return [
            model.StreamLag(
                stream=name,
                position=positions.get(name, model.START),
                pending_bytes=stream.pending(positions.get(name, model.START)),
                alive=stream.is_alive(),
            )
            for name, stream in list(self._streams.items())
        ]

    def statistics(self) -> Statistics:
        """A snapshot."""
        told = tuple(self._troubles)
        return Statistics(
            runs=len(self._runs),
            streams=len(self._streams),
            scans=self._scans,
            batches=self._batches,
            bytes_read=self._bytes,
            troubles=told,
        )

    def _scan_root(self, *, sweep: bool) -> bool:
        """Runs that came or went."""
        try:
            if not self._root.has_changed(self._clock) and not sweep:
                return False
            found = set(folders_in(self.spool_dir))
        except FileNotFoundError:
            found = set()
        except OSError as exc:
            self._trouble(self.spool_dir, f"cannot be listed: {exc}")
            return False
        new = found - self._runs.keys()
        for run in self._runs.keys() - found:
            del self._runs[run]
            self._drop(run, set())
        for run in new:
            self._runs[run] = files.FolderWatch(f"{self.spool_dir}/{run}")
            self._scan_run(run, sweep=True)
        return bool(new)

    def _scan_run(self, run: str, *, sweep: bool) -> bool:
        """Streams of a run that came or went."""
        watch = self._runs[run]
        try:
            if not watch.has_changed(self._clock) and not sweep:
                return False
            found = {name for name in folders_in(watch.path) if len(name) <= 128}
        except FileNotFoundError:
            return False
        except OSError as exc:
            self._trouble(watch.path, f"cannot be listed: {exc}")
            return False
        self._drop(run, found)
        moved = False
        for writer in sorted(found):
            name = model.StreamId(run, writer)
            if name not in self._streams:
                self._streams[name] = files.Stream(name, f"{watch.path}/{writer}", self._clock, self._has_ended)
                moved |= self._scan_stream(self._streams[name], folder=True, sweep=True)
        return moved

    def _is_due(self, what: str, now: float, interval_s: float) -> bool:
        """Is it time for this look, that many seconds after the last one?"""
        if now - self._looked.get(what, -math.inf) < interval_s:
            return False
        self._looked[what] = now
        return True

    def _scan_streams(self, hot_since: float, *, idle: bool, folders: bool, sweep: bool) -> bool:
        """All that grew since then; and, if asked for, the idle ones, with or without their folders."""
        moved, resting = False, 0
        for stream in list(self._streams.values()):
            # A writer appends before it rotates: the folder of an idle stream has nothing new, but where a foreign writer made it.
            if folders or stream.grew > hot_since:
                moved |= self._scan_stream(stream, folder=True, sweep=sweep)
            elif idle and not stream.is_resting:
                moved |= self._scan_stream(stream, folder=False, sweep=False)
                if resting < MOST_RESTING:
                    stream.rest()
            elif idle and stream.has_moved():
                moved |= self._scan_stream(stream, folder=True, sweep=False)
            resting += stream.is_resting
        return moved

    def _scan_stream(self, stream: files.Stream, *, folder: bool, sweep: bool) -> bool:
        """New segments, and whether the last one grew."""
        try:
            listed = folder and (stream.folder.has_changed(self._clock) or sweep)
            if listed:
                before = stream.active
                stream.list()
                listed = stream.active != before
            grew = stream.look()
            self._tell(stream)
            return grew or listed  # noqa: TRY300
        except FileNotFoundError:
            if os.path.isdir(stream.directory):  # noqa: PTH112 -- a segment went; the folder's list says which
                stream.list()
            return False
        except OSError as exc:
            self._trouble(stream.directory, f"cannot be looked at: {exc}")
            return False

    def _drop(self, run: str, kept: set[str]) -> None:
        """Forgets the run's streams whose folders are gone."""
        for name in [name for name in self._streams if name.run == run and name.writer not in kept]:
            del self._streams[name]

    def _read(self, stream: files.Stream, position: model.Position, limit: int, max_records: int) -> model.Slice | None:
        """A slice of at most about so many records."""
        try:
            piece = stream.read(position, min(limit, max(QUANTUM, max_records * TYPICAL_BYTES)))
        except OSError as exc:
            self._trouble(stream.directory, f"cannot be read: {exc}")
            return None
        self._tell(stream)
        return piece if piece is None or piece.torn else cut(piece, max_records)

    def _has_ended(self, run: str) -> bool:
        return self.ended(run)

    def _tell(self, stream: files.Stream) -> None:
        """Takes over what a stream found wrong with itself."""
        if stream.error:
            self._trouble(stream.directory, stream.error)
            stream.error = None

    def _trouble(self, place: str, message: str) -> None:
        """Remembers what is wrong; the same thing is told once until something else is."""
        if not any(known.place == place and known.message == message for known in self._troubles):
            self._troubles.append(Trouble(place=place, message=message, time=self._clock.time_ns()))


def in_turn(ready: list[model.StreamId], attempts: list[int]) -> tuple[list[model.StreamId], list[model.StreamId]]:
    """Those of the earliest attempt of each run, and those that wait for them."""
    if max(attempts) == 1:
        return ready, []
    earliest: dict[str, int] = {}
    for name, attempt in zip(ready, attempts, strict=True):
        earliest[name.run] = min(attempt, earliest.get(name.run, attempt))
    now = [name for name, attempt in zip(ready, attempts, strict=True) if attempt == earliest[name.run]]
    return now, [name for name, attempt in zip(ready, attempts, strict=True) if attempt > earliest[name.run]]


def cut(piece: model.Slice, max_records: int) -> model.Slice:
    """The slice with at most about so many records."""
    end = lines.cut(piece.data, max_records)
    if end >= len(piece.data):
        return piece
    position = model.Position(piece.end.segment, piece.data_offset + end)
    return msgspec.structs.replace(piece, data=piece.data[:end], end=position)


def folders_in(path: str) -> list[str]:
    """The folders that may be runs or writers. Raises OSError."""
    with os.scandir(path) as entries:
        return [entry.name for entry in entries if spool.valid_name(entry.name) and not entry.name.endswith(".tmp") and entry.is_dir()]
