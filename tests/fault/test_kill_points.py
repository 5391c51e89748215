"""Law 3 at the worst moments: the agent dies at a named point between reading and committing, or around the deletion of a segment."""

from __future__ import annotations

import signal

import pytest
from harness import agents, oracle

from outrider_agent.store import reading

POINTS = ["after_read", "before_begin", "after_insert", "before_commit", "after_commit", "before_segment_delete", "after_segment_delete"]


@pytest.mark.parametrize("point", POINTS)
def test_an_agent_that_dies_twice_at_the_same_point_loses_and_doubles_nothing(home, tmp_path, point):
    """Two agents in a row die at the point, at once and in the middle of their work; the third brings everything, once, in order."""
    bursts = []
    for time in (1, 4):
        bursts.append(oracle.burst(home, tmp_path, 3_000, processes=2))
        agent = agents.Agent(home, "--set", "ship.batch_bytes=65536", OUTRIDER_CRASH_AT=f"{point}:{time}")
        try:
            code = agent.wait_dead()
        finally:
            agent.kill()
        assert code == -signal.SIGKILL, agent.said()
    with agents.running(home):
        agents.flush(home)
        reader = reading.Reader(home / "outrider.db")
        try:
            assert [oracle.check(reader, counters) for counters in bursts] == [3 * 2 * 3_000] * 2
        finally:
            reader.close()
