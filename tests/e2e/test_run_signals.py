"""Signals under `outrider run`: what a process sends reaches the command once, what the terminal sends reaches it without us. Law 1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tracked import RUN, cmdline, end, gone, of_home
from waiting import until

COUNTS = """
import os, signal, sys
seen = []
def note(number, frame):
    seen.append(number)
    os.write(1, b"got %d\\n" % number)
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCONT):
    signal.signal(number, note)
os.write(1, b"ready %d\\n" % os.getpid())
while signal.SIGUSR1 not in seen:
    signal.pause()
os.write(1, b"end\\n")
"""


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


def start(**options):
    """The counting script, tracked, and ready; with its pid."""
    # A group of its own within our session, as a shell makes it: the kernel stops no orphaned group.
    front = subprocess.Popen([*RUN, sys.executable, "-S", "-c", COUNTS], stdout=subprocess.PIPE, process_group=0, **options)
    return front, int(front.stdout.readline().split()[1])


def finish(front, pid):
    """Ends the counting script, and says what it saw until then. USR1 comes last, sent to it alone."""
    os.kill(pid, signal.SIGUSR1)
    rest = front.stdout.read().split(b"\n")
    assert front.wait(timeout=60) == 0
    front.stdout.close()
    return [int(line.split()[1]) for line in rest if line.startswith(b"got ")][:-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_sent_to_the_front_is_forwarded_once(number):
    """`kill FRONT` is `kill COMMAND`."""
    front, pid = start()
    front.send_signal(number)
    assert front.stdout.readline() == b"got %d\n" % number
    assert finish(front, pid) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sent_to_the_whole_group_is_seen_once(number):
    """`kill %1`, a supervisor's killpg: the command has it from the sender, and must not get it from us again."""
    front, pid = start()
    os.killpg(front.pid, number)
    assert front.stdout.readline() == b"got %d\n" % number
    # A signal to the front alone is forwarded after the first has been dealt with: if there were a second, it would come before this one.
    front.send_signal(signal.SIGHUP)
    assert front.stdout.readline() == b"got %d\n" % signal.SIGHUP
    assert finish(front, pid) == []


def test_ctrl_c_at_a_terminal_is_one_sigint(tmp_path):
    """The terminal's SIGINT goes to the foreground group, and so to the command itself. Stdin is a terminal here; the output is not."""
    import pty

    primary, secondary = pty.openpty()
    command = [*RUN, sys.executable, "-S", "-c", COUNTS]
    child = f"import os, fcntl, termios; fcntl.ioctl({secondary}, termios.TIOCSCTTY, 0); os.execv({RUN[0]!r}, {command!r})"
    front = subprocess.Popen(
        [sys.executable, "-S", "-c", child], stdin=secondary, stdout=subprocess.PIPE, start_new_session=True, pass_fds=[secondary]
    )
    os.close(secondary)
    pid = int(front.stdout.readline().split()[1])
    os.write(primary, b"\x03")
    assert front.stdout.readline() == b"got %d\n" % signal.SIGINT
    front.send_signal(signal.SIGHUP)
    assert front.stdout.readline() == b"got %d\n" % signal.SIGHUP
    assert finish(front, pid) == []
    os.close(primary)


def test_a_script_that_catches_the_signal_decides_itself(home):
    """The front is gone only when the command is."""
    script = "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.02; done"
    with subprocess.Popen([*RUN, "sh", "-c", script], stdout=subprocess.PIPE) as front:
        assert front.stdout.readline() == b"ready\n"
        front.terminate()
        assert front.stdout.read() == b"caught\n"
        assert front.wait(timeout=60) == 5
    assert (end(home)["reason"], end(home)["code"]) == ("exit-code", 5)


