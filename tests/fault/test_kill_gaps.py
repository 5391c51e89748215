"""Law 5, exactly once: what a dead writer refused is told by one gap, whoever dies between the gap and its mark."""

from __future__ import annotations

import json
import signal

from harness import agents
from spoolfiles import StreamFiles, line
from waiting import until

from outrider_agent.store import reading


def test_agents_that_die_between_a_gap_and_its_mark_tell_it_once(home):
    """Two writers that refused, two agents in a row that die right after a gap; the third says nothing more of it."""
    owner = StreamFiles(home / "spool", "r1", "py-1-aaaaaaaa")
    worker = StreamFiles(home / "spool", "r1", "py-2-bbbbbbbb", own=False)
    owner.append(line("end", status="Completed", reason="completed"))
    for number, one in enumerate((owner, worker), 1):
        block = {"v": 1, "refused": 7 * number, "refused_bytes": 700, "gapped": 0, "why": "disk full", "since": 5}
        (one.folder / "lock").write_text(json.dumps(block).ljust(4096))
        one.die()
    for _ in range(2):
        agent = agents.Agent(home, OUTRIDER_CRASH_AT="after_gap:1")
        try:
            assert agent.wait_dead() == -signal.SIGKILL, agent.said()
        finally:
            agent.kill()
    with agents.running(home):
        until(lambda: not (home / "spool" / "r1").exists(), message="the run is not given back")
        reader = reading.Reader(home / "outrider.db")
        try:
            assert sorted(gap.records for gap in reader.gaps("r1")) == [7, 14]
        finally:
            reader.close()
