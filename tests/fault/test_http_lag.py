"""Law 4 with real agents: a server that stays away costs the spool no more than `max_lag_bytes`, and what is skipped is a recorded gap."""

from __future__ import annotations

import contextlib

import servers
from harness import agents, oracle
from waiting import until

from outrider_agent.store import reading

MOST = 1 << 20


def held(home):
    """Bytes of the spool, of which the agent deletes while they are counted."""
    total = 0
    for path in (home / "spool").rglob("*.ndjson"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_a_server_that_stays_away_is_jumped_over_and_told_so_when_it_is_back(home, tmp_path):
    """The store beside it has everything; the server has everything but the gap, and the gap says how much that is."""
    server = servers.Server(tmp_path / "central")
    given = server.settings(OUTRIDER_SINKS_HTTP_MAX_LAG_BYTES=str(MOST), OUTRIDER_SHIP_RETENTION_INTERVAL_S="0.2")
    try:
        with agents.running(home, **given):
            found = oracle.burst(home, tmp_path, 15_000)
            assert held(home) > 2 * MOST
            agents.flush(home)
            until(lambda: held(home) < MOST + (1 << 18), 60, "the spool is held by a sink that is away")
            server.start().wait_ready()
            with reading.Reader(home / "outrider.db") as here, reading.Reader(server.home / "outrider.db") as there:
                assert oracle.check(here, found) == 3 * 15_000

                def arrived():
                    runs = there.runs(status="Completed")
                    return runs and runs[0].run_id

                run = until(arrived, 60, "the run's end is not on the server")
                gaps = there.gaps(run)
                points = len(there.points(run, "p0", "call")) + len(there.logs(run))
                assert all("bytes behind" in gap.why for gap in gaps)
                assert sum(gap.records for gap in gaps) > 0
                # The run's own few lines may be among what was skipped.
                assert 0 <= points + sum(gap.records for gap in gaps) - 2 * 15_000 <= 5
    finally:
        server.close()
