"""The engine that container tests stand on: it runs what they need, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
from waiting import until

RIGS = str(Path(__file__).resolve().parents[1] / "rigs")
KILLED = """
import sys
sys.path.insert(0, {rigs!r})
from docker_rig import Engine
engine = Engine().__enter__()
container = engine.run("--", "sleep", "1000")
print(engine._process.pid, engine.inspect(container)["State"]["Pid"], engine.folder, flush=True)
sys.stdin.read()
"""


def test_the_engine_runs_what_was_imported_from_folders(docker):
    """Both images, without a network and without a registry."""
    assert docker("run", "--rm", "--network=none", "busybox", "echo", "hello") == "hello"
    told = docker("run", "--rm", "--network=none", docker.python(), "python3", "-c", "import asyncio, ctypes, json, ssl; print('fine')")
    assert told == "fine"


def test_the_engine_ends_with_a_killed_test_run():
    """Neither daemon nor container outlives the tests, even where nothing of theirs can run any more."""
    maker = subprocess.Popen([sys.executable, "-c", KILLED.format(rigs=RIGS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        daemon, container, folder = maker.stdout.readline().split()
    finally:
        maker.kill()
        maker.communicate()
    until(lambda: not psutil.pid_exists(int(container)) and not psutil.pid_exists(int(daemon)), 60)
    from docker_rig import remove

    remove(Path(folder))
