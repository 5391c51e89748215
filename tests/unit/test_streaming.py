"""A metric's points, piece by piece: the same as all at once, whatever the number of streams, and while the store goes on packing."""

from __future__ import annotations

import json
import random

import pytest
from cli_home import START, Home

from outrider_agent.cli import documents
from outrider_agent.core import points as packing
from outrider_agent.store import browsing, streaming


@pytest.fixture
def made(home):
    return Home(home)


def point(time, value, step=None, name="x"):
    return {"k": "m", "t": START + time, "n": name, "v": value, **({} if step is None else {"s": step})}


def read(store, names, last=None):
    """All of it as triples."""
    found = packing.Columns()
    for piece in store.columns("r", [one for name in names for one in store.series("r", name)], last):
        found.extend(piece)
    return list(zip(found.times, found.steps, found.values, strict=True))


def test_one_streams_points_come_in_the_order_logged(made):
    """Whatever their times; from the end too."""
    choose = random.Random(1)
    logged = [(choose.randrange(10**9), number) for number in range(5000)]
    for start in range(0, 5000, 700):
        made.write("r", "py-1-aaaaaaaa", *[point(time, value) for time, value in logged[start : start + 700]])
        made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        expected = [(START + time, None, value) for time, value in logged]
        assert read(store, ["x"]) == expected
        for last in (1, 699, 1024, 4999, 9999):
            assert read(store, ["x"], last) == expected[-last:]


@pytest.mark.parametrize("seed", range(3))
def test_several_streams_points_come_by_time(made, seed):
    """However they overlap: one after the other, in turns, with clocks that jump; those of one time in the order committed."""
    choose = random.Random(seed)
    for _ in range(12):
        writer, begun = choose.choice("abc"), choose.randrange(2000)
        lines = [point(begun + choose.randrange(300), choose.random(), step) for step in range(choose.choice([5, 400, 1500]))]
        made.write("r", f"py-{writer}-aaaaaaaa", *lines, own=writer == "a")
        made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        whole = [(one.time, one.step, one.value) for one in store.points("r", "x")]
        assert read(store, ["x"]) == whole
        assert read(store, ["x"], 1000) == whole[-1000:]


def test_a_store_that_packs_chunks_meanwhile_changes_nothing(made, monkeypatch):
    """Points are found by their ordinals: those that were there when it was asked come once each."""
    monkeypatch.setattr(streaming, "CHUNKS", 1)
    for piece in range(20):
        made.write("r", "py-1-aaaaaaaa", *[point(piece * 30 + number, piece * 30 + number) for number in range(30)])
        made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        pieces = store.columns("r", store.series("r", "x"))
        found = next(pieces).values
        for piece in range(20, 60):
            made.write("r", "py-1-aaaaaaaa", *[point(piece * 30 + number, piece * 30 + number) for number in range(30)])
            made.ingest()
        for one in pieces:
            found = found + one.values
        assert found == list(range(600))


def test_buckets_of_several_processes_go_by_step(made):
    """The first one's points were committed before the second one's began: a chart goes from left to right all the same."""
    for number, writer in enumerate("ab"):
        made.write("r", f"py-{writer}-aaaaaaaa", *[point(step * 10 + number, step, step) for step in range(4000)], own=writer == "a")
        made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        for count in (8, 100, 20_000):
            buckets = store.buckets("r", "x", count)
            starts = [one.step_min for one in buckets]
            assert starts == sorted(starts)
            assert sum(one.count for one in buckets) == 8000
            assert [one.first for one in buckets] == [sum(one.count for one in buckets[:place]) for place in range(len(buckets))]
        inside = store.buckets("r", "x", 100, (1000, 1999))
        assert (sum(one.count for one in inside), inside[0].step_min, inside[-1].step_max) == (2000, 1000, 1999)


def test_buckets_of_several_processes_without_steps_go_by_time(made):
    """One point without a step is enough."""
    for number, writer in enumerate("ab"):
        made.write("r", f"py-{writer}-aaaaaaaa", *[point(at * 10 + number, at) for at in range(2000)], own=writer == "a")
        made.ingest()
    with browsing.Browser(made.path / "outrider.db") as store:
        for count in (4, 100):
            times = [one.time_min for one in store.buckets("r", "x", count)]
            assert times == sorted(times)
        assert [one.first_value for one in store.buckets("r", "x", 4000)] == [at for at in range(2000) for _ in range(2)]


def test_points_written_by_hand_are_the_json_of_their_documents():
    """Every kind of value, step and time."""
    values = [1, 0.1, -0.0, 1e300, 10**30, True, None, "NaN", "a\n\u00e9", ["NaN"], [1, 2]]
    steps = [None, 3, 0.5, -1, *[None] * 7]
    times = [START, START + 999, START + 999_999_999, START + 10**9, -1, -(10**18), 0, 10**21, 2 * START, 5, 6]
    given = packing.Columns(times, steps, values)
    assert [json.loads(text) for text in documents.point_texts(given)] == json.loads(json.dumps(list(documents.points(given))))
