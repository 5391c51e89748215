"""`outrider run` on a terminal: what a person sees and can do is as without it, key by key. Law 1; each beside the bare command."""

from __future__ import annotations

import hashlib
import sys

import pytest
from terminals import CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, PROMPT, same_on_terminal
from tracked import console, gone, lines

PYTHON = f"{sys.executable} -S"


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.fixture
def script(tmp_path):
    """Writes a script, and returns its path."""

    def write(text, name="script"):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    return write


def test_output_and_exit_code_are_those_of_the_command(home):
    """Both streams are one terminal, in the order of writing; what was shown is in the spool, byte for byte."""

    def scenario(shell):
        shell.do("$T sh -c 'for i in 1 2 3; do echo out $i; echo err $i >&2; done; printf end; exit 3'; echo \" code $?\"")

    assert "end code 3" in same_on_terminal(scenario)
    gone(home)
    assert console(home, 1) == b"".join(b"out %d\r\nerr %d\r\n" % (i, i) for i in (1, 2, 3)) + b"end"
    assert {line["f"] for line in lines(home, "c", "keeper-")} == {1}


@pytest.mark.parametrize("number", [2, 3, 9, 15])
def test_a_death_by_signal_is_seen_by_the_shell(number):
    """The shell says what it says of a killed command."""

    def scenario(shell):
        shell.do(f"$T sh -c 'kill -{number} $$'")
        shell.do("echo code $?")

    assert f"code {128 + number}" in same_on_terminal(scenario)


def test_the_command_finds_a_terminal_as_its_own(script):
    """isatty, the size, the modes, /dev/tty, ttyname, the foreground group."""
    path = script(
        """
import os, sys, termios
print([os.isatty(fd) for fd in (0, 1, 2)], os.get_terminal_size(), os.ttyname(0) == os.ttyname(1) == os.ttyname(2))
print(termios.tcgetattr(0))
print(os.getpgrp() == os.getpid() == os.tcgetpgrp(0), os.getsid(0) == os.getpid(), sorted(os.listdir('/proc/self/fd')))
with open('/dev/tty', 'w') as tty:
    print('to the terminal itself', file=tty)
""",
        "look.py",
    )

    def scenario(shell):
        shell.do(f"$T {PYTHON} {path}; stty -a; $T stty -a; $T test -t 0 && echo yes")

    assert "columns=100, lines=30" in same_on_terminal(scenario)


# Signals are waited for, not caught: Python acts on one that comes between two instructions only when the read under way returns.
COUNTS = """
import signal, sys, threading
numbers = {signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGCONT}
def tell():
    while True:
        print('got', signal.Signals(signal.sigwait(numbers)).name, flush=True)
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
threading.Thread(target=tell, daemon=True).start()
print('ready', flush=True)
while sys.stdin.readline() != 'end\\n':
    pass
print('over')
"""


def test_ctrl_c_and_ctrl_backslash_are_one_signal_each(script):
    """To the command; the front is not harmed by them."""
    path = script(COUNTS, "counts.py")

    def scenario(shell):
        shell.do(f"$T {PYTHON} {path}", "ready\r\n")
        shell.keys(CTRL_C, "got SIGINT\r\n")
        shell.keys(CTRL_BACKSLASH, "got SIGQUIT\r\n")
        shell.keys(CTRL_C, "got SIGINT\r\n")
        shell.keys("end\n", PROMPT)

    same_on_terminal(scenario)


@pytest.mark.parametrize(("key", "code"), [(CTRL_C, 130), (CTRL_BACKSLASH, 131)])
def test_ctrl_c_ends_a_command_that_does_not_catch_it(key, code):
    """And the shell sees its death by the signal."""

    def scenario(shell):
        shell.do("$T sh -c 'echo ready; exec sleep 60'", "ready\r\n")
        shell.keys(key, PROMPT)
        shell.do("echo code $?")

    assert f"code {code}" in same_on_terminal(scenario)


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_ctrl_c_ends_a_script_of_several_commands(script, shell):
    """Not only the command under `outrider run`: the loop around it has the signal too."""
    path = script("for i in 1 2 3; do $T sh -c 'echo ready; exec sleep 60'; done\n")

    def scenario(driven):
        driven.do(f"{shell} {path}", "ready\r\n")
        driven.keys(CTRL_C, PROMPT)
        driven.do("echo code $?")

    assert "code 130" in same_on_terminal(scenario, shell)


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_ctrl_z_and_fg(script, shell):
    """The shell shows the job as stopped; `fg` gives it the terminal again."""
    path = script(COUNTS, "counts.py")

    def scenario(driven):
        driven.do(f"$T {PYTHON} {path}", "ready\r\n")
        driven.stop()
        driven.do("jobs")
        driven.do("stty -g; echo typed")
        driven.do("fg", "got SIGCONT\r\n")
        driven.keys(CTRL_C, "got SIGINT\r\n")
        driven.stop()
        driven.do("fg", "got SIGCONT\r\n")
        driven.keys("end\n", PROMPT)
        driven.do("echo code $?; jobs")

    assert "code 0" in same_on_terminal(scenario, shell)


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_ctrl_z_stops_a_script_around_the_command_too(script, shell):
    """The shell sees its job stop only when all of it has."""
    path = script("$T sh -c 'echo ready; exec cat'; echo code $?\n")

    def scenario(driven):
        driven.do(f"{shell} {path}", "ready\r\n")
        driven.stop()
        driven.do("jobs")
        driven.start("fg")
        driven.keys("text\n", "text\r\ntext\r\n")
        driven.keys(CTRL_D, PROMPT)

    assert "code 0" in same_on_terminal(scenario, shell)


