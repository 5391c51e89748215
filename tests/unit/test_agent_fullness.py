"""The spool's `full` flag: set at the cap or the reserve, cleared with a margin, measured over real files."""

from __future__ import annotations

import json

import pytest

from outrider_agent.ship import fullness


@pytest.fixture
def spool(home):
    path = home / "spool"
    path.mkdir(parents=True)
    return path


def fill(spool, size):
    folder = spool / "r1" / "py-1-0a"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "00000000.ndjson").write_bytes(b"x" * size)


def test_the_flag_is_set_above_the_cap_and_cleared_well_below_it(spool):
    """Rule: hysteresis: at 90 % of the cap it goes, not earlier."""
    subject = fullness.Fullness(spool, max_bytes=10_000, reserve_bytes=0)
    for size, full in [(9_000, False), (10_001, True), (9_900, True), (8_000, False), (9_900, False)]:
        fill(spool, size)
        assert subject.look().full is full
        assert (spool / "full").exists() is full


def test_the_flag_says_why(spool):
    """Rule: whoever finds it can read what it means."""
    fill(spool, 20_000)
    measured = fullness.Fullness(spool, max_bytes=10_000, reserve_bytes=0).look()
    assert json.loads((spool / "full").read_text())["why"] == measured.why == "the spool holds 20,000 bytes, its cap is 10,000"


def test_too_little_free_disk_is_full_too(spool):
    """Rule: the reserve of the disk counts, whatever the spool holds."""
    measured = fullness.Fullness(spool, max_bytes=1 << 40, reserve_bytes=1 << 60).look()
    assert measured.full
    assert "are kept free" in measured.why
    assert not fullness.Fullness(spool, max_bytes=1 << 40, reserve_bytes=0).look().full


def test_the_next_agent_clears_what_the_last_one_set(spool):
    """Rule: the file is the state; nothing else remembers."""
    (spool / "full").touch()
    assert not fullness.Fullness(spool, max_bytes=1 << 40, reserve_bytes=0).look().full
    assert not (spool / "full").exists()
