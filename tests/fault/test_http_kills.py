"""Law 3 over HTTP: agent, server and what is between them may die, lie or be cut off at any moment; on the server is each record once."""

from __future__ import annotations

import os
import random
import shutil

import pytest
import servers
from fault_proxy import Proxy
from harness import agents, oracle, rounds
from waiting import until

from outrider import control
from outrider_agent.store import reading

SEED = int(os.environ.get("FAULT_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 30)


#: Ends only what hangs: thirty rounds' data were not through in a minute on a machine of two cores with ten times as much to do.
PATIENCE_S = 240.0
#: So many requests are damaged before the way is free again, where there is so much to ship.
ENOUGH = 20


def pending(home):
    """How far the http sink of a home's agent is behind, in bytes, of what its first sink has seen."""
    status, answer = control.request(str(home), "GET", "/status", timeout=60)
    assert status == 200, answer
    return sum(one["pending"]["http"] for one in answer["streams"])


def shipped(home):
    """Returns when everything complete in the spool is on the server."""
    agents.flush(home)
    until(lambda: pending(home) == 0, PATIENCE_S, "the http sink did not get to the end")


def compare(home, counters):
    """The oracle's count over a store."""
    reader = reading.Reader(home / "outrider.db")
    try:
        return sum(oracle.check(reader, one) for one in counters)
    finally:
        reader.close()


class Campaign(rounds.Campaign):
    """Rounds in which the server is killed too, behind a proxy that damages what passes."""

    def __init__(self, home, folder, seed, *, store):
        super().__init__(home, folder, seed)
        self.server = servers.Server(folder / "central").start().wait_ready()
        self.proxy = Proxy(self.server.port, seed)
        small = {"OUTRIDER_SHIP_BATCH_BYTES": "100000", "OUTRIDER_SHIP_FLUSH_INTERVAL_S": "0.02"}
        self.more = self.server.settings(self.proxy.url, OUTRIDER_STORE_ENABLED=str(int(store)), **small)
        self.has_store = store
        self.killed["server"] = 0

    def _new_agent(self):
        return agents.Agent(self.home, **self.more)

    def _kill_one(self, counters, front, mode):
        if self.random.random() < 0.5:
            self.killed["server"] += 1
            self.server.kill()
            self._pause()
            self.server.start()
            return
        super()._kill_one(counters, front, mode)

    def settle(self):
        """One more server, one more agent; every record is on the server once, and in the agent's own store where it has one."""
        if self.agent is not None:
            self.agent.kill()
            self.agent = None
        if self.server.process.poll() is not None:
            self.server.start()
        self.server.wait_ready()
        with agents.running(self.home, **self.more) as agent:
            control.request(str(self.home), "POST", "/flush", {"run": None, "timeout": 0.0}, timeout=60)  # now all of the spool was seen
            until(lambda: self.proxy.damaged() > ENOUGH or pending(self.home) == 0, 90, "nothing gets through what is damaged now and then")
            self.proxy.faults = False
            shipped(self.home)
            compared = compare(self.server.home, self.rounds)
            if self.has_store:
                assert compare(self.home, self.rounds) == compared
            with reading.Reader(self.server.home / "outrider.db") as reader:
                until(
                    lambda: not reader.runs(status="Running"), message="runs are still called running after everything of them was killed"
                )
            assert agent.stop() == 0, agent.said()
        assert self.server.stop() == 0, self.server.said()
        return compared

    def close(self):
        super().close()
        self.proxy.close()
        self.server.close()


def campaign(home, folder, count, seed, *, store):
    print(f"FAULT_SEED={seed}")
    chaos = Campaign(home, folder, seed, store=store)
    try:
        for _ in range(count):
            chaos.round()
        compared = chaos.settle()
    finally:
        chaos.close()
    print(f"{count} rounds, killed {chaos.killed}, requests {chaos.proxy.happened}, {compared} records compared")
    assert compared > 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", [True, False], ids=["beside a store", "alone"])
def test_what_is_shipped_is_there_once_whatever_is_killed_cut_off_or_answered(home, tmp_path, store):
    """Script, front, keeper, agent and server killed at random; bodies cut, answers lost after the commit, 500, 429, 503, time-outs."""
    campaign(home, tmp_path, 3 if store else 4, SEED + store, store=store)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(10))
def test_what_is_shipped_is_there_once_in_hundreds_of_kills(home, tmp_path, part):
    """The same, ten times, hundreds of kills."""
    campaign(home, tmp_path, 30, SEED + part, store=bool(part % 2))


def test_two_agents_that_ship_the_same_streams_double_nothing(home, tmp_path):
    """Law 3: a stream's cursor on the server is compared and set; who comes second goes on from the truth."""
    found = [oracle.burst(home, tmp_path, 1000, processes=2) for _ in range(3)]
    twin = tmp_path / "twin"
    shutil.copytree(home / "spool", twin / "spool")
    with servers.serving(tmp_path / "central") as server:
        given = server.settings(OUTRIDER_SHIP_BATCH_RECORDS="500")
        with agents.running(home, **given), agents.running(twin, **given):
            for one in (home, twin):
                shipped(one)
            assert compare(server.home, found) == 3 * 2 * 3 * 1000
