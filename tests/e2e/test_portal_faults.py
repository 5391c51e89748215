"""What the portal does about bugs of its own, and about a store that is busy under it."""

from __future__ import annotations

import json
import sqlite3

import pytest
from cli_home import START
from portal_rig import Portal
from waiting import until


@pytest.fixture
def portal(tmp_path):
    """A run in a home of its own, for its store is spoiled."""
    made = Portal(tmp_path / "home")
    lines = [{"k": "m", "t": START + step, "n": "loss", "v": 1 / (step + 1), "s": step} for step in range(10)]
    made.home.write("spoiled", "py-1-aaaaaaaa", *lines)
    made.home.ingest()
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


def test_a_bug_is_logged_with_its_traceback_and_told_in_a_sentence(portal):
    """Whatever a request meets that nobody foresaw: agent.log says which request, and where; different bugs are not taken for one."""
    with sqlite3.connect(portal.path / "outrider.db") as connection:
        connection.execute("ALTER TABLE points RENAME TO gone")
        connection.execute("ALTER TABLE figures RENAME TO gone_too")
    for path in ("/api/v1/sparklines?run=spoiled&metric=loss", "/api/v1/runs/spoiled", "/runs/spoiled"):
        answer = portal.ask(path)
        assert answer.status == 500
        assert "agent.log" in (answer.json()["error"] if path.startswith("/api") else answer.text)

    def said():
        lines = [json.loads(line) for line in (portal.path / "agent.log").read_text().splitlines()]
        return [line for line in lines if line["event"] == "request_failed"]

    first, second = until(lambda: said() if len(said()) >= 2 else None)[:2]
    assert (first["path"], first["query"]) == ("/api/v1/sparklines", "run=spoiled&metric=loss")
    assert "no such table: points" in first["error"]
    assert "Traceback" in first["exception"]
    assert "browsing.py" in first["exception"]
    assert "figures" in second["error"]
    assert portal.ask("/api/v1/experiments").status == 200


def test_a_page_comes_back_by_itself_when_the_store_was_put_back(portal, window):
    """It says what is wrong; a page that was open says that nobody answers, and goes on when somebody does."""
    store = portal.path / "outrider.db"
    with sqlite3.connect(store) as connection, sqlite3.connect(portal.path / "copy.db") as copy:
        connection.backup(copy)
    seen = window()
    seen.allowed = ("Failed to load resource",)
    seen.open("/runs").locator("tr[aria-rowindex='2'] a.main").wait_for()
    late = window()
    late.allowed = ("Failed to load resource",)
    store.write_bytes(store.read_bytes()[:5000])
    wrong = until(lambda: (answer := portal.ask("/runs")).status == 503 and answer.text)
    assert "is damaged" in wrong
    assert "comes back by itself" in wrong
    page = late.page
    until(lambda: page.goto(portal.url + "/runs").status == 503)
    portal.stop()
    seen.page.locator("#live", has_text="not connected").wait_for()
    for name in ("outrider.db-wal", "outrider.db-shm"):
        (portal.path / name).unlink(missing_ok=True)
    (portal.path / "copy.db").replace(store)
    portal.start(OUTRIDER_PORTAL_PORT=str(portal.port))
    page.locator("tr[aria-rowindex='2'] a.main").wait_for()
    seen.page.locator("#live[data-state=live]").wait_for()
