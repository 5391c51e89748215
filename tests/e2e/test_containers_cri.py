"""
Pods of a real container runtime: containerd's CRI writes the files, as it does for a kubelet; images and pods know nothing of us.

`full`: it needs curl besides what CI has. tests/e2e/test_containers_pods.py has the same rules on files that a test writes.
"""

from __future__ import annotations

import os
import shutil

import pytest
from container_rig import Rig
from cri_rig import Runtime

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(
        os.getuid() != 0 or None in (shutil.which("containerd"), shutil.which("ctr"), shutil.which("curl")),
        reason="needs root, containerd and curl",
    ),
]


@pytest.fixture(scope="module")
def runtime():
    with Runtime() as one:
        yield one


@pytest.fixture
def begin(runtime, home):
    """Begins a collector on the runtime's pods; it ends with the test."""
    made = []

    def start(**more):
        made.append(Rig(home, docker_folder="", pods_folder=str(runtime.pods), sockets=(), select="all", sweep_interval_s=0.2, **more))
        return made[-1].start()

    yield start
    for rig in made:
        rig.close()


NUMBERED = "i=0; while [ $i -lt {count} ]; do head -c 20000 /dev/zero | tr '\\0' x; echo \" $i\"; i=$((i+1)); {pause}; done"


def numbered(count):
    """What that script writes."""
    return b"".join(b"x" * 20_000 + b" %d\n" % number for number in range(count))


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "R"])
def test_f04_an_unmodified_pod_whose_log_is_rotated(runtime, begin, stopped):
    """Lines of two parts, four rotations while it writes, agents that come and go: each byte is there once; the pod is the run's."""
    rig = begin()
    pod = runtime.pod(f"trainer-{stopped:d}")
    container = runtime.start(pod, NUMBERED.format(count=60, pause="usleep 50000") + "; printf '\\377\\n' >&2; sleep 1000")
    for rotation in range(4):
        rig.wait_output(pod["run"], b" %d\n" % (8 * (rotation + 1)))
        if stopped:
            rig.close()
        runtime.rotate(pod, container, f"20261122-09400{rotation}")
        if stopped:
            rig = begin()
    rig.wait_output(pod["run"], b"\xff\n", stream=2)
    rig.wait_output(pod["run"], b" 59\n")
    assert rig.output(pod["run"]) == numbered(60)
    assert rig.gaps(pod["run"]) == []
    said = rig.said(pod["run"])
    assert (said["experiment"], said["kubernetes.namespace"], said["kubernetes.container"]) == ("jobs", "jobs", "main")
    runtime.delete(pod)


def test_a_pods_container_that_is_restarted_and_deleted(runtime, begin):
    """0.log, then 1.log: two attempts, each with its output and an end; the pod's deletion ends the second."""
    rig = begin()
    pod = runtime.pod("restarted")
    first = runtime.start(pod, "echo first; printf half; exit 1")
    rig.wait_output(pod["run"], b"half")
    runtime.stop(first)
    runtime.start(pod, NUMBERED.format(count=20, pause="true") + "; sleep 1000", attempt=1)
    rig.wait_output(pod["run"], b" 19\n", attempt=2)
    assert rig.wait_end(pod["run"]) == [{"status": "Completed", "reason": "ended"}]
    runtime.delete(pod)
    rig.wait_end(pod["run"], 2)
    assert (rig.output(pod["run"]), rig.output(pod["run"], attempt=2)) == (b"first\nhalf", numbered(20))
    assert rig.gaps(pod["run"]) == []
