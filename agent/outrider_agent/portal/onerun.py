"""
One run's page as it comes from the server: complete without scripts, and with the data that they start from.

`look` reads; the rest is pure.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent.cli import documents, journal, transcript
from outrider_agent.cli import format as fmt
from outrider_agent.core import goals
from outrider_agent.portal import api, markup, shapes, shell
from outrider_agent.portal.markup import Safe, join, tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider_agent.store import browsing, records

#: What of the log comes with the page.
LINES = 400
#: Of these, so many are in the page itself where scripts draw the rest; it links to the whole console.
SCREEN = 60
#: So many files are listed at once; a script shows the rest.
FILES = 500


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What the page shows."""

    run: records.Run
    document: dict[str, Any]
    series: Sequence[records.Series]
    files: Sequence[records.Artifact]
    log: journal.Ending
    attempt: int | None


def look(store: browsing.Browser, run_id: str, attempt: int | None = None) -> Seen:
    """Reads it, in several short transactions; of the log one attempt, or all. Raises `NotFound`."""
    return Seen(
        run=store.run(run_id),
        document=api.run_document(store, run_id),
        series=store.series(run_id),
        files=store.artifacts(run_id),
        log=journal.ending(store, run_id, LINES, with_echoes=True, attempt=attempt),
        attempt=attempt,
    )


def page(seen: Seen, now: int, *, drawn: bool, logs: bool = False) -> Safe:
    """All of it. `drawn`: scripts will draw the log. `logs`: the log is what is asked for, it comes first."""
    log = _log(seen, drawn=drawn)
    columns = tag("div", tag("div", _metrics(seen), None if logs else log), _side(seen), class_="columns")
    still = join((_head(seen, now), log if logs else None, columns))
    return join((tag("div", still, id="app"), markup.data("data", start(seen))))


def start(seen: Seen) -> dict[str, Any]:
    """What the scripts begin with: the same data, and where to go on from."""
    return {
        "run": seen.document,
        "series": [shapes.series(one) | {"best": goals.best(one.name)} for one in seen.series],
        "files": [shapes.file(one, seen.run.run_id) for one in seen.files[:FILES]],
        "file_count": len(seen.files),
        "log": shapes.ending(seen.log),
        "attempt": seen.attempt,
    }


def _head(seen: Seen, now: int) -> Safe:
    run = seen.run
    facts = shell.definition(
        [
            ("Started", shell.when(run.started, now)),
            ("Duration", shell.lasted(run, now)),
            ("Host", shell.name(" · ".join(part for part in (run.user, run.host) if part))),
            ("Python", run.python),
            ("Run", tag("code", run.run_id)),
            ("Parent", _parent(run.parent_run_id, is_here=seen.document["has_parent"]) if run.parent_run_id else None),
        ]
    )
    about = tag("p", fmt.one_line(run.description), class_="about") if run.description else None
    command = tag("pre", tag("code", fmt.one_line(fmt.command_line(run.command))), class_="command") if run.command else None
    title = tag("h1", shell.name(run.name or run.experiment), " ", tag("span", f"#{run.number}", class_="dim"))
    failure = documents.failure(run)
    failed = tag("pre", fmt.safe(failure), class_="traceback") if failure else None
    return join((tag("div", title, shell.run_pill(run), class_="heading"), about, facts, command, failed))


def _parent(run_id: str, *, is_here: bool) -> Safe:
    name = tag("code", run_id)
    return tag("a", name, href=f"/runs/{run_id}") if is_here else tag("span", name, " (not in this store)")


def _metrics(seen: Seen) -> Safe:
    rows = [_series(one) for one in seen.series]
    heads = [
        tag("th", text, scope="col", class_=kind)
        for text, kind in (("Metric", None), ("Last", "right"), ("Least", "right"), ("Most", "right"))
    ]
    measured = tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="list")
    none = "No metric yet." if seen.run.ended is None else "No metric was logged."
    nothing = tag("p", f'{none} A script logs one by extra={{"metrics": {{"loss": 0.3}}}} or run.log("loss", 0.3).', class_="dim pad")
    return tag("section", tag("h2", "Metrics"), tag("div", measured if rows else nothing, class_="scroll card"))


def _log(seen: Seen, *, drawn: bool) -> Safe:
    silent = "Nothing was logged or printed yet." if seen.run.ended is None else "Nothing was logged or printed."
    entries = [entry for entry in seen.log.entries if entry.echo is None][-SCREEN if drawn else 0 :]
    lines = [line for entry in entries for line in _line(entry)]
    log = tag("pre", tag("span", *lines), class_="log ended") if lines else tag("p", silent, class_="dim pad")
    raw = tag("a", "The whole console", href=f"/api/v1/runs/{seen.run.run_id}/console.txt", class_="button")
    return tag("section", tag("div", tag("h2", "Log"), raw, class_="heading"), _attempts(seen), tag("div", log, class_="card"))


