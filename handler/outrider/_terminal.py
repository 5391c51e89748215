"""
The front's work where the command has a terminal of its own (`_pty.py`): the user's keys, window size, stopping and continuing.

Here: the user's terminal, which is raw while we are in its foreground and is left as the command left its own. Never here: output (the
keeper writes it to the user's terminal itself, so that it needs no front), the spool, exit codes.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import termios
from _thread import get_ident, start_new_thread

from outrider import _forward, _pty

_EVENT = struct.Struct("=iii")
_LOOK_MS = 100  #: how often a background job looks whether it has come to the foreground; not every shell tells
_TERMINAL_STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)


class Terminal:
    """From the keeper's start to the command's end."""

    def __init__(self, pty: _pty.Pty, keeper: int, report: int, control: int) -> None:
        self._pty = pty
        self._keeper = keeper
        self._report = report
        self._control = control
        self._events, self._events_write = os.pipe()
        self._main = get_ident()
        self._is_owner = self._is_raw = pty.claim()  # of the user's terminal, until our end
        self._foreground = True  # as the keeper knows it
        self._keys = b""  # not yet taken by the pty
        self._unread = b""  # nor ever, by the command
        self._said = b""
        self._command = 0
        self._gone = False  # the user's terminal

    def run(self) -> str:
        """Returns the keeper's last word, `exit N` or `signal N`; empty when it was killed."""
        start_new_thread(self._watch_signals, ())
        try:
            self._look()
            while True:
                end = self._step()
                if end is not None:
                    return end
        finally:
            self._calm(self._unread + self._keys)

    def _watch_signals(self) -> None:
        while True:
            try:
                found = signal.sigwaitinfo(signal.valid_signals())
            except InterruptedError:
                continue
            os.write(self._events_write, _EVENT.pack(found.si_signo, found.si_pid, found.si_code))

    def _step(self) -> str | None:
        poller = select.poll()
        poller.register(self._report, select.POLLIN)
        poller.register(self._events, select.POLLIN)
        if not self._gone:
            # Until the command has its terminal a Ctrl-C written there would be nobody's: keys wait in the user's.
            poller.register(0, select.POLLIN if self._is_raw and self._command and not self._keys else 0)
            if self._keys:
                poller.register(self._pty.master, select.POLLOUT)
        ready = dict(poller.poll(None if self._is_raw or self._gone else _LOOK_MS))
        if self._report in ready:
            return self._listen()
        if self._events in ready:
            self._signal(*_EVENT.unpack(os.read(self._events, _EVENT.size)))
        elif ready.get(0, 0) & (select.POLLHUP | select.POLLERR):
            self._hang_up()
        elif 0 in ready:
            self._read_keys()
        elif self._pty.master in ready:
            self._send_keys()
        elif not ready:
            self._look()
        return None

    # What the keeper says: `start PID`, `stop SIGNAL`, and at last how the command ended.

    def _listen(self) -> str | None:
        data = os.read(self._report, 256)
        self._said += data
        *whole, self._said = self._said.split(b"\n")
        for line in whole:
            what, _, number = line.decode("ascii").partition(" ")
            if what == "start":
                self._command = int(number)
            elif what == "stop":
                self._stop(int(number))
            elif what == "unread":
                self._unread = bytes.fromhex(number)
            else:
                return f"{what} {number}"
        return None if data else ""

    def _tell(self, number: int, sender: int) -> None:
        try:
            os.write(self._control, _forward.MESSAGE.pack(number, sender))
        except OSError:  # the keeper was killed: the end is near
            return

    # Signals.

    def _signal(self, number: int, sender: int, code: int) -> None:
        sent = code <= 0
        if number == signal.SIGCHLD or (sent and sender == os.getpid()):
            return
        if number == signal.SIGCONT:
            self._look()
            if sender != self._keeper:
                self._tell(number, _forward.FROM_KERNEL)
        elif number == signal.SIGWINCH and not sent:
            self._pty.copy_size()
        elif sent or number not in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
            self._tell(number, sender if sent else _forward.FROM_KERNEL)

    def _stop(self, number: int) -> None:
        """As the command was stopped, so that the shell sees it. Returns when somebody continues us."""
        if not self._foreground and number != signal.SIGSTOP and self._has_terminal():
            self._look()  # it came to the foreground a moment ago, and should have been let read
            self._tell(signal.SIGCONT, _forward.FROM_KERNEL)
            return
        self._calm()
        if number in _TERMINAL_STOPS:
            os.killpg(0, number)  # the terminal would have stopped the whole job; our own is blocked
        if number not in _TERMINAL_STOPS or signal.getsignal(number) != signal.SIG_DFL:
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            signal.pthread_kill(self._main, number)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
            signal.pthread_sigmask(signal.SIG_BLOCK, {number})
            if not _pty.has_job_control():  # then the kernel has not stopped us; nor should the command be
                self._tell(signal.SIGCONT, _forward.FROM_KERNEL)
        self._look()

    # The user's terminal.

    def _look(self) -> None:
        """Whose terminal is it now? In the foreground it is ours and raw; in the background not ours to touch."""
        if self._gone:
            return
        foreground = self._has_terminal()
        if foreground and not self._is_raw and self._pty.claim():
            self._is_raw = True
            try:
                if not self._is_owner:
                    self._is_owner = True
                    self._pty.learn_modes()
                self._pty.take_terminal()
            except (OSError, termios.error):  # it was taken from us in this moment
                self._is_raw = foreground = False
        elif not foreground:
            self._is_raw = False
        self._pty.copy_size()
        if foreground != self._foreground:
            self._foreground = foreground
            self._tell(_forward.FOREGROUND, int(foreground))

    def _has_terminal(self) -> bool:
        try:
            return os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            return False

    def _calm(self, typed: bytes = b"") -> None:
        """Gives the terminal back, where it is ours to give."""
        if self._is_raw and self._has_terminal():
            self._pty.give_terminal(typed)
        self._is_raw = False

    def _hang_up(self) -> None:
        self._gone = True
        self._is_raw = False
        os.close(self._pty.slave)
        os.close(self._pty.master)

    # Keys.

    def _read_keys(self) -> None:
        if not self._has_terminal():
            self._look()
            return
        try:
            self._keys = _pty.read_typed(0)
        except OSError:
            self._look()
            return
        if self._keys:
            self._signal_job(self._keys)
            self._send_keys()

    def _send_keys(self) -> None:
        try:
            self._keys = self._keys[os.write(self._pty.master, self._keys) :]
        except BlockingIOError:
            return
        except OSError:  # nobody is there to read them
            self._keys = b""

    def _signal_job(self, keys: bytes) -> None:
        """
        Ctrl-C is for the whole job: the command has it from its own terminal, a script around us from here. (Else a loop of a shell script
        would go on with its next command.)
        """
        try:
            if os.tcgetpgrp(self._pty.master) != self._command:
                return
            modes = termios.tcgetattr(self._pty.master)
        except (OSError, termios.error):
            return
        if modes[3] & termios.ISIG:
            for name, number in ((termios.VINTR, signal.SIGINT), (termios.VQUIT, signal.SIGQUIT)):
                key = modes[6][name]
                if key != b"\0" and key in keys:
                    os.killpg(0, number)
