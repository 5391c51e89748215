"""
The service on a booted Debian: installed from the wheel, killed, frozen, restarted, upgraded, reloaded, stopped, while a script logs.

What counts is the store, read afterwards: every record, each once.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import machine_rig
import pytest
from packaging.requirements import Requirement
from waiting import until

from outrider_agent import errors
from outrider_agent.store import reading

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "/opt/outrider"
HOME = "/var/lib/outrider"

#: Logs a point every few milliseconds until it is told to end; then says how many there were.
TRAIN = """
import os, pathlib, time
import outrider
run = outrider.start_run("booted", run_id="booted-run")
print("begun", flush=True)
step = 0
while not pathlib.Path("/run/enough").exists():
    run.log("loss", 1.0 / (step + 1), step=step)
    step += 1
    time.sleep(0.002)
run.complete()
print(step, flush=True)
"""

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0 or shutil.which("systemd-nspawn") is None, reason="needs root, systemd-container and mmdebstrap"),
    pytest.mark.timeout(600),
]


def built(tree, folder):
    """The wheel of a tree."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(tree)]
    subprocess.run(command, check=True, timeout=120)
    return next(folder.glob("outrider-*.whl"))


def needed(requirement, found):
    """The distributions that a requirement means, with all that they require in turn."""
    distribution = importlib.metadata.distribution(requirement.name)
    if distribution.name not in found:
        found[distribution.name] = distribution
        for line in distribution.requires or []:
            further = Requirement(line)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in {"", *requirement.extras}):
                needed(further, found)


