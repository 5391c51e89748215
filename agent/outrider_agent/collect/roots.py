"""
Which folders are followed for which run, and has the run ended: found out from the spool itself, cheaply.

Reads the beginning of a run's owner stream (its `run` line names the output roots) and what is appended to it (its `end`). A look at a
run in which nothing moved is a few stats. Nothing is written here, and no store is asked but through the callable that was handed in.
"""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
# ruff: noqa: PTH110, PTH116, PTH117, PTH118, PTH123, PTH208
from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider import record, spool
from outrider_agent import errors
from outrider_agent.collect import spooled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from outrider_agent import protocols

#: Streams of this kind are the outputs collector's own: they do not keep a run alive.
OWN_KIND = "outputs-"
#: And of this kind the containers collector's: one for each container that is followed.
CONTAINERS_KIND = "container-"

_BEGINNING = 1 << 18
_TAIL = 1 << 16
_HOT_S = 5.0
_IDLE_LOOK_S = 10.0
_ENDED_LOOK_S = 5.0
_SURE_S = 1.0
_FOREIGN_DAY_S = 86_400.0


class OutputRoots(msgspec.Struct, frozen=True, kw_only=True):
    """A run's output roots (absolute paths). Times are ns since the epoch; 0 and None: not known."""

    run: str
    roots: tuple[str, ...]
    ended: bool = False
    started: int = 0
    ended_at: int | None = None


class Remembered(NamedTuple):
    """What a store knows of a run whose first lines have left the spool."""

    roots: tuple[str, ...]
    started: int


class RootFinder:
    """Call it for the runs. One thread at a time."""

    def __init__(
        self, spool_dir: str | os.PathLike[str], clock: protocols.Clock, *, remembered: Callable[[str], Remembered | None] | None = None
    ) -> None:
        self._spool = os.fspath(spool_dir)
        self._clock = clock
        self._remembered = remembered or (lambda _run: None)
        self._names = _Names(self._spool)
        self._runs: dict[str, _Run] = {}
        self._listed: list[str] = []
        self._valid: list[str] = []

    def __call__(self) -> Iterable[OutputRoots]:
        """Every run in the spool whose owner has spoken, ended or not; `roots` is empty where it named none."""
        names = self._names.now()
        if names is not self._listed:
            self._listed = names
            self._valid = [name for name in names if spool.valid_name(name)]
            for gone in self._runs.keys() - set(self._valid):
                del self._runs[gone]
        now = self._clock.monotonic()
        found = []
        for name in self._valid:
            run = self._runs.get(name)
            if run is None:
                run = self._runs[name] = _Run(name, os.path.join(self._spool, name), self._remembered)
            run.look(now)
            if run.found is not None:
                found.append(run.found)
        return found

    def hurry(self) -> None:
        """The next call looks at every run, however idle it was."""
        for run in self._runs.values():
            run.next_look = 0.0


class _Run:
    """What is known of one run's streams."""

    def __init__(self, name: str, folder: str, remembered: Callable[[str], Remembered | None]) -> None:
        self._name, self._folder, self._remembered = name, folder, remembered
        self._names = _Names(folder)
        self._streams: dict[str, _Stream] = {}
        self._moved = 0.0
        self._dead_since: float | None = None
        self._quiet: _Stream | None = None
        self._seen: list[str] = []
        self.next_look = 0.0
        self.found: OutputRoots | None = None

    def look(self, now: float) -> None:
        if now < self.next_look and not (self._quiet is not None and self._quiet.has_grown()):
            return
        moved = self._discover()
        owner = self._owner()
        moved |= owner is not None and owner.read_on()
        for stream in self._streams.values():
            moved |= stream.is_curious and stream.read_on()
        if moved or not self._moved:
            self._moved = now
        ended = owner is not None and (owner.ended_at is not None or self._is_dead(now))
        try:
            self.found = self._result(owner, ended=ended)
        except errors.Unavailable:  # not known now: asked again, and until then the run is not over
            self.found = OutputRoots(run=self._name, roots=())
        idle = not ended and now - self._moved > _HOT_S
        self._quiet = owner if idle else None
        self.next_look = now + (_ENDED_LOOK_S if ended else _IDLE_LOOK_S if idle else 0.0)

    def _discover(self) -> bool:
        """Takes up new streams, and those whose first segment was not there yet."""
        names = self._names.now()
        if names is self._seen:
            return False
        before = sum(stream.is_known for stream in self._streams.values())
        for name in names:
            if not name.startswith((".", OWN_KIND)) and not name.endswith(".tmp") and name != "cancel":
                stream = self._streams.setdefault(name, _Stream(os.path.join(self._folder, name)))
                if not stream.is_known:
                    stream.begin()
        for gone in self._streams.keys() - set(names):
            stream = self._streams[gone]
            if not stream.is_owner and stream.roots is None:  # what was said stays true when its folder was shipped and deleted
                del self._streams[gone]
        if all(stream.is_known for stream in self._streams.values()):
            self._seen = names
        return sum(stream.is_known for stream in self._streams.values()) != before

    def _owner(self) -> _Stream | None:
        owners = [stream for stream in self._streams.values() if stream.is_owner]
        return max(owners, key=lambda stream: stream.began, default=None)

    def _result(self, owner: _Stream | None, *, ended: bool) -> OutputRoots | None:
        if owner is None:
            return None
        if owner.roots is None and not owner.from_start:
            remembered = self._remembered(self._name)
            owner.roots, owner.started = remembered or ((), 0)
        said = [stream for stream in self._streams.values() if stream.roots is not None]
        last = max(said, key=lambda stream: stream.roots_at, default=owner)  # a script's own word comes after the wrapper's
        roots = tuple(os.path.normpath(root) for root in last.roots or () if os.path.isabs(root))
        return OutputRoots(
            run=self._name,
            roots=tuple(dict.fromkeys(roots)),
            ended=ended,
            started=owner.started,
            ended_at=owner.ended_at,
        )

    def _is_dead(self, now: float) -> bool:
        """Is no stream of the run alive, seen twice? A stream of another machine is not ours to judge."""
        if any(stream.is_alive() for stream in self._streams.values()):
            self._dead_since = None
            return False
        if self._dead_since is None:
            self._dead_since = now
        return now - self._dead_since >= _SURE_S


