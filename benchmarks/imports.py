"""What `import outrider` adds to a script that imports logging anyway."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.figures import Figure, median

CODE = "import logging, time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def seconds(module):
    done = subprocess.run([sys.executable, "-c", CODE.format(module)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(short):
    rounds = 15 if short else 60
    seconds("outrider")  # compiles it
    pairs = [(seconds("outrider"), seconds("colorsys")) for _ in range(rounds)]
    ours, floor = (median(column) * 1000 for column in zip(*pairs, strict=True))
    return [Figure("import outrider above import logging", ours, "ms", 10, floor, "(a small module of the standard library)")]
