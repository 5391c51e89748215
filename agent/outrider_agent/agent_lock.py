"""
One agent per home: `agent.lock`, an OFD write lock that its agent holds while it lives.

A lock says that a process exists, not that it works. So a second agent asks the first whether it answers; one that stays silent (frozen,
stuck) is replaced: a new, already locked `agent.lock` is renamed over the old one. The old agent finds out by `is_mine()` or by the sinks'
fencing, whichever comes first, and stops without touching what is no longer its own. Nothing here knows sockets or sinks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outrider import spool
from outrider_agent import errors

if TYPE_CHECKING:
    from collections.abc import Callable

_LOOK_AGAIN_S = 0.1


class AgentLock:
    """The lock while it is held. Made by `acquire`."""

    def __init__(self, path: Path, descriptor: int, predecessor: dict[str, Any] | None) -> None:
        self.path = path
        #: What the lock of the agent that was replaced said of it; None where there was none to replace.
        self.predecessor = predecessor
        self._descriptor = descriptor

    def is_mine(self) -> bool:
        """Is the file of that name still the one that this process has locked?"""
        if self._descriptor < 0:
            return False
        return _identity(self.path) == _identity(self._descriptor)

    def release(self) -> None:
        """Lets go; the file stays. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def acquire(path: Path, *, answers: Callable[[], bool], patience_s: float = 5.0) -> AgentLock:
    """
    Takes the lock, from a silent holder if it must be.

    `answers` asks the holder whether it works (it may block, a few seconds at most). A holder that has not answered for `patience_s` is
    replaced. Raises `AlreadyRunning` where it did answer.
    """
    silent: tuple[int, int] | None = None
    deadline = 0.0
    while True:
        taken = _try_lock(path)
        if taken is not None:
            return AgentLock(path, taken, None)
        judged = _identity(path)
        if judged != silent:  # another holder than a moment ago: it gets its time to answer
            silent, deadline = judged, time.monotonic() + patience_s
        if answers():
            raise errors.AlreadyRunning(f"Another agent already serves this OUTRIDER_HOME ({_who(path)}). Nothing to do.")
        if time.monotonic() >= deadline:
            replaced = _replace(path, judged)
            if replaced is not None:
                return replaced
        time.sleep(_LOOK_AGAIN_S)


def holder(path: Path) -> dict[str, Any]:
    """What the lock's holder wrote into it; empty where nothing readable is there."""
    try:
        with open(spool.open_regular(os.fspath(path)), "rb") as file:  # noqa: PTH123
            content = json.loads(file.read())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def card(socket: str, started: int, version: str) -> bytes:
    """The content of agent.json: who serves the home, and where its socket is."""
    content = {
        "v": 1,
        "pid": os.getpid(),
        "boot": spool.boot_id(),
        "host": spool.hostname(),
        "socket": socket,
        "started": started,
        "start_time": start_time(os.getpid()),
        "version": version,
    }
    return json.dumps(content).encode() + b"\n"


def kill_frozen(predecessor: dict[str, Any]) -> bool:
    """
    SIGKILLs the agent that was replaced, where it is beyond doubt the same process; True when it was.

    Only for one that holds the store's write lock in its sleep: nothing else could go on before it wakes up.
    """
    pid = predecessor.get("pid")
    same_machine = predecessor.get("boot") == spool.boot_id() and predecessor.get("host") == spool.hostname()
    if not same_machine or not isinstance(pid, int) or pid <= 1 or pid == os.getpid():
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # Looked at after the descriptor was opened: from here on the pid cannot become another process's unnoticed.
        if start_time(pid) != predecessor.get("start_time"):
            return False
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def start_time(pid: int) -> int | None:
    """When a process began, in clock ticks after boot: with its pid its identity. None where it is gone (or dead and not waited for)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        fields = stat.rpartition(b")")[2].split()
        return None if fields[0] in {b"Z", b"X"} else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def is_running(written: dict[str, Any]) -> bool:
    """Lives the process that wrote this into a lock? False where it is of another machine, or cannot be told."""
    pid, began = written.get("pid"), written.get("start_time")
    here = written.get("boot") == spool.boot_id() and written.get("host") == spool.hostname()
    return here and isinstance(pid, int) and began is not None and start_time(pid) == began


def _identity(file: Path | int) -> tuple[int, int] | None:
    """Which file it is, by name or descriptor; None where there is none."""
    try:
        status = os.stat(file)  # noqa: PTH116 (a descriptor too)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _who(path: Path) -> str:
    return f"pid {holder(path).get('pid', 'unknown')}"


def _try_lock(path: Path) -> int | None:
    """Locks the file that has the name. A file that was replaced between the opening and the locking does not count."""
    descriptor = spool.lock_file(os.fspath(path))
    if descriptor is None:
        return None
    if _identity(path) == _identity(descriptor):
        with contextlib.suppress(OSError):  # who holds it is for people: a full disk must not keep an agent from starting
            _write(path, descriptor)
        return descriptor
    os.close(descriptor)
    return None


def _replace(path: Path, judged: tuple[int, int] | None) -> AgentLock | None:
    """Puts a new locked file in the place of the silent holder's; None when another process is at it or was quicker, or the holder went."""
    guard = spool.lock_file(os.fspath(path.with_name(path.name + ".takeover")))
    if guard is None:
        return None
    try:
        if _identity(path) != judged or not spool.is_locked(os.fspath(path)):
            return None
        predecessor = holder(path)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = spool.lock_file(os.fspath(temporary))
        if descriptor is None:
            return None
        _write(path, descriptor)
        temporary.replace(path)
        return AgentLock(path, descriptor, predecessor)
    finally:
        os.close(guard)


def _write(path: Path, descriptor: int) -> None:
    spool.share(descriptor, path.parent)  # who shares the home asks whether an agent lives
    content = {
        "pid": os.getpid(),
        "boot": spool.boot_id(),
        "host": spool.hostname(),
        "started": time.time_ns(),
        "start_time": start_time(os.getpid()),
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode() + b"\n", 0)
