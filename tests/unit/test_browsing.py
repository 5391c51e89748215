"""What the portal asks of a store, where SQL is easily wrong: orders, cuts, what came since."""

from __future__ import annotations

import contextlib
import itertools
import sys

import msgspec
import pytest
from cli_home import SECOND, START, Home

from outrider_agent.store import browsing, editing, paging, watch


@pytest.fixture
def made(home):
    return Home(home)


def store(made):
    return browsing.Browser(made.path / "outrider.db")


def test_points_from_any_ordinal_are_the_end_of_all_points(made):
    """Wherever the chunks' borders are."""
    for piece in range(7):
        lines = [{"k": "m", "t": START + piece * 700 + index, "n": "x", "v": piece * 700 + index} for index in range(700)]
        made.write("r", "py-1-aaaaaaaa", *lines)
        made.ingest()
    with store(made) as reader:
        whole = reader.points("r", "x")
        for first in (0, 1, 699, 700, 701, 1023, 1024, 4899, 4900, 9999):
            assert reader.points_from("r", "x", None, first, 10_000) == whole[first:]
            assert reader.points_from("r", "x", None, first, 3) == whole[first : first + 3]


def test_what_came_since_is_everything_once(made):
    """Looks at any moments tell each record, chunk and point once, in order."""
    with store(made) as reader:
        log, console, counts, told = 0, 0, None, []
        for step in range(6):
            at = START + step * SECOND
            made.write(
                "r",
                "py-1-aaaaaaaa",
                {"k": "m", "t": at, "n": "x", "v": step},
                {"k": "l", "t": at, "lv": 20, "msg": str(step)},
                {"k": "c", "t": at, "f": 1, "o": step, "d": "."},
            )
            if step % 2:
                continue
            made.ingest()
            since = reader.since("r", log, console, counts)
            if counts is None:
                assert [one.points for one in since.series] == [None]
            else:
                told += [point.value for one in since.series for point in one.points]
            log, console = since.logs[-1].key, since.console[-1].key
            counts = {one.key: one.series.count for one in since.series}
            assert not since.skipped
            again = reader.since("r", log, console, counts)
            assert (list(again.logs), list(again.console), list(again.series)) == ([], [], [])
    assert told == [1, 2, 3, 4]


def test_too_much_is_told_by_its_end(made):
    """Bounded, and said: the last records, and at least one chunk however large it is."""
    made.write("r", "py-1-aaaaaaaa", *[{"k": "l", "t": START, "lv": 20, "msg": str(number)} for number in range(browsing.LOOK_RECORDS + 5)])
    made.write(
        "r",
        "keeper-1-bbbbbbbb",
        {"k": "c", "t": START, "f": 1, "o": 0, "d": "a"},
        {"k": "c", "t": START, "f": 1, "o": 1, "d": "b" * (browsing.LOOK_BYTES + 1)},
    )
    made.ingest()
    with store(made) as reader:
        since = reader.since("r", 0, 0, None)
        assert since.skipped
        assert [one.message for one in since.logs] == [str(number) for number in range(5, browsing.LOOK_RECORDS + 5)]
        assert [one.offset for one in since.console] == [1]
        last = since.logs[0].key
        assert len(reader.logs_before("r", last, 100)) == 5


def test_every_order_is_total_and_its_reverse(made):
    """Pages of one join without a run twice or missing, also where values are equal or absent."""
    for number in range(9):
        name = {"name": f"n{number % 2}"} if number % 3 else {}
        made.write(f"run{number}", "py-1-aaaaaaaa", {"k": "run", "t": START, "experiment": "e", **name}, experiment="e")
    made.ingest()
    with store(made) as reader:
        for sort, down in itertools.product(("number", "started", "duration", "status", "name", "metric"), (True, False)):
            wanted = [browsing.Wanted(sort=sort, by="none", down=down, limit=1, offset=offset) for offset in range(10)]
            pages = [reader.page(one, START + SECOND) for one in wanted]
            assert {page.total for page in pages} == {9}
            assert len({run.run.run_id for page in pages for run in page.runs}) == 9
            names = [page.runs[0].run.name for page in pages[:9]]
            if sort == "name":
                assert names[6:] == [None] * 3
                assert names[:6] == sorted(names[:6], reverse=down)


def test_the_list_without_a_query_is_that_of_a_query_that_all_fit(made):
    """An index has the runs in the order in which they began, and their statuses; what it says is what is read of the runs themselves."""
    for number in range(12):
        at = START + number // 3 * SECOND  # some began together
        made.write(f"run{number}", "py-1-aaaaaaaa", {"k": "run", "t": at, "experiment": f"e{number % 2}"}, experiment=f"e{number % 2}")
        if number % 4:
            made.write(
                f"run{number}", "py-1-aaaaaaaa", {"k": "end", "t": at, "status": ("Completed", "Failed")[number % 2], "reason": "ended"}
            )
    made.ingest()
    editing.hide_run(made.path / "outrider.db", "run7", START)
    with store(made) as reader:
        cases = itertools.product((True, False), (None, "e1", "none"), (None, "Failed", "Running"), (0, 2), (1, 5, 50), (True, False))
        for down, experiment, status, offset, limit, removed in cases:
            wanted = browsing.Wanted(down=down, experiment=experiment, status=status, offset=offset, limit=limit, removed=removed)
            plain, queried = (reader.page(msgspec.structs.replace(wanted, query=query), START) for query in (None, "number > 0"))
            assert plain == queried


