"""
Locks that say who lives: OFD write locks on whole files, `flock` where the system has none.

An OFD lock belongs to the open file description: it survives the closing of other descriptors of the file, and a forked child that
closes its copy takes nothing from its parent. Pids are never asked. Nothing here waits.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from _struct import pack, unpack  # not `struct`: a script's own struct.py would be run in its place

from outrider._standard import standard

fcntl = standard("fcntl")

# Python 3.8 does not name them; the numbers are Linux's.
_F_OFD_GETLK = 36
_F_OFD_SETLK = 37
_LINUX = sys.platform.startswith("linux")
_FLOCK = "hhqqi4x"  # struct flock: l_type, l_whence, l_start, l_len, l_pid
#: What opening a link, a folder or a pipe without a reader says.
_IRREGULAR = (errno.ELOOP, errno.EISDIR, errno.ENXIO)
_WHOLE_FILE = pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


class NotRegular(OSError):
    """A folder, a pipe, a link or a device has the name of one of our files."""


def open_regular(path: str, flags: int = os.O_RDONLY) -> int:
    """A descriptor of a regular file (one that is made is 0600). Never waits, follows no link. Raises NotRegular, OSError."""
    try:
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno in _IRREGULAR:
            raise _not_regular(path) from None
        raise
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise _not_regular(path)


def _not_regular(path: str) -> NotRegular:
    return NotRegular(errno.EINVAL, "is no regular file", path)


def lock(fd: int, byte: int | None = None) -> bool:
    """
    Puts the write lock on the file behind `fd`, or on that byte of it (where there are such locks); False when somebody else holds it.
    Raises OSError where locks do not work.
    """
    try:
        if _LINUX:
            one = _WHOLE_FILE if byte is None else pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
            fcntl.fcntl(fd, _F_OFD_SETLK, one)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def is_locked(path: str) -> bool:
    """Does anybody hold the lock of this file? Asked through a descriptor of its own; False if the file is absent, or none."""
    try:
        fd = open_regular(path)
    except (FileNotFoundError, NotADirectoryError, NotRegular):
        return False
    try:
        return _is_locked(fd)
    finally:
        os.close(fd)


def _is_locked(fd: int) -> bool:
    if _LINUX:
        answer = fcntl.fcntl(fd, _F_OFD_GETLK, _WHOLE_FILE)
        return bool(unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


class closed_on_error:  # noqa: N801 -- it reads as what it does, as contextlib's do
    """A block after which the descriptor is still open, unless something was raised in it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is not None:
            os.close(self._fd)


def lock_file(path: str) -> int | None:
    """Opens (makes, 0600) the file and locks it: the descriptor that holds the lock until it is closed; None when held elsewhere."""
    fd = open_regular(path, os.O_RDWR | os.O_CREAT)
    with closed_on_error(fd):
        held = lock(fd)
    if held:
        return fd
    os.close(fd)
    return None
