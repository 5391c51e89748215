"""What `outrider run` costs a command that prints much: how long until the last byte has reached a reader, beside the bare command."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.figures import Figure, median

MB = 1_000_000
PACED = """
import os, sys, time
piece = b"epoch 1 step 12345 loss 0.123456789 accuracy 0.987654321 lr 1e-3\\n" * 970
began, sent, rate, total = time.perf_counter(), 0, float(sys.argv[1]), int(sys.argv[2])
while sent < total:
    sent += os.write(1, piece)
    ahead = sent / rate - (time.perf_counter() - began)
    if ahead > 0.002:
        time.sleep(ahead)
"""
LINES = "for i in range(int({lines})): print('step', i, 'loss', 0.25)"
RUN = [sys.executable, "-m", "outrider", "run", "--no-agent", "--"]


def seconds(command, reader):
    """From the start to the end of command and reader."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "OUTRIDER_HOME": home}
        began = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as writer:
            subprocess.run(reader, stdin=writer.stdout, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - began


def compared(command, rounds):
    """(tracked, bare) seconds through `cat`."""
    rows = [(seconds([*RUN, *command], ["cat"]), seconds(command, ["cat"])) for _ in range(rounds)]
    return tuple(median(column) for column in zip(*rows, strict=True))


def measure(short):
    rounds, size = (3, 100) if short else (7, 300)
    tracked, bare = compared([sys.executable, "-c", PACED, str(100 * MB), str(size * MB)], rounds)
    found = [Figure("100 MB/s through outrider run into cat: time over bare", tracked / bare, "x", 1.3)]
    fast, _ = compared([sys.executable, "-c", PACED, "1e12", str(size * MB)], rounds)
    found.append(Figure("the most that passes through outrider run", size / fast, "MB/s", higher_is_better=True))
    tracked, bare = compared([sys.executable, "-c", LINES.format(lines=1e6)], rounds)
    found.append(Figure("a script that prints 1 million lines: time over bare", tracked / bare, "x", 1.15))
    return found
