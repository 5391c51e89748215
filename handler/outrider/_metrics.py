"""
Reading back what was logged: from the agent, else from the run's own segments. `shape` is pure: the payload of either into what users get.

Never a part: where something may be missing and no agent answers, MetricsUnavailable.
"""

from __future__ import annotations

import os

from outrider import _values, spool
from outrider._errors import MetricsUnavailable

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterable

_DEADLINE_S = 5.0


def of_run(run: str, writer: Any, name: str | None) -> dict[str, Any]:
    """`{name: value}` of the run, or of one name."""
    home = getattr(writer, "home", None)
    if home is None:
        return {}
    payload = _from_agent(home, run, writer)
    if payload is None:
        payload = from_lines(_own_lines(os.path.join(home, "spool", run), something_was_written=writer.name is not None))
    return shape(payload, name)


def flush(run: str, writer: Any, timeout: float) -> bool:
    """Asks the agent to commit up to this process's position; True when it has."""
    from outrider import control

    home = getattr(writer, "home", None)
    if home is None:
        return True
    body = {"run": run, "timeout": timeout, "upto": _upto(writer)}
    try:
        status, answer = control.request(home, "POST", "/flush", body, timeout=timeout + 1.0)
    except control.ControlError:
        return False
    return status == 200 and isinstance(answer, dict) and bool(answer.get("done"))


def _upto(writer: Any) -> dict[str, list[int]]:
    return {writer.name: list(writer.position())} if writer.name else {}


def _from_agent(home: str, run: str, writer: Any) -> dict[str, Any] | None:
    """The agent's answer; None when there is none, or it does not answer."""
    from outrider import control

    if control.agent_info(home) is None:
        return None
    body = {"run": run, "upto": _upto(writer), "timeout": _DEADLINE_S}
    try:
        status, answer = control.request(home, "POST", "/metrics", body, timeout=_DEADLINE_S)
    except control.ControlError:
        return None
    return answer if status == 200 and isinstance(answer, dict) and "series" in answer else None


def _own_lines(run_folder: str, *, something_was_written: bool = False) -> list[bytes]:
    """
    The lines of all streams of the run on disk.

    Raises MetricsUnavailable when a segment has been shipped and deleted. (A stream that is gone leaves `.shipped` in the run's folder.)
    """
    try:
        names = sorted(os.listdir(run_folder))
    except FileNotFoundError:
        if something_was_written:
            raise MetricsUnavailable from None
        return []
    if ".shipped" in names:
        raise MetricsUnavailable
    streams: list[list[bytes]] = []
    for name in names:
        folder = os.path.join(run_folder, name)
        if name.startswith(".") or name.endswith(".tmp") or not os.path.isdir(folder):
            continue
        found = spool.segments(folder)
        if found != list(range(len(found))):
            raise MetricsUnavailable
        try:
            streams.append(list(spool.read_lines(folder)))
        except FileNotFoundError:
            raise MetricsUnavailable from None
    streams.sort(key=_attempt)  # of a run that was resumed, what came first comes first
    return [line for lines in streams for line in lines]


def _attempt(lines: list[bytes]) -> int:
    """Which attempt of its run a stream belongs to, by its header."""
    import json

    try:
        return int(json.loads(lines[0]).get("att", 1))
    except (IndexError, ValueError, TypeError, AttributeError):
        return 1


def from_lines(lines: Iterable[bytes]) -> dict[str, Any]:
    """The payload (the agent's has the same form) of lines of the spool. Lines that cannot be read are passed over, as the agent does."""
    import json

    series: dict[tuple[str, str], dict[str, Any]] = {}
    rows: list[dict[str, Any]] = []
    for raw in lines:
        try:
            line = json.loads(raw)
            kind, time = line["k"], line["t"]
        except (ValueError, KeyError, TypeError):
            continue
        if kind == "m":
            _points(series, line["n"], "call", "scalar").append([time, line.get("s"), line["v"]])
        elif kind == "ls":
            _points(series, line["n"], "call", "list").extend([time, None, value] for value in line["v"])
        elif kind == "l":
            for name, value in (line.get("m") or {}).items():
                _points(series, name, "log", "scalar").append([time, line.get("s"), value])
        elif kind in ("rw", "tb"):
            rows.append({"name": line["n"], "kind": "row" if kind == "rw" else "table", "time": time, "columns": line["c"]})
    return {"series": list(series.values()), "rows": rows}


def _points(series: dict[tuple[str, str], dict[str, Any]], name: str, source: str, kind: str) -> list[Any]:
    entry = series.setdefault((name, source), {"name": name, "source": source, "kind": kind, "points": []})
    points: list[Any] = entry["points"]
    return points


def shape(payload: dict[str, Any], name: str | None = None) -> dict[str, Any]:
    """
    One value is given bare, many as a list; a row as a dict of scalars, many rows or a table as a dict of lists. One float makes a list's
    ints floats. A name that is both a series and a table has the table under `<name> (table)`.
    """
    points: dict[str, list[Any]] = {}
    for one in payload["series"]:
        mixed = one["name"] in points  # from calls and from log records
        points.setdefault(one["name"], []).extend(one["points"])
        if mixed:
            points[one["name"]].sort(key=lambda point: point[0])
    answer: dict[str, Any] = {key: _bare([_values.number(point[2]) for point in found]) for key, found in points.items()}
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in payload["rows"]:
        tables.setdefault(row["name"], []).append(row)
    for key, found in tables.items():
        answer[f"{key} (table)" if key in points else key] = _columns(found)
    if name is None:
        return answer
    return {key: value for key, value in answer.items() if key in (name, f"{name} (table)" if name in points else name)}


def _bare(values: list[Any]) -> Any:
    if len(values) == 1:
        return values[0]
    if any(type(value) is float for value in values) and all(type(value) in (int, float) for value in values):
        return [float(value) for value in values]
    return values


def _columns(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows and tables of one name, one below the other; None where a row has no such column."""
    columns: dict[str, list[Any]] = {}
    length = 0
    for part in parts:
        cells = {key: [value] if part["kind"] == "row" else value for key, value in part["columns"].items()}
        height = max((len(values) for values in cells.values()), default=0)
        for key in [*columns, *(key for key in cells if key not in columns)]:
            column = columns.setdefault(key, [None] * length)
            column += [_values.number(value) for value in cells.get(key, [None] * height)]
        length += height
    return {key: _bare(values) for key, values in columns.items()}
