"""
The keeper: the command's parent. It writes the run's `run` and `end`, reads the command's pipes or pty, cancels it when asked.

Here: the life of one command. Never here: the user's terminal and exit code (`_front.py`), how bytes move (`_pump.py`). Nothing but
SIGKILL ends it before the command's pipes have: every signal is blocked, and read only to learn whether a signal that reached the front
was sent to the whole process group (then the command has it already).
"""

from __future__ import annotations

import os
import select
import signal
import time
from _thread import allocate_lock, start_new_thread

from outrider import _command, _forward, _launch, _memory, _pump, _verdict, record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import AbstractSet, Any, Collection, NoReturn

    from outrider import _pty

CANCEL = "cancel"  #: in the run's folder: somebody asked for its end

_EXITED, _KILLED, _DUMPED, _STOPPED = 1, 2, 3, 5  # si_code of SIGCHLD; Python 3.8 does not name them all
_LOOK_S = 0.5  #: how often the cancel file is looked for
_STUCK_S = 0.05  #: a killed command's death is not held back longer by a reader that does not read
_GRACE_S = 10  #: from SIGTERM to SIGKILL, where OUTRIDER_CANCEL_GRACE_S does not say


class Front:
    """The keeper's side of its two pipes to the front, which may be gone at any time."""

    def __init__(self, pid: int, report: int, control: int, pty: _pty.Pty | None) -> None:
        self.pid = pid
        self.report = report
        self.control = control
        self.pty = pty

    def tell(self, what: str) -> None:
        """How the command ended: `exit 3`, `signal 15`. Where it has a pty, before that: `start PID`, `stop 20`, `unread 6c730a`."""
        try:
            os.write(self.report, what.encode("ascii") + b"\n")
        except OSError:  # the front was killed
            return

    def signal(self, number: int) -> None:
        """Stops or continues it with the command, so that the shell sees what the command does."""
        if os.getppid() == self.pid:
            _command.send(self.pid, number)


