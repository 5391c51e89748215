"""The lists: experiments, and the runs of one. Pure: takes what the store said and `now`, returns HTML and what the scripts begin with."""

from __future__ import annotations

import collections
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import msgspec

from outrider_agent.cli import documents
from outrider_agent.cli import format as fmt
from outrider_agent.core import goals
from outrider_agent.portal import markup, shapes, shell
from outrider_agent.portal.markup import Safe, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider_agent.store import browsing, records

#: Rows that come with a page; the scripts read on as one scrolls.
ROWS = 50
#: Of these, so many are in the page itself where scripts draw the rest: more than a screen shows, and no more to make and to lay out.
SCREEN = 20
EXAMPLE = "metrics.loss < 0.3 and status = failed"
#: Where a script will draw a metric's course.
SPARK = tag("svg", class_="spark", width="64", height="18", aria_hidden="true")
#: So many metrics and parameters have a column.
METRICS, PARAMS = 4, 3
STATUSES = ("Running", "Completed", "Failed", "Canceled", "Unknown")
START = "outrider run -- python train.py"

#: A run's series, or what they are called, by the names they are told by.
Named = Mapping[str, "Sequence[records.Series]"]
Called = Mapping[str, "Sequence[records.Series] | Sequence[browsing.Head]"]


def experiments(found: Sequence[browsing.Overview], now: int) -> Safe:
    """The first page."""
    heading = tag("div", tag("h1", "Experiments"), tag("a", "All runs", href="/runs", class_="button"), class_="heading")
    if not found:
        return join((heading, shell.empty("Nothing has been tracked yet", "Run a training script, as it is, under Outrider:", START)))
    heads = [
        tag("th", text, scope="col", class_=kind)
        for text, kind in (("Experiment", None), ("Runs", "wide"), ("Last run", None), ("Started", "right wide"))
    ]
    rows = [_experiment(one, now) for one in found]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="list")
    return join((heading, tag("div", tag("div", table, class_="scroll card"), id="fresh")))


def _experiment(one: browsing.Overview, now: int) -> Safe:
    to = shell.href("/runs", experiment=one.experiment.name)
    last, when = one.last, shell.when(one.experiment.last_started, now)
    shown = (tag("a", f"#{last.number}", href=f"/runs/{last.run_id}"), " ", shell.run_pill(last)) if last else ("-",)
    return tag(
        "tr",
        tag("td", tag("a", shell.name(one.experiment.name), href=to, class_="main"), _count_note(one)),
        tag("td", _bar(one), class_="wide"),
        tag("td", *shown, tag("div", when, class_="dim small narrow")),
        tag("td", when, class_="right dim wide"),
    )


def _count_note(one: browsing.Overview) -> Safe:
    running = f", {one.experiment.running} running" if one.experiment.running else ""
    return tag("div", f"{fmt.plural(one.experiment.runs, 'run')}{running}", class_="dim small")


