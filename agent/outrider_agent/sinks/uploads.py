"""
Blobs on their way to a server: in parts, each with its hash, each upload going on where the server has it. docs/server.md, Blobs.

The order is: blob durable here → record → uploaded → cursor. A stream of files (`outputs-…`) waits at a record until its blob is there;
that holds up nothing else. A stream that metrics come in never waits for a large blob: such a blob is *owed*, which is durable before its
record goes, and is paid beside it. What is owed is a file in `owed/`, so that no death of the agent forgets it.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import random
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

import msgspec
import structlog

from outrider_agent import errors, model
from outrider_agent.core import backoff, naming, wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from outrider_agent import protocols
    from outrider_agent.sinks import connection

log = structlog.get_logger(part="http")

#: What is no larger goes at once, before its record, in any stream; of those at most so many in one batch.
SMALL_BYTES, MOST_SMALL = 1 << 20, 32
#: The agent's own streams that carry nothing but files.
OF_FILES = "outputs-"
#: It is remembered that the server has a blob, of so many and for so long: with the last run that named it, it would be deleted there.
REMEMBERED, KNOWN_S = 100_000, 10.0
_LARGE_LANES, _SMALL_LANES = 2, 4


class Uploads:
    """
    `admit` is called by the one thread that ships; the uploads run in the connection's loop.

    To be read from any thread: `held`, the streams that wait for a blob; `trouble`, why none gets through.
    """

    def __init__(self, to: connection.Connection, blobs: protocols.Blobs, state: Path, *, part_bytes: int) -> None:
        self.held: frozenset[model.StreamId] = frozenset()
        self.trouble: str | None = None
        self._to, self._blobs, self._part_bytes = to, blobs, part_bytes
        self._owed = state / "owed"
        self._lock = threading.Lock()
        self._there: dict[str, float] = {}
        self._given_up: set[str] = set()
        self._waits: dict[model.StreamId, set[str]] = {}
        self._under_way: set[str] = set()
        self._parts = 0  # how many answers came
        self._lanes = {large: asyncio.Semaphore(_LARGE_LANES if large else _SMALL_LANES) for large in (True, False)}
        self._owed.mkdir(mode=0o700, parents=True, exist_ok=True)
        for marker in self._owed.iterdir():
            self._begin(marker.name)

    def admit(self, batch: model.Batch) -> model.Batch | None:
        """What may go now. Raises `Unavailable` where the server cannot be asked."""
        named = [list(naming.blobs(piece.data)) for piece in batch.slices]
        self._learn({sha for found in named for _, sha in found})
        small, waiting = MOST_SMALL, set(self.held)
        admitted: list[model.Slice] = []
        for piece, found in zip(batch.slices, named, strict=True):
            if piece.stream in waiting:
                continue
            missing = [(offset, sha) for offset, sha in found if self._is_missing(sha)]
            if piece.stream.writer.startswith(OF_FILES):
                if missing:
                    waiting.add(piece.stream)
                    self._hold(piece.stream, {sha for _, sha in missing})
                    piece = cut(piece, missing[0][0])  # noqa: PLW2901 (the rest of it waits)
            else:
                small = self._send(dict.fromkeys(sha for _, sha in missing), small)
            if piece.data:
                admitted.append(piece)
        return model.Batch(slices=tuple(admitted)) if admitted else None

    @property
    def under_way(self) -> int:
        """How many blobs are not there yet."""
        return len(self._under_way)

    def close(self) -> None:
        """Nothing is left to be done: what is under way ends with the connection."""

    def _learn(self, names: Iterable[str]) -> None:
        """Asks the server for those of which it is not known that it has them."""
        unknown = sorted(sha for sha in names if self._is_missing(sha))
        for first in range(0, len(unknown), wire.MOST_NAMED):
            self._ask(unknown[first : first + wire.MOST_NAMED])

    def _ask(self, asked: list[str]) -> None:
        answer = self._to.call("POST", wire.BLOBS, json={"sha256": asked})
        whole = answer.document.get("whole") if isinstance(answer.document, dict) else None
        if answer.status != 200 or not isinstance(whole, list) or len(whole) != len(asked):
            raise self._to.refused(answer)
        for sha in (sha for sha, is_there in zip(asked, whole, strict=True) if is_there):
            self._done(sha)

    def _is_missing(self, sha: str) -> bool:
        """Is it here, and not known to be there? What is not here cannot be sent."""
        is_known = time.monotonic() - self._there.get(sha, -math.inf) < KNOWN_S or sha in self._given_up
        return not is_known and naming.is_sha256(sha) and self._blobs.has(sha)

    def _send(self, names: Iterable[str], small: int) -> int:
        """Small ones now, as many as are left; the others are owed. Returns how many are left."""
        for sha in names:
            if small > 0 and self._size(sha) <= SMALL_BYTES:
                small -= 1
                self._to.wait(self._send_now(sha))
            else:
                self._owe(sha)
        return small

    def _owe(self, sha: str) -> None:
        """From here on it is not forgotten."""
        marker = self._owed / sha
        try:
            os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            folder = os.open(self._owed, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as exc:
            raise errors.Unavailable(f"{marker} cannot be written ({exc.strerror}); nothing is lost, the spool holds it.") from exc
        self._begin(sha)

    def _hold(self, stream: model.StreamId, names: set[str]) -> None:
        with self._lock:
            self._waits[stream] = names
            self.held = frozenset(self._waits)
        for sha in names:
            self._begin(sha)

    def _begin(self, sha: str) -> None:
        """Its upload, where none is under way."""
        with self._lock:
            if sha in self._under_way:
                return
            self._under_way.add(sha)
        self._to.spawn(self._lane(sha))

    async def _lane(self, sha: str) -> None:
        """Until it is there, or cannot be for a reason that stays."""
        delays, parts = backoff.Backoff(cap_s=15.0).delays(random.random), -1
        while True:
            try:
                async with self._lanes[self._size(sha) > self._part_bytes]:
                    await self._send_now(sha)
            except errors.Unavailable as exc:
                if parts != self._parts:  # something got through since: this failure is a first one
                    delays, parts = backoff.Backoff(cap_s=15.0).delays(random.random), self._parts
                self.trouble = f"A file is on its way and does not get through: {exc}"
                log.warning("upload_waits", sha256=sha, error=str(exc))
                await asyncio.sleep(max(next(delays), exc.retry_after_s))
                continue
            self.trouble = None
            return

    async def _send_now(self, sha: str) -> None:
        """It is there afterwards, or was given up for a reason that stays. Raises `Unavailable`."""
        try:
            await self._upload(sha)
        except (errors.NotFound, errors.Rejected, OSError) as exc:
            self._given_up.add(sha)
            log.error("upload_given_up", sha256=sha, error=f"{exc} The file's record goes on without its bytes.")  # noqa: TRY400
        self._done(sha)

    async def _upload(self, sha: str) -> None:
        """Part after part, from where the server has it. Raises `Unavailable`, `Rejected`, `NotFound`."""
        answer = await self._to.request("GET", f"{wire.BLOBS}/{sha}")
        loop = asyncio.get_running_loop()
        file = await loop.run_in_executor(None, self._blobs.open, sha)
        try:
            size = os.fstat(file.fileno()).st_size
            while True:
                held = self._held(answer)
                self._parts += 1
                if held.whole:
                    return
                part = await loop.run_in_executor(None, _part, file, held.offset, self._part_bytes)
                digest = await loop.run_in_executor(None, hashlib.sha256, part)
                query = {"offset": str(held.offset), "size": str(size)}
                headers = {wire.PART_SHA256: digest.hexdigest(), "Content-Type": "application/octet-stream"}
                answer = await self._to.request("PUT", f"{wire.BLOBS}/{sha}", query=query, body=part, headers=headers)
        finally:
            file.close()

    def _held(self, answer: connection.Answer) -> Held:
        """How much of it is there."""
        if answer.status == 422:
            raise errors.Rejected(f"{self._to.url} found other bytes than the hash says ({answer.sentence}).")
        if answer.status not in (200, 409):
            raise self._to.refused(answer)
        return msgspec.convert(answer.document, Held)

    def _done(self, sha: str) -> None:
        """It is there: nobody waits for it any more, and nothing is owed."""
        (self._owed / sha).unlink(missing_ok=True)
        with self._lock:
            if len(self._there) >= REMEMBERED:
                self._there.clear()
            self._there[sha] = time.monotonic()
            self._under_way.discard(sha)
            for names in self._waits.values():
                names.discard(sha)
            self._waits = {stream: names for stream, names in self._waits.items() if names}
            self.held = frozenset(self._waits)

    def _size(self, sha: str) -> int:
        """Its size here; 0 where it is gone."""
        try:
            with self._blobs.open(sha) as file:
                return os.fstat(file.fileno()).st_size
        except errors.NotFound:
            return 0


class Held(msgspec.Struct, frozen=True):
    """What the server has of a blob."""

    offset: int
    whole: bool


def cut(piece: model.Slice, offset: int) -> model.Slice:
    """The slice up to the line that begins at an offset of its data."""
    data = piece.data[:offset]
    end = model.Position(piece.end.segment, piece.data_offset + offset)
    return msgspec.structs.replace(piece, data=data, end=end, torn=0)


def _part(file: BinaryIO, offset: int, size: int) -> bytes:
    return b"".join(_pread(file.fileno(), offset, size))


def _pread(descriptor: int, offset: int, size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := os.pread(descriptor, size, offset)):
        yield chunk
        offset, size = offset + len(chunk), size - len(chunk)
