"""
A process that stays in the front's process group where the keeper must leave it (the keeper leads a session of its own).

Here: saying which signals reached that process. So the keeper knows whether a signal that reached the front was sent to the whole group
(`kill %1`), and then passes it to the command's whole group too. It ends with the keeper, or when told.
"""

from __future__ import annotations

import os
import signal
import struct
from _thread import start_new_thread

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import NoReturn

_SEEN = struct.Struct("=ii")  # the signal, who sent it


class Witness:
    """The keeper's side of it."""

    def __init__(self) -> None:
        self._seen, seen_write = os.pipe()
        life_read, self._life = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _witness(life_read, seen_write)
        os.close(seen_write)
        os.close(life_read)
        os.set_blocking(self._seen, False)

    def seen(self) -> list[tuple[int, int]]:
        """(signal, sender) of what reached it since the last call."""
        try:
            data = os.read(self._seen, _SEEN.size * 512)
        except BlockingIOError:
            return []
        return list(_SEEN.iter_unpack(data))

    def end(self) -> None:
        """Once."""
        os.close(self._life)
        os.waitpid(self._pid, 0)


def _witness(life: int, seen: int) -> NoReturn:
    """The process itself, with every signal blocked."""
    try:
        for fd in [int(name) for name in os.listdir("/proc/self/fd")]:
            if fd not in (life, seen):
                try:
                    os.close(fd)
                except OSError:  # the listing's own
                    continue
        start_new_thread(_end_with, (life,))
        while True:
            found = signal.sigwaitinfo(signal.valid_signals())
            os.write(seen, _SEEN.pack(found.si_signo, found.si_pid))
    finally:
        os._exit(0)


def _end_with(life: int) -> None:
    """A thread: the other end of this pipe is held by the keeper alone."""
    os.read(life, 1)
    os._exit(0)
