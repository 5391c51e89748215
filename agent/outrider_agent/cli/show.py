"""`outrider show RUN`: one run in one screen."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outrider_agent.cli import counts, documents, fresh, journal, logs, output, runs
from outrider_agent.cli import format as fmt

if TYPE_CHECKING:
    import argparse

    from outrider_agent.store import reading, records

EXAMPLES = """\
examples:
  outrider show latest                 the newest run
  outrider show 9f3c                   a run by the beginning of its id
  outrider show ridge#3                the third run of experiment ridge
  outrider show latest --json | jq .metrics
"""
#: What fits one screen.
METRICS, LINES, TRACEBACK, FILES = 12, 8, 16, 4


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    parser.set_defaults(handler=show)


def show(args: argparse.Namespace) -> int:
    """Shows it."""
    with fresh.reader(args) as store:
        run = store.run(store.find_run(args.run))
        document = describe(store, run)
        if args.json:
            output.as_json(document)
        else:
            _print(store, run, document)
    return 0


def describe(store: reading.Reader, run: records.Run) -> documents.Document:
    """The document of `show --json`."""
    artifacts = store.artifacts(run.run_id)
    counted = counts.of_run(Path(store.path), run.run_id)
    return {
        **documents.run(run, time.time_ns()),
        **documents.details(run),
        "properties": store.properties(run.run_id),
        "metrics": documents.metrics(store.series(run.run_id), store.rows(run.run_id)),
        "figures": [documents.figure(one) for one in store.figures(run.run_id)],
        "models": [documents.model(one) for one in store.models(run.run_id)],
        "snapshots": [documents.snapshot(one) for one in store.snapshots(run.run_id)],
        "artifacts": len(artifacts),
        "artifacts_bytes": sum(one.size for one in artifacts),
        "warnings": counted.warnings,
        "errors": counted.errors,
        "console_bytes": counted.console_bytes,
        "gaps": [documents.gap(one) for one in store.gaps(run.run_id)],
        "set_aside": [documents.set_aside(one) for one in store.set_aside(run.run_id)],
        "notes": [documents.note(one) for one in store.notes(run.run_id)],
        "children": counted.children,
        "attempts": [documents.attempt(one, time.time_ns()) for one in store.attempts(run.run_id)],
    }


def _print(store: reading.Reader, run: records.Run, document: documents.Document) -> None:
    output.say(f"{output.styled(runs.title(run), 'bold')}  {fmt.one_line(run.name or '')}  {output.styled(run.run_id, 'dim')}")
    _print_status(run, document)
    _field("about", fmt.one_line(run.description or ""))
    _print_surroundings(run)
    _print_kin(store, run, document)
    for title in ("tags", "params", "properties"):
        if document[title]:
            _field(title, runs.tags_text(document[title]))
    _field("figures", _some([f"{fmt.one_line(one['name'])} ({one['type']})" for one in document["figures"]]))
    _field("models", _some([f"{fmt.one_line(one['name'])}:{one['version']}" for one in document["models"]]))
    _field("snapshot", _some([one["id"] for one in document["snapshots"]]))
    _field("artifacts", _files(store.artifacts(run.run_id)))
    _field("logged", _logged(document))
    for line in _losses(document):
        output.say(output.styled(line, "red"))
    for note in document["notes"]:
        if note["level"] is not None and note["level"] < logging.WARNING:
            continue  # a submitted run's system log: `--json`, and the file system_logs/outrider.txt
        output.say(output.styled(f"note: {fmt.one_line(note['message'])}", "yellow"))
    _print_metrics(document["metrics"], run.run_id)
    _print_end(store, run)


def _field(title: str, text: str) -> None:
    if text:
        output.say(f"{output.styled(f'{title:<11}', 'dim')}{text}")


def _print_status(run: records.Run, document: documents.Document) -> None:
    why = fmt.reason(run.reason, exit_code=run.exit_code, signal_number=run.signal, by=run.ended_by)
    status = output.styled(run.status, output.STATUS_STYLES.get(run.status, ""))
    took = fmt.duration(document["duration_s"])
    since = f"started {fmt.ago(run.started, time.time_ns())}"
    words = f"{status}: {why}" if why and run.reason != "completed" else status
    words += f" ({run.phase})" if run.phase and run.ended is None and run.phase != run.status else ""
    output.say(f"{words}, {since}, {'for' if run.ended is None else 'took'} {took}")
    _field("evidence", fmt.evidence(run.evidence))


def _print_surroundings(run: records.Run) -> None:
    _field("command", fmt.one_line(fmt.command_line(run.command)) if run.command else "")
    place = [run.cwd, f"host {run.host}" if run.host else None, f"user {run.user}" if run.user else None]
    place.append(f"python {run.python}" if run.python else None)
    _field("where", fmt.one_line(", ".join(part for part in place if part)))
    times = [fmt.local(run.started), fmt.local(run.ended) if run.ended is not None else "now"]
    _field("when", " to ".join(times))
    _field("parent", run.parent_run_id or "")


def _print_kin(store: reading.Reader, run: records.Run, document: documents.Document) -> None:
    """The runs that it started, and, where it was resumed, its attempts with their ends."""
    children = document["children"]
    _field("children", _some(children))
    attempts = store.attempts(run.run_id)
    for one in attempts if len(attempts) > 1 else []:
        why = fmt.reason(one.reason, exit_code=one.exit_code, signal_number=one.signal, by=one.ended_by)
        took = fmt.duration(documents.duration_s(one, time.time_ns()))
        words = [f"{one.status}: {why}" if why and one.reason != "completed" else one.status, f"{fmt.local(one.started)}, {took}"]
        _field(f"attempt {one.attempt}", "; ".join(filter(None, [*words, fmt.evidence(one.evidence)])))


def _some(names: list[str]) -> str:
    return ", ".join(names[:FILES]) + (f" and {len(names) - FILES} more" if len(names) > FILES else "")


def _files(artifacts: list[records.Artifact]) -> str:
    if not artifacts:
        return ""
    newest = sorted(artifacts, key=lambda one: one.time, reverse=True)[:FILES]
    some = ", ".join(fmt.one_line(one.path) for one in newest) + (", …" if len(artifacts) > FILES else "")
    return f"{fmt.plural(len(artifacts), 'file')}, {fmt.size(sum(one.size for one in artifacts))}: {some}"


def _logged(document: documents.Document) -> str:
    parts = [f"{fmt.size(count)} of {name}" for name, count in document["console_bytes"].items() if count]
    if document["warnings"]:
        parts.append(output.styled(fmt.plural(document["warnings"], "warning"), "yellow"))
    if document["errors"]:
        parts.append(output.styled(fmt.plural(document["errors"], "error"), "red"))
    return ", ".join(parts)


def _losses(document: documents.Document) -> list[str]:
    lines = [
        (f"{fmt.plural(gap['records'], 'record')} refused here: " if gap["records"] else "something may be missing here: ")
        + fmt.one_line(gap["why"] or "no reason was kept")
        for gap in document["gaps"]
    ]
    aside = document["set_aside"]
    if aside:
        lines.append(f"{fmt.plural(len(aside), 'line')} of the spool set aside, the first: {fmt.one_line(aside[0]['reason'])}")
    return lines


def _print_metrics(metrics: documents.Document, run_id: str) -> None:
    if not metrics:
        return
    output.say()
    columns = [output.Column("METRIC", fold=True), *[output.Column(title, right=True) for title in ("LAST", "MIN", "MAX", "COUNT")]]
    shown = list(metrics.items())[:METRICS]
    output.table(columns, [metric_row(name, known) for name, known in shown])
    if len(metrics) > METRICS:
        output.say(f"… and {len(metrics) - METRICS} more: outrider metrics {run_id}")


def metric_row(name: str, known: dict[str, Any]) -> output.Row:
    """A metric as a row of a table."""
    return [name, fmt.value(known["last"]), fmt.value(known["min"]), fmt.value(known["max"]), fmt.number(known["count"])]


def _print_end(store: reading.Reader, run: records.Run) -> None:
    text = documents.failure(run)
    if text:
        output.say()
        lines = text.rstrip("\n").split("\n")
        for line in ["…", *lines[-TRACEBACK:]] if len(lines) > TRACEBACK else lines:
            output.say(output.styled(fmt.safe(line), "red"))
        advice = (run.error_message or "").rpartition("\n")[2]
        if advice not in text:  # what Outrider has added to the message: what to do about it
            output.say(fmt.safe(advice))
        return
    last = journal.tail(store, run.run_id, LINES)
    if last:
        output.say()
        output.say(output.styled("last lines", "dim"))
    for entry in last:
        output.say(logs.text(entry))
