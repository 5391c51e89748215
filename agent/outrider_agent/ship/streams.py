"""
One stream's files, read by the rules of docs/spool.md: which segment comes next, when one is sealed, when a writer is dead, what is torn.

Nothing is written, and nothing is kept open between two reads but the last segment of some idle streams (`rest`). What cannot be observed
is an error that is told, never taken for an end.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from outrider import record, spool
from outrider_agent import model
from outrider_agent.core import decode, lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from outrider_agent import protocols

#: A header is no longer than this.
HEADER_BYTES = 16 << 10
#: A line may be so long; of a longer one the pieces are set aside.
LONGEST_LINE = 64 << 20
#: A lock on a segment that has a successor and does not grow counts no longer than this.
HELD_S = 5.0
#: A lock is asked for no more often than this.
LOCK_INTERVAL_S = 1.0
#: A stream without a lock file is dead after so long without an append.
LOCKLESS_DEAD_NS = 24 * 3600 * 10**9
SHRANK = "segment {} shrank from {} bytes to {}; what was read before is kept, what was cut off unread is lost"
GONE = (
    "segments {} to {} of this stream are gone from the spool: what they held, but for {:,} bytes, is missing here. A server or "
    "store that was restored from an older copy asks for what its agents had let go of; another copy of it may have the lines."
)
#: A folder's mtime this near to the clock may hide a change of the same tick.
RACY_NS = 100_000_000


class FolderWatch:
    """Says when a folder may have changed since it was last listed, by its mtime."""

    __slots__ = ("_mtime", "path")

    def __init__(self, path: str) -> None:
        self.path = path
        self._mtime: int | None = None

    def has_changed(self, clock: protocols.Clock) -> bool:
        """Is there something new to list? Raises OSError."""
        mtime = os.stat(self.path).st_mtime_ns  # noqa: PTH116 -- the hot path of an idle agent
        if mtime == self._mtime:
            return False
        self._mtime = mtime if clock.time_ns() - mtime > RACY_NS else None
        return True


class Stream:
    """The files of one stream, as last seen."""

    def __init__(self, stream: model.StreamId, directory: str, clock: protocols.Clock, ended: Callable[[str], bool]) -> None:
        self.id = stream
        self.directory = directory
        self.folder = FolderWatch(directory)
        self.segments: list[int] = []
        self.active = ""  # the last segment's path
        self.size = 0  # and its size
        self.grew = clock.monotonic()
        self.error: str | None = None
        self._clock = clock
        self._ended = ended
        self._sizes: dict[int, int] = {}  # of the earlier segments
        self._dead = False
        self._attempt = 0  # not known yet
        self._asked: float | None = None
        self._held: dict[int, tuple[int, float]] = {}  # a segment whose lock is held though it has a successor: its size, since when
        self._fruitless: tuple[model.Position, int, bool] | None = None
        self._open = -1

    def __del__(self) -> None:
        self.wake()

    @property
    def lock(self) -> str:
        """The path of the liveness lock."""
        return f"{self.directory}/lock"

    def list(self) -> None:
        """Lists the segments again. Raises OSError."""
        self.wake()
        self.segments = spool.segments(self.directory)
        if odd := spool.irregular(self.directory):
            self.error = f"{', '.join(odd[:3])}: no regular file but a folder, a pipe or a link; passed over; nothing of ours, move it away"
        active = spool.segment_path(self.directory, self.segments[-1]) if self.segments else ""
        if active != self.active:
            self.active, self.size = active, 0
        self._sizes = {number: size for number, size in self._sizes.items() if number in self.segments[:-1]}

    def rest(self) -> None:
        """
        From now on, until something moved or `list`, ask `has_moved`: a descriptor costs a fifth of asking by name.

        Whether the segment was deleted or replaced, its folder says.
        """
        if self._open < 0 and self.active:
            with contextlib.suppress(OSError):
                self._open = os.open(self.active, os.O_RDONLY | os.O_CLOEXEC)

    def wake(self) -> None:
        """Keeps nothing open. Idempotent."""
        if self._open >= 0:
            os.close(self._open)
            self._open = -1

    @property
    def is_resting(self) -> bool:
        """Is there a descriptor to ask?"""
        return self._open >= 0

    def has_moved(self) -> bool:
        """Has the last segment another size than it had? Says so, and rests no more, where that cannot be asked."""
        try:
            if os.lseek(self._open, 0, os.SEEK_END) == self.size:
                return False
        except OSError:
            pass  # `look` will say what it is
        self.wake()
        return True

    def look(self) -> bool:
        """Has the last segment grown? One stat. Raises OSError."""
        if not self.active:
            return False
        size = os.stat(self.active).st_size  # noqa: PTH116 -- the hot path of an idle agent
        if size == self.size:
            return False
        if size < self.size:
            self.error = SHRANK.format(self.segments[-1], self.size, size)
        self.size = size
        self.grew = self._clock.monotonic()
        return True

    def pending(self, position: model.Position) -> int:
        """How many bytes lie after a position (a line that is being written included)."""
        if not self.segments or position.segment > self.segments[-1]:
            return 0
        total = self.size if position.segment < self.segments[-1] else max(0, self.size - position.offset)
        for number in self.segments[:-1]:
            if number >= position.segment:
                total += max(0, self._size_of(number) - (position.offset if number == position.segment else 0))
        return total

    def end(self) -> model.Position:
        """Where the last complete line ends at present. Raises OSError."""
        self.list()
        for number in reversed(self.segments):
            offset = last_newline(spool.segment_path(self.directory, number))
            if offset:
                return model.Position(number, offset)
        return model.START

    def is_alive(self) -> bool:
        """Does the writer live? Asked of the lock at most once a second; what is dead stays dead. Could not be asked: alive."""
        now = self._clock.monotonic()
        if self._dead or (self._asked is not None and now - self._asked < LOCK_INTERVAL_S):
            return not self._dead
        self._asked = now
        try:
            self._dead = self._is_over()
        except OSError as exc:
            self.error = f"cannot ask whether the writer lives: {exc}"
        return not self._dead

    def owns(self) -> bool:
        """Does its header say that it owns the run? Also when the header cannot be read. Raises OSError."""
        head = self._head()
        return head is None or head.own

    @property
    def attempt(self) -> int:
        """Which attempt of its run it belongs to, by its header; 1 while that cannot be read."""
        if not self._attempt:
            try:
                head = self._head() if self.active else None
            except OSError:
                head = None
            if head is None:
                return 1
            self._attempt = head.att
        return self._attempt

    def _head(self) -> decode.Head | None:
        """The header of its last segment; None where there is none that can be read. Raises OSError."""
        with open(spool.open_regular(self.active), "rb", buffering=0) as file:  # noqa: PTH123
            start = file.read(HEADER_BYTES)
        end = start.find(b"\n", 1) + 1
        found = decode.decode(start[:end]).records[:1]
        return found[0] if found and isinstance(found[0], decode.Head) else None

    def read(self, position: model.Position, limit: int) -> model.Slice | None:
        """
        The next complete lines after a position, at most `limit` bytes of them but at least one line; or a torn tail that is final.

        None where there is nothing (yet). Raises OSError.
        """
        if not self.segments:
            return None
        number, offset = position
        if number not in self.segments:
            return self._after(position, limit)
        last = number == self.segments[-1]
        final = (not self.is_alive() if self.size > offset else False) if last else self._is_sealed(number)
        if last and self._fruitless == (position, self.size, final):
            return None
        with open(spool.open_regular(spool.segment_path(self.directory, number)), "rb", buffering=0) as file:  # noqa: PTH123
            size = os.fstat(file.fileno()).st_size
            if size < offset:
                self.error = SHRANK.format(number, offset, size)
                return self._after(position, limit) if final and not last else None
            data, torn = self._bytes(file.fileno(), offset, size, limit, final=final)
        if data:
            end = model.Position(number, offset + len(data))
            return model.Slice(stream=self.id, start=position, end=end, data_offset=offset, data=data, torn=torn)
        if last:
            self._fruitless = (position, size, final)
            return None
        return self._after(position, limit) if final else None

    def _after(self, position: model.Position, limit: int) -> model.Slice | None:
        """From the segment after the one of a position, which is done with; where others are gone in between, first a gap that says so."""
        later = next((number for number in self.segments if number > position.segment), None)
        if later is None:
            return None
        first = position.segment if position.segment not in self.segments else position.segment + 1
        if later > first:
            self.error = GONE.format(first, later - 1, position.offset * (first == position.segment))
            return gap(self.id, position, later, self.error, self._clock.time_ns())
        piece = self.read(model.Position(later, 0), limit)
        if piece is None:
            return None
        return model.Slice(stream=self.id, start=position, end=piece.end, data_offset=piece.data_offset, data=piece.data, torn=piece.torn)

    def _bytes(self, descriptor: int, offset: int, size: int, limit: int, *, final: bool) -> tuple[bytes, int]:
        """Complete lines at an offset; or what is torn, and how many bytes that is."""
        wanted = min(limit, size - offset)
        while True:
            data = os.pread(descriptor, wanted, offset)
            whole = lines.complete(data)
            if whole:
                return data[:whole] if whole < len(data) else data, 0
            if len(data) < wanted or offset + wanted >= size:
                return (data, len(data)) if data and (final or len(data) >= LONGEST_LINE) else (b"", 0)
            if wanted >= LONGEST_LINE:
                return data, len(data)
            wanted = min(LONGEST_LINE, size - offset, wanted * 4)

    def _is_sealed(self, number: int) -> bool:
        """Will an earlier segment grow no more? Its lock is asked before its end is read."""
        path = spool.segment_path(self.directory, number)
        if not spool.is_locked(path):
            self._held.pop(number, None)
            return True
        size, now = os.stat(path).st_size, self._clock.monotonic()  # noqa: PTH116
        if self._held.get(number, (-1, 0.0))[0] != size:
            self._held[number] = (size, now)
        return now - self._held[number][1] >= HELD_S

    def _is_over(self) -> bool:
        """The rule of docs/spool.md, Liveness. Raises OSError."""
        if os.path.exists(self.lock):  # noqa: PTH110
            return not spool.is_locked(self.lock)
        if self._ended(self.id.run):
            return True
        newest = max((os.stat(path).st_mtime_ns for path in (self.active, self.directory) if path), default=0)  # noqa: PTH116
        return self._clock.time_ns() - newest > LOCKLESS_DEAD_NS

    def _size_of(self, number: int) -> int:
        """The size of an earlier segment; it may still grow a little before it is sealed, so the truth is `read`."""
        if number not in self._sizes:
            try:
                self._sizes[number] = os.stat(spool.segment_path(self.directory, number)).st_size  # noqa: PTH116
            except OSError:
                return 0
        return self._sizes[number]


def gap(stream: model.StreamId, start: model.Position, later: int, why: str, now: int) -> model.Slice:
    """What stands for the lines up to the segment `later` that are not there; how many nobody knows."""
    line = spool.line({"k": record.GAP, "t": now, "n": 0, "why": why})
    return model.Slice(stream=stream, start=start, end=model.Position(later, 0), data_offset=0, data=line)


def last_newline(path: str) -> int:
    """The offset after a file's last newline; 0 where there is none. Raises OSError."""
    with open(spool.open_regular(path), "rb", buffering=0) as file:  # noqa: PTH123
        end = os.fstat(file.fileno()).st_size
        while end > 0:
            start = max(0, end - (64 << 10))
            whole = lines.complete(os.pread(file.fileno(), end - start, start))
            if whole:
                return start + whole
            end = start
    return 0
