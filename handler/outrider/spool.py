"""
The spool's writer, and what else knows its files (docs/spool.md is the law). Standard library only; the agent imports it too.

Here: where a home is, names, one stream on disk, the Writer that appends to it. Never here: what a record means, logging, threads.
`Writer.append` never raises (but what the script's own signal handler raises meanwhile) and waits on nothing but the local file system.
"""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock, get_ident

from outrider import _signals, _stream
from outrider._encode import line
from outrider._locks import NotRegular, is_locked, lock_file, open_regular
from outrider._shared import is_shared, make_folder, make_folders, share
from outrider._stream import Stream, boot_id, counters, hostname, irregular, segment_path, segments

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping

__all__ = [
    "NotRegular",
    "Writer",
    "boot_id",
    "counters",
    "home",
    "hostname",
    "irregular",
    "is_locked",
    "is_shared",
    "line",
    "lock_file",
    "make_folder",
    "make_folders",
    "new_run_id",
    "open_regular",
    "read_lines",
    "segment_path",
    "segments",
    "share",
    "valid_name",
]

_MIB = 1 << 20
_LEGAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"
_FD_NS = 1_000_000_000
_RETRY_S = 1.0  #: after the home could not be used, or the spool was over its cap, it is looked at again no sooner
_write = os.write


def home(environ: Mapping[str, str] | None = None) -> str:
    """OUTRIDER_HOME, else the XDG state directory's `outrider`; absolute."""
    env = os.environ if environ is None else environ
    chosen = env.get("OUTRIDER_HOME")
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    own = os.path.expanduser("~")
    if own == "~":  # a user of whom nothing is known but a number, as containers have them: no folder of that name in the working folder
        own = "/"
    return os.path.abspath(os.path.join(env.get("XDG_STATE_HOME") or os.path.join(own, ".local", "state"), "outrider"))


def new_run_id() -> str:
    """12 random hex digits."""
    return os.urandom(6).hex()


def valid_name(text: object) -> bool:
    """May this be a run's id: `[A-Za-z0-9][A-Za-z0-9_.-]{0,255}`?"""
    return isinstance(text, str) and 0 < len(text) <= 256 and text[0] not in "_.-" and not text.strip(_LEGAL)


def read_lines(directory: str) -> Iterator[bytes]:
    """The whole lines of a stream on disk, in order, without their newlines; empty ones and a torn tail are left out."""
    for number in segments(directory):
        with open(open_regular(segment_path(directory, number)), "rb") as segment:
            for raw in segment:
                if raw.endswith(b"\n") and len(raw) > 1:
                    yield raw[:-1]


def spool_bytes(home_path: str) -> int:
    """How many bytes the whole spool holds."""
    total, folders = 0, [os.path.join(home_path, "spool")]
    while folders:
        try:
            with os.scandir(folders.pop()) as found:
                for entry in found:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
        except OSError as error:  # noqa: PERF203 -- deleted meanwhile
            _signals.pass_on(error)
    return total


def setting(name: str, default: int) -> int:
    """A number of bytes from the environment; the default where it is missing or no whole number."""
    try:
        return int(os.environ.get(name, default))
    except ValueError:
        return default


