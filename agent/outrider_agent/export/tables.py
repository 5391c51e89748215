"""
A run as rows for other programs: points as CSV and Parquet, a table of the run as either, everything as JSON lines.

Written piece by piece: memory does not grow with the number of points. Values are spelled as in `--json` (docs/cli.md).
"""

from __future__ import annotations

import csv
import importlib
import io
import json
from typing import IO, TYPE_CHECKING, Any

from outrider_agent import errors
from outrider_agent.cli import documents
from outrider_agent.cli import format as fmt
from outrider_agent.store import records

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outrider_agent.core import points as packing
    from outrider_agent.store import reading

POINT_COLUMNS = ("metric", "source", "step", "time", "value", "epoch")
PARQUET_MISSING = (
    "Parquet needs pyarrow, which is not installed; nothing was written. pip install 'outrider[parquet]', or take --csv or --jsonl"
)
#: So much of a log is read at once.
PAGE = 5_000


def chosen(store: reading.Reader, run_id: str, names: Sequence[str]) -> list[records.Series]:
    """The series of these names, or all. Raises `NotFound` for a name that the run has not."""
    found = store.series(run_id)
    for name in names:
        if not any(one.name == name for one in found):
            raise errors.NotFound(
                f"run {run_id} has no metric {name!r}; nothing was written. `outrider metrics {run_id}` lists those it has"
            )
    return [one for one in found if not names or one.name in names]


def points(store: reading.Reader, run_id: str, series: Sequence[records.Series]) -> Iterator[tuple[records.Series, packing.Columns]]:
    """The points of each series, a piece after the other."""
    for one in series:
        for piece in store.columns(run_id, [one]):
            yield one, piece


