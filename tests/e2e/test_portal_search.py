"""A long log: its end, what stands around a moment, and the lines that hold a text, by the API and on the page."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import pytest
from cli_home import SECOND, START, Home
from portal_rig import PATIENCE_S, Portal
from waiting import until

LINES = 30_000
EVERY = 1000


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A console of 30,000 lines in chunks that end anywhere, a line a second, and a record every thousand."""
    home = tmp_path_factory.mktemp("search") / "home"
    made = Home(home)
    text = b"".join(b"line %d of it%s\n" % (number, b" ODD" if number % 7000 == 6999 else b"") for number in range(LINES))
    lines, offset, size = [], 0, 997
    while offset < len(text):
        at = START + int(offset / len(text) * LINES) * SECOND
        lines.append({"k": "c", "t": at, "f": 1, "o": offset, "d": text[offset : offset + size].decode()})
        offset += size
    records = [{"k": "l", "t": START + at * SECOND, "lv": 30, "lg": "x", "msg": f"record {at}"} for at in range(0, LINES, EVERY)]
    end = {"k": "end", "t": START + LINES * SECOND, "status": "Completed", "reason": "completed"}
    made.write("long", "keeper-1-aaaaaaaa", *lines, end)
    made.write("long", "py-1-bbbbbbbb", *records, own=False)
    loud = "".join(f"loud {number} of {number % 7 or 'SEVEN'}\n" for number in range(9_000))
    for at in range(0, len(loud), 50_000):  # thousands of lines of one moment, cut anywhere
        chunk = {"k": "c", "t": START + at, "f": 1, "o": at, "d": loud[at : at + 50_000]}
        made.write("loud", "keeper-1-aaaaaaaa", chunk)
    crowd = [{"k": "l", "t": START + number, "lv": 20, "lg": "train", "msg": f"crowded {number}"} for number in range(100)]
    made.write("crowd", "py-1-aaaaaaaa", *crowd)
    made.ingest()
    running = Portal(home).start(OUTRIDER_PORTAL_PORT="0")
    yield running
    running.stop()


def found(portal, text, **more):
    """Every hit, asked for stretch by stretch."""
    hits, since = [], ""
    while since is not None:
        query = "".join(f"&{name}={value}" for name, value in more.items())
        answer = portal.api(f"/runs/long/search?text={quote(text)}&since={since}{query}")
        hits += answer["hits"]
        since = answer["next"]
    return [one["message"] for one in hits]


def test_the_end_is_read_from_the_end(portal):
    """So many lines as were asked for, in order, whatever the chunks' borders."""
    answer = portal.api("/runs/long/lines?limit=300")
    lines = [one["message"] for one in answer["lines"] if one["stream"] == "stdout"]
    numbers = [int(line.split()[1]) for line in lines]
    assert numbers == list(range(LINES - len(numbers), LINES))
    assert len(answer["lines"]) == 300
    assert not answer["whole"]


