"""
Containers: what following a log costs, how soon a line is seen, containers that live for an instant, one that floods beside quiet ones.

A real Docker engine for the short-lived ones; for the rest the files that it would write, so that the engine's own speed is not measured.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.figures import Figure, percentile
from outrider import spool
from outrider_agent.collect import container, containers
from outrider_agent.core import containers as facts_of

QUIET = 20
FLOOD_BYTES_S = 50e6

_FLOOD = """
import sys, time
path, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
began, written, number = time.monotonic(), 0, 0
with open(path, "ab", buffering=0) as log:
    while (now := time.monotonic() - began) < seconds:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime()) + f"{time.time_ns() % 10**9:09d}Z"
        block = b"".join(
            b'{"log":"%d %s\\\\n","stream":"stdout","time":"%s"}\\n' % (n, b"x" * 400, stamp.encode()) for n in range(number, number + 1000)
        )
        log.write(block)
        number, written = number + 1000, written + len(block)
        time.sleep(max(0.0, written / rate - (time.monotonic() - began)))
print(number)
"""


class Clock:
    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


def line(text):
    """As docker writes it."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() % 10**9:09d}Z"
    return json.dumps({"log": f"{text}\n", "stream": "stdout", "time": stamp}).encode() + b"\n"


def made(folder, name):
    """A running container's folder, as docker leaves it; the path of its log."""
    ident = name.rjust(64, "0")
    path = Path(folder) / ident
    path.mkdir(parents=True)
    log = path / f"{ident}-json.log"
    log.touch()
    state = {"Running": True, "StartedAt": "2026-01-01T00:00:00.5Z"}
    document = {"ID": ident, "Name": f"/{name}", "State": state, "Config": {"Labels": {"outrider.run": name}}, "LogPath": str(log)}
    (path / "config.v2.json").write_text(json.dumps(document))
    return log


@contextlib.contextmanager
def collecting(home, **settings):
    """A collector in a thread of this process."""
    os.makedirs(home, exist_ok=True)
    chosen = containers.Settings(**{"pods_folder": "", "sockets": (), **settings})
    collector, loop = containers.ContainersCollector(home, Clock(), chosen), asyncio.new_event_loop()
    task = loop.create_task(collector.run())

    def work():
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield collector
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        collector.close()


def console(home, run):
    """The bytes of a run's console in the spool."""
    folders = Path(home, "spool", run).glob("container-*")
    found = (json.loads(raw) for folder in folders for raw in spool.read_lines(str(folder)) if b'"k":"c"' in raw[:10])
    return "".join(one["d"] for one in found)


def wait(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.001)


def tailing(count):
    """CPU seconds per million lines: read, parsed, written into the spool; beside reading and splitting them."""
    with tempfile.TemporaryDirectory() as folder:
        log, start = Path(folder) / "x-json.log", 1_790_000_000 * 10**9
        with log.open("w") as file:
            for number in range(count):
                now = start + number * 5000
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now // 10**9))
                text = f"epoch {number // 1000} step {number} loss 0.{number % 10**6:06d}"
                file.write(f'{{"log":"{text}\\n","stream":"stdout","time":"{stamp}.{now % 10**9:09d}Z"}}\n')
        began = time.process_time()
        with log.open("rb") as file:
            while block := file.read(1 << 20):
                block.split(b"\n")
        floor = time.process_time() - began
        facts = facts_of.Facts(id="a" * 64, name="x", log=str(log), started=10**18, running=True)
        one = container.Container(facts, container.Surroundings(f"{folder}/home", Clock(), "bench"))
        began = time.process_time()
        while one.step(containers.TURN_BYTES):
            pass
        taken = time.process_time() - began
        one.close()
    per_million = 1e6 / count
    return Figure("foreign lines tailed, a million", taken * per_million, "CPU-s", 1.5, floor=floor * per_million, floor_is="(read, split)")


