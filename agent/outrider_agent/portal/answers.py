"""
The shapes of /api/v1's answers as types, for its OpenAPI document and for the test that holds the server to it. Nothing is made with them.

Times are ISO 8601 in UTC; a metric's value that JSON has no word for is "NaN", "Infinity" or "-Infinity".
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Scalar = float | str | bool | None
Status = Literal["Running", "Completed", "Failed", "Canceled", "Unknown"]


class Answer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A document: each key that is there is declared."""


class Error(Answer):
    """Why a request was refused. `at`: where in a query."""

    error: str
    at: int | msgspec.UnsetType = msgspec.UNSET


class LastRun(Answer):
    """The run of an experiment that started last."""

    run_id: str
    number: int
    name: str | None
    status: Status


class Experiment(Answer):
    """An experiment. `statuses`: status -> how many runs."""

    name: str
    created: str
    runs: int
    running: int
    last_started: str | None
    last_run: LastRun | None
    statuses: dict[str, int]


class Metric(Answer):
    """A metric as lists have it: its last value and its extremes."""

    kind: str
    source: str
    count: int
    last: Any
    min: float | msgspec.UnsetType | None = msgspec.UNSET
    max: float | msgspec.UnsetType | None = msgspec.UNSET
    last_step: float | msgspec.UnsetType | None = msgspec.UNSET
    last_time: str | msgspec.UnsetType | None = msgspec.UNSET


class Run(Answer):
    """A run. `why`: how it ended, in a few words; `deleted`: when it was, null where it was not."""

    run_id: str
    number: int
    name: str | None
    experiment: str
    status: Status
    reason: str | None
    exit_code: int | None
    signal: int | None
    started: str
    ended: str | None
    duration_s: float
    tags: dict[str, Any]
    params: dict[str, Any]
    parent: str | None
    attempt: int
    deleted: str | None
    user: str | None
    host: str | None
    why: str


class HowFar(Answer):
    """How far a run is by what it prints. `share`: from 0 to 1; `silent_s`: since its last output."""

    share: float | None
    eta_s: float | None
    silent_s: float | None
    is_stalled: bool


class ListedRun(Run):
    """A run of a page, with its metrics by name. `progress`: while it runs, where its output tells."""

    metrics: dict[str, Metric]
    progress: HowFar | None


class Page(Answer):
    """A page of runs. `statuses` counts what fits but for the status."""

    total: int
    offset: int
    limit: int
    statuses: dict[str, int]
    runs: list[ListedRun]


class Failure(Answer):
    """What made a run fail."""

    type: str | None
    message: str | None
    code: str | None
    traceback: str | None


class Attempt(Answer):
    """One attempt of a run."""

    attempt: int
    status: Status
    reason: str | None
    exit_code: int | None
    signal: int | None
    started: str
    ended: str | None
    duration_s: float
    host: str | None
    ended_by: str | None
    error: Failure | None
    evidence: dict[str, Any] | None


class Child(Answer):
    """A run that a run started."""

    run_id: str
    number: int
    name: str | None
    status: Status


class LogCounts(Answer):
    """How many records were warnings and errors."""

    warnings: int
    errors: int


class WholeRun(Run):
    """A run with all that is small of it."""

    command: list[str] | None
    cwd: str | None
    python: str | None
    outputs: list[str] | None
    description: str | None
    type: str | None
    phase: str | None
    inputs: dict[str, Any] | None
    ended_by: str | None
    error: Failure | None
    evidence: dict[str, Any] | None
    attempts: list[Attempt]
    properties: dict[str, Any]
    gaps: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    set_aside: list[dict[str, Any]]
    has_parent: bool
    tables: dict[str, dict[str, Any]]
    figures: list[dict[str, Any]]
    models: list[dict[str, Any]]
    snapshots: list[dict[str, Any]]
    children: list[Child]
    log_counts: LogCounts


class Sheet(Answer):
    """The first rows of a file of columns, as text; null where there is no value. `count`: how many rows the file has."""

    count: int
    names: list[str]
    types: list[str]
    rows: list[list[str | None]]


