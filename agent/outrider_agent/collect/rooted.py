"""One output root of a run: what is pending there and what is being captured; and a file of it to capture now. No decisions here."""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
# ruff: noqa: PTH116
from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from outrider_agent.collect import early, sweep

if TYPE_CHECKING:
    from outrider_agent.collect import followed
    from outrider_agent.core import identity


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How the outputs are followed, seconds."""

    settle_s: float = 2.0
    sweep_interval_s: float = 1.0
    idle_after_s: float = 60.0
    idle_interval_s: float = 5.0
    watch: bool = True
    existing: bool = False


class Root:
    """One output root: what is pending there, what is being captured, and when it is swept next."""

    def __init__(self, name: str, path: str, now: float) -> None:
        self.name, self.path = name, path
        self.pending: dict[str, identity.Pending] = {}
        self.in_flight: dict[str, identity.Pending] = {}
        self.unobserved: set[str] = set()
        self.waiting = early.Waiting()
        self.unheld: dict[str, int] = {}  # path -> inode that a rename put there and that is not held
        self.folder: sweep.Root | None = None
        self.last_folder: sweep.Root | None = None
        self.inode: tuple[int, int] | None = None
        self.next_sweep = self.earliest = now
        self.moved = now
        self.taken: dict[str, float] = {}
        self.is_swept = False

    def appear(self, home: str) -> sweep.Root | None:
        """The folder, if it is there. One stat; another folder under its name is resolved anew."""
        try:
            status = os.stat(self.path)
        except OSError:
            self.folder = self.inode = None
            return None
        if self.folder is None or self.inode != (status.st_dev, status.st_ino):
            self.folder = self.last_folder = sweep.Root(self.path, home)
            self.inode = (status.st_dev, status.st_ino)
        return self.folder


class Job(NamedTuple):
    """A file to capture now."""

    run: followed.Followed
    root: Root
    folder: sweep.Root
    found: sweep.Found
    pending: identity.Pending
    quiet: bool
    force: bool
    early: early.Early | None = None

    @property
    def path(self) -> str:
        """The artifact's path within its run."""
        return f"{self.root.name}/{self.found.relative}"
