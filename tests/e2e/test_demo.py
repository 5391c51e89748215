"""`make demo`: what a newcomer sees in the first minute."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from waiting import until

from outrider import control

ROOT = Path(__file__).resolve().parents[2]


def as_cloned(folder):
    """A fresh clone whose .venv is this one, by links: nothing is installed again."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "README.md"):
        shutil.copy2(ROOT / name, folder)
    for name in ("tools", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / ".venv").mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith("."):
            (folder / ".venv" / entry.name).symlink_to(entry)
    (folder / ".venv" / ".demo").touch()
    return folder


def marked(mark):
    """The pids of the processes that inherited the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue  # it has ended, or is not ours
    return found


def test_make_demo_shows_a_tracked_run_and_leaves_only_the_agent(home, tmp_path):
    """Status, duration, metrics, log lines and artifacts of a script that imports nothing of ours; everything stays in OUTRIDER_HOME."""
    folder = tmp_path / "clone"
    folder.mkdir()
    as_cloned(folder)
    mark = f"DEMO_TEST={tmp_path}"
    environment = {**os.environ, "DEMO_TEST": str(tmp_path), "HOME": str(tmp_path / "nobody")}
    try:
        done = subprocess.run(["make", "demo"], cwd=folder, env=environment, capture_output=True, text=True, timeout=150, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        for expected in ("best: alpha", "Completed", "mse", "alpha 0.95 mse", "ridge_0.95.pkl", str(home)):
            assert expected in done.stdout, done.stdout
        agent = control.agent_info(str(home))
        assert agent is not None
        until(lambda: marked(mark) == [agent["pid"]], message="something else than the agent is left")
        assert not (tmp_path / "nobody").exists()
    finally:
        if control.agent_info(str(home)):
            control.request(str(home), "POST", "/stop")
        until(lambda: not marked(mark), message="the agent did not stop")


def test_the_example_imports_nothing_of_ours():
    """The promise is about scripts that know nothing of Outrider."""
    text = (ROOT / "examples" / "ridge_sweep.py").read_text("utf8")
    code = text.split('"""', 2)[2]
    assert "outrider" not in code
