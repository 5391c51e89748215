"""
What every Python script of the matrix begins with: it notes down all that it can see of its surroundings, then waits for `go`.

Read by Python 2.7 to 3.13, and put before each script's own text: so nothing is imported that the scripts do not import as well.
"""

from __future__ import annotations

TEXT = r"""
import json, os, sys

MODULES = list(sys.modules) if sys.version_info >= (3, 7) else sorted(sys.modules)


def fds():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
            with open("/proc/self/fdinfo/" + name) as file:
                flags = file.read().split("flags:")[1].split()[0]
        except (OSError, IOError, IndexError):
            continue
        if not target.startswith("/proc/"):
            found[name] = [target.split("[")[0].rstrip("0123456789"), flags]
    return found


def status():
    with open("/proc/self/status") as file:
        lines = [line.split(":", 1) for line in file]
    wanted = ("SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Seccomp", "Cpus_allowed_list", "Umask", "Threads", "CapEff", "Groups")
    return dict((name, value.strip()) for name, value in lines if name in wanted)


def text(path):
    with open(path) as file:
        return file.read()


def children():
    return len(text("/proc/self/task/%d/children" % os.getpid()).split())


def python():
    return {
        "path": sys.path[1:],
        "modules": MODULES,
        "meta_path": [getattr(one, "__name__", type(one).__name__) for one in getattr(sys, "meta_path", [])],
        "excepthook": sys.excepthook is sys.__excepthook__,
        "flags": str(sys.flags),
        "argv": sys.argv[1:],
        "warnoptions": sys.warnoptions,
        "streams": [getattr(sys.stdout, "encoding", None), getattr(sys.stderr, "encoding", None)],
        "prefix": sys.prefix,
        "recursion": sys.getrecursionlimit(),
    }


def surroundings():
    return {
        "fds": fds(),
        "environ": dict(os.environ),
        "status": status(),
        "limits": dict(enumerate(text("/proc/self/limits").split("\n"))),
        "cwd": os.getcwd(),
        "nice": os.nice(0),
        "oom": text("/proc/self/oom_score_adj").strip(),
        "children": children(),
        "isatty": [os.isatty(fd) for fd in (0, 1, 2)],
        "ids": {"pid": os.getpid(), "group": os.getpgrp(), "session": os.getsid(0)},
        "python": python(),
    }


def note(name, what):
    path = os.path.join(os.environ["NEUTRAL"], name + ".json")
    with open(path + ".tmp", "w") as file:
        json.dump(what, file)
    os.rename(path + ".tmp", path)


if __name__ == "__main__":
    note("begin", surroundings())
    note("here", {"pid": os.getpid()})
    text(os.path.join(os.environ["NEUTRAL"], "go"))
"""

#: The same in small, for sh.
SHELL = r"""
cd "$NEUTRAL" || exit 99
{ for fd in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo "$fd $(readlink /proc/$$/fd/$fd | sed 's/\[.*//')"; done; } >fds
env | grep -v '^_=' | sort >environ
grep -E '^(SigBlk|SigIgn|NoNewPrivs|Umask|Cpus_allowed_list)' /proc/self/status >status
ulimit -a >limits
echo "{\"pid\": $$}" >here.tmp && mv here.tmp here.json
read -r _ <go
"""
