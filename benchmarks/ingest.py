"""
How fast a backlog goes from the spool into committed rows, on one core, and in how much memory.

The delivering runs in a process of its own (`python -m benchmarks.ingest HOME`), so that its CPU time and its memory are nobody else's.
The floor is the same process reading and decoding the same bytes and doing nothing with them.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, median

SEGMENT_BYTES = 64 << 20
BAR_RECORDS = 700_000
BAR_MEMORY = 120


def fill(home, count, names, *, run="bench"):
    """A stream of `count` scalars under `names` names in turn, as run.log() writes them; its writer is gone."""
    folder = Path(home) / "spool" / run / "py-1-00000000"
    folder.mkdir(parents=True)
    (folder / "lock").write_bytes(b"{}".ljust(4096))
    draw = random.Random(0)  # the values are the same each time
    values = [repr(draw.gauss(0, 1)) for _ in range(10_007)]
    segment, written, file = -1, SEGMENT_BYTES, None
    start = 1_700_000_000_000_000_000
    for first in range(0, count, 10_000):
        if written >= SEGMENT_BYTES:
            segment, written = segment + 1, 0
            if file:
                file.close()
            file = (folder / f"{segment:08d}.ndjson").open("wb")
            head = f'\n{{"k":"head","v":1,"run":"{run}","w":"py-1-00000000","seg":{segment},"t":{start},"own":true,"exp":"bench"}}\n'
            file.write(head.encode())
        lines = (
            f'\n{{"k":"m","t":{start + i * 20_000},"n":"loss{i % names}","v":{values[i % 10_007]},"s":{i // names}}}\n'
            for i in range(first, min(count, first + 10_000))
        )
        written += file.write("".join(lines).encode())
    file.close()


def deliver(home):
    """Delivers all of it; what it took."""
    from outrider_agent.ship import deliver as ship
    from outrider_agent.ship import reader
    from outrider_agent.store import sqlite

    sink = sqlite.SqliteStore(f"{home}/outrider.db")
    loop = ship.Deliver(sink, reader.SpoolReader(f"{home}/spool", time, sink.has_ended), time)
    began, cpu = time.monotonic(), time.process_time()
    while loop.step(urgent=True) == 0.0:
        pass
    cpu, wall = time.process_time() - cpu, time.monotonic() - began
    statistics = loop.statistics()
    sink.close()
    size = os.path.getsize(f"{home}/outrider.db")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "records": statistics.records,
        "cpu": cpu,
        "wall": wall,
        "memory": memory,
        "bytes": size,
        "floor": floor(home, statistics.records),
    }


def floor(home, records):
    """CPU seconds a record to read and decode the first segment, and do nothing with it."""
    from outrider_agent.core import decode, lines
    from outrider_agent.store import sqlite

    path = min(Path(home).glob("spool/*/*/*.ndjson"))
    cpu, count = time.process_time(), 0
    with path.open("rb") as file:
        rest = b""
        while piece := file.read(4 << 20):
            piece = rest + piece
            whole = lines.complete(piece)
            rest = piece[whole:]
            for _, part in lines.pieces(piece[:whole], sqlite.DECODED_BYTES):
                count += len(decode.decode(part).records)
    return min(count, records) / (time.process_time() - cpu)


def once(count, names):
    """One measurement in a process of its own."""
    with tempfile.TemporaryDirectory() as home:
        fill(home, count, names)
        command = [sys.executable, "-m", "benchmarks.ingest", home]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(short):
    """One series, and ten in turn."""
    figures, memory = [], []
    for names, what in ((1, "one series"), (10, "ten series in turn")):
        found = [once(500_000 if short else 2_000_000, names) for _ in range(3)]
        speed = median([one["records"] / one["cpu"] for one in found])
        base = median([one["floor"] for one in found])
        memory += [one["memory"] for one in found]
        figures.append(
            Figure(f"spool to committed rows, {what}", speed, "records/s a core", BAR_RECORDS, base, "read, decode", higher_is_better=True)
        )
    figures.append(Figure("memory of that process (RSS)", max(memory), "MiB", BAR_MEMORY))
    return figures


if __name__ == "__main__":
    print(json.dumps(deliver(sys.argv[1])))
