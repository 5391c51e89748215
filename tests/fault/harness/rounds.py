"""Random rounds: scripts log, and whatever has a part in it is killed at random moments. The choices come from a seed."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time

from waiting import until

from harness import agents, oracle


class Campaign:
    """Rounds against one home. `settle()` afterwards starts the one more agent, flushes, and compares everything."""

    def __init__(self, home, folder, seed):
        self.home, self.folder = home, folder
        self.random = random.Random(seed)
        self.agent = None
        self.rounds = []
        self.killed = {"script": 0, "front": 0, "agent": 0, "keeper": 0}

    def round(self):
        """One script, one to three processes, one to four kills; an agent is there, or comes, or goes, as chance wants it."""
        mode = self.random.choice(["handler", "hook"])
        counters = oracle.Counters(self.folder / f"round-{len(self.rounds)}", self.random.choice([1, 1, 2, 3]))
        self.rounds.append(counters)
        self._maybe_start_agent(0.7)
        front = subprocess.Popen(
            oracle.command(counters, 0, mode),
            env=agents.environment(self.home, FAULT_ROUND=str(counters.path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if self.random.random() > 0.1:  # else: killed while it starts
                until(lambda: counters.total > 0 or front.poll() is not None, 60, "the script did not begin")
            for _ in range(self.random.choice([1, 1, 2, 3])):
                self._pause()
                self._kill_one(counters, front, mode)
        finally:
            self._end(counters, front)

    def _new_agent(self):
        return agents.Agent(self.home)

    def _pause(self):
        time.sleep(self.random.uniform(0.0, 0.25))  # the random moment is the subject

    def _maybe_start_agent(self, chance):
        if self.agent is not None and not self.agent.alive:
            self.agent.kill()
            self.agent = None
        if self.agent is None and self.random.random() < chance:
            self.agent = self._new_agent()
            if self.random.random() < 0.7:  # else: killed, perhaps, before it is ready
                self.agent.wait_ready()

    def _kill_one(self, counters, front, mode):
        victim = self.random.choice(["script", "script", "agent", "agent", "front", "keeper"])
        if victim == "agent":
            if self.agent is not None:
                self.killed["agent"] += 1
                self.agent.kill()
                self.agent = None
            self._maybe_start_agent(0.8)
            return
        if victim == "front":
            pids = [front.pid]
        elif victim == "keeper":
            pids = [counters.parent] if mode == "hook" and counters.parent not in (0, 1, os.getpid()) else []
        else:
            pids = self.random.sample(counters.pids, k=min(len(counters.pids), self.random.choice([1, 3])))
        for pid in pids:
            self.killed[victim] += kill(pid)

    def _end(self, counters, front):
        """
        Whatever of the round still lives is killed; the next round begins from quiet.

        The keeper may end by itself, as it should once its command is gone; it is killed only when it does not.
        """
        kill(front.pid)
        front.wait()
        patience = time.monotonic() + 5

        def quiet():
            left = marked(counters)
            for pid in left if time.monotonic() > patience else counters.pids:
                kill(pid)
            return not left

        until(quiet, message="processes of the round cannot be killed")

    def settle(self):
        """One more agent, one flush; returns how many records were compared. Every run must have ended, too."""
        from outrider_agent.store import reading

        if self.agent is not None:
            self.agent.kill()
        with agents.running(self.home) as agent:
            agents.flush(self.home)
            reader = reading.Reader(self.home / "outrider.db")
            try:
                compared = sum(oracle.check(reader, counters) for counters in self.rounds)
                until(
                    lambda: not reader.runs(status="Running"), message="runs are still called running after everything of them was killed"
                )
            finally:
                reader.close()
            assert agent.stop() == 0, agent.said()
        return compared

    def close(self):
        """Leaves nothing running."""
        if self.agent is not None:
            self.agent.kill()


def kill(pid):
    """SIGKILL; True if there was somebody."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def marked(counters):
    """The processes of a round that still run: they inherited its mark. Zombies show none."""
    mark = f"FAULT_ROUND={counters.path}".encode()
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
            if mark in file.read().split(b"\0"):
                found.append(int(name))
    return found
