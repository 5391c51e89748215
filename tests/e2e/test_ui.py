"""`outrider ui`: it starts what is missing and prints an address that opens the portal, and gives the key to nobody else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_home import ridge
from portal_rig import PATIENCE_S, ROOT, Portal, location
from test_cli_documented import EXAMPLES
from waiting import until

from outrider import control

NOWHERE = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "BROWSER": ""}


@pytest.fixture
def portal(home, monkeypatch):
    """A home; its agent, whoever starts it, ends with the test."""
    monkeypatch.setenv("OUTRIDER_PORTAL_PORT", "0")
    made = Portal(home)
    yield made
    made.stop()


def test_it_starts_the_agent_and_prints_an_address_that_opens_the_portal(portal):
    """The last line of stdout is the address; what else there is to say is on stderr."""
    code, out, err = portal.home.run("ui", autostart=True, environ=NOWHERE)
    assert code == 0, err
    assert control.agent_info(str(portal.path)) is not None
    portal.start()
    assert out == f"{portal.url}/?token={portal.token}\n"
    assert "browser on this machine" in err
    answer = portal.ask(out.strip().removeprefix(portal.url), key=False)
    assert (answer.status, location(answer)) == (303, "/")


def test_it_opens_the_page_of_a_run(portal):
    """A run is named as everywhere."""
    ridge(portal.home)
    code, out, err = portal.home.run("ui", "ridge#1", "--no-browser", autostart=True)
    assert code == 0, err
    assert "/runs/9f3c0aa1b2c4?token=" in out
    code, _, err = portal.home.run("ui", "nothing", "--no-browser", autostart=True)
    assert (code, "nothing" in err) == (1, True)


def test_json_has_the_documented_shape(portal):
    """For programs: the address, its parts, the key."""
    document = portal.home.json("ui", autostart=True)
    assert document.keys() == EXAMPLES["ui"].keys()
    assert document["url"] == f"http://{document['address']}:{document['port']}/?token={document['token']}"
    assert document["pid"] == control.agent_info(str(portal.path))["pid"]


def test_without_an_agent_and_without_leave_to_start_one_it_says_what_to_do(portal):
    """Nothing is started behind one's back."""
    for arguments in (("ui",), ("ui", "--no-agent")):
        code, out, err = portal.home.run(*arguments, environ=NOWHERE)
        assert (code, out) == (1, "")
        assert "outrider agent" in err
    assert control.agent_info(str(portal.path)) is None


def test_the_key_stands_on_no_command_line(portal, tmp_path):
    """Every user sees every command line: the browser is given a 0600 page of the home, which leads it on, and is removed later."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {seen}.new && mv {seen}.new {seen}\n')
    browser.chmod(0o755)
    code, out, err = portal.home.run("ui", autostart=True, environ={**NOWHERE, "BROWSER": f"{browser} %s"})
    assert (code, err) == (0, "")
    portal.start()
    given = until(lambda: seen.exists() and seen.read_text(), message="the browser was not started")
    assert portal.token not in given
    page = Path(given.removeprefix("file://"))
    assert page.parent == portal.path
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert out.strip() in page.read_text()
    os.utime(page, (time.time() - 60, time.time() - 60))
    portal.home.run("ui", autostart=True, environ={**NOWHERE, "BROWSER": f"{browser} %s"})
    assert not page.exists()


def test_the_help_and_the_page_tell_of_it():
    """Nobody finds what is not told."""
    for name in ("README.md", "docs/cli.md", "docs/api.md"):
        assert "outrider ui" in (ROOT / name).read_text("utf-8"), name


@pytest.mark.parametrize("command", ["ui", "runs", "status"])
def test_a_home_that_cannot_be_written_is_told_at_once(portal, command):
    """A disk that is mounted read-only: what is wrong, and what to do, whatever is asked; nobody waits for an agent that cannot start."""
    ridge(portal.home)
    portal.home.ingest()
    closed = (
        f"mount --bind {portal.path} {portal.path} && mount -o remount,ro,bind {portal.path} && exec {sys.executable} -m outrider {command}"
    )
    environ = {**os.environ, **NOWHERE, "OUTRIDER_HOME": str(portal.path), "PYTHONPATH": f"{ROOT / 'handler'}:{ROOT / 'agent'}"}
    options = {"env": environ, "capture_output": True, "text": True, "timeout": PATIENCE_S}
    said = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", closed], check=False, **options)
    assert said.returncode == 1
    assert f"{portal.path} cannot be written" in said.stderr
    assert "OUTRIDER_HOME" in said.stderr
    assert "did not start" not in said.stderr
