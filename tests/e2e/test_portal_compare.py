"""Runs beside one another, on the page, by the API and on the command line: the same document."""

from __future__ import annotations

import pytest
from portal_rig import Portal

TRAINS = """
import logging, outrider, struct, zlib
logging.basicConfig(level="INFO")
run = outrider.start_run()
run.param("lr", {lr}); run.param("depth", 3)
run.tag("team", "vision")
for step in range(40):
    run.log("loss", {lr} * 100 + 1 / (step + 1), step=step)
print("with", {lr})
data = b"".join(bytes([0]) + bytes([int({lr} * 1000), 90, 90]) * 8 for _ in range(8))
chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
head = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
open("swatch.png", "wb").write(b"\\x89PNG\\r\\n\\x1a\\n" + head + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))
run.log_image("swatch", path="swatch.png")
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Two runs that differ in a parameter, and one that says nothing of it."""
    made = Portal(tmp_path_factory.mktemp("compare") / "home")
    made.start(OUTRIDER_PORTAL_PORT="0")
    for number, code in enumerate((TRAINS.format(lr=0.001), TRAINS.format(lr=0.02), "print('nothing')")):
        made.run(code, tmp_path_factory.mktemp("train"), experiment="pair", name=f"n{number}")
        made.flush()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def runs(portal):
    return [one["run_id"] for one in portal.api("/runs?sort=number&order=up")["runs"]]


def row(document, title, name):
    section = next(one for one in document["sections"] if one["title"] == title)
    return next(one for one in section["rows"] if one["name"] == name)


def test_the_api_and_the_command_say_the_same(portal, runs):
    """A value a run, in their order; the best where the name says which way is better."""
    found = portal.api(f"/compare?run={runs[0]}&run={runs[1]}&run={runs[2]}")
    assert row(found, "Parameters", "lr") == {"name": "lr", "values": [0.001, 0.02, None], "differs": True, "best": None}
    assert row(found, "Parameters", "depth")["values"] == [3, 3, None]
    assert row(found, "Metrics", "loss")["best"] == 0
    assert found["sentence"].startswith("They differ in 2 parameters (depth, lr) and")
    assert portal.home.json("compare", *runs) == found
    code, out, _ = portal.home.run("compare", "pair#1", "pair#2")
    assert code == 0
    assert "lr " in out
    assert "depth" not in out
    assert "depth" in portal.home.run("compare", "pair#1", "pair#2", "--all")[1]
    assert portal.home.run("compare", "pair#1")[0] == 1
    assert portal.ask(f"/api/v1/compare?run={runs[0]}").status == 400
    assert portal.ask(f"/api/v1/compare?run={runs[0]}&run=none").status == 404


def test_the_page_shows_differences_charts_images_and_logs(portal, window, runs):
    """Each under a tab; only what differs, or everything."""
    seen = window(width=1440)
    page = seen.open(f"/compare?run={runs[0]}&run={runs[1]}")
    assert "lr" in page.inner_text(".compare")
    assert "depth" not in page.inner_text(".compare")
    page.click("button:text('Everything')")
    page.locator(".compare th", has_text="depth").wait_for()
    assert "all=1" in page.url
    seen.shot("compare-differences")
    page.click("[role=tab]:has-text('Charts')")
    page.locator(".chart canvas").first.wait_for()
    assert page.locator(".chart h3").all_inner_texts() == ["loss"]
    seen.shot("compare-charts")
    page.click("[role=tab]:has-text('Images')")
    page.locator("img").nth(1).wait_for()
    page.click("[role=tab]:has-text('Logs')")
    page.locator(".logs-beside .line", has_text="with 0.02").wait_for()
    page.locator(".logs-beside .line", has_text="with 0.001").wait_for()
    page.go_back()
    page.locator("[role=tab][aria-selected=true]:has-text('Images')").wait_for()


def test_the_page_of_one_run_says_how_to_compare(portal, window, runs):
    """And nothing is wide on a phone."""
    seen = window(width=360, height=740, dark=True)
    assert "outrider compare" in seen.open(f"/compare?run={runs[0]}").inner_text("main")
    seen.open(f"/compare?run={runs[0]}&run={runs[1]}")
    assert not seen.is_too_wide()
    seen.shot("compare-phone")
