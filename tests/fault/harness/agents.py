"""Agents as real processes: started, waited for, frozen, killed. No test leaves one behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys

from waiting import until

from outrider import control


def environment(home, **more):
    """What every process of a fault test gets: small segments, so that rotation and deletion happen all the time."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTRIDER_")}
    return {**kept, "OUTRIDER_HOME": str(home), "OUTRIDER_SEGMENT_BYTES": "65536", "OUTRIDER_AGENT_AUTOSTART": "0", **more}


def answers(home):
    """Does an agent of this home answer on its socket?"""
    try:
        return control.request(str(home), "GET", "/health", timeout=5)[0] == 200
    except OSError:
        return False


class Agent:
    """One agent process of a home. What it says goes to memory: nobody reads a pipe while it runs, and a full one would stop it."""

    def __init__(self, home, *arguments, **more):
        self.home = home
        self._said = os.memfd_create("agent")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "outrider_agent", "--home", str(home), "--foreground", *arguments],
            env=environment(home, **more),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
        )

    @property
    def alive(self):
        return self.process.poll() is None

    def said(self):
        """Its log so far, the end of it."""
        return os.pread(self._said, 1 << 20, 0).decode(errors="replace")[-4000:] if self._said >= 0 else ""

    def wait_ready(self):
        """Returns when it answers; fails when it ended instead."""

        def ready():
            assert self.alive, f"the agent ended with {self.process.returncode}: {self.said()}"
            return answers(self.home)

        until(ready, 90, "the agent did not answer")
        return self

    def wait_dead(self, timeout=60):
        """Returns its exit code."""
        return self.process.wait(timeout)

    def send(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self):
        """SIGKILL, and reaps. Idempotent."""
        self.send(signal.SIGKILL)
        self.process.wait()
        if self._said >= 0:
            os.close(self._said)
            self._said = -1

    def stop(self):
        """In order: SIGTERM. Returns its exit code."""
        self.send(signal.SIGTERM)
        return self.wait_dead()


def flush(home, timeout=120):
    """Everything that is complete in the spool is committed when this returns; fails if that does not happen in time."""
    status, answer = control.request(str(home), "POST", "/flush", {"run": None, "timeout": timeout}, timeout=timeout + 10)
    assert status == 200, answer
    assert answer["done"], answer


@contextlib.contextmanager
def running(home, *arguments, **more):
    """An agent that answers, for as long as the block lasts."""
    agent = Agent(home, *arguments, **more)
    try:
        yield agent.wait_ready()
    finally:
        agent.kill()
