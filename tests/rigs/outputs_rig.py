"""A run with output roots, and an outputs collector on it: in this process, or in one that can be killed (`python outputs_rig.py HOME`)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

from waiting import until

from outrider import spool
from outrider_agent.blobs import local
from outrider_agent.collect import outputs, roots, spooled

RIGS = str(Path(__file__).resolve().parent)
SETTINGS = {"settle_s": 0.4, "sweep_interval_s": 0.1, "idle_interval_s": 0.3}


class Clock:
    """The real one."""

    time_ns = staticmethod(time.time_ns)
    monotonic = staticmethod(time.monotonic)


def collector(home, *, watch=True, known=None, **settings):
    """A collector as main wires it, with short times."""
    finder = roots.RootFinder(Path(home) / "spool", Clock())
    chosen = outputs.Settings(watch=watch, **{**SETTINGS, **settings})
    return outputs.OutputsCollector(home, local.LocalBlobs(Path(home) / "blobs"), finder, Clock(), chosen, known=known)


class Rig:
    """One run in a home of its own. `collect()` starts a collector, `stop()` ends it."""

    def __init__(self, home, work, run="r1"):
        self.home, self.run = Path(home), run
        self.root = Path(work) / "outputs"
        self.owner = spool.Writer(str(home), run, "py", owner=True)
        self.collector = None
        self._processes = []
        self._thread = None

    def begin(self, *roots):
        """The run's first line: its roots, that is `root` unless others are named."""
        named = [os.fspath(root) for root in roots or [self.root]]
        assert self.owner.append(spool.line({"k": "run", "t": time.time_ns(), "outputs": named}))
        return self

    def end(self):
        """The owner says how it ended, and is gone."""
        self.owner.append(spool.line({"k": "end", "t": time.time_ns(), "status": "Completed", "reason": "completed"}))
        self.owner.close()

    def collect(self, **options):
        """Starts a collector in a thread of this process."""
        self.collector = collector(self.home, **options)
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self.collector.run())

        def work():
            with contextlib.suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)

        self._thread = threading.Thread(target=work)
        self._thread.start()
        return self.collector

    def stop(self):
        """Cancels it, as the agent's shutdown does, and closes its streams."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join()
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._thread = None
            self.collector.close()

    def close(self):
        """Everything that was started ends."""
        self.stop()
        self.owner.close()
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def drain(self, run=None):
        """One drain, in this thread."""
        asyncio.run(self.collector.drain(run))

    def spawn(self, code, *arguments, **options):
        """A process of the script's kind, told by `code`."""
        command = [sys.executable, "-c", code, *map(os.fspath, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        self._processes.append(process)
        return process

    def agent(self):
        """A collector in a process of its own, to be killed."""
        process = subprocess.Popen(
            [sys.executable, __file__, str(self.home)], stdout=subprocess.PIPE, text=True, env=dict(os.environ, PYTHONPATH=RIGS)
        )
        self._processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    def lines(self, kind=None):
        """What the collector wrote of this run, oldest stream first."""
        folders = (self.home / "spool" / self.run).glob("outputs-*")
        streams = [[spooled.decode(raw) for raw in spool.read_lines(str(folder))] for folder in folders]
        found = [line for stream in sorted(filter(None, streams), key=lambda stream: stream[0]["t"]) for line in stream]
        return [line for line in found if kind in (None, line["k"])]

    def versions(self):
        """Path -> its versions' `art` lines, in order."""
        found = defaultdict(list)
        for line in self.lines("art"):
            found[line["p"]].append(line)
        return dict(found)

    def content(self, line):
        """The bytes that an `art` line names; they must be what it says."""
        data = (self.home / "blobs" / line["sha"][:2] / line["sha"]).read_bytes()
        assert len(data) == line["size"]
        assert hashlib.sha256(data).hexdigest() == line["sha"]
        return data

    def contents(self):
        """Path -> the contents of its versions."""
        return {path: [self.content(line) for line in lines] for path, lines in self.versions().items()}

    def wait_for(self, *paths):
        """Until each of these has a version."""
        until(lambda: set(paths) <= self.versions().keys(), message=f"no version of {paths}")

    def wait_done(self):
        """Until the ended run is captured whole."""
        until(lambda: self.collector.is_done(self.run), message="the run is not done")


def main(home):
    """The process that is killed."""
    running = collector(home)

    async def collect():
        print("ready", flush=True)
        await running.run()

    asyncio.run(collect())


if __name__ == "__main__":
    main(sys.argv[1])