class Keeper:
    """One command, from the `run` line to the last byte of its pipes."""

    def __init__(self, launch: _launch.Launch, front: Front, mask: AbstractSet[int]) -> None:
        self._launch = launch
        self._front = front
        self._mask = mask
        self._folder = os.path.join(launch.home, "spool", launch.run)
        self._writer = spool.Writer(launch.home, launch.run, "keeper", owner=True, experiment=launch.experiment, attempt=launch.attempt)
        self._pumps: list[_pump.Pump] = []
        self._pid = 0
        self._gone = False  # reaped: its pid may be somebody else's
        self._lock = allocate_lock()  # between "is it gone" and a signal
        self._cancel: Cancel | None = None
        self._told = _pump.Gate()
        self._memory: dict[str, Any] | None = None
        self._forwarder = _forward.Forwarder(front.pty)

    def run(self, closed: Collection[int], inherited: list[int]) -> None:
        """Returns when nothing is left to keep. `inherited` are the user's descriptors: the command's, not ours."""
        environ = self._launch.environment(os.getpid())
        exe = _command.find(self._launch.command[0], environ, self._launch.cwd)
        self._memory = _memory.mark()
        self._append({**self._launch.run_record(exe), "oom": self._memory} if self._memory else self._launch.run_record(exe))
        try:
            self._launch.begin(self._writer)
        except OSError as error:
            self._could_not_start(error)
            return
        if self._was_canceled_before():
            return
        environ = self._launch.environment(os.getpid())
        pty = self._front.pty
        self._pumps = make_pumps(self._writer, pty, closed, verbose=self._launch.verbose)
        fds = {target: pump.sink for pump in self._pumps for target in pump.targets}
        cwd, join = self._launch.cwd if self._launch.moves else None, pty.join if pty else self._launch.join
        restore = _command.Restore(self._front.pid, self._mask, cwd, fds, join)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored the kernel keeps no exit codes
        try:
            self._pid = _command.start(self._launch.command, environ, restore)
        except OSError as error:
            self._could_not_start(error)
            return
        self._let_go(inherited)
        self._launch.started(self._writer)
        if pty is not None:
            self._front.tell(f"start {self._pid}")
        start_new_thread(self._watch_command, ())
        start_new_thread(self._watch_front, ())
        for pump in self._pumps[1:]:
            start_new_thread(pump.run, ())
        if self._pumps:
            self._pumps[0].run()
        self._told.wait()
        for pump in self._pumps:
            pump.ended.wait()
        if self._cancel is not None:
            self._cancel.ended.wait()
        self._writer.close()

    def _append(self, found: dict[str, Any]) -> None:
        """A `run` or an `end`."""
        line = {"k": found["k"], "t": time.time_ns(), **found}
        self._writer.append_vital(spool.line(line), line if found["k"] == record.END else None)

    def _let_go(self, inherited: list[int]) -> None:
        """What the command holds, only the command holds: others wait for its end of a pipe, or for its folder."""
        for pump in self._pumps:
            pump.started()
        for fd in inherited:
            os.close(fd)
        if self._front.pty is None:
            _pump.release([0])
        os.chdir("/")

    def _could_not_start(self, error: OSError) -> None:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        code = 127 if missing else 126
        why = "command not found" if missing and "/" not in self._launch.command[0] else error.strerror
        message = f"{self._launch.command[0]}: {why}"
        _launch.complain(message)
        self._launch.finish(self._writer)
        self._append(
            {
                "k": record.END,
                "status": record.FAILED,
                "reason": "could-not-start",
                "code": code,
                "err": {"type": type(error).__name__, "message": message, "traceback": ""},
            }
        )
        self._writer.close()
        self._front.tell(f"exit {code}")

    # The command's end: a thread of its own, for the pumps may be held up by a reader that does not read.

    def _watch_command(self) -> None:
        code, number = self._wait_for_end()
        if self._front.pty is not None:
            self._front.pty.set_foreground(os.getpgrp())  # from here on what is left is background; and our own end must hang up on nobody
            self._front.tell(f"unread {self._front.pty.unread().hex()}")
        for pump in self._pumps:
            pump.command_ended()
        deadline = time.monotonic() + _STUCK_S
        for pump in self._pumps:
            pump.drained.wait(max(0.0, deadline - time.monotonic()) if number else -1)
        self._launch.finish(self._writer)
        raised, killed = _verdict.left_behind(self._folder, self._pid), _memory.since(self._memory)
        self._append(_verdict.end_of(code, number, self._cancel.by if self._cancel else None, raised, killed))
        self._front.tell(f"signal {number}" if number else f"exit {code}")
        if self._front.pty is not None:
            self._front.pty.hangs_up = False
        self._forwarder.end()
        self._told.open()

    def _wait_for_end(self) -> tuple[int, int]:
        """(exit code, 0) or (0, signal). Stops and continues the front with the command."""
        while True:
            found = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WSTOPPED | os.WCONTINUED | os.WNOWAIT)
            assert found is not None  # noqa: S101
            if found.si_code in (_EXITED, _KILLED, _DUMPED):
                with self._lock:
                    os.waitpid(self._pid, 0)
                    self._gone = True
                return (found.si_status, 0) if found.si_code == _EXITED else (0, found.si_status)
            try:
                os.waitid(os.P_PID, self._pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG)
            except ChildProcessError:  # it has ended since
                continue
            if found.si_code != _STOPPED:
                self._front.signal(signal.SIGCONT)
            elif self._front.pty is None:
                self._front.signal(signal.SIGSTOP)
            else:
                self._pumps[0].settle(_STUCK_S)  # what it printed before stands before what the shell says then
                self._front.tell(f"stop {found.si_status}")

    # The front's signals, and the cancel file.

    def _watch_front(self) -> None:
        poller = select.poll()
        poller.register(self._front.control, select.POLLIN)
        path = os.path.join(self._folder, CANCEL)
        while not self._gone or self._cancel is not None:
            if poller.poll(_LOOK_S * 1000):
                data = os.read(self._front.control, _forward.MESSAGE.size)
                if len(data) == _forward.MESSAGE.size:
                    self._forward(*_forward.MESSAGE.unpack(data))
                else:
                    poller.unregister(self._front.control)
                    self._front_was_killed()
            if self._cancel is None:
                by = _verdict.asked_by(path) if os.path.exists(path) else self._launch.asks_to_end()
                if by is not None:
                    self._begin_cancel(by)
            if self._cancel is not None and self._cancel.step(self._pid, self._gone):
                return

    def _front_was_killed(self) -> None:
        """It ends before the command only by that. From now on nobody passes on keys, or the loss of the terminal."""
        pty = self._front.pty
        if pty is not None and not self._gone:
            pty.front_was_killed()

    def _forward(self, number: int, sender: int) -> None:
        if number == _forward.FOREGROUND:
            if self._front.pty is not None:
                self._front.pty.set_foreground(self._pid if sender else os.getpgrp())
            return
        send = self._forwarder.way(number, sender)
        with self._lock:
            if send is not None and not self._gone:
                send(self._pid, number)

    def _begin_cancel(self, by: str) -> None:
        with self._lock:
            if not self._gone:
                self._cancel = Cancel(by)

    def _was_canceled_before(self) -> bool:
        """Before its command was started; then it is not."""
        path = os.path.join(self._folder, CANCEL)
        if not os.path.exists(path):
            return False
        self._launch.finish(self._writer)
        self._append({"k": record.END, "status": record.CANCELED, "reason": "canceled", "by": _verdict.asked_by(path)})
        self._writer.close()
        self._front.tell(f"exit {128 + signal.SIGTERM}")
        return True


