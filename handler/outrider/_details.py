"""What is known of a run as the original's `get_details()` has it, and the run's logs."""

# ruff: noqa: SLF001 -- the run's own half
from __future__ import annotations

import os

from outrider import _definition, _files, _history, _known, _shown

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    from outrider._known import KnownRun

#: Files whose names begin so are logs.
_LOGS = ("user_logs/", "system_logs/", "azureml-logs/", "logs/")


def of_run(run: KnownRun) -> dict[str, Any]:
    """`get_details()`."""
    document = run._asked()
    files = _history.files(run._home, run.id)
    inputs = [
        {"dataset": given, "consumptionDetails": {"type": "RunInput", "inputName": name}} for name, given in _items(document, "inputs")
    ]
    found: dict[str, Any] = {
        "runId": run.id,
        "target": "local",
        "status": _known._standing(document),
        "startTimeUtc": utc(document.get("started")),
        "endTimeUtc": utc(document.get("ended")),
        "services": {},
        "error": _error(document),
        "warnings": [],
        "properties": document.get("properties") or {},
        "tags": document.get("tags") or {},
        "inputDatasets": inputs,
        "outputDatasets": [],
        "runDefinition": _definition.of_run(run, files) or _command(document),
        "logFiles": {name: _shown.file_address(run._home, run.id, name) for name in sorted(files) if name.startswith(_LOGS)},
        "submittedBy": document.get("user"),
    }
    return {key: value for key, value in found.items() if value is not None}


def with_logs(run: KnownRun) -> dict[str, Any]:
    """`get_details_with_logs()`."""
    found = of_run(run)
    files = _history.files(run._home, run.id)
    found["logFiles"] = {name: _files.text(run, name, files) for name in found["logFiles"]}
    return found


def copy_logs(run: KnownRun, destination: str | None) -> list[str]:
    """`get_all_logs()`."""
    folder = os.path.join("assets", run.id) if destination is None else os.fspath(destination)
    if os.path.isfile(folder):
        raise FileExistsError(f"{folder} is a file; get_all_logs() needs the path of a folder")
    os.makedirs(folder, exist_ok=True)
    names = [name for name in sorted(_history.files(run._home, run.id)) if name.startswith(_LOGS)]
    return [_files.download(run, name, os.path.join(folder, *name.split("/"))) for name in names]


def utc(time: int | None) -> str | None:
    """Nanoseconds since the epoch as ISO 8601 in UTC, with microseconds."""
    import datetime as dt

    if not time:
        return None
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    moment = epoch + dt.timedelta(microseconds=time // 1000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _items(document: dict[str, Any], key: str) -> list[tuple[str, Any]]:
    return list((document.get(key) or {}).items())


def _error(document: dict[str, Any]) -> dict[str, Any] | None:
    """The error as the service said it: a code, a message, the type and the stack."""
    error = document.get("error")
    if not error and document.get("status") != "Failed":
        return None
    error = error or {}
    kind, message = error.get("type") or "", error.get("message") or document.get("reason") or ""
    if kind:
        text = f"User program failed with {kind}: {message}"
    elif document.get("exit_code") is not None and not error:
        text = f"User program failed: it exited with code {document['exit_code']}"
    else:
        text = message
    debug = {"type": kind, "message": message, "stackTrace": error.get("traceback")}
    return {"error": {"code": error.get("code") or "UserError", "message": text, "debugInfo": debug}}


def _command(document: dict[str, Any]) -> dict[str, Any]:
    command = document.get("command") or []
    found = {"command": command, "script": None, "workingDirectory": document.get("cwd"), "parameters": document.get("params") or {}}
    return {key: value for key, value in found.items() if value is not None}
