"""A spool written by hand, as docs/spool.md says: what tests of the reading side stand on."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

F_OFD_SETLK = 37
WHOLE = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
T0 = 1_700_000_000_000_000_000


def line(k: str, t: int = T0, **fields: object) -> bytes:
    """One line as it is appended."""
    return b"\n" + json.dumps({"k": k, "t": t, **fields}, separators=(",", ":")).encode() + b"\n"


class Clock:
    """Real, or moved on by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time_ns(self) -> int:
        return time.time_ns() + int(self.ahead * 1e9)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead


class StreamFiles:
    """One stream: segments, the lock, and ways to break them."""

    def __init__(self, spool: Path, run: str, writer: str, *, lock: bool = True, **head: object) -> None:
        self.run, self.writer, self.head = run, writer, head
        self.folder = spool / run / writer
        self.folder.mkdir(parents=True)
        self.segment = -1
        self.lock_fd = self._locked(self.folder / "lock", b" " * 4096) if lock else -1
        self.segment_fd = -1
        self.rotate()

    @property
    def path(self) -> Path:
        return self.folder / f"{self.segment:08d}.ndjson"

    def append(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def metric(self, name: str, value: object, step: int | None = None, t: int = T0) -> None:
        fields = {"n": name, "v": value} if step is None else {"n": name, "v": value, "s": step}
        self.append(line("m", t, **fields))

    def rotate(self, *, keep_lock: bool = False) -> int:
        """The next segment, with its header; the old one's lock goes (or is returned, still held)."""
        self.segment += 1
        header = {"v": 1, "run": self.run, "w": self.writer, "seg": self.segment, "own": True, "exp": "e", **self.head}
        old, self.segment_fd = self.segment_fd, -1
        if self.lock_fd >= 0:
            hidden = self.folder / f".{self.segment:08d}.tmp"
            self.segment_fd = self._locked(hidden, line("head", **header))
            hidden.rename(self.path)
        else:
            self.path.write_bytes(line("head", **header))
        if old >= 0 and not keep_lock:
            os.close(old)
            old = -1
        return old

    def die(self) -> None:
        """The locks go."""
        for fd in (self.lock_fd, self.segment_fd):
            if fd >= 0:
                os.close(fd)
        self.lock_fd = self.segment_fd = -1

    def size(self) -> int:
        return sum(path.stat().st_size for path in self.folder.glob("*.ndjson"))

    def _locked(self, path: Path, content: bytes) -> int:
        path.write_bytes(content)
        fd = os.open(path, os.O_RDWR)
        fcntl.fcntl(fd, F_OFD_SETLK, WHOLE)
        return fd
