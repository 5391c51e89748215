"""The list of runs in a real browser, of a store of 10,000: rows as one scrolls, columns, orders, queries, and what is done with some."""

from __future__ import annotations

import pytest
from benchmarks import many
from browsing_rig import profile
from portal_rig import Portal

ROWS = "document.querySelectorAll('.virtual tbody tr[aria-rowindex]').length"


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    home = tmp_path_factory.mktemp("many") / "home"
    many.fill(home / "outrider.db", metrics=3)
    made = Portal(home).start(OUTRIDER_PORTAL_PORT="0")
    yield made
    made.stop()


def total(page, count, words="runs"):
    """What the line below the table says."""
    page.locator(".under", has_text=f"{count:,} {words}").wait_for()


def test_ten_thousand_runs_are_scrolled_through_with_few_in_the_page(portal, window):
    """Only rows on the screen stand in the page; each is read when it is seen."""
    seen = window(width=1440)
    page = seen.open("/runs")
    count = portal.api("/runs?limit=1")["total"]
    assert count >= 9_999, "another test purges one"
    total(page, count)
    seen.wait("document.querySelectorAll('.virtual .spark path').length > 10")
    seen.shot("list-light")
    page.evaluate("document.querySelector('.runs').scrollTop = 1e9")
    page.locator(f"tr[aria-rowindex='{count + 1}'] a.main", has_text="#1").wait_for()
    assert page.evaluate(ROWS) < 100
    assert len([url for url in seen.asked if "/api/v1/runs?" in url]) <= 4


def test_of_a_wide_list_only_what_is_seen_is_drawn_and_once(portal, window):
    """Cells of columns beside the screen are not in the page; a row that stays is not drawn anew; a cell stands below its head."""
    names = [f"metrics.layer{number}%2Fnorm" for number in range(25)]
    seen = window(width=1440)
    page = seen.open(f"/runs?cols={','.join([*names, 'params.lr', 'params.seed'])}")
    row, lines = page.locator("tr[aria-rowindex='2']"), "document.querySelectorAll('.virtual tbody tr:not(.space)').length"
    seen.wait("document.querySelectorAll(\"tr[aria-rowindex='2'] td\").length < 20")
    seen.wait(f"{lines} > 24")
    page.evaluate(
        "() => { window.drawn = 0; new MutationObserver((all) => (window.drawn += all.length))"
        ".observe(document.querySelector('.virtual tbody'), { childList: true }); }"
    )
    for step in (1, 2, 3):
        page.evaluate(f"document.querySelector('.runs').scrollTop = {step}")
        page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))")
    assert page.evaluate("window.drawn") == 0
    page.evaluate("document.querySelector('.runs').scrollLeft = 1e9")
    cell = row.locator("td").last
    seen.wait("document.querySelector(\"tr[aria-rowindex='2'] td:last-child\").innerText.trim() !== ''")
    head = page.locator("thead th").last
    assert cell.bounding_box()["x"] == head.bounding_box()["x"]
    assert cell.bounding_box()["width"] == head.bounding_box()["width"]
    assert row.locator("td").count() < 20
    seen.shot("list-wide")


def test_a_query_is_completed_answered_and_stands_in_the_address(portal, window):
    """By keys alone; a link shows the same again."""
    seen = window(width=1440)
    page = seen.open("/runs?experiment=vision")
    page.keyboard.press("/")
    page.keyboard.type("metrics.val/l")
    page.locator("[role=option]", has_text="metrics.val/loss").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("< 0.3 and params.lr < 1e-3 and status = fai")
    page.locator("[role=option]", has_text="failed").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    seen.shot("list-query")
    page.keyboard.press("Enter")
    expected = portal.api(
        "/runs?experiment=vision&query=metrics.val/loss%20%3C%200.3%20and%20params.lr%20%3C%201e-3%20and%20status%20%3D%20failed"
    )
    total(page, expected["total"], "runs fit")
    again = window().open(page.url.removeprefix(portal.url))
    total(again, expected["total"], "runs fit")
    assert page.input_value("#search").strip() == again.input_value("#search")


