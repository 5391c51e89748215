"""
`outrider metrics RUN NAME --json` of a million points: how long it takes, the interpreter's start too, and in how much memory. And what a
command costs that people type often.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import agents, ingest
from benchmarks.figures import Figure, median

POINTS = 1_000_000
BAR_S = 3.0
BAR_MEMORY = 100


def printed(home):
    """Seconds, and the peak of its memory in MB."""
    command = [sys.executable, "-m", "outrider", "metrics", "bench", "loss0", "--json", "--no-agent"]
    with (Path(home) / "points.json").open("wb") as out:
        began = time.monotonic()
        process = subprocess.Popen(command, env=agents.environment(home), stdout=out, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        took = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    size = sum(1 for _ in (Path(home) / "points.json").open("rb"))
    if process.returncode or size != POINTS + 2:
        raise AssertionError(f"exit {process.returncode}, {size} lines")
    return took, used.ru_maxrss / 1024


def processor(home, *command):
    """Seconds of processor time that a command takes, start and imports and all."""
    before = os.times()
    subprocess.run(
        [sys.executable, *command], env=agents.environment(home), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def measure(short):
    rounds = 5 if short else 15
    with tempfile.TemporaryDirectory() as home:
        ingest.fill(home, POINTS, 1)
        ingest.deliver(home)
        took, memory = zip(*[printed(home) for _ in range(1 if short else 3)], strict=True)
        runs = median([processor(home, "-m", "outrider", "runs", "--no-agent") for _ in range(rounds)])
        floor = median([processor(home, "-c", "pass") for _ in range(rounds)])
    return [
        Figure("metrics NAME --json, 1 million points", min(took), "s", BAR_S),
        Figure("its memory", max(memory), "MB", BAR_MEMORY),
        Figure("outrider runs, processor time of all of it", runs, "CPU-s", 0.25, floor, "(a Python process)"),
    ]
