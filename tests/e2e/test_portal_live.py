"""The pages while scripts run: what comes, comes by itself, soon, and goes on over an agent's restart."""

from __future__ import annotations

import pytest
from browsing_rig import Window
from cli_home import START, ridge
from portal_rig import PATIENCE_S, Portal
from waiting import until

RUN = "9f3c0aa1b2c4"

FOLLOWED = """
import logging, os, sys, time, outrider
run = outrider.start_run()
print("begun", flush=True)
go, step = sys.argv[0].replace("train.py", "go"), 0
while os.path.exists(go):
    print(f"at {time.time():.6f}", flush=True)
    run.log("loss", 1 / (1 + step), step=step)
    step += 1
    time.sleep(0.11)
print("half a line", end="", flush=True)
"""


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """An agent that waits for runs."""
    made = Portal(tmp_path_factory.mktemp("portal") / "home")
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


def test_a_running_script_is_seen_without_a_reload(portal, window, tmp_path):
    """Its lines come by themselves, and the chart and the status go along. (How soon: `make bench`.)"""
    (tmp_path / "go").touch()
    process = portal.run(FOLLOWED, tmp_path, experiment="followed", wait=False)
    try:
        run = until(lambda: next((one["run_id"] for one in portal.api("/runs?experiment=followed")["runs"]), None), PATIENCE_S)
        seen = window()
        page = seen.open(f"/runs/{run}?tab=logs")
        page.evaluate(WATCH)
        seen.wait("window.arrivals >= 25")
        page.click("[role=tab]:has-text('Metrics')")
        seen.wait("Number(document.querySelector('.chart footer').innerText.split(' ')[0]) > 20")
        assert "Running" in page.inner_text("h1 + .pill")
        seen.shot("run-live")
        (tmp_path / "go").unlink()
        seen.wait("document.querySelector('h1 + .pill').innerText.includes('Completed')")
        page.click("[role=tab]:has-text('Overview')")
        seen.wait("document.querySelector('.happened').innerText.includes('completed')")
        took = page.inner_text(".happened").rpartition("after ")[2].strip()
        seen.wait("took => document.querySelector('.facts [class=figure]').innerText === took", took)
        seen.wait("document.querySelector('.log').innerText.trimEnd().endsWith('half a line')")
        assert page.locator("button:has-text('Stop')").count() == 0
    finally:
        (tmp_path / "go").unlink(missing_ok=True)
        process.wait(timeout=PATIENCE_S)


#: Counts the lines that come.
WATCH = """() => {
  window.arrivals = 0;
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) {
      window.arrivals += Boolean(node.closest?.(".log") && node.innerText.includes("at "));
    }
  }).observe(document, { childList: true, subtree: true });
}"""


def test_the_list_shows_a_run_that_begins_and_ends_without_a_reload(portal, window, tmp_path):
    """The row comes by itself, its status changes by itself, and what it logs has a column as soon as there is something."""
    (tmp_path / "go").touch()
    seen = window()
    page = seen.open("/runs?experiment=appears")
    process = portal.run(FOLLOWED, tmp_path, experiment="appears", wait=False)
    try:
        seen.wait("document.querySelector('tbody')?.innerText.includes('Running')")
        seen.wait("document.querySelector('thead').innerText.includes('loss') && document.querySelector('.metric .figure')")
        (tmp_path / "go").unlink()
        seen.wait("document.querySelector('tbody').innerText.includes('Completed')")
        assert page.locator("tbody tr").count() == 1
    finally:
        (tmp_path / "go").unlink(missing_ok=True)
        process.wait(timeout=PATIENCE_S)


def test_a_run_is_stopped_from_its_page(portal, window, tmp_path):
    """The button asks first; the write carries our own origin."""
    (tmp_path / "go").touch()
    process = portal.run(FOLLOWED, tmp_path, experiment="stopped", wait=False)
    try:
        run = until(lambda: next((one["run_id"] for one in portal.api("/runs?experiment=stopped")["runs"]), None), PATIENCE_S)
        seen = window()
        page = seen.open(f"/runs/{run}")
        page.click("button:has-text('Stop')")  # dismissed: nothing happens
        until(lambda: page.evaluate("1") and [text for text in seen.wrong if text.startswith("dialog: Stop this run?")], PATIENCE_S)
        seen.wrong.clear()
        assert process.poll() is None
        page.remove_listener("dialog", seen._dialog)
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("button:has-text('Stop')")
        seen.wait("document.querySelector('h1 + .pill').innerText.includes('Canceled')")
        assert "by portal" in page.inner_text("h1 + .pill")
    finally:
        (tmp_path / "go").unlink(missing_ok=True)
        process.wait(timeout=PATIENCE_S)


def test_a_page_goes_on_after_the_agent_was_restarted(home, browser, tmp_path):
    """The cookie is good for the next agent too, and nothing comes twice."""
    portal = Portal(home)
    ridge(portal.home)
    portal.home.ingest()
    portal.start(OUTRIDER_PORTAL_PORT="0")
    seen = Window(browser, portal.entry)
    try:
        page = seen.open(f"/runs/{RUN}?tab=logs")
        seen.wait("document.getElementById('live').dataset.state === 'live'")
        lines, port = page.locator(".log .line").count(), portal.port
        portal.stop()
        seen.wait("document.getElementById('live').innerText.includes('outrider ui')")
        portal.home.write(RUN, "late-1-cccccccc", {"k": "l", "t": START, "lv": 20, "msg": "came late"}, own=False)
        portal.start(OUTRIDER_PORTAL_PORT=str(port))
        seen.wait("document.querySelector('.log').innerText.includes('came late')")
        assert page.locator(".log .line").count() == lines + 1
    finally:
        seen.close()
        portal.stop()
