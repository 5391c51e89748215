"""The API as docs/api.md promises it, over HTTP, and its live stream."""

from __future__ import annotations

import hashlib
import math
import re
import struct

import pytest
from cli_home import ROOT, SECOND, START, ridge
from portal_rig import Portal

from outrider_agent.blobs import local
from outrider_agent.portal import asking, assets, door, server, shapes
from outrider_agent.store import browsing, watch

RUN = "9f3c0aa1b2c4"
OTHERS = 12


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """One run with something of everything, twelve small ones, one of many points; all in the store."""
    made = Portal(tmp_path_factory.mktemp("portal") / "home")
    home = made.home
    ridge(home)
    for number in range(OTHERS):
        lines = [
            {"k": "run", "t": START + number * SECOND, "experiment": "sweep", "name": f"name {number % 5}"},
            {"k": "param", "t": START, "n": "lr", "v": number},
            {"k": "m", "t": START, "n": "loss", "v": "NaN" if number == 3 else (number * 7) % OTHERS},
        ]
        failed = {"status": "Failed", "reason": "exit-code", "code": 1}
        how = failed if number % 3 == 0 else {"status": "Completed", "reason": "completed", "code": 0}
        status = {"k": "end", "t": START + (2 * number + 1) * SECOND, **how}
        home.write(f"run{number:02d}", "py-1-aaaaaaaa", *lines, status, experiment="sweep", time=START + number * SECOND)
    long = [
        {"k": "m", "t": START + index * 1_000_000, "n": "long", "v": "NaN" if index == 1234 else index % 100, "s": index}
        for index in range(5000)
    ]
    nameless = {"k": "m", "t": START, "n": "", "v": 7, "s": 1}
    home.write("longrun", "py-1-aaaaaaaa", *long, nameless, experiment="long")
    home.artifact("longrun", "outputs/page.html", b"<script>alert(1)</script>")
    home.artifact("longrun", "outputs/sp ace&?#%.png", b"\x89PNG")
    home.artifact("longrun", "outputs/bad\udcff\n<b>.txt", b"odd")
    home.ingest()
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


def ids(page):
    return [run["run_id"] for run in page["runs"]]


def test_experiments_come_with_how_their_runs_ended(portal):
    """The one that was used last first."""
    found = {one["name"]: one for one in portal.api("/experiments")}
    assert found["sweep"]["runs"] == OTHERS
    assert found["sweep"]["statuses"] == {"Failed": 4, "Completed": 8}
    assert found["sweep"]["last_run"]["run_id"] == "run11"
    assert next(iter(found)) == "sweep"


def test_runs_come_in_pages_that_join(portal):
    """Every run once, in the order asked for."""
    whole = portal.api("/runs?experiment=sweep&limit=500")
    assert whole["total"] == OTHERS
    pages = [portal.api(f"/runs?experiment=sweep&limit=5&offset={offset}") for offset in (0, 5, 10, 15)]
    assert [len(page["runs"]) for page in pages] == [5, 5, 2, 0]
    assert {page["total"] for page in pages} == {OTHERS}
    assert [run for page in pages for run in ids(page)] == ids(whole) == [f"run{number:02d}" for number in reversed(range(OTHERS))]


@pytest.mark.parametrize(
    ("sort", "key"),
    [
        ("number", lambda run: run["number"]),
        ("started", lambda run: run["started"]),
        ("duration", lambda run: run["duration_s"]),
        ("status", lambda run: run["status"]),
        ("name", lambda run: run["name"]),
        ("metric:loss", lambda run: run["metrics"]["loss"]["last"]),
    ],
)
def test_runs_are_sorted_both_ways_and_what_has_no_value_comes_last(portal, sort, key):
    """A NaN is no value: it is neither best nor worst."""
    for order in ("up", "down"):
        found = portal.api(f"/runs?experiment=sweep&sort={sort}&order={order}")["runs"]
        values = [key(run) for run in found]
        if sort.startswith("metric"):
            assert values.pop() == "NaN"
        assert values == sorted(values, reverse=order == "down")


