"""A server as a real process, at one port for all its lives, so that it can be killed and come back."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

from waiting import until

from outrider import control
from outrider_agent.store import tokens


def environment(home):
    """What the process gets: nothing of the outer environment's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTRIDER_")}
    return {**kept, "OUTRIDER_HOME": str(home)}


def answers(home):
    """Does a server of this home answer on its socket?"""
    try:
        return control.request(str(home), "GET", "/health", timeout=5)[0] == 200
    except OSError:
        return False


def free_port():
    """A port that was free a moment ago, and that the system gives to nobody who does not ask for it: a server may come back to it."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(10_000, first)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


class Server:
    """A server of a home. What it says goes to memory, as an agent's does."""

    def __init__(self, home, *arguments, token=True):
        self.home, self.arguments = home, arguments
        self.port = free_port()
        self.said_to = os.memfd_create("server")
        self.process = None
        self.token_file = home.parent / f"{home.name}.token"
        if token:
            home.mkdir(parents=True, exist_ok=True)
            self.token_file.write_text(tokens.create(home / "outrider.db", "agents"))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "outrider_agent.serve", "--home", str(self.home), "--port", str(self.port), "--foreground"]
        self.process = subprocess.Popen(
            [*command, *self.arguments],
            env=environment(self.home),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.said_to,
        )
        return self

    def said(self):
        return os.pread(self.said_to, 1 << 20, 0).decode(errors="replace")[-4000:]

    def wait_ready(self):
        def ready():
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}: {self.said()}"
            return answers(self.home)

        until(ready, 90, "the server did not answer")
        return self

    def kill(self):
        """SIGKILL, and reaps. Idempotent."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self):
        """In order. Returns its exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def close(self):
        self.kill()
        os.close(self.said_to)

    def settings(self, url=None, **more):
        """What an agent is told to ship here (or to a proxy before it)."""
        given = {"OUTRIDER_SINKS_HTTP_URL": url or self.url, "OUTRIDER_SINKS_HTTP_TOKEN_FILE": str(self.token_file)}
        return {**given, "OUTRIDER_SINKS_HTTP_TIMEOUT_S": "2", "OUTRIDER_SHIP_BACKOFF_CAP_S": "0.5", **more}


@contextlib.contextmanager
def serving(home, *arguments, token=True):
    """A server that answers, for as long as the block lasts."""
    server = Server(home, *arguments, token=token)
    try:
        yield server.start().wait_ready()
    finally:
        server.close()
