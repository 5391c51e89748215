"""
Renames into place below a root: each file that one put there is a version, captured in order, however fast they follow one another.

Decides; holding is `early`'s, capturing somebody else's. All of it under the collector's one lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent.collect import rooted, sweep
from outrider_agent.core import identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outrider_agent.collect import early, followed


def take(run: followed.Followed, root: rooted.Root, folder: sweep.Root, one: early.Renamed, now: float) -> bool:
    """Takes up a rename. False: its file is not held; it is to be captured by its name, when it holds still."""
    prefix = folder.real.rstrip("/") + "/"
    relative = one.path[len(prefix) :]
    if not one.path.startswith(prefix) or not folder.holds(one.path) or identity.is_temporary(relative):
        return True
    before = run.book.captured.get(f"{root.name}/{relative}")
    is_after_gap = was_replaced(root, relative, before, one.early) or one.is_missed
    if is_after_gap:
        run.notes.add(f"{root.name}/{relative}", "missed")
    if one.early is None:
        # What was found twice is the newest that is held, if it has not been captured yet.
        if is_after_gap and not (one.is_missed and root.waiting.mark(relative)):
            root.waiting.skip(relative)
        return False
    found = sweep.Found(relative, one.path, one.early.stat)
    if not identity.is_changed(before, found.stat) or run.is_anothers(root, found):
        return True
    root.moved = now
    root.pending.pop(relative, None)
    if is_after_gap:
        root.waiting.skip(relative)
    if root.waiting.add(relative, one.early, now, run.settings.settle_s):
        return True
    root.unheld[relative] = found.stat.ino
    return False


def was_replaced(root: rooted.Root, relative: str, before: identity.Captured | None, one: early.Early | None) -> bool:
    """Was a file seen there that is neither what was captured last nor this one? Then nobody will capture it any more."""
    seen = {root.unheld.pop(relative, None), root.pending[relative].stat.ino if relative in root.pending else None}
    return bool(seen - {None, before.stat.ino if before is not None else None, one.stat.ino if one is not None else None})


def jobs(run: followed.Followed, root: rooted.Root, now: float) -> Iterator[rooted.Job]:
    """What is held and has its turn: the oldest of each path."""
    folder = root.last_folder
    if not root.waiting or folder is None:
        return
    for relative, one in root.waiting.next(root.in_flight, now):
        before = run.book.captured.get(f"{root.name}/{relative}")
        if before is not None and before.stat.ctime_ns > one.stat.ctime_ns:  # a later one was captured before it
            root.unobserved.add(relative)
            one.close()
            continue
        pending = root.in_flight[relative] = identity.Pending(one.stat, now, closed=True)
        found = sweep.Found(relative, f"{folder.real}/{relative}", one.stat)
        yield rooted.Job(run, root, folder, found, pending, quiet=True, force=False, early=one)


def is_first_after_gap(job: rooted.Job) -> bool:
    """Was a version missed between this one and the one before it? Asked once, when it is captured."""
    if job.early is not None:
        return job.early.is_after_gap
    is_after = job.root.waiting.has_skipped(job.found.relative)
    job.root.waiting.forgive(job.found.relative)
    return is_after
