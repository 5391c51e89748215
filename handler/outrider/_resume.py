"""
Continuing a run (`outrider run --resume`): which run is meant, that nothing of it lives, and which attempt comes next.

Here: what the spool says of a run, the lock under which a new attempt begins. Never here: the store (who has the agent hands in `ask`), the
new attempt's processes. The lock is the file `.resume` in the run's folder; it is held until the command of the new attempt was started.
"""

from __future__ import annotations

import json
import os
import time

from outrider import _shared, record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable

    Ask = Callable[[str, str], "dict[str, Any] | None"]

_AGENTS_OWN = ("agent-", "outputs-", "container-")
_LOCKLESS_ALIVE_S = 86_400
_BEGINNING = 1 << 18


class CannotResume(Exception):
    """Its text says why, and what to do."""


class Earlier:
    """The run as its earlier attempts left it; `attempt` is the number of the next one. Holds the lock as long as this process lives."""

    def __init__(self, run: str, attempt: int, about: dict[str, Any], lock: int) -> None:
        self.run = run
        self.attempt = attempt
        self.experiment: str | None = about.get("experiment")
        self.name: str | None = about.get("name")
        self.lock = lock


class _Stream:
    """One stream of the run on disk, by its header."""

    def __init__(self, folder: str, head: dict[str, Any]) -> None:
        self.folder = folder
        self.own = head.get("own") is True
        self.is_keepers = os.path.basename(folder).startswith("keeper-")
        self.attempt: int = head["att"] if isinstance(head.get("att"), int) else 1
        self.where = f"process {head.get('pid', '?')} on {head.get('host', '?')}"

    def lives(self) -> bool:
        """By its lock; a foreign writer's without one lives for a day after its last line, as docs/spool.md says."""
        lock = os.path.join(self.folder, "lock")
        if os.path.lexists(lock):
            return spool.is_locked(lock)
        newest = max((os.stat(spool.segment_path(self.folder, n)).st_mtime for n in spool.segments(self.folder)), default=0.0)
        return time.time() - newest < _LOCKLESS_ALIVE_S


def begin(home: str, text: str, ask: Ask) -> Earlier:
    """The run that `text` names, ready for its next attempt. Raises CannotResume."""
    run, known = named(home, text, ask)
    folder = os.path.join(home, "spool", run)
    try:
        _shared.make_folders(folder)
        mark = os.path.join(folder, ".resume")
        lock = spool.lock_file(mark)
        if lock is None:
            raise CannotResume(f"the run {run!r} is being resumed by somebody else at this moment")
        streams = _streams(folder)
        newest = max([stream.attempt for stream in streams], default=0)
        _check_that_nothing_lives(run, [stream for stream in streams if stream.attempt == newest], streams)
        attempt = 1 + max(newest, _last(mark), known.get("attempt") or 1)
        _forget(folder, has_shipped=not any(stream.own for stream in streams))
        os.pwrite(lock, b'{"attempt":%d}\n' % attempt, 0)
    except OSError as error:
        raise CannotResume(f"the run {run!r} cannot be continued in {home}: {error.strerror}") from error
    return Earlier(run, attempt, _about(streams, known), lock)


def is_known(home: str, run: str, ask: Ask) -> bool:
    """Is there a run of exactly this id?"""
    if _streams(os.path.join(home, "spool", run)):
        return True
    return (ask(home, run) or {}).get("run") == run


def named(home: str, text: str, ask: Ask) -> tuple[str, dict[str, Any]]:
    """The id of the run that `text` names, and what the store knows of it. Raises CannotResume."""
    root = os.path.join(home, "spool")
    there = [name for name in _list(root) if spool.valid_name(name) and _streams(os.path.join(root, name))]
    if text in there:
        return text, ask(home, text) or {}
    try:
        known = ask(home, text)
    except LookupError as problem:
        raise CannotResume(str(problem)) from problem
    if known is not None:
        return known["run"], known
    found = [name for name in there if text and name.startswith(text)]
    if len(found) == 1:
        return found[0], {}
    if found:
        raise CannotResume(f"{text!r} is the beginning of several runs: {', '.join(sorted(found)[:5])}. Give more of the id")
    raise CannotResume(f"there is no run {text!r} in {home}. `outrider runs` lists those there are")


