"""
Blobs in a local folder: `blobs/<first 2 hex>/<sha256>`, written under `blobs/tmp/`, made durable, then renamed.

A blob is whole or absent, and never changes. Nothing here knows of runs; deleting is for the one who edits the store.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import re
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from outrider import spool
from outrider_agent import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)
_FICLONE = 0x40049409  # linux/fs.h: share another file's extents, copy on write
_DAY_S = 86_400.0
_NAME = re.compile(r"[0-9a-f]{64}")

#: What says that it may work later: no room, no quota, read-only, an unwell disk, too many open files.
_PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EPERM}
)


class LocalBlobs:
    """The `protocols.Blobs` of a folder. Safe to use from several threads and processes."""

    def __init__(self, folder: str | os.PathLike[str], *, now: Callable[[], float] = time.time) -> None:
        self._folder = Path(folder)
        self._temporary = self._folder / "tmp"
        self._now = now
        with as_unavailable():
            spool.make_folders(self._temporary)
            self._remove_leftovers()

    def has(self, sha256: str) -> bool:
        """Is it kept, whole?"""
        return self._place(sha256).is_file()

    def put(self, source: BinaryIO, *, expect_size: int | None = None) -> tuple[str, int]:
        """
        Copies `source` to its end, durable when it returns (sha256 hex, size). Idempotent.

        What `source.read` raises leaves no blob behind and passes through; a failing disk on this side, or another size than
        `expect_size`, raises `Unavailable`.
        """
        temporary = self._temporary / uuid.uuid4().hex
        try:
            with as_unavailable():
                spool.make_folders(self._temporary)
                target = io.FileIO(temporary, "x+b", opener=_private)
            with target:
                sha, size = _fill(target, source)
                if expect_size is not None and size != expect_size:
                    raise errors.Unavailable(f"{size} bytes came where {expect_size} were expected; nothing was kept, it is tried again")
                if not self.has(sha):
                    self._publish(target, temporary, sha)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        return sha, size

    def adopt(self, path: Path, sha256: str) -> None:
        """Takes a file of the same file system that is known to have this content; durable when it returns. Raises `Unavailable`."""
        with as_unavailable(), io.FileIO(path, "rb") as whole:
            self._publish(whole, path, sha256)

    def open(self, sha256: str) -> BinaryIO:
        """Opens it for reading. Raises `NotFound`."""
        try:
            return self._place(sha256).open("rb")
        except FileNotFoundError:
            raise errors.NotFound(f"the content {sha256} is not in {self._folder}") from None

    def delete(self, sha256: str) -> None:
        """Forgets it. Idempotent."""
        with as_unavailable():
            self._place(sha256).unlink(missing_ok=True)

    def path(self, sha256: str) -> Path | None:
        """Its path, whether it is there or not."""
        return self._place(sha256)

    def _place(self, sha256: str) -> Path:
        if not _NAME.fullmatch(sha256):
            raise errors.NotFound(f"{sha256!r} is no sha256")
        return self._folder / sha256[:2] / sha256

    def _publish(self, target: io.FileIO, temporary: Path, sha: str) -> None:
        place = self._place(sha)
        with as_unavailable():
            os.fsync(target.fileno())
            if not place.parent.is_dir():
                spool.make_folders(place.parent)
                _sync_folder(self._folder)
            temporary.rename(place)
            _sync_folder(place.parent)

    def _remove_leftovers(self) -> None:
        """What a killed process left: nobody else writes one temporary file for a day."""
        for leftover in self._temporary.iterdir():
            with contextlib.suppress(OSError):
                if self._now() - leftover.stat().st_mtime > _DAY_S:
                    leftover.unlink()


def _fill(target: io.FileIO, source: BinaryIO) -> tuple[str, int]:
    """Copies and hashes. A clone is hashed from the copy, which no writer can change; the source is then read at its end once."""
    if not _clone(target, source):
        return _copy(target, source)
    digest, size = hashlib.sha256(), 0
    target.seek(0)
    while chunk := target.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    source.seek(size)
    if source.read(1):
        raise errors.Unavailable("the file grew while it was copied; it is tried again")
    return digest.hexdigest(), size


def _copy(target: io.FileIO, source: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
        with as_unavailable():
            _write(target, chunk)
    with as_unavailable():
        target.truncate(size)
    return digest.hexdigest(), size


def _write(target: io.FileIO, chunk: bytes) -> None:
    if chunk == _ZEROS:
        target.seek(len(chunk), os.SEEK_CUR)  # a hole stays a hole
        return
    view = memoryview(chunk)
    while view:
        view = view[target.write(view) :]


def _clone(target: io.FileIO, source: BinaryIO) -> bool:
    """Shares the extents where the file system can (xfs, btrfs), from a real file that was not read yet."""
    try:
        if source.tell() != 0:
            return False
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except (OSError, AttributeError, ValueError):  # not a file, another file system, or one that cannot
        return False
    return True


def _private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    spool.share(descriptor, os.path.dirname(path))  # noqa: PTH120
    return descriptor


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def as_unavailable() -> Iterator[None]:
    """What says that the folder may work later becomes `Unavailable`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _PASSING:
            raise
        raise errors.Unavailable(f"the blob folder cannot be written ({error.strerror}); artifacts wait until it can") from error
