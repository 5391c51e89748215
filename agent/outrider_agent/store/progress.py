"""How far a run is by what it printed, and whether it has fallen silent. Reads a connection; decides from numbers."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec

from outrider_agent.store import queries

if TYPE_CHECKING:
    import sqlite3

    from outrider_agent.store import records

SQL = queries.load("printed")
#: No output for so many times the usual gap is a stall; and never before so many seconds.
STALL_GAPS, STALL_LEAST_S = 6.0, 60.0
#: Nor before half as long again as a silence that the run has had twice: between two epochs, while it evaluates.
STALL_KNOWN = 1.5
#: The usual gap is that of the last so many chunks. What comes within a second is one output.
CHUNKS = 1_000
SECOND = 1_000_000_000


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a run's console says of it. `share`: how much is done, from 0 to 1; `eta_s`: at the pace so far; `unread`: lines that look like
    numbers and that no rule read; `silent_s`: since the last output; `is_stalled`: silent for six times the usual gap.
    """

    share: float | None
    eta_s: float | None
    unread: int
    silent_s: float | None
    is_stalled: bool


def of(connection: sqlite3.Connection, run: records.Run, now: int) -> Progress:
    """A run's, by its newest attempt. `now` in nanoseconds."""
    told = connection.execute(SQL.progress, {"run_id": run.run_id}).fetchone()
    share = None if told["share"] is None else min(max(float(told["share"]), 0.0), 1.0)
    elapsed = (now - (told["started"] or run.started)) / SECOND
    eta = max(elapsed, 0.0) * (1 - share) / share if share and not run.is_over else None
    times = [] if run.is_over else [int(row[0]) for row in connection.execute(SQL.times, {"run_id": run.run_id, "limit": CHUNKS})]
    silent = max((now - times[0]) / SECOND, 0.0) if times else None
    is_stalled = silent is not None and silent > patience(times)
    return Progress(share=share, eta_s=eta, unread=int(told["unread"] or 0), silent_s=silent, is_stalled=is_stalled)


def patience(times: list[int]) -> float:
    """How many seconds without output are usual enough, by the seconds in which there was some, the newest first."""
    gaps = sorted((later - earlier) / SECOND for later, earlier in itertools.pairwise(times))
    usual = gaps[len(gaps) // 2] if gaps else STALL_LEAST_S
    known = gaps[-2] if len(gaps) > 1 else 0.0
    return max(STALL_GAPS * usual, STALL_KNOWN * known, STALL_LEAST_S)
