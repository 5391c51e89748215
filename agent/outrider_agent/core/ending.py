"""
How a run ended, from what its owner saw and what the script itself said. Pure.

The owner decides; the worse of the two wins. A run nobody owns is ended by what was said.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outrider import record

SEVERITY = {record.COMPLETED: 0, record.CANCELED: 1, record.FAILED: 2}
USUAL = {record.COMPLETED: "completed", record.FAILED: "failed", record.CANCELED: "canceled"}
#: What only somebody can say who watched the owner die; it gives way to what the owner said itself.
OBSERVED = frozenset({"vanished", "keeper-lost", "oom-killed"})


class Ending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An `end` as it is kept."""

    status: str
    reason: str
    time: int
    code: int | None = None
    signal: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    traceback: str | None = None
    error_code: str | None = None
    by: str | None = None
    #: What the kernel killed for memory meanwhile (docs/spool.md, `oom`).
    evidence: dict[str, Any] | None = None


def is_observed(end: Ending) -> bool:
    """Was it written by somebody else than the run's own processes?"""
    return end.reason in OBSERVED


def later(kept: Ending | None, new: Ending) -> Ending:
    """Which of two of the owner's to keep: its own word before an observer's, else the later one."""
    return kept if kept is not None and is_observed(new) and not is_observed(kept) else new


def worse(kept: Ending | None, new: Ending) -> Ending:
    """Which of two that were said to keep."""
    return kept if kept is not None and SEVERITY[kept.status] >= SEVERITY[new.status] else new


def decide(seen: Ending | None, said: Ending | None, *, owned: bool) -> Ending | None:
    """The run's ending; None while it runs. `owned`: a stream that owns the run is known."""
    if seen is None:
        return None if owned else said
    if said is None or seen.status == record.CANCELED or is_observed(seen):
        return with_error(seen, said)
    if SEVERITY[said.status] > SEVERITY[seen.status]:
        return msgspec.structs.replace(said, time=seen.time, code=seen.code, signal=seen.signal, evidence=seen.evidence)
    return with_error(seen, said)


def superseded(kept: Ending | None, owner: str | None, next_began: int) -> Ending:
    """The ending of an attempt after which another began: its own; where it has none, its owner vanished, before the next one began."""
    lost = owner is not None and owner.startswith("keeper-")
    return kept or Ending(status=record.FAILED, reason="keeper-lost" if lost else "vanished", time=next_began)


def with_error(seen: Ending, said: Ending | None) -> Ending:
    """What the owner saw, with the error that the script reported where the owner knows none."""
    if said is None or said.status != record.FAILED or seen.status != record.FAILED:
        return seen
    if seen.error_type or seen.error_message or seen.traceback or seen.error_code:
        return seen
    return msgspec.structs.replace(
        seen, error_type=said.error_type, error_message=said.error_message, traceback=said.traceback, error_code=said.error_code
    )


def known_reason(status: str, reason: str) -> str:
    """The reason, if the vocabulary has it; else the usual one for that status."""
    return reason if reason in record.REASONS else USUAL[status]