def test_runs_are_chosen_by_status_and_text(portal):
    """Part of a name, or the beginning of an id; nothing in it is a pattern."""
    assert portal.api("/runs?experiment=sweep&status=Failed")["total"] == 4
    assert portal.api("/runs?text=NAME%203")["total"] == 2
    assert ids(portal.api("/runs?text=run07")) == ["run07"]
    assert portal.api("/runs?text=%25")["total"] == 0
    assert portal.api("/runs?text=un07")["total"] == 0


def test_a_metric_without_a_name_is_drawn(portal):
    """A script may call one so: what is empty is not missing."""
    assert portal.api("/runs/longrun/points?name=")["values"] == [7]
    assert portal.api("/runs/longrun/buckets?name=")["last"] == [7]
    for form in ("points", "buckets"):
        assert portal.ask(f"/api/v1/runs/longrun/{form}").status == 400


@pytest.mark.parametrize(
    "query",
    [
        "sort=colour",
        "sort=metric",
        "sort=started:x",
        "order=x",
        "limit=0",
        "limit=x",
        "offset=-1",
        "limit=1e3",
        "limit=99999999999999999999999",
    ],
)
def test_a_wrong_parameter_is_told(portal, query):
    """One sentence, which names it."""
    answer = portal.ask(f"/api/v1/runs?{query}")
    assert answer.status == 400
    assert query.split("=")[0] in answer.json()["error"]


def test_a_run_comes_as_show_tells_it(portal):
    """The same words as the command line."""
    shown = portal.home.json("show", RUN)
    answer = portal.api(f"/runs/{RUN}")
    assert {key: answer[key] for key in answer.keys() & shown.keys()} == {key: shown[key] for key in answer.keys() & shown.keys()}
    assert answer["why"] == "exit 3"
    assert answer["tables"]["wave"]["count"] == 2
    for path in ("/runs/none", "/runs/none/metrics", "/runs/none/logs", "/runs/none/events", f"/runs/{RUN}/points?name=none"):
        assert portal.ask(f"/api/v1{path}").status == 404


def test_points_are_read_from_any_ordinal(portal):
    """In pieces they are the same as whole."""
    whole = portal.api("/runs/longrun/points?name=long")
    assert len(whole["values"]) == 5000
    assert whole["values"][1234] == "NaN"
    pieces = [portal.api(f"/runs/longrun/points?name=long&first={first}&limit=1700") for first in (0, 1700, 3400)]
    assert [value for piece in pieces for value in piece["values"]] == whole["values"]
    assert [step for piece in pieces for step in piece["steps"]] == list(range(5000))
    assert portal.api("/runs/longrun/points?name=long&first=5000")["values"] == []
    assert portal.ask("/api/v1/runs/longrun/points").status == 400


@pytest.mark.parametrize("range_", ["", "&from=1000&to=2000", "&from=99999", "&epochs=1"])
def test_buckets_are_the_same_in_both_forms(portal, range_):
    """Eleven columns of doubles, and two of epochs if asked for; what is missing is null or NaN."""
    path = f"/runs/longrun/buckets?name=long&count=300{range_}"
    columns = portal.api(path)
    data = portal.ask(f"/api/v1{path}&format=f64").body
    rows = len(columns["count"])
    assert tuple(columns) == (*shapes.BUCKET_COLUMNS, *(shapes.EPOCH_COLUMNS if "epochs" in range_ else ()))
    assert len(data) == 8 * len(columns) * rows
    unpacked = struct.unpack(f"<{len(columns) * rows}d", data)
    for place, column in enumerate(columns.values()):
        given = unpacked[place * rows : (place + 1) * rows]
        assert [None if math.isnan(value) else value for value in given] == column
    expected = {"": (5000, 1), "&epochs=1": (5000, 1), "&from=1000&to=2000": (1001, 1), "&from=99999": (0, 0)}[range_]
    assert (sum(columns["count"]), sum(columns["nonfinite"])) == expected


