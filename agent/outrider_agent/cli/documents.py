"""
The shapes of `--json`: a promise, written down in docs/cli.md. Here a store's records become plain objects.

Pure. Times are ISO 8601 in UTC with microseconds and a Z. Metric values that JSON has no word for are "NaN", "Infinity", "-Infinity".
A key may be added; none is renamed or taken away.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from outrider_agent.cli import format as fmt
from outrider_agent.cli import transcript
from outrider_agent.store import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from outrider_agent.core import points as packing

Document = dict[str, Any]

#: The sources that a metric's own points come from; points found elsewhere are a series of their own.
OWN_SOURCES = ("call", "log")
#: What Python writes as JSON does.
NUMBERS = frozenset({int, float})
LEVEL_NAMES = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}


def experiment(given: records.Experiment, last: records.Run | None) -> Document:
    """One of `experiments --json`."""
    return {
        "name": given.name,
        "created": fmt.iso(given.created),
        "runs": given.runs,
        "running": given.running,
        "last_started": fmt.iso(given.last_started),
        "last_run": None if last is None else {"run_id": last.run_id, "number": last.number, "name": last.name, "status": last.status},
    }


def run(given: records.Run, now_ns: int) -> Document:
    """One of `runs --json`, and the beginning of `show --json`."""
    return {
        "run_id": given.run_id,
        "number": given.number,
        "name": given.name,
        "experiment": given.experiment,
        "status": given.status,
        "reason": given.reason,
        "exit_code": given.exit_code,
        "signal": given.signal,
        "started": fmt.iso(given.started),
        "ended": fmt.iso(given.ended),
        "duration_s": duration_s(given, now_ns),
        "tags": given.tags,
        "params": given.params,
        "parent": given.parent_run_id,
        "attempt": given.attempt,
        "deleted": fmt.iso(given.removed),
    }


def duration_s(given: records.Run | records.Attempt, now_ns: int) -> float:
    """Seconds from start to end, or until now while it runs."""
    return ((now_ns if given.ended is None else given.ended) - given.started) / fmt.SECOND_NS


def error(given: records.Run | records.Attempt) -> Document | None:
    """What made the run fail, where it is known."""
    found = {"type": given.error_type, "message": given.error_message, "code": given.error_code, "traceback": given.traceback}
    return found if any(value is not None for value in found.values()) else None


def failure(given: records.Run) -> str:
    """The same for people: the traceback, else the type and the message, below the code that the script gave it; empty where not known."""
    told = given.traceback or ": ".join(part for part in (given.error_type, given.error_message) if part)
    return "\n".join(part for part in (given.error_code and f"error code {given.error_code}", told) if part)


def details(given: records.Run) -> Document:
    """What `show --json` says of the run's surroundings."""
    return {
        "command": given.command,
        "cwd": given.cwd,
        "host": given.host,
        "user": given.user,
        "python": given.python,
        "outputs": given.outputs,
        "description": given.description,
        "type": given.type,
        "phase": given.phase if given.ended is None else None,
        "inputs": given.inputs,
        "ended_by": given.ended_by,
        "error": error(given),
        "evidence": given.evidence,
    }


def attempt(given: records.Attempt, now_ns: int) -> Document:
    """One of the `attempts` of `show --json`."""
    return {
        "attempt": given.attempt,
        "status": given.status,
        "reason": given.reason,
        "exit_code": given.exit_code,
        "signal": given.signal,
        "started": fmt.iso(given.started),
        "ended": fmt.iso(given.ended),
        "duration_s": duration_s(given, now_ns),
        "host": given.host,
        "ended_by": given.ended_by,
        "error": error(given),
        "evidence": given.evidence,
    }


def gap(given: records.Gap) -> Document:
    """Records that had to be refused."""
    return {
        "writer": given.writer,
        "time": fmt.iso(given.time),
        "since": fmt.iso(given.since),
        "records": given.records,
        "bytes": given.bytes,
        "why": given.why,
    }


