"""
Another Outrider as a sink: ships the streams' raw bytes, and goes on from where the other side says that it has committed (docs/server.md).

Whatever becomes of a request, the truth is asked for again, so nothing depends on an answer that did not come. Streams of different runs
go side by side, those of one run in order. A line that names a blob waits until that is there; blobs have a lane of their own (`uploads`).
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path  # noqa: TC003 (msgspec reads the annotation)
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from outrider_agent import errors, model
from outrider_agent.core import lines, wire
from outrider_agent.sinks import connection, uploads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from outrider_agent import protocols

log = structlog.get_logger(part="http")

#: So many runs at most are shipped side by side.
LANES = 4
#: What is smaller travels as it is.
PACK_BYTES = 1 << 10


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What of the settings concerns this sink. `state`: a folder of the home for what it must remember."""

    url: str
    token_file: str
    ca_file: str
    compress: bool
    timeout_s: float
    part_bytes: int
    state: Path


class HttpSink:
    """
    A `protocols.Sink`, but that a batch may be committed in part: `Unavailable` says so, and the positions are asked for again.

    One thread ships; `about` and `has_ended` may be asked from any. `held` are the streams whose next line waits for a blob, `trouble` is
    what keeps the blobs.
    """

    name = "http"

    def __init__(self, options: Options, blobs: protocols.Blobs) -> None:
        self._options = options
        self._connection = connection.Connection(
            options.url, token_file=options.token_file, ca_file=options.ca_file, timeout_s=options.timeout_s
        )
        self._uploads = uploads.Uploads(self._connection, blobs, options.state, part_bytes=options.part_bytes)

    @property
    def held(self) -> frozenset[model.StreamId]:
        """The streams that wait for a blob."""
        return self._uploads.held

    @property
    def trouble(self) -> str | None:
        """Why no blob gets through at the moment; None where one does."""
        return self._uploads.trouble

    @property
    def under_way(self) -> int:
        """How many blobs are not there yet."""
        return self._uploads.under_way

    def take_over(self) -> int:
        """Greets the server. A stream has no owner there: whoever ships what begins at its cursor is taken. Raises `Unavailable`."""
        answer = self._connection.call("GET", wire.ABOUT)
        if not isinstance(answer.document, dict) or answer.status != 200 or answer.document.get("server") != "outrider":
            raise self._connection.refused(answer)
        if answer.document.get("v") != wire.VERSION:
            raise errors.Unavailable(
                f"{self._options.url} speaks version {answer.document.get('v')} of the wire, this agent {wire.VERSION}. "
                f"{connection.HELD} Upgrade the older of the two."
            )
        if self._connection.is_overheard:
            log.warning("token_overheard", error=f"{self._options.url} is reached without TLS: who listens on the way has the token.")
        return time.time_ns()

    def positions(self, streams: Iterable[model.StreamId]) -> Mapping[model.StreamId, model.Position]:
        """The committed position of each stream."""
        names, found = list(streams), dict[model.StreamId, model.Position]()
        for first in range(0, len(names), wire.MOST_NAMED):
            found |= self._positions(names[first : first + wire.MOST_NAMED])
        return found

    def _positions(self, names: list[model.StreamId]) -> dict[model.StreamId, model.Position]:
        answer = self._connection.call("POST", wire.STREAMS, json={"streams": names})
        found = answer.document.get("positions") if isinstance(answer.document, dict) else None
        if answer.status != 200 or not isinstance(found, list) or len(found) != len(names):
            raise self._connection.refused(answer)
        return {name: model.Position(*place) for name, place in zip(names, found, strict=True)}

    def admit(self, batch: model.Batch) -> model.Batch | None:
        """What of a batch may go now. What names a blob that is not there yet waits, with all that follows in its stream."""
        return self._uploads.admit(batch)

    def commit(self, batch: model.Batch) -> model.Receipt:
        """Ships a batch. Raises `Unavailable`, `Rejected` (it is too large for the server); in either case part of it may be committed."""
        began = time.perf_counter()
        self._connection.wait(self._ship(batch))
        records = sum(piece.data.count(b"\n{") for piece in batch.slices)
        return model.Receipt(records=records, set_aside=0, seconds=time.perf_counter() - began)

    def pass_over(self, piece: model.Slice, reason: str) -> None:
        """Sets a slice aside there, unread: only its beginning travels."""
        length = len(piece.data)
        said = wire.Named(start=piece.start, end=piece.end, reason=f"{reason[:500]} ({length} bytes; the beginning is kept)")
        self._connection.wait(self._put(piece, said, piece.data[: wire.SHORT_BYTES // 2]))

    def has_ended(self, run: str, attempt: int | None = None) -> bool:
        """Has the server the run's end (or that attempt's)? Raises `Unavailable`."""
        return self.about(run, attempt).ended

    def about(self, run: str, attempt: int | None = None) -> wire.Known:
        """What the server knows of a run. Raises `Unavailable`."""
        query = {} if attempt is None else {"attempt": str(attempt)}
        answer = self._connection.call("GET", f"{wire.STREAMS}/{run}", query=query)
        if answer.status != 200:
            raise self._connection.refused(answer)
        return msgspec.convert(answer.document, wire.Known)

    def interrupt(self) -> None:
        """What is under way fails with `Unavailable`, now and from now on. From any thread."""
        self._connection.interrupt()

    def close(self) -> None:
        """Idempotent."""
        self._uploads.close()
        self._connection.close()

    async def _ship(self, batch: model.Batch) -> None:
        """Every run's slices in order, runs side by side. All that can be committed is, whatever becomes of the others."""
        runs: dict[str, list[model.Slice]] = {}
        for piece in joined(batch.slices):
            runs.setdefault(piece.stream.run, []).append(piece)
        lanes = asyncio.Semaphore(LANES)

        async def ship(pieces: Sequence[model.Slice]) -> None:
            async with lanes:
                for piece in pieces:
                    await self._put(piece, wire.named(piece), piece.data)

        done = await asyncio.gather(*(ship(pieces) for pieces in runs.values()), return_exceptions=True)
        failed = [one for one in done if isinstance(one, BaseException)]
        if failed:  # a bug before what was refused, before what will pass
            raise min(failed, key=lambda one: (isinstance(one, errors.Unavailable), isinstance(one, errors.Rejected)))

    async def _put(self, piece: model.Slice, said: wire.Named, data: bytes) -> None:
        """One slice, until all of it is committed there. Raises `Unavailable` where the server stands elsewhere."""
        while True:
            answer = await self._send(piece.stream, said, data)
            if answer.status == 413 and len(piece.data) > len(data) // 2:
                raise errors.Rejected(f"It is larger than what {self._options.url} takes at once ({answer.sentence})")
            if answer.status not in (200, 409):
                raise self._connection.refused(answer)
            truth = model.Position(answer.document["segment"], answer.document["offset"])
            if truth >= piece.end:
                return
            later = rest(piece, truth)
            if said.is_short or later is None:
                raise errors.Unavailable(
                    f"{self._options.url} has this stream up to {tuple(truth)}, not {tuple(piece.start)}: it is read again."
                )
            piece, said, data = later, wire.named(later), later.data

    async def _send(self, stream: model.StreamId, said: wire.Named, data: bytes) -> connection.Answer:
        headers = {"Content-Type": "application/x-ndjson"}
        if self._options.compress and len(data) >= PACK_BYTES:
            data = await asyncio.get_running_loop().run_in_executor(None, wire.packed, data)
            headers["Content-Encoding"] = "gzip"
        path = f"{wire.STREAMS}/{stream.run}/{stream.writer}"
        return await self._connection.request("PUT", path, query=said.query(), body=data, headers=headers)


def joined(slices: Iterable[model.Slice]) -> list[model.Slice]:
    """The slices in their order, those of a stream that follow one another in a segment made one."""
    found: list[model.Slice] = []
    last: dict[model.StreamId, int] = {}
    for piece in slices:
        at = last.get(piece.stream)
        before = found[at] if at is not None else None
        if at is not None and before is not None and follows(before, piece):
            found[at] = msgspec.structs.replace(before, end=piece.end, data=before.data + piece.data, torn=piece.torn)
        else:
            last[piece.stream] = len(found)
            found.append(piece)
    return found


def follows(before: model.Slice, piece: model.Slice) -> bool:
    """Does it go on in the same segment, where the one before ended?"""
    return not before.torn and before.end == piece.start and piece.end.segment == before.end.segment


def rest(piece: model.Slice, truth: model.Position) -> model.Slice | None:
    """What of a slice lies after a position in it, at a line's end; None where that is elsewhere."""
    if truth.segment != piece.end.segment or not piece.data_offset < truth.offset < piece.end.offset:
        return None
    data = piece.data[truth.offset - piece.data_offset :]
    if piece.data[truth.offset - piece.data_offset - 1 : truth.offset - piece.data_offset] != lines.NEWLINE or len(data) < piece.torn:
        return None
    return msgspec.structs.replace(piece, start=truth, data_offset=truth.offset, data=data)


def options(given: Any, state: Path) -> Options:
    """From the settings of that section."""
    return Options(
        url=given.url.rstrip("/"),
        token_file=given.token_file,
        ca_file=given.ca_file,
        compress=given.compress,
        timeout_s=given.timeout_s,
        part_bytes=given.part_bytes,
        state=state,
    )
