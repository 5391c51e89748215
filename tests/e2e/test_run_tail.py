"""The last lines of a run, as the widget shows them: with an agent, without one, and with one that comes in between."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from agent_modes import MODES, Mode
from handler_support import process  # noqa: F401 -- a fixture

import outrider
from outrider import RunHandler, _history


@pytest.fixture(params=MODES)
def mode(request, home, tmp_path, monkeypatch, process):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    made = Mode(home, request.param)
    yield made
    made.stop()


@pytest.fixture
def logger(mode):
    """A logger whose records go into the run, and nowhere else."""
    found, handler = logging.getLogger("ridge"), RunHandler()
    found.addHandler(handler)
    found.setLevel("INFO")
    found.propagate = False
    yield found
    found.removeHandler(handler)
    found.propagate = True


def test_of_a_run_without_a_console_the_last_records_are_told(mode, home, logger):
    """In a notebook nothing is printed through us: level, logger, message, a line each, however many lines a message has."""
    with outrider.start_run("tails") as run:
        for number in range(30):
            logger.info("step %d", number)
        mode.between()
        logger.warning("two\nlines")
    expected = [f"INFO ridge: step {number}" for number in range(26, 30)]
    assert _history.tail(str(home), run.id, 6) == [*expected, "WARNING ridge: two", "lines"]
    assert _history.tail(str(home), outrider.start_run("tails").id, 6) == []


def test_of_a_command_the_last_lines_are_those_of_its_console(mode, home):
    """What it wrote; the records that it printed are not told twice."""
    code = "import logging, sys; logging.basicConfig(level='INFO', stream=sys.stdout); [print(n) for n in range(50)]"
    code += "; logging.info('record'); print('end')"
    command = [sys.executable, "-m", "outrider", "run", "--no-agent", "--run-id", "told", "--", sys.executable, "-c", code]
    mode.between()
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert _history.tail(str(home), "told", 4) == ["48", "49", "INFO:root:record", "end"]
