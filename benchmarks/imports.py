"""What `import outrider` adds to a script that imports logging anyway, and what `import azureml.core` costs through the finder."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.figures import Figure, median

AZUREML = """
import time
t = time.perf_counter()
import outrider.azureml
import azureml.core
from azureml.core import Experiment, Run, Workspace
print(time.perf_counter() - t)
"""
CODE = "import logging, time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module):
    done = subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def azureml():
    done = subprocess.run([sys.executable, "-c", AZUREML], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(short):
    rounds = 15 if short else 60
    seconds("outrider")  # compiles it
    pairs = [(seconds("outrider"), seconds("colorsys")) for _ in range(rounds)]
    ours, floor = (median(column) * 1000 for column in zip(*pairs, strict=True))
    azureml()  # compiles it
    legacy = median([azureml() for _ in range(rounds)]) * 1000
    return [
        Figure("import outrider above import logging", ours, "ms", 10, floor, "(a small module of the standard library)"),
        Figure("import azureml.core through ours, with Run, Experiment, Workspace", legacy, "ms", 50, floor, "(the original: 420 ms)"),
    ]
