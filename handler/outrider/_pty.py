"""
A terminal of the command's own, which behaves as the user's: opened by the front, led by the keeper, read by it into the spool.

Here: when there is one, its session and its foreground, the bytes that the command shows. Never here: the user's keys, raw mode (that is
`_terminal.py`). Without job control above us (a container's first process) the command leads the session itself, as it would without us:
the kernel then stops it by Ctrl-Z as little as it would have.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import termios
import time

from outrider import _command, _locks, _pump

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable

    from outrider.spool import Writer

_IFLAG, _OFLAG, _LFLAG, _CC = 0, 1, 3, 6  # where tcgetattr has them
_IN_FLIGHT = 1 << 16  #: more than the kernel holds of a pty's output
_SIZE = b"\0" * 8
_HANGUP_S = 0.1  #: the shell's SIGHUP is there by then: a command that dies by it does not see its reads end first


def usable() -> bool:
    """Are 0, 1 and 2 all our controlling terminal, and are we in its foreground?"""
    try:
        if any(os.tcgetpgrp(fd) != os.getpgrp() for fd in (0, 1, 2)):
            return False
        access = [fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE for fd in (0, 1, 2)]
    except OSError:
        return False
    return access[0] != os.O_WRONLY and os.O_RDONLY not in access[1:]


def has_job_control() -> bool:
    """Is somebody there who would continue a stopped process of our group? Where nobody is (an orphaned group), the kernel stops none."""
    group, session, pid = os.getpgrp(), os.getsid(0), os.getppid()
    while pid > 0:
        try:
            if os.getpgid(pid) != group:
                return os.getsid(pid) == session
        except OSError:
            return False
        pid = _command.parent(pid)
    return False


def raw(modes: list[Any]) -> list[Any]:
    """The modes of a terminal that hands on every key and every byte as it is."""
    found = _unbuffered(modes)
    found[_IFLAG] &= ~(
        termios.IGNBRK
        | termios.BRKINT
        | termios.PARMRK
        | termios.ISTRIP
        | termios.INLCR
        | termios.IGNCR
        | termios.ICRNL
        | termios.IXON
        | termios.IXOFF
    )
    found[_OFLAG] &= ~termios.OPOST
    found[_LFLAG] &= ~(termios.ECHO | termios.ECHONL | termios.ISIG | termios.IEXTEN)
    return found


def _unbuffered(modes: list[Any]) -> list[Any]:
    """Keys are read without waiting for a line's end; they are echoed, and signals, as before."""
    found = [*modes[:_CC], list(modes[_CC])]
    found[_LFLAG] &= ~termios.ICANON
    found[_CC][termios.VMIN] = 1  # 0 would be the end of input to a shell that reads on after our death
    found[_CC][termios.VTIME] = 0
    return found


def read_typed(fd: int) -> bytes:
    """What has been typed on a raw terminal; waits for nothing."""
    waiting = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, waiting)
    return os.read(fd, waiting[0]) if waiting[0] > 0 else b""


def cooked(modes: list[Any]) -> list[Any]:
    """What `raw` was made of, as far as can be known: what a shell's commands find."""
    found = [*modes[:_CC], list(modes[_CC])]
    found[_IFLAG] |= termios.ICRNL | termios.IXON
    found[_OFLAG] |= termios.OPOST
    found[_LFLAG] |= termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN
    return found