def test_a_wrong_query_shows_where_it_goes_wrong_and_the_list_stays(portal, window):
    """Under the box, with the place marked; and what is below does not claim to be its answer."""
    seen = window()
    seen.allowed = ("400",)
    page = seen.open("/runs")
    page.fill("#search", "statsu = failed")
    page.locator(".wrong", has_text="did you mean status").wait_for()
    assert page.inner_text(".wrong mark") == "s"
    page.locator("tr[aria-rowindex='2'] a.main").wait_for()
    page.locator(".under", has_text="runs, as before").wait_for()
    page.fill("#search", "status = failed")
    page.locator(".wrong").wait_for(state="detached")


def test_columns_are_chosen_and_orders_taken_back(portal, window):
    """What is shown stands in the address; the way back undoes an order."""
    seen = window(width=1440)
    page = seen.open("/runs?experiment=vision")
    page.click("button:text('Columns…')")
    page.fill("dialog input[type=search]", "seed")
    page.check("dialog li:has-text('seed') input")
    page.click("dialog button:text('Done')")
    page.click("thead a:has-text('seed')")
    seen.wait("location.search.includes('sort=param%3Aseed') && location.search.includes('cols=')")
    page.locator("tr[aria-rowindex='2'] td", has_text="9997").first.wait_for()
    page.go_back()
    seen.wait("!location.search.includes('sort=')")
    page.locator("th[aria-sort=descending]", has_text="Started").wait_for()


def test_chosen_runs_are_tagged_deleted_and_brought_back(portal, window):
    """Several at once; each step is undone by the button beside what it tells."""
    seen = window(width=1440, dark=True)
    page = seen.open("/runs?experiment=language&query=status%20%3D%20canceled")
    page.check("tr[aria-rowindex='2'] input")
    page.click("tr[aria-rowindex='4'] input", modifiers=["Shift"])
    page.locator(".actions b", has_text="3 runs chosen").wait_for()
    assert page.get_attribute(".actions a:has-text('Compare')", "href").count("run=") == 3
    seen.shot("list-dark")
    page.click("button:text('Tag…')")
    page.fill("dialog [name=name]", "reviewed")
    page.click("dialog button:text('Tag')")
    page.locator(".toast", has_text="3 runs tagged").wait_for()
    page.locator(".chip", has_text="reviewed").nth(2).wait_for()
    before = portal.api("/runs?experiment=language")["total"]
    page.click(".actions button:text('Delete')")
    page.locator(".toast", has_text="3 runs deleted").wait_for()
    assert portal.api("/runs?experiment=language")["total"] == before - 3
    page.click(".toast button:text('Undo')")
    page.locator(".toast", has_text="3 runs restored").wait_for()
    assert portal.api("/runs?experiment=language")["total"] == before


TICKED = "[...document.querySelectorAll('tr.ticked a.main')].map(one => one.textContent)"


def test_which_runs_are_chosen_is_in_the_address(portal, window):
    """Neighbours as a span, so that a thousand have an address too; a reload and a link choose the same, and the way back as well."""
    seen = window(width=1440)
    page = seen.open("/runs?experiment=vision&sort=number&order=up")
    page.check("tr[aria-rowindex='2'] input")
    page.click("tr[aria-rowindex='6'] input", modifiers=["Shift"])
    page.uncheck("tr[aria-rowindex='4'] input")
    page.locator(".actions b", has_text="4 runs chosen").wait_for()
    numbers = page.evaluate(TICKED)
    assert len(numbers) == 4
    assert page.url.partition("#")[2] == "ticked=vision:" + ",".join(spans([int(number[1:]) for number in numbers]))
    page.reload()
    page.locator(".actions b", has_text="4 runs chosen").wait_for()
    assert page.evaluate(TICKED) == numbers
    page.click(".chips a:has-text('Failed')")
    page.locator(".under", has_text="fit").wait_for()
    again = window(width=1440).open(page.url.removeprefix(portal.url))
    again.locator(".actions b", has_text="4 runs chosen").wait_for()
    page.click(".actions button:text('Choose none')")
    page.locator(".actions").wait_for(state="detached")
    assert "ticked" not in page.url
    page.go_back()
    page.locator(".actions b", has_text="4 runs chosen").wait_for()
    many = portal.api("/runs?query=number%20<=%20900&limit=1")["total"]
    page = seen.open("/runs#ticked=" + ";".join(f"{one['name']}:1-900" for one in portal.api("/experiments")))
    page.locator(".actions b", has_text=f"{many:,} runs chosen").wait_for()
    odd = portal.api("/runs?experiment=vision&limit=500&sort=number&order=up&metric=")["runs"][::2]
    page = window().open("/runs?experiment=vision#ticked=vision:" + ",".join(str(one["number"]) for one in odd))
    page.locator(".actions b", has_text=f"{len(odd)} runs chosen").wait_for()


