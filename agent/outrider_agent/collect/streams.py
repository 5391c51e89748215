"""
What a run's folder says about its streams: who owns the run, on which machine, and whether its writers live. Read-only.

Nothing here decides anything; `liveness` does.
"""

from __future__ import annotations

import mmap
import os
from typing import Any, NamedTuple

import msgspec

from outrider import record, spool
from outrider_agent.collect import spooled

#: A stream without a lock file is taken as alive for so long after its last append (docs/spool.md).
LOCKLESS_ALIVE_S = 86_400.0

#: Streams that the agent itself writes: their locks say that the agent lives, not that the run does.
AGENTS_OWN = ("agent-", "outputs-", "container-")

_HEAD_BYTES = 16 << 10
_RACY_NS = 100_000_000


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of a stream."""

    writer: str
    own: bool = False
    host: str | None = None
    boot: str | None = None
    pid: int | None = None
    attempt: int = 1

    @property
    def is_keeper(self) -> bool:
        """Was it written by the keeper of `outrider run`?"""
        return self.writer.startswith("keeper-")


class Look(NamedTuple):
    """Whether a stream's writer lives, and how that was found out."""

    alive: bool
    has_lock: bool


class Folders:
    """`folders` of one directory, listed again only when its mtime says that they changed (or is too young to say)."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._seen = -1
        self._names: list[str] = []

    def __call__(self, now_ns: int) -> list[str]:
        """The same list as before where nothing changed. `now_ns`: wall clock."""
        try:
            changed = os.stat(self._directory).st_mtime_ns  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            self._seen, self._names = -1, []
        else:
            if changed != self._seen:
                # One that changed just now may change again within the same tick of the clock: it is listed once more.
                self._seen = changed if now_ns - changed > _RACY_NS else -1
                self._names = folders(self._directory)
        return self._names


def folders(directory: str) -> list[str]:
    """Names of the runs in a spool, or of the streams in a run; none where there is no such folder."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if not _passed_over(entry.name) and entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _passed_over(name: str) -> bool:
    return name.startswith(".") or name.endswith(".tmp") or not spool.valid_name(name)


def head(directory: str) -> Head | None:
    """The head of a stream's oldest segment; None where there is none yet, or it cannot be read."""
    numbers = spool.segments(directory)
    if not numbers:
        return None
    try:
        with open(spool.open_regular(spool.segment_path(directory, numbers[0])), "rb") as segment:  # noqa: PTH123
            first = segment.read(_HEAD_BYTES).lstrip(b"\n").split(b"\n", 1)[0]
    except OSError:
        return None
    fields = spooled.decode(first)
    if fields.get("k") != record.HEAD:
        return None
    return Head(
        writer=os.path.basename(directory),  # noqa: PTH119
        own=fields.get("own") is True,
        host=_text(fields.get("host")),
        boot=_text(fields.get("boot")),
        pid=fields["pid"] if isinstance(fields.get("pid"), int) else None,
        attempt=fields["att"] if isinstance(fields.get("att"), int) else 1,
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def look(directory: str, now: float) -> Look:
    """Does the stream's writer live? `now`: wall clock in seconds. A writer without a lock file lives for a day after its last append."""
    lock = f"{directory}/lock"
    if spool.is_locked(lock):  # asked first: most of those that are looked at are alive
        return Look(alive=True, has_lock=True)
    if os.path.lexists(lock):
        return Look(alive=False, has_lock=True)
    return Look(now - last_append(directory) < LOCKLESS_ALIVE_S, has_lock=False)


def last_append(directory: str) -> float:
    """When the stream was last appended to, wall clock in seconds; 0 where it has no segment."""
    newest = 0.0
    for number in spool.segments(directory):
        try:
            newest = max(newest, os.stat(spool.segment_path(directory, number)).st_mtime)  # noqa: PTH116
        except FileNotFoundError:
            continue
    return newest


def has_end(directory: str) -> bool:
    """Is there an `end` line in the segments that are still on disk? Newest first."""
    return any(_holds_end(spool.segment_path(directory, number)) for number in reversed(spool.segments(directory)))


def _holds_end(path: str) -> bool:
    """Looks for the word first: parsing every line of a large segment takes seconds, and inside of a JSON text its quotes are escaped."""
    try:
        with open(spool.open_regular(path), "rb") as segment:  # noqa: PTH123
            size = os.fstat(segment.fileno()).st_size
            if size == 0:
                return False
            with mmap.mmap(segment.fileno(), size, prot=mmap.PROT_READ) as data:
                return _find_end(data)
    except FileNotFoundError:
        return False


def _find_end(data: mmap.mmap) -> bool:
    found = data.rfind(b'"end"')
    while found >= 0:
        start, stop = data.rfind(b"\n", 0, found) + 1, data.find(b"\n", found)
        if stop >= 0 and _is_end(data[start:stop]):
            return True
        found = data.rfind(b'"end"', 0, start)
    return False


def _is_end(line: bytes) -> bool:
    return spooled.decode(line).get("k") == record.END
