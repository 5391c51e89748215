"""
What `RunDetails` knows of a run: read anew at each call, from the agent or the spool, and never more than one question for all children.

`shown` is a dict: `run_id`, `name`, `experiment`, `number`, `status`, `reason`, `error`, `started` and `ended` (ns), `portal`, `tags`,
`properties`, `metrics` as `get_metrics` gives them and `rows` as they are shown, `children` (dicts with the same of each), `lines`, and
`unknown`: why something could not be read now. What was read before (`last`) stands in for what need not, or cannot, be read again.
"""

from __future__ import annotations

from outrider import _history, _widget_page, record
from outrider._errors import OutriderError

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, TypeVar

    from outrider._run import Run

    T = TypeVar("T")

LAST_LINES = 20


def read(run: Run, last: dict[str, Any] | None = None, *, whole: bool = True) -> dict[str, Any]:
    """The run as it is now. Without `whole`, of a run that has not ended, metrics, children and lines are those of `last`."""
    problems: list[str] = []
    before = last or {}

    def asked(question: Callable[[], T], otherwise: T) -> T:
        try:
            return question()
        except (OutriderError, OSError) as error:
            problems.append(str(error))
            return otherwise

    document = asked(lambda: _history.run(run._home, run.id), before.get("document", {}))  # noqa: SLF001 -- where its records are
    shown = {"document": document, **_about(run.id, document, run.get_portal_url())}
    if not document:
        shown.update(name=run.name, status=run.status)
    if last and not whole and not shown["ended"]:
        shown.update({key: last[key] for key in ("metrics", "rows", "children", "lines")})
    else:
        _fill(run, shown, before, asked)
    shown["unknown"] = problems[0] if problems else None
    return shown


def _fill(run: Run, shown: dict[str, Any], before: dict[str, Any], asked: Callable[..., Any]) -> None:
    """Metrics, children and lines."""
    home = run._home  # noqa: SLF001 -- where its records are
    documents = asked(lambda: _history.runs(home, parent=run.id), None)
    if documents:
        found = asked(lambda: run.get_metrics(recursive=True), {})
        shown["metrics"] = found.get(run.id, before.get("metrics", {}))
        shown["children"] = [
            {**_about(child["run"], child, _portal_of(shown["portal"], run.id, child["run"])), "metrics": found.get(child["run"], {})}
            for child in documents
        ]
    else:
        shown["children"] = before.get("children", []) if documents is None else []
        shown["metrics"] = asked(run.get_metrics, before.get("metrics", {}))
    shown["rows"] = _widget_page.rows(shown["metrics"])
    shown["lines"] = asked(lambda: _history.tail(home, run.id, LAST_LINES), before.get("lines", []))


def _about(run_id: str, document: dict[str, Any], portal: str | None) -> dict[str, Any]:
    """What a run's document says, by the names that are shown."""
    error = document.get("error") or {}
    return {
        "run_id": run_id,
        "name": document.get("name"),
        "experiment": document.get("experiment"),
        "number": document.get("number"),
        "status": _status(document),
        "reason": document.get("reason"),
        "error": error.get("traceback") or ": ".join(part for part in (error.get("type"), error.get("message")) if part),
        "started": document.get("started"),
        "ended": document.get("ended"),
        "portal": portal,
        "tags": document.get("tags") or {},
        "properties": document.get("properties") or {},
    }


def _status(document: dict[str, Any]) -> str:
    """How the run stands; of one that runs the phase that it is in, where it says one."""
    status = document.get("status") or record.UNKNOWN
    return str(document.get("phase") or status) if status == record.RUNNING else str(status)


def _portal_of(portal: str | None, run_id: str, child_id: str) -> str | None:
    """Where a child is shown, beside its parent."""
    return portal.replace(run_id, child_id) if portal else None


def as_sdk(shown: dict[str, Any], settings: Any) -> dict[str, Any]:
    """The same under the names of the old SDK's widget."""
    return {
        "status": shown["status"],
        "workbench_run_details_uri": shown["portal"],
        "run_id": shown["run_id"],
        "run_properties": _properties(shown),
        "child_runs": [_properties(child) for child in shown["children"]],
        "children_metrics": {child["run_id"]: _in_lists(child["metrics"]) for child in shown["children"]},
        "run_metrics": _in_lists(shown["metrics"]),
        "run_logs": "\n".join(shown["lines"]),
        "graph": None,
        "widget_settings": settings or {},
    }


def _properties(shown: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_id": shown["run_id"],
        "run_number": shown["number"],
        "run_name": shown["name"],
        "status": shown["status"],
        "created_utc": _utc(shown["started"]),
        "end_time_utc": _utc(shown["ended"]),
        "properties": shown["properties"],
        "tags": shown["tags"],
        "error": shown["error"] or None,
    }


def _in_lists(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value if isinstance(value, (list, dict)) else [value] for name, value in metrics.items()}


def _utc(time_ns: int | None) -> str | None:
    from datetime import datetime, timezone

    return None if time_ns is None else datetime.fromtimestamp(time_ns / 1e9, timezone.utc).isoformat()
