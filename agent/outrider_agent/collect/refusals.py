"""
Refusals of writers that died: what they could not write is counted in their lock's block, and becomes a `gap` record here; so does an
`end` that is kept there, of an attempt that another one followed.

A living writer writes the gap itself, before the next line that is accepted. For a dead one nobody else would ever say it. Between a gap
and the mark in the block that it was told, who writes them may die: so a gap says how many are told with it (`of`), and before anything is
said of a dead writer it is looked up. Retention keeps the streams in which it may stand until the block has the mark.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from outrider import record, spool
from outrider_agent import crashpoints
from outrider_agent.collect import spooled

if TYPE_CHECKING:
    from collections.abc import Callable

#: Streams in which agents tell gaps of dead writers.
KIND = "agent-"

_BLOCK = 4096


def settle(directory: str, append: Callable[[bytes], bool], now_ns: int) -> bool:
    """
    Accounts for a dead writer's refusals: appends one `gap`, then writes into the block that it did. True when nothing is left.

    Idempotent: what the block says is accounted for is never said again. The lock is held meanwhile, so that no second agent does the same.
    """
    path = os.path.join(directory, "lock")  # noqa: PTH118
    if _missing(spool.counters(path)) <= 0:
        return True
    descriptor = spool.lock_file(path)
    if descriptor is None:
        return False
    try:
        counters = spool.counters(path)
        counters["gapped"] = max(counters.get("gapped", 0), told(directory))
        missing = _missing(counters)
        if missing > 0:
            if not append(spool.line(_gap(counters, missing, os.path.basename(directory), now_ns))):  # noqa: PTH119
                return False
            crashpoints.at("after_gap")
        counters["gapped"] = max(counters["gapped"], counters.get("refused", 0))
        os.pwrite(descriptor, json.dumps(counters).encode().ljust(_BLOCK), 0)
    finally:
        os.close(descriptor)
    return True


def told(directory: str) -> int:
    """How many of a dead writer's refusals the gaps on disk tell: its own, and those that agents wrote about it. Raises OSError."""
    run, writer = os.path.split(directory)
    found = [gap.get("of") for gap in _gaps(directory) if "w" not in gap]
    for stream in os.listdir(run):  # noqa: PTH208
        if stream.startswith(KIND):
            found += [gap.get("of") for gap in _gaps(os.path.join(run, stream)) if gap.get("w") == writer]  # noqa: PTH118
    return max((count for count in found if isinstance(count, int)), default=0)


def _gaps(directory: str) -> list[dict[str, Any]]:
    """The gaps of a stream. Looks for the word first: it is rare, and a segment is long."""
    lines = (spooled.decode(raw) for raw in spool.read_lines(directory) if b'"gap"' in raw)
    return [line for line in lines if line.get("k") == record.GAP]


def unsaid_end(directory: str) -> dict[str, Any] | None:
    """The `end` that a writer could only leave in its lock's block, for there was no room anywhere else; None where there is none."""
    block = spool.counters(os.path.join(directory, "lock"))  # noqa: PTH118
    said = None if block.get("said") else block.get("end")
    if not isinstance(said, dict) or str(said.get("status")) not in record.TERMINAL or str(said.get("reason")) not in record.REASONS:
        return None
    if not isinstance(said.get("t"), int):
        return None
    numbers = {name: said[name] for name in ("code", "sig") if isinstance(said.get(name), int)}
    return {"k": record.END, "t": said["t"], "status": said["status"], "reason": said["reason"], **numbers}


def settle_end(directory: str, append: Callable[[bytes], bool] | None) -> bool:
    """
    Appends that `end`, if there is one, and writes into the block that it was said; without `append` it was said already. True when nothing
    is left. Idempotent, as `settle` is; where this process dies in between the end is said twice, which means the same.
    """
    path = os.path.join(directory, "lock")  # noqa: PTH118
    if unsaid_end(directory) is None:
        return True
    descriptor = spool.lock_file(path)
    if descriptor is None:
        return False
    try:
        end = unsaid_end(directory)
        if end is not None and append is not None and not append(spool.line(end)):
            return False
        os.pwrite(descriptor, json.dumps({**spool.counters(path), "said": True}).encode().ljust(_BLOCK), 0)
    finally:
        os.close(descriptor)
    return True


def _missing(counters: dict[str, Any]) -> int:
    refused, gapped = counters.get("refused", 0), counters.get("gapped", 0)
    return refused - gapped if isinstance(refused, int) and isinstance(gapped, int) else 0


def _gap(counters: dict[str, Any], missing: int, writer: str, now_ns: int) -> dict[str, Any]:
    gap: dict[str, Any] = {"k": record.GAP, "t": now_ns, "n": missing, "w": writer, "of": counters.get("refused", 0)}
    if not counters.get("gapped") and isinstance(counters.get("refused_bytes"), int):
        gap["bytes"] = counters["refused_bytes"]
    for name in ("why", "since"):
        if counters.get(name):
            gap[name] = counters[name]
    return gap
