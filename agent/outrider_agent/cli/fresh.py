"""
What every reading command does first: find the home, bring what is on its way into the store, and open the store for reading.

An agent that runs is asked to commit what is pending now, shortly; where none runs and something is pending, one is started. Neither is a
condition: the command shows what the store has, and says on stderr what it has not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from outrider import control, spool
from outrider_agent import layout, model, settings
from outrider_agent.cli import format as fmt
from outrider_agent.cli import output, pending
from outrider_agent.store import reading

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

#: How long a running agent is given to commit what is pending, and how long one that has just been started.
SHORT_S = 1.0
STARTED_S = 5.0
#: The control socket answers a little later than the deadline it was given.
GRACE_S = 1.5


def home(args: argparse.Namespace) -> str:
    """The home the command is about: `--home`, else OUTRIDER_HOME, else the default."""
    given = getattr(args, "home", None)
    return os.path.abspath(os.path.expanduser(given)) if given else spool.home()  # noqa: PTH100, PTH111 (as the handler does it)


def store_path(directory: str) -> Path:
    """The store of a home: where the settings say, else in the home. Raises `SettingsError`."""
    given = settings.load().store.path
    return Path(given).expanduser() if given else layout.Layout(Path(directory)).database


def may_start(args: argparse.Namespace) -> bool:
    """May this command start an agent?"""
    return not args.no_agent and os.environ.get("OUTRIDER_AGENT_AUTOSTART", "1") != "0"


def reader(args: argparse.Namespace) -> reading.Reader:
    """The store, read-only, after what is pending was brought in. One that is not there reads as an empty one."""
    directory = home(args)
    refresh(args, directory)
    return store(directory)


def store(directory: str) -> reading.Reader:
    """The store of a home as it is."""
    return reading.Reader(store_path(directory))


def nothing_yet(directory: str) -> str:
    """What to say where the store has no run."""
    if pending.names(pending.folder(directory)):
        return "no run is in the store yet"
    return f"nothing has been tracked in {directory} yet; start with `outrider run -- python train.py`, or give another --home"


def refresh(args: argparse.Namespace, directory: str) -> None:
    """Brings in what is pending now, as far as a short deadline allows; says on stderr what is still on its way."""
    if args.no_agent:
        done = False
    elif control.agent_info(directory) is not None:
        done = ask_to_flush(directory, None, SHORT_S)
    else:
        done = not is_pending(directory) or (
            may_start(args) and control.start_agent(directory, wait=STARTED_S) and ask_to_flush(directory, None, STARTED_S)
        )
    if not done:
        tell_pending(args, directory)


def is_pending(directory: str) -> bool:
    """Is there a complete line that the store has not?"""
    return any(stream.pending_bytes for stream in on_disk(directory))


def ask_to_flush(directory: str, run: str | None, timeout: float, grace: float = GRACE_S) -> bool:
    """Asks the agent to commit what is pending now, and waits up to `timeout`. False when something is left, or nobody answered."""
    try:
        status, answer = control.request(directory, "POST", "/flush", {"run": run, "timeout": timeout}, timeout=timeout + grace)
    except control.ControlError:
        return False
    return status == 200 and bool(answer and answer.get("done"))


def positions(directory: str) -> Mapping[model.StreamId, model.Position]:
    """How far the store has taken each stream; nothing where there is no store."""
    with store(directory) as opened:
        return {model.StreamId(one.run_id, one.writer): model.Position(one.segment, one.offset) for one in opened.streams()}


def on_disk(directory: str, run: str | None = None) -> list[pending.Stream]:
    """The streams of the spool, measured against the store."""
    return pending.streams(directory, positions(directory), run) if pending.names(pending.folder(directory)) else []


def tell_pending(args: argparse.Namespace, directory: str) -> None:
    """Says how much is not in the store yet, if anything, and whether somebody is there to bring it in."""
    known = positions(directory)
    amount = sum(stream.pending_bytes for stream in pending.streams(directory, known))
    if not amount:
        return
    count = pending.lines(directory, known)
    what = fmt.plural(count, "line") if count else fmt.size(amount)
    verb, them = ("is", "it") if count == 1 else ("are", "them")
    if control.agent_info(directory) is not None:
        output.warn(
            f"{what} {verb} still on the way to the store and not shown; nothing is lost, the spool has {them} (see `outrider status`)"
        )
        return
    how = "without --no-agent this command starts one" if args.no_agent else "`outrider agent` starts one"
    output.warn(f"{what} of the spool {verb} not shown: no agent runs that would take {them} into the store; nothing is lost, {how}")
