"""What `outrider run` adds to the time of a command, from its start to its exit, with no agent in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.figures import Figure, median


def seconds(command, environment):
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(short):
    rounds = 8 if short else 30
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "OUTRIDER_HOME": home}
        found = []
        for what, command in [("true", ["true"]), ("python -c pass", [sys.executable, "-c", "pass"])]:
            wrapped = [sys.executable, "-m", "outrider", "run", "--no-agent", "--", *command]
            own_start = [sys.executable, "-c", "pass"]  # the front is a Python process too: no wrapper in Python starts quicker
            rows = [[seconds(one, environment) for one in (wrapped, command, own_start)] for _ in range(rounds)]
            wrapper, bare, start = (median(column) * 1000 for column in zip(*rows, strict=True))
            found.append(
                Figure(f"outrider run -- {what}: start to exit above bare", wrapper - bare, "ms", None, start, "(a Python process)")
            )
        return found
