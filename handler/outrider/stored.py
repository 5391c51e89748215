"""
The store as scripts ask of it: documents of runs, their metrics, files and console, out of SQLite. Reads only.

The agent answers with it (`store/history.py`), and where no agent runs a script reads the same file itself: so both say the same.
`SCHEMA` is the schema that `history.sql` was written for; a store of another is left alone. Raises LookupError for a run that is not there,
and what sqlite3 raises.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import sqlite3
    from typing import Any, Callable, Dict, Iterator

    Document = Dict[str, Any]

SCHEMA = 13
JSON_COLUMNS = ("command", "outputs", "inputs", "tags", "properties", "params")
#: What the store calls the parts of an error.
ERROR_COLUMNS = (("type", "error_type"), ("message", "error_message"), ("code", "error_code"), ("traceback", "traceback"))
#: So many bytes of a console are given at once.
CONSOLE_BYTES = 4 << 20
#: Of a console's end so many bytes are given.
TAIL_BYTES = 64 << 10
_queries: dict[str, str] = {}


def sql(name: str) -> str:
    """A query of `history.sql`."""
    if not _queries:
        with open(os.path.join(os.path.dirname(__file__), "history.sql"), encoding="utf-8") as file:
            for part in file.read().split("-- name: ")[1:]:
                title, _, body = part.partition("\n")
                _queries[title.strip()] = body.strip().rstrip(";")
    return _queries[name]


def documents(
    connection: sqlite3.Connection,
    *,
    run: str | None = None,
    experiment: str | None = None,
    parent: str | None = None,
    recursive: bool = False,
) -> list[Document]:
    """Of one run, of the children of a run (with `recursive` of all below it), of an experiment's runs, or of all; the newest first."""
    runs = [run] if run is not None else None
    if run is not None or parent is not None:
        check(connection, run or parent or "")
    if parent is not None:
        runs = family(connection, parent, recursive=recursive)
    given = {"experiment": experiment, "runs": None if runs is None else json.dumps(runs)}
    return [_document(row) for row in connection.execute(sql("documents"), given)]


def metrics(
    connection: sqlite3.Connection, run: str, *, recursive: bool, raw: Callable[[str], Any], packed: bool = False
) -> dict[str, Document]:
    """
    What `get_metrics()` is made of, by run: series, rows, figures. Values are in the order logged; a series has `times` where another of
    its name has to be merged with it. `raw` makes of JSON text what the caller wants of it. `packed`: many rows of a name are one of the
    kind `rows`, its columns a list.
    """
    check(connection, run)
    runs = [run, *(family(connection, run, recursive=True) if recursive else [])]
    given = {"runs": json.dumps(runs)}
    found: dict[str, Document] = {one: {"series": [], "rows": [], "figures": []} for one in runs}
    series = connection.execute(sql("series_of"), given).fetchall()
    sources: dict[tuple[str, str], int] = {}
    for row in series:
        key = (row["run_id"], row["name"])
        sources[key] = sources.get(key, 0) + 1
    for row in series:
        several = sources[row["run_id"], row["name"]] > 1
        found[row["run_id"]]["series"].append(_series(connection, row, raw, with_times=several))
    for run_id, fields, _, _ in _rows(connection, given, raw, packed=packed):
        found[run_id]["rows"].append(fields)
    for row in connection.execute(sql("figures_of"), given):
        fields = {name: row[name] for name in ("name", "type", "description", "time")}
        found[row["run_id"]]["figures"].append({**fields, "path": _path(row["path"])})
    return found


def metrics_so_far(connection: sqlite3.Connection, run: str, *, with_times: bool) -> Document:
    """The same of one run that goes on in the spool: series and rows say which `stream` (writer; None: several) they are of."""
    given = {"runs": json.dumps([run])}
    writers = {key: writer for key, writer, _, _ in connection.execute(sql("streams_of"), {"run": run})}
    found = metrics(connection, run, recursive=False, raw=json.loads, packed=True)[run]
    series = connection.execute(sql("series_of"), given).fetchall()
    found["series"] = [
        {**_series(connection, row, json.loads, with_times=with_times), "stream": writers.get(row["stream_key"])} for row in series
    ]
    rows = _rows(connection, given, json.loads, packed=True)
    found["rows"] = [{**fields, "stream": writers.get(stream or 0), "times": times} for _, fields, stream, times in rows]
    return found


def files(connection: sqlite3.Connection, run: str) -> Document:
    """The run's files in their last versions, the size of its console, and what it takes to find files that were not captured yet."""
    (document,) = documents(connection, run=run)
    kept = [{**dict(row), "path": _path(row["path"])} for row in connection.execute(sql("files_of"), {"run": run})]
    console = int(connection.execute(sql("console_size"), {"run": run}).fetchone()[0])
    return {"files": kept, "console": console, "run": {name: document[name] for name in ("outputs", "started", "ended", "host")}}


def console(connection: sqlite3.Connection, run: str, start: int) -> tuple[bytes, int]:
    """What the run's command wrote, from byte `start` on, at most 4 MiB; and how much there is in all."""
    check(connection, run)
    given = {"run": run, "start": start, "stop": start + CONSOLE_BYTES}
    chunks = connection.execute(sql("console_from"), given).fetchall()
    total = int(connection.execute(sql("console_size"), {"run": run}).fetchone()[0])
    return (b"".join(row["data"] for row in chunks)[start - chunks[0]["place"] :] if chunks else b""), total


