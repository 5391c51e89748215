"""The handler on every Python that it promises, with nothing installed: `python -I -S`."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from handler_support import lines, run_script
from waiting import until

VERSIONS = [f"3.{minor}" for minor in range(8, 14)]

SCRIPT = """
import logging, os, threading, outrider
logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
logging.info("epoch %d loss %.4f", 1, 0.5, extra={"metrics": {"loss": 0.5}, "step": 1})
logging.info("bad %d", "argument")
try: 1 / 0
except ZeroDivisionError: logging.exception("failed \\ud800")
run = outrider.start_run("matrix", name="n", tags={"a": 1}, params={"p": [1, {2}]})
for i in range(200): run.log("x", i * 0.5, step=i)
run.log("nan", float("nan")); run.log_list("l", (i for i in range(3))); run.log_row("r", a=1, b="x"); run.log_table("t", {"c": [1, 2]})
run.upload_file("outputs/s.py", __file__)
pid = os.fork()
if pid == 0:
    logging.info("child"); outrider.log("child", 1); os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
thread = threading.Thread(target=lambda: logging.info("thread"), name="worker"); thread.start(); thread.join()
found = run.get_metrics()
assert found["x"] == [i * 0.5 for i in range(200)] and found["nan"] != found["nan"] and found["child"] == 1, found
assert found["l"] == [0, 1, 2] and found["r"] == {"a": 1, "b": "x"} and found["t"] == {"c": [1, 2]} and found["loss"] == 0.5
"""


def interpreter(version):
    """A Python of that version: pyenv's, else one on PATH."""
    roots = [Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"]
    found = [path for root in roots for path in sorted(root.glob(f"{version}.*/bin/python"))]
    if found:
        return str(found[-1])
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    named = shutil.which(f"python{version}")
    if named and subprocess.run([named, "-c", ""], check=False, capture_output=True).returncode == 0:
        return named
    return None


def asked_for(version):
    """A Python of that version; where there is none the test is skipped, or fails."""
    python = interpreter(version)
    if python is None:
        if os.environ.get("OUTRIDER_PYTHONS") == "all":
            pytest.fail(f"no Python {version} here")
        pytest.skip(f"no Python {version} here")
    return python


@pytest.mark.parametrize("version", VERSIONS)
def test_the_handlers_essentials_work_on(home, version):
    """Records, metrics, files, threads, forks, rotation and reading back; nothing on stderr."""
    python = asked_for(version)
    done = run_script(home, SCRIPT, python=python, OUTRIDER_SEGMENT_BYTES="4000")
    assert done.stderr == ""
    assert [line["msg"] for line in lines(home, "l")].count("child") == 1
    bad, failed = (next(line for line in lines(home, "l") if line["msg"].startswith(word)) for word in ("bad", "failed"))
    assert "TypeError" in bad["bad"]
    assert failed["exc"]["type"] == "ZeroDivisionError"
    (end,) = lines(home, "end")
    assert end["reason"] == "ended"
    assert math.isclose(sum(line["v"] for line in lines(home, "m") if line["n"] == "x"), 9950.0)


SUBMITTING = """
import os
from outrider import _mend, _submit
from outrider._script_config import ScriptRunConfig
_mend.install()
from collections import Mapping
import time
assert isinstance({}, Mapping) and time.clock() > 0
config = ScriptRunConfig(os.getcwd() + "/project", "train.py", ["--n", 3])
config.run_config.environment_variables = {"OUTRIDER_LEGACY": "1"}
_submit.start(_submit.prepare("matrix", config))
"""


@pytest.mark.parametrize("version", VERSIONS)
def test_submitting_works_on(home, version):
    """The snapshot, the launcher, mended names and the end, all by that Python."""
    project = home.parent / "project"
    project.mkdir()
    (project / "train.py").write_text(
        "import sys, time, outrider\ntime.clock()\noutrider.log('n', float(sys.argv[2]))\nprint(sys.version_info[:2])"
    )
    run_script(home, SUBMITTING, python=asked_for(version), OUTRIDER_AGENT_AUTOSTART="0")
    (end,) = until(lambda: lines(home, "end"), timeout=60, message="the run ends")
    assert (end["status"], end["reason"], end.get("err")) == ("Completed", "completed", None)
    assert [line["v"] for line in lines(home, "m")] == [3.0]
    assert "".join(line["d"] for line in lines(home, "c")) == f"({version.replace('.', ', ')})\n"