class Writer:
    """
    One process's (or collector's) stream of a run. Opens lazily, rotates, counts what it must refuse, goes on in a forked child.

    `fd` and `left` are for callers that inline the append: a write to `fd` that returns less than it was given, or raises OSError, must
    be followed by `recover(data)`; before one later than `look_at` (ns) call `look_at_fd()`; when `left` (bytes until the next look
    around) falls below 0, call `look_around()`. `fd` is -1 while nothing can be written, so that the inlined write fails and lands in
    `recover`.
    """

    def __init__(
        self, home: str, run: str, kind: str = "py", *, owner: bool = False, experiment: str | None = None, attempt: int = 1
    ) -> None:
        if not valid_name(run):
            raise ValueError(f"{run!r} cannot be a run id: use letters, digits, '_', '.', '-', at most 256, the first a letter or digit")
        self.home, self.run, self.kind, self.owner, self.experiment = os.path.abspath(home), run, kind, owner, experiment
        self.fd = self.left = -1
        self.look_at = self.refused = 0
        self.attempt = attempt
        self._stream: Stream | None = None
        self._lock = RLock()
        self._inside = 0
        self._waiting: list[
            tuple[bytes, bool, Mapping[str, Any] | None]
        ] = []  # appended by a signal handler (or a gc'd object) in the middle of the slow path
        self._untold = [0, 0, 0]  # refused records, their bytes, since: not yet accounted for by a gap
        self._over_cap = False
        self._said: set[str] = set()
        self._why = self._ended = ""  # ended: closed, or deleted: nothing is written any more, quietly
        self._next_try = 0.0
        self._retry_s = _RETRY_S
        _forks.watch(self)

    @property
    def name(self) -> str | None:
        """The stream's name; None before the first append."""
        return None if self._stream is None else self._stream.name

    @property
    def directory(self) -> str | None:
        """The stream's folder; None before the first append."""
        return None if self._stream is None else self._stream.directory

    def position(self) -> tuple[int, int]:
        """(segment, offset) after the last append of this process; (0, 0) before the first."""
        with self._lock:
            try:
                return (0, 0) if self._stream is None else (self._stream.segment, self._stream.size())
            except OSError as error:
                _signals.pass_on(error)
                return (0, 0)

    def append(self, data: bytes) -> bool:
        """Appends one complete line, newline first and last. True: it survives this process. False: refused, and counted. Never raises."""
        if time.time_ns() > self.look_at:
            self.look_at_fd()
        try:
            written = _write(self.fd, data)
        except OSError as error:
            _signals.pass_on(error)
            return self.recover(data)
        if written != len(data):
            return self.recover(data)
        self.left = left = self.left - written
        if left < 0:
            self.look_around()
        return True

    def append_vital(self, data: bytes, end: Mapping[str, Any] | None = None) -> bool:
        """As `append`, but reserve, cap and `full` do not count. An `end` that fails even so is kept in the lock block for the agent."""
        return self.recover(data, vital=True, end=end)

    def close(self) -> None:
        """Ends the stream: its locks go. Idempotent; later appends are refused."""
        with self._lock:
            self._ended = self._ended or "closed"
            self._abandon()
        _forks.forget(self)

    def recover(self, data: bytes, *, vital: bool = False, end: Mapping[str, Any] | None = None) -> bool:
        """The slow path of an append: opens a stream, or goes on after an error; else counts the line as refused. Never raises."""
        if self._inside == get_ident():
            self._waiting.append((data, vital, end))
            return True
        with self._lock:
            self._inside = get_ident()
            try:
                kept = self._keep(data, vital, end)
            finally:  # a signal handler may have logged, and then raised
                try:
                    while self._waiting:
                        self._keep(*self._waiting.pop(0))
                finally:
                    self._inside = 0
        self._say()
        return kept

    def look_at_fd(self) -> None:
        """Once a second, before an append: a script that closes every descriptor and opens files must not find our lines in them."""
        self.look_at = time.time_ns() + _FD_NS
        if self._stream is not None and not self._stream.is_ours():
            self.fd = -1

    def look_around(self) -> None:
        """Once a MiB: is the stream still ours and there, may we go on, is the segment full? Never raises, waits for no other thread."""
        if self._inside == get_ident() or not self._lock.acquire(blocking=False):
            return
        self._inside = get_ident()
        try:
            self._look_around()
        except OSError as error:
            _signals.pass_on(error)
            self.fd = -1  # the next append finds out what it is
        finally:
            self._inside = 0
            self._lock.release()

    def _look_around(self) -> None:
        stream = self._stream
        segment_bytes = setting("OUTRIDER_SEGMENT_BYTES", 64 * _MIB)
        self.left = min(_MIB, segment_bytes)
        if stream is None or not stream.is_ours():
            self.fd = -1
        elif stream.is_deleted():
            self._ended = "deleted"
            self._abandon()
        elif self._obstacle(0, scan=True):
            self.fd = -1
        elif stream.size() >= segment_bytes:
            stream.rotate()

    def _keep(self, data: bytes, vital: bool, end: Mapping[str, Any] | None) -> bool:
        """One append with everything looked at first."""
        why = self._ended or self._open(at_once=vital) or ("" if vital else self._obstacle(len(data)))
        stream = self._stream
        if why or stream is None:
            return self._refuse(data, why)
        try:
            if self._untold[0]:
                _tell_gap(stream, self._untold, self._why)
                self._untold = [0, 0, 0]
            stream.write(data)
        except OSError as error:
            _signals.pass_on(error)
            if end is not None and stream.keep_end(end):
                return True
            return self._refuse(data, _stream.reason(error))
        if not vital:
            self.fd = stream.fd
        self.left -= len(data)
        return True

    def _open(self, *, at_once: bool) -> str:
        """Sees to it that there is a stream of ours; returns why there is none."""
        stream = self._stream
        if stream is not None:
            if stream.is_ours():
                if not stream.is_deleted():
                    return ""
                self._ended = "deleted"
                self._abandon()
                return self._ended
            self._abandon()  # the script closed our descriptors; the numbers may be somebody else's by now
        if self._why and time.monotonic() < self._next_try and not at_once:
            return self._why
        try:
            self._stream = Stream(self.home, self.run, self.kind, owner=self.owner, experiment=self.experiment, attempt=self.attempt)
        except OSError as error:
            _signals.pass_on(error)
            self._next_try = time.monotonic() + self._retry_s
            return _stream.reason(error)
        self.left = min(_MIB, setting("OUTRIDER_SEGMENT_BYTES", 64 * _MIB))
        return ""

    def _obstacle(self, size: int, scan: bool = False) -> str:
        """Why nothing may be written now; "" when it may. With `scan`, or while over it, the spool's cap is looked at too."""
        found = _stream.obstacle(self.home, size, setting("OUTRIDER_DISK_RESERVE_BYTES", 64 * _MIB))
        if found:
            return found
        if scan or (self._over_cap and time.monotonic() >= self._next_try):
            self._over_cap = spool_bytes(self.home) >= setting("OUTRIDER_MAX_SPOOL_BYTES", 10 * 1024 * _MIB)
            self._next_try = time.monotonic() + self._retry_s
        return _stream.OVER_CAP if self._over_cap else ""

    def _refuse(self, data: bytes, why: str) -> bool:
        self.fd = -1
        self._why = why
        self.refused += 1
        if self._untold[0] == 0:
            self._untold[2] = time.time_ns()
        self._untold[0] += 1
        self._untold[1] += len(data)
        if self._stream is not None:
            self._stream.count_refused(len(data), why, self._untold[2])
        return False

    def _say(self) -> None:
        """Once for each cause: one line on stderr. After the lock is released, for stderr may be an object of the script."""
        if not self._why or self.fd >= 0 or self._ended or self._why in self._said:
            return
        if self.kind == "py" and os.environ.get("OUTRIDER_KEEPER") and _stream.is_everybodys(self._why):
            return  # the keeper says it, once for all processes of the command
        self._said.add(self._why)
        _complain(self.home, self._why)

    def _abandon(self) -> None:
        """Leaves the stream; its descriptors are closed where they are still ours."""
        stream, self._stream, self.fd, self.left = self._stream, None, -1, -1
        if stream is None:
            return
        # What its lock block counts is told there, by the agent.
        self._untold = [0, 0, 0]
        stream.release()

    def _after_fork(self) -> None:
        """In the child: closes what was inherited (which takes nothing from the parent), and owns nothing."""
        self._lock = RLock()
        self._inside = self.refused = 0
        self._waiting = []
        self.owner = False
        self._abandon()


