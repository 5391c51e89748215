"""The oracle itself: a judge that finds nothing wrong must be able to."""

from __future__ import annotations

import pytest
from harness import oracle


def pairs(*ids):
    return [(i, i) for i in ids]


@pytest.mark.parametrize("returned", [3, 2])
def test_every_returned_call_and_at_most_one_more_is_right(returned):
    """A call may have been written and its process killed before it was counted."""
    assert oracle.exact("x", pairs(1, 2, 3), returned) == 3


@pytest.mark.parametrize(
    ("found", "returned"),
    [
        (pairs(1, 2), 3),  # the last one is missing
        (pairs(1, 3), 3),  # one in the middle
        ([], 1),  # all of them
        (pairs(1, 2, 2, 3), 3),  # one is there twice
        (pairs(1, 3, 2), 3),  # out of order
        (pairs(1, 2, 3, 4, 5), 3),  # more than were ever made
        ([(1, 1), (2, 9)], 2),  # a step with another's value
    ],
)
def test_what_is_missing_doubled_or_out_of_order_fails(found, returned):
    """Each kind of damage, by itself."""
    with pytest.raises(AssertionError, match="calls returned"):
        oracle.exact("x", found, returned)
