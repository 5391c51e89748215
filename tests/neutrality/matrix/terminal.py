"""
How a cell's script is connected: pipes, or a terminal of its own. Readers are threads: nothing blocks the script but who is meant to.

A terminal is a pty whose other end is driven here, as a person would: the script (or the front) leads a session on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

ROWS, COLUMNS = 33, 101
# In the child: the pty's end becomes its controlling terminal, then the command takes its place.
SEIZE = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"


class Lines(Protocol):
    """What a run is connected to."""

    out: bytearray
    err: bytearray

    def start(self, command: list[str], environ: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
        """Starts it, a job of its own."""
        ...

    def type(self, data: bytes) -> None:
        """As on a keyboard."""
        ...

    def close_reader(self) -> None:
        """Stdout's reader goes away."""
        ...

    def finish(self, timeout: float) -> None:
        """Returns when nobody writes any more."""
        ...

    def close(self) -> None:
        """Lets go of everything."""
        ...


class Pipes:
    """Stdin from memory, stdout and stderr each by a pipe."""

    def __init__(self, stdin: bytes) -> None:
        self.out, self.err = bytearray(), bytearray()
        self._stdin = stdin
        self._process: subprocess.Popen[bytes] | None = None
        self._threads: list[threading.Thread] = []
        self._wake_read, self._wake_write = os.pipe()
        self._closed = False

    def start(self, command: list[str], environ: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
        process = self._process = subprocess.Popen(
            command, env=environ, cwd=folder, stdin=-1, stdout=-1, stderr=-1, bufsize=0, process_group=0
        )
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, self.out), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self.err), daemon=True),
            threading.Thread(target=self._write, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return process

    def _read(self, pipe, into: bytearray) -> None:
        """A read that waits would keep the pipe open: so it is only read when there is something, and closed here."""
        poller = select.poll()
        poller.register(pipe.fileno(), select.POLLIN)
        if into is self.out:
            poller.register(self._wake_read, select.POLLIN)
        while (ready := dict(poller.poll())) and self._wake_read not in ready and (data := os.read(pipe.fileno(), 1 << 16)):
            into += data
        pipe.close()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            rest = memoryview(self._stdin)
            while rest:
                rest = rest[self._process.stdin.write(rest) :]
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def type(self, data: bytes) -> None:
        raise AssertionError("there is no keyboard on a pipe")

    def close_reader(self) -> None:
        self._closed = True
        os.write(self._wake_write, b"!")
        self._threads[0].join()

    def finish(self, timeout: float) -> None:
        for thread in self._threads[:2]:
            thread.join(timeout)
            if thread.is_alive():
                raise AssertionError(f"a pipe of the script is still held after {timeout} s")
        if self._closed:
            self.out.clear()  # what came before the reader went is the clock's

    def close(self) -> None:
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)


class Terminal:
    """All three are one terminal of 33 x 101; what it shows is `out`."""

    def __init__(self) -> None:
        self.out, self.err = bytearray(), bytearray()
        self._ours, self._theirs = pty.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self, command: list[str], environ: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
        seized = [sys.executable, "-S", "-E", "-c", SEIZE, *command]
        process = subprocess.Popen(
            seized, env=environ, cwd=folder, stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, start_new_session=True
        )
        os.close(self._theirs)
        self._thread.start()
        return process

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._ours, 1 << 16):
                self.out += data

    def type(self, data: bytes) -> None:
        os.write(self._ours, data)

    def close_reader(self) -> None:
        raise AssertionError("a terminal has no reader that goes")

    def finish(self, timeout: float) -> None:
        self._thread.join(timeout)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._ours)
