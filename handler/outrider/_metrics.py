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
        payload = from_streams(_own_streams(os.path.join(home, "spool", run), something_was_written=writer.name is not None))
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


def _own_streams(run_folder: str, *, something_was_written: bool = False) -> list[list[bytes]]:
    """
    The lines of each stream of the run on disk.

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
    return streams


def from_streams(streams: Iterable[Iterable[bytes]]) -> dict[str, Any]:
    """
    The payload (the agent's has the same form) of streams of the spool. Lines that cannot be read are passed over, as the agent does.

    What comes from one stream is in that stream's order, however the clock jumped; what comes from several is by time.
    """
    found = _Found()
    for number, lines in enumerate(streams):
        for raw in lines:
            found.take(raw, number)
    return found.payload()


class _Found:
    """Series and rows as they are read, each with the stream it comes from."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], tuple[dict[str, Any], set[int]]] = {}
        self._rows: dict[str, tuple[list[dict[str, Any]], set[int]]] = {}

    def take(self, raw: bytes, stream: int) -> None:
        """One line; what is none that the agent would take is nothing."""
        import json

        try:
            self._take(json.loads(raw), stream)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return

    def payload(self) -> dict[str, Any]:
        """What was found."""
        for entry, streams in self._series.values():
            if len(streams) > 1:
                entry["points"].sort(key=lambda point: point[0])
        for of_name, streams in self._rows.values():
            if len(streams) > 1:
                of_name.sort(key=lambda row: row["time"])
        rows = [row for of_name, _ in self._rows.values() for row in of_name]
        return {"series": [entry for entry, _ in self._series.values()], "rows": rows}

    def _take(self, line: dict[str, Any], stream: int) -> None:
        kind, time = line["k"], line["t"]
        if type(time) is not int:
            raise TypeError
        if kind == "m":
            self._points(line["n"], "call", "scalar", stream, [[time, line.get("s"), line["v"]]])
        elif kind == "ls":
            self._points(line["n"], "call", "list", stream, [[time, None, value] for value in line["v"]])
        elif kind == "l":
            for name, value in (line.get("m") or {}).items():
                self._points(name, "log", "scalar", stream, [[time, line.get("s"), value]])
        elif kind in ("rw", "tb"):
            self._row({"name": line["n"], "kind": "row" if kind == "rw" else "table", "time": time, "columns": line["c"]}, stream)

    def _points(self, name: str, source: str, kind: str, stream: int, points: list[list[Any]]) -> None:
        if not isinstance(name, str):
            raise TypeError
        if not points:
            return  # an empty list is no series, for the agent neither
        entry, streams = self._series.setdefault((name, source), ({"name": name, "source": source, "kind": kind, "points": []}, set()))
        entry["points"].extend(points)
        streams.add(stream)

    def _row(self, row: dict[str, Any], stream: int) -> None:
        if not isinstance(row["name"], str) or not isinstance(row["columns"], dict):
            raise TypeError
        if row["kind"] == "table" and len({len(cells) for cells in row["columns"].values()}) > 1:
            raise ValueError("columns differ in length")
        of_name, streams = self._rows.setdefault(row["name"], ([], set()))
        of_name.append(row)
        streams.add(stream)


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
