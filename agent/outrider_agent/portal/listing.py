"""The lists: experiments, and the runs of one. Pure: takes what the store said and `now`, returns HTML."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent.cli import documents
from outrider_agent.cli import format as fmt
from outrider_agent.portal import goals, shell
from outrider_agent.portal.markup import Safe, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider_agent.store import browsing

#: So many metrics and parameters have a column.
METRICS, PARAMS = 4, 3
STATUSES = ("Running", "Completed", "Failed", "Canceled", "Unknown")
START = "outrider run -- python train.py"


def experiments(found: Sequence[browsing.Overview], now: int) -> Safe:
    """The first page."""
    heading = tag("div", tag("h1", "Experiments"), tag("a", "All runs", href="/runs", class_="button"), class_="heading")
    if not found:
        return join((heading, shell.empty("Nothing has been tracked yet", "Run a training script, as it is, under Outrider:", START)))
    heads = [
        tag("th", text, scope="col", class_=kind)
        for text, kind in (("Experiment", None), ("Runs", "wide"), ("Last run", None), ("Started", "right"))
    ]
    rows = [_experiment(one, now) for one in found]
    table = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="list")
    return join((heading, tag("div", tag("div", table, class_="scroll card"), id="fresh")))


def _experiment(one: browsing.Overview, now: int) -> Safe:
    to = shell.href("/runs", experiment=one.experiment.name)
    last = one.last
    return tag(
        "tr",
        tag("td", tag("a", shell.name(one.experiment.name), href=to, class_="main"), _count_note(one)),
        tag("td", _bar(one), class_="wide"),
        tag("td", tag("a", f"#{last.number}", href=f"/runs/{last.run_id}"), " ", shell.run_pill(last)) if last else tag("td", "-"),
        tag("td", shell.when(one.experiment.last_started, now), class_="right dim"),
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


def runs(page: browsing.Page, wanted: browsing.Wanted, overviews: Sequence[browsing.Overview], now: int) -> Safe:
    """The runs of an experiment, or of all."""
    of_this = [one for one in overviews if wanted.experiment in (None, one.experiment.name)]
    title = shell.name(wanted.experiment) if wanted.experiment else "All runs"
    heading = tag("div", tag("h1", title), _search(wanted), class_="heading")
    if wanted.experiment and not of_this:
        return join((heading, shell.empty("There is no such experiment", "It has no run, or they were deleted. Start one:", START)))
    table = _table(page, wanted, now) if page.runs else tag("p", "No run fits.", class_="dim pad")
    return join((heading, _chips(wanted, of_this), tag("div", tag("div", table, class_="scroll card"), _pager(page, wanted), id="fresh")))


def _search(wanted: browsing.Wanted) -> Safe:
    kept = {"experiment": wanted.experiment, "status": wanted.status}
    hidden = [tag("input", type="hidden", name=key, value=value) for key, value in kept.items() if value]
    label = "Name, or the beginning of an id"
    field = tag("input", type="search", name="text", value=wanted.text or "", placeholder=label, aria_label=label, id="search")
    return tag("form", *hidden, field, role="search", method="get", action="/runs")


def _address(wanted: browsing.Wanted, **more: Any) -> str:
    changed = msgspec.structs.replace(wanted, **more)
    sort = f"{changed.sort}:{changed.by}" if changed.by else changed.sort
    return shell.href(
        "/runs",
        experiment=changed.experiment,
        status=changed.status,
        text=changed.text,
        sort=None if sort == "started" else sort,
        order=None if changed.down else "up",
        offset=changed.offset or None,
        limit=None if changed.limit == 50 else changed.limit,
    )


def _chips(wanted: browsing.Wanted, of_this: Sequence[browsing.Overview]) -> Safe:
    """Each status with its count, to choose by."""
    counts = collections.Counter[str]()
    for one in of_this:
        counts.update(one.statuses)
    all_ = tag(
        "a", f"All {sum(counts.values()):,}", href=_address(wanted, status=None, offset=0), aria_current=None if wanted.status else "true"
    )
    chips = [
        tag(
            "a",
            tag("span", shell.MARKS[status], class_=f"glyph {status.lower()}", aria_hidden="true"),
            f"{status} {counts[status]:,}",
            href=_address(wanted, status=status, offset=0),
            aria_current="true" if wanted.status == status else None,
        )
        for status in STATUSES
        if counts[status] or wanted.status == status
    ]
    return tag("nav", all_, *chips, class_="chips", aria_label="By status")


def key_metrics(found: Sequence[dict[str, Any]], count: int = METRICS) -> list[str]:
    """The metrics that most runs have and that can be compared, in the order they appeared."""
    seen = collections.Counter(name for metrics in found for name, one in metrics.items() if one["kind"] in ("scalar", "list"))
    order = {name: place for place, name in enumerate(dict.fromkeys(name for metrics in found for name in metrics))}
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


def _table(page: browsing.Page, wanted: browsing.Wanted, now: int) -> Safe:
    measured = [documents.metrics(one.series, []) for one in page.runs]
    metrics, params = key_metrics(measured), key_params(page.runs)
    heads = [_head(wanted, "#", "number"), _head(wanted, "Run", "name"), _head(wanted, "Status", "status")]
    heads += [_head(wanted, "Started", "started", kind="right wide"), _head(wanted, "Duration", "duration", kind="right wide")]
    heads += [_head(wanted, name, "metric", by=name, kind="right") for name in metrics]
    heads += [tag("th", shell.name(name), scope="col", class_="right wide param") for name in params]
    rows = [
        _run(one, of_run, metrics, params, of_all=not wanted.experiment, now=now) for one, of_run in zip(page.runs, measured, strict=True)
    ]
    return tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="list")


def _head(wanted: browsing.Wanted, text: str, sort: str, *, by: str | None = None, kind: str | None = None) -> Safe:
    """A column's head: sorts by it, and the other way round when it is the order already."""
    is_order = (wanted.sort, wanted.by) == (sort, by)
    down = not wanted.down if is_order else sort != "name"
    arrow = tag("span", " ↓" if wanted.down else " ↑", aria_hidden="true") if is_order else None
    order = ("descending" if wanted.down else "ascending") if is_order else None
    to = _address(wanted, sort=sort, by=by, down=down, offset=0)
    return tag("th", tag("a", shell.name(text), arrow, href=to), scope="col", class_=kind, aria_sort=order)


