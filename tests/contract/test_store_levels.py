"""Summaries at several resolutions: written as points arrive, exact, and never in the way of a store that has none yet."""

from __future__ import annotations

import pytest
import store_rig
from spoolfiles import line

from outrider_agent.core import buckets
from outrider_agent.core import points as packing
from outrider_agent.store import levels

T0 = 1_700_000_000_000_000_000
#: Of flushes: one point at a time, a few, chunks and a half, many chunks.
FLUSHES = [1] * 40 + [700, 3, 1500, 9000] + [50] * 40 + [20_000, 1]


@pytest.fixture
def store(tmp_path):
    made = store_rig.StoreRig(tmp_path / "outrider.db")
    yield made
    made.read.close()
    made.sink.close()


def value(i):
    return "NaN" if i % 5003 == 7 else (i * 7919) % 10_007


def feed(store, flushes, first=0):
    for count in flushes:
        store.feed(*(line("m", T0 + i, n="x", v=value(i), s=i) for i in range(first, first + count)))
        first += count
    return first


def kept(store):
    """(level, summary) of what is in the table."""
    fields = "first, count, step_min, step_max, time_min, time_max, value_min, value_max, value_first, value_last, nonfinite"
    rows = store.sink._connection.execute(f"SELECT level, {fields}, epoch_min, epoch_max FROM summaries ORDER BY level, first")
    return [(row[0], packing.Summary(**dict(zip(levels.FIELDS, row[1:], strict=True)))) for row in rows]


def exact(first, count):
    """The summary of those points."""
    places = range(first, first + count)
    return packing.summarize(packing.Columns([T0 + i for i in places], list(places), [value(i) for i in places]), first)


@pytest.mark.parametrize("forgets", [False, True])
def test_a_summary_of_a_level_is_that_of_its_points(store, forgets):
    """Law: however the points came, and whether the agent was restarted between, each summary says of its points what they say."""
    if forgets:
        end = 0
        for count in FLUSHES:
            store.sink._series.forget()
            end = feed(store, [count], end)
    else:
        end = feed(store, FLUSHES)
    found = kept(store)
    assert {level for level, _ in found} == {1}
    assert found[0][1].first == 0
    for level, summary in found:
        assert level == 1
        assert summary == exact(summary.first, summary.count)
    ends = [one.first + one.count for _, one in found]
    assert [one.first for _, one in found][1:] == ends[:-1]
    assert end - ends[-1] <= (levels.FANOUT + 32) * packing.FULL


def test_many_points_have_several_levels_and_a_chart_reads_few_rows(store):
    """A chart reads about as many summaries as it asks for, and not the chunks of all points."""
    count = 100 * packing.FULL
    feed(store, [count])
    assert {level for level, _ in kept(store)} == {1, 2}
    with store.read._snapshots.open() as connection:
        found, level = levels.Levels(connection, 1).at_least(10)
    assert level == 1
    assert 10 <= len(found) <= 12 + levels.FANOUT
    assert buckets.merge(found) == exact(0, count)


@pytest.mark.parametrize("steps", [(0, 99_999), (8_191, 8_193), (12_345, 77_777), (90_000, 10**9), (-5, 4), (200_000, 300_000)])
@pytest.mark.parametrize("count", [1, 30, 1000])
@pytest.mark.parametrize("is_time", [False, True])
def test_a_range_of_steps_or_time_is_exact_on_every_level(store, steps, count, is_time):
    """Summaries that only partly lie within the range are made anew from what they sum up."""
    total = 100 * packing.FULL
    feed(store, [total])
    inside = [value(i) for i in range(max(0, steps[0]), min(total - 1, steps[1]) + 1)]
    numbers = [one for one in inside if one != "NaN"]
    times = (T0 + steps[0], T0 + steps[1])
    found = store.read.buckets("r1", "x", count, time_range=times) if is_time else store.read.buckets("r1", "x", count, steps)
    assert len(found) <= count
    assert sum(one.count for one in found) == len(inside)
    assert sum(one.nonfinite for one in found) == len(inside) - len(numbers)
    assert min((one.min for one in found if one.min is not None), default=None) == min(numbers, default=None)
    assert max((one.max for one in found if one.max is not None), default=None) == max(numbers, default=None)


def test_a_series_of_an_earlier_schema_is_read_and_gets_its_levels_with_its_next_points(store):
    """Without a summary a chart is as it was: slower, and the same."""
    end = feed(store, [30_000])
    before = store.read.buckets("r1", "x", 5)
    store.sink._connection.execute("DELETE FROM summaries")
    store.sink._series.forget()
    without = store.read.buckets("r1", "x", 5)
    assert buckets.merge(without) == buckets.merge(before) == exact(0, end)
    feed(store, [1024], end)
    assert kept(store) != []
    assert buckets.merge(store.read.buckets("r1", "x", 5)) == exact(0, end + 1024)


def test_a_deleted_run_leaves_no_summary(store):
    """They go with the series."""
    feed(store, [30_000])
    connection = store.sink._connection
    connection.execute("DELETE FROM runs")
    assert kept(store) == []
