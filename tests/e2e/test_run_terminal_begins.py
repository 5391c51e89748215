"""Keys that are typed while `outrider run` starts: they are the command's, and what a key means is not lost. Law 1, through a real pty."""

from __future__ import annotations

from pathlib import Path

import pytest
from terminals import CTRL_BACKSLASH, CTRL_C, CTRL_Z, PROMPT, same_on_terminal
from tracked import gone
from waiting import until

TRIES = 4


def begin(shell):
    """
    Starts `sleep`. Bare it must be `sleep` already: between its fork and its exec the shell's own handler of SIGINT is still there, and
    what comes then is lost.
    """
    shell.start("$T sleep 60")
    if not shell.tracked:
        until(lambda: Path(f"/proc/{shell.foreground()}/comm").read_text("utf-8") == "sleep\n", message="sleep runs")


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_BACKSLASH, 131)])
def test_a_signal_key_typed_at_once_reaches_the_command(key, code):
    """The terminal is raw before the command is there: the key waits for it."""

    def scenario(shell):
        for _ in range(TRIES):
            begin(shell)
            shell.keys(key, PROMPT)
            shell.do("echo code $?")

    assert same_on_terminal(scenario).count(f"code {code}") == TRIES


def test_ctrl_z_typed_at_once_stops_the_command():
    """As above."""

    def scenario(shell):
        begin(shell)
        shell.keys(CTRL_Z, PROMPT)
        shell.start("fg")
        shell.keys(CTRL_C, PROMPT)
        shell.do("echo code $?")

    assert "code 130" in same_on_terminal(scenario)


def test_words_typed_at_once_are_read_by_the_command():
    """And shown once."""

    def scenario(shell):
        shell.start("$T sh -c 'read one; read two; echo got $two $one'")
        shell.keys("first\nsecond\n", "got second first")
        shell.wait(PROMPT)

    same_on_terminal(scenario)
