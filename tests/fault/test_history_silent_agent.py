"""An agent that is there and does not answer (stopped, starved), or was killed: scripts that ask have the whole all the same."""

from __future__ import annotations

import os
import signal
import time

from agent_modes import MODES, Mode
from handler_support import process  # noqa: F401 -- a fixture
from waiting import until

from outrider import Experiment, _history, control, spool


def test_a_stopped_agent_is_waited_for_once_and_briefly_and_a_killed_one_not_at_all(home, tmp_path, monkeypatch, process):  # noqa: F811
    """Whatever it had committed and whatever came since: both, within the deadline, and not a minute for each question."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_history, "_DEADLINE_S", 0.5)
    mode = Mode(home, MODES[0])
    pid = control.agent_info(str(home))["pid"]
    run = Experiment(None, "silent").start_logging(outputs=False, snapshot_directory=None)
    run.log("x", 1)
    run.log_row("row", a=1)
    run.tag("stage", "early")
    assert run.flush(30)
    try:
        os.kill(pid, signal.SIGSTOP)
        run.log("x", 2)
        run.log_row("row", a=2)
        run.tag("stage", "late")
        begun = time.monotonic()
        for _ in range(20):
            assert run.get_metrics() == {"x": [1, 2], "row": {"a": [1, 2]}}
            assert (run.get_tags(), run.get_status(), run.number) == ({"stage": "late"}, "Running", 1)
        assert time.monotonic() - begun < _history._ANSWER_S / 2  # not one of 80 questions waited for an answer
    finally:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not spool.is_locked(str(home / "agent.lock")), message="the agent's lock stayed")
    mode.has_agent = False
    run.complete()
    assert (run.get_metrics()["x"], next(run.experiment.get_runs()).get_status()) == ([1, 2], "Completed")
    mode.start()
    assert (run.get_metrics(), run.get_tags(), run.number) == ({"x": [1, 2], "row": {"a": [1, 2]}}, {"stage": "late"}, 1)
    mode.stop()
