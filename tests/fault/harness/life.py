"""Scripts and stores for the tests of the agent's life: a script that lives, a writer in this process, a store that is locked."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import time

from harness import agents
from outrider import control, spool
from outrider_agent import errors
from outrider_agent.store import reading

PATIENCE = ("--set", "agent.takeover_after_s=3")
QUICK = ("--set", "outputs.settle_s=0.1", "--set", "outputs.sweep_interval_s=0.1")

LIVING = """
import outrider, os, sys
run = outrider.start_run("life", name="living")
run.log("loss", 1.0, step=0)
print(os.environ["OUTRIDER_RUN_ID"], flush=True)
sys.stdin.read()
"""

# Holds the lock of a home as a frozen agent does, and the store's write lock with it.
FROZEN = """
import os, signal, sqlite3, sys
from pathlib import Path
from outrider_agent import agent_lock
from outrider_agent.store import sqlite as store
home = Path(sys.argv[1])
home.mkdir(parents=True)
lock = agent_lock.acquire(home / "agent.lock", answers=lambda: False)
store.SqliteStore(home / "outrider.db").close()
connection = sqlite3.connect(home / "outrider.db", isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("frozen", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextlib.contextmanager
def living(home):
    """A script with an open run, for as long as the block lasts: (process, run id)."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVING], env=agents.environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def log_lines(home, run, count, *, end=True):
    """A run of a writer in this process: so many points, then its end."""
    writer = spool.Writer(str(home), run, owner=True, experiment="life")
    for step in range(count):
        assert writer.append(spool.line({"k": "m", "t": time.time_ns(), "n": "loss", "v": step, "s": step}))
    if end:
        assert writer.append(spool.line({"k": "end", "t": time.time_ns(), "status": "Completed", "reason": "completed"}))
    place = {writer.name: list(writer.position())}
    writer.close()
    return place


def ask(home, method, path, body=None, timeout=60):
    return control.request(str(home), method, path, body, timeout)


def in_store(home, question):
    """What a reader of the store answers; None while it has no such run."""
    with reading.Reader(home / "outrider.db") as reader:
        try:
            return question(reader)
        except (errors.NotFound, errors.Unavailable):
            return None


def status_of(home, run):
    found = in_store(home, lambda reader: reader.run(run))
    return (found.status, found.reason) if found else None


def values(home, run):
    return in_store(home, lambda reader: [point.value for point in reader.points(run, "loss")]) or []


@contextlib.contextmanager
def locked_store(home):
    """Somebody else holds the store's write lock for as long as the block lasts."""
    connection = sqlite3.connect(home / "outrider.db", isolation_level=None, timeout=10)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()
