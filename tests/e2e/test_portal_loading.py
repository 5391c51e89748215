"""What a page asks for before it shows something: that little, and at once."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from browsing_rig import profile
from cli_home import START, Home
from portal_rig import Portal

SHOWN = [
    ("/runs/r?tab=logs", ".panel-logs .log .line time"),
    ("/runs/r", ".panel-overview .keytile"),
    ("/runs/r?tab=metrics", ".panel-metrics .chart canvas"),
    ("/runs/r?tab=files", ".panel-files p.card"),
    ("/compare?run=r&run=other", "#panel table"),
    ("/compare?run=r&run=other&tab=charts", "#panel .chart canvas"),
]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    home = tmp_path_factory.mktemp("loading") / "home"
    made = Home(home)
    made.write(
        "r", "keeper-1-bbbbbbbb", *[{"k": "c", "t": START + at, "f": 1, "o": 8 * at, "d": f"line {at:2}\n"} for at in range(40)], own=False
    )
    points = [{"k": "m", "t": START + at, "n": "loss", "v": 1 / at, "s": at} for at in range(1, 9)]
    made.write("r", "py-1-aaaaaaaa", *points, {"k": "end", "t": START + 99, "status": "Completed", "reason": "ended"})
    made.write("other", "py-1-aaaaaaaa", *points)
    made.ingest()
    served = Portal(home).start(OUTRIDER_PORTAL_PORT="0")
    yield served
    served.stop()


@pytest.mark.parametrize(("path", "shown"), SHOWN)
def test_a_tab_is_shown_before_what_the_others_need_is_there(portal, window, path, shown):
    """The page names what it begins with, so no module is waited for to learn of the next; and a log waits for no chart."""
    named = set(re.findall(r'(?:href|src)="(/static/[^"]+[.]js)"', portal.ask(path).text))
    assert any(url.endswith("/chart.js") for url in named) == ("canvas" in shown)
    seen = window()
    seen.allowed = ("Failed to load resource",)
    seen.page.route("**/static/**/*.js", lambda route: route.continue_() if urlsplit(route.request.url).path in named else route.abort())
    seen.open(path).locator(shown).first.wait_for()


def test_the_end_of_a_log_is_what_is_seen_first(portal, browser):
    """As the server made it, before any script; what is above it is scrolled back to."""
    context = profile(browser, java_script_enabled=False, viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(portal.entry)
    page.goto(f"{portal.url}/runs/r?tab=logs")
    box, last = page.locator("pre.log").bounding_box(), page.locator("pre.log .line").last.bounding_box()
    first = page.locator("pre.log .line").first.bounding_box()
    assert first["y"] < box["y"]  # there is more than fits
    assert box["y"] < last["y"] < last["y"] + last["height"] <= min(720, box["y"] + box["height"] + 1)
    assert page.locator("pre.log .line").last.inner_text() == "line 39\n"
    context.close()
