"""
The last lines of a run: of its console where it has one, else its last log records. Pure.

What a run has of both is told by the spool (`of_streams`), by the store (`stored.tail`), or by the agent.
"""

from __future__ import annotations

from outrider import record, stored

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterable

_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def lines(console: bytes, logs: Iterable[dict[str, Any]], count: int) -> list[str]:
    """At most `count` lines, the newest last."""
    if console:
        return console[-stored.TAIL_BYTES :].decode("utf-8", "replace").splitlines()[-count:]
    found: list[str] = []
    for one in logs:
        level = one.get("level_name") or _LEVELS.get(one["level"], f"level {one['level']}")
        found += f"{level} {one['logger'] + ': ' if one.get('logger') else ''}{one['message']}".splitlines() or [""]
    return found[-count:]


def of_streams(streams: Iterable[Iterable[bytes]], count: int) -> tuple[bytes, list[dict[str, Any]]]:
    """What `lines` takes, out of the lines of a run's streams: the end of the console, and the last records by their time."""
    from collections import deque

    from outrider import _spooled

    console: list[bytes] = []
    logs: list[dict[str, Any]] = []
    for stream in streams:
        chunks: deque[bytes] = deque(maxlen=256)
        records: deque[bytes] = deque(maxlen=count)
        for raw in stream:
            kind = raw[:12]
            if b'"c"' in kind:
                chunks.append(raw)
            elif b'"l"' in kind:
                records.append(raw)
        console += [_spooled.console_bytes(_spooled.parsed(raw)) for raw in chunks]
        logs += [found for found in map(_record, map(_spooled.parsed, records)) if found]
    logs.sort(key=lambda found: int(found["time"]))
    return b"".join(console), logs[-count:]


def _record(line: dict[str, Any]) -> dict[str, Any] | None:
    if line.get("k") != record.LOG or not isinstance(line.get("msg"), str) or not isinstance(line.get("t"), int):
        return None
    return {"time": line["t"], "level": line.get("lv"), "level_name": line.get("ln"), "logger": line.get("lg"), "message": line["msg"]}
