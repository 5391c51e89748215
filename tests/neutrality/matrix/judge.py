"""
One cell of the matrix: a kind under a condition, run bare and tracked in the same folder, and every difference between the two.

A run is driven here (`Drive`), what it left is read (`Seen`), and two of those are compared into named differences. Which of them are known
and why is in `known.py`; nothing is forgiven here but the scheduler's order where a kind says so, and the clock's within `SLOWER_S`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import tracked as runs
from waiting import until

from matrix import terminal

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from matrix.conditions import Condition, Meanwhile
    from matrix.kinds import Kind

#: How much longer than bare a cell may take on a machine with nothing else to do: coarse; the overhead is measured by `make bench`.
SLOWER_S = 2.0
SLOWER_TIMES = 2.0
TRIES = 3
LONGEST_S = 60.0
#: Of the environment of who judges: not for the judged. (Without compiled files every process would compile the handler anew.)
FOREIGN = ("OUTRIDER_", "PYTEST", "COV_", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
#: In the representation of an object; no two runs have the same.
ADDRESS = re.compile(rb"0x[0-9a-f]{6,}")
#: Signals 32 and 33 are the C library's own: what `make` starts ignores them, until a process in between has had a thread.
LIBRARYS = 0b11 << 31


class Difference(NamedTuple):
    """Something that is not the same: its name, bare and tracked."""

    name: str
    bare: Any
    tracked: Any


class Seen(NamedTuple):
    """What one run looked like from outside and from inside."""

    exit: int | None
    out: bytes
    err: bytes
    seconds: float
    reports: dict[str, Any]


def not_applicable(kind: Kind, condition: Condition) -> str:
    """Why a cell cannot be; empty where it can."""
    if condition.name == "reader closed" and kind.terminal:
        return "a terminal has no reader that goes: it hangs up, and that is another story"
    if condition.name == "front killed" and kind.terminal:
        return "the process is its terminal's session leader: the kernel hangs up on all of it"
    return ""


def cell(folder: Path, kind: Kind, condition: Condition) -> list[Difference]:
    """Runs it bare and tracked; every difference. What was slower is looked at again: machines hiccup."""
    found: list[Difference] = []
    for _ in range(TRIES):
        bare, tracked = (observe(folder, kind, condition, tracked=tracked) for tracked in (False, True))
        found = list(differences(kind, bare, tracked))
        if not any(one.name == "seconds" for one in found):
            break
    return found


def observe(folder: Path, kind: Kind, condition: Condition, *, tracked: bool) -> Seen:
    """One run, in a folder that is the same for both and new for each."""
    shutil.rmtree(folder, ignore_errors=True)
    work, home = folder / "work", folder / "state" / "home"
    work.mkdir(parents=True)
    script = work / ("script.sh" if kind.shell else "script.py")
    script.write_text(kind.text())
    for name in ("go", "release"):
        os.mkfifo(work / name)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    environ["NEUTRAL"] = str(work)
    if tracked:
        environ["OUTRIDER_HOME"] = str(home)
    command = [*condition.prefix, *(runs.RUN if tracked else []), *kind.command(script)]
    try:
        with condition.around(home, tracked) as meanwhile:
            return Drive(kind, meanwhile, work, home).run(command, environ)
    finally:
        if tracked:
            runs.gone(home)


class Drive:
    """One run while it lasts."""

    def __init__(self, kind: Kind, meanwhile: Meanwhile, work: Path, home: Path) -> None:
        self.kind, self.meanwhile, self.work, self.home = kind, meanwhile, work, home

    def run(self, command: list[str], environ: dict[str, str]) -> Seen:
        """From its start to the end of its pipes."""
        began = time.monotonic()
        lines = terminal.Terminal() if self.kind.terminal else terminal.Pipes(self.kind.stdin)
        process = lines.start(command, environ, self.work)
        try:
            self._begin(process, lines)
            # Without a reader a script ends at its first word, before anything else could be done to it.
            if not self.meanwhile.closes_reader:
                self._steps(process, lines)
            if self.kind.daemon and not self.meanwhile.closes_reader:
                until(lambda: b"left\n" in lines.out, LONGEST_S, "the daemon's parent says that it leaves")
            process.wait(LONGEST_S)
            seconds = time.monotonic() - began
            self._release()
            lines.finish(LONGEST_S)
        finally:
            if process.poll() is None:
                process.kill()
            lines.close()
        code = self._kept_exit() if self.meanwhile.front_dies else process.returncode
        return Seen(code, bytes(lines.out), bytes(lines.err), seconds, self._reports(process.pid))

    def _begin(self, process: subprocess.Popen[bytes], lines: terminal.Lines) -> None:
        """It waits at its beginning; what the condition does meanwhile is done; it goes on."""
        until((self.work / "here.json").exists, LONGEST_S, "the script begins")
        if self.meanwhile.act is not None:
            self.meanwhile.act(process)
        if self.meanwhile.closes_reader:
            lines.close_reader()
            self._until_noticed(process)
        with (self.work / "go").open("w") as file:
            file.write("\n")

    def _until_noticed(self, process: subprocess.Popen[bytes]) -> None:
        """Tracked, the reader's end is passed on: what is written before that still succeeds (known.py, STATED)."""
        script = self._noted("here", "pid")
        if script != process.pid:
            pipe = os.readlink(f"/proc/{script}/fd/1")
            until(lambda: pipe not in links(parent(script)), LONGEST_S, "the keeper closes its end")

    def _steps(self, process: subprocess.Popen[bytes], lines: terminal.Lines) -> None:
        if self.kind.steps:
            until(lambda: b"ready" in lines.out, LONGEST_S, "the script is ready")
        for step in self.kind.steps:
            if isinstance(step, tuple):
                expected, answer = step
                until(lambda: expected in lines.out, LONGEST_S, "the prompt comes")  # noqa: B023 -- asked at once
                lines.type(answer)
                continue
            target = self._noted("here", "pid") if self.meanwhile.front_dies else process.pid
            os.kill(target, step)
            seen = b"got %d\n" % step
            until(lambda: seen in lines.out or (process.poll() is not None and not lives(target)), LONGEST_S, "it is seen")  # noqa: B023

    def _noted(self, report: str, name: str) -> int:
        return int(json.loads((self.work / f"{report}.json").read_text())[name])

    def _release(self) -> None:
        """Lets a daemon go on that waits for the script's end."""
        if self.kind.daemon and not self.meanwhile.closes_reader:
            descriptors: list[int] = []

            def opened() -> bool:
                try:
                    descriptors.append(os.open(self.work / "release", os.O_WRONLY | os.O_NONBLOCK))
                except OSError:
                    return False
                return True

            until(opened, LONGEST_S, "the daemon waits")
            os.close(descriptors[0])

    def _kept_exit(self) -> int | None:
        """The script's end as the keeper wrote it, for the front cannot tell it any more."""
        runs.gone(self.home)
        found = runs.end(self.home)
        return -found["sig"] if "sig" in found else found["code"]

    def _reports(self, started: int) -> dict[str, Any]:
        """What the script noted, flattened: `begin.environ.HOME` and so on. Process ids become what they mean."""
        found: dict[str, Any] = {}
        for path in sorted(self.work.glob("*.json")):
            if path.stem == "here":
                continue
            found.update(flattened(path.stem, json.loads(path.read_text())))
        for name in ("fds", "environ", "status", "limits") if self.kind.shell else ():
            text = (self.work / name).read_text(errors="surrogateescape")
            pairs = (line.replace("\t", " ").partition("=" if name == "environ" else " ") for line in text.splitlines())
            found.update((f"begin.{name}.{key.rstrip(':')}", value) for key, _, value in pairs)
        pid = found.pop("begin.ids.pid", None)
        if pid is not None:
            found["job's leader"] = found.pop("begin.ids.group") == pid
            found["session's leader"] = found["begin.ids.session"] == pid
            found["session"] = found.pop("begin.ids.session") in (started, os.getsid(0))
        return found


