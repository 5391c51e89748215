"""The spool is a file format: the shell script of docs/spool.md writes a run that reads like any other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cli_home

DOCUMENT = Path(__file__).parents[2] / "docs" / "spool.md"


def example():
    """The indented lines under "From a shell"."""
    section = DOCUMENT.read_text("utf-8").split("## From a shell", 1)[1]
    return "\n".join(line[4:] for line in section.splitlines() if line.startswith("    "))


def test_the_documented_shell_script_writes_a_run(home):
    """What the page tells a reader to type is typed here, and its run is there with its metric and its status."""
    done = subprocess.run(["sh", "-ec", example()], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    there = cli_home.Home(home)
    there.ingest()
    shown = there.json("show", "my-run")
    assert (shown["status"], shown["reason"], shown["experiment"]) == ("Completed", "completed", "shell")
    points = there.json("metrics", "my-run", "loss")["points"]
    assert [(point["step"], point["value"]) for point in points] == [(1, 0.25)]
    assert shown["set_aside"] == 0 or shown["set_aside"] == []