def _run(one: browsing.Listed, measured: dict[str, Any], metrics: Sequence[str], params: Sequence[str], *, of_all: bool, now: int) -> Safe:
    run = one.run
    where = None if not of_all else tag("div", shell.name(run.experiment), class_="dim small")
    return tag(
        "tr",
        tag("td", tag("a", f"#{run.number}", href=f"/runs/{run.run_id}", class_="main"), class_="figure"),
        tag("td", tag("span", shell.name(run.name or run.run_id), class_="clip"), where, _tags(run.tags)),
        tag("td", shell.run_pill(run)),
        tag("td", shell.when(run.started, now), class_="right dim wide"),
        tag("td", shell.lasted(run, now), class_="right wide"),
        *[_metric(name, measured.get(name)) for name in metrics],
        *[tag("td", tag("bdi", fmt.value(run.params[key]) if key in run.params else "-"), class_="right wide figure") for key in params],
    )


def _tags(tags: dict[str, Any]) -> Safe | None:
    words = [fmt.one_line(key) if value in (None, "") else f"{fmt.one_line(key)}={fmt.value(value)}" for key, value in tags.items()]
    return tag("div", *[tag("span", tag("bdi", fmt.shorten(word, 30)), class_="chip") for word in words[:4]]) if words else None


def _metric(name: str, one: dict[str, Any] | None) -> Safe:
    if one is None:
        return tag("td", "-", class_="right figure dim")
    last, goal = fmt.value(one["last"]), goals.best(name)
    best = fmt.value(one[goal]) if goal and one[goal] is not None else None
    note = tag("div", f"best {best}", class_="dim small") if best not in (None, last) else None
    return tag("td", last, note, class_="right figure bad" if last in ("NaN", "Infinity", "-Infinity") else "right figure")


def _pager(page: browsing.Page, wanted: browsing.Wanted) -> Safe | None:
    if page.total <= len(page.runs):
        return None
    first, last = wanted.offset + 1, wanted.offset + len(page.runs)
    earlier = _address(wanted, offset=max(0, wanted.offset - wanted.limit))
    later = _address(wanted, offset=wanted.offset + wanted.limit)
    return tag(
        "nav",
        tag("a", "← Before", href=earlier, class_="button", rel="prev") if wanted.offset else None,
        tag("span", f"{first:,} to {last:,} of {page.total:,}" if page.runs else f"none here of {page.total:,}", class_="dim"),
        tag("a", "Next →", href=later, class_="button", rel="next") if last < page.total else None,
        class_="pager",
        aria_label="Pages",
    )
