"""`outrider explain RUN METRIC [STEP]`, and `outrider reread RUN…`: where printed points come from, and reading them anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent import errors
from outrider_agent.cli import extract, fresh, output
from outrider_agent.cli import format as fmt
from outrider_agent.store import origins, printed, records

if TYPE_CHECKING:
    import argparse

EXPLAIN_EXAMPLES = """\
examples:
  outrider explain latest loss          the lines that its last points were read from, and by which rule
  outrider explain latest loss 300      the one of step 300
  outrider explain latest loss --json
"""
REREAD_EXAMPLES = """\
examples:
  outrider reread latest                                 by the rules of this version of Outrider
  outrider reread latest --metric 'loss=Loss (\\S+) at'   and by one of your own, which the experiment's later runs have too
  outrider reread latest --forget-rules                  without those it was given

What was read from the runs' output before is replaced. What scripts logged is not touched, nor is the output itself.
"""
SHOWN = 5
STREAMS = {1: "stdout", 2: "stderr"}


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Declares the arguments."""
    if name == "reread":
        parser.epilog = REREAD_EXAMPLES
        parser.add_argument("runs", metavar="RUN", nargs="+", help="ids, beginnings of them, `latest`, or EXPERIMENT#NUMBER")
        extract.add_rules(parser)
        parser.add_argument("--forget-rules", action="store_true", help="first away with the rules that the runs' experiments were given")
        parser.add_argument("--json", action="store_true", help="as JSON: run_id and points of each")
        parser.set_defaults(handler=reread)
        return
    parser.epilog = EXPLAIN_EXAMPLES
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    parser.add_argument("name", metavar="METRIC", help="a metric that was read from what the run printed")
    parser.add_argument("step", metavar="STEP", nargs="?", type=float, help=f"its point at that step (else the last {SHOWN})")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(handler=explain)


def explain(args: argparse.Namespace) -> int:
    """Shows lines and rules."""
    home = fresh.home(args)
    fresh.refresh(args, home)
    with origins.Origins(fresh.store_path(home)) as store:
        run_id = store.find_run(args.run)
        series = store.series(run_id, args.name)
        if series and not any(one.source == "printed" for one in series):
            known = "a log record" if series[0].source == "log" else "a call"
            raise errors.NotFound(f"{args.name!r} of run {run_id} was not read from a line: each of its points is {known} of the script")
        found = store.origins(run_id, args.name, args.step, last=None if args.step is not None else SHOWN)
    if args.json:
        output.as_json([document(one) for one in found])
        return 0
    for one in found:
        step = "" if one.step is None else f" at step {one.step}"
        if one.epoch is not None and one.epoch != one.step:
            step += f"{',' if step else ' in'} epoch {one.epoch}"
        where = f"line {one.line} of {STREAMS.get(one.fd, one.fd)}" + (f", attempt {one.attempt}" if one.attempt > 1 else "")
        output.say(f"{args.name} = {fmt.value(records.json_value(one.value))}{step}")
        output.say(f"  read from {where} (byte {one.offset}) by the rule {one.rule}:")
        output.say(f"    {'(its bytes are not kept)' if one.text is None else fmt.one_line(one.text)}")
    return 0


def document(one: origins.Origin) -> dict[str, Any]:
    """As JSON."""
    return {**msgspec.to_builtins(one), "time": fmt.iso(one.time), "value": records.json_value(one.value)}


def reread(args: argparse.Namespace) -> int:
    """Reads the runs' output again."""
    rules = extract.read_rules(args.metric, args.rules)
    home = fresh.home(args)
    with fresh.reader(args) as store:
        found = [store.find_run(text) for text in args.runs]
    chosen = list(dict.fromkeys(found))
    told = []
    try:
        with output.progress(len(chosen), "reread") as progress:
            for run_id in chosen:
                progress.describe(f"reread {run_id}")
                told.append((run_id, printed.reread(fresh.store_path(home), run_id, rules, drop_rules=args.forget_rules)))
                progress.advance(1)
    finally:  # what was done before one that failed was done
        if args.json:
            output.as_json([{"run_id": run_id, "points": count} for run_id, count in told])
        for run_id, count in () if args.json else told:
            output.say(f"run {run_id}: {fmt.plural(count, 'point')} read from what it printed")
    return 0
