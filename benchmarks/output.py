"""What `outrider run` costs a command that prints much, or waits for its end: beside the bare command, in turn, whole commands."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial

from benchmarks.figures import Figure, median

MB = 1_000_000
PACED = """
import os, sys, time
piece = b"epoch 1 step 12345 loss 0.123456789 accuracy 0.987654321 lr 1e-3\\n" * 970
began, sent, rate, total = time.perf_counter(), 0, float(sys.argv[1]), int(sys.argv[2])
while sent < total:
    sent += os.write(1, piece)
    ahead = sent / rate - (time.perf_counter() - began)
    if ahead > 0.002:
        time.sleep(ahead)
"""
LINES = "for i in range({lines}): print('step', i, 'loss', 0.25)"
FLUSHED = """
import os, sys, time
began = time.perf_counter()
for i in range({lines}):
    print('step', i, 'loss', 0.25, flush=True)
    while time.perf_counter() - began < i / 20_000:
        pass
took = time.perf_counter() - began
with open('/proc/' + os.environ['OUTRIDER_KEEPER'] + '/stat') as file:
    fields = file.read().rpartition(')')[2].split()
used = (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
sys.stderr.write(str(100 * used / took))
"""
# A shell with job control, on the terminal that it finds: one foreground job; then the time.
SHELL = """
import os, signal, sys, time
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if job == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
os.waitpid(job, 0)
os.tcsetpgrp(0, os.getpid())
print(time.time_ns(), 'over', flush=True)
"""
RUN = [sys.executable, "-m", "outrider", "run", "--no-agent", "--"]
SINKS = ("/dev/null", "a file", "a pipe to cat", "a terminal")


def seconds(command, sink="a pipe to cat"):
    """From the start to the end of the command and of what reads it."""
    began = time.perf_counter()
    if sink == "a pipe to cat":
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            subprocess.run(["cat"], stdin=writer.stdout, stdout=subprocess.DEVNULL, check=True)
    elif sink == "a terminal":
        on_terminal(command)
    else:
        with open(os.path.join(os.environ["OUTRIDER_HOME"], "out") if sink == "a file" else sink, "wb") as file:
            subprocess.run(command, stdout=file, check=True)
    return time.perf_counter() - began


def on_terminal(command):
    """What a job of a shell shows on a terminal, with the time in ns when the shell had it back as the last word but one."""
    pid, terminal = os.forkpty()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-S", "-c", SHELL, *command])
    tail = b""
    while not tail.endswith(b"over\r\n"):
        tail = (tail + os.read(terminal, 1 << 16))[-1000:]
    os.waitpid(pid, 0)
    os.close(terminal)
    return tail


def in_turn(rounds, *ways):
    """The median of each way's own figures, measured in turn, each with a home of its own."""
    rows = []
    for _ in range(rounds):
        row = []
        for way in ways:
            with tempfile.TemporaryDirectory() as home:
                os.environ["OUTRIDER_HOME"] = home
                row.append(way())
        rows.append(row)
    return [median(column) for column in zip(*rows, strict=True)]


def measure(short):
    found = [*much(short), *lines(short), *line_by_line(), *ends(short)]
    os.environ.pop("OUTRIDER_HOME", None)
    return found


def much(short):
    """Bytes, at the rate of the bar and at the highest."""
    rounds, size = (3, 100) if short else (5, 300)
    paced = [sys.executable, "-c", PACED, str(100 * MB), str(size * MB)]
    tracked, bare = in_turn(rounds, partial(seconds, [*RUN, *paced]), partial(seconds, paced))
    yield Figure(f"{size} MB at 100 MB/s into cat: time of outrider run over bare", tracked / bare, "x", 1.3)
    fastest = [sys.executable, "-c", PACED, "1e12", str(size * MB)]
    (took,) = in_turn(rounds, partial(seconds, [*RUN, *fastest]))
    yield Figure("the most that passes through outrider run", size / took, "MB/s", higher_is_better=True)


def lines(short):
    """The script of the bar, into whatever takes its output."""
    number = 300_000 if short else 1_000_000
    script = [sys.executable, "-c", LINES.format(lines=number)]
    for sink in SINKS:
        # Bare, a terminal costs a write a line; what is on its other side decides on the time. So there is no bar.
        bar = None if sink == "a terminal" else 1.15
        tracked, bare = in_turn(3 if short else 7, partial(seconds, [*RUN, *script], sink), partial(seconds, script, sink))
        yield Figure(f"a script that prints {number:,} lines to {sink}: time over bare", tracked / bare, "x", bar)


def line_by_line():
    """A write each, 20,000 a second."""
    command = [*RUN, sys.executable, "-c", FLUSHED.format(lines=40_000)]
    (share,) = in_turn(3, lambda: float(subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True).stderr))
    yield Figure("the keeper, of a script that prints 20,000 lines a second with flush=True", share, "% of a core")


def ends(short):
    """From the command's last act to the front's end, while a process that it left behind holds its output."""
    command = ["sh", "-c", "sleep 1 & exec date +%s%N"]
    rounds = 5 if short else 20
    for what, after in (("pipe", after_on_pipe), ("terminal", after_on_terminal)):
        tracked, bare = in_turn(rounds, partial(after, [*RUN, *command]), partial(after, command))
        yield Figure(f"the command's end to the front's, its {what} held by a grandchild", tracked, "ms", 50, bare, "(bare)")


def after_on_pipe(command):
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        process.wait()
        return (time.time_ns() - int(process.stdout.readline())) / 1e6


def after_on_terminal(command):
    began, ended = [int(word) for word in on_terminal(command).split() if word.isdigit()]
    return (ended - began) / 1e6