@pytest.mark.parametrize("second", [0, 1, 700, 15_000, 29_990, 40_000])
def test_what_stands_around_a_moment_is_told(portal, second):
    """Records and lines, nothing missing between them, with the moment among them."""
    at = (START + second * SECOND) // 1_000_000
    answer = portal.api(f"/runs/long/lines?at={at}&limit=200")
    numbers = [int(one["message"].split()[1]) for one in answer["lines"] if one["stream"] == "stdout"]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    times = [datetime.fromisoformat(one["time"]).timestamp() * 1000 for one in answer["lines"]]
    assert times == sorted(times)
    assert times[0] <= at
    assert times[-1] >= min(at, (START + (LINES - 100) * SECOND) // 1_000_000)
    assert 50 <= len(answer["lines"]) <= 200
    assert answer["whole"] == (numbers[0] == 0 and answer["lines"][0]["message"] in ("line 0 of it", "record 0"))


def test_a_line_is_found_among_thousands_of_one_moment(portal):
    """A hit says which line it is, for a moment may have more lines than are told; those around it are told, it in the middle."""
    hits = portal.api("/runs/loud/search?text=SEVEN&limit=5000")["hits"]
    assert len(hits) == -(-9_000 // 7)
    for hit in (hits[0], hits[500], hits[-1], *hits[300:1200:100]):
        answer = portal.api(f"/runs/loud/lines?at={hit['at']}&line={hit['line']}&limit=100")
        numbers = [int(one["message"].split()[1]) for one in answer["lines"]]
        number = int(hit["message"].split()[1])
        assert number in numbers
        assert hit["line"] == next(one["id"] for one in answer["lines"] if one["message"] == hit["message"])
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
    for wrong in ("x", "1.stdout.", "1.stdout.-1", "9.nowhere.1"):
        assert portal.ask(f"/api/v1/runs/loud/lines?at=1&line={wrong}").status == 400
    assert portal.api("/runs/loud/lines?at=1&line=7.stderr.123456789")["lines"]


def test_every_line_that_holds_a_text_is_found_once(portal):
    """In any case, across the chunks' borders, in records too; a pattern where one is asked for."""
    assert found(portal, "odd") == [f"line {number} of it ODD" for number in range(6999, LINES, 7000)]
    assert found(portal, "RECORD 2000") == [
        "record 2000",
        *(f"record {at}" for at in range(20_000, LINES, EVERY) if str(at).startswith("2000")),
    ]
    assert len(found(portal, "of it", limit=5000)) == LINES
    assert found(portal, r"^line 1234\d of", regex=1) == [f"line 1234{digit} of it" for digit in range(10)]
    assert found(portal, ".*", regex=0) == []
    assert portal.ask("/api/v1/runs/long/search?text=(&regex=1").status == 400


def test_a_hit_is_shown_where_it_stands(portal, window):
    """Looked for in all of the log, chosen from the list, seen among its neighbours; and back to the end."""
    seen = window(width=1440)
    page = seen.open("/runs/long?tab=logs")
    page.fill("#search", "odd")
    page.click("button:text('Search all')")
    page.locator(".hits button", has_text="line 13999").wait_for()
    assert page.locator(".hits li button").count() == 4
    page.click(".hits button:has-text('line 13999')")
    page.locator(".line.found", has_text="line 13999 of it ODD").wait_for()
    page.locator(".log .line", has_text="line 13990 of it").wait_for()
    page.locator(".log .line", has_text="line 14005 of it").wait_for()
    assert "at=" in page.url
    seen.shot("log-found")
    again = window().open(page.url.removeprefix(portal.url))
    again.locator(".log .line", has_text="line 13999 of it").wait_for()
    again.locator(".hits button", has_text="line 20999").wait_for()
    page.click("button:text('To the end ↓')")
    page.locator(".log .line", has_text=f"line {LINES - 1} of it").wait_for()
    seen.wait("!location.search.includes('at=')")


def numbers(page):
    """Of the lines that are shown."""
    shown = page.locator(".log .line").all_inner_texts()
    return [int(text.split("line ")[1].split()[0]) for text in shown if "line " in text]


def test_a_long_log_is_walked_from_its_beginning_and_back_from_its_end(portal, window):
    """Step by step, however long it is: nothing is missing between two steps."""
    seen = window(width=1440)
    page = seen.open("/runs/long?tab=logs")
    page.locator(".log .line", has_text=f"line {LINES - 1} of it").wait_for()
    for _ in range(8):
        top = numbers(page)[0]
        page.click("button:text('Earlier lines')")
        until(lambda top=top: numbers(page)[:1] != [] and numbers(page)[0] < top <= numbers(page)[-1], PATIENCE_S)
    page.click("button:text('To the beginning ↑')")
    page.locator(".log .line", has_text="line 0 of it").wait_for()
    page.locator("button:text('Earlier lines')").wait_for(state="detached")
    end = numbers(page)[-1]
    page.click("button:text('Later lines')")
    page.locator(".line.found", has_text=f"line {end} of it").wait_for()
    assert numbers(page)[0] < end < numbers(page)[-1]
    again = window().open(page.url.removeprefix(portal.url))
    again.locator(".line.found", has_text=f"line {end} of it").wait_for()
    page.click("button:text('To the end ↓')")
    page.locator(".log .line", has_text=f"line {LINES - 1} of it").wait_for()
    page.locator("button:text('Later lines')").wait_for(state="detached")


def test_a_link_to_a_record_leads_to_that_record_and_the_way_back_to_the_search(portal, window):
    """A hundred records of one millisecond: the address names the one that was chosen, not only its time."""
    seen = window()
    page = seen.open("/runs/crowd?tab=logs")
    page.fill("#search", "crowded 7")
    page.click("button:text('Search all')")
    page.click(".hits button:has-text('crowded 77')")
    page.locator(".line.found", has_text="crowded 77").wait_for()
    again = window().open(page.url.removeprefix(portal.url))
    again.locator(".line.found", has_text="crowded 77").wait_for()
    page.click(".hits button:has-text('crowded 78')")
    page.locator(".line.found", has_text="crowded 78").wait_for()
    page.go_back()
    page.locator(".line.found", has_text="crowded 77").wait_for()
    page.go_back()
    seen.wait("document.getElementById('search').value === 'crowded 7' && document.querySelectorAll('.log .line').length === 11")
