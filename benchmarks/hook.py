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

#: As `outrider run` hooks a process; the four set-ups turn about, so that a noisy machine reaches each.
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
        info, began = log.info, time.perf_counter_ns()
        for i in range(2000): info("epoch %d loss %.4f", i, i * 0.1)
        found[name].append((time.perf_counter_ns() - began) / 2000)
print(json.dumps({name: sorted(times)[len(times) // 2] for name, times in found.items()}))
"""


def records(python, rounds):
    """Microseconds a record above a NullHandler: (the hook's, a RunHandler's)."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "OUTRIDER_HOME": home, "OUTRIDER_RUN_ID": "bench", "OUTRIDER_KEEPER": "1"}
        command = [python, "-I", "-S", "-c", RECORDS, str(HANDLER), str(rounds)]
        found = json.loads(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    return (found["hook"] - found["null"]) / 1000, (found["handler"] - found["null"]) / 1000


def start(python):
    began = time.perf_counter()
    subprocess.run([python, "-c", "pass"], check=True)
    return (time.perf_counter() - began) * 1000


def starts(rounds):
    """Milliseconds to start and end a Python of an environment: (enabled, not)."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "OUTRIDER_HOME": os.path.join(folder, "home"), "PYTHONPATH": str(HANDLER)}
        for name in ("enabled", "bare"):
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", os.path.join(folder, name)], check=True)
        command = [sys.executable, "-m", "outrider", "enable", "--venv", os.path.join(folder, "enabled")]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        pythons = [os.path.join(folder, name, "bin", "python") for name in ("enabled", "bare")]
        found = [[start(python) for python in pythons] for _ in range(rounds + 1)]
        return [median(column) for column in zip(*found[1:], strict=True)]


def measure(short):
    rows = []
    for python in pythons()[: 1 if short else None]:
        hook, handler = records(python, 10 if short else 40)
        version = subprocess.run(
            [python, "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True, check=True
        )
        name = version.stdout.strip().rpartition(".")[0]
        rows.append(Figure(f"log record, unmodified script (hook), Python {name}", hook, "µs", handler * 1.15, handler, "(RunHandler)"))
    enabled, bare = starts(10 if short else 60)
    rows.append(Figure("python -c pass in an enabled environment, above bare", enabled - bare, "ms", 1, bare, "(bare)"))
    return rows
