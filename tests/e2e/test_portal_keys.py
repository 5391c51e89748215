"""What every page's bar offers, the keys that hold everywhere, and runs whose ids are as long as ids may be."""

from __future__ import annotations

import pytest
from cli_home import START
from portal_rig import PATIENCE_S, Portal
from waiting import until

RUNS = 60
IDS = [f"run-{'z' * 180}-{number:02d}" for number in range(RUNS)]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Sixty runs of an experiment, each with a metric of some points and an id of nearly two hundred characters."""
    made = Portal(tmp_path_factory.mktemp("keys") / "home")
    for number, run in enumerate(IDS):
        points = [{"k": "m", "t": START + step, "n": "loss", "v": 1 / (step + number + 1), "s": step} for step in range(5)]
        end = {"k": "end", "t": START + 9, "status": "Completed", "reason": "completed"}
        made.home.write(run, "py-1-aaaaaaaa", *points, end, experiment="long", time=START + number)
    made.home.ingest()
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


def after_g(seen, key, expression):
    """Presses g and a key until that made the expression true: a busy machine may let more time pass between them than a hand does."""

    def led():
        seen.page.keyboard.press("g")
        seen.page.keyboard.press(key)
        return seen.comes_true(expression)

    until(led, PATIENCE_S, f"g {key} did not lead to {expression}")


def test_the_question_mark_tells_the_keys_and_they_lead_everywhere(portal, window):
    """On every page; while the list of keys is open nothing below it moves."""
    seen = window()
    page = seen.page
    for path in ("/", "/runs?experiment=long", f"/runs/{IDS[5]}", f"/compare?run={IDS[0]}&run={IDS[1]}"):
        seen.open(path)
        seen.wait("document.getElementById('live')?.dataset.state === 'live' || location.pathname === '/compare'")
        page.keyboard.press("?")
        seen.wait("document.querySelector('dialog[open]')?.innerText.includes('Everywhere')")
        page.keyboard.press("j")
        assert page.locator("tr.chosen").count() == 0
        page.keyboard.press("Escape")
        seen.wait("document.querySelector('dialog') === null")
    page.keyboard.press("4")
    seen.wait("location.search.endsWith('tab=logs')")
    address = page.get_attribute("#tab-charts", "href")
    assert IDS[1] in address, "a tab that is opened in another window is of the same runs"
    page.click("#keys")
    seen.wait("document.querySelector('dialog[open]') !== null")
    seen.shot("keys")
    page.click("dialog button:text('Close')")
    seen.wait("document.querySelector('dialog') === null")
    after_g(seen, "e", "location.pathname === '/'")


def test_a_key_that_is_pressed_before_the_tabs_are_there_opens_its_tab(portal, window):
    """The scripts of a part may take their time; a hand on the keys does not wait for them."""
    seen, held = window(), []
    seen.page.route("**/metrics.js", lambda route: held.append(route))  # noqa: PLW0108 - the builtin takes no attribute, and the library sets one

    def is_held():  # once, under a load of 20, the script was there all the same
        seen.page.goto(f"{portal.url}/runs/{IDS[7]}?tab=metrics", wait_until="domcontentloaded")
        return seen.page.evaluate("document.querySelector('[role=tab]') === null")

    until(is_held, message="the tabs do not wait for their first part")
    seen.page.keyboard.press("3")
    until(lambda: held or seen.page.evaluate("0"), message="the part's script was not asked for")
    for one in held:
        one.continue_()
    seen.wait("location.search === '?tab=logs' && document.querySelector('[role=tab][aria-selected=true]').innerText.startsWith('Logs')")


def test_a_run_is_walked_by_keys(portal, window):
    """Its parts, its neighbours, its log; the neighbour is shown from the same side, and beyond the last one there is none."""
    seen = window()
    page = seen.open(f"/runs/{IDS[58]}")
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    after_g(seen, "m", "location.search === '?tab=metrics'")
    with page.expect_navigation():
        page.keyboard.press("]")
    assert page.url == f"{portal.url}/runs/{IDS[59]}?tab=metrics"
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    page.keyboard.press("]")
    seen.wait("document.querySelector('.toast').innerText.includes('no run after')")
    with page.expect_navigation():
        page.keyboard.press("[")
    assert page.url == f"{portal.url}/runs/{IDS[58]}?tab=metrics"
    seen.wait("document.getElementById('live').dataset.state === 'live'")
    page.keyboard.press("1")
    page.keyboard.press("/")
    seen.wait("location.search === '?tab=logs' && document.activeElement.id === 'search'")
    page.keyboard.type("?")
    assert page.locator("dialog").count() == 0, "what is typed is no key"


def test_the_address_of_what_is_seen_is_copied(portal, window):
    """The link is the address, which holds all that is seen; where the browser forbids to copy, it is shown to be copied by hand."""
    seen = window()
    page = seen.open("/runs?experiment=long&query=number+%3C+4")
    seen.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=portal.url)
    page.click("#link")
    seen.wait("document.getElementById('link').innerText === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == page.url
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('not here')); }")
    page.click("#link")
    seen.wait("address => document.querySelector('dialog[open] input')?.value === address", page.url)


def test_runs_with_long_ids_have_their_sparklines_and_are_compared(portal, window):
    """Fifty such ids are longer than the address that most servers take: the list asks for fewer at once, the portal takes more."""
    seen = window()
    seen.open("/runs?experiment=long")
    seen.wait("document.querySelectorAll('.virtual .spark path').length > 10")
    assert all(len(url) < 8000 for url in seen.wait_asked("/sparklines"))
    found = portal.api(f"/charts?{'&'.join(f'run={run}' for run in IDS)}")
    assert [one["run"]["run_id"] for one in found] == IDS
