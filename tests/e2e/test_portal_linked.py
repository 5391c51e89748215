"""One event is one line on the page too: it tells a run's log as `outrider logs` does, while the run goes on and after it."""

from __future__ import annotations

import json

import pytest
from cli_home import SECOND, START
from portal_rig import PATIENCE_S, Portal
from test_run_linked import PLAIN, SETUPS
from waiting import until

WAITS = """
import os, time
print("begun", flush=True)
while not os.path.exists(sys.argv[0].replace("train.py", "go")):
    time.sleep(0.05)
"""
SLOWLY = PLAIN.replace('log.info("epoch %d", i)', 'log.info("epoch %d", i); time.sleep(0.05)')


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """An agent that waits for runs."""
    made = Portal(tmp_path_factory.mktemp("portal") / "home")
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


def told(portal, run, *more):
    """What `outrider logs` tells people, as the page spells it."""
    _, out, _ = portal.home.run("logs", run, "--json", *more)
    found = [json.loads(line) for line in out.splitlines()]
    return [[one["level"] or one["stream"], one["message"]] for one in found if "echo" not in one]


SHOWN = """[...document.querySelectorAll(".log .line")].map((row) => {
  const level = row.querySelector(".words > b");
  const words = row.querySelector(".words").textContent;
  return level ? [level.textContent, words.slice(level.textContent.length + 1)] : [row.classList[1], words];
})"""


@pytest.mark.parametrize("setup", list(SETUPS.values()), ids=list(SETUPS))
def test_the_page_tells_what_the_command_tells(portal, window, tmp_path, setup):
    """The same transcript: followed from the beginning, and opened anew when all is over."""
    process = portal.run("import logging, sys\n" + setup + WAITS + SLOWLY, tmp_path, experiment=tmp_path.name, wait=False)
    try:
        run = until(lambda: next((one["run_id"] for one in portal.api(f"/runs?experiment={tmp_path.name}")["runs"]), None), PATIENCE_S)
        seen = window()
        page = seen.open(f"/runs/{run}?tab=logs")
        seen.wait("document.querySelector('.log')?.innerText.includes('begun')")
        (tmp_path / "go").touch()
        assert process.wait(timeout=PATIENCE_S) == 0
    finally:
        (tmp_path / "go").touch()
        process.wait(timeout=PATIENCE_S)
    seen.wait("document.querySelector('.log').innerText.includes('see epoch 3')")
    seen.wait("document.querySelector('.log').innerText.includes('hot')")
    expected = told(portal, run)
    assert len(expected) == 1 + 20 + 20 + 2
    until(lambda: seen.page.evaluate(SHOWN) == expected, PATIENCE_S)
    page.reload()
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    assert page.evaluate(SHOWN) == expected


def test_lines_of_long_ago_that_are_drawn_over_are_in_one_place(portal, window):
    """While they are drawn they are below; then where they were, as they were left; a reload shows the same."""
    pieces = ["begin\nouter 0\nin between\n", "\rinner 1\x1b[2A\router 1", "\n\n\n\nafter\n", "end\n"]
    offsets = [len("".join(pieces[:place])) for place in range(len(pieces))]

    def write(number):
        chunk = {"k": "c", "t": START + number * 60 * SECOND, "f": 1, "o": offsets[number], "d": pieces[number]}
        portal.home.write("redrawn", "keeper-1-bbbbbbbb", chunk, experiment="redrawn")

    def texts():
        return [text.partition(" 1 earlier")[0] for _, text in page.evaluate(SHOWN) if text]

    write(0)
    portal.flush()
    seen = window()
    page = seen.open("/runs/redrawn?tab=logs")
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    assert texts() == ["begin", "outer 0", "in between"]
    write(1)
    until(lambda: texts() == ["begin", "outer 1", "in between", "inner 1"], PATIENCE_S)
    write(2)
    until(lambda: texts()[-1:] == ["after"], PATIENCE_S)
    write(3)
    until(lambda: texts()[-1:] == ["end"], PATIENCE_S)
    live = texts()
    page.reload()
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    assert texts() == live
    assert live[:2] == ["begin", "outer 1"]