class Difference(Answer):
    """A row of a comparison: a value a run. `best`: the place of the best, where that can be told."""

    name: str
    values: list[Any]
    differs: bool
    best: int | None


class Section(Answer):
    """Rows of one kind."""

    title: str
    rows: list[Difference]


class ChangedFile(Answer):
    """A file of the snapshots that differs; `diff` is unified."""

    path: str
    what: str
    diff: str | None


class ComparedRun(msgspec.Struct, kw_only=True):
    """A run as of /runs, without its metrics."""

    run_id: str
    number: int
    status: Status


class Comparison(Answer):
    """What differs between runs."""

    runs: list[ComparedRun]
    sentence: str
    sections: list[Section]
    code: list[ChangedFile]


class Names(Answer):
    """Names that runs have, those that most have first."""

    metrics: list[str]
    params: list[str]
    tags: list[str]
    properties: list[str]


class Series(Answer):
    """A metric by its source. `last_epoch`: the last that is known, null where no point has one."""

    name: str
    source: str
    kind: str
    description: str | None
    count: int
    last: Any
    last_step: float | None
    last_time: str | None
    last_epoch: float | None
    min: float | None
    max: float | None


class Points(Answer):
    """Points as columns, from ordinal `first` on; times in milliseconds. `epochs`: where one of them has one."""

    first: int
    steps: list[float | None]
    times: list[float]
    values: list[Any]
    epochs: list[float | None] | msgspec.UnsetType = msgspec.UNSET


class Buckets(Answer):
    """Consecutive points as one, a column each; times in milliseconds. Epochs where they are asked for."""

    ordinal: list[int]
    count: list[int]
    step_min: list[float | None]
    step_max: list[float | None]
    time_min: list[float]
    time_max: list[float]
    min: list[float | None]
    max: list[float | None]
    first: list[float | None]
    last: list[float | None]
    nonfinite: list[int]
    epoch_min: list[float | None] | msgspec.UnsetType = msgspec.UNSET
    epoch_max: list[float | None] | msgspec.UnsetType = msgspec.UNSET


class Table(Answer):
    """Rows and tables of a name, as columns of one length. `names`: the columns in the order logged."""

    name: str
    kind: str
    description: str | None
    count: int
    names: list[str]
    columns: dict[str, list[Any]]


class RunBuckets(Answer):
    """One metric of one of several runs."""

    run_id: str
    buckets: Buckets


class Line(msgspec.Struct, kw_only=True):
    """A line of the log; a record has more, as of `logs --json`."""

    id: str
    time: str
    stream: Literal["log", "stdout", "stderr"]
    message: str


class Ending(Answer):
    """A part of the log. `whole`: nothing is before it; `since`: where the live stream goes on from its end."""

    lines: list[Line]
    open: list[Line]
    whole: bool
    since: str


class Hit(Answer):
    """A line that holds what was looked for; `at` in milliseconds and `line`, of the console's, as /lines takes them."""

    at: int
    time: str
    stream: Literal["log", "stdout", "stderr"]
    message: str
    line: str | None


class Hits(Answer):
    """Hits of a stretch of the log, in its order. `next`: go on with `since` of it; null: that was all."""

    hits: list[Hit]
    next: str | None


class LogRecord(msgspec.Struct, kw_only=True):
    """A log record, as of `logs --json`, with its key."""

    key: int
    time: str
    level: str | None
    message: str


class Chunk(Answer):
    """What the command wrote at once: `text`, or `base64` where it is no UTF-8."""

    key: int
    time: str
    fd: int
    offset: int
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


class File(Answer):
    """A version of a file."""

    path: str
    size: int
    sha256: str
    version: int
    time: str
    modified: str | None
    source: str
    observed: bool
    url: str


class Charted(Answer):
    """What the charts of one of several runs begin with."""

    run: WholeRun
    metrics: list[Series]
    artifacts: list[File]


class Canceled(Answer):
    """A run was asked to stop; `signaled`: its process was told."""

    run: str
    canceled: bool
    signaled: bool


class Deleted(Answer):
    """Whether the run is deleted now."""

    run: str
    deleted: bool


class Purged(Answer):
    """The run is gone, and so many files that only it had."""

    run: str
    purged: bool
    blobs: int
