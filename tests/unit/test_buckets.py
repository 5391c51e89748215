"""Charts: buckets from points and from summaries say the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from test_points import POINTS, columns

from outrider_agent.core import buckets, points


@given(st.lists(POINTS, min_size=1, max_size=6))
def test_merged_summaries_equal_the_summary_of_all(parts):
    """The law of `merge`."""
    whole = columns([point for part in parts for point in part])
    summaries, first = [], 0
    for part in parts:
        summaries.append(points.summarize(columns(part), first))
        first += len(part)
    assert buckets.merge(summaries) == points.summarize(whole, 0)


@given(POINTS, st.integers(1, 80))
def test_buckets_cover_every_point_once(found, count):
    """At most `count` of them, none empty, in order."""
    made = buckets.of_points(columns(found), 7, count)
    assert len(made) == min(count, len(found))
    assert sum(bucket.count for bucket in made) == len(found)
    assert [bucket.first for bucket in made] == [7 + sum(b.count for b in made[:i]) for i in range(len(made))]
    assert buckets.merge(made) == points.summarize(columns(found), 7)


@given(st.lists(POINTS, min_size=1, max_size=6), st.integers(1, 80))
def test_buckets_of_pieces_are_those_of_the_whole(parts, count):
    """Law: where the pieces end makes no difference."""
    pieces, first = [], 7
    for part in parts:
        pieces.append((columns(part), first))
        first += len(part)
    assert buckets.of_pieces(pieces, count) == buckets.of_points(columns([point for part in parts for point in part]), 7, count)


@given(st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=40), st.integers(0, 20), st.integers(0, 20))
def test_a_range_of_steps_takes_those_points_and_no_others(steps, low, high):
    """With the ordinals they have in the series."""
    series = points.Columns(list(range(len(steps))), list(steps), list(range(len(steps))))
    found = buckets.within(series, 100, buckets.Span((low, high)))
    taken = [(first + i, value) for part, first in found for i, value in enumerate(part.values)]
    assert taken == [(100 + i, i) for i, step in enumerate(steps) if step is not None and low <= step <= high]