def test_a_page_brings_the_metrics_that_are_chosen_of_it(made):
    """Who chooses is told what each run's are called, in the order they appeared, and nothing else of them is read."""
    for run in ("a", "b"):
        names = ("lr", "loss", f"only-{run}")
        made.write(run, "py-1-aaaaaaaa", *[{"k": "m", "t": START + place, "n": name, "v": 1} for place, name in enumerate(names)])
    made.ingest()
    told = []
    with store(made) as reader:
        page = reader.page(browsing.Wanted(sort="name", down=False), START, lambda heads: told.extend(heads) or ["loss", "only-b"])
    assert sorted([one.name for one in run] for run in told) == [["lr", "loss", "only-a"], ["lr", "loss", "only-b"]]
    assert {(one.source, one.kind) for run in told for one in run} == {("call", "scalar")}
    assert sorted([one.name for one in run.series] for run in page.runs) == [["loss"], ["loss", "only-b"]]


def test_the_version_changes_with_a_commit_and_only_then(made, monkeypatch):
    """Cheap to ask, from before there is a store."""
    monkeypatch.setattr(watch, "FRESH_S", -1.0)
    changes = watch.Changes(made.path / "outrider.db")
    assert changes.version() == 0
    made.write("r", "py-1-aaaaaaaa", {"k": "m", "t": START, "n": "x", "v": 1})
    made.ingest()
    first = changes.version()
    assert first == changes.version() > 0
    made.write("r", "py-1-aaaaaaaa", {"k": "m", "t": START, "n": "x", "v": 2})
    made.ingest()
    assert changes.version() != first
    changes.close()
    changes.close()


def test_a_sparkline_is_the_course_of_a_series_however_many_chunks_it_has(made):
    """A running script's points lie in many small chunks, and a long run's in many large ones: the last value is the last in each."""
    for piece in range(12):
        lines = [{"k": "m", "t": START + piece * 700 + index, "n": "x", "v": piece * 700 + index} for index in range(700)]
        made.write("r", "py-1-aaaaaaaa", *lines)
        made.ingest()
        with store(made) as reader:
            found = reader.sparklines(["r", "none"], ["x", "none"], 10)["r"]["x"]
        assert found == sorted(found)
        assert found[-1] == piece * 700 + 699
        assert len(found) <= 10


@pytest.mark.parametrize("most", [browsing.SPARK_POINTS, 100])
def test_a_sparkline_of_a_running_script_shows_its_beginning_as_wide_as_it_was(made, monkeypatch, most):
    """The first points lie in one large chunk, the newest in many small ones: drawn chunk by chunk, hardly any of its beginning showed."""
    monkeypatch.setattr(browsing, "SPARK_POINTS", most)
    done = 0
    for size in (300, *[4] * 25):
        made.write("r", "py-1-aaaaaaaa", *[{"k": "m", "t": START + at, "n": "x", "v": at} for at in range(done, done + size)])
        made.ingest()
        done += size
    with store(made) as reader:
        found = reader.sparklines(["r"], ["x"], 20)["r"]["x"]
    even = [(place + 1) * done / 20 for place in range(20)]
    if most > done:
        assert found == [at - 1 for at in even]
    else:  # by whole chunks: never further off than one is long
        assert sum(value == 299 for value in found) == 15
        assert all(-1 <= value - at < 4 for value, at in zip(found[15:], even[15:], strict=True))


def test_a_sparkline_goes_through_values_beyond_a_float(made):
    """An integer of any length is a value: its course is drawn at the edge of what a float holds; what is no number is a gap."""
    values = [1, 10**400, -(10**400), "NaN", True, 2.5]
    made.write("r", "py-1-aaaaaaaa", *[{"k": "m", "t": START + place, "n": "x", "v": value} for place, value in enumerate(values)])
    made.ingest()
    with store(made) as reader:
        found = reader.sparklines(["r"], ["x"], 10)["r"]["x"]
    assert found == [1.0, sys.float_info.max, -sys.float_info.max, None, 1.0, 2.5]


@pytest.mark.parametrize("experiment", [None, "ridge"])
def test_an_order_that_asks_of_each_run_takes_them_as_they_lie(made, experiment):
    """By when they began, as an index has them, each lookup would be somewhere else: half as fast, of 10,000 runs."""
    made.write("r", "py-1-aaaaaaaa", {"k": "m", "t": START, "n": "x", "v": 1})
    made.ingest()
    statement, given = paging.statement(browsing.Wanted(sort="metric", by="x", experiment=experiment), START)
    with contextlib.closing(made.tables()) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", given)]
    (found,) = [step for step in plan if step.startswith(("SCAN r", "SEARCH r"))]
    assert "runs_listed" not in found
    assert found.startswith("SCAN r" if experiment is None else "SEARCH r USING INDEX")
