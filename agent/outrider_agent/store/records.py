"""
What a store answers with: frozen values, one struct a thing. Times are nanoseconds since the epoch.

Nothing here knows SQL or does I/O. Metric values are kept as docs/spool.md spells them ("NaN", "Infinity", "-Infinity"; a text that
looks like one of them is a one-element list): `python_value` turns such a value into Python's, `json_value` into what a user's JSON shows.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outrider import record
from outrider_agent.core import points


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment and how many runs it holds."""

    name: str
    created: int
    runs: int
    running: int
    last_started: int | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as the lists show it. `status` and `reason` are the vocabulary of docs/spool.md."""

    run_id: str
    experiment: str
    number: int
    name: str | None
    status: str
    reason: str | None
    exit_code: int | None
    signal: int | None
    started: int
    ended: int | None
    parent_run_id: str | None
    attempt: int
    error_type: str | None
    error_message: str | None
    error_code: str | None
    traceback: str | None
    ended_by: str | None
    evidence: dict[str, Any] | None
    command: list[str] | None
    cwd: str | None
    host: str | None
    user: str | None
    python: str | None
    outputs: list[str] | None
    description: str | None
    type: str | None
    phase: str | None
    inputs: dict[str, Any] | None
    tags: dict[str, Any]
    params: dict[str, Any]
    removed: int | None = None

    @property
    def is_over(self) -> bool:
        """Has it ended?"""
        return self.status in record.TERMINAL


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of a run, from 1, with its own end; the run shows the newest one's."""

    attempt: int
    status: str
    reason: str | None
    exit_code: int | None
    signal: int | None
    error_type: str | None
    error_message: str | None
    error_code: str | None
    traceback: str | None
    ended_by: str | None
    evidence: dict[str, Any] | None
    started: int
    ended: int | None
    host: str | None


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that the store has seen, and how much of it is committed."""

    run_id: str
    writer: str
    owner: bool
    host: str | None
    boot: str | None
    pid: int | None
    rank: int | None
    started: int | None
    attempt: int
    segment: int
    offset: int
    records: int
    bytes: int


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """
    A metric by its source; `min` and `max` are of the finite values, None for text. `last_epoch`: the last that is known; None where no
    point has one.
    """

    name: str
    source: str
    kind: str
    description: str | None
    count: int
    last: Any
    last_step: int | float | None
    last_time: int | None
    last_epoch: int | float | None = None
    min: float | None
    max: float | None


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One point. `value` as docs/spool.md spells it; `epoch` where what it was read from tells it."""

    step: int | float | None
    time: int
    value: Any
    epoch: int | float | None = None


def points_of(given: points.Columns, start: int = 0) -> list[Point]:
    """Each of them, from a place on."""
    found = zip(given.steps[start:], given.times[start:], given.values[start:], given.epoch_list()[start:], strict=True)
    return [Point(step=step, time=time, value=value, epoch=epoch) for step, time, value, epoch in found]


#: Consecutive points of a series drawn as one (`first`: the ordinal of its first). Its extremes are exact, its edges may be a chunk's.
Bucket = points.Summary


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row (`kind` row: column -> value) or a table (column -> list of values)."""

    key: int
    name: str
    kind: str
    time: int
    columns: dict[str, Any]
    description: str | None


class LogRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One log record; `key` grows in the order committed and is what `after` takes."""

    key: int
    writer: str
    time: int
    level: int
    level_name: str | None
    logger: str | None
    message: str
    file: str | None
    line: int | None
    function: str | None
    thread: str | None
    thread_id: int | None
    process: str | None
    task: str | None
    extra: dict[str, Any] | None
    exception: dict[str, Any] | None
    stack: str | None
    metrics: dict[str, Any] | None
    step: int | float | None
    degraded: str | None
    via: str | None
    attempt: int = 1


class Print(msgspec.Struct, frozen=True, kw_only=True):
    """How the records of a logger, of one writer and from a time on, are printed: docs/spool.md, `pr`. `key` is what `after` takes."""

    key: int
    writer: str
    time: int
    logger: str
    printers: list[dict[str, Any]]


class ConsoleChunk(msgspec.Struct, frozen=True, kw_only=True):
    """What the command wrote to `fd` (1 or 2), from byte `offset` of that stream on; `key` is what `after` takes."""

    key: int
    attempt: int
    fd: int
    offset: int
    time: int
    data: bytes


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a file of the run; its bytes are the blob `sha256`. A path that is not UTF-8 has surrogate escapes (os.fsencode)."""

    path: str
    version: int
    size: int
    sha256: str
    time: int
    modified: int | None
    source: str
    observed: bool


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A run that a run started, as its parent's page names it."""

    run_id: str
    number: int
    name: str | None
    status: str


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """An image, or a chart as data (`type` azureml.v2.confusion_matrix, say); its bytes are the artifact of that path."""

    name: str
    path: str
    type: str
    time: int
    description: str | None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model. `files`: path within the model -> [sha256, size]."""

    name: str
    version: int
    time: int
    path: str | None
    files: dict[str, list[Any]]
    description: str | None
    framework: str | None
    framework_version: str | None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A copy of a folder: its content is the blob `sha256`."""

    snapshot_id: str
    time: int
    sha256: str
    size: int
    file_count: int | None
    root: str | None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Records that the writer had to refuse, with the reason."""

    writer: str | None
    time: int
    since: int | None
    records: int
    bytes: int | None
    why: str | None


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """A line (or torn tail) that could not be taken, with its place and reason; `data` is its first 64 KiB."""

    writer: str
    segment: int
    offset: int
    length: int
    reason: str
    data: bytes | None


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that Outrider itself has to say about the run."""

    time: int
    level: int | None
    message: str


class Follow(msgspec.Struct, frozen=True, kw_only=True):
    """What came since the last look: log records and console chunks in the order committed, and the keys to ask from next time."""

    logs: list[LogRecord]
    console: list[ConsoleChunk]
    after_log: int
    after_console: int
    status: str


def python_value(value: Any) -> Any:
    """A metric value as Python has it: "NaN" is the float, ["NaN"] the text."""
    if isinstance(value, str) and value in record.NONFINITE:
        return float(value)
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def json_value(value: Any) -> Any:
    """A metric value as a user's JSON shows it: non-finite floats by name, a text as it is."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value
