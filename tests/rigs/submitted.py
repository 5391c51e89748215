"""Submits scripts for real and reads what the spool then holds: what the tests of submission stand on."""

from __future__ import annotations

import json
from pathlib import Path

from tracked import lines, run_folders
from waiting import until

from outrider import _submit, spool
from outrider._script_config import ScriptRunConfig


def submit(folder, script="train.py", arguments=(), *, tags=None, **config):
    """Starts it; its id."""
    spec = _submit.prepare("exp one", ScriptRunConfig(str(folder), script, list(arguments), **config), tags)
    _submit.start(spec)
    return spec["run"]


def ended(home, run):
    """Waits for its end; the `end` line that its keeper wrote."""

    def found():
        return [line for line in of_run(home, run, "end") if line["by_keeper"]]

    until(found, timeout=60, message=f"{run} ends")
    return found()[0]


def of_run(home, run, kind=None):
    """The lines of one run; each says whether it is the keeper's."""
    found = []
    (folder,) = [path for path in run_folders(home) if path.name == run]
    for stream in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for raw in spool.read_lines(str(stream)):
            line = json.loads(raw)
            found.append({**line, "by_keeper": stream.name.startswith("keeper-")})
    return [line for line in found if kind is None or line["k"] == kind]


def printed(home, run):
    """What its command printed."""
    return "".join(line["d"] for line in of_run(home, run, "c"))


def phases(home, run):
    """What it was doing, in order."""
    return [line["ph"] for line in of_run(home, run, "ph")]


def notes(home, run):
    """Its system log."""
    return [line["msg"] for line in of_run(home, run, "note")]


def kept(home, run):
    """Its files but for the system's."""
    return {line["p"] for line in of_run(home, run, "art") if not line["p"].startswith("system_logs/")}


def work(home, run):
    """The folder it works in."""
    return Path(home) / "submitted" / run


def write(folder, **files):
    """A folder with scripts: `train="…"` is train.py."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


__all__ = ["ended", "kept", "lines", "notes", "of_run", "phases", "printed", "submit", "work", "write"]
