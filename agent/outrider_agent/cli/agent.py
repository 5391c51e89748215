"""`outrider agent` and `outrider flush`: the agent's start and stop, and waiting for it."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from typing import TYPE_CHECKING

from outrider import control, spool
from outrider_agent import agent_lock, errors
from outrider_agent.cli import edit, fresh, output, pending, status
from outrider_agent.cli import format as fmt

if TYPE_CHECKING:
    from collections.abc import Sequence

AGENT_EXAMPLES = """\
examples:
  outrider agent                        run it here, in the foreground, until Ctrl-C
  outrider agent --idle-exit            end when there is nothing left to do
  outrider agent --set ship.flush_interval_s=0.1
  outrider agent --stop                 stop the one that runs: it drains, commits and ends

There is one agent for a home. Without one the spool keeps everything until one comes.
"""
FLUSH_EXAMPLES = """\
examples:
  outrider flush                        everything written until now
  outrider flush latest --timeout 60
  outrider flush && cp ~/.local/state/outrider/outrider.db backup.db

Exit code 0: every line that was complete when it was asked is in the store. 1: some is not, and stdout says which.
"""
DEFAULT_TIMEOUT_S = 30.0
#: So long an agent is asked, after the time is over, what keeps it.
ANSWER_S = 0.3


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Declares the arguments."""
    if name == "agent":
        parser.epilog = AGENT_EXAMPLES
        parser.add_argument("--stop", action="store_true", help="stop the agent of this home")
        parser.add_argument(
            "--timeout", type=seconds, default=DEFAULT_TIMEOUT_S, metavar="S", help="with --stop: wait so long (default 30)"
        )
        parser.add_argument("--config", metavar="FILE", help="another settings file (docs/settings.md)")
        parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="a setting; may be given again")
        parser.add_argument("--idle-exit", action="store_true", help="end when everything is committed and nothing runs")
        parser.add_argument("--foreground", action="store_true", help="log to stderr even where it is no terminal")
        parser.set_defaults(handler=agent)
        return
    parser.epilog = FLUSH_EXAMPLES
    parser.add_argument("run", metavar="RUN", nargs="?", help="only this run: an id, the beginning of one, `latest`, EXPERIMENT#NUMBER")
    parser.add_argument("--timeout", type=seconds, default=DEFAULT_TIMEOUT_S, metavar="S", help="wait so many seconds at most (default 30)")
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    parser.set_defaults(handler=flush)


def seconds(text: str) -> float:
    """A length of time from 0, in seconds."""
    given = float(text)
    if not 0 <= given < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds")
    return given


def agent(args: argparse.Namespace) -> int:
    """Runs it, or stops it."""
    if args.stop:
        return stop(fresh.home(args), args.timeout)
    arguments = ["--home", fresh.home(args)]
    arguments += ["--config", args.config] if args.config else []
    for one in args.set:
        arguments += ["--set", one]
    arguments += ["--idle-exit"] if args.idle_exit else []
    arguments += ["--foreground"] if args.foreground or sys.stderr.isatty() else []
    daemon = importlib.import_module("outrider_agent.main")  # the daemon's imports are for the daemon only
    return int(daemon.main(arguments) or 0)


