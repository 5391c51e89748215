"""An agent of a home of its own, for the length of a measurement."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from outrider import control


def environment(home):
    """What a measured process gets: nothing that changes how Python buffers or where it finds things."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OUTRIDER_") and name != "PYTHONUNBUFFERED"}
    return {**kept, "OUTRIDER_HOME": str(home)}


def wait(condition, seconds=60.0):
    """Polls; fails in the end."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s")
        time.sleep(0.02)


def healthy(home):
    try:
        return control.request(str(home), "GET", "/health")[0] == 200
    except OSError:
        return False


def flush(home, seconds=120.0):
    """Everything in the spool is committed."""
    _, answer = control.request(str(home), "POST", "/flush", {"run": None, "timeout": seconds}, timeout=seconds + 5)
    if not answer["done"]:
        raise TimeoutError(str(answer))


@contextlib.contextmanager
def running(kept=None):
    """Yields (home, process) of an agent that answers; in a home of its own, or in one that is there."""
    with tempfile.TemporaryDirectory() as folder:
        home = kept or Path(folder)
        command = [sys.executable, "-m", "outrider_agent", "--home", str(home), "--foreground"]
        process = subprocess.Popen(
            command, env=environment(home), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait(lambda: healthy(home))
            yield home, process
        finally:
            process.terminate()
            process.wait(60)
