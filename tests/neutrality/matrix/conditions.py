"""
The conditions of the matrix: what is wrong around the script. Each is a context in which a cell runs; `Meanwhile` happens once it began.

What concerns the script itself (`ulimit -f`, a reader that closes) is done to the bare run too; what concerns Outrider only, to the
tracked one alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Meanwhile(NamedTuple):
    """What a condition does once the script has begun: to the process that was started; and who is asked for its end afterwards."""

    act: Callable[[subprocess.Popen[bytes]], None] | None = None
    closes_reader: bool = False
    front_dies: bool = False


class Condition(NamedTuple):
    """A condition. `around(home, tracked)` holds while a cell runs; `prefix` is put before the command, bare and tracked."""

    name: str
    what: str
    around: Callable[[Path, bool], contextlib.AbstractContextManager[Meanwhile]]
    prefix: tuple[str, ...] = ()


@contextlib.contextmanager
def nothing(_home: Path, _tracked: bool) -> Iterator[Meanwhile]:
    """No agent runs, none is started."""
    yield Meanwhile()


@contextlib.contextmanager
def agent(home: Path) -> Iterator[int]:
    """An agent of that home; its pid."""
    command = [sys.executable, "-m", "outrider_agent", "--home", str(home)]
    with subprocess.Popen(command, stdin=-3, stdout=-3, stderr=-3, start_new_session=True) as process:
        try:
            until((home / "agent.json").exists, message="the agent answers")
            assert json.loads((home / "agent.json").read_text())["pid"] == process.pid
            yield process.pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
            process.wait()


def with_agent(act: Callable[[int], None]) -> Callable[[Path, bool], contextlib.AbstractContextManager[Meanwhile]]:
    """An agent to which something is done once the script has begun."""

    @contextlib.contextmanager
    def around(home: Path, tracked: bool) -> Iterator[Meanwhile]:
        if not tracked:
            yield Meanwhile()
            return
        with agent(home) as pid:
            yield Meanwhile(lambda _process: act(pid))

    return around


@contextlib.contextmanager
def full_disk(home: Path, tracked: bool) -> Iterator[Meanwhile]:
    """The home lies on a file system of 1 MiB on which nothing is free."""
    if not tracked:
        yield Meanwhile()
        return
    home.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(home)], check=True)
    try:
        with contextlib.suppress(OSError), (home / "filling").open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        yield Meanwhile()
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)


@contextlib.contextmanager
def unwritable(home: Path, tracked: bool) -> Iterator[Meanwhile]:
    """Where the home should be is a file."""
    if tracked:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.write_text("not a folder")
    yield Meanwhile()


@contextlib.contextmanager
def locked_store(home: Path, tracked: bool) -> Iterator[Meanwhile]:
    """Another program holds the store's lock for as long as the script runs; an agent runs and waits for it."""
    if not tracked:
        yield Meanwhile()
        return
    with agent(home):
        until((home / "outrider.db").exists, message="the store is there")
        with contextlib.closing(sqlite3.connect(home / "outrider.db", isolation_level=None, timeout=20)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield Meanwhile()
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def killed_front(_home: Path, tracked: bool) -> Iterator[Meanwhile]:
    """The process that the user started is killed; the bare script, which is that process, is left alone."""
    yield Meanwhile(act=lambda process: process.kill(), front_dies=True) if tracked else Meanwhile()


@contextlib.contextmanager
def closed_reader(_home: Path, _tracked: bool) -> Iterator[Meanwhile]:
    """Whoever reads stdout closes it once the script has begun."""
    yield Meanwhile(closes_reader=True)


def kill(pid: int) -> None:
    """SIGKILL."""
    os.kill(pid, signal.SIGKILL)


def stop(pid: int) -> None:
    """SIGSTOP."""
    os.kill(pid, signal.SIGSTOP)


CONDITIONS = [
    Condition("no agent", "none runs, none is started", nothing),
    Condition("agent killed", "an agent runs, and gets SIGKILL once the script has begun", with_agent(kill)),
    Condition("agent stopped", "the same with SIGSTOP", with_agent(stop)),
    Condition("disk full", "the home is on a file system without a free byte", full_disk),
    Condition("ulimit -f", "no file may grow beyond 64 KiB", nothing, ("bash", "-c", 'ulimit -f 64; exec "$@"', "bash")),
    Condition("spool unwritable", "the home cannot be made", unwritable),
    Condition("store locked", "an agent runs, and another program holds its store's lock", locked_store),
    Condition("front killed", "the process that the user started gets SIGKILL once the script has begun", killed_front),
    Condition("reader closed", "stdout's reader goes away once the script has begun", closed_reader),
]
