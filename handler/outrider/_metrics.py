"""
What was logged, out of the spool or from the agent, in the shapes that users get. `shape` is pure: the payload of either into those.

A payload: `series` [{name, source, kind, values, times where there are several to be merged}], `rows` [{name, kind, time, columns}],
`figures` [{name, path, type}]. Values are as docs/spool.md spells them.
"""

from __future__ import annotations

from outrider import _points, _values, record

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable


class Found:
    """Series and rows as they are read, each with the stream it comes from."""

    def __init__(self, *, with_times: bool = True) -> None:
        self._with_times = with_times
        self._series: dict[tuple[str, str], _Series] = {}
        self._rows: dict[str, tuple[list[dict[str, Any]], set[int]]] = {}
        self._figures: list[dict[str, Any]] = []

    def read(self, data: bytes, stream: int) -> None:
        """Whole lines of one stream, in order. What is no line that the agent would take is nothing."""
        by_text: dict[bytes, _Series] = {}
        for times, name, values, other in _points.parts(data, with_times=self._with_times):
            if other:
                self._other(other, stream)
                continue
            series = by_text.get(name)
            if series is None:
                series = by_text[name] = self._of_name(name, stream)
            series.values += values
            if self._with_times:
                series.times += times or []

    @property
    def needs_times(self) -> bool:
        """Has something to be merged by time, and nobody kept the times?"""
        names = [name for name, _ in self._series]
        several = len(set(names)) < len(names) or any(len(one.streams) > 1 for one in self._series.values())
        return several and not self._with_times

    def payload(self) -> dict[str, Any]:
        """What was found."""
        for of_name, streams in self._rows.values():
            if len(streams) > 1:
                of_name.sort(key=lambda row: row["time"])
        rows = [row for of_name, _ in self._rows.values() for row in of_name]
        names = [name for name, _ in self._series]
        several = len(set(names)) < len(names)
        series = [one.payload(name, source, with_times=several and names.count(name) > 1) for (name, source), one in self._series.items()]
        return {"series": series, "rows": rows, "figures": self._figures}

    def _of_name(self, text: bytes, stream: int) -> _Series:
        import json

        series = self._series.setdefault((json.loads(text), "call"), _Series("scalar"))
        series.streams.add(stream)
        return series

    def _other(self, raw: bytes, stream: int) -> None:
        import json

        try:
            line = json.loads(raw)
            take = _TAKES.get(line["k"])
            if take is not None and type(line["t"]) is int:
                take(self, line, stream)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return

    def _point(self, line: dict[str, Any], stream: int) -> None:
        self._points(line["n"], "call", "scalar", stream, [(line["t"], line["v"])])

    def _list(self, line: dict[str, Any], stream: int) -> None:
        self._points(line["n"], "call", "list", stream, [(line["t"], value) for value in line["v"]])

    def _log(self, line: dict[str, Any], stream: int) -> None:
        for name, value in (line.get("m") or {}).items():
            self._points(name, "log", "scalar", stream, [(line["t"], value)])

    def _points(self, name: str, source: str, kind: str, stream: int, points: list[tuple[int, Any]]) -> None:
        import json

        if not isinstance(name, str):
            raise TypeError
        if not points:
            return  # an empty list is no series, for the agent neither
        series = self._series.setdefault((name, source), _Series(kind))
        series.streams.add(stream)
        series.times += [b"%d" % time for time, _ in points]
        series.values += [json.dumps(value).encode() for _, value in points]

    def _row(self, line: dict[str, Any], stream: int) -> None:
        kind = "row" if line["k"] == record.ROW else "table"
        row = {"name": line["n"], "kind": kind, "time": line["t"], "columns": line["c"]}
        if not isinstance(row["name"], str) or not isinstance(row["columns"], dict):
            raise TypeError
        if kind == "table" and len({len(cells) for cells in row["columns"].values()}) > 1:
            raise ValueError("columns differ in length")
        of_name, streams = self._rows.setdefault(row["name"], ([], set()))
        of_name.append(row)
        streams.add(stream)

    def _figure(self, line: dict[str, Any], _stream: int) -> None:
        fields = {"name": line["n"], "path": line["p"], "type": line["ty"], "description": line.get("d"), "time": line["t"]}
        self._figures.append(fields)


