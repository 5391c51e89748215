"""A cgroup with little memory, for tests of `oom-killed`: a real one where the machine lets us make it, else None."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
LIMIT = 60 << 20


def _places():
    """Where a memory cgroup may be made, and the file that holds its limit: version 2, version 1."""
    yield ROOT, "memory.max", "memory.events"
    yield ROOT / "memory", "memory.limit_in_bytes", "memory.oom_control"


@contextlib.contextmanager
def small(name):
    """The folder of a new cgroup of 60 MiB and its counter's file, which goes again; (None, None) where none can be made."""
    for root, limit, counter in _places():
        folder = root / f"outrider-test-{os.getpid()}-{name}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if (folder / counter).exists() and "oom_kill " in (folder / counter).read_text():
                (folder / limit).write_text(str(LIMIT))
                with contextlib.suppress(OSError):
                    (folder / "memory.swap.max").write_text("0")
                yield folder, folder / counter
                return
        finally:
            folder.rmdir()
    yield None, None


def entering(folder, command):
    """The command, started within the cgroup."""
    return ["sh", "-c", f'echo $$ > {folder}/cgroup.procs && exec "$@"', "sh", *command]
