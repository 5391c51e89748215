"""
The control socket itself: made so that only its user can reach it, and asked who is at the other end.

Nothing here knows HTTP or what is served.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING

from outrider import spool

if TYPE_CHECKING:
    from pathlib import Path

_UCRED = struct.Struct("iII")  # pid, uid, gid
_BACKLOG = 128


def listen(path: Path) -> socket.socket:
    """
    A listening unix socket at `path`, 0600 from its first moment; whatever had the name is replaced in one step. Raises OSError.

    In a home that users share it is their group's too (0660): they may ask, and `may_ask` says what.

    It is bound under a temporary name and renamed: a client finds the old one or the new one, never none. Its mode is set before it has a
    name (Linux takes the socket's mode over at bind), so that the process's umask, which all threads share, is left alone.
    """
    temporary = path.with_name(f".{os.getpid():x}.s")
    temporary.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(server.fileno(), 0o600)
        server.bind(os.fspath(temporary))
        temporary.chmod(0o660 if spool.is_shared(path.parent) else 0o600)
        server.listen(_BACKLOG)
        server.setblocking(False)
        temporary.replace(path)
    except BaseException:
        server.close()
        temporary.unlink(missing_ok=True)
        raise
    return server


def identity(path: Path) -> tuple[int, int] | None:
    """Which file has that name now; None where there is none. Compared before a socket is removed: it may be a successor's."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def uid_of(connection: socket.socket) -> int | None:
    """The user at the other end, as the kernel knows it; None where it cannot say."""
    try:
        answer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    except (OSError, AttributeError):
        return None
    return int(_UCRED.unpack(answer)[1])


def is_welcome(uid: int | None) -> bool:
    """Only the agent's own user, and root."""
    return uid is not None and uid in (os.getuid(), 0)


def may_ask(method: str, path: str) -> bool:
    """What those may who share the home without being its user: look, and have delivered what they wrote. Not end, cancel or delete."""
    return method == "GET" or path in ("/flush", "/history")