def set_aside(given: records.SetAside) -> Document:
    """A line of the spool that could not be taken."""
    return {
        "writer": given.writer,
        "segment": given.segment,
        "offset": given.offset,
        "length": given.length,
        "reason": given.reason,
    }


def note(given: records.Note) -> Document:
    """Something that Outrider says about the run."""
    return {"time": fmt.iso(given.time), "level": given.level, "message": given.message}


def figure(given: records.Figure) -> Document:
    """An image, or a chart as data: the artifact of that path."""
    fields = {"name": given.name, "path": given.path, "type": given.type, "description": given.description}
    return {**fields, "time": fmt.iso(given.time)}


def model(given: records.Model) -> Document:
    """A model that was registered from the run."""
    fields = {"name": given.name, "version": given.version, "path": given.path, "description": given.description}
    sizes = {path: size for path, (_, size) in given.files.items()}
    return {
        **fields,
        "framework": given.framework,
        "framework_version": given.framework_version,
        "files": sizes,
        "time": fmt.iso(given.time),
    }


def snapshot(given: records.Snapshot) -> Document:
    """A copy of a folder that is kept with the run."""
    fields = {"id": given.snapshot_id, "sha256": given.sha256, "size": given.size, "files": given.file_count, "root": given.root}
    return {**fields, "time": fmt.iso(given.time)}


def artifact(given: records.Artifact) -> Document:
    """One of `artifacts --json`."""
    return {
        "path": given.path,
        "size": given.size,
        "sha256": given.sha256,
        "version": given.version,
        "time": fmt.iso(given.time),
        "modified": fmt.iso(given.modified),
        "source": given.source,
        "observed": given.observed,
    }


def points(given: packing.Columns) -> Iterator[Document]:
    """Each of `metrics RUN NAME --json`; `epoch` where it is known."""
    for step, time, value, epoch in zip(given.steps, given.times, given.values, given.epoch_list(), strict=True):
        found = {"step": step, "time": fmt.iso(time), "value": records.json_value(value)}
        yield found if epoch is None else found | {"epoch": epoch}


def point_texts(given: packing.Columns) -> Iterator[str]:
    """The same as JSON texts, written by hand: there may be millions."""
    second, prefix = -1, ""
    for step, time, value, epoch in zip(given.steps, given.times, given.values, given.epoch_list(), strict=True):
        now, left = divmod(time, fmt.SECOND_NS)
        if now != second:
            second, prefix = now, (fmt.iso(now * fmt.SECOND_NS) or "")[:-7]
        at = f'"{prefix}{left // 1000:06d}Z"' if prefix else "null"
        told = "" if epoch is None else f', "epoch": {_json(epoch)}'
        yield f'{{"step": {_json(step)}, "time": {at}, "value": {_json(value)}{told}}}'


def _json(value: Any) -> str:
    return repr(value) if type(value) in NUMBERS else json.dumps(records.json_value(value), allow_nan=False)


def metrics(series: Sequence[records.Series], rows: Sequence[records.Row]) -> Document:
    """`metrics RUN --json`: name -> what is known of it."""
    document: Document = {name: summary(given) for name, given in named(series).items()}
    for name, of_rows in _by_name(rows).items():
        document[name if name not in document else f"{name} ({of_rows[0].kind})"] = _row_summary(of_rows)
    return document


class Called(Protocol):
    """A series, or what is known of one."""

    @property
    def name(self) -> str:
        """The metric's."""

    @property
    def source(self) -> str:
        """What made it."""


C = TypeVar("C", bound=Called)


def named(series: Iterable[C]) -> dict[str, list[C]]:
    """A run's series by the names they are told by: what calls and log records made is one metric, a series of any other source its own."""
    found: dict[str, list[C]] = {}
    for name, of_name in _by_name(series).items():
        own = [one for one in of_name if one.source in OWN_SOURCES]
        if own:
            found[name] = own
        for one in of_name:
            if one.source not in OWN_SOURCES:
                found[name if len(of_name) == 1 else f"{name} ({one.source})"] = [one]
    return found


