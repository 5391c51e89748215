"""
One stream on disk: its folder, its lock with the counters, its current segment. docs/spool.md says how each file comes to be.

Everything here raises OSError; `spool.Writer` decides what that means. Not thread-safe, but for appends to `fd`.
"""

from __future__ import annotations

import os
import stat
import time

from outrider import _locks, _shared, _signals, record
from outrider._encode import json_text, line

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping

LOCK_BYTES = 4096
OVER_CAP = "the spool has reached its cap (OUTRIDER_MAX_SPOOL_BYTES)"
_COUNTS = ("refused", "refused_bytes", "gapped")
_RANKS = ("RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID")


def segment_path(directory: str, number: int) -> str:
    """The path of segment `number` of a stream."""
    return os.path.join(directory, f"{number:08d}.ndjson")


def segments(directory: str) -> list[int]:
    """The numbers of a stream's segments on disk, ascending; none when the folder is gone."""
    return sorted(int(name[:-7]) for name, is_file in _segment_names(directory) if is_file)


def irregular(directory: str) -> list[str]:
    """Names of segments, or of the lock, that are no regular files but folders, pipes, links: nobody opens them."""
    found = [name for name, is_file in _segment_names(directory) if not is_file]
    lock = os.path.join(directory, "lock")
    return sorted(found) + (["lock"] if os.path.lexists(lock) and not stat.S_ISREG(os.lstat(lock).st_mode) else [])


