"""Kubernetes' log files, as a kubelet lays them out: CRI's lines, rotation by date, a file for each start."""

from __future__ import annotations

import os
import time

import pytest
from container_rig import Rig

RUN = "trainer-0.main.0b5dc9c4"
UID = "0b5dc9c4-0000-4000-8000-000000000001"


class Kubelet:
    """Writes a container's logs, and rotates them."""

    def __init__(self, root):
        self.root = root
        self.folder = root / f"jobs_trainer-0_{UID}" / "main"
        self.folder.mkdir(parents=True)
        self.number, self.seconds = 0, 0

    @property
    def log(self):
        return self.folder / f"{self.number}.log"

    def write(self, text, stream="stdout", tag="F"):
        self.seconds += 1
        with open(self.log, "ab") as file:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1_795_000_000 + self.seconds))
            file.write(f"{stamp}.000000001Z {stream} {tag} {text}\n".encode())

    def rotate(self, stamp):
        os.rename(self.log, f"{self.log}.{stamp}")


@pytest.fixture
def pods(tmp_path):
    return Kubelet(tmp_path / "pods")


@pytest.fixture
def rig(home, pods):
    found = Rig(home, docker_folder="", pods_folder=str(pods.root), sockets=(), select="all", sweep_interval_s=0.2)
    yield found
    found.close()


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "K"])
def test_f04_a_part_before_and_its_end_after_a_rotation(pods, rig, stopped):
    """`P` in the file that was rotated away, `F` in the new one."""
    rig.start()
    pods.write("half ", tag="P")
    rig.wait_output(RUN, b"half ")
    if stopped:
        rig.stop()
    pods.write("and more ", tag="P")
    pods.rotate("20261122-054500")
    pods.write("to its end")
    pods.write("err", "stderr")
    if stopped:
        rig.start()
    rig.wait_output(RUN, b"to its end\n")
    rig.wait_output(RUN, b"err\n", stream=2)
    assert rig.output(RUN) == b"half and more to its end\n"
    assert rig.gaps(RUN) == []
    said = rig.said(RUN)
    assert (said["experiment"], said["name"], said["kubernetes.pod"]) == ("jobs", "trainer-0/main", "trainer-0")


def test_a_look_between_the_two_steps_of_a_rotation(pods, rig):
    """The file is renamed, the new one not there yet: the container is not gone, and nothing is read from the start again."""
    rig.start()
    pods.write("before")
    rig.wait_output(RUN, b"before\n")
    pods.rotate("20261122-054500")
    rig.collector.tick()
    pods.write("after")
    rig.wait_output(RUN, b"after\n")
    assert rig.output(RUN) == b"before\nafter\n"
    assert rig.ends(RUN) == []


def test_a03_rotations_while_no_agent_ran(pods, rig):
    """Each sibling is read, in the order of its date; what was packed is not."""
    pods.write("1")
    rig.start().wait_output(RUN, b"1\n")
    rig.stop()
    for number in (2, 3):
        pods.write(str(number))
        pods.rotate(f"20261122-05450{number}")
    pods.write("4")
    rig.start().wait_output(RUN, b"4\n")
    assert rig.output(RUN) == b"1\n2\n3\n4\n"


def test_each_start_is_an_attempt(pods, rig):
    """A new number, and the one before has ended; how, the files do not say."""
    rig.start()
    pods.write("first")
    rig.wait_output(RUN, b"first\n")
    pods.number = 1
    pods.write("second")
    rig.wait_output(RUN, b"second\n", attempt=2)
    assert rig.wait_end(RUN) == [{"status": "Completed", "reason": "ended"}]
    assert rig.output(RUN) == b"first\n"


def test_a17_a_pods_log_that_leads_out_of_the_folder(pods, rig, tmp_path):
    """A pod that can write to the folder must not make the agent read the machine's files."""
    secret = tmp_path / "secret"
    secret.write_text("2026-11-22T05:39:45.1Z stdout F secret\n")
    pods.log.symlink_to(secret)
    rig.start()
    from waiting import until

    until(lambda: any("leads out of the engines' folders" in one for one in rig.collector.statistics().unreadable))
    assert rig.runs() == []


def test_a_folder_that_cannot_be_looked_at_keeps_nothing_else(home, tmp_path):
    """It is said; runs without containers do not wait for it, and those with one are kept."""
    rig = Rig(home, docker_folder=str(tmp_path / ("x" * 300)), pods_folder="", sockets=())
    for writer in ("plain/py-1-0", "boxed/container-1-0"):
        (home / "spool" / writer).mkdir(parents=True)
    try:
        rig.start()
        rig.collector.tick()
        (told,) = rig.collector.statistics().folders
        assert told.endswith(": File name too long")
        assert (rig.collector.keeps("plain"), rig.collector.keeps("boxed")) == (False, True)
    finally:
        rig.close()


def test_f15_lines_that_are_none(pods, rig):
    """Set aside, each with its reason; the others are read."""
    pods.write("fine")
    with open(pods.log, "ab") as file:
        file.write(b"no line at all\n2026-11-22T05:39:45Z stdout Q x\n")
    pods.write("fine too")
    rig.start().wait_output(RUN, b"fine too\n")
    assert [gap["n"] for gap in rig.gaps(RUN)] == [1, 1]
    assert rig.collector.statistics().set_aside == 2
