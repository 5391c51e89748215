"""
What came of a file that was to be captured: recorded, tried again later, or given up; every outcome leaves it captured or pending.

Under the collector's one lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent.collect import renames
from outrider_agent.core import identity

if TYPE_CHECKING:
    from outrider_agent.collect import rooted

_FIRST_WAIT_S = 0.2
_BUSY_WAIT_S = 8.0
_REFUSED_WAIT_S = 2.0


def captured(job: rooted.Job, sha: str, size: int, now: float) -> bool:
    """The content is kept. False where the spool refused the line: then it is pending again."""
    seen = job.root.in_flight.pop(job.found.relative, job.pending)
    if renames.is_first_after_gap(job):
        job.root.unobserved.add(job.found.relative)
    before = job.run.book.captured.get(job.path)
    if not job.run.book.record(job.path, job.found.stat, sha, size, observed=job.found.relative not in job.root.unobserved):
        if job.early is None:
            job.root.pending[job.found.relative] = identity.failed(seen, now, _FIRST_WAIT_S)
        else:
            job.root.waiting.put_back(job.found.relative, job.early, now + _REFUSED_WAIT_S)
        job.run.due = 0.0
        return False
    if job.early is not None:
        job.early.close()
    if before is None or before.sha != sha:
        job.root.unobserved.discard(job.found.relative)
    job.root.taken[job.found.relative] = now
    if job.found.relative in job.root.waiting:
        job.run.due = 0.0
    if job.force:
        job.run.notes.add(job.path, "busy")
    return True


def busy(job: rooted.Job, now: float) -> None:
    """It changed, or is open for writing: once the run has ended its tries are bounded, then it is taken as it is."""
    _again(job, now, _BUSY_WAIT_S)


def unsettled(job: rooted.Job, _now: float) -> None:
    """Nothing was wrong with it: it is taken when it has held still for the settling time, which is not begun anew."""
    seen = job.pending._replace(tries=job.pending.tries + 1, not_before=job.pending.since + job.run.settings.settle_s)
    _back(job, seen)


def unreadable(job: rooted.Job, now: float) -> None:
    """It could not be read: tried again, and given up some time after the run's end."""
    given_up = job.run.has_ended and job.pending.tries + 1 >= identity.BUSY_TRIES
    job.run.notes.add(job.path, "given-up" if given_up else "unreadable")
    if given_up:
        job.root.in_flight.pop(job.found.relative, None)
    else:
        _again(job, now, identity.LONGEST_WAIT_S)


def put_back(job: rooted.Job, now: float, wait_s: float) -> None:
    """It was not its fault: as before, a little later."""
    job.root.in_flight.pop(job.found.relative, None)
    if job.early is not None:
        job.root.waiting.put_back(job.found.relative, job.early, now + wait_s)
    else:
        job.root.pending.setdefault(job.found.relative, job.pending._replace(not_before=now + wait_s))
    job.run.due = 0.0


def _again(job: rooted.Job, now: float, longest_s: float) -> None:
    _back(job, identity.failed(job.pending, now, _FIRST_WAIT_S, longest_s))


def _back(job: rooted.Job, seen: identity.Pending) -> None:
    job.root.in_flight.pop(job.found.relative, None)
    job.root.pending[job.found.relative] = seen
    job.run.due = 0.0


def lost(job: rooted.Job) -> None:
    """What was held cannot be captured: the next version says that one may be missing."""
    if job.early is not None:
        job.early.close()
    job.root.in_flight.pop(job.found.relative, None)
    job.root.unobserved.add(job.found.relative)
    job.run.notes.add(job.path, "missed")
    job.run.due = 0.0