def test_bg_goes_on_and_shows_its_output(script, tmp_path):
    """Until it reads from the terminal: then it is stopped, as every background job; and `fg` lets it read."""
    path = script(
        f"""
import sys
print('ready', flush=True)
with open({str(tmp_path / "fifo")!r}) as fifo:
    print('shown', fifo.readline(), flush=True)
print('read', sys.stdin.readline())
""",
        "background.py",
    )

    def scenario(shell):
        shell.do("mkfifo fifo 2>/dev/null; set +b")
        shell.do(f"$T {PYTHON} {path}", "ready\r\n")
        shell.stop()
        shell.do("bg")
        shell.do("echo now > fifo; while ! jobs | grep -q Stopped; do sleep 0.05; done; echo stop''ped", "shown now\r\n")
        shell.wait("stopped\r\n")
        shell.wait(PROMPT)
        shell.start("fg")
        shell.keys("text\n", "read text\r\n")
        shell.wait(PROMPT)
        shell.do("echo code $?")

    assert "code 0" in same_on_terminal(scenario, cwd=tmp_path)


def test_fg_of_a_job_that_runs_in_the_background_gives_it_the_keys(script, tmp_path):
    """No signal tells it, so it has to look."""
    path = script(f"echo ready; read word < {tmp_path}/fifo; echo shown; read word; echo got $word\n")

    def scenario(shell):
        shell.do("mkfifo fifo 2>/dev/null")
        shell.do(f"$T sh {path}", "ready\r\n")
        shell.stop()
        shell.do("bg")
        shell.start("fg")
        (tmp_path / "fifo").write_text("go\n")
        shell.wait("shown\r\n")
        shell.keys("text\n", "got text\r\n")
        shell.wait(PROMPT)

    same_on_terminal(scenario, cwd=tmp_path)


def test_a_command_that_stops_itself_stops_the_job():
    """By SIGSTOP or SIGTSTP: the shell says which."""

    def scenario(shell):
        for name in ("STOP", "TSTP"):
            shell.do(f"$T sh -c 'kill -{name} $$; echo on'")
            shell.do("jobs")
            shell.do("fg", "on\r\n")
            shell.wait(PROMPT)

    same_on_terminal(scenario)


def test_a_change_of_the_windows_size_reaches_the_command(script):
    """SIGWINCH, and the new size; where it changed while the job was stopped the size is right at least (we send SIGWINCH even then)."""
    path = script(
        """
import os, signal, sys
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b'now %s\\n' % repr(os.get_terminal_size()).encode()))  # print is not reentrant
print('ready', os.get_terminal_size(), flush=True)
sys.stdin.readline()
signal.signal(signal.SIGWINCH, signal.SIG_IGN)
print('ignored', flush=True)
sys.stdin.readline()
print('at last', os.get_terminal_size())
""",
        "size.py",
    )

    def scenario(shell):
        shell.child.setwinsize(30, 100)
        shell.do(f"$T {PYTHON} {path}", "lines=30)\r\n")
        shell.child.setwinsize(40, 120)
        shell.wait("now os.terminal_size(columns=120, lines=40)\r\n")
        shell.keys("\n", "ignored\r\n")
        shell.stop()
        shell.child.setwinsize(20, 80)
        shell.start("fg")
        shell.keys("\n", "at last os.terminal_size(columns=80, lines=20)\r\n")
        shell.wait(PROMPT)

    same_on_terminal(scenario)


def test_a_password_is_not_shown_and_not_kept(home):
    """No echo means none in the spool either."""

    def scenario(shell):
        shell.do("$T bash -c 'read -s -p \"Password: \" word; echo; echo ${#word} letters'", "Password: ")
        shell.keys("secret\n", "6 letters\r\n")
        shell.wait(PROMPT)
        shell.do(f"$T {sys.executable} -c 'import getpass; print(len(getpass.getpass()))'", "Password: ")
        shell.keys("secret\n", "6\r\n")
        shell.wait(PROMPT)

    assert "secret" not in same_on_terminal(scenario)
    gone(home)
    assert b"secret" not in b"".join(line["d"].encode() for line in lines(home, "c", "keeper-"))


def test_modes_that_the_command_leaves_changed_stay_changed():
    """As without us; `stty` is such a command."""

    def scenario(shell):
        shell.do("$T stty -echo; stty -g; $T stty echo -ixon erase ^H; stty -g; $T stty sane")

    same_on_terminal(scenario)


