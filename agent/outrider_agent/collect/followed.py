"""
One run that is followed: its roots, what differs there from what was captured, and what is to be captured now.

Looks (by the sweep) and decides (by `core.identity`); copying is somebody else's work. All of it under the collector's one lock.
"""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
from __future__ import annotations

import os
from typing import TYPE_CHECKING

from outrider_agent.collect import ledger, notes, renames, rooted, roots, sweep, watching
from outrider_agent.core import identity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outrider_agent.collect import early

#: After a run's end: a file that was changed so much later is somebody else's, ns.
GRACE_NS = 10_000_000_000
#: Before a run's start: a file that was touched so shortly before was put there for the run (or its clock differs a little), ns.
BEFORE_NS = 10_000_000_000

_RECENT_S = 5.0


class Followed:
    """One run. The caller passes `now` (monotonic seconds). `began`: since when this agent looks, ns since the epoch."""

    def __init__(
        self,
        wanted: roots.OutputRoots,
        book: ledger.Ledger,
        hints: watching.Hints | None,
        *,
        home: str,
        settings: rooted.Settings,
        began: int,
    ) -> None:
        self.run = wanted.run
        self.book = book
        self._hints = hints
        self._wanted = wanted
        self._planned: roots.OutputRoots | None = None
        self.settings = settings
        self._home = os.path.realpath(home)
        self._is_late = book.is_new and wanted.started < began
        self.notes = notes.Notes(book)
        self._swept_final = False
        self.roots: dict[str, rooted.Root] = {}
        self.crowd = 1  # how many runs are followed beside it: they share what idle roots may cost
        self.due = 0.0  # before that there is nothing to do, unless somebody sets it to 0

    def want(self, wanted: roots.OutputRoots, now: float) -> None:
        """What its roots are now, and whether it has ended."""
        if wanted is self._planned:
            return
        self._planned = wanted
        if wanted.ended and not self._wanted.ended:
            self._swept_final = False
        self._wanted = wanted
        self.due = 0.0
        if self.roots.keys() == set(wanted.roots):
            return
        for path, name in identity.root_names(wanted.roots).items():
            if path not in self.roots:
                self.roots[path] = rooted.Root(name, path, now)
        for gone in self.roots.keys() - set(wanted.roots):
            self.roots.pop(gone).waiting.close()

    @property
    def is_done(self) -> bool:
        """Has it ended, and is everything captured?"""
        if not self._wanted.ended or not self._swept_final:
            return False
        return not any(root.pending or root.in_flight or root.waiting for root in self.roots.values())

    @property
    def has_ended(self) -> bool:
        """Is the run over?"""
        return self._wanted.ended

    @property
    def skipped(self) -> int:
        """Things that were not collected."""
        return len(self.notes)

    def stir(self, root: str) -> None:
        """Something moved below this root: it is swept as soon as its budget allows."""
        if root in self.roots:
            self.due = 0.0
            self.roots[root].next_sweep = min(self.roots[root].next_sweep, self.roots[root].earliest)

    def renamed(self, path: str, seen: Sequence[early.Renamed], now: float) -> None:
        """Files that were renamed into place below a root, in order: each is a version, held until it is captured."""
        root = self.roots[path]
        folder = root.appear(self._home)
        for one in seen if folder is not None else ():
            if folder is not None and not renames.take(self, root, folder, one, now):
                self._closed(root, folder, one.path, now)
        self.due = 0.0

    def jobs(self, now: float, closed: dict[str, set[str]], *, everything: bool = False) -> list[rooted.Job]:
        """
        What is to be captured now, after looking where it is time to, and at the files that were `closed` (root -> paths).

        `everything`: sweep all, and take all that nobody has open for writing.
        """
        final = self._wanted.ended
        everything |= final and not self._swept_final
        found: list[rooted.Job] = []
        for root in self.roots.values():
            if not everything and now < root.next_sweep and not root.pending and root.path not in closed:
                continue
            if not (folder := root.appear(self._home)):
                self._absent(root, now)
                continue
            for path in closed.get(root.path, ()):
                self._closed(root, folder, path, now)
            if everything or now >= root.next_sweep:
                self._sweep(root, folder, now)
            found += self._ready(root, folder, now, everything=everything)
        for root in self.roots.values():
            found += renames.jobs(self, root, now)
        if everything and final:
            self._swept_final = True
        self.due = self._next_due(now)
        return found

    def _next_due(self, now: float) -> float:
        times = [root.next_sweep for root in self.roots.values()]
        times += [root.waiting.not_before for root in self.roots.values() if root.waiting and not root.in_flight]
        for root in self.roots.values():
            if root.pending and root.folder is not None:
                times.extend(self._due(relative, pending, now) for relative, pending in root.pending.items())
        return min(times, default=now + self.settings.idle_interval_s)

    def close(self) -> None:
        """Lets go of its stream and of what is held. Idempotent."""
        self.book.close()
        for root in self.roots.values():
            root.waiting.close()

    def _due(self, relative: str, pending: identity.Pending, now: float) -> float:
        """When it may be captured; what has a temporary name waits for the run's end."""
        if not self._wanted.ended and identity.is_temporary(relative):
            return now + self.settings.idle_interval_s
        return identity.due(pending, self.settings.settle_s, final=self._wanted.ended)

    def _absent(self, root: rooted.Root, now: float) -> None:
        root.pending.clear()
        root.is_swept = True
        if self._hints is not None:
            self._hints.forget(root.path)
        self._plan(root, now, 0.0)

    def _plan(self, root: rooted.Root, now: float, cost: float) -> None:
        """When is it swept next, and when at the earliest, should a hint come?"""
        root.next_sweep = root.earliest = identity.next_sweep(now, cost, self.settings.sweep_interval_s)
        if now - root.moved > _RECENT_S:
            watched = self._hints is not None and self._hints.watches(root.path)
            root.next_sweep = max(root.earliest, _next_quiet(now, cost, now - root.moved, self.settings, self.crowd, watched=watched))

    def _closed(self, root: rooted.Root, folder: sweep.Root, path: str, now: float) -> None:
        prefix = folder.real.rstrip("/") + "/"
        if path.startswith(prefix) and folder.holds(path):
            found = folder.look(path[len(prefix) :])
            if isinstance(found, sweep.Found):
                # One that is closed again and again (a log) makes no version each time: within the settling time it must be quiet.
                often = now - root.taken.get(found.relative, -self.settings.settle_s) < self.settings.settle_s
                self._take(root, found, now, closed=not often)

    def _sweep(self, root: rooted.Root, folder: sweep.Root, now: float) -> None:
        if self._hints is not None and not self._wanted.ended:
            self._hints.watch(root.path, folder.real)  # first watched, then swept: nothing falls between
        began = sweep.cpu_seconds()
        there = set()
        for found in folder.walk():
            if isinstance(found, sweep.Found):
                if self._take(root, found, now):
                    there.add(found.relative)
            else:
                self.notes.add(f"{root.name}/{found.relative}", found.why)
        for gone in root.pending.keys() - there:
            del root.pending[gone]
        root.is_swept = True
        self._plan(root, now, sweep.cpu_seconds() - began)

    def _take(self, root: rooted.Root, found: sweep.Found, now: float, *, closed: bool = False) -> bool:
        """Notes what was found; is it pending?"""
        relative = found.relative
        if relative in root.in_flight:
            return False
        if not identity.is_changed(self.book.captured.get(f"{root.name}/{relative}"), found.stat):
            return False
        before = root.pending.get(relative)
        if before is None and self.is_anothers(root, found):
            return False
        # What was seen there before was replaced, and is lost; what has a temporary name was no version.
        if before is not None and before.stat.ino != found.stat.ino and not identity.is_temporary(relative):
            root.unobserved.add(relative)
            self.notes.add(f"{root.name}/{relative}", "missed")
        pending = root.pending[relative] = identity.step(before, found.stat, now, closed=closed)
        if before is None and self._is_late and not root.is_swept and found.stat.ctime_ns >= self._wanted.started:
            root.unobserved.add(relative)
        if pending.since == now:
            root.moved = now
        return True

    def is_anothers(self, root: rooted.Root, found: sweep.Found) -> bool:
        """Did another run in the same folder leave it there: before this run began, or long after its end?"""
        later = self._wanted.ended and is_later(found, self._wanted.ended_at)
        if later:
            self.notes.add(f"{root.name}/{found.relative}", "later")
        return later or (not self.settings.existing and was_there(found, self._wanted.started))

    def _ready(self, root: rooted.Root, folder: sweep.Root, now: float, *, everything: bool) -> Iterator[rooted.Job]:
        for relative in [name for name, pending in root.pending.items() if everything or self._due(name, pending, now) <= now]:
            if relative in root.waiting or relative in root.in_flight:  # an earlier version is captured first
                continue
            found = folder.look(relative)
            if not isinstance(found, sweep.Found) or not identity.is_changed(self.book.captured.get(f"{root.name}/{relative}"), found.stat):
                del root.pending[relative]
                continue
            pending = root.pending[relative] = identity.step(root.pending[relative], found.stat, now)
            if self._wanted.ended or not identity.is_temporary(relative):
                due = self._due(relative, pending, now)
                if due <= now or (everything and pending.not_before <= now):
                    yield self._job(root, folder, found, pending, now)

    def _job(self, root: rooted.Root, folder: sweep.Root, found: sweep.Found, pending: identity.Pending, now: float) -> rooted.Job:
        root.in_flight[found.relative] = root.pending.pop(found.relative)
        force = self._wanted.ended and pending.tries >= identity.BUSY_TRIES
        quiet = now - pending.since >= self.settings.settle_s
        return rooted.Job(self, root, folder, found, pending, quiet, force)


def was_there(found: sweep.Found, started: int) -> bool:
    """Has nobody touched it since before that time (ns)? A clock cannot set back the ctime."""
    return found.stat.ctime_ns + BEFORE_NS < started


def is_later(found: sweep.Found, ended_at: int | None) -> bool:
    """Was it changed long after that time (ns)? Both its times say so, or it was only copied about."""
    return bool(ended_at) and min(found.stat.mtime_ns, found.stat.ctime_ns) > (ended_at or 0) + GRACE_NS


def _next_quiet(now: float, cost: float, quiet: float, settings: rooted.Settings, crowd: int, *, watched: bool) -> float:
    """When is a root swept again in which nothing moved for so long? One that is watched is idle at once: a hint hurries it."""
    idle = identity.next_idle_sweep(now, cost, settings.idle_interval_s, crowd)
    if watched or quiet > settings.idle_after_s:
        return idle
    return min(idle, identity.next_quiet_sweep(now, cost, settings.sweep_interval_s, quiet, crowd))