def hinted(count):
    """From a write into a file that was quiet to its line in the spool, while the sweep is at 1 s."""
    with tempfile.TemporaryDirectory() as folder:
        home, log = f"{folder}/home", made(f"{folder}/containers", "hinted")
        delays = []
        with collecting(home, docker_folder=f"{folder}/containers", sweep_interval_s=1.0) as collector:
            log.write_bytes(line("begin"))
            wait(lambda: "begin" in console(home, "hinted"))
            for number in range(count):
                wait(lambda: collector._stirs.is_up)
                time.sleep(0.3 + 0.1 * number % 0.7)
                began = time.monotonic()
                with log.open("ab", buffering=0) as file:
                    file.write(line(f"number {number}."))
                wait(lambda number=number: f"number {number}." in console(home, "hinted"))
                delays.append(time.monotonic() - began)
    return Figure("a line of a quiet container, seen (sweep 1 s), median", 1000 * percentile(delays, 50), "ms", 50.0)


def flooded(seconds):
    """One container at 50 MB/s, 20 that say a line now and then: how late these are seen, what memory it takes, whether all is there."""
    with tempfile.TemporaryDirectory() as folder:
        home, root = f"{folder}/home", f"{folder}/containers"
        loud, logs = made(root, "loud"), {f"quiet{number}": made(root, f"quiet{number}") for number in range(QUIET)}
        delays = []
        with collecting(home, docker_folder=root) as collector:
            command = [sys.executable, "-c", _FLOOD, str(loud), str(FLOOD_BYTES_S), str(seconds)]
            flood = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            time.sleep(1.0)
            number = 0
            while flood.poll() is None:
                name = f"quiet{number % QUIET}"
                began = time.monotonic()
                with logs[name].open("ab", buffering=0) as file:
                    file.write(line(f"number {number}."))
                wait(lambda name=name, number=number: f"number {number}." in console(home, name))
                delays.append(time.monotonic() - began)
                number += 1
                time.sleep(0.2)
            expected = int(flood.stdout.read())
            wait(lambda: collector.statistics().pending == 0, 600)
            collector.tick()
            gaps = collector.statistics().gaps
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        text = console(home, "loud")
        seen = len(re.findall(r"^\d+ x+$", text, re.MULTILINE))
    return [
        Figure(f"a line of a quiet container beside 50 MB/s ({QUIET} of them), the latest", max(delays), "s", 2.0),
        Figure("lines of the loud one that are there", 100.0 if gaps else 100 * seen / expected, "%", 100.0, higher_is_better=True),
        Figure("memory of that process (RSS)", peak, "MiB", 120.0),
    ]


def short_lived(seconds):
    """Containers of 50 ms as fast as the engine starts them, each removed at once: those whose line is there."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "rigs"))
    from docker_rig import Engine

    with Engine() as engine, tempfile.TemporaryDirectory() as home:
        count, began = 0, time.monotonic()
        with collecting(home, docker_folder=str(engine.root / "containers"), sockets=(str(engine.socket),)):
            while time.monotonic() - began < seconds:
                command = ("sh", "-c", f"echo number {count}.; usleep 50000")
                engine("run", "--rm", "--network=none", "--label", "outrider.experiment=short", "busybox", *command)
                count += 1
            with contextlib.suppress(TimeoutError):
                wait(lambda: len(list(Path(home, "spool").glob("*"))) == count, 10)
            time.sleep(1.0)
        texts = [console(home, run.name) for run in Path(home, "spool").glob("*")]
    there = sum(any(f"number {number}." in text for text in texts) for number in range(count))
    return Figure(
        f"containers of 50 ms whose line is there ({count} in {seconds:g} s)", 100 * there / count, "%", 100.0, higher_is_better=True
    )


def measure(short):
    """In short, without the engine: it takes its time to start and end, and the tests have it."""
    found = [tailing(200_000 if short else 1_000_000), hinted(3 if short else 20), *flooded(3 if short else 60)]
    return found if short else [*found, short_lived(60)]