def tail(connection: sqlite3.Connection, run: str, count: int) -> tuple[bytes, list[Document]]:
    """The end of what the run's command wrote (of its last 256 chunks), and the last `count` log records."""
    check(connection, run)
    chunks = connection.execute(sql("last_console"), {"run": run}).fetchall()
    logs = connection.execute(sql("last_logs"), {"run": run, "count": count}).fetchall()
    return b"".join(row[0] for row in reversed(chunks)), [dict(row) for row in reversed(logs)]


def positions(connection: sqlite3.Connection, runs: list[str] | None = None) -> dict[str, dict[str, tuple[int, int]]]:
    """How far the streams of runs (None: of all) are in the store: (segment, offset) by writer, by run."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for run, writer, segment, offset in connection.execute(sql("positions"), {"runs": None if runs is None else json.dumps(runs)}):
        found.setdefault(run, {})[writer] = (segment, offset)
    return found


def so_far(connection: sqlite3.Connection, run: str) -> Document:
    """
    What it takes to go on with a run's document from the lines that are not in the store yet: `said` (when its name, description, outputs
    and experiment were said, what its end was decided from), `tags` [(key, JSON or None, time, writer)], `streams` {writer: (is it the
    owner's, attempt)}.
    """
    row = connection.execute(sql("said_of"), {"run": run}).fetchone()
    tags = [tuple(tag) for tag in connection.execute(sql("tags_of"), {"run": run})]
    streams = {writer: (bool(owner), attempt) for _, writer, owner, attempt in connection.execute(sql("streams_of"), {"run": run})}
    return {"said": dict(row), "tags": tags, "streams": streams}


def deleted(connection: sqlite3.Connection, runs: list[str] | None = None) -> list[str]:
    """Those of the runs (None: of all) that were deleted."""
    given = {"runs": None if runs is None else json.dumps(runs)}
    return [str(row[0]) for row in connection.execute(sql("deleted"), given)]


def is_known(connection: sqlite3.Connection, run: str) -> bool:
    """Is there a run of that id?"""
    return connection.execute(sql("is_known"), {"run": run}).fetchone() is not None


def check(connection: sqlite3.Connection, run: str) -> None:
    """Is the run there? Raises LookupError."""
    if not is_known(connection, run):
        raise LookupError(run)


def family(connection: sqlite3.Connection, run: str, *, recursive: bool) -> list[str]:
    """The ids of a run's children, or of all below it."""
    return [str(row[0]) for row in connection.execute(sql("descendants" if recursive else "children"), {"run": run})]


def _document(row: sqlite3.Row) -> Document:
    found = dict(row)
    for name in JSON_COLUMNS:
        found[name] = None if found[name] is None else json.loads(found[name])
    error = {short: found.pop(name) for short, name in ERROR_COLUMNS}
    found["error"] = error if any(value is not None for value in error.values()) else None
    return found


def _series(connection: sqlite3.Connection, row: sqlite3.Row, raw: Callable[[str], Any], *, with_times: bool) -> Document:
    found = {name: row[name] for name in ("name", "source", "kind")}
    key = {"series_key": row["series_key"]}
    if row["stream_key"] is not None and not with_times:
        # The packed lists are JSON already: put together as text, a million points cost no more than their bytes.
        return {**found, "values": raw("[" + ",".join([chunk[0][1:-1] for chunk in connection.execute(sql("values"), key)]) + "]")}
    times: list[int] = []
    values: list[Any] = []
    for time_min, offsets, texts in connection.execute(sql("points"), key):
        times += [time_min + offset for offset in json.loads(offsets)]
        values += json.loads(texts)
    if row["stream_key"] is None:
        order = sorted(range(len(times)), key=times.__getitem__)
        times, values = [times[place] for place in order], [values[place] for place in order]
    return {**found, "values": values, "times": times}


def _rows(
    connection: sqlite3.Connection, given: Document, raw: Callable[[str], Any], *, packed: bool
) -> Iterator[tuple[str, Document, int | None, list[int]]]:
    """By run and name: rows as answered, the stream they are of (None: several, then they are by time), the times."""
    plain = connection.cursor()
    plain.row_factory = None  # of many rows a tuple each is what can be had quickly
    for table in connection.execute(sql("tables_of"), given).fetchall():
        name, stream = table["name"], table["stream_key"] if table["streams"] == 1 else None
        found = plain.execute(sql("rows_of"), {"run_key": table["run_key"], "name": name}).fetchall()
        if packed and stream is not None and table["kinds"] == "rowrow":
            columns = raw("[" + ",".join([text for text, _, _ in found]) + "]")
            fields = {"name": name, "kind": "rows", "time": found[0][1], "columns": columns}
            yield table["run_id"], fields, stream, [time for _, time, _ in found]
            continue
        if stream is None:
            found.sort(key=lambda row: int(row[1]))
        for text, time, kind in found:
            yield table["run_id"], {"name": name, "kind": kind, "time": time, "columns": raw(text)}, stream, [time]


def _path(path: bytes) -> str:
    """A path as JSON can hold it: what is no UTF-8 is spelled out."""
    return path.decode("utf-8", "backslashreplace")