def resumed(home, run):
    """Two attempts, each with a record, its print and a line of its own."""
    for attempt in (1, 2):
        at = START + attempt * SECOND
        begun = {"k": "run", "t": at, "attempt": attempt, "experiment": "resumed"}
        home.write(run, f"py-{attempt}-aaaaaaaa", begun, {"k": "l", "t": at, "lv": 30, "msg": f"said {attempt}"}, experiment="resumed")
        home.write(
            run,
            f"keeper-{attempt}-bbbbbbbb",
            {"k": "run", "t": at, "attempt": attempt},
            {"k": "c", "t": at + 1000, "f": 1, "o": 0, "d": f"WARNING:root:said {attempt}\nprinted {attempt}\n"},
            experiment="resumed",
        )


def test_the_log_of_one_attempt_is_asked_for_by_its_number(portal, window):
    """By the command, by the API, on the page, live and without scripts: the same; the page offers them where there are several."""
    resumed(portal.home, "resumed")
    portal.home.artifact("resumed", "outputs/late.pt", b"late", obs=False)
    portal.flush()
    both = [["WARNING", "said 1"], ["stdout", "printed 1"], ["WARNING", "said 2"], ["stdout", "printed 2"]]
    expected = {"": both, "1": both[:2], "2": both[2:]}
    seen = window()
    for attempt, lines in expected.items():
        more = ["--attempt", attempt] if attempt else []
        query = f"?attempt={attempt}" if attempt else ""
        assert told(portal, "resumed", *more) == lines
        found = portal.api(f"/runs/resumed/lines{query}")
        assert [one["message"] for one in found["lines"] if "echo" not in one] == [message for _, message in lines]
        assert len(portal.api(f"/runs/resumed/logs{query}")) == len(portal.api(f"/runs/resumed/console{query}")) == len(lines) // 2
        page = seen.open(f"/runs/resumed{query}{'&' if query else '?'}tab=logs")
        seen.wait("document.getElementById('live').dataset.state === 'live'")
        assert page.evaluate(SHOWN) == lines
    with page.expect_navigation():
        page.click("nav a:has-text('Attempt 1')")
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    assert page.evaluate(SHOWN) == both[:2]
    assert page.inner_text("nav a[aria-current]") == "Attempt 1"
    page.click("[role=tab]:has-text('Files')")
    page.locator(".tree", has_text="earlier versions may be missing").wait_for()
    page.click("[role=tab]:has-text('Logs')")
    late = {"k": "l", "t": START + 3 * SECOND, "lv": 30, "msg": "late"}
    portal.home.write("resumed", "py-2-aaaaaaaa", late)
    portal.home.write("resumed", "py-1-aaaaaaaa", {**late, "msg": "left behind"})
    seen.wait("document.querySelector('.log').innerText.includes('left behind')")
    assert page.evaluate(SHOWN) == [*both[:2], ["WARNING", "left behind"]]
    code, _, err = portal.home.run("logs", "resumed", "--attempt", "3")
    assert code == 1
    assert "has 2 attempts, and none of number 3" in err


def test_a_parent_that_is_not_in_the_store_is_no_link(portal, window):
    """It was never here, or was purged: the page says so, with scripts and without; one that is here is a link."""
    for run, parent in (("orphan", "elsewhere"), ("kid", "here"), ("here", None)):
        portal.home.write(run, "py-1-aaaaaaaa", {"k": "run", "t": START, **({"parent": parent} if parent else {})}, experiment="kin")
    portal.flush()
    found = {run: portal.api(f"/runs/{run}")["has_parent"] for run in ("orphan", "kid", "here")}
    assert found == {"orphan": False, "kid": True, "here": False}
    for run, count in (("orphan", 0), ("kid", 1)):
        assert portal.ask(f"/runs/{run}").text.count('href="/runs/elsewhere"' if run == "orphan" else 'href="/runs/here"') == count
        page = window().open(f"/runs/{run}")
        page.locator("[role=tab]").first.wait_for()
        fact = page.locator(".facts div:has(dt:text-is('Parent')) dd")
        assert fact.locator("a").count() == count
        assert ("not in this store" in fact.inner_text()) == (count == 0)
    for parent, count in (("elsewhere", 0), ("here", 1)):
        page = window().open(f"/runs?parent={parent}")
        page.locator("tr[aria-rowindex='2'] input").wait_for()
        assert page.locator("a:text-is('Parent run')").count() == count
