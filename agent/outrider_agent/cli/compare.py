"""`outrider compare RUN RUN…`: what differs between runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outrider_agent import errors
from outrider_agent.cli import comparing, fresh, output, snapshots
from outrider_agent.cli import format as fmt

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from outrider_agent.store import reading

#: So many runs are compared at once.
MOST = 100
EXAMPLES = """\
examples:
  outrider compare ridge#1 ridge#2               only what differs
  outrider compare ridge#1 ridge#2 latest --all  everything
  outrider compare ridge#1 ridge#2 --json | jq '.sections[].rows[] | select(.differs)'
"""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("runs", metavar="RUN", nargs="+", help="two or more: ids, beginnings of them, `latest`, or EXPERIMENT#NUMBER")
    parser.add_argument("--all", action="store_true", help="also what is the same in all of them")
    parser.add_argument("--diff", action="store_true", help="also the lines of code that differ, of runs that have a snapshot")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    parser.set_defaults(handler=compare)


def compare(args: argparse.Namespace) -> int:
    """Prints it."""
    home = Path(fresh.home(args))
    with fresh.reader(args) as store:
        runs = list(dict.fromkeys(store.find_run(text) for text in args.runs))
        if len(runs) < 2:
            raise errors.OutriderError("comparing takes two runs or more")
        document = comparison(store, lambda sha: home / "blobs" / sha[:2] / sha, runs, time.time_ns())
    if args.json:
        output.as_json(document)
    else:
        _print(document, is_all=args.all, has_diff=args.diff)
    return 0


def comparison(store: reading.Reader, blob: Callable[[str], Path | None], runs: Sequence[str], now: int) -> dict[str, Any]:
    """The whole document: `comparing.compared`, and `code`. Raises `NotFound`."""
    zips, sides = [], []
    for run_id in runs[:MOST]:
        kept = store.snapshots(run_id)
        archive = blob(kept[-1].sha256) if kept else None
        zips.append(archive)
        sides.append(comparing.Side(store.run(run_id), store.series(run_id), store.properties(run_id), snapshots.files(archive)))
    code = []
    for path, contents in comparing.changed_files(sides)[: comparing.DIFF_FILES]:
        first = next(place for place, side in enumerate(sides) if side.files)
        other = next(place for place, one in enumerate(contents) if sides[place].files and one != contents[first])
        code.append(comparing.difference(path, snapshots.text(zips[first], path), snapshots.text(zips[other], path)))
    return comparing.compared(sides, now) | {"code": code}


def _print(document: dict[str, Any], *, is_all: bool, has_diff: bool) -> None:
    output.say(document["sentence"])
    names = [f"{fmt.one_line(run['name'] or run['run_id'])} #{run['number']}" for run in document["runs"]]
    columns = [output.Column("", fold=True), *[output.Column(name, fold=True) for name in names]]
    for section in document["sections"]:
        rows = [row for row in section["rows"] if is_all or row["differs"]]
        if rows:
            output.say(f"\n{section['title']}")
            output.table(columns, [[fmt.one_line(row["name"]), *_cells(row)] for row in rows])
    if document["code"]:
        output.say("\nCode")
    for one in document["code"]:
        output.say(f"{fmt.one_line(one['path'])}  {one['what']}")
        if has_diff and one["diff"]:
            output.say(fmt.safe(one["diff"]))


def _cells(row: dict[str, Any]) -> list[str]:
    """A value a run; the best is marked."""
    return [
        ("-" if value is None else fmt.value(value)) + (" *" if row["best"] == place else "") for place, value in enumerate(row["values"])
    ]