def _attempts(seen: Seen) -> Safe | None:
    """Of a run that was resumed: whose log is shown."""
    if len(seen.document["attempts"]) < 2:
        return None
    numbers = [None, *(one["attempt"] for one in seen.document["attempts"])]
    links = [
        tag("a", "All attempts" if one is None else f"Attempt {one}", href=shell.href(f"/runs/{seen.run.run_id}", attempt=one),
            aria_current="true" if one == seen.attempt else None)
        for one in numbers
    ]  # fmt: skip
    return tag("nav", *links, class_="chips", aria_label="By attempt")


def _series(one: records.Series) -> Safe:
    name = one.name if one.source in documents.OWN_SOURCES else f"{one.name} ({one.source})"
    figures = [fmt.value(shapes.series(one)["last"]), fmt.value(one.min), fmt.value(one.max)]
    return tag("tr", tag("th", shell.name(name), scope="row"), *[tag("td", figure, class_="right figure") for figure in figures])


def _line(entry: journal.Entry) -> list[Safe]:
    record = entry.record
    if record is None:
        return [tag("span", fmt.one_line(transcript.shown(entry.text)), "\n", class_=f"line {entry.stream}")]
    below = journal.appended(record)
    words = f"{documents.level_name(record):<8} {fmt.safe(record.message)}" + (f"\n{fmt.safe(below)}" if below else "")
    return [tag("span", words, "\n", class_=f"line log-{'error' if record.level >= 40 else 'warning' if record.level >= 30 else 'info'}")]


def _side(seen: Seen) -> Safe:
    pairs = [("Parameters", seen.run.params), ("Tags", seen.run.tags), ("Properties", seen.document["properties"])]
    return tag("aside", _figures(seen), _models(seen), _children(seen), _files(seen), *[shell.values(*pair) for pair in pairs])


def _card(title: str, rows: list[Safe]) -> Safe:
    table = tag("table", tag("tbody", *rows), class_="pairs files")
    return tag("section", tag("h2", f"{title} {len(rows):,}"), table, class_="card") if rows else Safe("")


def _figures(seen: Seen) -> Safe:
    rows = []
    for one in seen.document["figures"]:
        is_picture = one["type"].startswith("image/")
        shown = tag("img", src=one["url"] + "&view=1", alt=one["name"], loading="lazy") if is_picture else None
        about = tag("span", f" {fmt.one_line(one['description'])}", class_="dim") if one["description"] else None
        link = tag("a", shell.name(one["name"]), href=one["url"] + ("&view=1" if is_picture else ""), title=one["type"])
        rows.append(tag("tr", tag("td", link, about, shown)))
    return _card("Figures", rows)


def _models(seen: Seen) -> Safe:
    rows = [
        tag("tr", tag("td", shell.name(f"{one['name']}:{one['version']}")), tag("td", shell.name(one["path"] or ""), class_="dim"))
        for one in seen.document["models"]
    ]
    return _card("Models", rows)


def _children(seen: Seen) -> Safe:
    rows = [
        tag("tr", tag("td", tag("a", shell.name(one["name"] or one["run_id"]), href=f"/runs/{one['run_id']}")), tag("td", one["status"]))
        for one in seen.document["children"]
    ]
    return _card("Children", rows)


def _files(seen: Seen) -> Safe:
    rows = [_file(one, seen.run.run_id) for one in seen.files[:FILES]]
    hidden = len(seen.files) - len(rows)
    more = (
        tag("p", f"and {fmt.plural(hidden, 'file')} more: outrider artifacts {seen.run.run_id}", class_="dim pad") if hidden > 0 else None
    )
    none = "No file yet." if seen.run.ended is None else "No file was kept."
    nothing = tag("p", f"{none} What a script writes into ./outputs is kept.", class_="dim pad")
    table = tag("table", tag("tbody", *rows), class_="pairs files") if rows else nothing
    return tag("section", tag("h2", f"Files{f' {len(seen.files):,}' if seen.files else ''}"), table, more, class_="card")


def _file(one: records.Artifact, run_id: str) -> Safe:
    shown = os.fsencode(one.path).decode("utf-8", "replace")
    link = tag("a", shell.name(shown), href=shapes.file(one, run_id)["url"], download=True)
    missing = None if one.observed else tag("span", " earlier versions may be missing", class_="dim small")
    return tag("tr", tag("td", link, missing), tag("td", fmt.size(one.size), class_="right figure dim"))