class _Stream:
    """One stream, read at its beginning and then only at its end."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._lock = os.path.join(folder, "lock")
        self._names = _Names(folder)
        self._listed: list[str] = []
        self._numbers: list[int] = []
        self._position = (0, 0)
        self._first = 0
        self._last = ""
        self._is_ours = False
        # Its lock says that the agent lives; whether the container does, an `end` says, for the agent sees to it.
        self._is_a_containers = os.path.basename(folder).startswith(CONTAINERS_KIND)  # noqa: PTH119
        self.is_known = False
        self.is_owner = False
        self.from_start = False
        self.began = 0
        self.started = 0
        self.roots: tuple[str, ...] | None = None
        self.roots_at = 0
        self.ended_at: int | None = None

    def begin(self) -> None:
        """Reads the head, and, where it owns the run, what it says of the run."""
        numbers = spool.segments(self._folder)
        if not numbers:
            return
        data = _read(spool.segment_path(self._folder, numbers[0]), 0, _BEGINNING)
        lines = [found for found in map(spooled.decode, data.split(b"\n")) if found]
        head = next((found for found in lines if found.get("k") == record.HEAD), None)
        if head is None:
            return
        self.is_known = True
        self.is_owner = head.get("own") is True
        boot, host = head.get("boot"), head.get("host")
        # A boot is of one machine, whatever its containers are called.
        self._is_ours = boot == spool.boot_id() if boot else host in (None, spool.hostname())
        self.from_start = numbers[0] == 0
        self.began = head["t"] if isinstance(head.get("t"), int) else 0
        self.started = self.began if self.from_start else 0
        self._last = spool.segment_path(self._folder, numbers[0])
        self._position = (numbers[0], data.rfind(b"\n") + 1)
        self._first = numbers[0]
        for found in lines:
            self._take(found)

    @property
    def is_curious(self) -> bool:
        """May a process that joined the run yet say which its outputs are? It does so near the beginning of its stream."""
        return self.is_known and not self.is_owner and self._position < (self._first, _BEGINNING) and self.roots is None

    def read_on(self) -> bool:
        """Reads what was appended since, of an owner's segment at most the last 64 KiB. Was there something?"""
        first = self._position
        for number in [n for n in self._segments() if n >= first[0]]:
            path = spool.segment_path(self._folder, number)
            offset = self._position[1] if number == self._position[0] else 0
            size = _size(path)
            if size <= offset:
                continue
            start = max(offset, size - _TAIL) if self.is_owner else offset
            data = _read(path, start, min(size - start, _BEGINNING))
            self._position, self._last = (number, start + data.rfind(b"\n") + 1), path
            for raw in data.split(b"\n"):
                if b'"end"' in raw or b'"outputs"' in raw:
                    self._take(spooled.decode(raw))
        return self._position != first

    def has_grown(self) -> bool:
        """One stat: was something appended to its last segment since it was read?"""
        return _size(self._last) != self._position[1]

    def is_alive(self) -> bool:
        """Is its writer alive, or not ours to judge?"""
        if not self.is_known or not self._is_ours or self._is_a_containers:
            return True
        if os.path.exists(self._lock):
            return spool.is_locked(self._lock)
        numbers = self._segments()
        return bool(numbers) and time.time() - _mtime(spool.segment_path(self._folder, numbers[-1])) < _FOREIGN_DAY_S

    def _segments(self) -> list[int]:
        names = self._names.now()
        if names is not self._listed:
            self._listed, self._numbers = names, spool.segments(self._folder)
        return self._numbers

    def _take(self, found: dict[str, Any]) -> None:
        kind = found.get("k")
        if kind == record.RUN and isinstance(found.get("outputs"), list):
            self.roots = tuple(root for root in found["outputs"] if _can_be_path(root))
            self.roots_at = found["t"] if isinstance(found.get("t"), int) else 0
        elif kind == record.END:
            self.ended_at = found["t"] if isinstance(found.get("t"), int) else 0


class _Names:
    """A folder's names, listed again only when its mtime says that they changed (or is too young to say)."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen = -1
        self._names: list[str] = []

    def now(self) -> list[str]:
        try:
            changed = os.stat(self._folder).st_mtime_ns
            if changed != self._seen:
                young = abs(time.time_ns() - changed) < 100_000_000
                self._names = os.listdir(self._folder)
                self._seen = -1 if young else changed
        except OSError:
            self._names, self._seen = [], -1
        return self._names


def _can_be_path(text: object) -> bool:
    """Is there a file name of that spelling? No system takes a NUL, nor a surrogate that stands for no byte."""
    try:
        return isinstance(text, str) and b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _read(path: str, start: int, size: int) -> bytes:
    try:
        with open(spool.open_regular(path), "rb", buffering=0) as file:
            file.seek(start)
            return file.read(size)
    except OSError:
        return b""


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _mtime(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
