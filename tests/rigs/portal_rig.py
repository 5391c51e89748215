"""A real agent with its portal, asked over HTTP as a browser or a program would; and scripts that it tracks."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cli_home import Home
from waiting import until

from outrider import control, spool

ROOT = Path(__file__).resolve().parents[2]

#: Deadlines only end what hangs: on a machine that is loaded, an agent or a browser has been seen to need half a minute to begin.
PATIENCE_S = 150.0


class Answer:
    """A response, read to its end."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Portal:
    """One home, its agent, and its portal."""

    def __init__(self, home):
        self.home = Home(home)
        self.path = Path(home)

    def start(self, **environ):
        """Starts the agent with these variables; where its portal is, once it is there. What does not come to be is stopped again."""
        try:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in environ.items():
                    patch.setenv(name, value)
                assert control.start_agent(str(self.path), wait=PATIENCE_S), "the agent did not answer"
            info = until(self.info, PATIENCE_S, "the portal was not started")
        except BaseException:
            self.stop()
            raise
        self.host, self.port = info["address"], info["port"]
        self.token = (self.path / "portal.token").read_text().strip()
        return self

    def info(self):
        """What portal.json says of the agent that runs now."""
        try:
            found = json.loads((self.path / "portal.json").read_text())
        except (OSError, ValueError):
            return None
        return found if (control.agent_info(str(self.path)) or {}).get("pid") == found["pid"] else None

    def stop(self):
        """Ends the agent, whoever started it, and waits for the runs of the test to end."""
        lock = str(self.path / "agent.lock")
        if spool.is_locked(lock):
            until(lambda: control.agent_info(str(self.path)), PATIENCE_S, "the agent is there but says not where")
            control.request(str(self.path), "POST", "/stop", {}, timeout=PATIENCE_S)
            until(lambda: not spool.is_locked(lock), PATIENCE_S, "the agent did not stop")

    def flush(self):
        """Waits until the agent has committed what is in the spool. (`Home.ingest` would take the store away from it.)"""
        status, answer = control.request(str(self.path), "POST", "/flush", {"run": None, "timeout": PATIENCE_S}, timeout=PATIENCE_S + 10)
        assert (status, answer["done"]) == (200, True)

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    @property
    def entry(self):
        """The address that opens it."""
        return f"{self.url}/?token={self.token}"

    def ask(self, path, method="GET", *, key=True, body=None, **headers):
        """A request; with the key unless said otherwise. `host` and other headers as keywords."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            given.setdefault("Authorization", f"Bearer {self.token}")
        try:
            connection.request(method, path, body=body, headers=given)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def api(self, path):
        """The document of a GET below /api/v1."""
        answer = self.ask(f"/api/v1{path}")
        assert answer.status == 200, answer.text
        return answer.json()

    def cookie(self):
        """The cookie that the key is exchanged for, as a browser sends it."""
        return self.ask(f"/?token={self.token}", key=False).headers["Set-Cookie"].partition(";")[0]

    @contextmanager
    def events(self, path, **headers):
        """A stream of server-sent events, as an iterator of (id, name, data)."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", f"/api/v1{path}", headers={"Authorization": f"Bearer {self.token}", **headers})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            yield parsed(response)
        finally:
            connection.close()

    def run(self, code, folder, *, experiment="e", name="train", wait=True):
        """Tracks a script with `outrider run`: the process; with `wait`, after it has ended."""
        script = Path(folder) / "train.py"
        script.write_text(code)
        command = [sys.executable, "-m", "outrider", "run", "--no-agent", "--experiment", experiment, "--name", name]
        command += ["--", sys.executable, str(script)]
        environ = {**os.environ, "OUTRIDER_HOME": str(self.path), "PYTHONPATH": f"{ROOT / 'handler'}:{ROOT / 'agent'}"}
        options = {"cwd": folder, "env": environ, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if wait:
            return subprocess.run(command, timeout=PATIENCE_S, check=False, **options)
        return subprocess.Popen(command, **options)


def parsed(response):
    """The events of a stream; comments are passed over."""
    event = {}
    for raw in response:
        line = raw.decode().rstrip("\n")
        if not line and "data" in event:
            yield event.get("id"), event.get("event"), json.loads(event["data"])
            event = {}
        elif line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def location(answer):
    """Where a redirect leads, without its host."""
    parts = urlsplit(answer.headers["Location"])
    return parts.path + (f"?{parts.query}" if parts.query else "")