class Cancel:
    """SIGTERM to the command and its descendants, SIGKILL to what is left of them after the grace."""

    def __init__(self, by: str) -> None:
        self.by = by
        self.ended = _pump.Gate()
        self._members: set[tuple[int, int]] = set()
        self._deadline = 0.0

    def step(self, pid: int, gone: bool) -> bool:
        """One look; True when nothing of the command is left."""
        if not self._deadline:
            self._deadline = time.monotonic() + spool.setting("OUTRIDER_CANCEL_GRACE_S", _GRACE_S)
            self._members = _command.family(pid, os.getpgrp())
            self._send(signal.SIGTERM)
            self._send(signal.SIGCONT)
            return False
        if not gone:
            self._members |= _command.family(pid, os.getpgrp())
        self._members = _command.still_there(self._members)
        if time.monotonic() >= self._deadline:
            self._send(signal.SIGKILL)
        if gone and not self._members:
            self.ended.open()
            return True
        return False

    def _send(self, number: int) -> None:
        # The oldest first: a shell that sees its child die before its own SIGTERM comes goes on as if nothing were.
        for member, _ in sorted(self._members, key=lambda member: (member[1], member[0])):
            _command.send(member, number)


def make_pumps(writer: spool.Writer, pty: _pty.Pty | None, closed: Collection[int], *, verbose: bool) -> list[_pump.Pump]:
    """What moves the command's output. Where there is a pty, we leave the front's group to lead its session."""
    if pty is not None:
        from outrider import _pty

        pty.lead()
        return [_pty.Pump(writer, pty, _launch.complain)]
    if verbose and any(os.isatty(fd) for fd in (1, 2)):
        _launch.complain(
            "output that goes to a terminal is captured only where stdin, stdout and stderr are all that terminal and the command is "
            "its foreground job; log records, metrics and files are kept"
        )
    pumps = [_pump.Pump(writer, group, _launch.complain) for group in _pump.captured(closed)]
    for pump in pumps:
        if 2 in pump.targets:
            pump.closes_after(pumps)
    return pumps


def main(launch: _launch.Launch, front: Front, mask: AbstractSet[int], closed: Collection[int], inherited: list[int]) -> NoReturn:
    """The keeper's process, forked from the front's: never returns."""
    try:
        Keeper(launch, front, mask).run(closed, inherited)
    except BaseException:
        import traceback

        traceback.print_exc()
        raise
    finally:
        os._exit(0)
