"""What all pages share: the head, the bar above, and small pieces (pills, times, tables). Pure: takes values and `now`, returns HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from outrider_agent.cli import format as fmt
from outrider_agent.portal import assets as static
from outrider_agent.portal import markup, shapes
from outrider_agent.portal.markup import Safe, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from outrider_agent.store import records

#: A mark for each status besides its colour.
MARKS = {"Running": "●", "Completed": "✓", "Failed": "✕", "Canceled": "■", "Unknown": "?"}
#: What every page's bar does.
BAR = "bar.js"
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='4' "
    "fill='%23356ae6'/%3E%3Cpath d='M3 11l3-4 3 2 4-6' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
)


def page(
    assets: static.Assets,
    title: str,
    crumbs: Iterable[tuple[str, str | None]],
    main: Safe,
    *,
    modules: Sequence[str],
    first: Sequence[str] = (),
    charts: bool = False,
    app: bool = False,
) -> str:
    """
    A whole page. `modules` are loaded in order where the libraries are there; `app`: they use them; `charts`: they show charts, too.
    `first`: modules that these will ask for to show what is shown first.
    """
    needed = assets.needed([*modules, *first, BAR])
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} · Outrider"),
        tag("link", rel="icon", href=ICON),
        markup.script(assets.first, "text/javascript") if assets.first else None,
        tag("link", rel="stylesheet", href=assets.url("app.css")),
    ]
    if charts and assets.is_whole:
        head.append(tag("link", rel="stylesheet", href=assets.url("chart.css")))
        if "chart.js" in needed:
            head.append(tag("link", rel="stylesheet", href=assets.url("vendor/uplot.css")))
            head.append(tag("link", rel="prefetch", href=assets.url("vendor/uplot.js"), as_="script"))
    if (charts or app) and assets.is_whole:
        head.append(markup.script(assets.import_map(modules[0]), "importmap"))
        head += [tag("link", rel="modulepreload", href=assets.url(name)) for name in static.LIBRARIES.values()]
    if assets.is_whole:
        head += [tag("link", rel="modulepreload", href=assets.url(name)) for name in needed]
        head += [tag("script", type="module", src=assets.url(name)) for name in (*modules, BAR)]
    notice = None if assets.is_whole else tag("p", static.MISSING, class_="notice", role="status")
    body = [
        tag("a", "Skip to the content", class_="skip", href="#main"),
        _bar(crumbs),
        tag("main", notice, main, id="main", tabindex="-1"),
    ]
    return f"<!doctype html>{tag('html', tag('head', *head), tag('body', *body), lang='en')}"


def _bar(crumbs: Iterable[tuple[str, str | None]]) -> Safe:
    """The brand, where we are, whether it is live, the theme."""
    trail = [tag("li", tag("a", tag("bdi", name), href=to) if to else tag("bdi", name)) for name, to in crumbs]
    return tag(
        "header",
        tag("a", tag("span", "↗", class_="mark", aria_hidden="true"), "Outrider", class_="brand", href="/"),
        tag("nav", tag("ol", *trail), aria_label="Where you are"),
        tag("span", "", id="live", class_="live", role="status"),
        tag("button", "Copy link", id="link", type="button", title="The address of what is seen here"),
        tag("button", "?", id="keys", class_="icon", type="button", aria_label="Keys", title="Keys: ?"),
        tag("button", "◐", id="theme", class_="icon", type="button", aria_label="Theme", title="Theme: as the system, light, dark"),
        class_="bar",
    )


def href(path: str, **query: str | int | None) -> str:
    """An address with what of the query is there."""
    given = {key: value for key, value in query.items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def pill(status: str, why: str = "") -> Safe:
    """A status: a mark, a word and a colour."""
    return tag(
        "span",
        tag("span", MARKS.get(status, "?"), class_="glyph", aria_hidden="true"),
        status,
        tag("span", f" · {fmt.one_line(why)}", class_="why") if why else None,
        class_=f"pill {status.lower()}",
    )


def run_pill(run: records.Run) -> Safe:
    """A run's status with why it ended."""
    return pill(run.status, shapes.why(run))


def when(time_ns: int | None, now_ns: int) -> Safe:
    """How long ago, kept up to date by the page; the exact time on demand."""
    if time_ns is None:
        return tag("span", "-")
    return tag("time", fmt.ago(time_ns, now_ns), datetime=fmt.iso(time_ns), title=fmt.local(time_ns), data_ago=True)


def lasted(run: records.Run, now_ns: int) -> Safe:
    """How long it took, or has taken: that goes on by itself."""
    seconds = ((run.ended or now_ns) - run.started) / fmt.SECOND_NS
    return tag("span", fmt.duration(seconds), class_="figure", data_since=None if run.is_over else fmt.iso(run.started))


def name(text: str) -> Safe:
    """A name from a user's script: on one line, its control characters spelled out, its direction its own."""
    return tag("bdi", fmt.one_line(text))


def definition(pairs: Iterable[tuple[str, Safe | str | None]]) -> Safe:
    """Names and what they mean; those without a value are left out."""
    given = [tag("div", tag("dt", key), tag("dd", value)) for key, value in pairs if value not in (None, "", "-")]
    return tag("dl", *given, class_="facts")


def values(title: str, given: dict[str, object]) -> Safe:
    """Params or tags as a small table."""
    rows = [
        tag("tr", tag("th", name(key), scope="row"), tag("td", tag("bdi", fmt.value(value) if value not in (None, "") else "")))
        for key, value in given.items()
    ]
    return tag("section", tag("h2", title), tag("table", tag("tbody", *rows), class_="pairs"), class_="card") if rows else Safe("")


def empty(title: str, text: str, command: str) -> Safe:
    """Nothing to show yet, and what to type."""
    return tag("div", tag("h2", title), tag("p", text), tag("pre", tag("code", command)), class_="empty")
