"""
The sweep: every file under a root, by its stat. The sweep is the truth; watching is only a hint.

Only looks: opens folders, never a file. Follows links to files whose target lies inside the root, and no others; what is neither a file nor
a folder is never touched. An unreadable folder is reported and says nothing of what was in it.
"""

from __future__ import annotations

import os
import stat as modes
import time
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.core import identity

if TYPE_CHECKING:
    from collections.abc import Iterator


class Found(NamedTuple):
    """A regular file: its path relative to the root, the path to open (a link's target), its stat."""

    relative: str
    real: str
    stat: identity.Stat


class Skipped(NamedTuple):
    """What is not collected, and why: `outside`, `link`, `special` or `unreadable`."""

    relative: str
    why: str


class Root:
    """
    One root at one moment: where its (perhaps linked) folder really is, and which folders are not to be entered.

    That is our home (a real path), or, where the root lies in there (a script may work in OUTRIDER_HOME), what we keep in it.
    """

    def __init__(self, path: str, home: str) -> None:
        self.path = path
        self.real = os.path.realpath(path)
        inside = (self.real + "/").startswith(home + "/")
        self._forbidden = (f"{home}/spool", f"{home}/blobs") if inside else (home,)

    def walk(self) -> Iterator[Found | Skipped]:
        """Every file below, folders in no order, without recursion. Nothing where the root is no folder."""
        todo = [""] if not self._is_forbidden(self.real) else []
        while todo:
            folder = todo.pop()
            try:
                entries = os.scandir(self.real + folder)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                yield Skipped(folder[1:], "unreadable")
                continue
            with entries:
                yield from self._entries(entries, folder, todo)

    def look(self, relative: str) -> Found | Skipped | None:
        """One file, as `walk` would find it; None when it is not there, or no file."""
        path = f"{self.real}/{relative}"
        try:
            mode = os.lstat(path)
        except OSError:
            return None
        if modes.S_ISLNK(mode.st_mode):
            return self._link(relative, path)
        if not modes.S_ISREG(mode.st_mode):
            return None
        return Found(relative, path, stat_of(mode))

    def _entries(self, entries: Iterator[os.DirEntry[str]], folder: str, todo: list[str]) -> Iterator[Found | Skipped]:
        for entry in entries:
            relative = f"{folder}/{entry.name}"[1:]
            try:
                if entry.is_file(follow_symlinks=False):
                    yield Found(relative, entry.path, stat_of(entry.stat(follow_symlinks=False)))
                elif entry.is_dir(follow_symlinks=False):
                    if entry.path not in self._forbidden:
                        todo.append("/" + relative)
                elif entry.is_symlink():
                    yield self._link(relative, entry.path)
                else:
                    yield Skipped(relative, "special")
            except FileNotFoundError:
                continue
            except OSError:
                yield Skipped(relative, "unreadable")

    def _link(self, relative: str, path: str) -> Found | Skipped:
        try:
            real = os.path.realpath(path, strict=True)
            if not self.holds(real):
                return Skipped(relative, "outside")
            there = os.lstat(real)
        except OSError:  # dangling, a loop
            return Skipped(relative, "link")
        if not modes.S_ISREG(there.st_mode):
            return Skipped(relative, "link")
        return Found(relative, real, stat_of(there))

    def holds(self, real: str) -> bool:
        """Does this real path lie inside the root, and in no folder that is not to be entered?"""
        return real.startswith(self.real.rstrip("/") + "/") and not self._is_forbidden(real)

    def _is_forbidden(self, real: str) -> bool:
        return any((real + "/").startswith(folder + "/") for folder in self._forbidden)


def stat_of(result: os.stat_result) -> identity.Stat:
    """The part of a stat that tells states of a file apart."""
    return identity.Stat(result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns)


def cpu_seconds() -> float:
    """What this thread has cost so far: a sweep pays for its pause by what it took."""
    return time.thread_time()
