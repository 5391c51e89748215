"""
Containers by the files of an engine, written here as docker 20.10 writes them.

On a busy machine: a start that is stamped after its end, a last line that is stamped after it. A disk that is unmounted and comes back.
"""

from __future__ import annotations

import json
import os
import subprocess
import time

import pytest
from container_rig import Clock, Rig
from tails import descriptors
from waiting import until

from outrider_agent.collect import container, engineapi
from outrider_agent.collect import containers as collecting
from outrider_agent.core import containers

ID = "a" * 64
RUN = ID[:12]
_S = 1_000_000_000
BASE = (time.time_ns() // _S - 3600) * _S


def stamp(after):
    """A time in docker's form, so many seconds after the base."""
    when = BASE + round(after * _S)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when // _S)) + f".{when % _S:09d}Z"


class Written:
    """The folder of one container, as its engine keeps it."""

    def __init__(self, folder, name=ID):
        self.name, self.folder = name, folder / name
        self.folder.mkdir(parents=True)

    def line(self, text, at):
        """One more line of its json-file."""
        with (self.folder / f"{self.name}-json.log").open("a") as log:
            log.write(json.dumps({"log": text + "\n", "stream": "stdout", "time": stamp(at)}) + "\n")

    def state(self, started, finished, running=False):
        """What the engine knows of it now, replaced at once."""
        ended = stamp(finished) if finished is not None else "0001-01-01T00:00:00Z"
        state = {"Running": running, "StartedAt": stamp(started), "FinishedAt": ended, "ExitCode": 0}
        document = {"ID": self.name, "Name": "/x", "State": state, "Config": {"Labels": {"outrider.experiment": "e"}}}
        (self.folder / "new").write_text(json.dumps(document))
        (self.folder / "new").replace(self.folder / "config.v2.json")


@pytest.fixture
def engine(tmp_path):
    """A container that was never started yet."""
    return Written(tmp_path / "containers")


@pytest.fixture
def begin(home, tmp_path):
    """Begins a collector that knows of an attempt that ended so many seconds after the base, where there was one."""
    made = []

    def start(ended=None):
        known = (lambda _run: None) if ended is None else {RUN: container.Before(1, BASE + round(ended * _S))}.get
        rig = Rig(home, known, docker_folder=str(tmp_path / "containers"), pods_folder="", sockets=(), sweep_interval_s=0.05)
        made.append(rig)
        return rig.start()

    yield start
    for rig in made:
        rig.close()


@pytest.fixture
def mount():
    """Mounts a tmpfs on a folder; gone with the test, however that ends."""
    mounted = []

    def put(folder):
        subprocess.run(["mount", "-t", "tmpfs", "none", folder], check=True)
        mounted.append(folder)

    yield put
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def attempts(rig):
    """The numbers of those that the spool has."""
    return [line.get("att", 1) for line in rig.lines(RUN, "head")] if rig.runs() else []


def test_a_start_stamped_after_its_end_is_no_further_attempt(engine, begin):
    """The store has its end: nothing of it is written again, and the next start is the second attempt."""
    engine.line("first", 1.000)
    engine.state(1.085, 1.001)
    rig = begin(ended=1.001)
    until(lambda: rig.collector.statistics().containers == 1)
    engine.line("second", 25.0001)
    engine.state(25.100, 25.001)
    rig.wait_end(RUN)
    assert attempts(rig) == [2]
    assert rig.output(RUN, attempt=2) == b"second\n"
    assert rig.lines(RUN, "end")[0]["t"] == BASE + 25_001_000_000


def test_a_last_line_stamped_after_the_end_is_not_written_again(engine, begin):
    """The engine reads it after its container has ended: up to the next start it belongs to that."""
    engine.line("first", 1.120)
    engine.state(0.990, 1.001)
    rig = begin(ended=1.001)
    until(lambda: rig.collector.statistics().containers == 1)
    engine.line("second", 25.0001)
    engine.state(25.000, 25.001)
    rig.wait_end(RUN)
    assert (attempts(rig), rig.output(RUN, attempt=2)) == ([2], b"second\n")


def test_a_start_that_came_while_no_agent_ran_has_its_own_lines_only(engine, begin):
    """The same, seen when it is all over."""
    engine.line("first", 1.120)
    engine.line("second", 5.0001)
    engine.state(5.100, 5.001)
    rig = begin(ended=1.001)
    rig.wait_end(RUN)
    assert (attempts(rig), rig.output(RUN, attempt=2)) == ([2], b"second\n")


def test_a_restart_between_two_looks_is_an_attempt(engine, begin):
    """Also where the start before was stamped after its end; its end is not the next one's."""
    engine.line("first", 1.000)
    engine.state(1.085, None, running=True)
    rig = begin()
    rig.wait_output(RUN, b"first\n")
    engine.line("second", 5.0001)
    engine.state(5.000, 1.001, running=True)
    rig.wait_end(RUN)
    engine.state(5.000, 5.001)
    rig.wait_end(RUN, 2)
    assert attempts(rig) == [1, 2]
    assert [line["t"] for line in rig.lines(RUN, "end")] == [BASE + 1_001_000_000, BASE + 5_001_000_000]
    assert [rig.output(RUN, attempt=number) for number in (1, 2)] == [b"first\n", b"second\n"]


def test_a_whole_start_between_two_looks_is_an_attempt(engine, begin):
    """When the first one ended is lost: it is told to have ended before the next one's lines, not with the next one."""
    engine.line("first", 1.000)
    engine.state(1.000, None, running=True)
    rig = begin()
    rig.wait_output(RUN, b"first\n")
    engine.line("second", 5.0001)
    engine.state(5.100, 5.001)
    rig.wait_end(RUN, 2)
    first, second = (line["t"] for line in rig.lines(RUN, "end"))
    assert first < BASE + 5 * _S < second
    assert [rig.output(RUN, attempt=number) for number in (1, 2)] == [b"first\n", b"second\n"]


@pytest.mark.parametrize(
    "emptied",
    [False, pytest.param(True, marks=pytest.mark.skipif(os.getuid() != 0, reason="only root may mount"))],
    ids=["gone", "mount-point"],
)
@pytest.mark.parametrize("restarted", [False, True], ids=["one-agent", "restarted"])
def test_c10_the_engines_disk_goes_away_and_comes_back(engine, begin, mount, emptied, restarted):
    """No container is gone because nobody can see it; when it is back, each is read on where it stood. The other disk is a tmpfs."""
    engine.line("before", 1.0)
    engine.state(1.0, None, running=True)
    rig = begin()
    rig.wait_output(RUN, b"before\n")
    folder = engine.folder.parent
    away = folder.with_name("away")
    if emptied:
        mount(folder)  # above what was there: an empty folder of the same disk, for however short, would say that all was removed
    else:
        folder.rename(away)
    if restarted:
        rig.close()
        rig = begin()
    else:
        until(lambda: any("unmounted" in one for one in rig.collector.statistics().folders))
    rig.collector.tick()
    assert rig.ends(RUN) == []
    if emptied:
        subprocess.run(["umount", folder], check=True)
    else:
        away.rename(folder)
    engine.line("after", 9.0)
    rig.wait_output(RUN, b"after\n")
    assert rig.output(RUN) == b"before\nafter\n"
    assert (rig.ends(RUN), attempts(rig)[0]) == ([], 1)


def test_c05_idle_containers_cost_no_descriptor_and_a_hot_one_is_seen(begin, tmp_path):
    """Three hundred that are over and said to be, one that writes: an idle one is a stat, nothing of it is open."""
    for number in range(300):
        Written(tmp_path / "containers", f"{number:064d}").state(1.0, 2.0)
    hot = Written(tmp_path / "containers")
    hot.state(1.0, None, running=True)
    rig = begin()
    until(lambda: rig.collector.statistics().running == 1)
    assert rig.collector.statistics().containers == 301
    before = descriptors()
    hot.line("hot", 3.0)
    rig.wait_output(RUN, b"hot\n")
    assert len(descriptors() - before) <= 4, "the hot one's log, its segment and locks"


def test_c06_thousands_of_names_that_are_no_containers(engine, begin, tmp_path):
    """Also one that is as long as a name can be. Engines' folders have two levels, no more are looked into."""
    folder = tmp_path / "containers"
    for number in range(3000):
        (folder / f"{number}-{'n' * 200}").mkdir()
    deep = folder / "d"
    for _ in range(20):
        deep.mkdir()
        deep = deep / ("d" * 255)
        if len(str(deep)) > 3800:
            break
    engine.line("found", 1.0)
    engine.state(1.0, 2.0)
    rig = begin()
    rig.wait_end(RUN)
    assert (rig.runs(), rig.output(RUN)) == ([RUN], b"found\n")


def test_c17_one_that_several_rules_name_is_one_and_rules_that_change_lose_no_place(engine, home, tmp_path):
    """By label, by name and because all are: once. With other rules, as after a reload, it is read on; named no more, it is left."""
    engine.line("one", 1.0)
    engine.state(1.0, None, running=True)
    made, settings = [], {"docker_folder": str(tmp_path / "containers"), "pods_folder": "", "sockets": (), "sweep_interval_s": 0.05}
    try:
        for number, rules in enumerate(({"select": "all", "names": ("x", "*")}, {"select": "labeled"}, {"names": ("x",)})):
            made.append(Rig(home, **settings, **rules).start())
            engine.line(f"more {number}", 2.0 + number)
            made[-1].wait_output(RUN, b"more %d\n" % number)
            made[-1].close()
        assert made[-1].output(RUN) == b"one\nmore 0\nmore 1\nmore 2\n"
        assert (made[-1].runs(), made[-1].gaps(RUN)) == ([RUN], [])
    finally:
        for rig in made:
            rig.close()


class Answering(engineapi.EngineApi):
    """An engine's API that answers, in another thread, at the very moment when it is looked at for the first time."""

    def __init__(self, told):
        self._told, self._is_there = told, False
        super().__init__("/nowhere", lambda: None)

    @property
    def facts(self):
        was_there, self._is_there = self._is_there, True
        return self._told if was_there else {}

    @facts.setter
    def facts(self, _empty):
        pass

    @property
    def connected(self):
        return self._is_there

    @connected.setter
    def connected(self, _value):
        pass


def test_an_engine_that_answers_while_it_is_looked_at_has_removed_nothing(home):
    """Law: who could not be asked does not say that something is gone. Its container was ended, and read again from the start."""
    facts = containers.Facts(id=ID, name="x", driver="local", labels={"outrider.experiment": "e"}, running=True, started=BASE)
    earlier = container.Container(facts, container.Surroundings(str(home), Clock(), "e"))
    earlier.take([(1, f"{stamp(1)} one\n".encode())])
    earlier.close()
    settings = collecting.Settings(docker_folder="", pods_folder="", sockets=())
    collector = collecting.ContainersCollector(home, Clock(), settings)
    collector._apis = [Answering({ID: facts})]
    rig = Rig(home)
    for _ in range(3):
        collector.tick()
    assert collector.statistics().running == 1
    assert rig.ends(RUN) == rig.lines(RUN, "note") == []
    collector._containers[ID].take([(1, f"{stamp(1)} one\n".encode()), (1, f"{stamp(2)} two\n".encode())])
    collector.close()
    assert rig.output(RUN) == b"one\ntwo\n"
