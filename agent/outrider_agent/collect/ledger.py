"""
What was captured of one run: read back from the collector's own streams, and written to a new one. There is no other state file.

A stream opens with `seen` lines of all that is known, and so does each further segment: then the older ones may be deleted.
Order: the blob is durable before its `art` line is appended here.
"""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
# ruff: noqa: PTH112, PTH118, PTH208
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from outrider import record, spool
from outrider_agent.collect import spooled
from outrider_agent.core import identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outrider_agent import protocols

KIND = "outputs"

_FILES_A_LINE = 1_000
_WARNING = 30

#: (size, sha256, mtime ns) of an artifact's last version, as a store knows it.
Kept = tuple[int, str, int]


class Ledger:
    """One run's captured files: path within the run -> what was recorded last. One thread at a time."""

    def __init__(self, home: str, run: str, clock: protocols.Clock) -> None:
        self._folder = os.path.join(home, "spool", run)
        self._clock = clock
        self._writer = spool.Writer(home, run, KIND)
        self._segment = -1
        self._is_open = False
        self.captured: dict[str, identity.Captured] = {}
        self.is_final = False
        self.is_new = not self._replay()
        self._owes_final = not self.is_new and not self.is_final

    def learn(self, known: Mapping[str, Kept]) -> None:
        """What a store has of this run, for what the earlier streams do not tell (any more)."""
        self.is_new = self.is_new and not known
        for path, (size, sha, mtime) in known.items():
            # Without inode and ctime it is hashed once more; the same content is no new version.
            self.captured.setdefault(path, identity.Captured(identity.Stat(0, size, mtime, 0), sha))

    def record(self, path: str, stat: identity.Stat, sha: str, size: int, *, observed: bool = True) -> bool:
        """
        The content `sha` is kept: appends an `art` line where it differs from the last version.

        False: the spool refused it, nothing is recorded, and it must be tried again.
        """
        before = self.captured.get(path)
        self._owes_final = True
        if before is None or before.sha != sha:
            found: dict[str, Any] = {"k": record.ARTIFACT, "t": self._clock.time_ns(), "p": path, "size": size, "sha": sha}
            found.update(mt=stat.mtime_ns, src="outputs", ino=stat.ino, ct=stat.ctime_ns)
            if not observed:
                found["obs"] = False
            if not self._append(found):
                return False
        self.captured[path] = identity.Captured(stat, sha)
        self._keep_up()
        return True

    def note(self, message: str) -> None:
        """Something the user of the run should know."""
        self._append({"k": record.NOTE, "t": self._clock.time_ns(), "lv": _WARNING, "msg": message})

    def finish(self) -> None:
        """The run has ended and all is captured: says so for the next agent, where there was anything to look at, and closes."""
        if self._is_open or self._owes_final:
            self._append({"k": record.SEEN, "t": self._clock.time_ns(), "files": {}, "final": True})
        self.close()

    def close(self) -> None:
        """Lets go of the stream. Idempotent."""
        self._writer.close()

    def _append(self, found: dict[str, Any]) -> bool:
        if not self._is_open:
            if not os.path.isdir(self._folder):  # the run was deleted: it is not to come back
                return False
            self._is_open = self._say_seen()
        return self._is_open and self._writer.append(spool.line(found))

    def _keep_up(self) -> None:
        """In a new segment all is said anew; and again, a few times, where that itself begins one more (it may be larger than one)."""
        for _ in range(3):
            if not self._is_open or self._writer.position()[0] == self._segment:
                return
            self._say_seen()

    def _say_seen(self) -> bool:
        """All that is known, in lines of bounded length."""
        self._segment = self._writer.position()[0]
        items = list(self.captured.items())
        for start in range(0, len(items), _FILES_A_LINE):
            files = {path: [*captured.stat, captured.sha] for path, captured in items[start : start + _FILES_A_LINE]}
            if not self._writer.append(spool.line({"k": record.SEEN, "t": self._clock.time_ns(), "files": files})):
                return False
        return True

    def _replay(self) -> bool:
        """Reads the run's earlier streams of this kind, oldest first. Were there any?"""
        try:
            names = [name for name in os.listdir(self._folder) if name.startswith(f"{KIND}-")]
        except OSError:
            return False
        streams = []
        for name in names:
            lines = _lines(os.path.join(self._folder, name))
            if lines:
                streams.append((_time(lines[0]), name, lines))
        for _time_of_head, _name, lines in sorted(streams, key=lambda stream: stream[:2]):
            for found in lines:
                self._take(found)
        return bool(streams)

    def _take(self, found: dict[str, Any]) -> None:
        kind = found.get("k")
        if kind == record.SEEN and isinstance(found.get("files"), dict):
            for path, values in found["files"].items():
                self._put(path, values)
            self.is_final = found.get("final") is True
        elif kind == record.ARTIFACT and found.get("src") == "outputs":
            self._put(found.get("p"), [found.get("ino"), found.get("size"), found.get("mt"), found.get("ct"), found.get("sha")])
            self.is_final = False

    def _put(self, path: object, values: object) -> None:
        if isinstance(path, str) and isinstance(values, list) and len(values) == 5 and isinstance(values[4], str):
            numbers = [value if isinstance(value, int) else 0 for value in values[:4]]
            self.captured[path] = identity.Captured(identity.Stat(*numbers), values[4])


def _lines(stream: str) -> list[dict[str, Any]]:
    """A stream's lines; from the start again where a segment was deleted in between (a later one tells all that it told)."""
    for _ in range(3):
        try:
            return [spooled.decode(raw) for raw in spool.read_lines(stream)]
        except OSError:
            continue
    return []


def _time(head: dict[str, Any]) -> int:
    found = head.get("t")
    return found if isinstance(found, int) else 0
