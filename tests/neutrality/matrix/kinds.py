"""
The kinds of scripts in the matrix: each a text, how it is started, and what is done to it while it runs.

A kind is deterministic: run twice bare it does the same. Where the order between threads or processes is the scheduler's, its output is
compared by lines (`unordered`).
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NamedTuple

from matrix import probe

#: Versions that are looked for under ~/.pyenv/versions; the test's own Python runs all other kinds.
VERSIONS = ("2.7", "3.6", "3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


class Kind(NamedTuple):
    """A script kind. `steps` come in order once it has said `ready`: a signal, or for a terminal (what is waited for, what is typed)."""

    name: str
    what: str
    script: str
    python: str = sys.executable
    stdin: bytes = b""
    steps: tuple[object, ...] = ()
    unordered: bool = False
    terminal: bool = False
    shell: bool = False
    daemon: bool = False

    def text(self) -> str:
        """The script as it is written to disk."""
        return (probe.SHELL if self.shell else probe.TEXT) + self.script

    def command(self, path: Path) -> list[str]:
        """How it is started."""
        return ["sh", str(path)] if self.shell else [self.python, str(path), "--lr", "0.1", ""]


PLAIN = r"""
for i in range(200):
    sys.stdout.write("out %d\n" % i)
    sys.stderr.write("err %d\n" % i)
sys.stdout.write("no newline at the end")
sys.exit(3)
"""

THREADS = r"""
import logging, threading
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

def work(name):
    for i in range(100):
        os.write(1, ("thread %d says %d\n" % (name, i)).encode())
        logging.info("thread %d logs %d", name, i)

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
print("alive %d handlers %d" % (threading.active_count(), len(logging.root.handlers)))
"""

FORK = r"""
import logging
print("before")
sys.stdout.flush()
for i in range(4):
    pid = os.fork()
    if pid == 0:
        logging.warning("child %d", i)
        print("child %d sees %d children" % (i, children()))
        sys.stdout.flush()
        os._exit(i)
    print("status %r" % (os.waitpid(pid, 0)[1],))
    sys.stdout.flush()
try:
    os.wait()
except OSError as error:
    print("no more: %d" % error.errno)
"""

SPAWN = r"""
import logging, multiprocessing

def work(i):
    logging.warning("worker %d", i)
    os.write(1, b"worker %d path %d hook %r\n" % (i, len(sys.path), sys.excepthook is sys.__excepthook__))
    return i * i

if __name__ == "__main__":
    for method in ("spawn", "forkserver", "fork"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, sorted(pool.map(work, range(4))), flush=True)
"""

HARD_EXIT = r"""
import logging
logging.warning("about to go")
sys.stdout.write("flushed\n"); sys.stdout.flush()
sys.stdout.write("lost in the buffer")
os._exit(7)
"""

SIGNALS = r"""
import signal
seen = []
def got(number, frame):
    seen.append(number)
    os.write(1, ("got %d\n" % number).encode())
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGQUIT):
    signal.signal(number, got)
os.write(1, b"ready\n")
while signal.SIGTERM not in seen:
    signal.pause()
os.write(1, ("saved after %r\n" % (seen,)).encode())
sys.exit(5)
"""

KILLED = r"""
print("ready"); sys.stdout.flush()
import signal
while True:
    signal.pause()
"""

HUGE = r"""
line = ("x" * 99 + "\n").encode() * 1000
for i in range(80):
    os.write(1, line)
    os.write(2, b"%d\n" % i)
print("end")
"""

BINARY = r"""
data = bytes(bytearray(range(256))) * 500 + b"\xe2\x9c" + b"\0" * 3000 + b"\x1b[31m\r\r\n"
for i in range(0, len(data), 7777):
    os.write(1, data[i:i + 7777])
    os.write(2, data[i:i + 7777][::-1])
"""

STDIN = r"""
import hashlib
first = sys.stdin.buffer.readline()
rest = sys.stdin.buffer.read()
print(first, len(rest), hashlib.sha256(rest).hexdigest())
"""

DAEMON = r"""
import time
print("starting"); sys.stdout.flush()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        with open(os.path.join(os.environ["NEUTRAL"], "release")) as file:
            file.read()
        os.write(1, b"the daemon still prints\n")
        note("daemon", {"children": children(), "fds": fds(), "group": os.getpgrp() == os.getsid(0)})
    os._exit(0)
