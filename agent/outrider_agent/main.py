"""
The daemon's command line and its exit codes: who may run here, and what is told to whom when it cannot.

Nothing is wired here (`agent` does) and nothing is decided about data.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from outrider import control, spool
from outrider_agent import agent, agent_lock, errors, layout, logs, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, USAGE, ALREADY_RUNNING, FENCED = 0, 1, 2, 3, 4

#: So long may the agent that holds the home take to answer one question.
_ANSWER_S = 3.0

_EPILOG = """\
exit codes:
  0  it was stopped, or was idle (--idle-exit): everything is in order
  1  it could not go on; agent.log in the home, or stderr, says why
  2  a setting or OUTRIDER_HOME is wrong
  3  another agent already serves this home
  4  another agent has taken this home over

examples:
  python -m outrider_agent --foreground
  python -m outrider_agent --home /srv/outrider --config /etc/outrider/outrider.toml
  python -m outrider_agent --idle-exit --set agent.idle_exit_s=60
"""


def parser() -> argparse.ArgumentParser:
    """The daemon's options."""
    built = argparse.ArgumentParser(
        prog="outrider agent",
        description="Ships what scripts have written into the spool to the tracking store. One agent serves one OUTRIDER_HOME.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    built.add_argument("--home", metavar="DIR", help="where spool, store and blobs are (default: OUTRIDER_HOME)")
    built.add_argument("--config", metavar="FILE", help="the settings file (default: OUTRIDER_CONFIG, the user's, the system's)")
    built.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="one setting; may come several times")
    built.add_argument("--idle-exit", action="store_true", help="exit when nothing is pending and no run lives (agent.idle_exit_s)")
    built.add_argument("--foreground", action="store_true", help="log to the terminal instead of agent.log")
    built.add_argument("--log-level", choices=list(logs.LEVELS), help="the least severe messages kept (log.level)")
    return built


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the agent until it is stopped; returns its exit code."""
    arguments = parser().parse_args(argv)
    overrides = [*arguments.set, *([f"log.level={arguments.log_level}"] if arguments.log_level else [])]
    where = layout.Layout(Path(os.path.abspath(arguments.home or spool.home())))  # noqa: PTH100 (links stay as the user wrote them)
    # The home is the same for everything that is imported from here on, whatever it was told by.
    os.environ["OUTRIDER_HOME"] = os.fspath(where.home)
    try:
        values = settings.load(overrides, config=arguments.config)
        layout.prepare(where)
    except (errors.SettingsError, errors.HomeUnusable) as exc:
        return _refuse(str(exc), USAGE)
    file = logs.configure(path=where.log, level=values.log.level, max_bytes=values.log.max_bytes, foreground=arguments.foreground)
    try:
        return _serve(where, values, idle_exit=arguments.idle_exit)
    finally:
        if file is not None:
            file.close()


def _serve(where: layout.Layout, values: settings.Settings, *, idle_exit: bool) -> int:
    """Holds the lock while the agent runs."""
    log = structlog.get_logger(part="agent")
    try:
        lock = agent_lock.acquire(where.lock, answers=lambda: _answers(where), patience_s=values.agent.takeover_after_s)
    except errors.AlreadyRunning as exc:
        return _refuse(str(exc), ALREADY_RUNNING)
    except OSError as exc:
        return _refuse(f"{where.lock} cannot be locked: {exc}. Set OUTRIDER_HOME to a folder on a local disk.", USAGE)
    if lock.predecessor is not None:
        log.warning("took_over_from_a_silent_agent", pid=lock.predecessor.get("pid"))
    try:
        with asyncio.Runner() as runner:
            ended = runner.run(agent.Agent(where, values, lock, idle_exit=idle_exit).run())
    except Exception as exc:
        log.exception("agent_failed", error=f"{type(exc).__name__}: {exc}")
        return _refuse(f"The agent failed: {exc}. Nothing is lost, the spool holds it. {where.log} says more.", FAILED)
    finally:
        lock.release()
    return FENCED if ended == agent.FENCED else OK


def _answers(where: layout.Layout) -> bool:
    """Does the agent that holds this home answer, be it that it is unwell?"""
    try:
        control.request(os.fspath(where.home), "GET", "/health", timeout=_ANSWER_S)
    except control.ControlError:
        return False
    return True


def _refuse(message: str, code: int) -> int:
    """Told on stderr, which is nowhere for an agent that was started in the background, and in the log for whoever looks there."""
    sys.stderr.write(f"outrider agent: {message}\n")
    if structlog.is_configured():
        structlog.get_logger(part="agent").info("agent_not_started", error=message, exit_code=code)
    return code
