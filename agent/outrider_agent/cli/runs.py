"""`outrider experiments` and `outrider runs`: lists. What the store has, newest first; nothing is changed."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from outrider_agent import errors
from outrider_agent.cli import documents, fresh, output
from outrider_agent.cli import format as fmt
from outrider_agent.core import query
from outrider_agent.store import browsing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider_agent.store import reading, records

#: How many runs people are shown unless they say otherwise. `--json` has all.
DEFAULT_LIMIT = 50
STATUSES = ("Running", "Completed", "Failed", "Canceled", "Unknown")

EXPERIMENTS_EXAMPLES = """\
examples:
  outrider experiments
  outrider experiments --json
"""
RUNS_EXAMPLES = """\
examples:
  outrider runs                                  the newest 50
  outrider runs -a                               all of them
  outrider runs --experiment ridge --status failed
  outrider runs --tag gpu=a100 --tag nightly     with both tags
  outrider runs -q 'metrics.loss < 0.3 and params.lr in (1e-3, 3e-4)'
  outrider runs --json | jq -r '.[].run_id'
"""


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Declares the arguments."""
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    if name == "experiments":
        parser.epilog = EXPERIMENTS_EXAMPLES
        parser.set_defaults(handler=experiments)
        return
    parser.epilog = RUNS_EXAMPLES
    parser.add_argument("-e", "--experiment", metavar="NAME", help="only runs of this experiment")
    parser.add_argument("--status", type=str.capitalize, choices=STATUSES, metavar="STATUS", help="only: " + ", ".join(STATUSES))
    parser.add_argument("--tag", action="append", default=[], metavar="K[=V]", help="only runs with this tag; may be given again")
    parser.add_argument("-q", "--query", metavar="QUERY", help="only those that a query chooses (docs/api.md): metrics.loss < 0.3")
    parser.add_argument("--deleted", action="store_true", help="those that were deleted in the portal, until they are purged")
    parser.add_argument("-n", "--limit", type=positive, metavar="N", help=f"at most N (default {DEFAULT_LIMIT}; with --json all)")
    parser.add_argument("-a", "--all", action="store_true", help="all of them")
    parser.set_defaults(handler=runs)


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1")
    return number


def experiments(args: argparse.Namespace) -> int:
    """Lists experiments."""
    with fresh.reader(args) as store:
        found = store.experiments()
        last = {one.name: _last(store, one.name) for one in found}
    if args.json:
        output.as_json([documents.experiment(one, last[one.name]) for one in found])
        return 0
    if not found:
        output.tell(fresh.nothing_yet(fresh.home(args)))
        return 0
    columns = [output.Column("EXPERIMENT", fold=True), output.Column("RUNS", right=True), output.Column("RUNNING", right=True)]
    rows: list[output.Row] = [
        [one.name, str(one.runs), str(one.running), started(one.last_started), _last_text(last[one.name])] for one in found
    ]
    output.table([*columns, output.Column("LAST STARTED"), output.Column("LAST RUN", fold=True)], rows)
    return 0


def _last(store: reading.Reader, experiment: str) -> records.Run | None:
    return next(iter(store.runs(experiment=experiment, limit=1)), None)


def _last_text(run: records.Run | None) -> output.Cell:
    return output.Cell("-") if run is None else output.Cell(f"{title(run)} {run.status}", output.STATUS_STYLES.get(run.status, ""))


def runs(args: argparse.Namespace) -> int:
    """Lists runs."""
    limit = None if args.all else args.limit or (None if args.json else DEFAULT_LIMIT)
    with fresh.reader(args) as store:
        # One more than is shown tells whether there are more. Tags are looked at here, so they need all.
        wanted = None if args.tag or limit is None else limit + 1
        found = _asked(args, wanted) if args.query or args.deleted else store.runs(args.experiment, args.status, wanted)
        if not found and args.experiment and not any(one.name == args.experiment for one in store.experiments()):
            raise errors.NotFound(f"there is no experiment {args.experiment!r}; `outrider experiments` lists them")
    found = [run for run in found if all(has_tag(run, tag) for tag in args.tag)]
    shown = found if limit is None else found[:limit]
    if args.json:
        output.as_json([documents.run(run, time.time_ns()) for run in shown])
        return 0
    return _print(args, shown, more=len(found) > len(shown))


def _asked(args: argparse.Namespace, limit: int | None) -> list[records.Run]:
    """Those that a query chooses, or that are deleted."""
    wanted = browsing.Wanted(
        experiment=args.experiment,
        status=args.status,
        query=args.query,
        removed=args.deleted,
        metrics=(),
        limit=-1 if limit is None else limit,
    )
    with browsing.Browser(fresh.store_path(fresh.home(args))) as store:
        try:
            return [one.run for one in store.page(wanted, time.time_ns()).runs]
        except query.Wrong as wrong:
            raise errors.OutriderError(f"{args.query}\n{' ' * wrong.at}^ {wrong}") from None


def _print(args: argparse.Namespace, shown: Sequence[records.Run], *, more: bool) -> int:
    if not shown:
        filtered = args.experiment or args.status or args.tag or args.query or args.deleted
        output.tell("no run fits; `outrider runs -a` lists all" if filtered else fresh.nothing_yet(fresh.home(args)))
        return 0
    columns = [output.Column("RUN"), output.Column("EXPERIMENT", fold=True), output.Column("NAME", fold=True), output.Column("STATUS")]
    columns += [output.Column("STARTED"), output.Column("DURATION", right=True)]
    tagged = any(run.tags for run in shown)
    output.table([*columns, *([output.Column("TAGS", fold=True)] if tagged else [])], [_row(run, tagged=tagged) for run in shown])
    if more:
        output.tell(f"the newest {len(shown)}; `outrider runs -a` lists all")
    return 0


def _row(run: records.Run, *, tagged: bool) -> output.Row:
    status = output.Cell(status_text(run), output.STATUS_STYLES.get(run.status, ""))
    row: list[output.Cell | str] = [run.run_id, f"{run.experiment}#{run.number}", run.name or "-", status, started(run.started)]
    row.append(fmt.duration(documents.duration_s(run, time.time_ns())))
    return [*row, tags_text(run.tags)] if tagged else row


def started(time_ns: int | None) -> str:
    """When: relative where somebody is looking, a date where it goes on into a file."""
    return fmt.ago(time_ns, time.time_ns()) if output.is_terminal(sys.stdout) else fmt.local(time_ns)


def title(run: records.Run) -> str:
    """A run's short name for people."""
    return f"{run.experiment}#{run.number}"


def status_text(run: records.Run) -> str:
    """The status, with why in a word where that says more."""
    if run.reason in (None, "completed", "failed", "canceled"):
        return run.status
    detail = {"exit-code": f"exit {run.exit_code}", "signal": fmt.signal_name(run.signal)}.get(run.reason, run.reason)
    return f"{run.status} ({detail})"


def tags_text(tags: dict[str, object]) -> str:
    """Tags as `key=value`; a tag without a value as its key."""
    words = [(fmt.one_line(key), value) for key, value in sorted(tags.items())]
    return " ".join(key if value is None or value == "" else f"{key}={fmt.value(value)}" for key, value in words)


def has_tag(run: records.Run, wanted: str) -> bool:
    """Does the run have the tag (`key`), or the tag with that value (`key=value`)?"""
    key, equals, value = wanted.partition("=")
    if key not in run.tags:
        return False
    given = run.tags[key]
    return not equals or given == value or fmt.value(given) == value or (given is None and value == "")