def _by_name(things: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for thing in things:
        found.setdefault(thing.name, []).append(thing)
    return found


def last(series: Sequence[records.Series]) -> Any:
    """The last value of a metric, whose series these are, as JSON has it."""
    return records.json_value((series[0] if len(series) == 1 else _latest(series)).last)


def _latest(series: Sequence[records.Series]) -> records.Series:
    return max(series, key=lambda one: one.last_time or 0)


def summary(series: Sequence[records.Series]) -> Document:
    """What is known of a metric, whose series these are."""
    kinds = {one.kind for one in series}
    latest = _latest(series)
    is_text = "text" in kinds
    lows = [one.min for one in series if one.min is not None]
    highs = [one.max for one in series if one.max is not None]
    return {
        "kind": "text" if is_text else "list" if "list" in kinds else "scalar",
        "source": "+".join(sorted(one.source for one in series)),
        "count": sum(one.count for one in series),
        "last": records.json_value(latest.last),
        "min": None if is_text or not lows else min(lows),
        "max": None if is_text or not highs else max(highs),
        "last_step": latest.last_step,
        "last_time": fmt.iso(latest.last_time),
    }


def _row_summary(rows: Sequence[records.Row]) -> Document:
    lines = [line for row in rows[-1:] for line in table_rows(row)]
    return {
        "kind": rows[-1].kind,
        "source": "call",
        "count": sum(_height(row) for row in rows),
        "last": lines[-1] if lines else None,
        "min": None,
        "max": None,
        "last_step": None,
        "last_time": fmt.iso(rows[-1].time),
    }


def _height(row: records.Row) -> int:
    return 1 if row.kind == "row" else max((len(cells) for cells in row.columns.values()), default=0)


def table_rows(row: records.Row) -> list[Document]:
    """The rows of a row (one) or a table, column -> value."""
    if row.kind == "row":
        return [{name: records.json_value(cell) for name, cell in row.columns.items()}]
    # An earlier version kept tables whose columns differ in length.
    cells = itertools.zip_longest(*row.columns.values())
    return [{name: records.json_value(cell) for name, cell in zip(row.columns, values, strict=True)} for values in cells]


def columns(rows: Sequence[records.Row]) -> dict[str, list[Any]]:
    """Rows and tables of one name as columns of one length; a column that a row lacks is null there."""
    lines = [line for row in rows for line in table_rows(row)]
    names = dict.fromkeys(name for line in lines for name in line)
    return {name: [line.get(name) for line in lines] for name in names}


def level_name(given: records.LogRecord) -> str:
    """The level's name as it was logged."""
    return given.level_name or LEVEL_NAMES.get(given.level, f"Level {given.level}")


def log(given: records.LogRecord) -> Document:
    """A log record as one line of `logs --json`. What a record has not is left out, but for the promised keys."""
    always = {
        "time": fmt.iso(given.time),
        "stream": transcript.LOG,
        "level": level_name(given),
        "logger": given.logger,
        "message": given.message,
        "record": given.key,
    }
    sometimes: Mapping[str, Any] = {
        "levelno": given.level,
        "file": given.file,
        "line": given.line,
        "function": given.function,
        "thread": given.thread,
        "process": given.process,
        "task": given.task,
        "exception": given.exception,
        "stack": given.stack,
        "extra": given.extra,
        "metrics": given.metrics,
        "step": given.step,
        "degraded": given.degraded,
        "attempt": given.attempt if given.attempt > 1 else None,
    }
    return always | {key: value for key, value in sometimes.items() if value is not None}


def console(given: transcript.Line, *, echo: int | None) -> Document:
    """A line of the console as one line of `logs --json`; `echo`: the record that it is a print of."""
    document: Document = {"time": fmt.iso(given.time), "stream": given.stream, "level": None, "logger": None, "message": given.text}
    document |= {"offset": given.offset, "length": given.length} | ({"attempt": given.attempt} if given.attempt > 1 else {})
    return document | ({} if echo is None else {"echo": True, "echo_of": echo}) | ({} if given.whole else {"partial": True})
