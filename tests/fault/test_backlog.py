"""A backlog of tens of millions of records, as after a weekend without an agent: memory stays O(batch), and nothing is missing."""

from __future__ import annotations

import os
import time

import pytest
from harness import agents
from spoolfiles import StreamFiles, line
from waiting import until

from outrider_agent.store import reading

RECORDS = int(os.environ.get("OUTRIDER_TEST_BACKLOG", "50000000"))
SEGMENT = 1_000_000
NAMES = 10
PEAK_KIB = 120 * 1024


def write_backlog(home, records):
    """One dead writer's segments, ten metrics in turn."""
    stream = StreamFiles(home / "spool", "backlog", "py-1-aaaaaaaa", own=True, exp="backlog")
    now = time.time_ns()
    for first in range(0, records, SEGMENT):
        if first:
            stream.rotate()
        many = range(first, min(first + SEGMENT, records))
        stream.append(
            "".join(f'\n{{"k":"m","t":{now + i},"n":"m{i % NAMES}","v":{i * 0.5},"s":{i // NAMES}}}\n' for i in many).encode("ascii")
        )
    stream.append(line("end", t=now + records, status="Completed", reason="completed"))
    stream.die()


def peak_kib(pid):
    """The largest resident set of a process so far."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(found.split()[1]) for found in file if found.startswith("VmHWM"))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_backlog_of_fifty_million_records_is_taken_in_bounded_memory(home):
    """Law 5: memory is O(batch), whatever the backlog."""
    write_backlog(home, RECORDS)
    began = time.monotonic()
    with agents.running(home) as agent:
        reader = reading.Reader(home / "outrider.db")
        try:
            until(lambda: any(run.status == "Completed" for run in reader.runs()), timeout=3000, message="the run's end is in the store")
            took, peak = time.monotonic() - began, peak_kib(agent.process.pid)
            assert {series.name: series.count for series in reader.series("backlog")} == {f"m{i}": RECORDS // NAMES for i in range(NAMES)}
        finally:
            reader.close()
    print(f"{RECORDS:,} records in {took:.0f} s ({RECORDS / took:,.0f}/s), peak {peak / 1024:.0f} MiB")
    assert peak < PEAK_KIB