def _streams(folder: str) -> list[_Stream]:
    found = []
    for name in _list(folder):
        path = os.path.join(folder, name)
        if spool.valid_name(name) and not name.startswith(_AGENTS_OWN) and not name.endswith(".tmp"):
            head = _head(path)
            if head.get("k") == record.HEAD:
                found.append(_Stream(path, head))
    return found


def _check_that_nothing_lives(run: str, newest: list[_Stream], streams: list[_Stream]) -> None:
    """What has its owner's `end` is over, whoever of its processes is still about."""
    if any(_has_end(stream.folder) for stream in newest if stream.own):
        return
    for stream in streams:
        if stream.lives():
            raise CannotResume(f"the run {run!r} still lives ({stream.where}). Wait for its end, or ask for it: outrider cancel {run}")


def _has_end(folder: str) -> bool:
    try:
        return any(b'"end"' in raw and _parse(raw).get("k") == record.END for raw in spool.read_lines(folder))
    except OSError:
        return True  # it was passed on and deleted at this moment: only what has ended is


def _about(streams: list[_Stream], known: dict[str, Any]) -> dict[str, Any]:
    """
    The run's experiment and name, as they were said last. What the store knows comes after what a keeper said, who speaks first and whose
    line may stay in the spool longer than the script's, and before what the newest attempt's own processes said, which it may not have yet.
    """
    first: dict[str, Any] = {}
    last: dict[str, Any] = {}
    newest = max([known.get("attempt") or 1, *(stream.attempt for stream in streams)])
    said = [(stream.attempt, _time(line), stream, line) for stream in streams for line in _said(stream.folder)]
    for attempt, _, stream, line in sorted(said, key=lambda one: one[:2]):
        found = last if attempt == newest and not stream.is_keepers else first
        for key in ("experiment", "name"):
            if isinstance(line.get(key), str) and not (key in found and key == "experiment" and line.get("default")):
                found[key] = line[key]
    return {**first, **{key: value for key, value in known.items() if value is not None}, **last}


def _said(folder: str) -> list[dict[str, Any]]:
    """A stream's `run` lines."""
    try:
        return [line for line in (_parse(raw) for raw in spool.read_lines(folder) if b'"run"' in raw) if line.get("k") == record.RUN]
    except OSError:
        return []  # it was passed on and deleted at this moment: the store has it


def _time(line: dict[str, Any]) -> int:
    return line["t"] if isinstance(line.get("t"), int) else 0


def _forget(folder: str, *, has_shipped: bool) -> None:
    """Marks that were about an earlier attempt; and that its lines are no longer all here, where they are not."""
    for name in _list(folder):
        if name == "cancel" or name.startswith(".exception-"):
            os.unlink(os.path.join(folder, name))
    if has_shipped:
        os.close(os.open(os.path.join(folder, ".shipped"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def _last(mark: str) -> int:
    """The number of the last attempt that was begun with --resume."""
    with open(mark, "rb") as file:
        found = _parse(file.read(100)).get("attempt")
    return found if isinstance(found, int) else 0


def _head(folder: str) -> dict[str, Any]:
    """A stream's header; empty where there is none."""
    numbers = spool.segments(folder)
    if not numbers:
        return {}
    try:
        with open(spool.segment_path(folder, numbers[0]), "rb") as file:
            data = file.read(_BEGINNING)
    except OSError:
        return {}
    return next((_parse(raw) for raw in data.split(b"\n")[:-1] if raw and b'"head"' in raw), {})


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
