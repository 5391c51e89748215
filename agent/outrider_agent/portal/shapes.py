"""
The shapes of /api/v1: a promise, written down in docs/api.md. As far as it goes they are those of the command line's `--json`.

Pure. A key may be added; none is renamed or taken away within v1.
"""

from __future__ import annotations

import base64
import json
import os
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from outrider_agent.cli import documents
from outrider_agent.cli import format as fmt
from outrider_agent.store import browsing, records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider_agent.cli import journal, searching, weaving
    from outrider_agent.store import progress as store_progress

Document = dict[str, Any]

#: The columns of buckets, in the order of their binary form. Times are milliseconds since the epoch.
BUCKET_COLUMNS = ("ordinal", "count", "step_min", "step_max", "time_min", "time_max", "min", "max", "first", "last", "nonfinite")
#: Beside them where they are asked for.
EPOCH_COLUMNS = ("epoch_min", "epoch_max")


def encoded(document: object) -> bytes:
    """JSON; what msgspec has no way for (integers of any length, lone surrogates), the standard library has."""
    try:
        return msgspec.json.encode(document)
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(document).encode()


def overview(given: browsing.Overview) -> Document:
    """One of GET /experiments."""
    return documents.experiment(given.experiment, given.last) | {"statuses": dict(given.statuses)}


def listed(given: browsing.Listed, now_ns: int) -> Document:
    """One of GET /runs."""
    return run(given.run, now_ns) | {"metrics": documents.metrics(given.series, []), "progress": progress(given.progress)}


def progress(given: store_progress.Progress | None) -> Document | None:
    """How far a run is, as lists have it; null where it is over or tells nothing."""
    if given is None or (given.share is None and not given.is_stalled):
        return None
    return {name: getattr(given, name) for name in ("share", "eta_s", "silent_s", "is_stalled")}


def doing(given: store_progress.Progress | None) -> str:
    """The same in words."""
    if given is not None and given.is_stalled:
        return f"no output for {fmt.duration(given.silent_s)}"
    if given is None or given.share is None:
        return ""
    return f"{int(given.share * 100)} %" + (f" · {fmt.duration(given.eta_s)} left" if given.eta_s is not None else "")


def run(given: records.Run, now_ns: int) -> Document:
    """A run as lists have it, with whose it is and where, and in words how it ended."""
    return documents.run(given, now_ns) | {"user": given.user, "host": given.host, "why": why(given)}


def whole(given: records.Run, now_ns: int) -> Document:
    """GET /runs/{id}, but for what is counted elsewhere."""
    return run(given, now_ns) | documents.details(given)


def why(given: records.Run) -> str:
    """How it ended in a few words, for people, or what it is doing; nothing where the status says it all."""
    if given.ended is None and given.phase not in {None, given.status}:
        return given.phase or ""
    if given.reason in (None, "completed", "ended", "failed"):
        return ""
    short = {
        "exit-code": f"exit {given.exit_code}",
        "signal": fmt.signal_name(given.signal),
        "exception": given.error_type or "exception",
        "canceled": f"by {fmt.one_line(given.ended_by)}" if given.ended_by else "",
        "oom-killed": "out of memory",
        "keeper-lost": "keeper lost",
        "could-not-start": "could not start",
    }
    return short.get(given.reason, given.reason)


def series(given: records.Series) -> Document:
    """One of GET /runs/{id}/metrics: a name by its source."""
    return {
        "name": given.name,
        "source": given.source,
        "kind": given.kind,
        "description": given.description,
        "count": given.count,
        "last": records.json_value(given.last),
        "last_step": given.last_step,
        "last_time": fmt.iso(given.last_time),
        "last_epoch": given.last_epoch,
        "min": given.min,
        "max": given.max,
    }


def log(given: records.LogRecord) -> Document:
    """A log record, with the key that `after` and `before` take."""
    return {"key": given.key} | documents.log(given)


def line(given: journal.Entry) -> Document:
    """A line of the woven log, as of `logs --json`; `id` is its own for ever. `writes`: of one that was drawn over."""
    if given.record is not None:
        return {"id": given.id} | documents.log(given.record)
    if given.line is None:
        return {"id": given.id}
    writes = {"writes": given.line.writes} if given.line.writes else {}
    return {"id": given.id} | documents.console(given.line, echo=given.echo) | writes


def change(given: weaving.Change) -> Document:
    """What came of a woven log: the event `lines`."""
    told = {"first": given.first, "lines": [line(one) for one in given.entries], "open": [line(one) for one in given.open]}
    return told | {"gone": given.gone, "back": [line(one) for one in given.back]}


