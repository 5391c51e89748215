"""
Files as a rename put them in place, held before the next rename replaces them: each is a version, however fast they follow one another.

Held is the inode (a descriptor of O_PATH: nothing is read, nobody is waited for); it is opened when its turn to be captured comes. How many
are held is bounded. What was not held is said: the next version has `obs` false.
"""

from __future__ import annotations

import collections
import os
import stat as modes
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.collect import sweep

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from outrider_agent.core import identity

#: So many are held for a root at once; and of one path so many within the settling time: one that is replaced all the time makes no flood.
MOST = 64
MOST_OF_A_PATH = 8


class Early(NamedTuple):
    """A file that is held: `descriptor` opens nothing, `stat` is as it was found. `is_after_gap`: one before it was not held."""

    descriptor: int
    stat: identity.Stat
    is_after_gap: bool = False

    def share(self, *, is_after_gap: bool) -> Early:
        """Held once more, for another run."""
        return self._replace(descriptor=os.dup(self.descriptor), is_after_gap=is_after_gap)

    def open(self) -> int:
        """A descriptor to read it with, whatever its name says now. Raises OSError."""
        return os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOCTTY)

    def close(self) -> None:
        """Lets go of it. Once."""
        os.close(self.descriptor)


class Renamed(NamedTuple):
    """A rename that was seen. `early` None: the file is gone already, or too many are held. `is_missed`: one was missed before it."""

    path: str
    early: Early | None
    is_missed: bool


def hold(path: str) -> Early | None:
    """Holds the regular file of that name; None where there is none, or it cannot be held."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except (OSError, AttributeError):  # gone; a system without O_PATH
        return None
    status = os.fstat(descriptor)
    if modes.S_ISREG(status.st_mode):
        return Early(descriptor, sweep.stat_of(status))
    os.close(descriptor)
    return None


class Seen:
    """Renames of a root since somebody last took them. Not thread-safe by itself."""

    def __init__(self) -> None:
        self._renamed: list[Renamed] = []
        self._held = 0
        self._last: dict[str, tuple[int, int]] = {}

    def add(self, path: str) -> None:
        """A rename put a file in place there. Two renames that found one and the same: what the first one put there is gone."""
        early = hold(path)
        state = None if early is None else (early.stat.ino, early.stat.ctime_ns)
        if early is not None and state is not None and self._last.get(path) == state:
            early.close()
            self._miss(path)
            return
        if state is not None:
            self._last[path] = state
        if early is not None and self._held >= MOST:
            early.close()
            early = None
        self._held += early is not None
        self._renamed.append(Renamed(path, early, is_missed=False))

    def _miss(self, path: str) -> None:
        """It was missed before the file that was found twice, where that one still waits to be taken."""
        for place in range(len(self._renamed) - 1, -1, -1):
            if self._renamed[place].path == path:
                self._renamed[place] = self._renamed[place]._replace(is_missed=True)
                return
        self._renamed.append(Renamed(path, None, is_missed=True))

    def take(self) -> list[Renamed]:
        """What was seen; whoever takes it closes what is held."""
        taken, self._renamed, self._held = self._renamed, [], 0
        if len(self._last) > 16 * MOST:
            self._last.clear()
        return taken


class Waiting:
    """What is held of one run's root, path by path, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[str, collections.deque[Early]] = {}
        self._when: dict[str, collections.deque[float]] = {}
        self._count = 0
        self._gaps: set[str] = set()
        self.not_before = 0.0

    def __contains__(self, relative: str) -> bool:
        return relative in self._waiting

    def __len__(self) -> int:
        return self._count

    def skip(self, relative: str) -> None:
        """One was missed after all that is held: the next one that is added is the first after it."""
        self._gaps.add(relative)

    def mark(self, relative: str) -> bool:
        """One was missed before the newest that is held. False: none is held."""
        held = self._waiting.get(relative)
        if held:
            held[-1] = held[-1]._replace(is_after_gap=True)
        return bool(held)

    def has_skipped(self, relative: str) -> bool:
        """Was one missed after all that is held?"""
        return relative in self._gaps

    def forgive(self, relative: str) -> None:
        """That one was missed has been said."""
        self._gaps.discard(relative)

    def add(self, relative: str, early: Early, now: float, settle_s: float) -> bool:
        """Holds it once more. False: too many, it is not held here."""
        when = self._when.setdefault(relative, collections.deque(maxlen=MOST_OF_A_PATH))
        if self._count >= MOST or (len(when) == MOST_OF_A_PATH and now - when[0] < settle_s):
            return False
        when.append(now)
        self._waiting.setdefault(relative, collections.deque()).append(early.share(is_after_gap=relative in self._gaps))
        self._gaps.discard(relative)
        self._count += 1
        if len(self._when) > 16 * MOST:
            self._when = {path: times for path, times in self._when.items() if now - times[-1] < settle_s}
        return True

    def next(self, busy: Container[str], now: float) -> Iterator[tuple[str, Early]]:
        """The oldest of each path that is not busy."""
        if now < self.not_before:
            return
        for relative in [name for name in self._waiting if name not in busy]:
            waiting = self._waiting[relative]
            yield relative, waiting.popleft()
            self._count -= 1
            if not waiting:
                del self._waiting[relative]

    def put_back(self, relative: str, early: Early, not_before: float) -> None:
        """It could not be captured now: the oldest again."""
        self._waiting.setdefault(relative, collections.deque()).appendleft(early)
        self._count += 1
        self.not_before = max(self.not_before, not_before)

    def close(self) -> None:
        """Lets go of all. Idempotent."""
        for waiting in self._waiting.values():
            for early in waiting:
                early.close()
        self._waiting.clear()
        self._count = 0
