"""Dead runs, played: writers as real processes, a clock and a store that the test moves, and a liveness that looks when told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from outrider import record, spool
from outrider_agent import errors
from outrider_agent.collect import liveness

WRITER = """
import sys
from outrider import spool
home, run, kind, owner, attempt = sys.argv[1:6]
writer = spool.Writer(home, run, kind, owner=owner == "own", attempt=int(attempt))
for text in sys.argv[6:]:
    assert writer.append(spool.line(eval(text)))
print(writer.name, flush=True)
sys.stdin.read()
"""


class Clock:
    """A clock whose monotonic time the test moves."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def time_ns(self):
        return time.time_ns()


class Known:
    """A store that knows what the test says."""

    def __init__(self):
        self.over, self.open, self.away = set(), {}, False

    def has_ended(self, run, attempt=None):
        if self.away:
            raise errors.Unavailable
        return run in self.over

    def open_runs(self):
        if self.away:
            raise errors.Unavailable
        return self.open


class World:
    """A home, writers as real processes, and a liveness that looks when told to."""

    def __init__(self, home):
        self.home, self.clock, self.known, self.processes = home, Clock(), Known(), []
        (home / "spool").mkdir(parents=True)
        self.liveness = liveness.Liveness(str(home), self.known, self.clock)

    def write(self, run, kind="py", *lines, own=True, attempt=1):
        """Starts a writer; returns when its lines are written. It lives until it is killed."""
        command = [
            sys.executable,
            "-c",
            WRITER,
            str(self.home),
            run,
            kind,
            "own" if own else "joined",
            str(attempt),
            *map(repr, lines or ({"k": "m", "t": 1, "n": "a", "v": 1},)),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        process.stream = process.stdout.readline().strip()
        assert process.stream
        return process

    def look(self, seconds=0.0):
        self.clock.now += seconds
        return self.liveness.look()

    def look_until_certain(self):
        for _ in range(4):
            self.look(1.1)

    def said(self, run, kind):
        """Lines of one kind that the agent wrote for a run."""
        folder = self.home / "spool" / run
        lines = [
            json.loads(raw)
            for name in sorted(os.listdir(folder))
            if name.startswith("agent-")
            for raw in spool.read_lines(str(folder / name))
        ]
        return [line for line in lines if line["k"] == kind]

    def ends(self, run):
        return [(line["status"], line["reason"]) for line in self.said(run, record.END)]

    def rewrite_head(self, run, writer, **changes):
        """As if the stream had been written elsewhere."""
        path = self.home / "spool" / run / writer / "00000000.ndjson"
        first, *rest = [raw for raw in path.read_bytes().split(b"\n") if raw]
        path.write_bytes(b"".join(b"\n" + raw + b"\n" for raw in [json.dumps({**json.loads(first), **changes}).encode(), *rest]))


def die(process):
    process.kill()
    process.wait()