os.wait()
print("left")
"""

WORKERS = r"""
import logging
logging.basicConfig(format="%(message)s")
pids = []
for rank in range(64):
    pid = os.fork()
    if pid == 0:
        for i in range(20):
            os.write(1, ("rank %d step %d\n" % (rank, i)).encode())
        logging.warning("rank %d is done", rank)
        os._exit(rank % 5)
    pids.append(pid)
print("statuses %r" % [os.waitpid(pid, 0)[1] for pid in pids])
"""

AT_EXIT = r"""
import atexit, logging, threading
logging.getLogger("quiet").warning("to lastResort")

def bad():
    sys.stderr.write("at exit\n")
    raise RuntimeError("in atexit")

atexit.register(bad)

def thread():
    raise KeyError("in a thread")

one = threading.Thread(target=thread, name="worker"); one.start(); one.join()

class Broken(Exception):
    def __str__(self):
        raise ValueError("no text")

try:
    raise ValueError("first")
except ValueError:
    raise Broken()
"""

INTERRUPTED = r"""
import time
print("ready"); sys.stdout.flush()
try:
    while True:
        time.sleep(60)
finally:
    print("cleaned up")
"""

INTERACTIVE = r"""
import termios
print("ready")
name = input("name? ")
modes = termios.tcgetattr(0)
quiet = termios.tcgetattr(0)
quiet[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSADRAIN, quiet)
secret = input("secret? ")
termios.tcsetattr(0, termios.TCSADRAIN, modes)
print()
print("hello", name, len(secret), os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp(), [os.isatty(fd) for fd in (0, 1, 2)])
for i in range(5):
    sys.stderr.write("\r%d%%" % (i * 25))
sys.stderr.write("\n")
try:
    print("waiting", flush=True)
    import time
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(4)
"""

SHELL = r"""
echo "out of sh"; echo "err of sh" >&2
( echo from a subshell; exit 2 ); echo "it said $?"
seq 1 2000 | sort -rn | head -n 3
trap 'echo "trap at exit"' EXIT
sleep 0 & wait $!; echo "job $?"
printf 'tail without newline'
exit 9
"""

EXEC = r"""
print("before"); sys.stdout.flush()
os.execv("/bin/sh", ["sh", "-c", "echo after; exit 11"])
"""


def versions() -> list[Kind]:
    """The plain script, by each Python that is on this machine."""
    found = []
    for version in VERSIONS:
        paths = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
        if paths:
            found.append(Kind(f"Python {version}", f"the plain script, by Python {version}", PLAIN, python=str(paths[-1])))
    return found


KINDS = [
    Kind("plain", "400 lines to stdout and stderr, exit code 3", PLAIN),
    Kind("threads", "8 threads that print and log", THREADS, unordered=True),
    Kind("fork", "forks, waits for each child, finds no other", FORK),
    Kind("spawn", "multiprocessing: spawn, forkserver, fork", SPAWN, unordered=True),
    Kind("os._exit", "leaves without flushing, exit code 7", HARD_EXIT),
    Kind(
        "signal handlers",
        "catches seven signals, sent one after the other; ends by SIGTERM's handler",
        SIGNALS,
        steps=(signal.SIGHUP, signal.SIGUSR1, signal.SIGINT, signal.SIGWINCH, signal.SIGUSR2, signal.SIGQUIT, signal.SIGTERM),
    ),
    Kind("killed", "is sent SIGTERM, which it does not catch", KILLED, steps=(signal.SIGTERM,)),
    Kind("Ctrl-C", "is sent SIGINT in the middle of a `try … finally`", INTERRUPTED, steps=(signal.SIGINT,)),
    Kind("huge output", "8 MB to stdout in large writes", HUGE),
    Kind("binary output", "every byte value, cut characters, NULs", BINARY),
    Kind("interactive", "a terminal: a prompt, a password, a progress bar, Ctrl-C", INTERACTIVE, terminal=True,
         steps=((b"name? ", b"ann\n"), (b"secret? ", b"pss\n"), (b"waiting", b"\x03"))),
    Kind("reads stdin", "a line, then 300 kB", STDIN, stdin=b"first line\n" + os.urandom(16) * 20_000),
    Kind("daemonises", "double fork and setsid; the daemon prints after the script's end", DAEMON, daemon=True),
    Kind("64 workers", "64 forked processes that print and log", WORKERS, unordered=True),
    Kind("exception at exit", "an uncaught exception without text, one in a thread, one in atexit", AT_EXIT),
    Kind("exec", "replaces itself by another program", EXEC),
    Kind("not Python", "sh: pipes, subshells, traps, jobs", SHELL, shell=True),
]  # fmt: skip
