"""Back-off: bounded, spread, and pure."""

from __future__ import annotations

import random
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.core import backoff

chances = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(base=st.floats(0.001, 10), factor=st.floats(1, 1000), drawn=st.lists(chances, min_size=1, max_size=50))
def test_every_delay_is_between_the_base_and_the_cap(base, factor, drawn):
    """Rule: never shorter than the base, never longer than the cap, whatever chance says."""
    subject = backoff.Backoff(base_s=base, cap_s=base * factor)
    for delay in islice(subject.delays(iter(drawn).__next__), len(drawn)):
        assert base <= delay * 1.000001
        assert delay <= base * factor


@given(previous=st.floats(0.2, 10), chance=chances)
def test_a_delay_is_at_most_three_times_the_one_before(previous, chance):
    """Rule: decorrelated jitter."""
    assert backoff.Backoff(base_s=0.2, cap_s=1000).following(previous, chance) <= 3 * previous


def test_the_delays_grow_to_the_cap_when_chance_is_high():
    """Rule: a sink that stays away is asked rarely."""
    delays = list(islice(backoff.Backoff(base_s=1, cap_s=20).delays(lambda: 0.999), 6))
    assert delays == sorted(delays)
    assert delays[-1] == 20


def test_two_who_failed_together_do_not_come_back_together():
    """Rule: chance spreads them."""
    subject = backoff.Backoff()
    one, other = (list(islice(subject.delays(random.Random(seed).random), 5)) for seed in (1, 2))
    assert one != other