def test_end_of_input_reaches_the_command():
    """Ctrl-D at the beginning of a line."""

    def scenario(shell):
        shell.start("$T cat")
        shell.keys("text\n", "text\r\ntext\r\n")
        shell.keys(CTRL_D, PROMPT)

    same_on_terminal(scenario)


def test_python_and_its_debugger_are_interactive(script):
    """Line editing is raw mode; tracebacks and Ctrl-C belong to the session."""
    path = script("x = 41\nbreakpoint()\nprint('x is', x)\n", "debugged.py")

    def scenario(shell):
        shell.do(f"$T {sys.executable} -q -i -c ''", ">>> ")
        shell.do("1 + 1x\x7f", "2\r\n>>> ")
        shell.do("while True: pass\n", "... ")
        shell.keys(CTRL_C, "KeyboardInterrupt\r\n>>> ")
        shell.keys(CTRL_D, PROMPT)
        shell.do(f"$T {sys.executable} {path}", "(Pdb) ")
        shell.do("x += 1", "(Pdb) ")
        shell.do("continue", "x is 42\r\n")
        shell.wait(PROMPT)

    same_on_terminal(scenario)


def test_a_shell_in_it_has_its_own_job_control():
    """Ctrl-Z and Ctrl-C belong to the inner shell's job; the outer sees nothing of them."""

    def scenario(shell):
        shell.do("PS1='inn''er> ' $T bash --norc --noprofile -i", "inner> ")
        shell.do("bind 'set enable-bracketed-paste off'", "inner> ")
        shell.do("sh -c 'echo ready; exec sleep 60'", "ready\r\n")
        shell.keys(CTRL_Z, "inner> ")
        shell.do("jobs", "inner> ")
        shell.do("fg", "\n")
        shell.keys(CTRL_C, "inner> ")
        shell.do("kill -STOP $$", PROMPT)
        shell.do("fg", "inner> ")
        shell.do("exit 4", PROMPT)
        shell.do("echo code $?")

    assert "code 4" in same_on_terminal(scenario)


def test_what_is_typed_ahead_is_shown_once_and_read_by_whoever_reads_next(tmp_path, script):
    """Before the command starts; while it runs and does not read; by itself, and by the shell after it."""
    path = script(f"read one; echo got $one; echo ready; read wait < {tmp_path}/fifo2\n")

    def scenario(shell):
        shell.do("mkfifo fifo fifo2 2>/dev/null; bind 'set show-all-if-ambiguous on'")
        shell.run(f"read wait < fifo; $T sh {path}")
        shell.keys("first\n", "first\r\n")
        (tmp_path / "fifo").write_text("go\n")
        shell.wait("ready\r\n")
        shell.keys("echo sec''ond\n", "echo sec''ond\r\n")
        (tmp_path / "fifo2").write_text("go\n")
        shell.wait("\nsecond\r\n")
        shell.wait(PROMPT)

    same_on_terminal(scenario, cwd=tmp_path)


def test_a_full_screen_program_works(tmp_path):
    """Drawn, left and continued by Ctrl-Z, quit; every byte, and the terminal after it, as bare."""
    (tmp_path / "text").write_text("first line\nsecond line\n")

    def scenario(shell):
        shell.child.send("$T vi -u NONE -i NONE text\n")
        shell.wait("second line")
        shell.stop()
        shell.do("fg", "second line")
        shell.keys(":q\n", PROMPT)
        shell.do("stty -g")

    same_on_terminal(scenario, cwd=tmp_path)


def test_a_tracked_command_in_a_tracked_command(home):
    """Terminal in terminal: keys, stops and codes pass both."""

    def scenario(shell):
        shell.do("$T $T sh -c 'echo ready; read word; echo got $word; exit 5'", "ready\r\n")
        shell.stop()
        shell.start("fg")
        shell.keys("text\n", "got text\r\n")
        shell.wait(PROMPT)
        shell.do("echo code $?")

    assert "code 5" in same_on_terminal(scenario)
    gone(home)
    assert len(lines(home, "end", "keeper-")) == 2


def test_what_is_pasted_arrives_whole(tmp_path):
    """More than any buffer on the way holds, to a reader slower than the keyboard: not a byte is lost."""
    pasted = "".join(f"{number:07d}." for number in range(25_000))
    (tmp_path / "slow.py").write_text(
        "import hashlib, os, tty; tty.setraw(0); print('ready\\r'); data = b''\n"
        f"while len(data) < {len(pasted)}: data += os.read(0, 1000)\n"
        "print(hashlib.sha256(data).hexdigest(), '\\r')\n"
    )

    def scenario(shell):
        shell.do(f"$T {PYTHON} -u slow.py; stty sane", "ready\r\n")
        shell.keys(pasted, hashlib.sha256(pasted.encode()).hexdigest())
        shell.wait(PROMPT)

    same_on_terminal(scenario, cwd=tmp_path)
