"""What every test stands on: an OUTRIDER_HOME of its own, and nothing of the outer environment."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Each test has its own OUTRIDER_HOME; no OUTRIDER_* of the machine reaches it."""
    for name in [name for name in os.environ if name.startswith("OUTRIDER_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "home"
    monkeypatch.setenv("OUTRIDER_HOME", str(path))
    return path
