"""
One file of a foreign writer, held by a descriptor: how far it was read, whether it is still what it was, whether anybody writes to it.

The descriptor keeps a file that was deleted or renamed readable, and its inode from being given out again.
"""

# Paths are plain strings here: their names may be any bytes.
from __future__ import annotations

import array
import fcntl
import os
import stat
import time
import zlib
from typing import Final, NamedTuple

from outrider_agent.collect import capture
from outrider_agent.core import foreign

#: Bytes that one read takes.
READ_BYTES = 1 << 20
#: A line of so many bytes is not waited for: its beginning is kept, the rest is counted.
LINE_BYTES = 1 << 20
HEAD_BYTES = 4 << 10

#: Where the system cannot say whether anybody has a file open for writing: so long nothing must have come, seconds.
QUIET_S = 60.0

#: What `read` says of a file that is no longer what was read.
REWRITTEN: Final = -1

_FS_IOC_GETVERSION = 0x80087601


class Lines(NamedTuple):
    """Whole lines from byte `start` on."""

    start: int
    data: bytes


class TooLong(NamedTuple):
    """A line that was passed over, and its first bytes."""

    start: int
    end: int
    head: bytes


class Held:
    """An open file. `number`, `offset`: as who reads it calls it, and up to where it was read; set by `resume`."""

    def __init__(self, path: str, fd: int, status: os.stat_result) -> None:
        self.path, self._fd = path, fd
        self.identity = foreign.Identity(status.st_dev, status.st_ino, _generation(fd))
        self.number = self.offset = 0
        self._head = self._marker = b""
        self._seen = (-1, -1)
        self._moved = time.monotonic()
        self._long: tuple[int, bytes] | None = None

    def resume(self, number: int, offset: int) -> None:
        """It is read from `offset` on, under this number."""
        self.number, self.offset = number, offset
        self._head = self._peek(0, min(offset, foreign.HEAD_BYTES))
        self._marker = self._peek(max(0, offset - foreign.MARKER_BYTES), min(offset, foreign.MARKER_BYTES))
        self._seen = (-1, -1)
        self._long = None

    def judge(self, mark: foreign.Mark) -> foreign.Verdict:
        """What this file is to a mark."""
        return foreign.judge(mark, self.identity, self.size(), self._peek)

    def mark(self) -> foreign.Mark:
        """What it is known by when it is seen again."""
        head, marker = self._head, self._marker
        return foreign.Mark(self.identity, self.offset, zlib.crc32(head), len(head), zlib.crc32(marker), len(marker))

    def size(self) -> int:
        """Bytes it has now."""
        return os.fstat(self._fd).st_size

    def deleted_for_s(self) -> float:
        """For how long it has had no name, at most."""
        return max(0.0, time.time() - os.fstat(self._fd).st_ctime)

    def pending(self) -> int:
        """Bytes that can be read. An end without a newline does not count once it was looked at."""
        status = os.fstat(self._fd)
        return 0 if (status.st_size, status.st_mtime_ns) == self._seen else max(0, status.st_size - self.offset)

    def read(self) -> tuple[int, Lines | TooLong | None]:
        """(bytes that were looked at, what they are); 0 where there is nothing new, REWRITTEN where it was truncated or rewritten."""
        status = os.fstat(self._fd)
        seen = (status.st_size, status.st_mtime_ns)
        if seen == self._seen:
            return 0, None
        self._moved = time.monotonic()
        place = self._long[0] if self._long is not None else self.offset
        before = 0 if self._long is not None else len(self._marker)
        is_smaller = status.st_size < max(place, self._seen[0])
        data = b"" if is_smaller else os.pread(self._fd, before + READ_BYTES, place - before)
        if is_smaller or data[:before] != self._marker[:before]:
            return REWRITTEN, None
        # One look for the marker and what follows it: nothing can be put between the two.
        body = data[before:]
        if place + len(body) >= status.st_size:
            self._seen = seen
        if self._long is not None:
            return self._pass_over(body)
        return self._lines(body)

    def end(self) -> tuple[int, bytes] | None:
        """What follows the last newline of a file nobody writes to any more; it counts as read then."""
        rest = os.pread(self._fd, LINE_BYTES, self.offset)
        if not rest:
            return None
        start = self.offset
        self._advance(rest)
        return start, rest

    def has_writer(self) -> bool:
        """Has anybody this file open for writing? Where that cannot be told: was there anything new within a minute?"""
        told = capture.is_open_for_writing(self._fd)
        return time.monotonic() - self._moved < QUIET_S if told is None else told

    def close(self) -> None:
        """Lets go of it. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _lines(self, body: bytes) -> tuple[int, Lines | TooLong | None]:
        end = body.rfind(b"\n") + 1
        if end == 0:
            if len(body) >= LINE_BYTES:
                self._long = (self.offset + len(body), body[:HEAD_BYTES])
                return len(body), None
            return 0, None
        start, data = self.offset, body[:end]
        self._advance(data)
        return end, Lines(start, data)

    def _pass_over(self, body: bytes) -> tuple[int, TooLong | None]:
        place, head = self._long or (0, b"")
        end = body.find(b"\n") + 1
        if end == 0:
            self._long = (place + len(body), head)
            return len(body), None
        start = self.offset
        self.resume(self.number, place + end)
        return end, TooLong(start, self.offset, head)

    def _advance(self, data: bytes) -> None:
        if len(self._head) < foreign.HEAD_BYTES:
            self._head = (self._head + data[: foreign.HEAD_BYTES])[: foreign.HEAD_BYTES]
        self._marker = (self._marker + data[-foreign.MARKER_BYTES :])[-foreign.MARKER_BYTES :]
        self.offset += len(data)

    def _peek(self, offset: int, length: int) -> bytes:
        return os.pread(self._fd, length, offset)


def open_file(path: str) -> Held | str:
    """The file at `path`, opened; "" where there is none, else why it cannot be had. Pipes, folders and devices are not opened."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        return ""
    except OSError as exc:
        return f"{path}: {exc.strerror}"
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        return f"{path}: no regular file"
    return Held(path, fd, status)


def _generation(fd: int) -> int:
    """ext4, xfs and btrfs number the uses of an inode; 0 where the file system does not."""
    number = array.array("l", [0])
    try:
        fcntl.ioctl(fd, _FS_IOC_GETVERSION, number, True)
    except OSError:
        return 0
    return number[0] & 0xFFFFFFFF
