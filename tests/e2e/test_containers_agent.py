"""A container through the whole agent: engine → spool → store → what a user sees. The agent is killed in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

from outrider import control
from outrider_agent.core.containerlog import nanoseconds

ENV = {"OUTRIDER_CONTAINERS_ENABLED": "1", "OUTRIDER_CONTAINERS_PODS_FOLDER": ""}


class Agent:
    """Agents of one home, one at a time."""

    def __init__(self, home, docker):
        self.home = home
        self.env = {
            **os.environ,
            **ENV,
            "OUTRIDER_HOME": str(home),
            "OUTRIDER_PORTAL_ENABLED": "0",
            "OUTRIDER_CONTAINERS_DOCKER_FOLDER": str(docker.root / "containers"),
            "OUTRIDER_CONTAINERS_SOCKETS": str(docker.socket),
        }
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "outrider_agent", "--home", str(self.home)]
        self.process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL)
        until(self.answers, 60)

    def answers(self):
        try:
            return control.request(str(self.home), "GET", "/health", timeout=5)[0] == 200
        except OSError:
            return False

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(60)
            self.process = None

    def cli(self, *arguments):
        done = subprocess.run(
            [sys.executable, "-m", "outrider", *arguments], env=self.env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shown(self, run):
        return json.loads(self.cli("show", run, "--json"))


@pytest.fixture
def agent(home, docker):
    found = Agent(home, docker)
    yield found
    found.stop()
    docker.remove_all()


def test_a_container_is_a_run_like_any_other(agent, docker, tmp_path):
    """Its output, the metrics in it, its files, its metadata, its end; across an agent that was killed."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    agent.start()
    printing = "i=0; while [ $i -lt 100 ]; do echo line $i; echo epoch $i: loss=$((i*3)); i=$((i+1)); usleep 30000; done"
    script = f"{printing}; echo model >/work/outputs/model.txt; exit 4"
    labels = ("--label", "outrider.experiment=boxed", "--label", "outrider.outputs=/work/outputs", "--label", "outrider.name=trainer")
    container = docker.run(*labels, "-v", f"{outputs}:/work/outputs", "--", "sh", "-c", script)
    run = container[:12]
    until(lambda: "line 5\n" in agent.cli("logs", run), 60)
    agent.stop(signal.SIGKILL)
    agent.start()
    until(lambda: agent.shown(run)["status"] == "Failed", 60)
    shown = agent.shown(run)
    assert (shown["experiment"], shown["name"], shown["reason"], shown["exit_code"]) == ("boxed", "trainer", "exit-code", 4)
    assert shown["properties"]["container.image"] == "busybox"
    assert nanoseconds(shown["started"]) // 1000 == nanoseconds(docker.inspect(container)["State"]["StartedAt"]) // 1000
    assert shown["gaps"] == []
    assert shown["set_aside"] == []
    lines = [line for line in agent.cli("logs", run).splitlines() if "line " in line]
    assert [line.rpartition("line ")[2] for line in lines] == [str(number) for number in range(100)]
    told = json.loads(agent.cli("metrics", run, "loss", "--source", "printed", "--json"))["points"]
    assert [(point["step"], point["value"]) for point in told] == [(number, 3 * number) for number in range(100)]
    (point,) = json.loads(agent.cli("explain", run, "loss", "42", "--json"))
    assert (point["text"], point["line"]) == ("epoch 42: loss=126", 86)
    until(lambda: "outputs/model.txt" in agent.cli("artifacts", run), 60)
    told = json.loads(agent.cli("status", "--json"))
    (collector,) = [one for one in told["collectors"] if one["name"] == "containers"]
    assert (collector["state"], collector["containers"], collector["running"]) == ("running", 1, 0)
    until(lambda: not (Path(agent.home) / "spool" / run).exists(), 60, "the run's folder is given back")
    agent.stop()
    agent.start()
    docker("start", container)
    until(lambda: agent.shown(run)["attempt"] == 2 and agent.shown(run)["status"] == "Failed", 60)
    lines = [line for line in agent.cli("logs", run).splitlines() if "line " in line]
    assert len(lines) in (100, 200), "what the store had is not read again"


def test_what_cannot_be_followed_is_said_in_the_status(agent, docker):
    """F17: with the name, the reason, and what to do."""
    agent.start()
    docker.run("--label", "outrider.experiment=e", "--name", "silent", "--log-driver=none", "--", "sleep", "100")
    until(lambda: "The container silent: its log driver is `none`" in agent.cli("status"))
