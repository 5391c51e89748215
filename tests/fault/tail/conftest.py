"""What each case of the catalogue is run with: a log of its own, and looks by one agent or by the next one."""

from __future__ import annotations

import os

import pytest
from tails import Writer

RESTARTED = [pytest.param(False, id="one-agent"), pytest.param(True, id="restarted")]


@pytest.fixture(autouse=True)
def closing():
    """No writer outlives its test."""
    yield
    while Writer.opened:
        os.close(Writer.opened.pop())


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    return folder / "a"


@pytest.fixture(params=RESTARTED)
def looks(request):
    """Between any two things that happen there is a look, by the same agent or by the next one."""

    def look(reader):
        if request.param:
            reader.restart()
        return reader.step()

    return look
