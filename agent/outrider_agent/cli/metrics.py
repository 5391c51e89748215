"""`outrider metrics RUN [NAME]`: what a run measured; the points of one metric, or the rows of one table."""

from __future__ import annotations

import csv
import itertools
import json
import sys
from typing import TYPE_CHECKING, Any

from outrider_agent import errors
from outrider_agent.cli import documents, fresh, output, runs, show
from outrider_agent.cli import format as fmt
from outrider_agent.store import records

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from outrider_agent.core import points as packing
    from outrider_agent.store import reading

EXAMPLES = """\
examples:
  outrider metrics latest                    every metric: last, min, max
  outrider metrics latest loss               the last points of one
  outrider metrics latest loss -n 1000       more of them
  outrider metrics latest loss --csv > loss.csv
  outrider metrics latest loss --source log  only what log records carried
  outrider metrics latest --json | jq .loss.last
"""
#: How many points people are shown unless they say otherwise; `--csv` and `--json` have all.
SHOWN = 40


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    parser.add_argument("name", metavar="NAME", nargs="?", help="one metric, row or table: its points")
    parser.add_argument("--source", metavar="S", help="only what came from there: call, log, printed, file")
    parser.add_argument("-n", "--lines", type=runs.positive, metavar="N", help=f"only the last N points (for people {SHOWN})")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    form.add_argument("--csv", action="store_true", help="as CSV")
    parser.set_defaults(handler=metrics)


def metrics(args: argparse.Namespace) -> int:
    """Shows them."""
    with fresh.reader(args) as store:
        run_id = store.find_run(args.run)
        series = [one for one in store.series(run_id) if args.source in (None, one.source)]
        rows = store.rows(run_id) if args.source in (None, "call") else []
        if args.name is None:
            _print_all(args, run_id, documents.metrics(series, rows))
            return 0
        own = [one for one in series if one.name == args.name]
        if own:
            _print_points(args, store, run_id, own)
        else:
            _print_rows(args, run_id, [row for row in rows if row.name == args.name])
    return 0


def _print_all(args: argparse.Namespace, run_id: str, known: documents.Document) -> None:
    if args.json:
        output.as_json(known)
    elif args.csv:
        keys = ("kind", "source", "count", "last", "min", "max")
        _csv(["name", *keys], ([name, *[one[key] for key in keys]] for name, one in known.items()))
    elif not known:
        output.tell(f"run {run_id} has no metrics (yet)")
    else:
        columns = [output.Column("METRIC", fold=True), *[output.Column(title, right=True) for title in ("LAST", "MIN", "MAX", "COUNT")]]
        rows = [[*show.metric_row(name, one), one["kind"], one["source"]] for name, one in known.items()]
        output.table([*columns, output.Column("KIND"), output.Column("SOURCE")], rows)


def _print_points(args: argparse.Namespace, store: reading.Reader, run_id: str, series: Sequence[records.Series]) -> None:
    chosen = _chosen(series, run_id)
    pieces = store.columns(run_id, chosen, args.lines or (None if args.json or args.csv else SHOWN))
    if args.json:
        _points_json(args.name, pieces)
    elif args.csv:
        names = ["step", "time", "value", *(["epoch"] if any(one.last_epoch is not None for one in chosen) else [])]
        _csv(names, ([document.get(name) for name in names] for piece in pieces for document in documents.points(piece)))
    else:
        _points_table(pieces, sum(one.count for one in chosen), args)


def _chosen(series: Sequence[records.Series], run_id: str) -> Sequence[records.Series]:
    """The series that the name means: calls and log records, else the only one there is."""
    own = [one for one in series if one.source in documents.OWN_SOURCES]
    if own or len(series) == 1:
        return own or series
    sources = ", ".join(one.source for one in series)
    raise errors.Ambiguous(f"run {run_id} has {series[0].name!r} from several sources ({sources}); choose one with --source")


def _points_json(name: str, pieces: Iterable[packing.Columns]) -> None:
    """One point a line, as they are read."""
    print(f'{{"name": {json.dumps(name)}, "points": [', end="")
    mark = "\n  "
    for piece in pieces:
        if len(piece):
            print(mark + ",\n  ".join(documents.point_texts(piece)), end="")
            mark = ",\n  "
    print("\n]}")


def _points_table(pieces: Iterable[packing.Columns], total: int, args: argparse.Namespace) -> None:
    columns = [output.Column("STEP", right=True), output.Column("TIME"), output.Column("VALUE", right=True)]
    rows = [
        ["-" if step is None else str(step), fmt.local(time, milliseconds=True), fmt.value(records.json_value(value))]
        for piece in pieces
        for step, time, value in zip(piece.steps, piece.times, piece.values, strict=True)
    ]
    output.table(columns, rows)
    if len(rows) < total and not args.lines:
        output.tell(f"the last {len(rows)} of {fmt.plural(total, 'point')}; -n N shows more, --csv all")


def _print_rows(args: argparse.Namespace, run_id: str, rows: Sequence[records.Row]) -> None:
    if not rows:
        raise errors.NotFound(f"run {run_id} has no metric {args.name!r}; `outrider metrics {run_id}` lists those it has")
    columns = documents.columns(rows)
    if args.lines:
        columns = {name: cells[-args.lines :] for name, cells in columns.items()}
    if args.json:
        output.as_json({"name": args.name, "kind": rows[-1].kind, "columns": columns})
    elif args.csv:
        _csv(list(columns), _across(columns))
    else:
        cells: list[output.Row] = [[fmt.value(cell) for cell in row] for row in _across(columns)]
        shown = cells if args.lines else cells[-SHOWN:]
        output.table([output.Column(fmt.one_line(name), right=True) for name in columns], shown)
        if len(shown) < len(cells):
            output.tell(f"the last {len(shown)} of {fmt.plural(len(cells), 'row')}; -n N shows more, --csv all")


def _across(columns: dict[str, list[Any]]) -> Iterator[tuple[Any, ...]]:
    return itertools.zip_longest(*columns.values())


def _csv(titles: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(titles)
    for row in rows:
        writer.writerow(["" if cell is None else json.dumps(cell) if isinstance(cell, (dict, list, bool)) else cell for cell in row])
