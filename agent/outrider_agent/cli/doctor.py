"""
`outrider doctor`: can Outrider work here? Each check says ok, warn or fail, what it found, and what to do.

Changes nothing but a probe file that it removes. A check that cannot be made is a warning, not a crash.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from outrider import control, spool
from outrider_agent import errors, layout, settings
from outrider_agent.cli import format as fmt
from outrider_agent.cli import fresh, main, output, pending
from outrider_agent.store import reading

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

EXAMPLES = """\
examples:
  outrider doctor
  outrider doctor --json | jq '.checks[] | select(.result != "ok")'

Exit code 1 when a check fails.
"""
OK, WARN, FAIL = "ok", "warn", "fail"
STYLES = {OK: "green", WARN: "yellow", FAIL: "bold red"}

#: Below the writers' own reserve nothing is kept; below a GiB it soon will not be.
LITTLE_SPACE = 1 << 30
MIN_SQLITE = (3, 37, 0)  # STRICT tables, ->>, and the JSON functions that the store's views use
MIN_PYTHON = (3, 11)
MIN_WATCHES = 8_192
MIN_INSTANCES = 64
INOTIFY = Path("/proc/sys/fs/inotify")


class Check(NamedTuple):
    """What a check found. `advice` is what to do; empty where all is well."""

    name: str
    result: str
    detail: str
    advice: str = ""


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON (docs/cli.md has the shape)")
    parser.set_defaults(handler=doctor)


def doctor(args: argparse.Namespace) -> int:
    """Runs every check."""
    home = fresh.home(args)
    found = list(checks(home))
    failed = any(one.result == FAIL for one in found)
    if args.json:
        output.as_json({"ok": not failed, "home": home, "checks": [one._asdict() for one in found]})
    else:
        for one in found:
            output.say(f"{output.styled(f'{one.result:<5}', STYLES[one.result])}{one.name:<10} {one.detail}")
            if one.advice:
                output.say(f"{'':<16}{output.styled(one.advice, STYLES[one.result])}")
    return 1 if failed else 0


def checks(home: str) -> Iterator[Check]:
    """Every check in turn."""
    for name, check in CHECKS.items():
        try:
            yield check(home)._replace(name=name)
        except (OSError, errors.OutriderError, sqlite3.Error) as error:
            yield Check(name, WARN, f"could not be checked: {error}", "see whether the home can be read and written by you")


def _python(_home: str) -> Check:
    detail = f"{sys.version.split()[0]} at {sys.executable}"
    if sys.version_info < MIN_PYTHON:
        return Check("", FAIL, detail, "the agent needs Python 3.11 or newer (scripts may run on 3.8 and newer)")
    return Check("", OK, detail)


def _home(home: str) -> Check:
    folder = nearest(home)
    kind = layout.file_system(folder)
    if kind in layout.REMOTE:
        return Check("", FAIL, f"{home} is on a network file system ({kind})", "set OUTRIDER_HOME to a folder on a local disk")
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".outrider-probe-") as probe:
            probe.write(b"probe")
            probe.flush()
    except OSError as error:
        advice = "nothing can be kept: free some space, correct its permissions, or set OUTRIDER_HOME to another folder"
        return Check("", FAIL, f"{home} cannot be written: {error.strerror}", advice)
    made = "can be written" if folder == Path(home) else "does not exist yet and can be made"
    return Check("", OK, f"{home} {made}")


def nearest(home: str) -> Path:
    """The home, or the nearest folder above it that exists."""
    path = Path(home)
    while not path.is_dir() and path != path.parent:
        path = path.parent
    return path


def _disk(home: str) -> Check:
    free = shutil.disk_usage(nearest(home)).free
    reserve = spool.setting("OUTRIDER_DISK_RESERVE_BYTES", 64 << 20)
    detail = f"{fmt.size(free)} free"
    if free < reserve:
        return Check("", FAIL, f"{detail}, less than the reserve of {fmt.size(reserve)}", "records are refused: free some space")
    if free < LITTLE_SPACE:
        return Check("", WARN, detail, "free some space: when it falls below the reserve, records are refused")
    return Check("", OK, detail)


def _spool(home: str) -> Check:
    found = pending.statistics(home)
    detail = f"{fmt.size(found['bytes'])} of {fmt.size(found['cap'])}"
    if found["full"]:
        return Check(
            "", FAIL, f"{detail}, full", "scripts go on, but their records are refused: free disk space, and see `outrider status`"
        )
    if found["refused"]:
        text = f"{detail}, {fmt.plural(found['refused'], 'record')} were refused"
        return Check("", WARN, text, "`outrider show RUN` says where and why")
    return Check("", OK, detail)


def _locks(home: str) -> Check:
    """A lock that one descriptor holds has to be seen through another: liveness stands on it."""
    folder = nearest(home)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".outrider-probe-") as probe:
        path = str(Path(probe) / "lock")
        held = spool.lock_file(path)
        seen = spool.is_locked(path)
        if held is not None:
            os.close(held)
        freed = not spool.is_locked(path)
    if held is None or not seen or not freed:
        advice = "runs that die could not be told from runs that live: put OUTRIDER_HOME on a local file system"
        return Check("", FAIL, f"{folder} does not keep locks", advice)
    return Check("", OK, "a lock is seen while it is held, and only then")


def _sqlite(_home: str) -> Check:
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        wanted = ".".join(map(str, MIN_SQLITE))
        return Check("", FAIL, f"SQLite {sqlite3.sqlite_version}", f"the store needs SQLite {wanted} or newer: use a newer Python build")
    return Check("", OK, f"SQLite {sqlite3.sqlite_version}")


def _store(home: str) -> Check:
    path = fresh.store_path(home)
    if not path.exists():
        return Check("", OK, "there is none yet; the agent makes it")
    try:
        with reading.Reader(path) as store:
            count = len(store.runs(limit=1_000))
    except errors.OutriderError as error:
        return Check("", FAIL, str(error), "the spool keeps what is not in it; move the file away only after a copy of it")
    return Check("", OK, f"{path} can be read, {'1,000 runs or more' if count == 1_000 else fmt.plural(count, 'run')}")


def _agent(home: str) -> Check:
    info = control.agent_info(home)
    if info is None:
        waiting = sum(one.pending_bytes for one in fresh.on_disk(home))
        if not waiting:
            return Check("", OK, "none runs, and nothing waits for one")
        return Check(
            "", WARN, f"none runs, and {fmt.size(waiting)} wait in the spool", "start one: `outrider agent`, or any command that reads"
        )
    try:
        status, health = control.request(home, "GET", "/health", timeout=5.0)
    except control.ControlError as error:
        return Check(
            "", FAIL, f"pid {info.get('pid')} does not answer: {error}", "look into agent.log in the home; end it, and start another"
        )
    if status != 200:
        reason = (health or {}).get("reason") or f"it answered {status}"
        return Check(
            "", FAIL, f"pid {info.get('pid')} makes no progress: {reason}", "nothing is lost; `outrider status` says what holds it up"
        )
    ours = main.version()
    if info.get("version") != ours:
        detail = f"pid {info.get('pid')} is version {info.get('version')}, this command is {ours}"
        return Check("", WARN, detail, "restart it: `outrider agent --stop`; the next command starts the new one")
    return Check("", OK, f"pid {info.get('pid')} answers, version {ours}")


def _inotify(_home: str) -> Check:
    if not INOTIFY.is_dir():
        return Check("", OK, "not used on this system: folders are scanned")
    watches, instances = (int((INOTIFY / name).read_text()) for name in ("max_user_watches", "max_user_instances"))
    detail = f"{watches:,} watches, {instances:,} instances a user"
    if watches < MIN_WATCHES or instances < MIN_INSTANCES:
        advice = "files in ./outputs are found by a slower scan; raise fs.inotify.max_user_watches and max_user_instances"
        return Check("", WARN, detail, advice)
    return Check("", OK, detail)


def _settings(_home: str) -> Check:
    try:
        resolved = settings.resolve()
    except errors.SettingsError as error:
        return Check("", FAIL, str(error), "the agent does not start with it: correct it, then look with `outrider config show`")
    changed = sum(origin != settings.DEFAULT for origin in resolved.origins.values())
    return Check("", OK, f"{resolved.file or 'no settings file'}, {fmt.plural(changed, 'setting')} changed from the default")


CHECKS: dict[str, Callable[[str], Check]] = {
    "python": _python,
    "home": _home,
    "disk": _disk,
    "spool": _spool,
    "locks": _locks,
    "sqlite": _sqlite,
    "store": _store,
    "agent": _agent,
    "inotify": _inotify,
    "settings": _settings,
}
