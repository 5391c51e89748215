"""One agent per home: the lock is taken, refused, taken over, and never taken from a successor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest
from waiting import until

from outrider import spool
from outrider_agent import agent_lock, errors

HOLDER = """
import sys, time
from pathlib import Path
from outrider_agent import agent_lock
lock = agent_lock.acquire(Path(sys.argv[1]), answers=lambda: False, patience_s=0.2)
print("held", flush=True)
sys.stdin.read()
print("mine" if lock.is_mine() else "lost", flush=True)
"""


@pytest.fixture
def path(home):
    home.mkdir()
    return home / "agent.lock"


@pytest.fixture
def holder(path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate()


def acquire(path, *, answers=False, patience_s=0.3):
    return agent_lock.acquire(path, answers=lambda: answers, patience_s=patience_s)


def test_the_lock_says_who_holds_it(path):
    """Rule: pid, boot, host and start time, so that a successor knows whom it replaces."""
    lock = acquire(path)
    assert agent_lock.holder(path) == {
        "pid": os.getpid(),
        "boot": spool.boot_id(),
        "host": spool.hostname(),
        "started": agent_lock.holder(path)["started"],
        "start_time": agent_lock.start_time(os.getpid()),
    }
    assert lock.is_mine()
    assert lock.predecessor is None
    lock.release()
    lock.release()
    assert not lock.is_mine()
    assert not spool.is_locked(str(path))


def test_a_second_agent_gives_way_to_one_that_answers(path, holder):
    """Rule: AlreadyRunning, with the pid."""
    with pytest.raises(errors.AlreadyRunning, match=f"pid {holder.pid}"):
        acquire(path, answers=True)


def test_a_silent_holder_is_replaced_and_finds_out(path, holder):
    """Rule: the new lock is a new file, held from its first moment; the old holder sees that the name is no longer its own."""
    before = path.stat().st_ino
    lock = acquire(path)
    assert lock.predecessor["pid"] == holder.pid
    assert path.stat().st_ino != before
    assert spool.is_locked(str(path))
    assert agent_lock.holder(path)["pid"] == os.getpid()
    assert holder.communicate("", timeout=60)[0] == "lost\n"
    assert lock.is_mine()
    lock.release()


def test_a_dead_holders_lock_is_simply_free(path, holder):
    """Rule: the lock goes with its process, however it ends; nobody is replaced."""
    holder.kill()
    holder.wait()
    lock = acquire(path, answers=True)
    assert lock.predecessor is None
    lock.release()


def test_of_many_who_take_over_at_once_one_holds_the_lock(path, holder):
    """Rule: they take turns; who comes second finds the first's lock, asks it, and gives way."""
    taken, refused = [], []

    def take_over():
        try:
            taken.append(agent_lock.acquire(path, answers=lambda: bool(taken), patience_s=0.3))
        except errors.AlreadyRunning:
            refused.append(1)

    threads = [threading.Thread(target=take_over) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == 1
    assert len(refused) == 7
    assert taken[0].is_mine()
    taken[0].release()


def test_a_removed_lock_is_lost(path):
    """Rule: an agent whose home is deleted stops."""
    lock = acquire(path)
    path.unlink()
    assert not lock.is_mine()
    lock.release()


def test_a_frozen_agent_is_killed_only_when_it_is_the_same_process(path, holder):
    """Rule: pid, boot, host and start time must all agree; a pid alone may be somebody else's by now."""
    holder.send_signal(signal.SIGSTOP)
    content = agent_lock.holder(path)
    for wrong in ({"start_time": 1}, {"boot": "another"}, {"host": "another"}, {"pid": os.getpid()}, {"pid": None}):
        assert not agent_lock.kill_frozen({**content, **wrong})
    assert holder.poll() is None
    assert agent_lock.kill_frozen(content)
    assert until(lambda: holder.poll() is not None)
    assert holder.returncode == -signal.SIGKILL
    assert not agent_lock.kill_frozen(content)
