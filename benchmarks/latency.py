"""From run.log() and from a flushed print() to visible in the store, as somebody sees it who looks every 10 ms."""

from __future__ import annotations

import bisect
import sqlite3
import subprocess
import sys
import time

from benchmarks import agents
from benchmarks.figures import Figure, percentile

# Values and lines are the moments of the calls; the pauses do not beat with the agent's own.
SCRIPT = """
import outrider, random, sys, time
run = outrider.start_run("latency")
for i in range(int(sys.argv[1])):
    run.log("sent", time.time_ns(), step=i)
    print(time.time_ns(), flush=True)
    time.sleep(random.uniform(0.0, 0.06))
"""

SEEN = """SELECT (SELECT count FROM series WHERE name = 'sent'), (SELECT max("offset" + length(data)) FROM console WHERE fd = 1)"""


def watch(home, process):
    """How many points and console bytes were there, and when: until the script has ended and all of it is there."""
    connection = sqlite3.connect(f"file:{home}/outrider.db?mode=ro", uri=True, isolation_level=None)
    seen = []
    patience = None
    while patience is None or time.monotonic() < patience:
        points, size = connection.execute(SEEN).fetchone()
        seen.append((time.time_ns(), points or 0, size or 0))
        if process.poll() is not None and patience is None:
            patience = time.monotonic() + 3
        time.sleep(0.01)
    return connection, seen


def delays(seen, column, sent):
    """For each (sent at, count or offset it ends at): seconds until that much was first there."""
    levels = [row[column] for row in seen]
    return [(seen[bisect.bisect_left(levels, end)][0] - at) / 1e9 for at, end in sent]


def printed(connection):
    """The lines' moments and where each ends in stdout."""
    text = b"".join(bytes(data) for (data,) in connection.execute('SELECT data FROM console WHERE fd = 1 ORDER BY "offset"'))
    end, found = 0, []
    for line in text.splitlines(keepends=True):
        end += len(line)
        found.append((int(line), end))
    return found


def measure(short):
    calls = 150 if short else 1000
    with agents.running() as (home, _):
        agents.wait((home / "outrider.db").exists)
        command = [sys.executable, "-m", "outrider", "run", "--no-agent", "--", sys.executable, "-c", SCRIPT, str(calls)]
        process = subprocess.Popen(command, env=agents.environment(home), stdout=subprocess.DEVNULL)
        connection, seen = watch(home, process)
        agents.flush(home)
        values = [int(value) for (value,) in connection.execute("SELECT value FROM points_view WHERE name = 'sent' ORDER BY ordinal")]
        found = []
        for what, times in [
            ("run.log() to visible in the store", delays(seen, 1, [(at, index + 1) for index, at in enumerate(values)])),
            ("flushed print() to visible in the store", delays(seen, 2, printed(connection))),
        ]:
            if len(times) != calls:
                raise AssertionError(f"{what}: {len(times)} of {calls} came")
            found += [Figure(f"{what}, p50", percentile(times, 50), "s", 0.5), Figure(f"{what}, p99", percentile(times, 99), "s", 2.0)]
        connection.close()
    return found
