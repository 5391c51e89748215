"""
The command's process: starting it as a shell would, and reaching it and its descendants later.

Here: fork, exec, the state that is restored before exec, /proc. Never here: the spool, pipes' contents, what a signal means for the run.
"""

from __future__ import annotations

import errno
import os
import signal

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import AbstractSet, Callable, Iterable, NoReturn

#: Python ignores these in itself; a command would inherit that.
_PYTHON_IGNORES = {getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ") if hasattr(signal, name)}
_SHELLS = (b"ash", b"bash", b"dash", b"ksh", b"mksh", b"sh", b"zsh")  # not fish: it ignores SIGPIPE in itself alone
_DEFAULT_PATH = "/bin:/usr/bin"


class Restore:
    """What the command gets back as the front (a pid) found it: signals, its folder, its descriptors."""

    def __init__(
        self, front: int, mask: AbstractSet[int], cwd: str | None, fds: dict[int, int], join: Callable[[], None] | None = None
    ) -> None:
        self.mask = mask
        self.cwd = cwd
        self.fds = fds
        self.join = join  # a session, a terminal's foreground
        self.defaults = _PYTHON_IGNORES - _ignored_by_shell(parent(front))
        self.ignores_children = signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN

    def apply(self) -> None:
        """In the forked child, right before exec."""
        if self.join is not None:
            self.join()
        for target, source in self.fds.items():
            os.dup2(source, target)
        if self.cwd is not None:
            os.chdir(self.cwd)
        for number in self.defaults:
            signal.signal(number, signal.SIG_DFL)
        if self.ignores_children:
            signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)


def _ignored_by_shell(pid: int) -> set[int]:
    """
    What our parent, being a shell, ignores, and so handed on to us: in ourselves Python has covered it up. (A shell that systemd or a CI's
    runner has started often ignores SIGPIPE.)
    """
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            fields = dict(line.split(b":\t", 1) for line in file.read().split(b"\n") if b":\t" in line)
        ignored = int(fields[b"SigIgn"], 16) if fields[b"Name"] in _SHELLS else 0
    except (OSError, KeyError, ValueError):
        return set()
    return {number for number in _PYTHON_IGNORES if ignored >> (number - 1) & 1}


def start(command: list[str], environ: dict[str, str], restore: Restore) -> int:
    """The new process's pid. Raises OSError with exec's errno when it cannot be started; then no process is left."""
    error_read, error_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(command, environ, restore, error_write)
    os.close(error_write)
    said = b""
    while True:
        chunk = os.read(error_read, 64)
        if not chunk:
            break
        said += chunk
    os.close(error_read)
    if not said:
        return pid
    os.waitpid(pid, 0)
    number = int(said)
    raise OSError(number, os.strerror(number), command[0])


def _become(command: list[str], environ: dict[str, str], restore: Restore, error_write: int) -> NoReturn:
    try:
        restore.apply()
        execute(command, environ)
    except OSError as error:
        os.write(error_write, b"%d" % (error.errno or errno.ENOEXEC))
    except ValueError:  # a NUL in an argument: no such file can be
        os.write(error_write, b"%d" % errno.EINVAL)
    finally:
        os._exit(127)


def execute(command: list[str], environ: dict[str, str]) -> NoReturn:
    """As execvp(3): the PATH of the new environment, /bin/sh for a script without `#!`, the errno that a shell would tell."""
    denied: OSError | None = None
    for path in candidates(command[0], environ):
        try:
            os.execve(path, command, environ)  # noqa: S606
        except OSError as error:  # noqa: PERF203
            if error.errno == errno.ENOEXEC:
                os.execve("/bin/sh", ["/bin/sh", path, *command[1:]], environ)  # noqa: S606
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                raise
            if error.errno == errno.EACCES:
                denied = error
    raise denied or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])


def candidates(program: str, environ: dict[str, str]) -> list[str]:
    """Where a program may be: itself if it has a slash, else a file in each folder of PATH (an empty one is the working folder)."""
    if "/" in program:
        return [program]
    if not program:
        return []
    return [os.path.join(folder, program) for folder in environ.get("PATH", _DEFAULT_PATH).split(":")]


def find(program: str, environ: dict[str, str], cwd: str) -> str | None:
    """The file that `execute` would run; None when there is none."""
    for path in candidates(program, environ):
        full = os.path.join(cwd, path)
        if os.path.isfile(full) and os.access(full, os.X_OK):
            return full
    return None


def send(pid: int, number: int) -> None:
    """A signal, to a process that may be gone or another user's by now."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _stat(pid: str) -> tuple[int, int, int] | None:
    """(parent, process group, start time) by /proc; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return (int(fields[1]), int(fields[2]), int(fields[19])) if len(fields) > 19 else None


def parent(pid: int) -> int:
    """The parent's pid; 0 when there is none, or none that we may know."""
    found = _stat(str(pid))
    return found[0] if found else 0


def send_group(group: int, number: int) -> None:
    """A signal, to a process group that may be gone, or hold processes of others."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def family(root: int, own_group: int) -> set[tuple[int, int]]:
    """
    (pid, start time) of a process, of its descendants, and of the process group that it leads (never of `own_group`). A pid with its start
    time is never used twice.
    """
    everyone = {int(name): found for name in os.listdir("/proc") if name.isdigit() for found in [_stat(name)] if found}
    members = {root} & everyone.keys()
    grown = True
    while grown:
        more = {pid for pid, (parent, _, _) in everyone.items() if parent in members}
        if root != own_group:
            more |= {pid for pid, (_, group, _) in everyone.items() if group == root}
        grown = not more <= members
        members |= more
    return {(pid, everyone[pid][2]) for pid in members}


def still_there(members: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of a family that live (a zombie does not)."""
    return {(pid, born) for pid, born in members if _lives(pid, born)}


def _lives(pid: int, born: int) -> bool:
    found = _stat(str(pid))
    if found is None or found[2] != born:
        return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return False