def install(machine, wheel):
    """What `pip install 'outrider[agent]'` does, from this environment's copies: the machine has no network."""
    site = machine.root / PREFIX.lstrip("/") / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    if not site.is_dir():
        machine("python3", "-m", "venv", "--without-pip", PREFIX)
        found = {}
        for line in importlib.metadata.requires("outrider"):
            one = Requirement(line)
            if one.marker is not None and one.marker.evaluate({"extra": "agent"}):
                needed(one, found)
        for distribution in found.values():
            for top in {file.parts[0] for file in distribution.files if file.parts[0] not in ("..", "__pycache__")}:
                source = Path(distribution.locate_file(top))
                (shutil.copytree if source.is_dir() else shutil.copy)(source, site / top)
    for old in [*site.glob("outrider*")]:
        shutil.rmtree(old)
    zipfile.ZipFile(wheel).extractall(site)
    outrider = machine.root / PREFIX.lstrip("/") / "bin" / "outrider"
    outrider.write_text(f"#!{PREFIX}/bin/python\nimport sys\nfrom outrider.__main__ import main\nsys.exit(main())\n")
    outrider.chmod(0o755)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """This tree's wheel, and the same as the next version's."""
    folder = tmp_path_factory.mktemp("wheels")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy2(ROOT / name, tree)
    for name in ("handler", "agent", "portal", "systemd"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    project = (tree / "pyproject.toml").read_text()
    (tree / "pyproject.toml").write_text(re.sub(r'^version = ".*"$', 'version = "99.1"', project, count=1, flags=re.MULTILINE))
    return built(ROOT, folder / "now"), built(tree, folder / "next")


@pytest.fixture(scope="module")
def machine(tmp_path_factory, wheels):
    """Booted, the service installed and running, a user `trainer` in its group."""
    assert f"python3.{sys.version_info.minor}" == Path("/usr/bin/python3").resolve().name, "the packages here are of another Python"
    with machine_rig.Machine(tmp_path_factory.mktemp("booted")) as made:
        made.boot()
        install(made, wheels[0])
        (made.root / "etc/sysusers.d").mkdir(exist_ok=True)
        (made.root / "etc/sysusers.d/trainer.conf").write_text('u trainer - "A user"\nu outrider - -\nm trainer outrider\n')
        made("systemd-sysusers")
        made(f"{PREFIX}/bin/outrider", "service", "install", "--system")
        yield made


def shown(machine, *properties):
    """What systemd says of the service."""
    lines = machine("systemctl", "show", "outrider-agent.service", f"--property={','.join(properties)}").splitlines()
    return dict(line.split("=", 1) for line in lines)


def main_pid(machine):
    return int(shown(machine, "MainPID")["MainPID"])


def answers(machine):
    """The status document, once the agent answers."""
    said = machine(f"{PREFIX}/bin/outrider", "status", "--json", "--home", HOME, check=False)
    document = json.loads(said) if said.startswith("{") else {}
    return document if document.get("agent", {}).get("pid") else None


def healthy(machine):
    """Is it up, by systemd's word and by its own?"""
    return shown(machine, "ActiveState")["ActiveState"] == "active" and answers(machine)


def logged(machine):
    """How many points the store has."""
    path = machine.root / HOME.lstrip("/") / "outrider.db"
    try:
        with reading.Reader(path) as store:
            return len(store.points("booted-run", "loss"))
    except (OSError, errors.OutriderError):
        return 0


def test_the_units_are_clean_and_confined(machine):
    """Rule: `systemd-analyze verify` says nothing; exposure 1.5 at most, 2.0 with what container logs need."""
    assert machine("systemd-analyze", "verify", "outrider-agent.service", "outrider-portal.socket", check=False) == ""
    machine("systemd-analyze", "security", "--threshold=15", "outrider-agent.service")
    unit = machine.root / "etc/systemd/system/outrider-agent.service.d"
    shutil.copytree(ROOT / "systemd/outrider-agent.service.d", unit)
    machine("systemctl", "daemon-reload")
    try:
        assert machine("systemd-analyze", "verify", "outrider-agent.service", check=False) == ""
        machine("systemd-analyze", "security", "--threshold=20", "outrider-agent.service")
        machine("systemctl", "restart", "outrider-agent.service")
        until(lambda: healthy(machine), 60)
        capabilities = machine("grep", "CapEff", f"/proc/{main_pid(machine)}/status").split()[1]
        assert int(capabilities, 16) == 1 << 2  # CAP_DAC_READ_SEARCH, and no other
    finally:
        shutil.rmtree(unit)
        machine("systemctl", "daemon-reload")
        machine("systemctl", "restart", "outrider-agent.service")
    until(lambda: healthy(machine), 60)


@pytest.fixture
def trainer(machine):
    """A script of another user, which goes on until `/run/enough` is there."""
    until(lambda: healthy(machine), 60, "the service does not answer")
    became = ["setpriv", "--reuid=trainer", "--regid=trainer", "--init-groups", "env", f"OUTRIDER_HOME={HOME}", "HOME=/tmp"]
    command = machine.command(*became, f"{PREFIX}/bin/python", "-c", TRAIN)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "begun\n"
        until(lambda: logged(machine) > 50, 60, "nothing of a script of another user reached the store")
        yield process
    finally:
        machine("touch", "/run/enough")  # nsenter's child is in the machine: a signal to nsenter does not reach it
        process.wait(60)
        process.stdout.close()


def kill(machine):
    """SIGKILL: systemd starts it again."""
    first = main_pid(machine)
    machine("sh", "-c", f"kill -KILL {first}")
    until(lambda: main_pid(machine) not in (0, first) and healthy(machine), 60, "it was not started again")
    assert int(shown(machine, "NRestarts")["NRestarts"]) >= 1


def restart_behind_the_port(machine):
    """The port is systemd's: a request in the middle of a restart waits for the answer."""
    code = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:7433/healthz/live', timeout=60).status)"
    machine("systemctl", "restart", "--no-block", "outrider-agent.service")
    assert machine(f"{PREFIX}/bin/python", "-c", code) == "200"
    until(lambda: healthy(machine), 60)


def reload(machine):
    """SIGHUP, by systemd."""
    (machine.root / "etc/outrider/outrider.toml").write_text("[spool]\nmax_bytes = 123456789\n")
    machine("systemctl", "reload", "outrider-agent.service")
    until(lambda: (answers(machine) or {}).get("spool", {}).get("cap") == 123456789, 60, "the settings were not reloaded")


def freeze(machine):
    """SIGSTOP: the watchdog, here of 2 s, replaces it."""
    folder = "/run/systemd/system/outrider-agent.service.d"
    machine("sh", "-c", f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=2\\n' > {folder}/quick.conf")
    machine("systemctl", "daemon-reload")
    machine("systemctl", "restart", "outrider-agent.service")
    frozen = until(lambda: healthy(machine) and main_pid(machine), 60)
    machine("sh", "-c", f"kill -STOP {frozen}")
    until(lambda: main_pid(machine) not in (0, frozen), 90, "a frozen agent was not replaced")
    until(lambda: healthy(machine), 60)
    machine("rm", "-r", folder)


def upgrade(machine, wheel):
    """As docs/deploy.md says it."""
    install(machine, wheel)
    machine(f"{PREFIX}/bin/outrider", "service", "install", "--system")
    until(lambda: (answers(machine) or {}).get("agent", {}).get("version") == "99.1", 60, "the new version does not run")


def test_a_service_that_is_killed_frozen_reloaded_and_upgraded_loses_nothing(machine, wheels, trainer):
    """Rule: whatever befalls the agent, the script goes on, and the store has every record once; the portal's port is never refused."""
    kill(machine)
    restart_behind_the_port(machine)
    reload(machine)
    freeze(machine)
    upgrade(machine, wheels[1])
    machine("touch", "/run/enough")
    steps = int(trainer.stdout.readline())
    assert trainer.wait(60) == 0
    machine("systemctl", "stop", "outrider-portal.socket", "outrider-agent.service")
    assert shown(machine, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
    with reading.Reader(machine.root / HOME.lstrip("/") / "outrider.db") as store:
        assert [point.step for point in store.points("booted-run", "loss")] == list(range(steps))
        assert store.run("booted-run").status == "Completed"
    journal = machine("journalctl", "--unit=outrider-agent.service", "--output=cat", "--no-pager")
    assert "agent_ended part=agent why=stopped" in journal
    assert "Traceback" not in journal
    machine("systemctl", "start", "outrider-portal.socket", "outrider-agent.service")


def test_a_person_has_an_agent_of_their_own(machine):
    """Rule: docs/deploy.md for one user, without root: it takes the place of an agent that a command started, is started anew when killed,
    lives while nobody is logged in; what was collected stays when it is taken away."""
    (machine.root / "etc/sysusers.d/ada.conf").write_text('u ada - "A person" /home/ada /bin/sh\n')
    machine("systemd-sysusers")
    machine("install", "--directory", "--owner=ada", "--group=ada", "/home/ada")
    machine("loginctl", "enable-linger", "ada")
    number = machine("id", "--user", "ada")
    until(lambda: machine("systemctl", "is-active", f"user@{number}", check=False) == "active", 60, "ada has no service manager")
    became = ["runuser", "--user", "ada", "--", "env", "--chdir=/home/ada", "HOME=/home/ada", f"XDG_RUNTIME_DIR=/run/user/{number}"]

    def ada(*words, **more):
        return machine(*became, *words, **more)

    def serving():
        unit = ada("systemctl", "--user", "show", "--property=MainPID", "--value", "outrider-agent.service")
        asked = json.loads(ada(command, "status", "--json"))["agent"]["pid"]
        return asked if str(asked) == unit else None

    command = f"{PREFIX}/bin/outrider"
    ada(command, "run", "--", "/bin/echo", "said by a command")
    ada(command, "service", "install", "--user")
    assert ada("systemd-analyze", "--user", "verify", "outrider-agent.service", check=False) == ""
    first = until(serving, 60, "the agent that answers is not the service's")
    machine("sh", "-c", f"kill -KILL {first}")
    until(lambda: serving() not in (None, first), 60, "it was not started again")
    assert "said by a command" in ada(command, "logs", "latest")
    ada(command, "service", "uninstall", "--user")
    assert not (machine.root / "home/ada/.config/systemd/user/outrider-agent.service").exists()
    assert "said by a command" in ada(command, "logs", "latest", "--no-agent")


def test_uninstalling_takes_the_units_and_leaves_what_was_collected(machine):
    """Rule: data is never the price of a removal."""
    machine(f"{PREFIX}/bin/outrider", "service", "uninstall", "--system")
    assert not (machine.root / "etc/systemd/system/outrider-agent.service").exists()
    assert (machine.root / HOME.lstrip("/") / "outrider.db").exists()
    machine(f"{PREFIX}/bin/outrider", "service", "install", "--system")
