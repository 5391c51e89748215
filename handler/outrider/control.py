"""
The client of the agent's unix socket, and the agent's start. Standard library only; the agent's own CLI uses it too.

Nothing inside a training script starts an agent: `start_agent` is for commands.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from outrider import _signals, spool

#: Agents that this process has begun to start and has not waited for: home -> process id, and when.
_begun: dict[str, tuple[int, float]] = {}
#: So long is one of them waited for.
_BEGINS_S = 60.0


#: What the extra `agent` installs, by the names that are imported.
AGENT_NEEDS = ("aiohttp", "msgspec", "yaml", "regex", "rich", "structlog", "watchdog")


class ControlError(OSError):
    """The agent could not be asked, or gave no answer."""


class NotRunning(ControlError):
    """No agent runs for this OUTRIDER_HOME. Start one with `outrider agent`; until then the spool keeps everything."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or ""))


def agent_info(home: str) -> dict[str, Any] | None:
    """What `agent.json` says, if an agent holds this home now; else None."""
    import json

    try:
        if not spool.is_locked(os.path.join(home, "agent.lock")):
            return None
        with open(spool.open_regular(os.path.join(home, "agent.json")), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError, RecursionError) as error:
        _signals.pass_on(error)
        return None
    return found if isinstance(found, dict) and isinstance(found.get("socket"), str) else None


def request(home: str, method: str, path: str, body: Any = None, timeout: float = 5.0) -> tuple[int, Any]:
    """
    One call to the agent of this home: (status, decoded JSON, or None when there is no body). `timeout` in seconds.

    Raises NotRunning when there is no agent, ControlError when it does not answer in time or not in JSON.
    """
    import json

    info = agent_info(home)
    if info is None:
        raise NotRunning
    payload = None if body is None else json.dumps(body).encode()
    status, answer = _exchange(info["socket"], method, path, payload, timeout)
    if not answer:
        return status, None
    try:
        return status, json.loads(answer)
    except ValueError as error:
        raise ControlError(f"the agent's answer to {method} {path} is no JSON; is the agent of another version?") from error


def _exchange(socket_path: str, method: str, path: str, payload: bytes | None, timeout: float) -> tuple[int, bytes]:
    import http.client
    import socket

    connection = http.client.HTTPConnection("outrider", timeout=timeout)
    headers = {"Content-Type": "application/json"} if payload is not None else {}
    try:
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(timeout)
        connection.sock.connect(socket_path)
        connection.request(method, path, body=payload, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotRunning(f"the agent's socket {socket_path} does not answer: it is starting or stopping; try again") from error
    except (OSError, http.client.HTTPException) as error:
        _signals.pass_on(error)
        raise ControlError(f"the agent gave no answer to {method} {path} within {timeout:g} s ({error or type(error).__name__})") from error
    finally:
        connection.close()


def can_start_agent() -> bool:
    """Is the agent installed here, with what it needs? Looked up, not imported."""
    from importlib.util import find_spec

    if sys.version_info < (3, 11):
        return False
    return all(find_spec(name) is not None for name in ("outrider_agent", *AGENT_NEEDS))


def start_agent(home: str, *, wait: float | None = None) -> bool:
    """
    Starts an agent for this home, detached, when one is installed and none runs. With `wait`, up to so many seconds until it answers.

    True: an agent runs (without `wait`: runs or was started). False: none is installed, or it did not answer in time.
    """
    running = agent_info(home) is not None
    if not running and not spool.is_locked(os.path.join(home, "agent.lock")):
        if not can_start_agent():
            return False
        _spawn(home)
    if wait is None:
        return True
    return _wait_until_healthy(home, wait)


def _spawn(home: str) -> None:
    import subprocess

    environ = {
        key: value for key, value in os.environ.items() if key not in ("OUTRIDER_RUN_ID", "OUTRIDER_EXPERIMENT", "OUTRIDER_RUN_NAME")
    }
    environ["OUTRIDER_DISABLED"] = "1"  # the agent's own records are no run
    environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    # An intermediate shell would be a needless process: a new session is enough, init (or our exit) takes care of the rest.
    process = subprocess.Popen(
        [sys.executable, "-m", "outrider_agent", "--home", home, "--idle-exit"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environ,
        start_new_session=True,
        close_fds=True,
    )
    _begun[home] = process.pid, time.monotonic()
    process.returncode = 0  # detached on purpose: it outlives us, and nothing is to warn about that


def wait_begun(home: str) -> None:
    """Waits for the agent that this process has begun to start: until it is there, or has ended, or for a minute. For no other."""
    pid, began = _begun.get(home, (0, 0.0))
    while home in _begun:
        if agent_info(home) is not None or _has_ended(pid) or time.monotonic() - began > _BEGINS_S:
            _begun.pop(home, None)
        else:
            time.sleep(0.02)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:  # somebody else has waited for it, or it is no child of this process: a fork's
        return True


def _wait_until_healthy(home: str, wait: float) -> bool:
    deadline = time.monotonic() + wait
    while True:
        try:
            if request(home, "GET", "/health", timeout=max(0.1, deadline - time.monotonic()))[0] == 200:
                return True
        except ControlError:
            pass
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