def _tell_gap(stream: Stream, untold: list[int], why: str) -> None:
    count, size, since = untold
    gap: dict[str, Any] = {"k": "gap", "t": time.time_ns(), "n": count, "bytes": size, "why": why, "since": since}
    gap["of"] = stream.told + count
    stream.write(line(gap))
    stream.count_told(count)


def _complain(home: str, why: str) -> None:
    message = (
        f"outrider: cannot write to the spool in {home}: {why}. Your script goes on; what it logs is counted and left out "
        f"until this is over. Free space, or set OUTRIDER_HOME to a folder that can be written.\n"
    )
    try:
        sys.stderr.write(message)
    except Exception as error:  # noqa: BLE001 -- stderr may be closed, None, or an object of the script that raises
        _signals.pass_on(error)


class _Forks:
    """The writers of this process: the slow paths are let end before a fork; a child leaves the streams it inherited."""

    def __init__(self) -> None:
        self._writers: list[Writer] = []
        self._held: list[Writer] = []

    def watch(self, writer: Writer) -> None:
        self._writers.append(writer)

    def forget(self, writer: Writer) -> None:
        self._writers = [other for other in self._writers if other is not writer]

    def before(self) -> None:
        self._held = [writer for writer in self._writers if writer._lock.acquire(timeout=2.0)]  # noqa: SLF001

    def in_parent(self) -> None:
        held, self._held = self._held, []
        for writer in held:
            writer._lock.release()  # noqa: SLF001

    def in_child(self) -> None:
        self._held = []
        for writer in self._writers:
            writer._after_fork()  # noqa: SLF001


_forks = _Forks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_forks.before, after_in_parent=_forks.in_parent, after_in_child=_forks.in_child)
