"""
What was logged, out of the spool or from the agent, in the shapes that users get. `shape` is pure: the payload of either into those.

A payload: `series` [{name, source, kind, values, times where there are several to be merged}], `rows` [{name, kind, time, columns}; of the
kind `rows` the columns of many, a list], `figures` [{name, path, type}]. Values are as docs/spool.md spells them.
"""

from __future__ import annotations

from outrider import _points, _values, record

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from json import JSONDecoder
    from typing import Any, Callable, Iterable, Iterator, Sequence


class Found:
    """Series and rows as they are read, each with the stream it comes from."""

    def __init__(self, *, with_times: bool = True) -> None:
        self._with_times = with_times
        self._series: dict[tuple[str, str], _Series] = {}
        self._tables: dict[str, _Table] = {}
        self._figures: list[dict[str, Any]] = []

    def resume(self, payload: dict[str, Any]) -> None:
        """What a store has of the run already, a payload whose series and rows say which `stream` they are of (None: several)."""
        for one in payload["series"]:
            series = self._of(one["name"], one["source"], one["kind"], one["stream"])
            series.add(one["values"], one.get("times", []))
        for row in payload["rows"]:
            self._table(row["name"], row["stream"]).add(row)
        self._figures += payload["figures"]

    def read(self, data: bytes, stream: Any) -> None:
        """Whole lines of one stream, in order. What is no line that the agent would take is nothing."""
        for kind, times, name, texts in _points.parts(data, with_times=self._with_times):
            if kind == _points.OTHERS:
                for raw in texts:
                    self._other(raw, stream)
            elif kind == _points.ROWS:
                self._table(_named(name), stream).add_texts(times or [], texts)
            elif kind == _points.POINTS:
                self._of(_named(name), "call", "scalar", stream).add_texts(texts, times if self._with_times else None)
            elif kind == _points.LISTS:
                self._lists(_named(name), times or [], texts, stream)
            else:
                self._records(times if self._with_times else None, _all(texts), stream)

    @property
    def needs_times(self) -> bool:
        """Has something to be merged by time, and nobody kept the times?"""
        names = [name for name, _ in self._series]
        several = len(set(names)) < len(names) or any(len(one.streams) > 1 for one in self._series.values())
        return several and not self._with_times

    def payload(self) -> dict[str, Any]:
        """What was found."""
        rows = [row for name, table in self._tables.items() for row in table.payload(name)]
        names = [name for name, _ in self._series]
        several = len(set(names)) < len(names)
        series = [one.payload(name, source, with_times=several and names.count(name) > 1) for (name, source), one in self._series.items()]
        return {"series": series, "rows": rows, "figures": self._figures}

    def _of(self, name: str, source: str, kind: str, stream: Any) -> _Series:
        series = self._series.get((name, source))
        if series is None:
            series = self._series[name, source] = _Series(kind)
        _belongs(series.streams, stream)
        return series

    def _table(self, name: str, stream: Any) -> _Table:
        table = self._tables.get(name)
        if table is None:
            table = self._tables[name] = _Table()
        _belongs(table.streams, stream)
        return table

    def _lists(self, name: str, times: list[bytes], texts: list[bytes], stream: Any) -> None:
        if not self._with_times:
            inner = [text[1:-1] for text in texts if text != b"[]"]
            if inner:
                self._of(name, "call", "list", stream).add_texts(inner)
            return
        for time, text in zip(times, texts):
            self._add(name, "call", "list", stream, int(time), _parsed(text))

    def _records(self, times: list[bytes] | None, logged: list[dict[str, Any]], stream: Any) -> None:
        for names, which in _alike(logged):
            for name in names:
                series = self._of(name, "log", "scalar", stream)
                series.add([logged[place][name] for place in which], [times[place] for place in which] if times else [])

    def _other(self, raw: bytes, stream: Any) -> None:
        if raw.startswith(_NOTHING_HERE) or (raw.startswith(b'{"k":"l",') and b'"m"' not in raw):
            return
        try:
            line = _parsed(raw)
            take = _TAKES.get(line["k"])
            if take is not None and type(line["t"]) is int:
                take(self, line, stream)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return

    def _point(self, line: dict[str, Any], stream: Any) -> None:
        self._add(line["n"], "call", "scalar", stream, line["t"], [line["v"]])

    def _list(self, line: dict[str, Any], stream: Any) -> None:
        self._add(line["n"], "call", "list", stream, line["t"], list(line["v"]))

    def _log(self, line: dict[str, Any], stream: Any) -> None:
        for name, value in (line.get("m") or {}).items():
            self._add(name, "log", "scalar", stream, line["t"], [value])

    def _add(self, name: str, source: str, kind: str, stream: Any, time: int, values: list[Any]) -> None:
        if not isinstance(name, str):
            raise TypeError
        if values:  # an empty list is no series, for the agent neither
            self._of(name, source, kind, stream).add(values, [time] * len(values))

    def _row(self, line: dict[str, Any], stream: Any) -> None:
        kind = "row" if line["k"] == record.ROW else "table"
        row = {"name": line["n"], "kind": kind, "time": line["t"], "columns": line["c"]}
        if not isinstance(row["name"], str) or not isinstance(row["columns"], dict):
            raise TypeError
        if kind == "table" and len({len(cells) for cells in row["columns"].values()}) > 1:
            raise ValueError("columns differ in length")
        self._table(row["name"], stream).add(row)

    def _figure(self, line: dict[str, Any], _stream: Any) -> None:
        fields = {"name": line["n"], "path": line["p"], "type": line["ty"], "description": line.get("d"), "time": line["t"]}
        self._figures.append(fields)


