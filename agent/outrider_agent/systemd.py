"""
What systemd and its services agree on: readiness, status text and watchdog over a socket; sockets handed in; whether stderr is the journal.

The protocols are few lines each (sd_notify(3), sd_listen_fds(3), sd-daemon(3)); none needs a library. Nothing here decides anything: `life`
says when, `main` hands in the environment. Without systemd everything here does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST_FD = 3
_USEC = 1e6


class Notifier:
    """
    Tells the service manager how the service is. Silent where none asked to be told (NOTIFY_SOCKET), or where it does not listen.

    `watchdog_s`: it expects `beat` at least so often, in seconds, or restarts the service; None where it expects none.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_s = _watchdog_s(environ) if name else None
        self._status = ""

    @property
    def is_heard(self) -> bool:
        """Did a manager ask to be told?"""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """It works: what comes after it in the order may start."""
        self._status = status
        self._send("READY=1", f"STATUS={status}", f"MAINPID={os.getpid()}")

    def status(self, text: str) -> None:
        """What `systemctl status` shows. Sent only when it is another one."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def beat(self) -> None:
        """There is progress."""
        self._send("WATCHDOG=1")

    def reloading(self) -> None:
        """The settings are read again; `ready` ends it."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self, status: str, within_s: float) -> None:
        """It ends in order, and may need so many seconds for it."""
        self._send("STOPPING=1", f"STATUS={status}", f"EXTEND_TIMEOUT_USEC={int(within_s * _USEC)}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # A manager that does not listen is no reason for the service to fail; nor one that is slow: nothing here may wait.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(line.replace("\n", " ") for line in lines).encode("utf-8", "replace"), self._address)


def _watchdog_s(environ: Mapping[str, str]) -> float | None:
    """Seconds, where a watchdog is meant for this process."""
    meant = environ.get("WATCHDOG_PID", "")
    text = environ.get("WATCHDOG_USEC", "")
    if not text.isdigit() or (meant and meant != str(os.getpid())):
        return None
    return int(text) / _USEC or None


def handed_in(environ: Mapping[str, str]) -> list[socket.socket]:
    """The listening stream sockets that the manager handed in (a `.socket` unit); none where it did not, or meant another process."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(os.getpid()) or not count.isdigit():
        return []
    found = []
    for descriptor in range(_FIRST_FD, _FIRST_FD + int(count)):
        with contextlib.suppress(OSError):
            one = socket.socket(fileno=descriptor)
            if one.type == socket.SOCK_STREAM and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                one.set_inheritable(False)
                one.setblocking(False)
                found.append(one)
            else:
                one.detach()
    return found


def is_journal(descriptor: int, environ: Mapping[str, str]) -> bool:
    """Is this descriptor (stderr) the journal's? A terminal or a file may have been put in its place since."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))
