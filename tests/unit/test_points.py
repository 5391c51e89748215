"""Packed points: nothing changes on the way in and out, and summaries tell the truth."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.core import buckets, points

VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**200), 2**200),
    st.booleans(),
    st.none(),
    st.sampled_from(["NaN", "Infinity", "-Infinity", ["NaN"], ["Infinity"]]),
    st.text(st.characters(exclude_categories=["Cs"])),
)
STEPS = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False))
EPOCHS = st.one_of(st.none(), st.integers(0, 1000), st.floats(0, 1000))
POINTS = st.lists(st.tuples(st.integers(0, 2**62), STEPS, VALUES), min_size=1, max_size=60)
WITH_EPOCHS = st.lists(st.tuples(st.integers(0, 2**62), STEPS, VALUES, EPOCHS), min_size=1, max_size=60)


def columns(found):
    return points.Columns(*[list(column) for column in zip(*found, strict=True)])


def as_lists(found):
    return [(t, s, v, type(v)) for t, s, v in zip(found.times, found.steps, found.values, strict=True)]


@given(POINTS)
def test_unpack_is_the_inverse_of_pack(found):
    """Every value comes back as it was spelled."""
    packed = columns(found)
    first = min(packed.times)
    assert as_lists(points.unpack(first, *points.pack(packed, first))) == as_lists(packed)


@given(WITH_EPOCHS, st.integers(0, 60), st.data())
def test_epochs_go_with_their_points(found, cut, data):
    """However they are cut, put together, ordered and packed; where no point has one they take no room."""
    whole = points.Columns()
    for time, step, value, epoch in found:
        whole.append(time, step, value, epoch)
    told = [(time, epoch) for time, *_, epoch in found]
    put = whole.cut(0, cut)
    put.extend(whole.cut(cut, len(whole)))
    assert list(zip(put.times, put.epoch_list(), strict=True)) == told
    order = data.draw(st.permutations(range(len(found))))
    assert list(zip(put.picked(order).times, put.picked(order).epoch_list(), strict=True)) == [told[place] for place in order]
    first = min(put.times)
    packed = points.pack(put, first)
    assert points.unpack(first, *packed).epoch_list() == put.epoch_list()
    known = [epoch for _, epoch in told if epoch is not None]
    assert (packed[3] is None) == (not known)
    summary = points.summarize(put, 0)
    assert (summary.epoch_min, summary.epoch_max) == (min(known, default=None), max(known, default=None))
    halves = [points.summarize(part, at) for part, at in ((put.cut(0, cut), 0), (put.cut(cut, len(put)), cut)) if len(part)]
    assert buckets.merge(halves) == summary


@given(POINTS, st.integers(0, 10**9))
def test_a_summary_is_what_the_points_say(found, first):
    """Minimum and maximum over the finite numbers, the rest counted."""
    summary = points.summarize(columns(found), first)
    numbers = [points.real(v) for _, _, v in found if isinstance(v, (int, float))]
    steps = [s for _, s, _ in found if s is not None]
    assert (summary.first, summary.count, summary.nonfinite) == (first, len(found), len(found) - len(numbers))
    assert summary.min == min(numbers, default=None)
    assert summary.max == max(numbers, default=None)
    assert (summary.step_min, summary.step_max) == (min(steps, default=None), max(steps, default=None))
    assert all(number is None or math.isfinite(number) for number in (summary.min, summary.max))


@given(st.integers(1, 5000))
def test_chunks_are_full_enough(count):
    """None holds more than FULL; of many points none is small."""
    found = list(points.chunks(points.Columns([0] * count, [None] * count, list(range(count)))))
    assert [value for chunk in found for value in chunk.values] == list(range(count))
    assert all(len(chunk) <= points.FULL for chunk in found)
    assert count < points.SMALL or all(len(chunk) >= points.SMALL for chunk in found)


def test_text_is_told_from_spelled_out_floats():
    """["NaN"] is a text, "NaN" is a float."""
    assert not points.has_text([1, 0.5, True, None, "NaN", "-Infinity"])
    assert points.has_text([1, ["NaN"]])
    assert points.has_text(["cat"])
