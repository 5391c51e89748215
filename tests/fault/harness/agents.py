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
    """One agent process of a home."""

    def __init__(self, home, *arguments, **more):
        self.home = home
        command = [sys.executable, "-m", "outrider_agent", "--home", str(home), "--foreground", *arguments]
        self.process = subprocess.Popen(
            command,
            env=environment(home, **more),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def alive(self):
        return self.process.poll() is None

    def wait_ready(self):
        """Returns when it answers; fails when it ended instead."""

        def ready():
            assert self.alive, f"the agent ended with {self.process.returncode}: {self.process.stderr.read()}"
            return answers(self.home)

        until(ready, 30, "the agent did not answer")
        return self

    def wait_dead(self, timeout=60):
        """Returns its exit code and what it said."""
        _, said = self.process.communicate(timeout=timeout)
        return self.process.returncode, said

    def send(self, number):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def kill(self):
        """SIGKILL, and reaps."""
        self.send(signal.SIGKILL)
        self.send(signal.SIGCONT)
        self.process.communicate()

    def stop(self):
        """In order: SIGTERM."""
        self.send(signal.SIGCONT)
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