def _bar(one: browsing.Overview) -> Safe:
    """How its runs ended, as one bar; in words for those who do not see it."""
    counts = [(status, one.statuses.get(status, 0)) for status in STATUSES]
    words = ", ".join(f"{count} {status.lower()}" for status, count in counts if count)
    total, left, parts = sum(count for _, count in counts) or 1, 0.0, []
    for status, count in counts:
        width = 100 * count / total
        if count:
            parts.append(tag("rect", x=f"{left:.2f}", y="0", width=f"{width:.2f}", height="8", class_=f"fill-{status.lower()}"))
        left += width
    return tag(
        "svg", tag("title", words), *parts, viewBox="0 0 100 8", preserveAspectRatio="none", class_="share", role="img", aria_label=words
    )


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """A query that cannot be read: why, and at which character."""

    error: str
    at: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a list of runs shows. `columns` are spelled as fields of a query: `metrics.loss`, `started`. `measured`: of each run what is known
    of the metrics that have a column, by name. `parent`: whose children these are, where that run is in the store.
    """

    page: browsing.Page
    wanted: browsing.Wanted
    wrong: Wrong | None
    columns: Sequence[str]
    measured: Sequence[dict[str, Any]]
    parent: str | None


def see(page: browsing.Page, wanted: browsing.Wanted, wrong: Wrong | None, chosen: str | None, parent: str | None) -> Seen:
    """The list of a page. `chosen`: the columns that the address names."""
    named = [documents.named(one.series) for one in page.runs]
    shown = columns(page, wanted, named, chosen)
    wide = [name.removeprefix("metrics.") for name in shown if name.startswith("metrics.")]
    measured = [{name: documents.summary(series[name]) for name in wide if name in series} for series in named]
    return Seen(page=page, wanted=wanted, wrong=wrong, columns=shown, measured=measured, parent=parent)


def measured(heads: Sequence[Sequence[browsing.Head]], chosen: str | None) -> set[str]:
    """The metrics that have a column: those that `chosen` names, else those that tell the runs apart. Their names in the store."""
    named = [documents.named(one) for one in heads]
    shown = [unquote(name) for name in chosen.split(",")] if chosen else [f"metrics.{name}" for name in key_metrics(named)]
    spelled = [name.removeprefix("metrics.") for name in shown if name.startswith("metrics.")]
    return {one.name for metrics in named for name in spelled for one in metrics.get(name, ())}


def nothing(title: str) -> Safe:
    """An experiment that has no run."""
    heading = tag("div", tag("h1", shell.name(title)), class_="heading")
    return join((heading, shell.empty("There is no such experiment", "It has no run, or they were deleted. Start one:", START)))


def columns(page: browsing.Page, wanted: browsing.Wanted, named: Sequence[Named], chosen: str | None) -> list[str]:
    """Those that the address names, else those that tell these runs apart."""
    if chosen:
        return [unquote(name) for name in chosen.split(",")]
    first = ["status", *([] if wanted.experiment else ["experiment"]), "started", "duration"]
    return [*first, *[f"metrics.{name}" for name in key_metrics(named)], *[f"params.{name}" for name in key_params(page.runs)]]


def runs(seen: Seen, title: str, now: int, *, drawn: bool) -> Safe:
    """
    The runs of an experiment, of a parent, or all. `drawn`: scripts will draw the list, and take over what of it is here: rows, cells and
    columns are those of portal/runs-table.js.
    """
    page, wanted = seen.page, seen.wanted
    heading = tag("div", tag("h1", shell.name(title)), _search(wanted), class_="heading")
    refused = tag("p", seen.wrong.error, class_="notice", role="alert") if seen.wrong else None
    step = SCREEN if drawn and wanted.limit == ROWS else wanted.limit
    shown = list(zip(page.runs, seen.measured, strict=True))[:step]
    rows = [_run(one, metrics, seen.columns, row, now) for row, (one, metrics) in enumerate(shown, wanted.offset + 2)]
    table = _table(seen, rows) if rows else tag("p", "No run fits.", class_="dim pad")
    deleted = _address(wanted, removed=not wanted.removed, offset=0)
    tools = tag("div", tag("a", "Back to the runs" if wanted.removed else "Deleted", href=deleted, class_="button"), class_="tools")
    above = tag("div", _chips(seen), tools, class_="heading tight")
    box = tag("div", table, class_="scroll card runs", tabindex="0", role="region", aria_label="Runs")
    still = join((heading, refused, above, box, _pager(page, wanted, len(rows), step)))
    return join((tag("div", still, id="app"), markup.data("data", start(seen, title, now))))


def start(seen: Seen, title: str, now: int) -> dict[str, Any]:
    """What the scripts begin with: the same rows, with the metrics that have a column."""
    named = [name.removeprefix("metrics.") for name in seen.columns if name.startswith("metrics.")]
    rows = [
        shapes.run(one.run, now) | {"metrics": metrics, "progress": shapes.progress(one.progress)}
        for one, metrics in zip(seen.page.runs, seen.measured, strict=True)
    ]
    return {
        "title": title,
        "experiment": seen.wanted.experiment,
        "parent": seen.parent,
        "columns": seen.columns,
        "best": {name: goals.best(name) for name in named},
        "page": {"total": seen.page.total, "statuses": dict(seen.page.statuses), "runs": rows if seen.wanted.offset == 0 else []},
        "wrong": None if seen.wrong is None else msgspec.structs.asdict(seen.wrong),
    }


def _search(wanted: browsing.Wanted) -> Safe:
    kept = {"experiment": wanted.experiment, "status": wanted.status, "parent": wanted.parent}
    hidden = [tag("input", type="hidden", name=key, value=value) for key, value in kept.items() if value]
    label = "Query: which runs"
    shown = wanted.query or wanted.text or ""
    field = tag("input", type="search", name="query", value=shown, placeholder=EXAMPLE, aria_label=label, id="search")
    return tag("form", *hidden, field, role="search", method="get", action="/runs")


def _address(wanted: browsing.Wanted, **more: Any) -> str:
    changed = msgspec.structs.replace(wanted, **more)
    sort = f"{changed.sort}:{changed.by}" if changed.by else changed.sort
    return shell.href(
        "/runs",
        experiment=changed.experiment,
        status=changed.status,
        text=changed.text,
        parent=changed.parent,
        query=changed.query,
        deleted=1 if changed.removed else None,
        sort=None if sort == "started" else sort,
        order=None if changed.down else "up",
        offset=changed.offset or None,
        limit=None if changed.limit == ROWS else changed.limit,
    )


def _chips(seen: Seen) -> Safe:
    """Each status with its count, to choose by."""
    wanted, counts = seen.wanted, seen.page.statuses
    every = f"All {sum(counts.values()):,}"
    all_ = tag("a", every, href=_address(wanted, status=None, offset=0), aria_current=None if wanted.status else "true")
    chips = [
        tag(
            "a",
            tag("span", shell.MARKS[status], class_=f"glyph {status.lower()}", aria_hidden="true"),
            f"{status} {counts.get(status, 0):,}",
            href=_address(wanted, status=status, offset=0),
            aria_current="true" if wanted.status == status else None,
        )
        for status in STATUSES
        if counts.get(status) or wanted.status == status
    ]
    return tag("nav", all_, *chips, class_="chips", aria_label="By status")


def key_metrics(named: Sequence[Called], count: int = METRICS) -> list[str]:
    """The metrics that most runs have and that can be compared, in the order they appeared."""
    seen = collections.Counter(name for metrics in named for name, series in metrics.items() if all(one.kind != "text" for one in series))
    order = {name: place for place, name in enumerate(dict.fromkeys(name for metrics in named for name in metrics))}
    top = sorted(seen, key=lambda name: (goals.best(name) is None, -seen[name], order[name]))[:count]
    return sorted(top, key=lambda name: order[name])


def key_params(found: Sequence[browsing.Listed], count: int = PARAMS) -> list[str]:
    """The parameters in which these runs differ, those that most runs have first."""
    values = collections.defaultdict[str, list[str]](list)
    for one in found:
        for key, value in one.run.params.items():
            values[key].append(fmt.value(value))
    differ = [key for key, given in values.items() if len(set(given)) > 1]
    return sorted(differ, key=lambda key: -len(values[key]))[:count]


def _table(seen: Seen, rows: Sequence[Safe]) -> Safe:
    wanted = seen.wanted
    heads = [_head(wanted, "#", "number"), _head(wanted, "Run", "name"), *[_column_head(wanted, name) for name in seen.columns]]
    columns = [tag("col", class_=kind) for kind in ("choose", "number", "name", *[name.partition(".")[0] for name in seen.columns])]
    head = tag("thead", tag("tr", tag("th", scope="col"), *heads, aria_rowindex=1))
    return tag("table", tag("colgroup", *columns), head, tag("tbody", *rows), class_="list virtual", aria_rowcount=seen.page.total + 1)


def _column_head(wanted: browsing.Wanted, name: str) -> Safe:
    kind, _, rest = name.partition(".")
    sorts = {"metrics": "metric", "params": "param", "tags": "tag"}
    if rest and kind in sorts:
        return _head(wanted, rest, sorts[kind], by=rest, kind="right" if kind != "tags" else None)
    if name in ("status", "started", "duration", "experiment"):
        return _head(wanted, name.capitalize(), name, kind="right" if name in ("started", "duration") else None)
    return tag("th", name.capitalize(), scope="col")


def _head(wanted: browsing.Wanted, text: str, sort: str, *, by: str | None = None, kind: str | None = None) -> Safe:
    """A column's head: sorts by it, and the other way round when it is the order already."""
    is_order = (wanted.sort, wanted.by) == (sort, by)
    down = not wanted.down if is_order else sort != "name"
    arrow = tag("span", " ↓" if wanted.down else " ↑", aria_hidden="true") if is_order else None
    order = ("descending" if wanted.down else "ascending") if is_order else None
    to = _address(wanted, sort=sort, by=by, down=down, offset=0)
    return tag("th", tag("a", shell.name(text), arrow, href=to), scope="col", class_=kind, aria_sort=order)


