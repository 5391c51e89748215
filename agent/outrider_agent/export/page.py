"""
A run as one page: a file that a browser opens without a server and without a network, with the portal's own charts in it.

What is made here is complete without scripts. The scripts, styles and libraries are the portal's (portal/assets.py), as they are: import
names of ours become entries of an import map, whose addresses hold the modules themselves. The data are the API's own answers, by address,
packed; source.js reads them there. A policy in the page forbids every request.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent import errors
from outrider_agent.cli import documents, journal, transcript
from outrider_agent.cli import format as fmt
from outrider_agent.core import goals
from outrider_agent.portal import api, assets, markup, shapes, shell, tabular
from outrider_agent.portal.markup import Safe, join, tag

if TYPE_CHECKING:
    from outrider_agent import protocols
    from outrider_agent.store import browsing, records

ENTRY = "exported.js"
STYLES = ("app.css", "vendor/uplot.css", "chart.css")
POLICY = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:"
#: What is drawn of a series: as the portal's charts ask for it (portal/curve.js), and for a page that cannot ask again when it is zoomed.
BUCKETS = 2_000
#: Of so many buckets with values that are no finite number, and of so many points each, a chart asks which they are (portal/curve.js).
LOOKED, LOOKED_POINTS = 12, 2_000
LINES = 2_000
ROWS = 10_000
#: Pictures that are in the page; what is beyond stays in the portal, and the page says so.
PICTURE_BYTES, PICTURES_BYTES = 8 << 20, 48 << 20
DOCUMENT_BYTES = 32 << 20
#: What is drawn of an explanation (portal/automl.js); its samples are not.
DRAWN = re.compile(r"explanation/[0-9a-f]{8}/(?:global_(?:names|values)|per_class_(?:names|values)|classes|rich_metadata)\b")
_OWN_IMPORT = re.compile(rb'(from\s*|import\(\s*)"\./([\w-]+\.js)"')


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into a page. `kept`: answers by address. `left_out`: names of pictures that are too large."""

    run: records.Run
    document: dict[str, Any]
    series: list[dict[str, Any]]
    log: journal.Ending
    kept: dict[str, Any]
    left_out: list[str]


def content(store: browsing.Browser, blobs: protocols.Blobs, run_id: str) -> Content:
    """Reads it. Raises `NotFound`, `Unavailable`."""
    run, document = store.run(run_id), api.run_document(store, run_id)
    series = [shapes.series(one) | {"best": goals.best(one.name)} for one in store.series(run_id)]
    at = f"/runs/{run_id}"
    kept: dict[str, Any] = {at: document | {"children": []}, f"{at}/metrics": series, f"{at}/artifacts": []}
    for one in series:
        kept |= _points(store, run_id, one)
    for name in document["tables"]:
        kept[f"{at}/table\n{name}\n\n"] = tabular.document(store, run_id, name, ROWS)
    files = [shapes.file(one, run_id) | {"sha": one.sha256} for one in store.artifacts(run_id, all_versions=True)]
    kept[f"{at}/artifacts"] = [one for one in {one["path"]: one for one in files}.values() if DRAWN.match(one["path"])]
    left_out = _files(kept, document, files, blobs)
    log = journal.ending(store, run_id, LINES, with_echoes=False)
    return Content(run=run, document=document, series=series, log=log, kept=kept, left_out=left_out)


def _points(store: browsing.Browser, run_id: str, series: dict[str, Any]) -> dict[str, Any]:
    """What a chart asks for (where values are no finite number, also which these are), or, of a text, the list of its values."""
    name, source = series["name"], series["source"]
    if series["kind"] == "text":
        first = max(0, series["count"] - 200)
        return _kept_points(store, run_id, series, first, 200)
    buckets = store.buckets(run_id, name, BUCKETS, None, source)
    packed = shapes.packed_buckets(buckets, with_epochs=series["last_epoch"] is not None)
    kept = {f"/runs/{run_id}/buckets\n{name}\n{source}\n": base64.b64encode(packed).decode()}
    odd = [one for one in buckets if one.nonfinite and one.count <= LOOKED_POINTS]
    for one in odd if len(odd) <= LOOKED else odd[:1]:
        kept |= _kept_points(store, run_id, series, one.first, one.count)
    return kept


def _kept_points(store: browsing.Browser, run_id: str, series: dict[str, Any], first: int, count: int) -> dict[str, Any]:
    name, source = series["name"], series["source"]
    points = store.points_from(run_id, name, source, first, count)
    return {f"/runs/{run_id}/points\n{name}\n{source}\n{first}": shapes.points(points, first)}


def _files(kept: dict[str, Any], document: dict[str, Any], files: list[dict[str, Any]], blobs: protocols.Blobs) -> list[str]:
    """Charts' documents and explanations as text, pictures as data addresses; returns the names of what is left out."""
    known = {(one["path"], one["version"]): one for one in files}
    left_out, total = [], 0
    for one in (*document["figures"], *kept[f"/runs/{document['run_id']}/artifacts"]):
        file = known.get((one["path"], one["version"]))
        if file is None:
            continue
        kind = one.get("type", "")
        if not kind.startswith("image/"):
            if file["size"] <= DOCUMENT_BYTES and (data := _bytes(blobs, file["sha"])) is not None:
                kept[one["url"]] = data.decode("utf-8", "replace")
            continue
        total += file["size"]
        data = _bytes(blobs, file["sha"]) if file["size"] <= PICTURE_BYTES and total <= PICTURES_BYTES else None
        if data is None:
            left_out.append(one["name"])
        else:
            kept[f"{one['url']}&view=1"] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return left_out


