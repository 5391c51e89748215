"""What every test stands on: an OUTRIDER_HOME of its own, and nothing of the outer environment. In CI, what is skipped has failed."""

from __future__ import annotations

import os
import signal

import hypothesis
import pytest

IN_CI = bool(os.environ.get("CI"))

# Examples have no deadline: a machine that is busy with something else is no failure. Whole tests have one (pyproject.toml).
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

# A shell starts what it runs in the background without job control with these ignored; all that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Each test has its own OUTRIDER_HOME; no OUTRIDER_* of the machine reaches it, and scripts buffer their output."""
    for name in [name for name in os.environ if name.startswith("OUTRIDER_") or name == "PYTHONUNBUFFERED"]:
        monkeypatch.delenv(name)
    path = tmp_path / "home"
    monkeypatch.setenv("OUTRIDER_HOME", str(path))
    return path


@pytest.fixture(scope="session")
def docker():
    """A Docker engine of this session's own (docker_rig.py). Whoever uses it removes its containers, or names them by its own test."""
    from docker_rig import Engine

    with Engine() as engine:
        yield engine


def not_run(config):
    """The tests that neither passed nor failed: skipped, or expected to fail."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    return [*reporter.stats.get("skipped", []), *reporter.stats.get("xfailed", [])] if reporter else []


def pytest_sessionfinish(session, exitstatus):
    """A test that CI cannot run is a hole in CI: skipped there is failed there."""
    if IN_CI and exitstatus == 0 and not_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """Says why a session without a failed test fails all the same."""
    if IN_CI and (missing := not_run(config)):
        terminalreporter.write_line(f"{len(missing)} tests were skipped or expected to fail: in CI that is a failure", red=True)