def test_logs_are_read_forwards_and_backwards(portal):
    """Pages after a key and before one are the same records."""
    whole = portal.api(f"/runs/{RUN}/logs?after=0")
    assert [one["message"] for one in whole] == ["epoch 1", "getting hot", "broke"]
    keys = [one["key"] for one in whole]
    assert portal.api(f"/runs/{RUN}/logs?before={keys[2]}") == whole[:2]
    assert portal.api(f"/runs/{RUN}/logs?after={keys[0]}&limit=1") == whole[1:2]
    assert portal.api(f"/runs/{RUN}/logs?limit=1") == whole[2:]
    assert [one["level"] for one in portal.api(f"/runs/{RUN}/logs?min_level=30")] == ["WARNING", "ERROR"]


def test_the_console_is_read_as_it_was_written(portal):
    """Chunks by key; the bytes as they are, of one stream or both."""
    chunks = portal.api(f"/runs/{RUN}/console?after=0")
    assert "".join(one["text"] for one in chunks if one["fd"] == 2) == "INFO:train:epoch 1\n"
    assert {"base64"} == {key for one in chunks for key in one} - {"key", "time", "fd", "offset", "text"}
    assert portal.api(f"/runs/{RUN}/console?before={chunks[-1]['key']}") == chunks[:-1]
    raw = portal.ask(f"/api/v1/runs/{RUN}/console.txt?fd=1")
    code, out, _ = portal.home.run("logs", RUN, "--stream", "stdout", text=False)
    assert (code, raw.body) == (0, out)
    assert raw.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "sandbox" in raw.headers["Content-Security-Policy"]


def test_files_are_downloads_whatever_they_are_called_and_hold(portal):
    """Their bytes are the ones that were captured; no name gets out of the header or the address."""
    found = portal.api("/runs/longrun/artifacts")
    assert len(found) == 3
    for one in found:
        answer = portal.ask(one["url"])
        assert hashlib.sha256(answer.body).hexdigest() == one["sha256"]
        assert answer.headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page = next(one for one in found if one["path"].endswith("page.html"))
    seen = portal.ask(f"{page['url']}&view=1")
    assert seen.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert "default-src 'none'" in seen.headers["Content-Security-Policy"]
    assert portal.ask(page["url"], Range="bytes=1-6").body == b"script"
    assert portal.ask("/api/v1/runs/longrun/content?path=../outrider.db").status == 404
    assert portal.ask(f"/api/v1/runs/{RUN}/content?path=outputs/page.html").status == 404


def test_earlier_versions_of_a_file_are_kept_apart(portal):
    """By version; without one the last."""
    where = f"/api/v1/runs/{RUN}/content?path=outputs/model.pkl"
    assert portal.ask(where).body == b"second!"
    assert portal.ask(f"{where}&version=1").body == b"first"
    assert portal.ask(f"{where}&version=3").status == 404
    assert [one["version"] for one in portal.api(f"/runs/{RUN}/artifacts?all_versions=1") if "model" in one["path"]] == [1, 2]


def first_look(portal, run, since="", **headers):
    """The events of a stream's first look, by name."""
    found = {}
    with portal.events(f"/runs/{run}/events{since}", **headers) as events:
        for id_, name, data in events:
            found[name] = (id_, data)
            if name == "artifacts":
                return found
    return found


def test_a_stream_begins_with_the_run_and_what_is_new_to_the_reader(portal):
    """From the start: all of the log, and every series without its points."""
    found = first_look(portal, RUN)
    assert found["run"][1]["run_id"] == RUN
    assert len(found["log"][1]["logs"]) == 3
    assert not found["log"][1]["skipped"]
    assert {one["name"]: one["new"] for one in found["series"][1]} == dict.fromkeys(["loss", "phase", "sizes", "mse"])
    since = found["log"][0]
    for again in (first_look(portal, RUN, f"?since={since}"), first_look(portal, RUN, **{"Last-Event-ID": since})):
        assert "log" not in again
    assert portal.ask(f"/api/v1/runs/{RUN}/events?since=x").status == 400