def _bytes(blobs: protocols.Blobs, sha: str) -> bytes | None:
    try:
        with blobs.open(sha) as file:
            return file.read()
    except errors.NotFound:
        return None


def page(given: Content, static: assets.Assets) -> str:
    """All of it. Raises `OutriderError` where the libraries of the charts are not installed."""
    if not static.is_whole:
        raise errors.OutriderError(f"{assets.MISSING} Nothing was written.")
    title = f"{fmt.one_line(given.run.experiment)} #{given.run.number}"
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · Outrider"),
        *[tag("style", Safe(_closed(static.text(name)))) for name in STYLES],
        markup.script(import_map(static), "importmap"),
        tag("script", Safe(_closed(static.text("theme.js")))),
        tag("script", Safe(_closed(static.text("vendor/uplot.js")))),
    ]
    body = [
        tag("main", _still(given, title), id="main"),
        tag("script", Safe(packed(given)), type="application/gzip", id="kept"),
        tag("script", Safe(f'import "outrider/{ENTRY}";'), type="module"),
    ]
    return f"<!doctype html>{tag('html', tag('head', *head), tag('body', *body), lang='en', data_run=given.run.run_id)}"


def packed(given: Content) -> str:
    """What the page's scripts draw: the kept answers."""
    return base64.b64encode(gzip.compress(shapes.encoded(given.kept), 9, mtime=0)).decode()


def import_map(static: assets.Assets) -> str:
    """Every module that the page's own one leads to, by name, with itself as its address."""
    found: dict[str, str] = {}
    wanted = [ENTRY]
    while wanted:
        name = wanted.pop()
        source = static.text(name).encode()
        found[f"outrider/{name}"] = _address(_OWN_IMPORT.sub(rb'\1"outrider/\2"', source))
        wanted += [other for _, other in ((m[1], m[2].decode()) for m in _OWN_IMPORT.finditer(source)) if f"outrider/{other}" not in found]
    libraries = {name: _address(static.text(file).encode()) for name, file in assets.LIBRARIES.items()}
    return json.dumps({"imports": libraries | found})


def _address(source: bytes) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(source).decode()}"


def _closed(text: str) -> str:
    """Inside of an element whose text ends at its end tag."""
    return re.sub(r"</(?=script|style)", r"<\\/", text, flags=re.IGNORECASE)


def _still(given: Content, title: str) -> Safe:
    """What is read without scripts."""
    run, now = given.run, time.time_ns()
    facts = shell.definition(
        [
            ("Started", fmt.local(run.started)),
            ("Duration", shell.lasted(run, now)),
            ("Host", shell.name(" · ".join(part for part in (run.user, run.host) if part))),
            ("Python", run.python),
            ("Run", tag("code", run.run_id)),
            ("Exported", fmt.local(now)),
        ]
    )
    heading = tag(
        "div",
        tag("h1", shell.name(run.name or run.experiment), " ", tag("span", title, class_="dim")),
        shell.run_pill(run),
        class_="heading",
    )
    about = tag("p", fmt.one_line(run.description), class_="about") if run.description else None
    command = tag("pre", tag("code", fmt.one_line(fmt.command_line(run.command))), class_="command") if run.command else None
    failure = documents.failure(run)
    failed = tag("pre", fmt.safe(failure), class_="traceback") if failure else None
    missing = (
        tag("p", f"Pictures too large for this page: {', '.join(map(fmt.one_line, given.left_out))}.", class_="notice")
        if given.left_out
        else None
    )
    pairs = [("Parameters", run.params), ("Tags", run.tags), ("Properties", given.document["properties"])]
    left = [tag("div", _metrics(given), id="charts"), tag("div", id="images"), _log(given)]
    side = tag("aside", *[shell.values(*pair) for pair in pairs])
    return join(
        [
            heading,
            about,
            facts,
            command,
            failed,
            missing,
            tag("div", tag("div", *left), side, class_="columns"),
        ]
    )


def _metrics(given: Content) -> Safe:
    heads = [tag("th", text, scope="col") for text in ("Metric", "Last", "Min", "Max", "Points")]
    rows = [
        tag(
            "tr",
            tag("th", shell.name(one["name"]), scope="row"),
            *[tag("td", fmt.value(one[key]), class_="right figure") for key in ("last", "min", "max", "count")],
        )
        for one in given.series
    ]
    if not rows:
        return Safe("")
    return tag(
        "section",
        tag("h2", "Metrics"),
        tag("div", tag("table", tag("thead", tag("tr", *heads)), tag("tbody", *rows), class_="list"), class_="scroll card"),
    )


def _log(given: Content) -> Safe:
    lines = []
    for entry in given.log.entries:
        if entry.record is None:
            lines.append(tag("span", fmt.one_line(transcript.shown(entry.text)), "\n", class_=f"line {entry.stream}"))
            continue
        below = journal.appended(entry.record)
        words = f"{documents.level_name(entry.record):<8} {fmt.safe(entry.record.message)}" + (f"\n{fmt.safe(below)}" if below else "")
        level = "error" if entry.record.level >= 40 else "warning" if entry.record.level >= 30 else "info"
        lines.append(tag("span", words, "\n", class_=f"line log-{level}"))
    if not lines:
        return Safe("")
    more = None if given.log.whole else tag("p", f"The last {len(lines):,} lines.", class_="dim")
    return tag("section", tag("h2", "Log"), more, tag("div", tag("pre", *lines, class_="log"), class_="card"))