def state(pid):
    """The kernel's letter for what a process is doing."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()[0].decode()


def test_a_stopped_command_stops_the_front_and_both_go_on_together():
    """So that a shell sees the job stop, and `fg` (a SIGCONT to the group) wakes it; the command gets one SIGCONT."""
    front, pid = start()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state(front.pid) == "T", message="the front stops with the command")
    os.killpg(front.pid, signal.SIGCONT)
    assert front.stdout.readline() == b"got %d\n" % signal.SIGCONT
    until(lambda: state(front.pid) == "S", message="the front goes on")
    front.send_signal(signal.SIGTERM)
    assert front.stdout.readline() == b"got %d\n" % signal.SIGTERM
    assert finish(front, pid) == []


def test_tstp_sent_to_the_front_stops_command_and_front():
    """And SIGCONT sent to the front alone wakes both."""
    front, pid = start()
    front.send_signal(signal.SIGTSTP)
    until(lambda: state(pid) == "T" and state(front.pid) == "T", message="both stop")
    front.send_signal(signal.SIGCONT)
    assert front.stdout.readline() == b"got %d\n" % signal.SIGCONT
    until(lambda: state(pid) == "S" and state(front.pid) == "S", message="both go on")
    assert finish(front, pid) == []


def test_ignored_signals_stay_ignored_and_the_default_ones_default(tmp_path):
    """What the command inherits: nohup's SIGHUP and a shell's SIGINT ignored, the mask as it was, and not Python's ignored SIGPIPE."""
    show = ["grep", "-E", "^(SigBlk|SigIgn|SigCgt)", "/proc/self/status"]
    shell = "trap '' HUP INT CHLD; exec \"$@\""
    bare = subprocess.run(["sh", "-c", shell, "sh", *show], capture_output=True, check=True)
    tracked = subprocess.run(["sh", "-c", shell, "sh", *RUN, *show], capture_output=True, check=True, timeout=60)
    assert tracked.stdout == bare.stdout
    assert tracked.stderr == bare.stderr == b""


def test_a_shells_ignored_sigpipe_stays_ignored():
    """As in a service's shell, a CI's: `yes | head` says `Broken pipe` there. (Python hides it: the shell is asked.)"""
    script = "trap '' PIPE XFSZ; \"$@\"; echo code $?"
    for show in (["grep", "SigIgn", "/proc/self/status"], ["sh", "-c", "yes | head -n 1; exit 3"]):
        bare = subprocess.run(["sh", "-c", script, "sh", *show], capture_output=True, check=True)
        tracked = subprocess.run(["sh", "-c", script, "sh", *RUN, *show], capture_output=True, check=True, timeout=60)
        assert (tracked.stdout, tracked.stderr) == (bare.stdout, bare.stderr)


def test_a_killed_front_costs_nothing(home):
    """The command goes on, what it prints later is kept and echoed, and how it ended is known."""
    front, pid = start()
    front.kill()
    front.wait(timeout=60)
    os.kill(pid, signal.SIGTERM)
    assert front.stdout.readline() == b"got %d\n" % signal.SIGTERM
    os.kill(pid, signal.SIGUSR1)
    assert front.stdout.read().endswith(b"end\n")
    front.stdout.close()
    gone(home)
    assert (end(home)["status"], end(home)["code"]) == ("Completed", 0)


def test_the_death_of_a_command_whose_reader_sleeps_is_told_at_once(home):
    """The keeper is stuck in writing what was printed before; a killed command's front must not be."""
    with subprocess.Popen([*RUN, "yes"], stdout=subprocess.PIPE) as front:
        front.stdout.read(2)

        def stuck():
            return [pid for pid in of_home(home) if cmdline(pid) == b"yes\0" and "pipe" in wait_channel(pid)]

        until(stuck, message="yes waits for a reader")
        front.terminate()
        assert front.wait(timeout=60) == -signal.SIGTERM
    gone(home)
    assert (end(home)["reason"], end(home)["sig"]) == ("signal", signal.SIGTERM)


def wait_channel(pid):
    """Where in the kernel a process sleeps; "pipe" where the kernel does not say but it sleeps."""
    try:
        with open(f"/proc/{pid}/wchan") as file:
            found = file.read()
        return found if found not in ("", "0") else ("pipe" if state(pid) == "S" else "")
    except OSError:
        return ""
