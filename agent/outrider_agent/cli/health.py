"""`outrider health`: the answer of /healthz as an exit code, for a container's health check or a probe that runs a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider import control
from outrider_agent.cli import fresh, output

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider health                       live, ready, and making progress?
  outrider health ready --timeout 2

Exit code 0: yes. 1: no, and stdout says which. It starts no agent, and keeps none awake.
"""
DEFAULT_TIMEOUT_S = 5.0


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("question", nargs="?", choices=["live", "ready", "progress"], help="only this one (default: all of them)")
    parser.add_argument("--timeout", type=float, default=DEFAULT_TIMEOUT_S, metavar="S", help="wait so many seconds (default 5)")
    parser.set_defaults(handler=health)


def health(args: argparse.Namespace) -> int:
    """Asks, and says it."""
    path = f"/healthz/{args.question}" if args.question else "/healthz"
    try:
        status, answer = control.request(fresh.home(args), "GET", path, timeout=args.timeout)
    except control.ControlError as error:
        output.say(f"not live: {error}")
        return 1
    answers = {name: value for name, value in (answer or {}).items() if name != "ok"}
    output.say(", ".join(name if value else f"not {name}" for name, value in answers.items()) or f"it answered {status}")
    return 0 if status == 200 else 1
