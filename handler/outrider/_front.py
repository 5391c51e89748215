"""
The front: the user's process of `outrider run`. It waits for the command's end and ends in the same way.

Here: signals, exit codes, the two forks. Never here: the command's output, the spool, a terminal (`_terminal.py`). It waits for nothing
else: not for the agent, not for the end of pipes. Killing it harms nothing: the command and its keeper go on.
"""

from __future__ import annotations

import errno
import os
import signal
from _thread import get_ident, start_new_thread

from outrider import _command, _forward, _keeper, _launch, _pump

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import AbstractSet, NoReturn

    from outrider import _pty

_NEEDED = 20  #: descriptors that a keeper has at most, and a few more
_LOST = 125  #: the exit code when the keeper was killed and the command's own can no longer be known


def run(launch: _launch.Launch) -> NoReturn:
    """Starts the keeper and the command, and becomes their end."""
    if os.environ.get("OUTRIDER_DISABLED", "") not in ("", "0"):
        _bare(launch, signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    inherited, closed = _descriptors(), _fill_closed()
    front = os.getpid()
    pty = _open_pty()
    try:
        report_read, report_write = os.pipe()
        control_read, control_write = os.pipe()
        _check_descriptors()
        keeper = os.fork()
    except OSError as error:
        if pty is not None and pty.claim():
            pty.give_terminal()
        _launch.complain(f"cannot start a keeper ({error.strerror}): the command runs untracked")
        _bare(launch, mask)
    if keeper == 0:
        os.close(report_read)
        os.close(control_write)
        _keeper.main(launch, _keeper.Front(front, report_write, control_read, pty), mask, closed, inherited)
    os.close(report_write)
    os.close(control_read)
    if launch.agent:
        _start_agent(launch, mask)
    for fd in inherited:
        os.close(fd)
    if launch.verbose:
        _launch.complain(f"run {launch.run} (experiment {launch.experiment})")
    if pty is not None:
        from outrider import _terminal

        _end(_terminal.Terminal(pty, keeper, report_read, control_write).run(), launch)
    _pump.release([0, 1])  # only the command's end of a pipe may keep its other end waiting
    start_new_thread(_pass_on_signals, (control_write, keeper))
    _end(_read_report(report_read), launch)


def _bare(launch: _launch.Launch, mask: AbstractSet[int]) -> NoReturn:
    """The command in our place, untracked."""
    try:
        _command.Restore(os.getpid(), mask, launch.cwd if launch.moves else None, {}).apply()
        _command.execute(launch.command, dict(os.environ))
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        _launch.complain(f"{launch.command[0]}: {error.strerror}")
        os._exit(127 if missing else 126)


def _open_pty() -> _pty.Pty | None:
    """A terminal for the command, where it would have ours to itself."""
    if not os.isatty(0):
        return None
    import contextlib
    import termios

    from outrider import _pty

    if not _pty.usable():
        return None
    try:
        pty = _pty.Pty()
    except (OSError, termios.error):  # there is no /dev/pts, or no more of them
        return None
    with contextlib.suppress(OSError, termios.error):  # where it is taken from us in this moment, the front's loop finds that out
        if pty.claim():
            pty.take_terminal()
    return pty


def _descriptors() -> list[int]:
    """What was handed to us beyond 0, 1 and 2: the command's, not ours."""
    try:
        found = [int(name) for name in os.listdir("/proc/self/fd") if int(name) > 2]
    except OSError:
        return []
    return [fd for fd in found if _is_open(fd)]  # without the listing's own


def _check_descriptors() -> None:
    """Raises OSError where fewer are left than a keeper needs (`ulimit -n`): later it could only fail, and the command with it."""
    found = []
    try:
        for _ in range(_NEEDED):
            found.append(os.dup(2))  # noqa: PERF401 -- those that there were are closed again
    finally:
        for fd in found:
            os.close(fd)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _fill_closed() -> set[int]:
    """Which of 0, 1, 2 are closed; their numbers are taken (until exec), so that no pipe of ours lands there."""
    closed = {fd for fd in (0, 1, 2) if not _is_open(fd)}
    for _ in closed:
        os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    return closed


def _start_agent(launch: _launch.Launch, mask: AbstractSet[int]) -> None:
    """In a process of its own: looking for the agent and starting it takes longer than many a command."""
    try:
        if os.fork() != 0:
            return
    except OSError:
        return
    try:
        _pump.release([0, 1, 2])
        os.closerange(3, 256)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        from outrider import control

        control.start_agent(launch.home)
    finally:
        os._exit(0)


def _pass_on_signals(control: int, keeper: int) -> None:
    """
    A thread: every signal that reaches the front is told to the keeper, which forwards what processes sent. What the kernel or the terminal
    sent went to the command as well, but for an alarm, which is only ours. The keeper's own are no news.
    """
    while True:
        try:
            found = signal.sigwaitinfo(signal.valid_signals())
        except InterruptedError:
            continue
        if found.si_signo == signal.SIGCHLD or found.si_pid == keeper:
            _reap_as_init()
            continue
        sent = found.si_code <= 0 or found.si_signo == signal.SIGALRM
        try:
            os.write(control, _forward.MESSAGE.pack(found.si_signo, found.si_pid if sent else _forward.NOT_FORWARDED))
        except OSError:  # the keeper was killed: the end is near
            return


def _reap_as_init() -> None:
    """Where we are process 1 of a container, other people's orphans are ours."""
    if os.getpid() == 1:
        try:
            while os.waitpid(-1, os.WNOHANG)[0] > 0:
                pass
        except ChildProcessError:
            return


def _read_report(report: int) -> str:
    """`exit N` or `signal N`; empty when the keeper is gone without a word."""
    data = b""
    while not data.endswith(b"\n"):
        more = os.read(report, 64)
        if not more:
            return ""
        data += more
    return data.decode("ascii").strip()


def _end(said: str, launch: _launch.Launch) -> NoReturn:
    """As the command ended."""
    how, _, number = said.partition(" ")
    if how == "exit":
        os._exit(int(number))
    if how == "signal":
        _die(int(number))
    _launch.complain(
        f"the keeper of run {launch.run} was killed. The command may still run, but what it prints is no longer read and its exit code "
        f"cannot be known; what was kept until now is safe. Exit code {_LOST} stands for that."
    )
    os._exit(_LOST)


def _die(number: int) -> NoReturn:
    """By the same signal, so that the shell sees it; without a core dump of ours."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_kill(get_ident(), number)  # to this thread: the other would read it
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    os._exit(128 + number)  # process 1 of a container cannot be killed by its own signal
