"""
What a signal that reached the front means for the command: was it sent to the front alone, or to the whole process group?

Here: the message from front to keeper, telling the two apart, the witness. Never here: sending, what a signal does. The kernel does not say
whom a signal was for; that it reached another member of the front's group, too, says it.
"""

from __future__ import annotations

import os
import signal
import struct
import time
from _thread import start_new_thread

from outrider import _command

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Callable, NoReturn

    from outrider import _pty

MESSAGE = struct.Struct("=ii")  #: what the front tells of a signal that it got: its number, and who sent it, or one of:
NOT_FORWARDED, FROM_KERNEL = -1, -2
FOREGROUND = 0  #: in place of a signal: is the job in the user's foreground now (1) or not (0)?

_WITNESS_S = 0.01  #: a signal for the whole group has reached every member by then
_SAME_S = 0.1  #: what reached the front and the witness within this time was one signal for the group


class Forwarder:
    """
    The keeper's knowledge of the front's group. It is a member itself, with every signal blocked, but where it leads a session of its own:
    there a small process stays behind. Made before the keeper leaves.
    """

    def __init__(self, pty: _pty.Pty | None) -> None:
        self._pty = pty
        self._witness = Witness() if pty is not None and pty.keeper_leads else None
        self._witnessed: dict[tuple[int, int], float] = {}  # (signal, sender) -> when it reached the witness

    def way(self, number: int, sender: int) -> Callable[[int, int], None] | None:
        """
        How the command is sent what the front got; None when it has it, or need not. In the front's own group it has what was sent to all.
        Where it has a pty it has a group of its own, which is sent what the whole group got.
        """
        if sender == NOT_FORWARDED:
            return None
        if sender == FROM_KERNEL:
            if number == signal.SIGHUP and self._pty is not None and not self._pty.keeper_leads:
                return None  # the leader of a session hears of its terminal's loss from the kernel
            return _command.send if number == signal.SIGALRM else _command.send_group
        if not self._was_sent_to_all(number, sender):
            return _command.send
        return None if self._pty is None else _command.send_group

    def end(self) -> None:
        """The command has ended: nothing is forwarded any more."""
        if self._witness is not None:
            self._witness.end()

    def _was_sent_to_all(self, number: int, sender: int) -> bool:
        time.sleep(_WITNESS_S)
        now = time.monotonic()
        for seen in self._seen() if self._witness is None else self._witness.seen():
            self._witnessed[seen] = now
        return now - self._witnessed.pop((number, sender), 0.0) < _SAME_S

    def _seen(self) -> list[tuple[int, int]]:
        """(signal, sender) of what reached ourselves since the last call."""
        seen: list[tuple[int, int]] = []
        while True:
            found = signal.sigtimedwait(signal.valid_signals() - {signal.SIGCHLD}, 0)
            if found is None:
                return seen
            seen.append((found.si_signo, found.si_pid))


class Witness:
    """A process that stays in the front's group and tells which signals reach it. It ends with the keeper, or when told."""

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
            data = os.read(self._seen, MESSAGE.size * 512)
        except BlockingIOError:
            return []
        return list(MESSAGE.iter_unpack(data))

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
            os.write(seen, MESSAGE.pack(found.si_signo, found.si_pid))
    finally:
        os._exit(0)


def _end_with(life: int) -> None:
    """A thread: the other end of this pipe is held by the keeper alone."""
    os.read(life, 1)
    os._exit(0)
