"""
What a call in the script costs: `benchmarks/handler.py` as a program, on each Python that is found, put into the table.

The peers (trackio, wandb offline, TensorBoard) are measured in the same process as ours where `make peers` has installed them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.figures import Figure

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
VERSIONS = ("3.11", "3.12", "3.13")


def pythons():
    """The interpreter of the peers, else this one; and those that a version manager keeps in the home folder."""
    found = [str(PEERS) if PEERS.exists() else sys.executable]
    seen = {f"{sys.version_info.major}.{sys.version_info.minor}"}
    for version in VERSIONS:
        for candidate in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")):
            if version not in seen:
                found.append(str(candidate))
                seen.add(version)
    return found


def run(python, repeats):
    """One measurement: the dict that handler.py prints. Its exit code says whether its bars hold; that is the table's to say."""
    command = [python, str(ROOT / "benchmarks" / "handler.py"), "--json", "--repeats", str(repeats)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]  # peers print, too
    if not found:
        raise RuntimeError(done.stderr)
    return json.loads(found[-1])


def ratios(result):
    """The two bars of one Python."""
    python, ns = result["python"].rpartition(".")[0], result["ns"]
    of_file = (ns["file"] - ns["null"]) / 1000
    of_call = ns["floor"] / 1000
    return [
        Figure(
            f"log record, RunHandler above NullHandler, Python {python}",
            of_file * result["handler_to_file"],
            "µs",
            of_file * 0.9,
            of_file,
            "(FileHandler)",
        ),
        Figure(f"run.log, Python {python}", of_call * result["log_to_floor"], "µs", of_call * 1.5, of_call, "(time, format, write)"),
    ]


def spreads(result):
    """Single calls, ours and the peers', as one sees them in a script."""
    for name, found in {"run.log": result["log"], **result["peers"]}.items():
        for what in ("median", "p99", "max"):
            yield Figure(f"one call of {name}, {what}", found[f"{what}_us"], "µs")


def measure(short):
    results = [run(python, 8 if short else 40) for python in pythons()[: 1 if short else None]]
    return [*(figure for result in results for figure in ratios(result)), *spreads(results[0])]
