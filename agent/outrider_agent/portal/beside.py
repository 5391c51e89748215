"""The page that compares runs. Pure: takes what `cli/compare` says, returns HTML and what the scripts begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from outrider_agent.cli import format as fmt
from outrider_agent.portal import markup, shell
from outrider_agent.portal.markup import Safe, join, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Of a list so many runs are compared. Each has its lines in the charts; a column of differences, images and logs have the first hundred.
MOST: Final = 500
#: What an address names that takes the runs of a list.
LISTED: Final = ("experiment", "parent", "query", "status", "text")


def page(comparison: Mapping[str, Any], runs: Sequence[str]) -> Safe:
    """All of it; without scripts only what differs. `runs`: the ids of all, also of those that are only in the charts."""
    heading = tag("div", tag("h1", f"Compare {fmt.plural(len(runs), 'run')}"), class_="heading")
    heads = [tag("th", "", scope="col"), *[_run(run) for run in comparison["runs"]]]
    bodies = [_section(section, len(comparison["runs"])) for section in comparison["sections"]]
    table = tag("table", tag("thead", tag("tr", *heads)), *bodies, class_="list")
    still = join((heading, tag("p", comparison["sentence"], class_="about"), tag("div", table, class_="scroll card")))
    return join((tag("div", still, id="app"), markup.data("data", {"comparison": comparison, "runs": list(runs)})))


def _run(run: Mapping[str, Any]) -> Safe:
    name = tag("a", shell.name(run["name"] or run["run_id"]), f" #{run['number']}", href=f"/runs/{run['run_id']}")
    return tag("th", name, tag("div", shell.pill(run["status"])), scope="col")


def _section(section: Mapping[str, Any], runs: int) -> Safe:
    rows = [
        tag("tr", tag("th", shell.name(row["name"]), scope="row"), *[_cell(value) for value in row["values"]])
        for row in section["rows"]
        if row["differs"]
    ]
    title = tag("tr", tag("th", section["title"], scope="rowgroup", colspan=runs + 1), class_="section")
    return tag("tbody", title, *rows) if rows else Safe("")


def _cell(value: Any) -> Safe:
    if value.__class__ in {float, int}:  # thousands of them, which have no direction and nothing to escape
        return Safe(f"<td>{fmt.value(value)}</td>")
    return tag("td", "-" if value is None else tag("bdi", fmt.value(value)))


def nothing() -> Safe:
    """Fewer than two runs were named."""
    text = "Choose two runs or more in a list, then Compare; or on the command line:"
    return shell.empty("Nothing to compare", text, "outrider compare RUN RUN")
