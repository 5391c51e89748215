"""How long `submit` takes for a folder of 1,000 files, in a process of its own each time: with its imports, until it returns."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks.figures import Figure, median

FILES = 1_000
LINES = 120
CODE = """
import sys, time
began = time.perf_counter()
from outrider import _submit, _script_config
spec = _submit.prepare("bench", _script_config.ScriptRunConfig(sys.argv[1], "train.py"))
_submit.start(spec)
print(time.perf_counter() - began, spec["run"])
"""


def project(folder):
    """Modules of some 8 kB, in 20 folders."""
    chance = random.Random(1)
    for number in range(FILES - 1):
        path = folder / f"part{number % 20}" / f"module{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"x{chance.random()} = {chance.random()}\n" for _ in range(LINES)))
    (folder / "train.py").write_text("print('done')\n")


def one(folder, home):
    """Seconds until it returned; ends when its run has."""
    environ = {**os.environ, "OUTRIDER_HOME": str(home), "OUTRIDER_AGENT_AUTOSTART": "0"}
    done = subprocess.run([sys.executable, "-c", CODE, str(folder)], capture_output=True, text=True, check=True, env=environ)
    seconds, run = done.stdout.split()
    streams = home / "spool" / run
    while not any(b'{"k":"end"' in path.read_bytes() for path in streams.glob("keeper-*/*.ndjson")):
        time.sleep(0.02)
    return float(seconds)


def zipping(folder, target):
    """Seconds that zipping alone takes."""
    began = time.perf_counter()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(folder.rglob("*.py")):
            archive.write(path, path.relative_to(folder))
    return time.perf_counter() - began


def measure(short):
    rounds = 3 if short else 11
    with tempfile.TemporaryDirectory(prefix="outrider-") as name:
        folder, home = Path(name, "project"), Path(name, "home")
        folder.mkdir()
        project(folder)
        pairs = [(one(folder, home), zipping(folder, Path(name, "floor.zip"))) for _ in range(rounds)]
    ours, floor = (median(column) for column in zip(*pairs, strict=True))
    return [Figure(f"submit of a folder of {FILES:,} files, until it returns", ours, "s", 0.5, floor, "(zipping them)")]
