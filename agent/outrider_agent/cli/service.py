"""`outrider service`: the agent as a systemd service, of one user or of the machine: put in place, taken away, asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from outrider import spool
from outrider_agent import errors
from outrider_agent.cli import agent, fresh, output

if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider service install --user       an agent of your own, whenever you are logged in
  loginctl enable-linger                … and when you are not
  sudo outrider service install --system
  outrider service status
  outrider service uninstall --user     what was collected stays

docs/deploy.md says which of them to take. `install` again after an upgrade: it restarts the agent with the new version.
"""

UNIT, SOCKET = "outrider-agent.service", "outrider-portal.socket"
#: What stands in the units for the Python that runs the agent.
PLACE = "/opt/outrider/bin/python"
_PATIENCE_S = 120.0
_STOP_S = 30.0


class File(NamedTuple):
    """One file of the service: where it comes from, and where it goes."""

    source: str
    target: Path


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("action", choices=["install", "uninstall", "status"])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--user", action="store_true", help="yours (the default)")
    which.add_argument("--system", action="store_true", help="the machine's, for every user of the group `outrider`; needs root")
    parser.add_argument("--files-only", dest="now", action="store_false", help="only write or remove the files; start and stop nothing")
    parser.set_defaults(handler=service)


def service(args: argparse.Namespace) -> int:
    """Does it."""
    if args.action == "install":
        return install(args)
    return uninstall(args) if args.action == "uninstall" else _systemctl(args, "status", "--no-pager", UNIT)


def install(args: argparse.Namespace) -> int:
    """Writes the units, and starts the agent by them."""
    found = units()
    home = fresh.home(args) if not args.system and (args.home or "OUTRIDER_HOME" in os.environ) else None
    for file in files(args):
        text = (found / file.source).read_text()
        file.target.parent.mkdir(parents=True, exist_ok=True)
        file.target.write_text(adapted(text, home))
        output.say(f"wrote {file.target}")
    if not args.now:
        return 0
    if args.system:
        for command in (["systemd-sysusers", str(files(args)[-2].target)], ["systemd-tmpfiles", "--create", str(files(args)[-1].target)]):
            _run(command)
    else:
        _make_way(args)
    found_units = [SOCKET, UNIT] if args.system else [UNIT]
    failed = _systemctl(args, "daemon-reload") or _systemctl(args, "enable", "--quiet", *found_units)
    if args.system and not failed and _systemctl(args, "is-active", "--quiet", SOCKET):
        # A socket cannot be listened at for a service that runs already without it.
        failed = _systemctl(args, "stop", UNIT) or _systemctl(args, "start", SOCKET)
    # An agent that a command started may have taken the home only after a look found it free.
    if failed or (_systemctl(args, "restart", UNIT) and not (_make_way(args) and not _systemctl(args, "restart", UNIT))):
        raise errors.OutriderError(
            "the service was not started; the files are in place, and nothing that was collected is touched: "
            f"`{' '.join(['systemctl', *_scope(args), 'status', UNIT])}` says why"
        )
    output.say("the agent runs as a service; `outrider status` shows what it does")
    return 0


def _make_way(args: argparse.Namespace) -> bool:
    """Ends an agent that a command started, for the service takes its place. Was there one?"""
    if args.system or not spool.is_locked(f"{fresh.home(args)}/agent.lock") or not _systemctl(args, "is-active", "--quiet", UNIT):
        return False
    agent.stop(fresh.home(args), _STOP_S)
    return True


def uninstall(args: argparse.Namespace) -> int:
    """Stops it, and takes the units away. Settings, users and everything that was collected stay."""
    if args.now:
        _systemctl(args, "disable", "--now", *([SOCKET, UNIT] if args.system else [UNIT]))
    for file in files(args):
        if file.target.exists():
            file.target.unlink()
            output.say(f"removed {file.target}")
    if args.now:
        _systemctl(args, "daemon-reload")
    output.say("what was collected stays; the spool keeps what comes until another agent does")
    return 0


def units() -> Path:
    """Where the units are: in the installed package, else in the checkout."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here / "units", here.parents[1] / "systemd"):
        if (folder / UNIT).is_file():
            return folder
    raise errors.OutriderError(f"the systemd units are not beside {here}; install Outrider from its wheel, and try again")


def files(args: argparse.Namespace) -> list[File]:
    """What is put in place, and where."""
    if not args.system:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return [File(f"user/{UNIT}", base / "systemd" / "user" / UNIT)]
    here = Path("/etc/systemd/system")
    pairs = [(UNIT, here / UNIT), (SOCKET, here / SOCKET), ("outrider.sysusers", Path("/etc/sysusers.d/outrider.conf"))]
    return [File(name, target) for name, target in [*pairs, ("outrider.tmpfiles", Path("/etc/tmpfiles.d/outrider.conf"))]]


def adapted(text: str, home: str | None) -> str:
    """A unit with this Python in it, and this home where it is not the usual one."""
    text = text.replace(f"ExecStart={PLACE}", f"ExecStart={quoted(sys.executable, in_command=True)}")
    return text.replace("[Service]\n", f"[Service]\nEnvironment={quoted(f'OUTRIDER_HOME={home}')}\n", 1) if home else text


def quoted(text: str, *, in_command: bool = False) -> str:
    """A word as a unit spells it (systemd.syntax(7)): no specifier, one word. `in_command`: no variable either; only commands have them."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    safe = safe.replace("$", "$$") if in_command else safe
    return f'"{safe}"' if any(char.isspace() or char in "\"'\\;" for char in text) else safe


def _scope(args: argparse.Namespace) -> list[str]:
    return [] if args.system else ["--user"]


def _systemctl(args: argparse.Namespace, *words: str) -> int:
    """Its exit code; what it says goes to the terminal."""
    return _run(["systemctl", *_scope(args), *words])


def _run(command: list[str]) -> int:
    if shutil.which(command[0]) is None:
        raise errors.OutriderError(f"there is no {command[0]} here: this machine is not run by systemd; `outrider agent` works without it")
    return subprocess.run(command, check=False, timeout=_PATIENCE_S).returncode