def points_csv(target: IO[str], store: reading.Reader, run_id: str, series: Sequence[records.Series]) -> None:
    """A line a point."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(POINT_COLUMNS)
    for one, piece in points(store, run_id, series):
        found = documents.points(piece)
        writer.writerows([one.name, one.source, *(_cell(point.get(name)) for name in POINT_COLUMNS[2:])] for point in found)


def table(store: reading.Reader, run_id: str, name: str) -> dict[str, list[Any]]:
    """The columns of a table or of rows. Raises `NotFound`."""
    found = store.rows(run_id, name)
    if not found:
        raise errors.NotFound(
            f"run {run_id} has no table or row {name!r}; nothing was written. `outrider metrics {run_id}` lists what it has"
        )
    return documents.columns(found)


def table_csv(target: IO[str], columns: dict[str, list[Any]]) -> None:
    """A line a row."""
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(cell) for cell in row] for row in zip(*columns.values(), strict=True))


def _cell(cell: Any) -> Any:
    return "" if cell is None else json.dumps(cell) if isinstance(cell, (dict, list, bool)) else cell


def lines(target: IO[str], store: reading.Reader, run_id: str, document: dict[str, Any]) -> None:
    """
    Everything of a run as JSON objects, one a line, each with `kind`: `run` (as of `show --json`), `point`, `row`, `log`, `console`,
    `artifact`.
    """
    for found in _objects(store, run_id, document):
        target.write(json.dumps(found, ensure_ascii=True, allow_nan=False) + "\n")


def _objects(store: reading.Reader, run_id: str, document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"kind": "run", **document}
    for one, piece in points(store, run_id, store.series(run_id)):
        for point in documents.points(piece):
            yield {"kind": "point", "metric": one.name, "source": one.source, **point}
    for row in store.rows(run_id):
        for cells in documents.table_rows(row):
            yield {"kind": "row", "name": row.name, "of": row.kind, "time": fmt.iso(row.time), "columns": cells}
    yield from log(store, run_id)
    for artifact in store.artifacts(run_id, all_versions=True):
        yield {"kind": "artifact", **documents.artifact(artifact)}


def log(store: reading.Reader, run_id: str) -> Iterator[dict[str, Any]]:
    """Log records and the console, as `lines` has them."""
    after = 0
    while page := store.logs(run_id, after, limit=PAGE):
        yield from ({"kind": "log", **documents.log(one)} for one in page)
        after = page[-1].key
    after = 0
    while chunks := store.console(run_id, after, limit=PAGE):
        for one in chunks:
            where = {"time": fmt.iso(one.time), "fd": one.fd, "offset": one.offset, "attempt": one.attempt}
            yield {"kind": "console", **where, "text": one.data.decode("utf-8", "backslashreplace")}
        after = chunks[-1].key


def points_parquet(target: IO[bytes], store: reading.Reader, run_id: str, series: Sequence[records.Series]) -> None:
    """
    Columns `metric`, `source`, `step` (double), `time` (UTC, microseconds), `value` (double; NaN and infinities as such), `text` (what is
    no number), `epoch` (double; null where it is not known). Raises `OutriderError` without pyarrow.
    """
    arrow, parquet = _pyarrow()
    schema = arrow.schema([
        ("metric", arrow.dictionary(arrow.int32(), arrow.string())), ("source", arrow.dictionary(arrow.int32(), arrow.string())),
        ("step", arrow.float64()), ("time", arrow.timestamp("us", tz="UTC")), ("value", arrow.float64()), ("text", arrow.string()),
        ("epoch", arrow.float64()),
    ])  # fmt: skip
    with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for one, piece in points(store, run_id, series):
            numbers = [_number(value) for value in piece.values]
            columns = {
                "metric": arrow.array([one.name] * len(piece)).dictionary_encode(),
                "source": arrow.array([one.source] * len(piece)).dictionary_encode(),
                "step": arrow.array([None if step is None else float(step) for step in piece.steps], arrow.float64()),
                "time": arrow.array([time // 1000 for time in piece.times], arrow.int64()).cast(arrow.timestamp("us", tz="UTC")),
                "value": arrow.array(numbers, arrow.float64()),
                "text": arrow.array(
                    [
                        None if number is not None or value is None else _text(value)
                        for number, value in zip(numbers, piece.values, strict=True)
                    ],
                    arrow.string(),
                ),
                "epoch": arrow.array([None if epoch is None else float(epoch) for epoch in piece.epoch_list()], arrow.float64()),
            }
            writer.write_table(arrow.table(columns, schema=schema))


def table_parquet(target: IO[bytes], columns: dict[str, list[Any]]) -> None:
    """Columns of numbers as doubles, others as they are or, where they are of several types, as text."""
    arrow, parquet = _pyarrow()
    found = {name: _column(arrow, cells) for name, cells in columns.items()}
    parquet.write_table(arrow.table(found), target, compression="zstd")


def _column(arrow: Any, cells: list[Any]) -> Any:
    numbers = [_number(cell) for cell in cells]
    if all(number is not None or cell is None for number, cell in zip(numbers, cells, strict=True)) and any(
        isinstance(cell, (float, str)) for cell in cells
    ):
        return arrow.array(numbers, arrow.float64())
    try:
        return arrow.array(cells)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OverflowError):
        return arrow.array([None if cell is None else _text(cell) for cell in cells])


def _number(value: Any) -> float | None:
    """A number as a float; what is none (a text, a bool) is None. Values that JSON has no word for are those floats."""
    found = records.python_value(value)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        return None
    try:
        return float(found)
    except OverflowError:
        return None


def _text(value: Any) -> str:
    shown = records.json_value(value)
    return shown if isinstance(shown, str) else json.dumps(shown)


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as exc:
        raise errors.OutriderError(PARQUET_MISSING) from exc


def as_text(target: IO[bytes]) -> io.TextIOWrapper:
    """A text on top of bytes, which stay open: for CSV and JSON lines. The caller flushes it."""
    return io.TextIOWrapper(target, encoding="utf-8", errors="backslashreplace", newline="")
