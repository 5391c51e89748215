"""The control server's routes, over a real socket, with the handler's own client: the shape of each answer is a promise."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading

import pytest
from waiting import until

from outrider import control as client
from outrider import spool
from outrider_agent import errors, model
from outrider_agent.server import control, peers

STRANGER = """
import os, socket, sys
os.setgid(65534)
os.setuid(65534)
stream = socket.socket(socket.AF_UNIX)
stream.connect(sys.argv[1])
stream.sendall(b"GET /status HTTP/1.0\\r\\n\\r\\n")
print(stream.recv(100).decode())
"""


class Recorder:
    """Operations that remember what they were asked. What they do in an agent is tested with an agent (tests/fault/test_agent_life.py)."""

    def __init__(self):
        self.asked = []
        self.ok = True

    def touched(self):
        self.asked.append("touched")

    def health(self):
        return {"ok": self.ok, "pid": os.getpid(), "version": "0", "progress": {}}

    async def status(self):
        return {"agent": {"pid": os.getpid()}, "sinks": [], "streams": [], "collectors": [], "spool": {}, "wrong": []}

    async def flush(self, run, upto, timeout_s):
        self.asked.append((run, upto, timeout_s))
        return {"done": True, "pending": []}

    async def history(self, question):
        self.asked.append(question)
        if question.run == "late":
            raise TimeoutError
        if question.run == "away":
            raise errors.Unavailable
        return b'{"runs":{}}'

    async def cancel(self, run, by):
        if run == "none":
            raise errors.NotFound(f"There is no run {run}.")
        if run == "two":
            raise errors.Ambiguous
        self.asked.append((run, by))
        return {"canceled": run}

    async def delete(self, run):
        return {"deleted": run}

    def stop(self):
        self.asked.append("stop")


@pytest.fixture
def served(home):
    """A server in a thread of its own, its operations, and a home that the client takes for a running agent's."""
    home.mkdir()
    operations, loop = Recorder(), asyncio.new_event_loop()
    server = control.Server(operations, home / "control.sock")
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    lock = spool.lock_file(str(home / "agent.lock"))
    (home / "agent.json").write_text(json.dumps({"socket": str(server.path)}))
    yield operations, server
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
    os.close(lock)


def ask(home, method, path, body=None):
    return client.request(str(home), method, path, body)


def test_health_is_200_while_there_is_progress_and_503_with_the_reason_when_not(home, served):
    """Rule: health is progress, not a pulse."""
    status, answer = ask(home, "GET", "/health")
    assert (status, answer["ok"], answer["pid"]) == (200, True, os.getpid())
    served[0].ok = False
    assert ask(home, "GET", "/health")[0] == 503


def test_looking_at_health_keeps_no_agent_awake(home, served):
    """Rule: a request counts as use, but for the look of a watcher."""
    ask(home, "GET", "/health")
    assert served[0].asked == []
    ask(home, "GET", "/status")
    assert served[0].asked == ["touched"]


def test_flush_passes_the_callers_position_and_deadline(home, served):
    """Rule: {"run", "timeout", "upto": {writer: [segment, offset]}} -> {"done", "pending"}."""
    body = {"run": "r1", "timeout": 2.5, "upto": {"py-1-0a": [3, 400]}}
    assert ask(home, "POST", "/flush", body) == (200, {"done": True, "pending": []})
    assert ("r1", {"py-1-0a": model.Position(3, 400)}, 2.5) in served[0].asked


def test_flush_without_a_body_is_about_everything(home, served):
    """Rule: run null means all runs."""
    assert ask(home, "POST", "/flush")[0] == 200
    assert (None, {}, 30.0) in served[0].asked


def test_history_answers_with_the_payload_as_it_was_made(home, served):
    """Rule: the payload is the store's, untouched; the question arrives as it was asked, positions as positions."""
    body = {"what": "metrics", "run": "r1", "recursive": True, "upto": {"py-1-0a": [3, 400]}, "timeout": 2.5}
    assert ask(home, "POST", "/history", body) == (200, {"runs": {}})
    asked = model.Question(what="metrics", run="r1", recursive=True, upto={"py-1-0a": model.Position(3, 400)}, timeout=2.5)
    assert asked in served[0].asked


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/history", {"what": "metrics", "run": "late"}, 504),
        ("/history", {"what": "metrics", "run": "away"}, 503),
        ("/history", {}, 400),
        ("/history", {"what": "files", "run": 5}, 400),
        ("/flush", {"upto": {"w": [1]}}, 400),
        ("/flush", [1], 400),
        ("/runs/none/cancel", {}, 404),
        ("/runs/two/cancel", {}, 409),
        ("/nowhere", {}, 404),
        ("/health", {}, 405),
    ],
)
def test_every_error_is_json_with_a_sentence(home, served, path, body, code):
    """Rule: whoever asks gets JSON with `error`, never a page."""
    status, answer = ask(home, "POST", path, body)
    assert status == code
    assert len(answer["error"]) > 10


def test_cancel_delete_and_stop_reach_the_agent(home, served):
    """Rule: the routes that change something."""
    assert ask(home, "POST", "/runs/r.1-x/cancel", {"by": "ann"}) == (200, {"canceled": "r.1-x"})
    assert ("r.1-x", "ann") in served[0].asked
    assert ask(home, "POST", "/runs/r1/delete") == (200, {"deleted": "r1"})
    assert ask(home, "POST", "/stop") == (200, {"stopping": True})
    until(lambda: "stop" in served[0].asked)


def test_the_socket_is_its_users_alone(served):
    """Rule: 0600."""
    mode = served[1].path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


@pytest.mark.skipif(os.getuid() != 0, reason="needs a second user; CI runs as root")
def test_another_user_is_refused_even_where_the_file_lets_it_in(home, served):
    """Rule: the kernel says who is at the other end; the same user and root are served."""
    served[1].path.chmod(0o666)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        os.link(served[1].path, f"{folder}/s")
        answer = subprocess.run([sys.executable, "-c", STRANGER, f"{folder}/s"], capture_output=True, text=True, check=True, timeout=60)
    assert " 403 " in answer.stdout


def test_a_new_socket_takes_the_old_ones_place_and_the_old_server_leaves_it_there(home):
    """Rule: after a takeover, the agent that was replaced removes nothing that is no longer its own."""

    async def replace():
        home.mkdir()
        first, second = control.Server(Recorder(), home / "control.sock"), control.Server(Recorder(), home / "control.sock")
        await first.start()
        await second.start()
        await first.close()
        assert second.path.exists()
        probe = socket.socket(socket.AF_UNIX)
        probe.connect(str(second.path))
        probe.close()
        await second.close()
        assert not second.path.exists()
        await second.close()

    asyncio.run(replace(), debug=True)


def test_nobody_is_welcome_whom_the_kernel_does_not_know():
    """Rule: no answer is no permission."""
    assert not peers.is_welcome(None)
    assert peers.is_welcome(os.getuid())
    assert not peers.is_welcome(os.getuid() + 54321)
