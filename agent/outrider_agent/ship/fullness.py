"""
Is there room for more records? Measures the spool and its disk, and sets or clears `spool/full`, which every writer obeys.

Only the flag is written here. Nothing is deleted: that is retention's work, and only of what every sink has passed.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import TYPE_CHECKING

import msgspec
import structlog

if TYPE_CHECKING:
    from pathlib import Path

log = structlog.get_logger(part="spool")

#: The flag goes when so much of the cap is free again, and the disk has so much more than its reserve: it must not flicker.
_CLEAR_BELOW = 0.9
_CLEAR_ABOVE = 1.5


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What the last look found; `why` is empty while there is room."""

    bytes: int = 0
    free: int = 0
    full: bool = False
    why: str = ""


class Fullness:
    """Looks when told to. One thread calls it."""

    def __init__(self, spool: Path, *, max_bytes: int, reserve_bytes: int) -> None:
        self._spool = spool
        self._flag = spool / "full"
        self._max_bytes = max_bytes
        self._reserve_bytes = reserve_bytes
        self.measured = Measured()

    def limit(self, *, max_bytes: int, reserve_bytes: int) -> None:
        """From the next look on these are the limits."""
        self._max_bytes, self._reserve_bytes = max_bytes, reserve_bytes

    def look(self) -> Measured:
        """Measures, and sets or clears the flag. Raises OSError when the spool cannot be read."""
        used, status = size_of(os.fspath(self._spool)), os.statvfs(self._spool)
        free = status.f_bavail * status.f_frsize
        was = self._flag.exists()
        why = self._why(used, free, was=was)
        self.measured = Measured(bytes=used, free=free, full=bool(why), why=why)
        if why and not was:
            log.error("spool_full", error=why, spool_bytes=used, free_bytes=free)
            self._raise_flag(why)
        elif was and not why:
            self._flag.unlink(missing_ok=True)
            log.info("spool_has_room", spool_bytes=used, free_bytes=free)
        return self.measured

    def _why(self, used: int, free: int, *, was: bool) -> str:
        cap, reserve = (
            (self._max_bytes * _CLEAR_BELOW, self._reserve_bytes * _CLEAR_ABOVE) if was else (self._max_bytes, self._reserve_bytes)
        )
        if used > cap:
            return f"the spool holds {used:,} bytes, its cap is {self._max_bytes:,}"
        if free < reserve:
            return f"the disk has {free:,} bytes left, {self._reserve_bytes:,} are kept free"
        return ""

    def _raise_flag(self, why: str) -> None:
        """An empty flag says as much where the disk has no room for the reason."""
        try:
            descriptor = os.open(self._flag, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            log.warning("flag_not_set", error=str(exc))
            return
        with contextlib.suppress(OSError):
            os.write(descriptor, json.dumps({"why": why, "t": time.time_ns()}).encode())
        os.close(descriptor)


def size_of(directory: str) -> int:
    """Bytes of all files below; what vanishes meanwhile counts nothing."""
    total = 0
    try:
        entries = os.scandir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return 0
    with entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                total += size_of(entry.path) if entry.is_dir(follow_symlinks=False) else entry.stat(follow_symlinks=False).st_size
    return total
