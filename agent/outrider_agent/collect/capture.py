"""
Capturing one file: open it safely, see that nobody writes it, copy and hash it into the blobs, see that it held still meanwhile.

Never opens anything but a regular file, never waits for a writer, and holds a lease only for the moment of asking.
"""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
# ruff: noqa: PTH115
from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat as modes
import time
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from outrider_agent.collect import early, sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from outrider_agent import protocols
    from outrider_agent.core import identity

#: A change within the same tick of the kernel's clock shows in no time stamp: a file this young is left to age first.
RACY_S = 0.02


class Changed(Exception):
    """The file is not (or no longer) what was found by the sweep: it is tried again later."""


class Busy(Exception):
    """Somebody has the file open for writing."""


class Unsettled(Exception):
    """Whether somebody has the file open for writing cannot be known (another user's), and it has not been quiet for long enough."""


class Stopped(Exception):
    """The collector is shutting down."""


class Wish(NamedTuple):
    """
    What to capture and how sure it is. `quiet`: it was unchanged for the settling time. `force`: take it however busy it is. `early`: it is
    held, and may have no name any more.
    """

    found: sweep.Found
    root: sweep.Root
    quiet: bool
    force: bool = False
    early: early.Early | None = None

    def is_as_found(self, now: identity.Stat) -> bool:
        """A rename and the loss of a name move the ctime: of a file that is held they say nothing."""
        return now == self.found.stat or (self.early is not None and now[:3] == self.found.stat[:3])


def capture(wish: Wish, blobs: protocols.Blobs, is_stopping: Callable[[], bool]) -> tuple[str, int]:
    """
    Keeps the file's content: (sha256, size), durable.

    Raises `Changed`, `Busy`, `Unsettled`, `Stopped`, OSError when it cannot be read, and `Unavailable` when the blobs cannot be written.
    """
    if is_stopping():
        raise Stopped
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    try:
        descriptor = os.open(wish.found.real, flags) if wish.early is None else wish.early.open()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Changed from error
    try:
        _check(descriptor, wish)
        return blobs.put(cast("BinaryIO", Steady(descriptor, wish, is_stopping)))
    finally:
        os.close(descriptor)


def is_open_for_writing(descriptor: int) -> bool | None:
    """
    Has anybody the file open (or mapped) for writing? None: it cannot be known here (another owner's file, a network file system).

    Asked by a read lease that is given back at once. Who opens the file for writing in between waits that long; the signal that tells the
    holder of a lease about it is set to one that is ignored by default (SIGIO would end the process).
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except AttributeError:  # a system without leases
        return None
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


class Steady:
    """
    A file to read that says, when its end is read, whether it held still: the `source` of a blob. Otherwise it raises `Changed` there, and
    no blob comes to be.
    """

    def __init__(self, descriptor: int, wish: Wish, is_stopping: Callable[[], bool]) -> None:
        self._descriptor = descriptor
        self._wish = wish
        self._is_stopping = is_stopping
        self._size = os.fstat(descriptor).st_size

    def fileno(self) -> int:
        """For a clone."""
        return self._descriptor

    def tell(self) -> int:
        """Where the next read begins."""
        return os.lseek(self._descriptor, 0, os.SEEK_CUR)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves there."""
        return os.lseek(self._descriptor, offset, whence)

    def read(self, size: int = 1 << 20) -> bytes:
        """The next bytes; at the end, the judgement."""
        if self._is_stopping():
            raise Stopped
        if self._wish.force:  # as long as it was when it was opened, for it may grow for ever
            return os.read(self._descriptor, max(0, min(size, self._size - self.tell())))
        chunk = os.read(self._descriptor, size)
        if (not chunk and not self._held_still()) or (chunk and self.tell() > self._size):
            raise Changed
        return chunk

    def _held_still(self) -> bool:
        before, result = self._wish.found.stat, os.fstat(self._descriptor)
        now = sweep.stat_of(result)
        # Replaced by a rename meanwhile: unlinking moves the ctime, and what was read is whole.
        return self._wish.is_as_found(now) or (result.st_nlink == 0 and now[:3] == before[:3])


def _check(descriptor: int, wish: Wish) -> None:
    """Is it the file that was found, still inside its root, and written by nobody?"""
    status = os.fstat(descriptor)
    if not modes.S_ISREG(status.st_mode) or not _is_inside(descriptor, wish.root):
        raise Changed
    if wish.force:
        return
    if not wish.is_as_found(sweep.stat_of(status)):
        raise Changed
    writing = is_open_for_writing(descriptor)
    if writing:
        raise Busy
    if writing is None and not wish.quiet:
        raise Unsettled
    _age(descriptor, wish)


def _is_inside(descriptor: int, root: sweep.Root) -> bool:
    """A folder on the way may have become a link since the sweep: where is the opened file really?"""
    try:
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:  # no /proc, or a path too long for it
        return True
    return root.holds(real)


def _age(descriptor: int, wish: Wish) -> None:
    age = time.time() - wish.found.stat.ctime_ns / 1e9
    if 0 <= age < RACY_S:
        time.sleep(RACY_S - age)
        if not wish.is_as_found(sweep.stat_of(os.fstat(descriptor))):
            raise Changed
