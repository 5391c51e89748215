"""
The commands of `outrider` but `run`: the argument tree, and what becomes of an error.

Only the file of the command that was asked for is imported: `outrider runs` pays for nothing else. `configure(parser, name)` of a command's
file declares its arguments and sets `handler`, which returns the exit code: 0, 1 for what went wrong, 2 for a misuse, 130 for Ctrl-C.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sqlite3
import sys
from typing import TYPE_CHECKING

from outrider_agent import errors
from outrider_agent.cli import output

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
BROKEN_PIPE = 141  # what a shell reports of a program that SIGPIPE ended

#: The handler's own commands, which work without the agent: its entry takes them before they come here.
HANDLERS: dict[str, str] = {
    "run": "run a command and track it",
    "submit": "run a script from a snapshot of its folder, in the background",
    "snapshot": "write the files that a run was submitted with into a folder",
    "enable": "track the scripts and notebooks of an environment without `outrider run`",
    "disable": "undo `outrider enable`",
}
#: Every other command: its group's file (in this folder; with a dot elsewhere in the agent), and what it does in one line.
COMMANDS: dict[str, tuple[str, str]] = {
    "experiments": ("runs", "list experiments"),
    "runs": ("runs", "list runs, newest first"),
    "show": ("show", "one run in one screen"),
    "compare": ("compare", "what differs between runs"),
    "metrics": ("metrics", "a run's metrics, or the points of one"),
    "logs": ("logs", "what a run logged and printed, by time; -f follows it"),
    "explain": ("explain", "the line that a printed point was read from, and the rule"),
    "reread": ("explain", "read the metrics of runs again from what they printed"),
    "extract": ("extract", "the metrics that would be read from a log"),
    "artifacts": ("artifacts", "the files a run left"),
    "download": ("artifacts", "copy a run's files here, verified"),
    "export": (".export.command", "a run as a page, a table, or a bundle that `import` takes in"),
    "import": (".export.command", "take in runs that were exported, and old logs as runs"),
    "ui": ("ui", "the portal: prints the address that opens it in a browser"),
    "status": ("status", "what is collected, how far each sink is behind, what is wrong"),
    "flush": ("agent", "wait until everything written is in the store"),
    "cancel": ("edit", "ask a running run to stop"),
    "delete": ("edit", "delete runs and everything of them"),
    "restore": ("edit", "bring back runs that were deleted in the portal"),
    "config": ("config", "the settings in force, each with its origin"),
    "doctor": ("doctor", "check that Outrider can work here"),
    "agent": ("agent", "run the agent, or stop it"),
    "server": ("server", "take what agents of other machines ship, and show it"),
    "token": ("token", "who may speak to a server: create, list, revoke"),
    "service": ("service", "the agent as a systemd service: install, uninstall, status"),
    "health": ("health", "is the agent live, ready, making progress? for probes: the exit code says it"),
    "flare": ("flare", "a bundle for support: what the agent says of itself, without secrets and without your data"),
}

EPILOG = """\
commands:
{commands}

RUN may be a run's id, the beginning of one, `latest`, or EXPERIMENT#NUMBER.

examples:
  outrider run -- python train.py       track an unmodified script
  outrider submit . train.py            the same from a snapshot of this folder, in the background
  outrider runs                         what ran
  outrider show latest                  the last one, in one screen
  outrider logs latest -f               follow it
  outrider ui                           see all of it in a browser
  outrider COMMAND --help               more, with examples

environment:
  OUTRIDER_HOME              where everything is kept (default: ~/.local/state/outrider)
  OUTRIDER_AGENT_AUTOSTART   0: commands start no agent
  NO_COLOR                   set: no colours
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code. Never raises."""
    output.prepare()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parse(arguments)
        code = int(args.handler(args))
        sys.stdout.flush()
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        output.silence_stdout()
        return BROKEN_PIPE
    except (errors.OutriderError, sqlite3.Error, OSError) as error:
        output.tell(output.styled(explain(error), "red", sys.stderr))
        return 1
    return code


def explain(error: Exception) -> str:
    """One clear sentence on what went wrong, what it means for the data, and what to do."""
    if isinstance(error, sqlite3.Error):
        return f"the store could not be read ({error}); nothing was changed, and the spool keeps what is not in it: try `outrider doctor`"
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}; no data was lost by it: see `outrider doctor`"
    return str(error) or type(error).__name__


def _parse(arguments: list[str]) -> argparse.Namespace:
    name = arguments[0] if arguments else ""
    if name.startswith("-") or not name:
        parser = _top()
        args = parser.parse_args(arguments)
        args.handler = lambda _: _help(parser)
        return args
    if name not in COMMANDS:
        raise SystemExit(_unknown(name))
    return command_parser(name).parse_args(arguments[1:])


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _top() -> argparse.ArgumentParser:
    texts = {**HANDLERS, **{name: text for name, (_, text) in COMMANDS.items()}}
    commands = "\n".join(f"  {name:<13} {text}" for name, text in texts.items())
    parser = argparse.ArgumentParser(
        prog="outrider",
        usage="outrider COMMAND [options]",
        description="Tracks what a training script emits, and shows it.",
        epilog=EPILOG.format(commands=commands),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"outrider {version()}")
    return parser


def command_parser(name: str) -> argparse.ArgumentParser:
    """The parser of one command, with the options that all share."""
    module_name, summary = COMMANDS[name]
    where = module_name if module_name.startswith(".") else f".cli.{module_name}"
    module = importlib.import_module(f"outrider_agent{where}")
    parser = argparse.ArgumentParser(
        prog=f"outrider {name}",
        description=summary[0].upper() + summary[1:] + ".",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(command=name)
    module.configure(parser, name)
    shared = parser.add_argument_group("everywhere")
    shared.add_argument("--home", metavar="DIR", help="another OUTRIDER_HOME")
    shared.add_argument("--no-agent", action="store_true", help="ask no agent and start none: show what is in the store now")
    return parser


def _unknown(name: str) -> int:
    close = difflib.get_close_matches(name, [*COMMANDS, *HANDLERS], n=1)
    hint = f"did you mean `outrider {close[0]}`?" if close else "`outrider --help` lists the commands."
    output.tell(f"there is no command {name!r}; {hint}")
    return 2


def version() -> str:
    """The version of the installed distribution."""
    from importlib import metadata  # noqa: PLC0415 (slow to import, and only asked for here)

    try:
        return metadata.version("outrider")
    except metadata.PackageNotFoundError:
        return os.environ.get("OUTRIDER_VERSION", "unknown")
