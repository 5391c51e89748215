"""What `get_metrics()` takes: of a million points, and of a parent with 300 children; from the spool, and from an agent's store."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import agents
from benchmarks.figures import Figure

CHILDREN = 300
MILLION = "get_metrics() of {:,} points"
FAMILY = f"get_metrics(recursive=True) of a parent with {CHILDREN} children"
ONE_BY_ONE = f"the same, child by child: get_children() and get_metrics() of {CHILDREN}"

WRITE = """
import sys, outrider
run = outrider.start_run("million", run_id="million", outputs=False)
for step in range(int(sys.argv[1])):
    run.log("loss", step * 0.001, step)
run.complete()
parent = outrider.Experiment(None, "family").start_logging(run_id="parent", outputs=False)
for number in range(int(sys.argv[2])):
    child = parent.child_run()
    child.log("mse", number / 3)
    child.log("alpha", number)
    child.complete()
parent.complete()
"""
READ = """
import json, time, outrider
from outrider import Run

def seconds(work):
    best = []
    for _ in range(3):
        began = time.perf_counter()
        work()
        best.append(time.perf_counter() - began)
    return min(best)

run, parent = Run.get(None, "million"), Run.get(None, "parent")
print(json.dumps([
    seconds(run.get_metrics),
    seconds(lambda: parent.get_metrics(recursive=True)),
    seconds(lambda: [child.get_metrics() for child in parent.get_children()]),
]))
"""


def python(home, code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=agents.environment(home), capture_output=True, text=True, check=True).stdout


def figures(measured, points, where):
    names = [MILLION.format(points), FAMILY, ONE_BY_ONE]
    return [Figure(f"{name}, {where}", value, "s", 1.0) for name, value in zip(names, measured, strict=True)]


def measure(short):
    points = 200_000 if short else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        python(home, WRITE, points, CHILDREN)
        found = figures(json.loads(python(home, READ)), points, "from the spool")
    with agents.running() as (home, _):
        python(home, WRITE, points, CHILDREN)
        agents.flush(home)
        return found + figures(json.loads(python(home, READ)), points, "from the agent")