def _run(one: browsing.Listed, measured: dict[str, Any], columns: Sequence[str], row: int, now: int) -> Safe:
    run = one.run
    name = fmt.one_line(run.name or run.run_id)
    return tag(
        "tr",
        tag("td"),
        tag("td", tag("a", f"#{run.number}", href=f"/runs/{run.run_id}", class_="main"), class_="figure"),
        tag("td", tag("div", tag("bdi", name), class_="clip", title=name), _tags(run.tags), class_="name"),
        *[_status(one) if name == "status" else _cell(run, measured, name, now) for name in columns],
        aria_rowindex=row,
    )


def _cell(run: records.Run, measured: dict[str, Any], name: str, now: int) -> Safe:
    kind, _, rest = name.partition(".")
    if rest and kind == "metrics":
        return _metric(rest, measured.get(rest))
    if rest:
        given = run.params if kind == "params" else run.tags
        shown = tag("bdi", fmt.value(given[rest]) if rest in given else "-")
        return tag("td", tag("div", shown, class_="clip"), class_="right figure" if kind == "params" else None)
    if name == "started":
        return tag("td", shell.when(run.started, now), class_="right dim")
    if name == "duration":
        return tag("td", shell.lasted(run, now), class_="right figure")
    text = {"experiment": run.experiment, "user": run.user, "host": run.host}.get(name) or "-"
    return tag("td", tag("div", shell.name(text), class_="clip"))


