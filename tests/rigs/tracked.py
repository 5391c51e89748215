"""Runs commands bare and under `outrider run`, and reads what the spool then holds: what the tests of `outrider run` stand on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from waiting import until

from outrider import spool

OUTRIDER = str(Path(sys.executable).with_name("outrider"))
RUN = [OUTRIDER, "run", "--no-agent", "--"]
TIMEOUT = 60


def result(command, **options):
    """(exit code or minus the signal, stdout, stderr) of a command that ends by itself."""
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False, **options)
    return done.returncode, done.stdout, done.stderr


def same(command, run=RUN, **options):
    """The result of a command, which must be the same bare and tracked."""
    bare, tracked = result(command, **options), result([*run, *command], **options)
    if tracked != bare:
        raise AssertionError(
            "tracked and bare differ:\n" + "\n".join(f"{side[0]}\n{side[1].decode()}\n{side[2].decode()}" for side in (bare, tracked))
        )
    return tracked


def run_folders(home):
    """Every run's folder in the spool."""
    root = Path(home) / "spool"
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def lines(home, kind=None, writer=""):
    """Every line in the spool, by stream and order; `kind` and the beginning of a writer's name choose."""
    found = []
    for run in run_folders(home):
        for stream in sorted(path for path in run.iterdir() if path.name.startswith(writer) and path.is_dir()):
            found += [json.loads(line) for line in spool.read_lines(str(stream))]
    return [line for line in found if kind is None or line["k"] == kind]


def end(home):
    """The one `end` that the keeper wrote."""
    (found,) = lines(home, "end", "keeper-")
    return found


def console(home, number):
    """The bytes of the console's stream 1 or 2, put together by their offsets."""
    import base64

    data, offset = [], 0
    for line in lines(home, "c", "keeper-"):
        if line["f"] == number:
            assert line["o"] == offset
            data.append(base64.b64decode(line["b"]) if "b" in line else line["d"].encode())
            offset += len(data[-1])
    return b"".join(data)


def of_home(home):
    """The pids of processes that were started with this OUTRIDER_HOME and still live."""
    mark = f"OUTRIDER_HOME={home}".encode()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                environ = Path("/proc", name, "environ").read_bytes().split(b"\0")
                state = Path("/proc", name, "stat").read_bytes().rpartition(b")")[2].split()[0]
            except OSError:
                continue
            if mark in environ and state != b"Z":
                found.append(int(name))
    return found


def cmdline(pid):
    """Its arguments, a NUL after each; empty when it is gone."""
    try:
        return Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return b""


def gone(home):
    """Waits until no process of this home lives; kills and reports those that do."""
    try:
        until(lambda: not of_home(home), timeout=60, message="every process of the test ends")
    except AssertionError:
        for pid in of_home(home):
            os.kill(pid, signal.SIGKILL)
        raise
