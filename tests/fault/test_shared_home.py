"""One home, several users: a script of one uid, the agent of another, in one group. Needs root, as CI has, to be all of them."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import users
from harness import agents
from waiting import until

from outrider import spool
from outrider_agent.store import reading

AGENT, SCRIPT, STRANGER, GROUP = 60001, 60002, 60003, 60004

TRAIN = """
import logging, os, sys, outrider
os.umask(0o077)
run = outrider.start_run("shared", run_id="shared-run")
run.log("loss", 0.5, step=1)
with open("model.bin", "wb") as file:
    file.write(b"weights")
run.upload_file("model.bin", "model.bin")
print(run.get_metrics(), flush=True)
run.complete()
"""
CANCEL = """
import sys
from outrider import control
for method, path in (("GET", "/status"), ("POST", "/runs/shared-run/cancel"), ("POST", "/runs/shared-run/delete"), ("POST", "/stop")):
    try:
        print(control.request(sys.argv[1], method, path, {} if method == "POST" else None)[0], flush=True)
    except control.ControlError as error:
        print(type(error).__name__, flush=True)
"""

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")


@pytest.fixture
def place():
    """A folder that everybody can reach: pytest's own are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="outrider-shared-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def shared(place):
    """A home as the package's tmpfiles make it."""
    home = place / "shared"
    home.mkdir()
    os.chown(home, AGENT, GROUP)
    home.chmod(0o2770)
    work = place / "work"
    work.mkdir()
    os.chown(work, SCRIPT, SCRIPT)
    return home


def as_user(user, *command, home, **more):
    groups = [] if user == STRANGER else [GROUP]
    return users.start(user, *command, groups=groups, env=agents.environment(home), text=True, **more)


@contextlib.contextmanager
def serving(home):
    process = as_user(AGENT, sys.executable, "-m", "outrider_agent", "--home", str(home), home=home, cwd="/")
    try:
        until(lambda: agents.answers(home), message="the agent did not answer")
        yield process
    finally:
        process.terminate()
        process.wait(30)


def said(user, code, *arguments, home, cwd):
    process = as_user(user, sys.executable, "-c", code, *arguments, home=home, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output, problems = process.communicate(timeout=60)
    assert process.returncode == 0, problems
    return output


def test_a_script_of_another_user_is_tracked_whole_whatever_its_umask(shared, place):
    """Rule: folders pass the group on, files are 0640; the agent reads, answers get_metrics, keeps the upload, and gives the spool back."""
    with serving(shared):
        printed = said(SCRIPT, TRAIN, home=shared, cwd=place / "work")
        assert "0.5" in printed
        agents.flush(shared)
        with reading.Reader(shared / "outrider.db") as store:
            assert store.run("shared-run").status == "Completed"
            assert [one.path for one in store.artifacts("shared-run")] == ["model.bin"]
        until(lambda: not list((shared / "spool").glob("shared-run/*/*")), 100, "the spool was not given back")


def test_what_was_written_before_the_agent_came_is_readable_for_it_and_for_no_stranger(shared, place):
    """Rule: an agent that starts late loses nothing; the modes are those of docs/spool.md."""
    code = TRAIN.replace("print(run.get_metrics(), flush=True)", "")
    said(SCRIPT, code, home=shared, cwd=place / "work")
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (shared / "spool").rglob("*")}
    assert found["lock"] == 0o660
    assert found["00000000.ndjson"] == 0o640
    assert found["shared-run"] == 0o2770
    assert {path.stat().st_gid for path in (shared / "spool").rglob("*")} == {GROUP}
    with serving(shared):
        agents.flush(shared)
        with reading.Reader(shared / "outrider.db") as store:
            assert store.run("shared-run").status == "Completed"
        assert stat.S_IMODE((shared / "outrider.db").stat().st_mode) == 0o640
        assert stat.S_IMODE((shared / "control.sock").stat().st_mode) == 0o660


def test_those_who_share_a_home_may_look_and_not_end_what_is_not_theirs(shared, place):
    """Rule: status and flush for the group, nothing for strangers; cancel, delete and stop are the agent's own user's."""
    with serving(shared):
        said(SCRIPT, TRAIN, home=shared, cwd=place / "work")
        assert said(SCRIPT, CANCEL, str(shared), home=shared, cwd="/").split() == ["200", "403", "403", "403"]
        assert set(said(STRANGER, CANCEL, str(shared), home=shared, cwd="/").split()) == {"NotRunning"}


def test_a_home_of_one_user_stays_private_where_folders_are_setgid(tmp_path):
    """Rule: a setgid bit without the group's write bit is a site's habit, and shares nothing."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site").chmod(0o2755)
    home = tmp_path / "site" / "home"
    writer = spool.Writer(str(home), "r1")
    assert writer.append(spool.line({"k": "tag", "t": 1, "n": "a", "v": "b"}))
    writer.close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) & 0o777 for path in (home, *home.rglob("*"))}
    assert {name: mode for name, mode in modes.items() if mode not in (0o700, 0o600)} == {}
    assert json.loads((next(home.glob("spool/r1/*/lock"))).read_text())["v"] == 1


LEAVES = """
import os, outrider
os.makedirs("outputs", exist_ok=True)
run = outrider.start_run("leaves", run_id="leaves-run", outputs="outputs")
with open("outputs/last.bin", "wb") as file:
    file.write(b"weights")
run.complete()
"""


def test_a_file_of_another_user_that_was_written_just_before_the_agent_ends_is_captured(shared, place):
    """Rule: the drain of a pod that ends: whether others' files are still open cannot be asked, so they get the time to settle."""
    with serving(shared):
        said(SCRIPT, LEAVES, home=shared, cwd=place / "work")
    with reading.Reader(shared / "outrider.db") as store:
        assert [one.path for one in store.artifacts("leaves-run")] == ["outputs/last.bin"]
