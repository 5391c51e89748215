"""Law 2 and law 3: whatever is killed, and whenever, a call that had returned is in the store, once, in order."""

from __future__ import annotations

import os
import random

import pytest
from harness import rounds

SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)


def campaign(home, folder, count, seed):
    """Rounds, then the comparison. The seed is in the message of whatever fails."""
    print(f"FAULT_SEED={seed}")
    chaos = rounds.Campaign(home, folder, seed)
    try:
        for _ in range(count):
            chaos.round()
        compared = chaos.settle()
    finally:
        chaos.close()
    print(f"{count} rounds, killed {chaos.killed}, {compared} records compared")
    assert compared > 0
    return chaos


@pytest.mark.timeout(600)
def test_nothing_is_lost_or_doubled_when_script_front_keeper_and_agent_are_killed_at_random(home, tmp_path):
    """Dozens of kills: after one more agent start every returned call is there, once, in order, and every run has ended."""
    chaos = campaign(home, tmp_path, 24, SEED)
    assert sum(chaos.killed.values()) >= 24
    assert chaos.killed["agent"] > 0


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(10))
def test_nothing_is_lost_or_doubled_in_hundreds_of_kills(home, tmp_path, part):
    """The same, ten homes, hundreds of kills."""
    campaign(home, tmp_path, 40, SEED + part)