def stop(home: str, timeout: float, who: str = "agent") -> int:
    """Asks the agent (or the server) to end, and waits until it has; one that is just beginning is waited for first."""
    lock, deadline = pending.folder(home).parent / "agent.lock", time.monotonic() + timeout
    while (info := control.agent_info(home)) is None and spool.is_locked(str(lock)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if info is None:
        output.say(f"no {who} runs for this home")
        return 0
    written = agent_lock.holder(lock)
    control.request(home, "POST", "/stop", {}, timeout=min(10.0, timeout + 1.0))
    while (draining := spool.is_locked(str(lock))) or agent_lock.is_running(written):
        if time.monotonic() >= deadline:
            what = "it is still draining" if draining else "it has let go of this home, but something keeps its process: `kill` may end it"
            raise errors.OutriderError(
                f"the {who} (pid {info.get('pid')}) has not ended within {fmt.duration(timeout)}; {what}; nothing is lost, the spool has it"
            )
        time.sleep(0.05)
    kept = "the spool keeps" if who == "agent" else "agents keep"
    output.say(f"the {who} (pid {info.get('pid')}) has stopped; {kept} what comes")
    return 0


def flush(args: argparse.Namespace) -> int:
    """Waits until everything that is complete now is committed."""
    home = fresh.home(args)
    run = find_run(home, args.run) if args.run else None
    began = time.monotonic()
    done, behind = _flush(args, home, run)
    if args.json:
        output.as_json({"done": done, "seconds": round(time.monotonic() - began, 3), "pending": [one.document() for one in behind]})
    elif not done:
        _tell(args, home, behind)
    else:
        output.say("everything that was kept is in the store" if (wrong := status.unwritable(home)) else "everything is in the store")
        for sentence in wrong:
            output.warn(sentence)
    return 0 if done else 1


def _flush(args: argparse.Namespace, home: str, run: str | None) -> tuple[bool, list[pending.Stream]]:
    """Is it done, and which streams are behind. An agent may have files to capture before they are lines: its word is asked for too."""
    behind = _behind(home, run)
    if not behind and (args.no_agent or control.agent_info(home) is None):
        return True, []
    if _flushed(args, home, run):
        return True, []
    behind = _behind(home, run)
    return not behind and (args.no_agent or control.agent_info(home) is None), behind


def _behind(home: str, run: str | None) -> list[pending.Stream]:
    return [one for one in fresh.on_disk(home, run) if one.pending_bytes]


def find_run(home: str, text: str) -> str:
    """The run's id; one that is only in the spool is found by its whole id."""
    with fresh.store(home) as store:
        return edit.find(store, home, text)[0]


def _flushed(args: argparse.Namespace, home: str, run: str | None) -> bool:
    deadline = time.monotonic() + args.timeout
    if not args.no_agent and control.agent_info(home) is None and fresh.may_start(args):
        control.start_agent(home, wait=args.timeout)
    while True:
        left = max(0.0, deadline - time.monotonic())
        if args.no_agent or fresh.ask_to_flush(home, run, left, ANSWER_S * 2):
            return not args.no_agent
        if time.monotonic() >= deadline or control.agent_info(home) is None:
            return False
        time.sleep(min(0.1, left))  # it answered at once that it cannot, or is just starting: ask again


def _held_up(home: str) -> str | None:
    """What keeps the agent, where it is not the time that it takes: one that does not answer, a sink or collector that fails."""
    try:
        _, answer = control.request(home, "GET", "/status", timeout=ANSWER_S)
    except control.NotRunning:
        return None
    except control.ControlError:
        return "the agent does not answer; what output folders hold may not be captured: see `outrider status`"
    parts = [("sink", one) for one in answer.get("sinks", [])] + [("collector", one) for one in answer.get("collectors", [])]
    failing = [f"{kind} {one.get('name')} fails: {fmt.one_line(str(one['error']))}" for kind, one in parts if one.get("error")]
    return f"the {'; the '.join(failing)} (it is tried again by itself)" if failing else None


def _tell(args: argparse.Namespace, home: str, behind: Sequence[pending.Stream]) -> None:
    held_up = _held_up(home)
    if not behind:
        output.warn(
            f"every line is in the store, but {held_up or 'files in output folders are still being captured; --timeout waits longer'}"
        )
        return
    columns = [output.Column("RUN"), output.Column("STREAM"), output.Column("PENDING", right=True)]
    output.table(columns, [[one.run, one.writer, fmt.size(one.pending_bytes)] for one in behind])
    if control.agent_info(home) is None:
        advice = "no agent runs: start one with `outrider agent`"
    elif held_up:
        advice = held_up
    else:
        advice = "`outrider status` says what holds it up, and --timeout waits longer"
    waited = "" if args.no_agent else f" after {fmt.duration(args.timeout)}"
    output.warn(f"not everything is in the store{waited}; nothing is lost, the spool has it; {advice}")
