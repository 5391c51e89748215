"""A containers collector on an engine of the tests' own, and what it wrote: in this process, or in one that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from waiting import until

from outrider import spool
from outrider_agent.collect import containers, spooled

RIGS = str(Path(__file__).resolve().parent)


class Clock:
    """The real one."""

    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


def docker_settings(docker, files=True, api=False, **more):
    """Where the tests' engine is: its files, its socket, or both."""
    folder = str(docker.root / "containers") if files else ""
    found = {"docker_folder": folder, "pods_folder": "", "sockets": (str(docker.socket),) if api else (), "sweep_interval_s": 0.2}
    return {**found, **more}


class Rig:
    """A home, and collectors on it, one at a time."""

    def __init__(self, home, known=None, **settings):
        self.home, self.known, self.settings = str(home), known or (lambda _run: None), settings
        self.collector = self._thread = self._process = None
        os.makedirs(self.home, exist_ok=True)

    def start(self):
        """A collector in a thread of this process."""
        self.collector = containers.ContainersCollector(self.home, Clock(), containers.Settings(**self.settings), known=self.known)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self.collector.run())

        def work():
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)

        self._thread = threading.Thread(target=work)
        self._thread.start()
        return self

    def stop(self):
        """As the agent's shutdown does."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()
            self._thread = None
            asyncio.run(self.collector.drain())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self.collector.close()
        return self

    def spawn(self):
        """A collector in a process of its own, to be killed."""
        command = [sys.executable, __file__, self.home, json.dumps(self.settings)]
        self._process = subprocess.Popen(command, env=dict(os.environ, PYTHONPATH=RIGS))
        return self

    def kill(self):
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        return self

    def close(self):
        self.kill()
        self.stop()

    def runs(self):
        """Those that are in the spool."""
        try:
            return sorted(os.listdir(f"{self.home}/spool"))
        except FileNotFoundError:
            return []

    def lines(self, run, kind=None):
        """What was written of a run, oldest stream first."""
        folders = Path(self.home, "spool", run).glob("container-*")
        streams = [[spooled.decode(raw) for raw in spool.read_lines(str(folder))] for folder in folders]
        ordered = sorted(filter(None, streams), key=lambda stream: (stream[0].get("att", 1), stream[0]["t"]))
        return [line for stream in ordered for line in stream if kind in (None, line["k"])]

    def output(self, run, stream=1, attempt=1):
        """The bytes of one of its streams, put together by their offsets, which must fit."""
        data = b""
        for line in self._of(run, attempt):
            if line["k"] == "c" and line["f"] == stream:
                assert line["o"] == len(data), f"{line['o']} after {len(data)} bytes"
                data += console(line)
        return data

    def _of(self, run, attempt):
        found, is_wanted = [], False
        for line in self.lines(run):
            if line["k"] == "head":
                is_wanted = line.get("att", 1) == attempt
            elif is_wanted:
                found.append(line)
        return found

    def said(self, run):
        """The `run` lines, one over the other, and the properties."""
        told = {}
        for line in self.lines(run):
            if line["k"] == "run":
                told |= line
            elif line["k"] == "prop":
                told[line["n"]] = line["v"]
        return told

    def ends(self, run):
        """How its attempts ended."""
        return [{key: value for key, value in line.items() if key not in ("k", "t")} for line in self.lines(run, "end")]

    def wait_end(self, run, count=1, timeout=60.0):
        """Until that many attempts have ended."""
        until(lambda: run in self.runs() and len(self.ends(run)) >= count, timeout, f"no end of {run}")
        return self.ends(run)

    def wait_output(self, run, data, stream=1, attempt=1, timeout=60.0):
        """Until it has written this, in that stream."""
        until(lambda: run in self.runs() and data in self.output(run, stream, attempt), timeout, f"{data!r} not in {run}")

    def gaps(self, run):
        """What is said to be missing, or set aside."""
        return self.lines(run, "gap")


def console(line):
    """The bytes of a `c` line."""
    import base64

    return line["d"].encode() if "d" in line else base64.b64decode(line["b"])


def main(home, settings):
    """The process that is killed."""
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in json.loads(settings).items()}
    collector = containers.ContainersCollector(home, Clock(), containers.Settings(**given))
    asyncio.run(collector.run())


if __name__ == "__main__":
    main(*sys.argv[1:])
