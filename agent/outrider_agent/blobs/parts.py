"""
Blobs that arrive in parts: `blobs/parts/<sha256>` grows at its end, and becomes a blob when all of it is there and has that hash.

What a killed server had is gone on with; what another content was sent under a hash is thrown away whole. Nothing here knows a request.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent import errors
from outrider_agent.blobs import local

if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 1 << 20
#: Of an upload that nobody goes on with, nothing is kept after so long.
FORGOTTEN_S = 7 * 86_400.0
#: The hashes of so many uploads are kept as they grow; of others the part that is there is read again.
_REMEMBERED = 64
#: So many blobs at most are written at once.
_LOCKS = 16


class Held(NamedTuple):
    """How much of a blob is here; `whole`: all of it, and it has its hash."""

    offset: int
    whole: bool


class Uploads:
    """The unfinished uploads of a blob folder. Any thread may call it; of one blob one at a time works."""

    def __init__(self, folder: str | os.PathLike[str], blobs: local.LocalBlobs, *, now: Callable[[], float] = time.time) -> None:
        self._folder = Path(folder) / "parts"
        self._blobs, self._now = blobs, now
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._hashes: dict[str, tuple[int, hashlib._Hash]] = {}
        with local.as_unavailable():
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.forget()

    def held(self, sha256: str) -> Held:
        """What is here of it. Raises `NotFound` where that is no hash."""
        if self._blobs.has(sha256):
            return Held(0, whole=True)
        try:
            return Held((self._folder / sha256).stat().st_size, whole=False)
        except FileNotFoundError:
            return Held(0, whole=False)

    def append(self, sha256: str, offset: int, data: bytes, size: int) -> Held:
        """
        Takes the bytes at `offset` of a blob of `size`, and makes the blob of it when they are the last. Returns what is here then.

        Bytes that begin elsewhere than where the part ends are not taken: the answer says where that is. Raises `Rejected` where the whole
        has another hash: nothing of it is kept. Raises `Unavailable`, `NotFound`.
        """
        with self._locks[hash(sha256) % _LOCKS]:
            held = self.held(sha256)
            if held.whole or offset != held.offset:
                return held
            if offset + len(data) > size:
                raise errors.Rejected(f"More bytes came of {sha256} than the {size} that were announced; the part was not taken.")
            self._write(sha256, offset, data)
            grown = offset + len(data)
            return self._finish(sha256) if grown == size else Held(grown, whole=False)

    def forget(self) -> None:
        """Removes what nobody goes on with."""
        with local.as_unavailable():
            for left in self._folder.iterdir():
                with contextlib.suppress(OSError):
                    if self._now() - left.stat().st_mtime > FORGOTTEN_S:
                        left.unlink()

    def _write(self, sha256: str, offset: int, data: bytes) -> None:
        digest = self._digest(sha256, offset)
        with local.as_unavailable():
            descriptor = os.open(self._folder / sha256, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                view, place = memoryview(data), offset
                while view:
                    written = os.pwrite(descriptor, view, place)
                    view, place = view[written:], place + written
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
        digest.update(data)
        if len(self._hashes) >= _REMEMBERED:
            self._hashes.pop(next(iter(self._hashes)), None)
        self._hashes[sha256] = (offset + len(data), digest)

    def _digest(self, sha256: str, offset: int) -> hashlib._Hash:
        """The hash of the part that is there: as it was kept, or read again."""
        at, digest = self._hashes.pop(sha256, (-1, hashlib.sha256()))
        if at == offset:
            return digest
        digest = hashlib.sha256()
        if offset == 0:
            return digest
        with local.as_unavailable(), (self._folder / sha256).open("rb") as part:
            while chunk := part.read(_CHUNK):
                digest.update(chunk)
        return digest

    def _finish(self, sha256: str) -> Held:
        _, digest = self._hashes.pop(sha256, (0, hashlib.sha256()))
        path = self._folder / sha256
        if digest.hexdigest() != sha256:
            path.unlink(missing_ok=True)
            raise errors.Rejected(f"What was sent as {sha256} is something else; nothing of it was kept. Send it again from its beginning.")
        self._blobs.adopt(path, sha256)
        return Held(0, whole=True)
