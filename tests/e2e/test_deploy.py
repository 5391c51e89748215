"""The image and the compose files, on a real Docker engine: built from the wheel, small, nobody's user but its own, and losing nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import agent_image
import docker_rig
import pytest
import yaml
from waiting import until

from outrider_agent import errors
from outrider_agent.store import reading

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TRAIN, TRAINER = "train", 61234

#: Logs until it is told to end; leaves a file in its outputs.
SCRIPT = """
import logging, os, pathlib, time
import outrider
os.umask(0o027)
run = outrider.start_run("composed")
step = 0
while not pathlib.Path("/work/outputs/enough").exists():
    run.log("loss", 1.0 / (step + 1), step=step)
    step += 1
    time.sleep(0.002)
pathlib.Path("/work/outputs/model.txt").write_text("weights")
print(f"steps {step}", flush=True)
"""

COMMAND = """#!/usr/bin/python3
import sys
from outrider.__main__ import main
sys.exit(main())
"""

COMMANDS = ("python3", "-m", "outrider")

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0 or shutil.which("dockerd") is None, reason="needs root, docker.io and docker-compose"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def engine(docker, tmp_path_factory):
    """An engine that has the agent's image, and one that trains: the handler, its command, and a script."""
    context = tmp_path_factory.mktemp("context")
    agent_image.build(docker, context)
    train = context / "train"
    library = train / agent_image.LIBRARY / "outrider"
    shutil.copytree(ROOT / "handler/outrider", library, ignore=shutil.ignore_patterns("__pycache__"))
    for name, text in {"usr/bin/outrider": COMMAND, "work/train.py": SCRIPT}.items():
        (train / name).parent.mkdir(parents=True, exist_ok=True)
        (train / name).write_text(text)
        (train / name).chmod(0o755)
    lines = [f"FROM {docker_rig.PYTHON}", "COPY train /", f"ENV PYTHONPATH=/{agent_image.LIBRARY}", f"USER {TRAINER}:{TRAINER}", ""]
    agent_image.make(docker, TRAIN, context, "\n".join(lines))
    return docker