#: Lines of these kinds hold no metric: ours are known by how they begin, and need not be parsed.
_NOTHING_HERE = tuple(f'{{"k":"{kind}",'.encode() for kind in ("c", "tag", "param", "pr", "seen", "note", "gap", "art"))
#: Two streams that nobody knows the names of: a series of several is merged by time.
_SEVERAL = ((None, 1), (None, 2))


def _belongs(streams: set[Any], stream: Any) -> None:
    if stream is None:
        streams.update(_SEVERAL)
    else:
        streams.add(stream)


def _alike(rows: list[dict[str, Any]]) -> Iterator[tuple[list[str], Sequence[int]]]:
    """The names of rows, and the places of those that have just these; of each name the order holds."""
    if len({tuple(row) for row in rows}) == 1:
        yield list(rows[0]), range(len(rows))
        return
    for place, row in enumerate(rows):
        yield list(row), [place]


def _named(text: bytes) -> str:
    import json

    name: str = json.loads(text)
    return name


def _parsed(raw: bytes) -> Any:
    """As `json.loads`, with half of what that costs for a short line."""
    import json

    if not _decoders:
        _decoders.append(json.JSONDecoder())
    text = raw.decode()
    try:
        found, end = _decoders[0].raw_decode(text)
    except ValueError:  # blanks before it, say
        return json.loads(text)
    return found if end == len(text) else json.loads(text)


_decoders: list[JSONDecoder] = []


class _Series:
    """Points of one name and source, in the order read: their values, some still as texts; times where somebody wants them."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.streams: set[Any] = set()
        self._times: list[Any] = []
        self._values: list[Any] = []
        self._texts: list[bytes] = []

    def add(self, values: list[Any], times: list[Any]) -> None:
        self._parse()
        self._values += values
        self._times += times

    def add_texts(self, texts: list[bytes], times: list[bytes] | None = None) -> None:
        self._texts += texts
        self._times += times or []

    def payload(self, name: str, source: str, *, with_times: bool) -> dict[str, Any]:
        self._parse()
        values = self._values
        found: dict[str, Any] = {"name": name, "source": source, "kind": self.kind, "values": values}
        if with_times or len(self.streams) > 1:
            times = [int(time) for time in self._times]
            order = sorted(range(len(times)), key=times.__getitem__) if len(self.streams) > 1 else range(len(times))
            found.update(values=[values[place] for place in order], times=[times[place] for place in order])
        return found

    def _parse(self) -> None:
        if self._texts:
            self._values += _all(self._texts)
            self._texts = []


class _Table:
    """Rows and tables of one name, in the order read; many rows together, as texts."""

    def __init__(self) -> None:
        self.streams: set[Any] = set()
        self._parts: list[dict[str, Any]] = []
        self._times: list[bytes] = []
        self._texts: list[bytes] = []

    def add(self, part: dict[str, Any]) -> None:
        self._parse()
        self._parts.append(part)

    def add_texts(self, times: list[bytes], texts: list[bytes]) -> None:
        self._times += times
        self._texts += texts

    def payload(self, name: str) -> list[dict[str, Any]]:
        self._parse()
        if len(self.streams) == 1:
            return [{**part, "name": name} for part in self._parts]
        single: list[dict[str, Any]] = []
        for part in self._parts:
            if part["kind"] == "rows":
                times, rows = part["times"], part["columns"]
                single += [{"name": name, "kind": "row", "time": int(time), "columns": row} for time, row in zip(times, rows)]
            else:
                single.append({**part, "name": name})
        return sorted(single, key=lambda row: int(row["time"]))

    def _parse(self) -> None:
        if self._texts:
            self._parts.append({"kind": "rows", "times": self._times, "columns": _all(self._texts)})
            self._times, self._texts = [], []


def _all(texts: list[bytes]) -> list[Any]:
    import json

    found: list[Any] = json.loads(b"[" + b",".join(texts) + b"]")
    return found


_TAKES: dict[str, Callable[[Found, dict[str, Any], Any], None]] = {
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
        if one["values"] and name in (None, one["name"]):  # an empty list is no series, whoever is asked
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
        return _numbers(series[0]["values"])
    pairs = [pair for one in series for pair in zip(one["times"], one["values"])]
    return _numbers([value for _, value in sorted(pairs, key=lambda pair: pair[0])])


def _numbers(values: list[Any]) -> list[Any]:
    """Values as Python's."""
    kinds = set(map(type, values))
    if _PLAIN.issuperset(kinds):
        return values
    if kinds <= _PLAIN | {str} and record.NONFINITE.isdisjoint(values):
        return values
    return [_values.number(value) for value in values]


_PLAIN = frozenset({int, float, bool, type(None)})


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
    for kind, part in _runs_of_rows(parts):
        cells = part if kind == "table" else _cells(part)
        height = max((len(values) for values in cells.values()), default=0)
        for key in [*columns, *(key for key in cells if key not in columns)]:
            column = columns.setdefault(key, [None] * length)
            column += _numbers(cells[key]) if key in cells else [None] * height
        length += height
    return {key: _bare(values) for key, values in columns.items()}


def _runs_of_rows(parts: list[dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Tables as they are, rows that follow one another together."""
    rows: list[dict[str, Any]] = []
    for part in parts:
        if part["kind"] == "table":
            if rows:
                yield "rows", rows
                rows = []
            yield "table", part["columns"]
        elif part["kind"] == "row":
            rows.append(part["columns"])
        else:
            rows += part["columns"]
    if rows:
        yield "rows", rows


def _cells(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The columns of many rows."""
    names = dict.fromkeys(rows[0])
    if set(map(len, rows)) == {len(names)}:
        try:
            return {name: [row[name] for row in rows] for name in names}
        except KeyError:  # other columns, as many
            pass
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
