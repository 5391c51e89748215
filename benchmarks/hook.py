"""What an unmodified script pays: a record under the hook beside a RunHandler's, and a Python's start in an environment that is enabled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.calls import pythons
from benchmarks.figures import Figure, median

HANDLER = Path(__file__).resolve().parents[1] / "handler"

#: As `outrider run` hooks a process. The set-ups turn about, every few milliseconds, so that a noisy machine reaches each; the ratio is the
#: median of the rounds' own. The thread's time, for what other processes do is nobody's cost.
RECORDS = """
import json, logging, os, sys, time
sys.path.insert(0, sys.argv[1])
from outrider import RunHandler, _hook
bare = logging.Logger.filter
_hook.install(logging)
hooked = logging.Logger.filter
null, ours = logging.NullHandler(), RunHandler()
root, log = logging.getLogger(), logging.getLogger("train")
root.setLevel("INFO")
setups = {"null": (bare, [null]), "handler": (bare, [null, ours]), "hook": (hooked, [null])}
found = {name: [] for name in setups}
for _ in range(int(sys.argv[2])):
    for name, (logging.Logger.filter, root.handlers) in setups.items():
        info, began = log.info, time.thread_time_ns()
        for i in range(500): info("epoch %d loss %.4f", i, i * 0.1)
        found[name].append((time.thread_time_ns() - began) / 500)
median = lambda values: sorted(values)[len(values) // 2]
null, hook, handler = found["null"], found["hook"], found["handler"]
above = median([b - a for a, b in zip(null, handler)])
print(json.dumps([above * median([(c - a) / (b - a) for a, b, c in zip(null, handler, hook)]), above]))
"""


def records(python, rounds):
    """Microseconds a record above a NullHandler: (the hook's, a RunHandler's)."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "OUTRIDER_HOME": home, "OUTRIDER_RUN_ID": "bench", "OUTRIDER_KEEPER": "1"}
        command = [python, "-I", "-S", "-c", RECORDS, str(HANDLER), str(rounds)]
        hook, handler = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    return hook / 1000, handler / 1000


def start(python):
    began = time.perf_counter()
    subprocess.run([python, "-c", "pass"], check=True)
    return (time.perf_counter() - began) * 1000


def starts(rounds):
    """Milliseconds to start and end a Python of an environment: (what an enabled one takes more, pair by pair; one that is not)."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OUTRIDER_HOME": os.path.join(folder, "home"), "PYTHONPATH": str(HANDLER)}
        for name in ("enabled", "bare"):
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", os.path.join(folder, name)], check=True)
        command = [sys.executable, "-m", "outrider", "enable", "--venv", os.path.join(folder, "enabled")]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        pythons = [os.path.join(folder, name, "bin", "python") for name in ("enabled", "bare")]
        found = [[start(python) for python in pythons] for _ in range(rounds + 1)]
        return median([enabled - bare for enabled, bare in found[1:]]), median([bare for _, bare in found[1:]])


def measure(short):
    rows = []
    for python in pythons()[: 1 if short else None]:
        hook, handler = records(python, 40 if short else 200)
        version = subprocess.run(
            [python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True, check=True
        )
        name = version.stdout.strip().rpartition(".")[0]
        rows.append(Figure(f"log record, unmodified script (hook), Python {name}", hook, "µs", handler, handler, "(RunHandler)"))
    more, bare = starts(10 if short else 60)
    rows.append(Figure("python -c pass in an enabled environment, above bare", more, "ms", 1, bare, "(bare)"))
    return rows