class Project:
    """A compose file of deploy/, as it is but for the network, which the tests' engine does not have."""

    def __init__(self, engine, folder, name, train=TRAIN):
        self.engine, self.name, self.train = engine, name, train
        content = yaml.safe_load((DEPLOY / name).read_text())
        for service in content["services"].values():
            service.pop("build", None)
            service.pop("ports", None)
            service["network_mode"] = "none"
            # The tests' engine keeps its files elsewhere, and its socket.
            moved = {"/var/lib/docker/containers:": f"{engine.root}/containers:", "/var/run/docker.sock:": f"{engine.socket}:"}
            for usual, own in moved.items():
                service["volumes"] = [own + one[len(usual) :] if one.startswith(usual) else one for one in service.get("volumes", [])]
        self.file = folder / name
        self.file.write_text(yaml.safe_dump(content))
        (folder / "outrider.token").write_text("k" * 40)

    def __call__(self, *words, timeout=120):
        """docker-compose; what it printed."""
        environment = {**os.environ, "DOCKER_HOST": self.engine.host, "TRAIN_IMAGE": self.train, "OUTRIDER_IMAGE": agent_image.IMAGE}
        command = ["docker-compose", "--project-name", "outrider", "--file", str(self.file), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def container(self, service):
        return self("ps", "--quiet", service).strip()

    def volume(self, name):
        return Path(json.loads(self.engine("volume", "inspect", f"outrider_{name}"))[0]["Mountpoint"])


@pytest.fixture
def project(engine, tmp_path):
    made = Project(engine, tmp_path, "compose.yaml")
    yield made
    made("down", "--volumes", "--timeout", "5")


def logged(project):
    """How many points the store has."""
    try:
        with reading.Reader(project.volume("spool") / "outrider.db") as store:
            return len(store.points(store.runs()[0].run_id, "loss"))
    except (OSError, IndexError, AssertionError, errors.OutriderError):
        return 0


def healthy(project):
    return "progress" in project.engine(
        "exec", project.container("agent"), "python3", "-S", "-m", "outrider.probe", "progress", check=False
    ).replace('"progress":false', "")


def test_the_image_is_small_and_runs_as_its_own_user(engine):
    """Rule: 120 MB above its base at most; no root; a health check that asks for progress."""
    sizes = [int(engine("image", "inspect", "--format", "{{.Size}}", name)) for name in (agent_image.BASE, agent_image.IMAGE)]
    assert sizes[1] - sizes[0] <= 120_000_000
    config = json.loads(engine("image", "inspect", agent_image.IMAGE))[0]["Config"]
    assert config["User"] == "7433:7433"
    assert config["Healthcheck"]["Test"][-1] == "progress"


def test_a_training_container_and_its_agent_lose_nothing_whatever_befalls_the_agent(project):
    """Rule: other user, other processes, shared volumes; killed, stopped while the script goes on, made anew: every record once."""
    project("up", "--detach", "--no-build")
    until(lambda: logged(project) > 50, 90, "nothing reached the store")
    agent = project.container("agent")
    project.engine("kill", "--signal=KILL", agent)
    before = logged(project)
    project.engine("start", agent)
    until(lambda: logged(project) > before + 50, 90, "a killed agent did not go on")
    project("stop", "agent")  # the agent is away, the script is not: what comes stays in the spool
    before = logged(project)
    project("up", "--detach", "--no-build", "--force-recreate", "--no-deps", "agent")  # as an upgrade does
    until(lambda: logged(project) > before + 50, 90, "an agent that was made anew did not go on")
    assert healthy(project)
    (project.volume("outputs") / "enough").touch()
    train = project.container("train")
    assert project.engine.wait(train) == 0
    steps = int(project.engine("logs", train).rpartition("steps ")[2].split()[0])
    agent = project.container("agent")
    project.engine("exec", agent, "python3", "-m", "outrider", "flush", "--timeout", "60")
    project("stop", "--timeout", "40", "agent")
    assert project.engine.inspect(agent)["State"]["ExitCode"] == 0
    with reading.Reader(project.volume("spool") / "outrider.db") as store:
        (run,) = store.runs()
        assert (run.status, run.reason) == ("Completed", "completed")
        assert [point.step for point in store.points(run.run_id, "loss")] == list(range(steps))
        assert "model.txt" in [one.path.rpartition("/")[2] for one in store.artifacts(run.run_id)]
    assert (project.volume("spool") / "portal.token").read_text().strip() == "k" * 40


def test_a_training_container_that_is_killed_ends_its_run_as_failed(project):
    """Rule: the lock says who lives, across PID namespaces: nobody's heartbeat, nobody's pid."""
    project("up", "--detach", "--no-build")
    until(lambda: logged(project) > 50, 90, "nothing reached the store")
    project.engine("kill", "--signal=KILL", project.container("train"))

    def ended():
        with reading.Reader(project.volume("spool") / "outrider.db") as store:
            return store.runs()[0].status == "Failed"

    until(ended, 60, "the run of a killed container goes on for ever")


def test_an_unmodified_image_is_tracked_by_its_labels(engine, tmp_path):
    """Rule: compose.labels.yaml as it stands: nothing of ours in the image, no power of root's but to read; output and end are there."""
    agent_image.make(engine, "unmodified", tmp_path, 'FROM busybox\nCMD ["sh", "-c", "echo loss 0.5; echo careful >&2; exit 3"]\n')
    project = Project(engine, tmp_path, "compose.labels.yaml", train="unmodified")

    def failed():
        shown = json.loads(engine("exec", project.container("agent"), *COMMANDS, "show", "example-1", "--json", check=False) or "{}")
        return shown if shown.get("status") == "Failed" else None

    try:
        project("up", "--detach", "--no-build")
        shown = until(failed, 90, "the labelled container is no run that has ended")
        assert (shown["experiment"], shown["exit_code"], shown["gaps"]) == ("example", 3, [])
        logged = engine("exec", project.container("agent"), *COMMANDS, "logs", "example-1")
        assert ["loss 0.5" in logged, "careful" in logged] == [True, True]
    finally:
        project("down", "--volumes", "--timeout", "5")
