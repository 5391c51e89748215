"""What `outrider run` adds to the time of a command, from its start to its exit, with no agent in the way."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from benchmarks.figures import Figure, median

START_AND_EXIT_MS = 60
CAT_TIMES, PRINT_TIMES = 1.3, 1.15
# A megabyte of text every hundredth of a second, or as fast as it goes where that is slower.
PACED = """
import os, sys, time
data = b"loss 0.12345678\\n" * 62500
began = time.monotonic()
for i in range(int(sys.argv[1])):
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest):]
    time.sleep(max(0.0, began + (i + 1) / 100 - time.monotonic()))
"""
RUN = [sys.executable, "-m", "outrider", "run", "--no-agent", "--"]


def drained(command, environment):
    """Seconds until the command has ended and its output was read to its end."""
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, bufsize=0) as process:
        while process.stdout.read(1 << 16):
            pass
    return time.perf_counter() - began


def seconds(command, environment):
    began = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def measure(short):
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "OUTRIDER_HOME": home}
        environment.pop("PYTHONUNBUFFERED", None)
        return [*start_and_exit(environment, 8 if short else 30), *output(environment, short)]


def start_and_exit(environment, rounds):
    """The front is a Python process too: no wrapper in Python starts quicker than one."""
    own_start = [sys.executable, "-c", "pass"]
    for what, command in [("true", ["true"]), ("python -c pass", own_start)]:
        rows = [[seconds(one, environment) for one in ([*RUN, *command], command, own_start)] for _ in range(rounds)]
        wrapper, bare, start = (median(column) * 1000 for column in zip(*rows, strict=True))
        name = f"outrider run -- {what}: start to exit above bare"
        yield Figure(name, wrapper - bare, "ms", START_AND_EXIT_MS, start, "(a Python process)")


def output(environment, short):
    """Through a pipe to a reader, tracked and bare in turn; times are of whole commands, their start included."""
    megabytes, lines = (100, 200_000) if short else (300, 1_000_000)
    paced = [sys.executable, "-c", PACED, str(megabytes)]
    relayed = ["sh", "-c", 'exec "$@" | cat', "sh", *paced]
    script = [sys.executable, "-c", f"for i in range({lines}): print('line', i, 'loss', 0.25)"]
    for what, command, floor, floor_is, bar in [
        (f"{megabytes} MB at 100 MB/s", paced, relayed, "(through cat)", CAT_TIMES),
        (f"a script that prints {lines:,} lines", script, script, "(bare)", PRINT_TIMES),
    ]:
        rows = [[drained(one, environment) for one in ([*RUN, *command], floor)] for _ in range(3)]
        tracked, without = (min(column) for column in zip(*rows, strict=True))
        yield Figure(f"outrider run -- {what}", tracked, "s", bar * without, without, floor_is)
