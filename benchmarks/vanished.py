"""From SIGKILL of a script to its end in the store, as somebody sees it who looks every 10 ms."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time

from benchmarks import agents
from benchmarks.figures import Figure, median

SCRIPT = """
import os, outrider, sys
outrider.start_run("killed").log("x", 1)
print(os.environ["OUTRIDER_RUN_ID"], flush=True)
sys.stdin.read()
"""


def ended(connection):
    """The runs that have their end."""
    return {run for (run,) in connection.execute("SELECT run_id FROM runs WHERE reason = 'vanished'")}


def delays(home, living):
    """Kills each at a moment of its own; seconds until the store has its end, of each."""
    connection = sqlite3.connect(f"file:{home}/outrider.db?mode=ro", uri=True, isolation_level=None)
    when = {run: time.monotonic() + random.uniform(0.0, 5.0) for run in living}
    killed, seen = {}, {}
    while len(seen) < len(living):
        now = time.monotonic()
        for run in [run for run in living if run not in killed and when[run] <= now]:
            living[run].kill()
            living[run].wait()
            killed[run] = time.monotonic()
        seen.update({run: time.monotonic() for run in ended(connection) - seen.keys()})
        if now > max(when.values()) + 60:
            raise TimeoutError(f"{len(living) - len(seen)} of {len(living)} did not end")
        time.sleep(0.01)
    connection.close()
    return [seen[run] - killed[run] for run in living]


def measure(short):
    with agents.running() as (home, _):
        living = {}
        try:
            for _ in range(5 if short else 20):
                given = {"env": agents.environment(home), "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
                process = subprocess.Popen([sys.executable, "-c", SCRIPT], **given)
                living[process.stdout.readline().strip() or process.pid] = process
            agents.flush(home)
            found = delays(home, living)
        finally:
            for process in living.values():
                process.kill()
                process.communicate()
    return [
        Figure("SIGKILL of a script to its end in the store, median", median(found), "s"),
        Figure(f"the latest of {len(found)}", max(found), "s", 5.0),
    ]