class Pty:
    """Both ends, from before the front forks the keeper; each process closes what is not its own."""

    def __init__(self) -> None:
        self._job = os.getpgrp()
        self._claimed = -1  # the user's terminal, with a lock on the byte of that number
        self.modes = termios.tcgetattr(0)
        if not self.claim():
            self.modes = cooked(self.modes)
        self.keeper_leads = has_job_control()
        self.hangs_up = True  #: while the front lives, the loss of the user's terminal is the loss of the command's
        self.master, self.slave = os.openpty()
        termios.tcsetattr(self.slave, termios.TCSANOW, self.modes)
        self.copy_size()
        os.set_blocking(self.master, False)

    def claim(self) -> bool:
        """
        May we set the user's terminal's modes, and read its keys? One front of a job at a time may, until its end: two that a launcher has
        started side by side would take each other's modes for the user's.
        """
        try:
            if self._claimed < 0:
                self._claimed = os.open(os.ttyname(0), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            return _locks.lock(self._claimed, self._job)
        except OSError:  # another user's, or another mount namespace's: nobody can be asked
            return True

    def give_up_claim(self) -> None:
        """In the keeper: the claim is the front's, and ends with it."""
        if self._claimed >= 0:
            os.close(self._claimed)
            self._claimed = -1

    def learn_modes(self) -> None:
        """After the claim was another's: what the user's terminal really had, unless that other was killed and could not say."""
        modes = termios.tcgetattr(0)
        if modes == raw(modes):
            return
        if termios.tcgetattr(self.slave) == self.modes:
            termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        self.modes = modes

    def copy_size(self) -> None:
        """The window is as large as the user's; its foreground group hears of a change by SIGWINCH."""
        try:
            size = fcntl.ioctl(0, termios.TIOCGWINSZ, _SIZE)
            if size != fcntl.ioctl(self.master, termios.TIOCGWINSZ, _SIZE):
                fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)
        except OSError:  # the terminal is gone
            return

    def take_terminal(self) -> None:
        """
        The user's terminal becomes raw. It has echoed what was typed until now (while we were starting): that is handed on without being
        echoed again.
        """
        termios.tcsetattr(0, termios.TCSANOW, _unbuffered(self.modes))
        typed = read_typed(0)
        termios.tcsetattr(0, termios.TCSANOW, raw(self.modes))
        if not typed:
            return
        modes = termios.tcgetattr(self.slave)
        quiet = list(modes)
        quiet[_LFLAG] &= ~(termios.ECHO | termios.ECHONL)
        termios.tcsetattr(self.slave, termios.TCSANOW, quiet)
        os.write(self.master, typed)
        poller = select.poll()
        poller.register(self.slave, select.POLLIN)
        poller.poll(0)  # the kernel carries the keys over before it answers
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)

    def give_terminal(self, typed: bytes = b"") -> None:
        """
        The user's terminal gets the modes that the command has left in its own: as it would be without us. `typed` is for who reads next
        (where the kernel lets us: TIOCSTI).
        """
        try:
            modes = termios.tcgetattr(self.master)
        except termios.error:
            modes = self.modes
        try:
            for index in range(len(typed)):
                fcntl.ioctl(0, termios.TIOCSTI, typed[index : index + 1])
        except OSError:
            pass
        try:
            termios.tcsetattr(0, termios.TCSANOW, modes)
        except termios.error:  # it is gone
            return

    # The keeper's.

    def lead(self) -> None:
        """The keeper becomes the leader of a session whose terminal this is."""
        self.give_up_claim()
        if self.keeper_leads:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def join(self) -> None:
        """In the command's process, with every signal blocked: a group of its own, in the foreground."""
        if self.keeper_leads:
            os.setpgid(0, 0)
            os.tcsetpgrp(self.slave, os.getpid())
        else:
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

    def set_foreground(self, group: int) -> None:
        """Who may read keys: the command's group, or (the keeper's) nobody. What reads all the same is stopped, as a background job is."""
        if self.keeper_leads:
            try:
                os.tcsetpgrp(self.master, group)
            except OSError:  # the group is gone, or the terminal
                return

    def unread(self) -> bytes:
        """What was typed and the command has not read: for the shell that reads next."""
        try:
            modes = termios.tcgetattr(self.slave)
            termios.tcsetattr(self.slave, termios.TCSANOW, raw(modes))
            typed = read_typed(self.slave)
            termios.tcsetattr(self.slave, termios.TCSANOW, modes)
        except (OSError, termios.error):  # it has hung up
            return b""
        return typed

    def front_was_killed(self) -> None:
        """Gives the user's terminal its modes back, unless a shell has done so by now. Its loss then is no longer the command's."""
        self.hangs_up = False
        try:
            if self.claim() and termios.tcgetattr(0) == raw(self.modes):
                termios.tcsetattr(0, termios.TCSANOW, self.modes)
        except termios.error:
            return
        finally:
            self.give_up_claim()


class Pump(_pump.Pump):
    """The pty's output: shown on the user's terminal, which is one stream for 1 and 2."""

    def __init__(self, writer: Writer, pty: Pty, warn: Callable[[str], None]) -> None:
        super().__init__(writer, (0, 1, 2), warn, ends=(pty.master, pty.slave))
        self.number = 1
        self._pty = pty
        self._poller.register(self.number, 0)

    def started(self) -> None:
        """Our end stays open: a command that closes all of its own may open /dev/tty again."""

    def command_ended(self) -> None:
        """From now on the pty ends with the last who holds it."""
        os.close(self.sink)
        super().command_ended()

    def _waiting_bytes(self) -> int:
        poller = select.poll()
        poller.register(self.source, select.POLLIN)
        ready = poller.poll(0)  # this, unlike FIONREAD, sees what the kernel is still carrying
        return _IN_FLIGHT if ready and ready[0][1] & select.POLLIN else 0

    def _drain(self) -> None:
        left = self._waiting_bytes()
        while left > 0 and self.source >= 0 and self._waiting_bytes():
            left -= self._move(left)
        self._flush_tail()

    def _read(self, limit: int) -> bytes:
        """The pty gives at most a page at once: as many as are there make one record."""
        found = b""
        while len(found) < limit:
            try:
                more = os.read(self.source, limit - len(found))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno == errno.EIO and not found:  # nobody holds it any more
                    self._close()
                break
            if not more:
                break
            found += more
        return found

    def _move(self, limit: int) -> int:
        data = self._read(min(limit, _pump.READ_BYTES))
        if data:
            self._keep(data)
            if self._echoes:
                self._echo(self._for_terminal(data))
        return len(data)

    def _for_terminal(self, data: bytes) -> bytes:
        """Where the user's terminal is not raw (another job has it), it makes its own carriage returns."""
        try:
            modes = termios.tcgetattr(self.number)[_OFLAG]
        except termios.error:
            return data
        cooked = modes & termios.OPOST and modes & termios.ONLCR
        return data.replace(b"\r\n", b"\n") if cooked else data

    def _cannot_echo(self, error: OSError) -> None:
        del error
        self._reader_gone()

    def _reader_gone(self) -> None:
        """The user's terminal is gone. So is the command's: reads end, writes fail, as they would. Without a front it goes on, kept."""
        self._echoes = False
        self._poller.unregister(self.number)
        if self._pty.hangs_up:
            time.sleep(_HANGUP_S)
            self._drain()
            self._close()
