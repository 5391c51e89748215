"""Podman, where it is installed: its own files and socket, followed as docker's are. Not among CI's packages: `full` only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from container_rig import Rig
from docker_rig import _archive, _busybox, _unmount
from waiting import until

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(os.getuid() != 0 or shutil.which("podman") is None, reason="needs root and podman"),
]


class Podman:
    """An engine of the test's own: storage, socket and containers below one folder."""

    def __init__(self, folder):
        self.folder, self.socket = folder, folder / "podman.sock"
        self.options = ["--root", folder / "root", "--runroot", folder / "run", "--tmpdir", folder / "tmp", "--storage-driver=vfs"]
        self.options += ["--cgroup-manager=cgroupfs", "--events-backend=file", "--runtime=/usr/sbin/runc"]
        self("import", "-", "busybox", stdin=_archive(_busybox))
        self._service = subprocess.Popen(self._command("system", "service", "--time=0", f"unix://{self.socket}"), stderr=subprocess.DEVNULL)
        until(self.socket.exists)

    def _command(self, *arguments):
        return ["podman", *map(str, (*self.options, *arguments))]

    def __call__(self, *arguments, stdin=None):
        done = subprocess.run(self._command(*arguments), input=stdin, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def run(self, script, *options):
        """A container in the background; its id."""
        limits = ("--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--network=none", "--log-driver=k8s-file")
        return self("run", "--detach", *limits, "--label=outrider.experiment=exp", *options, "busybox", "sh", "-c", script)

    def close(self):
        self("rm", "--all", "--force", "--time=0")
        self._service.terminate()
        self._service.wait(30)
        _unmount(self.folder)


@pytest.fixture
def podman():
    folder = Path(tempfile.mkdtemp(prefix="outrider-podman-"))  # podman refuses longer paths
    engine = Podman(folder)
    yield engine
    engine.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def rig(podman, home):
    found = Rig(home, docker_folder="", pods_folder="", sockets=(str(podman.socket),), sweep_interval_s=0.2).start()
    yield found
    found.close()


def test_f18_a_container_of_podman(podman, rig):
    """By its file, which the socket names; long lines joined, and how it ended."""
    container = podman.run("echo one; head -c 50000 /dev/zero | tr '\\0' x; echo; echo two >&2; exit 3")
    (end,) = rig.wait_end(container[:12])
    assert end["code"] == 3
    assert rig.output(container[:12]) == b"one\n" + b"x" * 50_000 + b"\n"
    assert rig.output(container[:12], 2) == b"two\n"
    assert rig.gaps(container[:12]) == []


def test_f18_what_podman_threw_away_is_a_gap(podman, rig):
    """It keeps one file: what came and went between two looks is gone, each line that is there is there once, and a gap says so."""
    script = "echo begun; sleep 2; i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done; sleep 1; echo end"
    container = podman.run(script, "--log-opt=max-size=2k")
    rig.wait_end(container[:12], timeout=60)
    assert json.loads(podman("inspect", container))[0]["HostConfig"]["LogConfig"]["Size"] == "2kB"
    found = [int(line.split()[1]) for line in rig.output(container[:12]).splitlines() if line.startswith(b"line ")]
    assert found == sorted(set(found))
    assert len(found) < 5000, "podman kept more than it did: this test shows nothing"
    assert any("rotated more often between two looks" in gap["why"] for gap in rig.gaps(container[:12]))