def lives(pid: int) -> bool:
    """Is there such a process?"""
    return os.path.exists(f"/proc/{pid}/stat")


def parent(pid: int) -> int:
    """Its parent."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def links(pid: int) -> list[str]:
    """What its descriptors are."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except OSError:
            continue
    return found


def crowd() -> float:
    """How many want each core at present, at least one: what works, rather than waits, takes so much longer."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def flattened(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every leaf of nested objects, by its dotted name."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flattened(f"{name}.{key}", inner)
    else:
        yield name, value


def differences(kind: Kind, bare: Seen, tracked: Seen) -> Iterator[Difference]:
    """What is not the same."""
    for name in ("exit", "out", "err"):
        one, other = getattr(bare, name), getattr(tracked, name)
        if name != "exit":
            one, other = (ADDRESS.sub(b"0x...", text) for text in (one, other))
        if kind.unordered and name != "exit":
            one, other = (b"\n".join(sorted(text.split(b"\n"))) for text in (one, other))
        if one != other:
            yield Difference("screen" if kind.terminal else name, one, other)
    if tracked.seconds > bare.seconds * SLOWER_TIMES + SLOWER_S * crowd():
        yield Difference("seconds", round(bare.seconds, 2), round(tracked.seconds, 2))
    for name in sorted(bare.reports.keys() | tracked.reports.keys()):
        one, other = (side.reports.get(name) for side in (bare, tracked))
        if ".status.Sig" in name and one and other:
            one, other = (int(mask, 16) & ~LIBRARYS for mask in (one, other))
        if one != other:
            yield Difference(name, one, other)
