"""
How often the kernel has killed for memory in this process's cgroup: the one evidence for `oom-killed`.

Here: where the counter is (`memory.events` of cgroup v2, `memory.oom_control` of v1) and what it says. Never here: what that means for a
run. A few small reads, as bytes (a process that has changed its root has no codecs left); nothing is raised: no counter, no evidence.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator

_ROOT = "/sys/fs/cgroup"
_UNLIMITED = 1 << 60  #: what v1 says where there is no limit is larger


def mark() -> dict[str, Any] | None:
    """The counter as it stands: the `oom` of a `run` line (docs/spool.md). None where this system shows none."""
    for path in _candidates():
        kills = _kills(path)
        if kills is not None:
            try:
                return {"at": path, "ino": os.stat(os.path.dirname(path)).st_ino, "kills": kills}
            except OSError:
                continue
    return None


def since(marked: dict[str, Any] | None) -> dict[str, Any] | None:
    """What was killed since: the `oom` of an `end` line. None where nothing was, or the cgroup is not the one that was marked."""
    if marked is None:
        return None
    try:
        same = os.stat(os.path.dirname(marked["at"])).st_ino == marked["ino"]
    except OSError:
        return None
    kills = _kills(marked["at"]) if same else None
    if kills is None or kills <= marked["kills"]:
        return None
    found = {"at": marked["at"], "kills": kills - marked["kills"], "limit": _limit(os.path.dirname(marked["at"]))}
    return {key: value for key, value in found.items() if value is not None}


def _candidates() -> Iterator[str]:
    """The counter's file: in the cgroup's own folder, or, in a container that sees only its own cgroup, at the top."""
    root = os.environ.get("OUTRIDER_CGROUP_ROOT") or _ROOT
    for fields in [os.fsdecode(line).split(":", 2) for line in _read("/proc/self/cgroup").split(b"\n")]:
        if len(fields) == 3 and not fields[1]:
            for top in (root, os.path.join(root, "unified")):
                yield os.path.join(top, fields[2].lstrip("/"), "memory.events")
                yield os.path.join(top, "memory.events")
        elif len(fields) == 3 and "memory" in fields[1].split(","):
            yield os.path.join(root, "memory", fields[2].lstrip("/"), "memory.oom_control")
            yield os.path.join(root, "memory", "memory.oom_control")


def _kills(path: str) -> int | None:
    """The number behind `oom_kill`; both versions spell it so."""
    for line in _read(path).split(b"\n"):
        word, _, number = line.partition(b" ")
        if word == b"oom_kill" and number.strip().isdigit():
            return int(number)
    return None


def _limit(folder: str) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        text = _read(os.path.join(folder, name)).strip()
        if text.isdigit() and int(text) < _UNLIMITED:
            return int(text)
    return None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read(1 << 16)
    except OSError:
        return b""
