"""
How a command ended, as its keeper sees it: from its exit code or signal, what it left behind, who canceled it.

Here: reading and judging. Never here: writing to the spool, processes.
"""

from __future__ import annotations

import os
import signal

from outrider import record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping


def end_of(
    code: int, number: int, canceled_by: str | None, raised: Mapping[str, str] | None, killed: Mapping[str, int] | None
) -> dict[str, Any]:
    """The `end` line's content: an exit code, or a signal's number; who canceled it, what it raised, what was killed for memory."""
    found: dict[str, Any] = {"k": record.END, "status": record.FAILED, "reason": "signal" if number else "exit-code"}
    found.update({"sig": number} if number else {"code": code})
    if killed is not None:
        found["oom"] = killed
    if canceled_by is not None:
        found.update({"status": record.CANCELED, "reason": "canceled", "by": canceled_by})
    elif code == 0 and number == 0:
        found.update({"status": record.COMPLETED, "reason": "completed"})
    elif number == signal.SIGKILL and killed is not None:
        found["reason"] = "oom-killed"
    elif raised is not None and code == 1:  # what Python makes of an uncaught exception
        found.update({"reason": "exception", "err": raised})
    return found


def left_behind(folder: str, pid: int) -> dict[str, str] | None:
    """What the command, being Python, left behind about its uncaught exception (bootstrap/sitecustomize.py)."""
    path = os.path.join(folder, f".exception-{pid}")
    try:
        with open(spool.open_regular(path), encoding="utf-8") as file:
            text = file.read()
        os.unlink(path)
    except (OSError, ValueError):
        return None
    import json  # the keeper is there before the command starts: what it needs at the end comes at the end

    from outrider import _rot

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    said = {key: str(found.get(key, "")) for key in ("type", "message", "traceback")}
    hint = _rot.hint(said["type"], said["message"]) or _of_outputs(said["type"], said["message"])
    if hint is not None:
        said["message"] += f"\n{hint}"
    return said


def _of_outputs(kind: str, message: str) -> str | None:
    """An error about a folder that scripts made for jobs take for granted says where it is made."""
    path = message.rpartition("'")[0].rpartition("'")[2]
    if kind not in ("FileNotFoundError", "OSError") or path.lstrip("./").partition("/")[0] != "outputs" or os.path.isabs(path):
        return None
    return (
        "A script that is submitted has an empty ./outputs from its start: `outrider submit FOLDER SCRIPT` runs it so. Elsewhere the "
        "folder is yours to make. What was logged until then is kept."
    )


def asked_by(path: str) -> str:
    """Who asked for the run's end, by its `cancel` file; "" where it does not say."""
    import json

    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return ""
    return str(found.get("by") or "") if isinstance(found, dict) else ""
