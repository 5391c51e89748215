"""What `outrider run` adds to the time of a command, from its start to its exit, with no agent in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.figures import Figure, median

START_AND_EXIT_MS = 60
RUN = [sys.executable, "-m", "outrider", "run", "--no-agent", "--"]


def seconds(command, environment):
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(short):
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "OUTRIDER_HOME": home}
        environment.pop("PYTHONUNBUFFERED", None)
        return list(start_and_exit(environment, 8 if short else 30))


def start_and_exit(environment, rounds):
    """The front is a Python process too: no wrapper in Python starts quicker than one."""
    own_start = [sys.executable, "-c", "pass"]
    for what, command in [("true", ["true"]), ("python -c pass", own_start)]:
        rows = [[seconds(one, environment) for one in ([*RUN, *command], command, own_start)] for _ in range(rounds)]
        wrapper, bare, start = (median(column) * 1000 for column in zip(*rows, strict=True))
        name = f"outrider run -- {what}: start to exit above bare"
        yield Figure(name, wrapper - bare, "ms", START_AND_EXIT_MS, start, "(a Python process)")
