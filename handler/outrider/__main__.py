"""
The entry of the command line: `run`, `submit`, `snapshot`, `enable` and `disable` are here, and work with the handler alone; every other
command is the agent's.

Here: which command it is, help, the version. Never here: what a command does. Nothing heavy is imported on the way to `run`.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

#: Every command in one line (a test compares it with the agent's own list).
COMMANDS = {
    "run": "run a command and track it",
    "submit": "run a script from a snapshot of its folder, in the background",
    "snapshot": "write the files that a run was submitted with into a folder",
    "enable": "track the scripts and notebooks of an environment without `outrider run`",
    "disable": "undo `outrider enable`",
    "experiments": "list experiments",
    "runs": "list runs, newest first",
    "show": "one run in one screen",
    "compare": "what differs between runs",
    "metrics": "a run's metrics, or the points of one",
    "logs": "what a run logged and printed, by time; -f follows it",
    "explain": "the line that a printed point was read from, and the rule",
    "reread": "read the metrics of runs again from what they printed",
    "extract": "the metrics that would be read from a log",
    "artifacts": "the files a run left",
    "download": "copy a run's files here, verified",
    "export": "a run as a page, a table, or a bundle that `import` takes in",
    "import": "take in runs that were exported, and old logs as runs",
    "ui": "the portal: prints the address that opens it in a browser",
    "status": "what is collected, how far each sink is behind, what is wrong",
    "flush": "wait until everything written is in the store",
    "cancel": "ask a running run to stop",
    "delete": "delete runs and everything of them",
    "restore": "bring back runs that were deleted in the portal",
    "config": "the settings in force, each with its origin",
    "doctor": "check that Outrider can work here",
    "agent": "run the agent, or stop it",
    "server": "take what agents of other machines ship, and show it",
    "token": "who may speak to a server: create, list, revoke",
    "service": "the agent as a systemd service: install, uninstall, status",
    "health": "is the agent live, ready, making progress? for probes: the exit code says it",
    "flare": "a bundle for support: what the agent says of itself, without secrets and without your data",
}

HELP = """\
usage: outrider COMMAND [options]

Tracks what a training script emits, and shows it.

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
  OUTRIDER_EXPERIMENT        the experiment of runs that name none
  OUTRIDER_AGENT_AUTOSTART   0: commands start no agent
  OUTRIDER_DISABLED          1: nothing is tracked
  NO_COLOR                   set: no colours
"""

MISSING = """\
outrider: `outrider {command}` is part of the agent, which is not installed here. Nothing is lost: what was tracked waits in the spool until
an agent comes. Install it with:  pip install 'outrider[agent]'  (Python 3.11 or later)
"""


def main(argv: list[str] | None = None) -> int:
    """Runs one command. Returns its exit code; `run` ends this process as the command ended."""
    if argv is None:
        own_modules_first()
    arguments = sys.argv[1:] if argv is None else list(argv)
    command = arguments[0] if arguments else "--help"
    if command == "run":
        return run(arguments[1:])
    if command == "submit":
        from outrider import _submitting

        return _submitting.main(arguments[1:])
    if command == "snapshot":
        from outrider import _unpacking

        return _unpacking.main(arguments[1:], ask_store)
    if command in ("enable", "disable"):
        from outrider import _enable

        return _enable.main(command, arguments[1:])
    if command in ("-h", "--help", "help"):
        sys.stdout.write(HELP.format(commands="\n".join(f"  {name:<13} {text}" for name, text in COMMANDS.items())))
        return 0
    if command in ("-V", "--version"):
        sys.stdout.write(f"outrider {version()}\n")
        return 0
    if command not in COMMANDS:
        return unknown(command)
    return agent(arguments)


def own_modules_first() -> None:
    """
    What PYTHONPATH and the working folder offer is found last: a `signal.py` there, or the packages of another Python, are the command's.
    Where this package itself came from there, its neighbours are ours.
    """
    library = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"  # the first entry that is Python's own, whether it exists or not
    at = next((number for number, path in enumerate(sys.path) if os.path.basename(path) == library), 0)
    theirs, here = sys.path[:at], os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    neighbours = [here] if here in theirs else []
    sys.path[:] = neighbours + sys.path[at:] + [path for path in theirs if path != here]


def run(arguments: list[str]) -> int:
    """`outrider run`: returns only when nothing could be started."""
    from outrider import _launch

    try:
        launch = _launch.parse(arguments, ask_store)
    except _launch.Usage as problem:
        sys.stderr.write(f"outrider run: {problem}\n\nMore, with examples: outrider run --help\n")
        return 2
    except SystemExit as end:  # argparse: --help, or an unknown option
        return end.code if isinstance(end.code, int) else 2
    from outrider import _front

    return _front.run(launch)


def ask_store(home: str, text: str) -> dict[str, Any] | None:
    """What the store knows of the run that the text names; None where it has none, or the agent's package is not there to read it."""
    try:
        from outrider_agent.cli import earlier
    except ImportError:
        return None
    found: dict[str, Any] | None = earlier.known(home, text)
    return found


def agent(arguments: list[str]) -> int:
    """Any command of the agent's. Its files are in the same wheel: what may be missing is what it needs."""
    from outrider import control

    if not control.can_start_agent():
        sys.stderr.write(MISSING.format(command=arguments[0]))
        return 1
    from outrider_agent.cli import main as cli

    code: int = cli.main(arguments)
    return code


def unknown(command: str) -> int:
    """A word that is no command: says so, and what may have been meant."""
    import difflib

    close = difflib.get_close_matches(command, COMMANDS, 1)
    hint = f" Did you mean `outrider {close[0]}`?" if close else ""
    kind = "option" if command.startswith("-") else "command"
    sys.stderr.write(
        f"outrider: there is no {kind} {command!r}.{hint} See `outrider --help`; to run a program: outrider run -- {command} …\n"
    )
    return 2


def version() -> str:
    """The installed distribution's; the package's own where it runs from a folder."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("outrider")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
