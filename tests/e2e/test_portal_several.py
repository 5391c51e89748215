"""Many runs compared: a few requests, whatever their number; and what these answer."""

from __future__ import annotations

import csv
import struct

import pytest
from chart_rig import downloaded
from portal_rig import Portal
from waiting import until

COUNT = 60
#: Runs of an experiment of their own, without a metric of the others.
MANY = 320
T0 = 1_700_000_000_000_000_000


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Runs with a loss each, the last one without; and many with a cost each."""
    made = Portal(tmp_path_factory.mktemp("several") / "home")
    for number in range(MANY):
        at = T0 + number * 10**6
        points = [{"k": "m", "t": at + step, "n": "cost", "v": number, "s": step} for step in range(3)]
        end = {"k": "end", "t": at + 99, "status": "Completed", "reason": "completed"}
        begin = {"k": "run", "t": at, "name": f"many {number}", "experiment": "many"}
        made.home.write(f"m{number:03}", "py-1-aaaaaaaa", begin, *points, end, time=at)
    for number in range(COUNT):
        at = T0 + number * 10**9
        points = [{"k": "m", "t": at + step, "n": "loss", "v": number + step / 10, "s": step} for step in range(20)]
        lines = points if number < COUNT - 1 else []
        end = {"k": "end", "t": at + 99, "status": "Completed", "reason": "completed"}
        made.home.write(f"r{number:03}", "py-1-aaaaaaaa", {"k": "run", "t": at, "name": f"run {number}"}, *lines, end, time=at)
    made.home.ingest()
    made.start(OUTRIDER_PORTAL_PORT="0")
    yield made
    made.stop()


def runs(count=COUNT):
    return "&".join(f"run=r{number:03}" for number in range(count))


def test_several_runs_are_told_of_as_each_one_is(portal):
    """The same documents as by each run's own address."""
    found = portal.api(f"/charts?{runs(3)}")
    assert [one["run"]["run_id"] for one in found] == ["r000", "r001", "r002"]
    assert found[1]["metrics"] == portal.api("/runs/r001/metrics")
    assert found[1]["artifacts"] == []
    assert found[1]["run"].keys() == portal.api("/runs/r001").keys()
    drawn = portal.api(f"/buckets?{runs()}&name=loss&count=5")
    assert drawn[4] == {"run_id": "r004", "buckets": portal.api("/runs/r004/buckets?name=loss&count=5")}
    assert drawn[-1]["buckets"]["ordinal"] == [], "a run that has not logged it"
    assert portal.ask("/api/v1/charts").status == 400
    assert portal.ask("/api/v1/charts?run=none").status == 404
    assert portal.ask("/api/v1/buckets?name=loss&run=r000&run=none").status == 404
    assert "at most 100" in portal.ask("/api/v1/charts?" + "&".join(f"run=x{number}" for number in range(101))).json()["error"]


def test_packed_buckets_of_several_runs_come_one_after_the_other(portal):
    """Of each the number of its buckets, then its columns."""
    data = portal.ask("/api/v1/buckets?run=r000&run=r059&run=r001&name=loss&count=20&from=0&to=9&format=f64").body
    first, alone = struct.unpack_from("<d", data)[0], portal.ask("/api/v1/runs/r000/buckets?name=loss&count=20&from=0&to=9&format=f64").body
    assert (first, data[8 : 8 + len(alone)]) == (10, alone)
    assert struct.unpack_from("<dd", data, 8 + len(alone)) == (0, 10)


def test_a_comparison_of_many_runs_asks_a_few_times(portal, window):
    """Not three times a run: in groups of fifty. The numbers are those of each run."""
    seen = window(width=1440)
    before = len(seen.asked)
    page = seen.open(f"/compare?{runs()}&tab=charts")
    page.wait_for_selector("article[aria-label=loss] canvas")
    seen.wait("document.querySelector('article[aria-label=loss] footer').innerText.startsWith('59 lines · 1,180 points')")
    asked = [url for url in seen.asked[before:] if "/api/" in url and not url.endswith("/events")]
    assert len(asked) == 4, asked
    page.click("button:text-is('Spread')")
    seen.wait("document.querySelector('article[aria-label=loss] footer').innerText.includes('median')")
    assert "spread=1" in page.url

    def at_step_3():
        """The numbers are of what is drawn, which comes a moment after the words below it."""
        rows = list(csv.DictReader(downloaded(page, "loss", "CSV")[1].decode().splitlines()))
        return [float(rows[3].get(column, "nan")) for column in ("median", "percentile_5", "percentile_95")]

    # At step 3 the runs have 0.3, 1.3 … 58.3.
    until(lambda: at_step_3() == pytest.approx([29.3, 3.2, 55.4]))
    page.click("button:text-is('Lines')")
    page.click("article[aria-label=loss] summary")
    page.click("article[aria-label=loss] .menu button:has-text('Show as table')")
    assert page.inner_text("article[aria-label=loss] tbody tr:nth-child(21)").split()[:4] == ["run", "1", "0", "1"]


def test_a_span_since_the_runs_began_is_each_runs_own(portal):
    """The same as moments counted from each run's start; and not both."""
    found = portal.api("/buckets?run=r003&run=r007&name=loss&from_age=0&to_age=0.000009")
    assert [one["buckets"]["count"] for one in found] == [[1] * 10, [1] * 10]
    assert found[1]["buckets"] == portal.api("/runs/r007/buckets?name=loss&from_age=0&to_age=0.000009")
    assert "ask for one of them" in portal.ask("/api/v1/buckets?run=r003&name=loss&from_age=0&from_time=3").json()["error"]


def test_a_zoom_along_time_in_a_comparison_asks_once(portal, window):
    """Not once a run: the span counts from each run's start."""
    seen = window(width=1440)
    page = seen.open(f"/compare?{runs(20)}&tab=charts#axis=time&x=0..0.5")
    page.wait_for_selector("article[aria-label=loss] canvas")
    assert len(seen.wait_asked("/api/v1/buckets", "to_age=500")) == 1
    assert [url for url in seen.asked if "/runs/r" in url and "buckets" in url] == []


def test_a_list_of_hundreds_of_runs_is_compared_as_their_spread(portal, window):
    """From the list, by its own address: the charts have all of them, as median and percentiles, the differences the first hundred."""
    seen = window(width=1440)
    page = seen.open("/runs?experiment=many&sort=number&order=up")
    page.click(f"a:text('Compare all {MANY}')")
    page.wait_for_selector(f"h1:text('Compare {MANY} runs')")
    assert "Of the first 100" in page.inner_text("main")
    page.click("[role=tab]:has-text('Charts')")
    page.wait_for_selector("article[aria-label=cost] canvas")
    told = "320 lines · 960 points · drawn as their median"
    seen.wait("told => document.querySelector('article[aria-label=cost] footer').innerText.startsWith(told)", told)
    rows = list(csv.DictReader(downloaded(page, "cost", "CSV")[1].decode().splitlines()))
    assert [float(rows[0][name]) for name in ("median", "percentile_5", "percentile_95")] == pytest.approx([159.5, 15.95, 303.05])
    seen.shot("compare-hundreds")
    assert portal.ask("/compare?query=lr+%3C%3C+3").status == 400
