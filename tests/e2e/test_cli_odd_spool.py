"""Folders, pipes and links that are called as files of the spool: told, passed over, and never waited for (A6)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from cli_home import ROOT, Home, ridge
from waiting import until

from outrider import control, spool
from outrider_agent import agent_lock

ODD = {"folder": os.mkdir, "pipe": os.mkfifo, "link": lambda path: os.symlink("/dev/zero", path)}


@pytest.fixture(params=ODD)
def made(home, request):
    """A home with a good run, and a stream that has nothing but an odd thing in the place of its segment and of its lock."""
    made = Home(home)
    ridge(made)
    for name in ("00000000.ndjson", "lock"):
        folder = home / "spool" / "odd" / f"w-{name[:4]}"
        folder.mkdir(parents=True)
        ODD[request.param](str(folder / name))
    return made


@pytest.fixture
def agent(made):
    """An agent of that home, a child of the test."""
    command = [sys.executable, "-m", "outrider_agent", "--home", str(made.path)]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'handler'}:{ROOT / 'agent'}"}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: answers(made.path), message="the agent did not answer")
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


def answers(home):
    try:
        return control.request(str(home), "GET", "/health")[0] == 200
    except control.ControlError:
        return False


def test_an_odd_thing_among_the_segments_harms_no_reading_command(made):
    """Without an agent: the rest is read, and status tells what it is."""
    assert made.run("runs")[0] == 0
    document = made.json("status")
    assert len([sentence for sentence in document["wrong"] if "no regular file" in sentence]) == 2
    assert made.run("doctor", "--no-agent")[1]


def test_an_odd_thing_among_the_segments_stops_neither_agent_nor_flush(made, agent):
    """With one: the good run gets into the store, flush ends, status tells, --stop ends the process."""
    code, out, err = made.run("flush", "--timeout", "20")
    assert code == 0, (out, err)
    assert [run["run_id"] for run in made.json("runs")] == ["9f3c0aa1b2c4"]
    assert len([sentence for sentence in made.json("status")["wrong"] if "no regular file" in sentence]) == 2
    code, out, err = made.run("agent", "--stop")
    assert code == 0, err
    assert "has stopped" in out
    assert agent.wait(60) == 0


def test_stop_does_not_say_that_an_agent_has_stopped_whose_process_lives(home):
    """Rule: the lock is free and the process is gone, else it has not ended."""
    made = Home(home)
    home.mkdir()
    code = (
        "import os, sys, time; from pathlib import Path; from outrider_agent import agent_lock, layout\n"
        "lock = agent_lock.acquire(Path(sys.argv[1]) / 'agent.lock', answers=lambda: False)\n"
        "print('held', flush=True); sys.stdin.readline(); lock.release(); print('free', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        written = agent_lock.holder(home / "agent.lock")
        assert agent_lock.is_running(written)
        stub = home / "control.sock"
        (home / "agent.json").write_text(json.dumps({"v": 1, "pid": holder.pid, "socket": str(stub)}))
        server = subprocess.Popen([sys.executable, "-c", SERVER, str(stub)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        try:
            assert server.stdout.readline() == "ready\n"
            asked = subprocess.Popen(
                **made.command("agent", "--stop", "--timeout", "2"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            assert server.stdout.readline() == "asked\n"
            holder.stdin.write("\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == "free\n"
            out, err = asked.communicate(timeout=60)
        finally:
            server.kill()
            server.communicate()
    finally:
        holder.kill()
        holder.communicate()
    assert not spool.is_locked(str(home / "agent.lock"))
    assert asked.returncode == 1
    assert "has not ended" in err
    assert "has stopped" not in out
    assert not agent_lock.is_running(written)


#: Answers one request over a unix socket.
SERVER = """
import socket, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("ready", flush=True)
connection, _ = server.accept()
connection.recv(65536)
connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}")
print("asked", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_thing_in_the_place_of_the_agents_lock_is_said_and_nobody_hangs(home, kind):
    """The agent does not start and says why; commands say that none runs."""
    home.mkdir()
    ODD[kind](str(home / "agent.lock"))
    made = Home(home)
    code, out, _ = made.run("agent", "--stop")
    assert (code, out) == (0, "no agent runs for this home\n")
    code, _, err = made.run("agent", "--idle-exit")
    assert code == 2
    assert "no regular file" in err
