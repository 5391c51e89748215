"""Cutting bytes at lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.core import lines

DATA = st.lists(st.one_of(st.binary(max_size=20), st.just(b"\n"), st.just(b'\n{"k":1}\n')), max_size=40).map(b"".join)


@given(DATA)
def test_complete_is_up_to_the_last_newline(data):
    """And nothing where there is none."""
    whole = lines.complete(data)
    assert b"\n" not in data[whole:]
    assert whole == 0 or data[whole - 1] == 10


@given(DATA, st.integers(1, 30))
def test_a_cut_ends_a_line_and_is_not_empty(data, limit):
    """Else a reader would stand still."""
    end = lines.cut(data, limit)
    assert 0 <= end <= lines.complete(data)
    assert end == 0 or data[end - 1] == 10
    assert (end > 0) == (lines.complete(data) > 0)


@given(DATA, st.integers(1, 50))
def test_pieces_and_lines_lose_nothing(data, size):
    """Put together they are the data."""
    parts = list(lines.pieces(data, size))
    assert b"".join(part for _, part in parts) == data
    assert all(data[start : start + len(part)] == part for start, part in parts)
    found = list(lines.each(data))
    assert [text for _, text in found] == [text for text in data.split(b"\n") if text]
    assert all(data[start : start + len(text)] == text for start, text in found)
