"""Processes of other users, started by root: this interpreter and this checkout are there for them too, wherever they lie."""

from __future__ import annotations

import shlex
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def closed(path):
    """The folder nearest the root that keeps others away from what lies below it; None where all may pass."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def opened():
    """Shell lines that, in a mount namespace of one's own, put what is needed behind a folder that all may pass."""
    needed = {path: closed(path) for path in {Path(sys.base_prefix).resolve(), Path(sys.prefix).absolute(), ROOT}}
    needed = {path: folder for path, folder in needed.items() if folder is not None}
    lines = ["set -e", "stage=$(mktemp -d)"]
    for number, path in enumerate(needed):
        lines += [f"mkdir $stage/{number}", f"mount --bind {shlex.quote(str(path))} $stage/{number}"]
    lines += [f"mount -t tmpfs -o mode=755 none {shlex.quote(str(folder))}" for folder in sorted(set(needed.values()))]
    for number, path in enumerate(needed):
        lines += [f"mkdir -p {shlex.quote(str(path))}", f"mount --move $stage/{number} {shlex.quote(str(path))}"]
    return [*lines, "rm -rf --one-file-system $stage"]


def start(user, *command, groups=(), cwd="/", **more):
    """Starts it as that uid and gid, with these further groups and no capability. What `subprocess.Popen` takes may be given too."""
    became = ["setpriv", f"--reuid={user}", f"--regid={user}", "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    became += [f"--groups={','.join(map(str, groups))}"] if groups else ["--clear-groups"]
    script = "\n".join([*opened(), f"cd {shlex.quote(str(cwd))}", f"exec {shlex.join([*became, *map(str, command)])}"])
    return subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdin=subprocess.DEVNULL, **more)
