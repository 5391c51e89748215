"""What the handler's tests share: scripts run for real in processes of their own, and the lines they left in the spool."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from outrider import _current, spool

HANDLER = str(Path(__file__).resolve().parents[2] / "handler")


def run_script(home, text, *, python=sys.executable, flags=("-I", "-S"), check=True, **environment):
    """Runs the text as a script, with nothing installed but the handler on its path; returns the finished process."""
    script = Path(home).parent / "script.py"
    script.write_text(f"import sys; sys.path.insert(0, {HANDLER!r})\n" + textwrap.dedent(text))
    env = {key: value for key, value in os.environ.items() if not key.startswith("OUTRIDER_")}
    env.update(OUTRIDER_HOME=str(home), **environment)
    done = subprocess.run(
        [python, *flags, str(script)], env=env, cwd=str(script.parent), capture_output=True, text=True, timeout=60, check=False
    )
    if check:
        assert done.returncode == 0, done.stderr
    return done


def streams(home):
    """`{(run, writer): [line, …]}` of a home, every line parsed."""
    found = {}
    for run in sorted(os.listdir(os.path.join(home, "spool"))):
        folder = os.path.join(home, "spool", run)
        if os.path.isdir(folder):
            for writer in sorted(os.listdir(folder)):
                if os.path.isdir(os.path.join(folder, writer)):
                    found[run, writer] = [json.loads(raw) for raw in spool.read_lines(os.path.join(folder, writer))]
    return found


def lines(home, kind=None):
    """All lines of all streams of a home, or those of one kind."""
    return [line for stream in streams(home).values() for line in stream if kind in (None, line["k"])]


@pytest.fixture
def process():
    """The process as it starts: no run. And as it was, at the end."""
    yield _current
    for run in [*_current._stack, *_current._mine.values(), _current._last, _current._joined]:
        if run is not None:
            run._writer.close()
    if _current.writer is not None:
        _current.writer.close()
    _current._stack.clear()
    _current._first.clear()
    _current._mine.clear()
    _current._twins.clear()
    _current.writer = _current._last = _current._joined = _current._exported = _current._outer = None
    os.environ.pop("OUTRIDER_RUN_ID", None)
