"""
What differs between runs: for `outrider compare`, the page and GET /compare. Pure, but for the snapshots' text that `code` is handed.

A row is a name and a value a run, None where a run has none. Metrics are compared by their last value; which is best is a guess.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from outrider_agent.cli import documents
from outrider_agent.cli import format as fmt
from outrider_agent.core import goals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outrider_agent.store import records

Row = dict[str, Any]
#: Of a file's difference so many lines; of all files so many.
DIFF_LINES, DIFF_FILES = 400, 40
#: So many differing parameters are named in the sentence.
NAMED = 3


class Side:
    """One of the runs compared. `files`: path -> sha256 of the code it was submitted with; empty where there is no snapshot."""

    def __init__(
        self, run: records.Run, series: Sequence[records.Series], properties: Mapping[str, Any], files: Mapping[str, str] | None = None
    ) -> None:
        self.run, self.properties, self.files = run, properties, files or {}
        #: The last value of each metric.
        self.metrics = {name: documents.last(given) for name, given in documents.named(series).items()}


def compared(sides: Sequence[Side], now: int) -> dict[str, Any]:
    """All of it but the code's text: `runs`, `sections` of rows, and what changed as a sentence."""
    sections = {
        "Status": _status(sides, now),
        "Parameters": rows([side.run.params for side in sides]),
        "Metrics": _metrics(sides),
        "Tags": rows([side.run.tags for side in sides]),
        "Environment": rows([_environment(side) for side in sides]),
        "Properties": rows([_others(side) for side in sides]),
    }
    return {
        "runs": [documents.run(side.run, now) for side in sides],
        "sentence": sentence(sections, [path for path, _ in changed_files(sides)]),
        "sections": [{"title": title, "rows": found} for title, found in sections.items() if found],
    }


def rows(given: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A row for each name that any of them has, in the order seen."""
    names = dict.fromkeys(name for one in given for name in one)
    return [row(name, [one.get(name) for one in given]) for name in names]


def row(name: str, values: Sequence[Any], best: int | None = None) -> Row:
    """One row. Numbers differ as they are spelled (1 and 1.0 do not), texts and lists to their end; 1 and true, 1 and "1" differ."""
    told = {fmt.value(value) if _is_number(value) else repr(value) for value in values}
    return {"name": name, "values": list(values), "differs": len(told) > 1, "best": best}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def sentence(sections: Mapping[str, Sequence[Row]], files: Sequence[str] = ()) -> str:
    """What changed, in one sentence. `files`: those of the code that are not the same in all runs."""
    parts = []
    for title, noun in (("Parameters", "parameter"), ("Environment", "fact of the environment")):
        differ = [one["name"] for one in sections[title] if one["differs"]]
        if differ:
            named = ", ".join(fmt.one_line(name) for name in differ[:NAMED]) + (" …" if len(differ) > NAMED else "")
            parts.append(f"{fmt.plural(len(differ), noun).replace('fact of the environments', 'facts of the environment')} ({named})")
    if files:
        named = ", ".join(fmt.one_line(path) for path in files[:NAMED]) + (" …" if len(files) > NAMED else "")
        parts.append(f"{fmt.plural(len(files), 'file')} of the code ({named})")
    if len(parts) > 1:
        parts = [", ".join(parts[:-1]), parts[-1]]
    return f"They differ in {' and '.join(parts)}." if parts else "Their parameters and environments are the same."


def _status(sides: Sequence[Side], now: int) -> list[Row]:
    facts = [
        {
            "status": side.run.status,
            "reason": side.run.reason,
            "started": fmt.iso(side.run.started),
            "duration, s": round(documents.duration_s(side.run, now), 3),
            "experiment": side.run.experiment,
        }
        for side in sides
    ]
    return rows(facts)


def _metrics(sides: Sequence[Side]) -> list[Row]:
    names = dict.fromkeys(name for side in sides for name in side.metrics)
    return [_metric(name, [side.metrics.get(name) for side in sides]) for name in names]


def _metric(name: str, values: Sequence[Any]) -> Row:
    numbers = {place: float(value) for place, value in enumerate(values) if isinstance(value, int | float) and not isinstance(value, bool)}
    goal = goals.best(name)
    if goal is None or len(numbers) < 2 or len(set(numbers.values())) < 2:
        return row(name, values)
    chosen = min(numbers, key=numbers.__getitem__) if goal == "min" else max(numbers, key=numbers.__getitem__)
    return row(name, values, chosen)


def _environment(side: Side) -> dict[str, Any]:
    run = side.run
    git = {name.rpartition("azureml.git.")[2]: value for name, value in side.properties.items() if name.startswith("azureml.git.")}
    facts = {"command": fmt.command_line(run.command) if run.command else None, "folder": _folder(run), "python": run.python}
    facts |= {"host": run.host, "user": run.user, **{f"git {name.replace('_', ' ')}": value for name, value in git.items()}}
    return {name: value for name, value in facts.items() if value is not None}


def _folder(run: records.Run) -> str | None:
    """Where it ran; of a submitted run, whose folder is named after it, that it is the run's own."""
    return "its own" if run.cwd and run.cwd.rpartition("/")[2] == run.run_id else run.cwd


def _others(side: Side) -> dict[str, Any]:
    return {name: value for name, value in side.properties.items() if ".git." not in name}


def changed_files(sides: Sequence[Side]) -> list[tuple[str, list[str | None]]]:
    """Files of the snapshots that are not the same in all runs that have a snapshot: path, and the sha256 a run."""
    with_code = [side for side in sides if side.files]
    if len(with_code) < 2:
        return []
    paths = sorted({path for side in with_code for path in side.files})
    return [(path, [side.files.get(path) for side in sides]) for path in paths if len({side.files.get(path) for side in with_code}) > 1]


def difference(path: str, before: str | None, after: str | None) -> dict[str, Any]:
    """A file that changed, as a unified difference; None for a text: it was not there."""
    if before is None or after is None:
        return {"path": path, "what": "only in some of the runs", "diff": None}
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="", n=3))[2:]
    more = len(lines) - DIFF_LINES
    shown = [*lines[:DIFF_LINES], *([f"@@ {more:,} lines more @@"] if more > 0 else [])]
    plus, minus = (sum(line.startswith(mark) for line in lines) for mark in "+-")
    return {"path": path, "what": f"{fmt.plural(plus, 'line')} added, {minus:,} removed", "diff": "\n".join(shown)}