def spans(numbers):
    """As the address has them."""
    found = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def test_what_was_deleted_is_listed_apart_and_purged_after_a_question(portal, window):
    """For good, then."""
    run = portal.api("/runs?experiment=ridge&limit=1&status=Failed")["runs"][0]["run_id"]
    portal.ask(f"/api/v1/runs/{run}/delete", "POST")
    seen = window()
    page = seen.open("/runs?experiment=ridge&deleted=1")
    total(page, 1, "run")
    page.check("tr[aria-rowindex='2'] input")
    page.click("button:text('Purge…')")
    page.click("dialog button:text('Purge for good')")
    page.locator("p", has_text="Nothing is deleted").wait_for()
    assert portal.ask(f"/api/v1/runs/{run}").status == 404


def test_a_phone_shows_the_list_without_scrolling_sideways(portal, window):
    """The table scrolls in its own box."""
    seen = window(width=360, height=740)
    page = seen.open("/runs")
    page.locator("tr[aria-rowindex='2'] a.main").wait_for()
    assert not seen.is_too_wide()
    seen.shot("list-phone")


#: Of each row what its cells say, how they look, and how wide they are.
CELLS = """[...document.querySelectorAll("tr[aria-rowindex]")].slice(1, 16).map((row) =>
  [...row.cells].slice(1).filter((cell) => cell.colSpan === 1).map((cell) =>
    [cell.textContent, cell.className, Math.round(cell.getBoundingClientRect().width)]))"""
#: Notes the first row that there is.
FIRST = """new MutationObserver((_, watch) => {
  window.firstRow = document.querySelector("tr[aria-rowindex='2']");
  if (window.firstRow) watch.disconnect();
}).observe(document, { childList: true, subtree: true });"""


@pytest.mark.parametrize("columns", ["", "?cols=status,started,duration,user,metrics.val%2Floss,params.lr,tags.stage,experiment"])
def test_the_rows_that_the_server_made_stay_when_scripts_take_over(portal, window, browser, columns):
    """Nothing is laid out twice and nothing jumps: both make the same cells, of the same words and widths."""
    context = profile(browser, java_script_enabled=False, viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    still = context.new_page()
    still.goto(portal.entry)
    still.goto(f"{portal.url}/runs{columns}")
    seen = window(width=1440)
    seen.page.add_init_script(FIRST)
    page = seen.open(f"/runs{columns}")
    page.locator("tr[aria-rowindex='2'] input").wait_for()
    assert page.evaluate("document.querySelector(\"tr[aria-rowindex='2']\") === window.firstRow")
    made, drawn = still.evaluate(CELLS)[1:], page.evaluate(CELLS)[1:]  # but for the first run, which goes on
    assert [row[: len(own)] for row, own in zip(made, drawn, strict=True)] == drawn
    assert min(len(own) for own in drawn) >= 8  # columns beside the screen are not drawn
    assert page.locator(".pager").count() == 0  # who scrolls needs no pages
    context.close()


def test_without_scripts_every_run_is_reached(portal, browser):
    """Scripts draw the list anew, so few of its rows are made before; who has none goes on by links, and back, or asks for more at once."""
    context = profile(browser, java_script_enabled=False)
    page = context.new_page()

    def shown():
        return [row.get_attribute("href") for row in page.locator("tbody tr:visible a.main").all()]

    page.goto(portal.entry)
    page.goto(f"{portal.url}/runs?query=number<=12")
    seen = [shown()]
    while page.locator("a[rel=next]").count():
        page.click("a[rel=next]")
        seen.append(shown())
    assert [len(rows) for rows in seen] == [20, 20, 8]
    assert len({row for rows in seen for row in rows}) == 48
    page.click("a[rel=prev]")
    assert shown() == seen[1]
    page.goto(f"{portal.url}/runs?limit=75")
    assert len(shown()) == 75
    context.close()
