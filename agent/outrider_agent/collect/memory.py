"""
Did the kernel kill for memory in a dead run's cgroup? The `run` line of its owner names the counter and how it stood at the start.

Read-only. Where the counter is gone, or its folder is another cgroup's by now, nothing is said.
"""

# ruff: noqa: PTH116, PTH118, PTH120, PTH123 -- paths are plain strings here, as everywhere about streams
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from outrider import record, spool
from outrider_agent.collect import spooled

if TYPE_CHECKING:
    from collections.abc import Iterable

_BEGINNING = 1 << 18
_LARGEST = 1 << 16


def killed(directory: str, writers: Iterable[str]) -> dict[str, Any] | None:
    """The `oom` of an `end` line: how many processes since these streams of the run began; None where there is no evidence."""
    for writer in writers:
        marked = _marked(os.path.join(directory, writer))
        if marked is not None:
            return _since(marked)
    return None


def _marked(folder: str) -> dict[str, Any] | None:
    """What the stream's `run` line says of the counter, where its first segment is still there."""
    numbers = spool.segments(folder)
    if not numbers or numbers[0] != 0:
        return None
    lines = (spooled.decode(raw) for raw in _read(spool.segment_path(folder, 0), _BEGINNING).split(b"\n") if b'"oom"' in raw)
    found = next((line["oom"] for line in lines if line and line.get("k") == record.RUN), None)
    if not isinstance(found, dict) or not isinstance(found.get("at"), str) or not isinstance(found.get("kills"), int):
        return None
    return found


def _since(marked: dict[str, Any]) -> dict[str, Any] | None:
    try:
        if os.stat(os.path.dirname(marked["at"])).st_ino != marked.get("ino"):
            return None
    except (OSError, ValueError):
        return None
    for line in _read(marked["at"], _LARGEST).split(b"\n"):
        word, _, number = line.partition(b" ")
        if word == b"oom_kill" and number.strip().isdigit() and int(number) > marked["kills"]:
            return {"at": marked["at"], "kills": int(number) - marked["kills"]}
    return None


def _read(path: str, size: int) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(size)
    except (OSError, ValueError):
        return b""
