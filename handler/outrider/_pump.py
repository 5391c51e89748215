"""
What the command prints: from its pipes into the spool, and on to where it would have gone.

Here: which descriptors are captured, reading, echoing, the console's chunks. Never here: the command's process, the run's end, signals.
Every byte is kept in the spool before it is echoed. Echoing blocks, as the command itself would.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import stat
import sys
import time
from _thread import allocate_lock

from outrider._encode import quote, quote_plain

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Callable, Collection, Iterable

    from outrider.spool import Writer

READ_BYTES = 1 << 16  #: larger pieces cost more: their memory is new each time
_PIPE_BYTES = 1 << 18
_F_SETPIPE_SZ = 1031  # Linux; Python 3.8 does not name it
_TAIL_WAIT_MS = 500  #: how long the first bytes of a character wait for the rest
_LAST_WORDS_S = 0.05  #: stderr is kept so long for what another pump may have to say there
_BLOATED = 4  #: JSON text of control characters is six times their size, base64 a third more
_SMALL_BYTES = 1 << 14
_QUICK_S, _MANY = 0.001, 32  #: so many small pieces in such succession are line by line
_GATHER_S = 0.001  #: what comes within it is one piece then
_NOT_AGAIN = 64, 4096  #: for so many pieces, after that has gathered nothing: at first, and when it never does
_INT = b"\0" * 4
_O_NOATIME = getattr(os, "O_NOATIME", 0)


def captured(closed: Collection[int]) -> list[tuple[int, ...]]:
    """
    Which of the descriptors 1 and 2 get pipes: not terminals (isatty would change) nor what cannot be written. Where both are one open
    file they share a pipe, so that their interleaving stays.
    """
    found = [fd for fd in (1, 2) if fd not in closed and not os.isatty(fd) and _writable(fd)]
    return [(1, 2)] if found == [1, 2] and same_file() else [(fd,) for fd in found]


def _writable(fd: int) -> bool:
    return fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


def same_file() -> bool:
    """Are 1 and 2 one file, so that what is written to either lands behind what was written to the other?"""
    one, two = os.fstat(1), os.fstat(2)
    if (one.st_dev, one.st_ino, one.st_rdev) != (two.st_dev, two.st_ino, two.st_rdev):
        return False
    if not stat.S_ISREG(one.st_mode):
        return True
    flags = fcntl.fcntl(1, fcntl.F_GETFL), fcntl.fcntl(2, fcntl.F_GETFL)
    if flags[0] & flags[1] & os.O_APPEND:
        return True
    return flags[0] == flags[1] and _same_description(flags[0])


def _same_description(flags: int) -> bool:
    """`> log 2>&1` shares one position, `> log 2> log` does not. A flag set through one descriptor shows on the other where they share."""
    try:
        fcntl.fcntl(1, fcntl.F_SETFL, flags ^ _O_NOATIME)  # of no meaning to a writer
    except OSError:  # another user's file; two positions in one file are a mistake that few make
        return True
    try:
        return fcntl.fcntl(2, fcntl.F_GETFL) != flags or not _O_NOATIME
    finally:
        fcntl.fcntl(1, fcntl.F_SETFL, flags)


def chunk(number: int, offset: int, data: bytes, final: bool = False) -> tuple[bytes, bytes]:
    """
    One `c` line for `data`, and the bytes that it leaves for the next one: the beginning of a character that is not complete yet (none
    when `final`). An empty line when nothing is complete.
    """
    plain = quote_plain(data)
    if plain:
        return (_line(number, offset, b"d", plain) if data else b""), b""
    tail = b""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not final and error.reason == "unexpected end of data" and len(data) - error.start < 4:
            data, tail = data[: error.start], data[error.start :]
            text = data.decode("utf-8")
        else:
            return _line(number, offset, b"b", _base64(data)), b""
    if not data:
        return b"", tail
    escaped = quote(text).encode("ascii")
    if len(escaped) > _BLOATED * len(data) + 64:  # binary in all but name
        return _line(number, offset, b"b", _base64(data)), tail
    return _line(number, offset, b"d", escaped), tail


def _base64(data: bytes) -> bytes:
    import binascii

    return b'"%b"' % binascii.b2a_base64(data, newline=False)


def _line(number: int, offset: int, field: bytes, value: bytes) -> bytes:
    return b'\n{"k":"c","t":%d,"f":%d,"o":%d,"%b":%b}\n' % (time.time_ns(), number, offset, field, value)


def _wide_pipe() -> tuple[int, int]:
    """Wider than usual, where the kernel lets us: a command that prints much waits less often."""
    source, sink = os.pipe()
    try:
        fcntl.fcntl(sink, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:  # over the user's limit: the usual 64 KiB do
        return source, sink
    return source, sink


class Pump:
    """
    One pipe of the command. `run()` moves its bytes until the pipe's end, in a thread of its own: a reader of stdout that has stopped
    must not hold up stderr. After `command_ended()` (from another thread) what the command had written by then is moved first, and
    `drained` opens; then the pump goes on for whoever else holds the pipe.
    """

    def __init__(self, writer: Writer, targets: tuple[int, ...], warn: Callable[[str], None], ends: tuple[int, int] | None = None) -> None:
        self.targets = targets
        self.number = targets[0]
        self.source, self.sink = ends or _wide_pipe()
        self.drained = Gate()
        self.ended = Gate()
        self._writer = writer
        self._warn = warn
        self._wake_read, self._wake_write = os.pipe()
        self._waiting: list[Gate] = []  # one for each byte in that pipe
        self._offset = 0
        self._tail = b""
        self._echoes = True
        self._others: list[Pump] = []
        self._moved = 0.0  # when the last piece was
        self._quick = 0  # small pieces in quick succession, up to it
        self._piece = 0  # how large they are when nothing gathers them
        self._not_again = _NOT_AGAIN[0]
        self._poller = select.poll()
        self._poller.register(self.source, select.POLLIN)
        self._poller.register(self._wake_read, select.POLLIN)
        if stat.S_ISFIFO(os.fstat(self.number).st_mode):
            self._poller.register(self.number, 0)  # a pipe tells by POLLERR, at once, that its reader is gone

    def started(self) -> None:
        """The command has its end of the pipe: ours goes."""
        os.close(self.sink)

    def command_ended(self) -> None:
        """Tells the pump, from any thread, that the command has written its last."""
        self._wake(self.drained)

    def settle(self, timeout: float) -> None:
        """Returns when what has been written until now is moved, or after `timeout` seconds. From any other thread."""
        settled = Gate()
        self._wake(settled)
        settled.wait(timeout)

    def _wake(self, moved: Gate) -> None:
        self._waiting.append(moved)
        os.write(self._wake_write, b"!")

    def run(self) -> None:
        """Returns at the pipe's end."""
        try:
            while self.source >= 0:
                ready = dict(self._poller.poll(_TAIL_WAIT_MS if self._tail else None))
                if not ready:
                    self._flush_tail()
                elif ready.get(self.number, 0) & select.POLLERR:
                    self._reader_gone()
                elif self._wake_read in ready:
                    os.read(self._wake_read, 1)
                    self._drain()
                    self._waiting.pop(0).open()
                else:
                    self._gather(self._move(READ_BYTES))
        finally:
            self.drained.open()
            self.ended.open()

    def _drain(self) -> None:
        """What is in the pipe now; what others write later waits its turn."""
        left = self._waiting_bytes()
        while left > 0 and self.source >= 0:
            left -= self._move(left)
        self._flush_tail()

    def _gather(self, size: int) -> None:
        """
        Thousands of lines a second, each written by itself, would each be a wake-up, a record and a write of ours: when many came, the next
        ones are given a moment. Where none came in it, somebody waits for each line before there can be another, and must not be held up.
        """
        now = time.monotonic()
        self._quick = self._quick + 1 if size <= _SMALL_BYTES and now - self._moved < _QUICK_S else min(self._quick, 0)
        if self._quick == _MANY:
            self._piece = size
        if self._quick >= _MANY and self.source >= 0:
            time.sleep(_GATHER_S)
            now = time.monotonic()
            if queued(self.source) >= 2 * self._piece:
                self._not_again = _NOT_AGAIN[0]
            else:
                self._quick = -self._not_again
                self._not_again = min(2 * self._not_again, _NOT_AGAIN[1])
        self._moved = now

    def _waiting_bytes(self) -> int:
        return queued(self.source)

    def _move(self, limit: int) -> int:
        data = os.read(self.source, min(limit, READ_BYTES))
        if data:
            self._keep(data)
            if self._echoes:
                self._echo(data)
        else:
            self._close()
        return len(data)

    def _keep(self, data: bytes, final: bool = False) -> None:
        whole = self._tail + data if self._tail else data
        line, self._tail = chunk(self.number, self._offset, whole, final)
        self._offset += len(whole) - len(self._tail)
        if line:
            self._writer.append(line)

    def _flush_tail(self) -> None:
        if self._tail:
            self._keep(b"", final=True)

    def _echo(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self.number, rest) :]
            except BlockingIOError:  # noqa: PERF203 -- somebody made the user's descriptor non-blocking
                poller = select.poll()
                poller.register(self.number, select.POLLOUT)
                poller.poll()
            except OSError as error:
                self._cannot_echo(error)
                return

    def _cannot_echo(self, error: OSError) -> None:
        if error.errno == errno.EPIPE:
            self._close()  # the command's next write ends as it would have: by SIGPIPE, or with EPIPE
            return
        self._echoes = False
        name = "stdout" if self.number == 1 else "stderr"
        message = f"cannot write to {name}: {error.strerror}. The command goes on; all it prints is kept in the run's console."
        self._warn(message)
        self._writer.append(f'\n{{"k":"note","t":{time.time_ns()},"lv":30,"msg":{quote(message)}}}\n'.encode("ascii"))

    def _reader_gone(self) -> None:
        """Whoever read our stdout has closed it: so do we, after keeping what is there."""
        left = min(self._waiting_bytes(), READ_BYTES)
        if left:
            self._keep(os.read(self.source, left))
        self._close()

    def _close(self) -> None:
        self._flush_tail()
        os.close(self.source)
        self.source = -1
        if self._others:  # stderr: what another pump may have to say there is said first, unless the command only closed it
            deadline = time.monotonic() + _LAST_WORDS_S
            for other in self._others:
                other.drained.wait(max(0.0, deadline - time.monotonic()))
        release(self.targets)

    def closes_after(self, others: Iterable[Pump]) -> None:
        """Lets go of the user's descriptors when these pumps have moved what the command wrote, or a moment after its own end."""
        self._others = [other for other in others if other is not self]


def release(targets: Iterable[int]) -> None:
    """Lets go of descriptors that others may be waiting for; their numbers stay taken."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for target in targets:
        os.dup2(null, target, inheritable=False)
    os.close(null)


def queued(fd: int) -> int:
    """How many bytes wait there to be read."""
    import termios  # after the command's start: it has not waited for that

    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, _INT), sys.byteorder)


class Gate:
    """Closed until its one owner opens it, for good. (threading.Event is a heavy import.)"""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self._is_open = False

    def open(self) -> None:
        """Lets everybody through; may be called again."""
        if not self._is_open:
            self._is_open = True
            self._lock.release()

    def wait(self, timeout: float = -1) -> bool:
        """True when it is open; False after `timeout` seconds."""
        if not self._lock.acquire(timeout=timeout):
            return False
        self._lock.release()
        return True
