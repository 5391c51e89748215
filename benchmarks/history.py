"""
What asking of the past takes: `get_metrics()` of a million points, however they were logged, and of a parent with 300 children; a list of
10,000 runs. From the spool, and from an agent's store.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import agents
from benchmarks.figures import Figure

CHILDREN = 300
RUNS = 10_000
MILLION = "get_metrics() of {:,} points"
FAMILY = f"get_metrics(recursive=True) of a parent with {CHILDREN} children"
LISTED = "get_metrics() of {:,} points in lists of 250"
ROWS = "get_metrics() of {:,} points in rows of 4"
ONE_BY_ONE = f"the same, child by child: get_children() and get_metrics() of {CHILDREN}"

WRITE = """
import sys, outrider
run = outrider.start_run("million", run_id="million", outputs=False)
for step in range(int(sys.argv[1])):
    run.log("loss", step * 0.001, step)
run.complete()
points = int(sys.argv[1])
lists = outrider.Experiment(None, "ways").start_logging(run_id="lists", outputs=False, snapshot_directory=None)
for start in range(0, points, 250):
    lists.log_list("loss", [step * 0.001 for step in range(start, start + 250)])
lists.complete()
rows = outrider.Experiment(None, "ways").start_logging(run_id="rows", outputs=False, snapshot_directory=None)
for step in range(points // 4):
    rows.log_row("wave", step=step, angle=step * 0.1, cos=step * 0.01, sin=step * 0.001)
rows.complete()
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
    seconds(Run.get(None, "lists").get_metrics),
    seconds(Run.get(None, "rows").get_metrics),
]))
"""
MANY = """
import json, os, sys, time
from outrider import Experiment, spool
home, now = os.environ["OUTRIDER_HOME"], time.time_ns()
point = '{"k":"m","t":%d,"n":"loss","v":0.5,"s":1}' % now
for number in range(int(sys.argv[1])):
    folder = os.path.join(home, "spool", f"run-{number}", f"py-{number}-0")
    os.makedirs(folder)
    head = {"k": "head", "v": 1, "run": f"run-{number}", "w": f"py-{number}-0", "seg": 0, "t": now + number, "exp": "many", "own": True}
    run = {"k": "run", "t": now, "experiment": "many", "name": "train.py", "command": ["python", "train.py"], "cwd": home}
    end = {"k": "end", "t": now, "status": "Completed", "reason": "completed"}
    lines = [json.dumps(head, separators=(",", ":")), json.dumps(run, separators=(",", ":")), *[point] * 100]
    with open(os.path.join(folder, "00000000.ndjson"), "w") as file:
        file.write("".join(f"\\n{text}\\n" for text in [*lines, json.dumps(end, separators=(",", ":"))]))
began = time.perf_counter()
assert len(list(Experiment(None, "many").get_runs())) == int(sys.argv[1])
print(time.perf_counter() - began)
"""


def python(home, code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=agents.environment(home), capture_output=True, text=True, check=True).stdout


def figures(measured, points, where):
    names = [MILLION.format(points), FAMILY, ONE_BY_ONE, LISTED.format(points), ROWS.format(points)]
    return [Figure(f"{name}, {where}", value, "s", 1.0) for name, value in zip(names, measured, strict=True)]


def measure(short):
    points = 200_000 if short else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        python(home, WRITE, points, CHILDREN)
        found = figures(json.loads(python(home, READ)), points, "from the spool")
    with tempfile.TemporaryDirectory() as folder:
        runs = RUNS // 10 if short else RUNS
        found.append(Figure(f"a list of {runs:,} runs of 100 points, from the spool", float(python(Path(folder), MANY, runs)), "s"))
    with agents.running() as (home, _):
        python(home, WRITE, points, CHILDREN)
        agents.flush(home)
        return found + figures(json.loads(python(home, READ)), points, "from the agent")