def ending(given: journal.Ending) -> Document:
    """GET /runs/{id}/lines: the end of a woven log, and where the live stream goes on from it."""
    return {
        "lines": [line(one) for one in given.entries if one.is_whole],
        "open": [line(one) for one in given.entries if not one.is_whole],
        "whole": given.whole,
        "since": f"{given.logs}.{given.console}",
    }


def hits(given: searching.Found) -> Document:
    """GET /runs/{id}/search."""
    found = [
        {
            "at": one.time // 1_000_000,
            "time": fmt.iso(one.time),
            "stream": one.stream,
            "message": one.text,
            "line": None if one.place is None else str(one.place),
        }
        for one in given.hits
    ]
    return {"hits": found, "next": None if given.next is None else str(given.next)}


def chunk(given: records.ConsoleChunk) -> Document:
    """What the command wrote at once: `text` where it is UTF-8, else `base64`."""
    where = {"key": given.key, "time": fmt.iso(given.time), "fd": given.fd, "offset": given.offset}
    try:
        return where | {"text": given.data.decode()}
    except UnicodeDecodeError:
        return where | {"base64": base64.b64encode(given.data).decode()}


def file(given: records.Artifact, run_id: str) -> Document:
    """One of GET /runs/{id}/artifacts. `url` has the path's own bytes; `path` is for people where they are no UTF-8."""
    shown = os.fsencode(given.path).decode("utf-8", "replace")
    where = f"/api/v1/runs/{quote(run_id)}/content?path={quote(os.fsencode(given.path), safe='/')}&version={given.version}"
    return documents.artifact(given) | {"path": shown, "url": where}


def figures(given: Sequence[records.Figure], versions: Sequence[records.Artifact], run_id: str) -> list[Document]:
    """The figures of GET /runs/{id}: of each the version of its artifact that was the last one when it was logged, and where that is."""
    return [figure(one, _version(one, versions), run_id) for one in given]


def _version(given: records.Figure, versions: Sequence[records.Artifact]) -> int:
    of_path = [one for one in versions if one.path == given.path]
    return max((one.version for one in of_path if one.time <= given.time), default=min((one.version for one in of_path), default=1))


def figure(given: records.Figure, version: int, run_id: str) -> Document:
    """One of them."""
    path = os.fsencode(given.path)
    where = f"/api/v1/runs/{quote(run_id)}/content?path={quote(path, safe='/')}&version={version}"
    return documents.figure(given) | {"path": path.decode("utf-8", "replace"), "version": version, "url": where}


def snapshot(given: records.Snapshot, run_id: str) -> Document:
    """One of the snapshots of GET /runs/{id}: `url` is the address of its zip."""
    return documents.snapshot(given) | {"url": f"/api/v1/runs/{quote(run_id)}/snapshots/{quote(given.snapshot_id)}"}


def points(given: Sequence[records.Point], first: int) -> Document:
    """Points as columns, from ordinal `first` on; `epochs` only where one of them has one."""
    epochs = [one.epoch for one in given]
    found: Document = {
        "first": first,
        "steps": [one.step for one in given],
        "times": [one.time / 1e6 for one in given],
        "values": [records.json_value(one.value) for one in given],
    }
    return found if all(epoch is None for epoch in epochs) else found | {"epochs": epochs}


def bucket_rows(given: Sequence[records.Bucket], *, with_epochs: bool = False) -> list[tuple[Any, ...]]:
    """Buckets as rows of BUCKET_COLUMNS, and of EPOCH_COLUMNS."""
    return [
        (
            one.first,
            one.count,
            one.step_min,
            one.step_max,
            one.time_min / 1e6,
            one.time_max / 1e6,
            one.min,
            one.max,
            one.first_value,
            one.last_value,
            one.nonfinite,
            *((one.epoch_min, one.epoch_max) if with_epochs else ()),
        )
        for one in given
    ]


def buckets(given: Sequence[records.Bucket], *, with_epochs: bool = False) -> Document:
    """GET /runs/{id}/buckets as JSON: a column each."""
    names = (*BUCKET_COLUMNS, *(EPOCH_COLUMNS if with_epochs else ()))
    columns = list(zip(*bucket_rows(given, with_epochs=with_epochs), strict=True)) or [()] * len(names)
    return dict(zip(names, columns, strict=True))


def packed_buckets(given: Sequence[records.Bucket], *, with_epochs: bool = False) -> bytes:
    """GET /runs/{id}/buckets?format=f64: the columns one after another, little-endian doubles, NaN for what is missing."""
    missing = float("nan")
    columns = zip(*bucket_rows(given, with_epochs=with_epochs), strict=True)
    return b"".join(struct.pack(f"<{len(given)}d", *[missing if value is None else float(value) for value in column]) for column in columns)