def _segment_names(directory: str) -> list[tuple[str, bool]]:
    """What is called as a segment, and whether it is a regular file."""
    try:
        with os.scandir(directory) as entries:
            return [(entry.name, entry.is_file(follow_symlinks=False)) for entry in entries if _is_segment(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_segment(name: str) -> bool:
    return name.endswith(".ndjson") and name[:-7].isdigit() and name.isascii()


def counters(path: str) -> dict[str, Any]:
    """What a lock file says: refused, gapped, …; empty when it is absent or says nothing."""
    import json

    try:
        with open(_locks.open_regular(path), "rb") as block:
            found = json.loads(block.read(LOCK_BYTES).decode("utf-8", "replace").rstrip(" \0") or "{}")
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if key not in _COUNTS or type(value) is int}


def boot_id() -> str:
    """This boot of this machine; "" where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError) as error:
        _signals.pass_on(error)
        return ""


def hostname() -> str:
    """This machine's name."""
    return os.uname().nodename


def rank(environ: Mapping[str, str]) -> int | None:
    """This process's rank, where a launcher of distributed training says so."""
    for name in _RANKS:
        text = environ.get(name, "")
        if text.isdigit() and len(text) < 10:
            return int(text)
    return None


def obstacle(home: str, size: int, reserve: int) -> str:
    """Why `size` bytes may not be written under this home now; "" when they may."""
    try:
        if is_there(os.path.join(home, "spool", "full")):
            return "the agent says that the spool is full"
        disk = os.statvfs(home)
    except OSError as error:
        _signals.pass_on(error)
        return reason(error)
    if disk.f_blocks and disk.f_bavail * disk.f_frsize < max(reserve, size):
        return f"the disk has less than {reserve >> 20} MiB left (OUTRIDER_DISK_RESERVE_BYTES)" if reserve > size else "the disk is full"
    return ""


def is_there(path: str) -> bool:
    """`os.path.exists`, which would swallow the TimeoutError of a script's signal handler."""
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        _signals.pass_on(error)
        return False
    return True


def is_everybodys(why: str) -> bool:
    """Does every process that writes into this home meet this obstacle?"""
    told = why.partition(": ")[0]
    return (
        why == OVER_CAP
        or why.startswith(("the disk ", "the agent says "))
        or told in map(os.strerror, (_ENOSPC, _EEXIST, _ENOTDIR, _EROFS))
    )


def reason(error: OSError) -> str:
    """The error in words, with the file where there is one."""
    text = error.strerror or str(error)
    return f"{text}: {error.filename}" if error.filename else text


class Stream:
    """An open stream. The constructor makes it; `release` lets go of it."""

    __slots__ = ("_block", "_head", "_lock_identity", "_segment_identity", "directory", "fd", "lock_fd", "name", "segment")

    def __init__(self, home: str, run: str, kind: str, *, owner: bool, experiment: str | None, attempt: int = 1) -> None:
        pid = os.getpid()
        self.name = f"{kind}-{pid}-{os.urandom(4).hex()}"
        self.directory = _make_folders(home, run, self.name)
        self.segment = 0
        host, boot = hostname(), boot_id()
        head = {"host": host, "boot": boot, "pid": pid, "rank": rank(os.environ), "exp": experiment, "own": owner or None}
        head["att"] = attempt if attempt > 1 else None
        self._head: dict[str, Any] = {"k": record.HEAD, "v": record.FORMAT_VERSION, "run": run, "w": self.name, "seg": 0, "t": 0}
        self._head.update((key, value) for key, value in head.items() if value is not None)
        self._block: dict[str, Any] = {"v": record.FORMAT_VERSION, "pid": pid, "boot": boot, "host": host}
        self._block.update(refused=0, refused_bytes=0, gapped=0, why="", since=0)
        self.lock_fd = self._take_lock()
        with _locks.closed_on_error(self.lock_fd):
            self.fd = _high(self._new_segment(0))
        self._segment_identity = _identity(self.fd)
        self._lock_identity = _identity(self.lock_fd)

    def write(self, data: bytes) -> None:
        """Appends whole lines; OSError when not all of it went (what went is a torn line, which harms no other)."""
        try:
            _write_whole(self.fd, data)
        except OSError as error:
            if error.errno != _EFBIG or self.size() < len(data):
                raise
            self.rotate()  # `ulimit -f`: another file may still grow
            _write_whole(self.fd, data)

    def size(self) -> int:
        """Bytes of the current segment."""
        return os.fstat(self.fd).st_size

    def is_ours(self) -> bool:
        """Are the descriptors still open, and still the files that we opened? A script may close every descriptor it finds."""
        try:
            return _identity(self.fd) == self._segment_identity and _identity(self.lock_fd) == self._lock_identity
        except OSError as error:
            _signals.pass_on(error)
            return False

    def is_deleted(self) -> bool:
        """Has somebody deleted the run?"""
        return os.fstat(self.fd).st_nlink == 0

    def rotate(self) -> None:
        """Goes on in the next segment. The descriptor's number stays, so a thread in the middle of an append needs no lock."""
        new = self._new_segment(self.segment + 1)
        try:
            identity = _identity(new)
            os.dup2(new, self.fd, inheritable=False)
        finally:
            os.close(new)
        self.segment += 1
        self._segment_identity = identity

    def count_refused(self, size: int, why: str, since: int) -> None:
        """Counts one refused line of `size` bytes on disk. Never raises: it is what is left to do when writing fails."""
        block = self._block
        block["refused"] += 1
        block["refused_bytes"] += size
        block["why"], block["since"] = why[:512], since
        self._save_block()

    def keep_end(self, end: Mapping[str, Any]) -> bool:
        """Keeps how the run ended in the block, where there is room when there is none anywhere. False: not even there."""
        self._block["end"] = {key: end[key] for key in ("status", "reason", "code", "sig", "t") if key in end}
        return self._save_block()

    @property
    def told(self) -> int:
        """How many of the refused the gap records account for."""
        return int(self._block["gapped"])

    def count_told(self, count: int) -> None:
        """A gap record accounts for `count` more of the refused."""
        self._block["gapped"] += count
        self._save_block()

    def release(self) -> None:
        """Closes the descriptors that are still ours. With them go the locks (not a parent's, in a forked child)."""
        for fd, identity in ((self.fd, self._segment_identity), (self.lock_fd, self._lock_identity)):
            try:
                if _identity(fd) == identity:
                    os.close(fd)
            except OSError as error:  # noqa: PERF203 -- closed by the script
                _signals.pass_on(error)
                continue

    def _save_block(self) -> bool:
        try:
            os.pwrite(self.lock_fd, _padded(self._block), 0)
        except OSError as error:
            _signals.pass_on(error)
            return False
        return True

    def _take_lock(self) -> int:
        temporary = os.path.join(self.directory, "lock.tmp")
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with _locks.closed_on_error(fd):
            _shared.share(fd, self.directory, _shared.LOCK)
            _write_whole(fd, _padded(self._block))
            _locks.lock(fd)
            os.rename(temporary, os.path.join(self.directory, "lock"))
        return _high(fd)

    def _new_segment(self, number: int) -> int:
        temporary = os.path.join(self.directory, f".{number:08d}.tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with _locks.closed_on_error(fd):
            _shared.share(fd, self.directory)
            self._head.update(seg=number, t=time.time_ns())
            _write_whole(fd, line(self._head))
            _locks.lock(fd)
            os.rename(temporary, segment_path(self.directory, number))
        return fd


def _make_folders(home: str, run: str, writer: str) -> str:
    """Makes the stream's folder, and those above it that are missing; ours 0700, or as the home where it is shared."""
    if not is_there(home):
        os.makedirs(os.path.dirname(home), exist_ok=True)
    path = os.path.join(home, "spool", run, writer)
    for last_try in (False, False, True):
        try:
            for folder in (home, os.path.join(home, "spool"), os.path.join(home, "spool", run), path):
                _make_folder(folder)
        except FileNotFoundError:  # noqa: PERF203 -- the agent gave back the run's folder, empty, between two steps
            if last_try:
                raise
        else:
            break
    return path


def _make_folder(path: str) -> None:
    try:
        _shared.make_folder(path)
    except FileExistsError:
        return


def _high(fd: int) -> int:
    """
    The same file behind a high number: a script that closes what it thinks is its own (0 to 1023, say), then opens files, must not get our
    number for them, for we would write into its file.
    """
    floor = min(os.sysconf("SC_OPEN_MAX") // 2, 512)
    try:
        high: int = _locks.fcntl.fcntl(fd, _locks.fcntl.F_DUPFD_CLOEXEC, floor)
    except (OSError, ValueError) as error:
        _signals.pass_on(error)
        return fd
    os.close(fd)
    return high


def _write_whole(fd: int, data: bytes) -> None:
    if os.write(fd, data) != len(data):
        raise OSError(_ENOSPC, os.strerror(_ENOSPC))


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _padded(block: Mapping[str, Any]) -> bytes:
    return json_text(block).encode("ascii")[: LOCK_BYTES - 1].ljust(LOCK_BYTES)


_ENOSPC, _EFBIG, _EEXIST, _ENOTDIR, _EROFS = 28, 27, 17, 20, 30  # the same on Linux and macOS
