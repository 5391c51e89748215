"""The oracle: what the script counted against what the store's reader gives back. Missing, doubled, out of order: each fails."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import sys
from pathlib import Path

from harness import agents, script

SCRIPT = Path(script.__file__)


class Counters:
    """The shared memory of one run of the script."""

    def __init__(self, path, processes):
        self.path, self.processes = path, processes
        path.write_bytes(bytes(4096))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), 0)

    def _slot(self, index, field):
        return struct.unpack_from("Q", self.memory, script.HEADER + index * script.SLOT + 8 * field)[0]

    @property
    def run(self):
        """The run's id, None while the script has not started it."""
        path = Path(f"{self.path}.run")
        return path.read_text() or None if path.exists() else None

    @property
    def parent(self):
        """The pid of the script's parent (the keeper, under `outrider run`); 0 while unknown."""
        return struct.unpack_from("Q", self.memory, 0)[0]

    @property
    def pids(self):
        """The processes that have begun to log."""
        return [pid for pid in (self._slot(index, 0) for index in range(self.processes)) if pid]

    def calls(self, index):
        """How many metric calls and how many log calls of a process have returned."""
        return self._slot(index, 1), self._slot(index, 2)

    @property
    def total(self):
        return sum(sum(self.calls(index)) for index in range(self.processes))


def command(counters, calls, mode):
    """The script's command line, under `outrider run` when it is to stay unmodified."""
    own = [sys.executable, str(SCRIPT), str(counters.path), str(counters.processes), str(calls), mode]
    return own if mode == "handler" else [sys.executable, "-m", "outrider", "run", "--no-agent", "--", *own]


def burst(home, folder, calls, processes=1, mode="handler", **more):
    """The script makes its calls and ends in order."""
    counters = Counters(folder / f"counters-{os.urandom(4).hex()}", processes)
    subprocess.run(command(counters, calls, mode), env=agents.environment(home, **more), check=True, timeout=120)
    assert all(counters.calls(index) == (calls, calls) for index in range(processes))
    return counters


def check(reader, counters):
    """
    Every call that returned is in the store, once, in order.

    Of each process one call more may be there: written, but killed before it was counted.

    Returns how many records were compared.
    """
    if counters.run is None:
        return 0
    lines = {}
    for record in reader.logs(counters.run):
        if record.message.startswith("line "):
            lines.setdefault(record.logger, []).append(int(record.message[5:]))
    compared = 0
    for index in range(counters.processes):
        metrics, logs = counters.calls(index)
        name = f"p{index}"
        compared += exact(
            f"{counters.run} {name} calls", [(point.step, point.value) for point in points(reader, counters.run, name, "call")], metrics
        )
        compared += exact(
            f"{counters.run} {name} points of records", [(p.step, p.value) for p in points(reader, counters.run, name, "log")], logs
        )
        compared += exact(f"{counters.run} {name} log records", [(i, i) for i in lines.get(name, [])], logs)
    return compared


def points(reader, run, name, source):
    """A series' points; none where nothing of it was ever committed."""
    known = {(series.name, series.source) for series in reader.series(run)}
    return reader.points(run, name, source) if (name, source) in known else []


def exact(what, found, returned):
    """`found` must be (1, 1), (2, 2) … up to what had returned, or one more."""
    wanted = [(i, i) for i in range(1, max(returned, min(len(found), returned + 1)) + 1)]
    if found != wanted:
        ids = [value for _, value in found]
        missing = sorted(set(range(1, returned + 1)) - set(ids))
        twice = sorted({value for value in ids if ids.count(value) > 1}) if len(ids) < 100_000 else len(ids) - len(set(ids))
        raise AssertionError(
            f"{what}: {returned} calls returned, {len(found)} are in the store; missing {missing[:5]} ({len(missing)}), twice {twice}, "
            f"in order: {ids == sorted(ids)}"
        )
    return len(found)
