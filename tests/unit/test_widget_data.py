"""What the widget knows of a run: read from real ones, and kept where it cannot be read again."""

from __future__ import annotations

import pytest
from handler_support import process  # noqa: F401 -- a fixture

import outrider
from outrider import _widget_data, spool


@pytest.fixture
def run(home, process):  # noqa: F811
    """A run of this process, in a home of its own."""
    return outrider.start_run("shown", "one")


def test_a_failed_run_shows_its_traceback(run):
    """And the status, with its reason."""
    with pytest.raises(ZeroDivisionError), run:
        print(1 / 0)
    shown = _widget_data.read(run)
    assert (shown["status"], shown["reason"], shown["unknown"]) == ("Failed", "exception", None)
    assert "ZeroDivisionError: division by zero" in shown["error"]
    assert shown["started"] < shown["ended"]


def test_a_phase_stands_for_running(run):
    """Preparing, Queued, Finalizing: as a launcher says it; after the end the end."""
    run._writer.append_vital(spool.line({"k": "ph", "t": 1, "ph": "Preparing"}))
    assert _widget_data.read(run)["status"] == "Preparing"
    run.complete()
    assert _widget_data.read(run)["status"] == "Completed"


def test_what_cannot_be_read_now_is_said_and_what_was_read_stays(run, home):
    """Lines were passed on, and no agent answers: the last state, and why it is not newer."""
    run.log("loss", 0.5)
    before = _widget_data.read(run)
    run.log("loss", 0.25)
    (home / "spool" / run.id / ".shipped").touch()
    shown = _widget_data.read(run)
    assert shown["unknown"]
    assert (shown["run_id"], shown["name"], shown["status"]) == (run.id, "one", "Running")
    again = _widget_data.read(run, before)
    assert again["unknown"]
    assert again["metrics"] == {"loss": 0.5}


def test_with_what_was_read_before_only_the_status_is_read(run):
    """Where a look is slow; but the end is read whole."""
    run.log("loss", 0.5)
    before = _widget_data.read(run)
    run.log("loss", 0.25)
    assert _widget_data.read(run, before, whole=False)["metrics"] == {"loss": 0.5}
    run.complete()
    assert _widget_data.read(run, before, whole=False)["metrics"] == {"loss": [0.5, 0.25]}