class _Series:
    """Points of one name and source: times and values as their texts."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.times: list[bytes] = []
        self.values: list[bytes] = []
        self.streams: set[int] = set()

    def payload(self, name: str, source: str, *, with_times: bool) -> dict[str, Any]:
        import json

        values = json.loads(b"[" + b",".join(self.values) + b"]")
        found: dict[str, Any] = {"name": name, "source": source, "kind": self.kind, "values": values}
        if with_times or len(self.streams) > 1:
            times = [int(time) for time in self.times]
            order = sorted(range(len(times)), key=times.__getitem__) if len(self.streams) > 1 else range(len(times))
            found.update(values=[values[place] for place in order], times=[times[place] for place in order])
        return found


_TAKES: dict[str, Callable[[Found, dict[str, Any], int], None]] = {
    record.METRIC: Found._point,  # noqa: SLF001 -- its own
    record.LIST: Found._list,  # noqa: SLF001
    record.LOG: Found._log,  # noqa: SLF001
    record.ROW: Found._row,  # noqa: SLF001
    record.TABLE: Found._row,  # noqa: SLF001
    record.FIGURE: Found._figure,  # noqa: SLF001
}


def from_streams(streams: Iterable[Iterable[bytes]]) -> dict[str, Any]:
    """
    The payload (the agent's has the same form) of streams of the spool, each an iterable of whole lines or of more of them at once.

    What comes from one stream is in that stream's order, however the clock jumped; what comes from several is by time.
    """
    found = Found()
    for number, parts in enumerate(streams):
        for part in parts:
            found.read(part if part.endswith(b"\n") else part + b"\n", number)
    return found.payload()


def shape(payload: dict[str, Any], name: str | None = None, figure: Callable[[dict[str, Any]], Any] | None = None) -> dict[str, Any]:
    """
    One value is given bare, many as a list; a row as a dict of scalars, many rows or a table as a dict of lists. One float makes a list's
    ints floats. Of several figures of one name the first is given, as `figure` makes it. A name of several kinds has its table under
    `<name> (table)` and its figure under `<name> (figure)`.
    """
    points: dict[str, list[dict[str, Any]]] = {}
    for one in payload["series"]:
        if name in (None, one["name"]):
            points.setdefault(one["name"], []).append(one)
    answer: dict[str, Any] = {key: _bare(_merged(found)) for key, found in points.items()}
    tables: dict[str, list[dict[str, Any]]] = {}
    for row in payload["rows"]:
        if name in (None, row["name"]):
            tables.setdefault(row["name"], []).append(row)
    for key, found in tables.items():
        answer[f"{key} (table)" if key in points else key] = _columns(found)
    seen = {*points, *tables}
    for one in payload.get("figures", ()):
        key = f"{one['name']} (figure)" if one["name"] in seen else one["name"]
        if name in (None, one["name"]) and key not in answer and figure is not None:
            answer[key] = figure(one)
    return answer


def _merged(series: list[dict[str, Any]]) -> list[Any]:
    """The values of one name: of calls and of log records, by time where there are both."""
    if len(series) == 1:
        values = series[0]["values"]
    else:
        pairs = [pair for one in series for pair in zip(one["times"], one["values"])]
        values = [value for _, value in sorted(pairs, key=lambda pair: pair[0])]
    if _NUMBERS.issuperset(map(type, values)):
        return values  # type: ignore[no-any-return]
    return [_values.number(value) for value in values]


_NUMBERS = frozenset({int, float, bool})


def _bare(values: list[Any]) -> Any:
    if len(values) == 1:
        return values[0]
    kinds = set(map(type, values))
    if kinds == {int, float}:
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
