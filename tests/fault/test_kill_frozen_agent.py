"""Law 3 with two agents: one is frozen in the middle of its work, another takes its place, the first wakes up again."""

from __future__ import annotations

import signal
import subprocess

import pytest
from harness import agents, oracle
from waiting import until

from outrider_agent.store import reading

#: How many records come before the first agent is frozen, and again before it wakes up, and after that.
PART = 10_000


def start_scribbling(home, counters):
    """A script that logs until it is killed."""
    command = oracle.command(counters, 0, "handler")
    return subprocess.Popen(command, env=agents.environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("hide_lock", [False, True], ids=["lock seen", "lock not seen"])
def test_a_frozen_agent_that_wakes_up_beside_its_successor_loses_and_doubles_nothing(home, tmp_path, hide_lock):
    """
    The second may refuse to start or take over; the first, awake again, must not commit what the second has.

    With the lock's file gone, as on a disk whose locks do not reach the other machine, only the store's owner token stands between.
    """
    counters = oracle.Counters(tmp_path / "counters", 1)
    with agents.running(home) as first:
        script = start_scribbling(home, counters)
        second = None
        try:
            until(lambda: counters.total > PART, message="the script did not log")
            first.send(signal.SIGSTOP)
            if hide_lock:
                (home / "agent.lock").unlink()
            second = agents.Agent(home)
            # Until then the script rests: what it logs meanwhile proves nothing, and millions of records take their time.
            script.send_signal(signal.SIGSTOP)
            until(lambda: not second.alive or agents.answers(home), 60, "the second agent neither started nor said why not")
            script.send_signal(signal.SIGCONT)
            goal = counters.total + PART
            until(lambda: counters.total > goal, message="the script did not log on")
            first.send(signal.SIGCONT)
            goal = counters.total + PART
            until(lambda: counters.total > goal, message="the script did not log on")
        finally:
            script.kill()
            script.wait()
            first.kill()
            if second is not None:
                second.kill()
    with agents.running(home):
        agents.flush(home)
        reader = reading.Reader(home / "outrider.db")
        try:
            assert oracle.check(reader, counters) > 3 * PART
        finally:
            reader.close()
