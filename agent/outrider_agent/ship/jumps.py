"""
Where a sink beside the store has fallen too far behind: it jumps over whole segments, and leaves a gap that says how much was in them.

A jump is decided here and kept on disk before any segment may go because of it; the sink takes the gap in the lines' place, in order, as
soon as it can be reached. What it turns out to have already is no gap. Nothing is deleted here.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import msgspec
import structlog

from outrider import spool
from outrider_agent import layout, model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from outrider_agent import protocols
    from outrider_agent.ship import reader as spool_reader
    from outrider_agent.ship import streams

log = structlog.get_logger(part="ship")

#: After a jump the sink is behind by no more than this part of what it may be: it must not jump all the time.
_LAND_AT = 0.9
_LOOK_INTERVAL_S = 1.0
_CHUNK = 1 << 20


class Jump(msgspec.Struct, kw_only=True):
    """Over one stream's segments, from where the sink stood to the beginning of `segment`. `records` and `bytes`: what lies between."""

    run: str
    writer: str
    segment: int
    records: int = 0
    bytes: int = 0
    since: int = 0

    @property
    def stream(self) -> model.StreamId:
        """Of which stream."""
        return model.StreamId(self.run, self.writer)

    @property
    def target(self) -> model.Position:
        """Where the sink stands after it."""
        return model.Position(self.segment, 0)


class Kept(msgspec.Struct, kw_only=True):
    """The file's content."""

    v: int = 1
    jumps: list[Jump] = []


class Jumps:
    """The jumps of one sink that it has not taken yet, in `path`. One thread decides; `passed` may be asked from others."""

    def __init__(self, path: Path, reader: spool_reader.SpoolReader, clock: protocols.Clock, *, sink: str, max_lag_bytes: int) -> None:
        self._path, self._reader, self._clock = path, reader, clock
        self._sink, self._most = sink, max_lag_bytes
        self._looked = -1.0
        self._heard: dict[model.StreamId, model.Position] = {}  # where the sink stood when it last could be asked
        self._open: dict[model.StreamId, Jump] = {one.stream: one for one in self._read().jumps}

    def look(self, positions: Mapping[model.StreamId, model.Position]) -> None:
        """Is the sink too far behind? Then it jumps over the oldest segments that nobody writes to any more. Raises OSError."""
        now = self._clock.monotonic()
        if now - self._looked < _LOOK_INTERVAL_S:
            return
        self._looked = now
        self._heard = {name: place for name, place in {**self._heard, **positions}.items() if self._reader.stream(name) is not None}
        at, planned = self.passed(self._heard), {name: msgspec.structs.replace(one) for name, one in self._open.items()}
        found = [stream for name in self._reader.streams() if (stream := self._reader.stream(name)) is not None]
        lag = sum(stream.pending(at.get(stream.id, model.START)) for stream in found)
        if lag <= self._most:
            return
        before = lag
        for stream, number in sorted_by_age(found, at):
            if lag <= self._most * _LAND_AT:
                break
            lag -= self._over(planned, stream, number, at.get(stream.id, model.START))
            at[stream.id] = model.Position(number + 1, 0)
        if lag < before:
            self._keep(planned)
            log.error("sink_jumped", sink=self._sink, error=f"{before - lag:,} bytes are skipped: it was more than {self._most:,} behind")

    def passed(self, positions: Mapping[model.StreamId, model.Position]) -> dict[model.StreamId, model.Position]:
        """The positions, as far as segments may go: where a jump leads further, that."""
        return {**positions, **{name: max(one.target, positions.get(name, model.START)) for name, one in list(self._open.items())}}

    def due(self, positions: Mapping[model.StreamId, model.Position]) -> Iterator[tuple[Jump, model.Slice | None]]:
        """The jumps of streams whose place in the sink is known, each with the gap that it takes; None where it is further already."""
        for name, one in list(self._open.items()):
            if name in positions:
                yield one, self._gap(one, positions[name]) if positions[name] < one.target else None

    def taken(self, jump: Jump) -> None:
        """The sink stands behind it. Raises OSError."""
        self._keep({name: one for name, one in self._open.items() if name != jump.stream})

    def _over(self, planned: dict[model.StreamId, Jump], stream: streams.Stream, number: int, at: model.Position) -> int:
        """One segment more to jump over; its bytes."""
        offset = at.offset if at.segment == number else 0
        size, records = measured(spool.segment_path(stream.directory, number), offset)
        begun = Jump(run=stream.id.run, writer=stream.id.writer, segment=number, since=self._clock.time_ns())
        jump = planned.setdefault(stream.id, begun)
        jump.segment, jump.bytes, jump.records = number + 1, jump.bytes + size, jump.records + records
        return size

    def _gap(self, jump: Jump, at: model.Position) -> model.Slice:
        why = f"the sink {self._sink} was more than {self._most} bytes behind"
        gap = {"k": "gap", "t": self._clock.time_ns(), "n": jump.records, "bytes": jump.bytes, "why": why, "since": jump.since}
        line = b"\n" + json.dumps(gap).encode() + b"\n"
        return model.Slice(stream=jump.stream, start=at, end=jump.target, data_offset=0, data=line)

    def _read(self) -> Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return Kept()

    def _keep(self, jumps: dict[model.StreamId, Jump]) -> None:
        """On disk first: a segment goes because of what is in memory."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        layout.write_atomically(self._path, msgspec.json.encode(Kept(jumps=list(jumps.values()))))
        self._open = jumps


def sorted_by_age(found: list[streams.Stream], at: Mapping[model.StreamId, model.Position]) -> Iterator[tuple[streams.Stream, int]]:
    """Segments that are behind the sink and have a successor, the oldest first, of a stream in its order."""
    ages: list[tuple[float, model.StreamId, int, streams.Stream]] = []
    for stream in found:
        newest = 0.0
        for number in stream.segments[:-1]:
            if number >= at.get(stream.id, model.START).segment:
                try:
                    newest = max(newest, os.stat(spool.segment_path(stream.directory, number)).st_mtime)  # noqa: PTH116
                except FileNotFoundError:
                    continue
                ages.append((newest, stream.id, number, stream))
    for _, _, number, stream in sorted(ages, key=lambda one: one[:3]):
        yield stream, number


def measured(path: str, offset: int) -> tuple[int, int]:
    """The bytes after an offset of a segment, and about how many records they are: its header is none. Raises OSError."""
    size = records = 0
    before = b""
    with open(spool.open_regular(path), "rb", buffering=0) as file:  # noqa: PTH123
        file.seek(offset)
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            records += (before + chunk).count(b"\n{")
            before = chunk[-1:]
    return size, max(0, records - (offset == 0))