def _status(one: browsing.Listed) -> Safe:
    words = [word for word in (shapes.why(one.run), shapes.doing(one.progress)) if word]
    return tag("td", shell.pill(one.run.status, " · ".join(words)))


def _tags(tags: dict[str, Any]) -> Safe | None:
    words = [fmt.one_line(key) if value in (None, "") else f"{fmt.one_line(key)}={fmt.value(value)}" for key, value in tags.items()]
    more = tag("span", f"+{len(words) - 3}", class_="dim small") if len(words) > 3 else None
    return tag("div", *[tag("span", tag("bdi", word), class_="chip") for word in words[:3]], more, class_="tags") if words else None


def _metric(name: str, one: dict[str, Any] | None) -> Safe:
    if one is None:
        return tag("td", "-", class_="right figure dim")
    last, goal = fmt.value(one["last"]), goals.best(name)
    best = fmt.value(one[goal]) if goal and one[goal] is not None else None
    note = tag("span", f"best {best}", class_="dim small best") if best not in (None, last) else None
    figure = tag("span", last, note, class_="figure bad" if last in ("NaN", "Infinity", "-Infinity") else "figure")
    return tag("td", tag("div", SPARK, figure), class_="metric")


def _pager(page: browsing.Page, wanted: browsing.Wanted, shown: int, step: int) -> Safe | None:
    """For a reader without scripts: the rows before and after those that are shown."""
    if page.total <= shown:
        return None
    first, last = wanted.offset + 1, wanted.offset + shown
    earlier = _address(wanted, offset=max(0, wanted.offset - step))
    later = _address(wanted, offset=wanted.offset + step)
    return tag(
        "nav",
        tag("a", "← Before", href=earlier, class_="button", rel="prev") if wanted.offset else None,
        tag("span", f"{first:,} to {last:,} of {page.total:,}" if shown else f"none here of {page.total:,}", class_="dim"),
        tag("a", "Next →", href=later, class_="button", rel="next") if last < page.total else None,
        class_="pager",
        aria_label="Pages",
    )