def test_a_stream_goes_on_from_where_it_broke_off(portal):
    """Whatever the cut, the log comes once and whole."""
    whole = first_look(portal, RUN)["log"][1]
    logs, chunks = [one["key"] for one in whole["logs"]], [one["key"] for one in whole["console"]]
    for log in (0, *logs):
        for chunk in (0, *chunks):
            came = first_look(portal, RUN, f"?since={log}.{chunk}").get("log", (None, {"logs": [], "console": []}))[1]
            assert [one["key"] for one in came["logs"]] == [key for key in logs if key > log]
            assert [one["key"] for one in came["console"]] == [key for key in chunks if key > chunk]


def test_what_comes_is_told_with_its_points_and_exactly_once(portal):
    """New points join those that were there, and a new series brings all of its own."""
    home, run = portal.home, "grows"
    home.write(run, "py-1-aaaaaaaa", {"k": "m", "t": START, "n": "loss", "v": 1, "s": 0}, experiment="grows")
    portal.flush()
    values, told = [], []
    with portal.events(f"/runs/{run}/events") as events:
        for _, name, _ in events:
            if name == "artifacts":
                break
        for step in range(1, 4):
            more = [{"k": "m", "t": START + step, "n": "acc", "v": step}] if step == 3 else []
            home.write(
                run,
                "py-1-aaaaaaaa",
                {"k": "m", "t": START + step, "n": "loss", "v": step + 1, "s": step},
                {"k": "l", "t": START + step, "lv": 20, "msg": f"at {step}"},
                *more,
            )
            portal.flush()
            while len(told) < step or len(values) < step:
                _, name, data = next(events)
                if name == "log":
                    told += [one["message"] for one in data["logs"]]
                for one in data if name == "series" else []:
                    if one["name"] == "loss":
                        assert one["new"]["first"] == 1 + len(values)
                        values += one["new"]["values"]
                    else:
                        assert (one["new"]["first"], one["new"]["values"]) == (0, [3])
    assert values == [2, 3, 4]
    assert told == ["at 1", "at 2", "at 3"]


def test_a_reader_that_is_far_behind_gets_the_end_and_is_told(portal):
    """A run that writes faster than one reads does not fill a browser's memory."""
    lines = [{"k": "l", "t": START + number, "lv": 20, "msg": f"line {number}"} for number in range(3000)]
    portal.home.write("chatty", "py-1-aaaaaaaa", *lines, experiment="chatty")
    portal.flush()
    news = first_look(portal, "chatty")["log"][1]
    assert news["skipped"]
    assert news["logs"][-1]["message"] == "line 2999"
    assert len(news["logs"]) <= 1000
    before = portal.api(f"/runs/chatty/logs?before={news['logs'][0]['key']}&limit=10000")
    assert len(before) + len(news["logs"]) == 3000


def test_the_streams_end_with_the_agent(home):
    """No open page holds up the agent's end."""
    portal = Portal(home)
    ridge(portal.home)
    portal.home.ingest()
    portal.start(OUTRIDER_PORTAL_PORT="0")
    with portal.events("/events") as events, portal.events(f"/runs/{RUN}/events") as more:
        next(events)
        next(more)
        portal.stop()
        assert {name for _, name, _ in events} <= {"changed"}  # and then it ends
        assert [name for _, name, _ in more] != ["deleted"]
    assert not (home / "portal.json").exists()


def test_every_address_of_the_api_is_on_the_page(home):
    """And the page has no other."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `(/[^`]+)`", page, re.MULTILINE))
    given = asking.Given(
        store=browsing.Browser(home / "x"),
        changes=watch.Changes(home / "x"),
        blobs=local.LocalBlobs(home),
        agent=None,
        version="",
        threads=None,
    )
    static = assets.Assets()
    app = server.application(asking.Context(given=given, assets=static, closing=None), door.Door("key", static))
    paths = {route.resource.canonical for route in app.router.routes() if route.method == "GET"}
    assert {path.removeprefix("/api/v1") for path in paths if path.startswith("/api/")} == listed


def test_the_columns_of_buckets_are_those_of_the_page():
    """The binary form has no names: their order is the promise."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    section = page[page.index("**Buckets**") :]
    named = re.findall(r"`(\w+)`", section[: section.index("Extremes are exact")])
    assert tuple(named) == shapes.BUCKET_COLUMNS
