"""
How fast an agent's http sink ships a backlog to a server on loopback: read, packed, sent, unpacked, decoded, committed there.

Sender and server are processes of their own, as they are in life. The floor is the same backlog delivered straight into a store, without
the wire between.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import agents, idle, ingest
from benchmarks.figures import Figure, median

BAR_RECORDS = 200_000


def ship(home, url, token_file):
    """Ships all of it; what it took."""
    from outrider_agent.blobs import local
    from outrider_agent.ship import deliver, reader
    from outrider_agent.sinks import http

    options = http.Options(
        url=url, token_file=token_file, ca_file="", compress=True, timeout_s=60.0, part_bytes=8 << 20, state=Path(home) / "sink"
    )
    sink = http.HttpSink(options, local.LocalBlobs(f"{home}/blobs"))
    loop = deliver.Deliver(sink, reader.SpoolReader(f"{home}/spool", time), time)
    began, cpu = time.monotonic(), time.process_time()
    while (wait := loop.step(urgent=True)) == 0.0 or loop.error:
        time.sleep(wait if loop.error else 0)
    cpu, wall = time.process_time() - cpu, time.monotonic() - began
    records = loop.statistics().records
    sink.close()
    return {"records": records, "cpu": cpu, "wall": wall}


def serve(home, port):
    """A server's process."""
    command = [sys.executable, "-m", "outrider_agent.serve", "--home", str(home), "--port", str(port), "--foreground"]
    return subprocess.Popen(
        command, env=agents.environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def once(count):
    """One measurement: records a second shipped, the same into a store without the wire, CPU seconds a million of agent and of server."""
    from outrider_agent.store import tokens

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        home, central, token = Path(folder) / "home", Path(folder) / "central", Path(folder) / "token"
        ingest.fill(home, count, 10)
        central.mkdir()
        token.write_text(tokens.create(central / "outrider.db", "bench"))
        server = serve(central, port)
        try:
            agents.wait(lambda: agents.healthy(central))
            before = idle.cpu_seconds(server.pid)
            command = [sys.executable, "-m", "benchmarks.shipping", str(home), f"http://127.0.0.1:{port}", str(token)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            served = idle.cpu_seconds(server.pid) - before
        finally:
            server.terminate()
            server.wait(60)
        command = [sys.executable, "-m", "benchmarks.ingest", str(home)]
        local = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    million = found["records"] / 1e6
    return found["records"] / found["wall"], local["records"] / local["wall"], found["cpu"] / million, served / million


def measure(short):
    found = [once(500_000 if short else 2_000_000) for _ in range(3)]
    shipped, floor, agent, server = (median(list(column)) for column in zip(*found, strict=True))
    return [
        Figure("http sink, spool to committed on a server", shipped, "records/s", BAR_RECORDS, floor, "no wire", higher_is_better=True),
        Figure("http sink, the agent's part", agent, "CPU-s per million records"),
        Figure("http sink, the server's part", server, "CPU-s per million records"),
    ]


if __name__ == "__main__":
    print(json.dumps(ship(*sys.argv[1:])))
