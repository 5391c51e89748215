"""What an agent costs that has 100 open runs and nothing to do."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks import agents
from benchmarks.figures import Figure
from outrider import spool

RUNS = 100


def cpu_seconds(pid):
    """User and system time of a process and its reaped children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def open_runs(home):
    """Runs as live scripts have them: locked streams, a few records each, an outputs folder that exists."""
    writers = []
    for index in range(RUNS):
        outputs = home / "outputs" / str(index)
        outputs.mkdir(parents=True)
        writer = spool.Writer(str(home), spool.new_run_id(), owner=True, experiment="idle")
        now = time.time_ns()
        writer.append(spool.line({"k": "run", "t": now, "experiment": "idle", "outputs": [str(outputs)]}))
        writer.append(spool.line({"k": "m", "t": now, "n": "loss", "v": 0.5, "s": 1}))
        writers.append(writer)
    return writers


def measure(short):
    seconds = 10 if short else 30
    with agents.running() as (home, process):
        writers = open_runs(home)
        agents.flush(home)
        time.sleep(5)  # whatever follows a flush is not idling
        before, began = cpu_seconds(process.pid), time.monotonic()
        time.sleep(seconds)
        share = 100 * (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
        for writer in writers:
            writer.close()
    return [Figure(f"agent idle with {RUNS} open runs", share, "% of a core", 0.5)]
