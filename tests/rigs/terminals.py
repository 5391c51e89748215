"""An interactive shell on a real terminal, driven as a person drives it: what the tests of `outrider run` on terminals stand on."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import termios

import pexpect
from tracked import RUN
from waiting import until

PROMPT = "@> "
SHELLS = {"bash": ["bash", "--norc", "--noprofile", "-i"], "dash": ["dash", "-i"]}
TIMEOUT = 60
SIZE = (30, 100)

CTRL_C, CTRL_D, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x04", "\x1a", "\x1c"


def default_signals():
    """In the child: what Python ignores is as a terminal's first process has it."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


class Shell:
    """
    One shell. In its commands `$T` is nothing, or `outrider run …`: so the same keys drive both, and what is shown must be the same.
    `seen` is all that was shown since the shell was ready.
    """

    def __init__(self, tracked, shell="bash", cwd=None, command=None):
        self.tracked = tracked
        words = command or SHELLS[shell]
        environ = {
            **os.environ,
            "T": shlex.join(RUN) if tracked else "",
            "PS1": PROMPT,
            "TERM": "xterm",
            "INPUTRC": "/dev/null",
            "HISTFILE": "",
        }
        options = {"env": environ, "cwd": cwd, "timeout": TIMEOUT, "dimensions": SIZE, "encoding": "utf8", "preexec_fn": default_signals}
        self.child = pexpect.spawn(words[0], words[1:], **options)
        self.child.delaybeforesend = None
        self.seen = ""
        if not command:
            self.wait(PROMPT)
            self.do("bind 'set enable-bracketed-paste off' 2>/dev/null; set -m; ulimit -c 0")
            self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    def wait(self, text):
        """Until this text is shown; returns what was shown before it. (A text that the terminal echoes as it is typed counts too.)"""
        try:
            self.child.expect_exact(text)
        except pexpect.ExceptionPexpect:
            raise AssertionError(
                f"{text!r} is not shown ({'tracked' if self.tracked else 'bare'}); shown is: {self.seen + str(self.child.before)!r}"
            ) from None
        self.seen += self.child.before + text
        return self.child.before

    def keys(self, text, shows=None):
        """Types, and waits for what is shown then."""
        self.child.send(text)
        return self.wait(shows) if shows is not None else ""

    def stop(self):
        """
        Ctrl-Z, and all of the job is stopped. Bare, a program that was waiting for keys may take those that come before it has stopped,
        after the shell has the terminal: the kernel looks at whom they are for only when the waiting begins.
        """
        self.keys(CTRL_Z, PROMPT)
        if not self.tracked:
            until(lambda: set(self._states()) <= {"T", "Z"}, message="the job stops")

    def _states(self):
        """Of every process on the terminal but the shell."""
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8") as file:
                state, _, _, session, *_ = file.read().rpartition(")")[2].split()
                if int(session) == self.child.pid != int(name):
                    yield state

    def start(self, command):
        """Types a command (`fg` is one), and waits until it has the terminal."""
        self.child.send(command + "\n")
        self.wait("\n")
        self.until_foreground(is_shell=False)

    def run(self, line):
        """Types a line, and waits until the shell is at it, and the terminal echoes what is typed."""
        self.child.send(line + "\n")
        self.wait("\n")
        self.until_cooked()

    def until_cooked(self):
        """Until the terminal has the modes of a shell's commands."""
        until(lambda: self.modes()[3] & termios.ECHO and self.modes()[3] & termios.ICANON, message="the terminal echoes")

    def do(self, line, shows=PROMPT):
        """Types a line, and waits for what is shown then, past the echo of the line; the shell's next prompt if nothing else is named."""
        self.child.send(line + "\n")
        self.wait("\n")
        return self.wait(shows)

    def to_end(self):
        """Reads on until nobody holds the terminal."""
        self.child.expect(pexpect.EOF)
        self.seen += self.child.before
        return self.child.before

    def modes(self):
        """The terminal's, as `stty -g` would have them."""
        return termios.tcgetattr(self.child.child_fd)

    def foreground(self):
        """The process group that has the terminal."""
        found = os.tcgetpgrp(self.child.child_fd)
        assert found > 1  # 0 would be ourselves
        return found

    def until_foreground(self, is_shell):
        """Until the shell has the terminal again, or has given it away."""
        until(lambda: (self.foreground() == self.child.pid) == is_shell, message="the foreground changes")
        if self.tracked and not is_shell:
            until(lambda: not self.modes()[1] & termios.OPOST, message="the front makes the terminal raw")


def plain(text):
    """Without what differs from one start to the next: pids, and the terminal's number."""
    return re.sub(r"/dev/pts/\d+", "/dev/pts/N", re.sub(r"\b\d{4,}\b", "N", text))


def same_on_terminal(scenario, shell="bash", **options):
    """What a scenario shows, which must be the same bare and tracked; and the terminal's modes after it."""
    found = []
    for tracked in (False, True):
        with Shell(tracked, shell, **options) as driven:
            scenario(driven)
            found.append((plain(driven.seen), driven.modes()))
    bare, ours = found
    if ours[0] != bare[0]:
        raise AssertionError(f"shown is, bare and tracked:\n{bare[0]!r}\n{ours[0]!r}")
    if ours[1] != bare[1]:
        raise AssertionError(f"the terminal's modes are, bare and tracked:\n{bare[1]}\n{ours[1]}")
    return ours[0]
