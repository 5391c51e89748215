"""`outrider cancel RUN`, `outrider delete RUN…` and `outrider restore RUN…`: the commands that change something."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from outrider import control, spool
from outrider_agent import errors, layout
from outrider_agent.cli import format as fmt
from outrider_agent.cli import fresh, output, pending, runs
from outrider_agent.store import editing, reading, records

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

CANCEL_EXAMPLES = """\
examples:
  outrider cancel latest
  outrider cancel ridge#3

The command gets SIGTERM, and SIGKILL 10 s later. Its run ends as Canceled, and everything it wrote until then is kept.
"""
DELETE_EXAMPLES = """\
examples:
  outrider delete 9f3c                 asks before it does
  outrider delete ridge#1 ridge#2 --yes
  outrider runs --status failed --json | jq -r '.[].run_id' | xargs outrider delete --yes

Everything of the run goes: metrics, logs, console, and those artifacts that no other run has. It cannot be undone.
"""
RESTORE_EXAMPLES = """\
examples:
  outrider restore 9f3c0aa1b2c4         `outrider runs --deleted` lists those there are

What was deleted in the portal comes back until it is purged (store.keep_deleted_s); `outrider delete` purges at once.
"""


def configure(parser: argparse.ArgumentParser, name: str) -> None:
    """Declares the arguments."""
    if name == "cancel":
        parser.epilog = CANCEL_EXAMPLES
        parser.add_argument("run", metavar="RUN", help="an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
        parser.set_defaults(handler=cancel)
        return
    if name == "restore":
        parser.epilog = RESTORE_EXAMPLES
        parser.add_argument("runs", metavar="RUN", nargs="+", help="ids; `outrider runs --deleted` lists those there are")
        parser.set_defaults(handler=restore)
        return
    parser.epilog = DELETE_EXAMPLES
    parser.add_argument("runs", metavar="RUN", nargs="+", help="ids, beginnings of them, `latest`, or EXPERIMENT#NUMBER")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument("--force", action="store_true", help="also runs that are still running (they go on, untracked)")
    parser.set_defaults(handler=delete)


def cancel(args: argparse.Namespace) -> int:
    """Asks the run to stop."""
    home = fresh.home(args)
    with fresh.reader(args) as store:
        run_id, run = find(store, home, args.run)
    if run is not None and run.is_over:
        raise errors.OutriderError(f"run {run_id} has ended already ({runs.status_text(run)}); there is nothing to cancel")
    if not _ask_agent(args, home, run_id):
        _leave_request(home, run_id)
    output.say(f"asked run {run_id} to stop; it is killed if it has not ended in 10 s. `outrider show {run_id}` tells")
    return 0


def find(store: reading.Reader, home: str, text: str) -> tuple[str, records.Run | None]:
    """The run; one that is in the spool but not in the store yet is found by its whole id."""
    try:
        run_id = store.find_run(text)
    except errors.NotFound:
        if spool.valid_name(text) and (pending.folder(home) / text).is_dir():
            return text, None
        raise
    return run_id, store.run(run_id)


def _ask_agent(args: argparse.Namespace, home: str, run_id: str) -> bool:
    """True when an agent took it on: it can also stop runs that have no keeper. False when there is none."""
    if args.no_agent or (
        control.agent_info(home) is None and not (fresh.may_start(args) and control.start_agent(home, wait=fresh.STARTED_S))
    ):
        return False
    try:
        status, answer = control.request(home, "POST", f"/runs/{run_id}/cancel", {"by": getpass.getuser()}, timeout=10.0)
    except control.NotRunning:
        return False
    if status >= 400:
        raise errors.OutriderError(_message(answer) or f"the agent could not cancel run {run_id} ({status}); it goes on")
    return True


def _message(answer: object) -> str | None:
    if isinstance(answer, dict):
        found = answer.get("error") or answer.get("message")
        return str(found) if found else None
    return None


def _leave_request(home: str, run_id: str) -> None:
    """Writes the request where the run's keeper looks for it."""
    folder = pending.folder(home) / run_id
    if not folder.is_dir():
        raise errors.OutriderError(f"run {run_id} has nothing left in the spool, so nobody is there to stop it")
    request = folder / "cancel"
    temporary = folder / f".cancel-{os.getpid()}.tmp"
    temporary.write_text(json.dumps({"by": getpass.getuser(), "t": time.time_ns()}), encoding="ascii")
    temporary.replace(request)


def delete(args: argparse.Namespace) -> int:
    """Deletes runs."""
    home = fresh.home(args)
    with fresh.reader(args) as store:
        found = {run.run_id: run for run in (store.run(store.find_run(text)) for text in args.runs)}
    running = [run.run_id for run in found.values() if not run.is_over]
    if running and not args.force:
        raise errors.OutriderError(f"run {running[0]} is still running; nothing was deleted: cancel it first, or --force")
    if not args.yes and not _agreed(list(found.values())):
        return 1
    with output.progress(len(found), "delete") as progress:
        for run_id in found:
            _delete(args, home, run_id)
            progress.advance(1)
    output.say(f"deleted {fmt.plural(len(found), 'run')}")
    return 0


def restore(args: argparse.Namespace) -> int:
    """Brings deleted runs back."""
    home = fresh.home(args)
    with fresh.reader(args) as store:
        found = list(dict.fromkeys(store.find_run(text) for text in args.runs))
    for run_id in found:
        editing.hide_run(fresh.store_path(home), run_id, None)
    output.say(f"restored {fmt.plural(len(found), 'run')}")
    return 0


def _agreed(found: Sequence[records.Run]) -> bool:
    if not sys.stdin.isatty():
        output.tell("nothing was deleted: there is no terminal to ask on, so say --yes")
        raise SystemExit(2)
    for run in found:
        output.say(f"{run.run_id}  {runs.title(run)}  {fmt.one_line(run.name or '')}  {runs.status_text(run)}")
    print(f"Delete {fmt.plural(len(found), 'run')} and everything of them, for good? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    output.tell("nothing was deleted")
    return False


def _delete(args: argparse.Namespace, home: str, run_id: str) -> None:
    if not args.no_agent and control.agent_info(home) is not None:
        try:
            status, answer = control.request(home, "POST", f"/runs/{run_id}/delete", {}, timeout=60.0)
        except control.NotRunning:
            status, answer = 0, None
        if status >= 400:
            raise errors.OutriderError(_message(answer) or f"the agent could not delete run {run_id} ({status}); it is still there")
        if status:
            return
    _delete_here(Path(home), run_id)


def _delete_here(home: Path, run_id: str) -> None:
    """Without an agent: the store first, so that what is left of the run in the spool is passed over whatever happens next."""
    for sha256 in editing.delete_run(fresh.store_path(str(home)), run_id, home):
        (home / "blobs" / sha256[:2] / sha256).unlink(missing_ok=True)
    shutil.rmtree(pending.folder(str(home)) / run_id, ignore_errors=True)
    shutil.rmtree(layout.Layout(home).submitted(run_id), ignore_errors=True)
