"""
What scripts ask of the past: documents of runs, their metrics, files and console, for the run API (`handler/outrider/_history.py`).

The forms are the control socket's: plain objects, of which the handler makes the same from a spool that has no agent. Reads only, each
method one short transaction. Raises what `reading` raises.
"""

from __future__ import annotations

import base64
import collections
import json
import os
from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent.core import points as packing
from outrider_agent.store import queries, reading

if TYPE_CHECKING:
    import sqlite3

SQL = queries.load("history")
JSON_COLUMNS = ("command", "outputs", "inputs", "tags", "properties", "params")
#: So many bytes of a console are given at once.
CONSOLE_BYTES = 4 << 20

Document = dict[str, Any]


class Historian(reading.Reader):
    """A store's contents, as the run API asks for them."""

    def documents(
        self, *, run: str | None = None, experiment: str | None = None, parent: str | None = None, recursive: bool = False
    ) -> Any:
        """Of one run, of the children of a run, of an experiment's runs, or of all; the newest first. Raises `NotFound`."""
        with self._snapshots.open() as connection:
            runs = [run] if run is not None else None
            if run is not None or parent is not None:
                reading.run_key(connection, run or parent or "")
            if parent is not None:
                runs = family(connection, parent, recursive=recursive)
            given = {"experiment": experiment, "runs": None if runs is None else json.dumps(runs)}
            return {"runs": [document(row) for row in connection.execute(SQL.documents, given)]}

    def metrics(self, run: str, *, recursive: bool = False) -> Any:
        """What `get_metrics()` is made of: series, rows and figures by run. Values are in the order logged. Raises `NotFound`."""
        with self._snapshots.open() as connection:
            reading.run_key(connection, run)
            runs = [run, *(family(connection, run, recursive=True) if recursive else [])]
            given = {"runs": json.dumps(runs)}
            found: dict[str, Document] = {one: {"series": [], "rows": [], "figures": []} for one in runs}
            series = connection.execute(SQL.series_of, given).fetchall()
            sources = collections.Counter((row["run_id"], row["name"]) for row in series)
            for row in series:
                several = sources[row["run_id"], row["name"]] > 1
                found[row["run_id"]]["series"].append(columns(connection, row, with_times=several))
            rows = connection.execute(SQL.rows_of, given).fetchall()
            for row in ordered(rows):
                fields = {name: row[name] for name in ("name", "kind", "time")}
                found[row["run_id"]]["rows"].append({**fields, "columns": msgspec.Raw(row["columns"].encode())})
            for row in connection.execute(SQL.figures_of, given):
                fields = {name: row[name] for name in ("name", "type", "description", "time")}
                found[row["run_id"]]["figures"].append({**fields, "path": wire_path(row["path"])})
        return {"runs": found}

    def files(self, run: str) -> Any:
        """The run's files in their last versions, by path, and what it takes to find those not captured yet. Raises `NotFound`."""
        kept, of = self.artifacts(run), self.run(run)
        with self._snapshots.open() as connection:
            console = int(connection.execute(SQL.console_size, {"run": run}).fetchone()[0])
        return {
            "files": [{"path": wire_path(os.fsencode(one.path)), "sha": one.sha256, "size": one.size, "time": one.time} for one in kept],
            "console": console,
            "run": {"outputs": of.outputs, "started": of.started, "ended": of.ended, "host": of.host},
        }

    def console_from(self, run: str, start: int) -> Any:
        """What the run's command wrote, from byte `start` on: base64, at most 4 MiB, and how much there is in all. Raises `NotFound`."""
        with self._snapshots.open() as connection:
            reading.run_key(connection, run)
            given = {"run": run, "start": start, "stop": start + CONSOLE_BYTES}
            chunks = connection.execute(SQL.console_from, given).fetchall()
            total = int(connection.execute(SQL.console_size, {"run": run}).fetchone()[0])
        data = b"".join(row["data"] for row in chunks)[start - chunks[0]["place"] :] if chunks else b""
        return {"data": base64.b64encode(data).decode(), "total": total}


def family(connection: sqlite3.Connection, run: str, *, recursive: bool) -> list[str]:
    """The ids of a run's children, or of all below it."""
    query = SQL.descendants if recursive else SQL.children
    return [str(row[0]) for row in connection.execute(query, {"run": run})]


def document(row: sqlite3.Row) -> Document:
    """A run's document."""
    found = dict(row)
    for name in JSON_COLUMNS:
        found[name] = None if found[name] is None else packing.parse(found[name])
    error = {short: found.pop(name) for short, name in (("type", "error_type"), ("message", "error_message"), ("traceback", "traceback"))}
    found["error"] = error if any(value is not None for value in error.values()) else None
    return found


def columns(connection: sqlite3.Connection, row: sqlite3.Row, *, with_times: bool) -> Document:
    """A series: its values, and their times where another series of the name has to be merged with it."""
    found = {name: row[name] for name in ("name", "source", "kind")}
    if row["stream_key"] is None or with_times:
        points = reading.read_columns(connection, row)
        return {**found, "values": points.values, "times": points.times}
    # The packed lists are JSON already: put together as text, a million points cost no more than their bytes.
    texts = [chunk[0][1:-1] for chunk in connection.execute(SQL.values, {"series_key": row["series_key"]})]
    return {**found, "values": msgspec.Raw(("[" + ",".join(texts) + "]").encode())}


def ordered(rows: list[sqlite3.Row]) -> list[sqlite3.Row]:
    """Rows of several runs, each run's in its order."""
    of_run: dict[str, list[sqlite3.Row]] = {}
    for row in rows:
        of_run.setdefault(row["run_id"], []).append(row)
    return [row for found in of_run.values() for row in reading.in_order(found)]


def wire_path(path: bytes) -> str:
    """A path as JSON can hold it: surrogate escapes are spelled as a lone surrogate's, which msgspec would refuse."""
    return path.decode("utf-8", "backslashreplace")
