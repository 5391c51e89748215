"""How `outrider run` on a terminal ends: signals, kills, a terminal that goes away, what is left in the background. Law 1 and 2."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from terminals import CTRL_C, CTRL_Z, PROMPT, Shell, same_on_terminal
from tracked import OUTRIDER, RUN, cmdline, console, end, gone, lines, of_home, run_folders
from waiting import until

PYTHON = f"{sys.executable} -S"

HANDLES = """
import os, signal, sys
def note(number, frame):
    os.write(int(os.environ.get('TO', 1)), b'%d got %s\\n' % (os.getpid() != leader, signal.Signals(number).name.encode()))
leader = os.getpid()
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
    signal.signal(number, note)
child = os.fork()
os.write(int(os.environ.get('TO', 1)), b'ready %d\\n' % os.getpid())
while True:
    signal.pause()
"""


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.fixture
def handles(tmp_path):
    """A script, in two processes, that tells the signals it gets."""
    path = tmp_path / "handles.py"
    path.write_text(HANDLES)
    return f"{PYTHON} {path}"


def started(shell, command):
    """Starts the two processes in the background of the shell; both are ready then."""
    shell.do(f"$T {command}", "ready ")
    shell.wait("ready ")
    shell.wait("\n")
    shell.stop()
    shell.do("bg")


def test_a_signal_for_the_job_reaches_all_of_it_and_one_for_the_process_only_the_process(handles):
    """`kill %1` is for the group: the command's children have it too. `kill PID` is for the command alone."""

    def scenario(shell):
        started(shell, handles)
        shell.do("kill -USR1 $(jobs -p); echo", "0 got SIGUSR1\r\n")
        shell.do("kill -TERM $(jobs -p); echo", "0 got SIGTERM\r\n")
        assert "1 got" not in shell.seen
        shell.do("kill -HUP %1")
        until(lambda: both_got(shell, "SIGHUP"), message="both processes have the signal")
        shell.do("kill -KILL %1 2>/dev/null; wait 2>/dev/null; true")

    for tracked in (False, True):
        with Shell(tracked) as shell:
            scenario(shell)
            if tracked:
                for pid in of_home_commands():
                    os.kill(pid, signal.SIGKILL)


def of_home_commands():
    """The processes of the script that handles signals."""
    return [pid for pid in of_home(os.environ["OUTRIDER_HOME"]) if b"handles.py" in cmdline(pid) and b"outrider" not in cmdline(pid)]


def both_got(shell, name):
    """Has the name been told by parent and child? Reads what is there."""
    shell.do("")
    return f"0 got {name}" in shell.seen and f"1 got {name}" in shell.seen


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_front_that_is_told_to_end_ends_with_the_command_and_the_terminal_is_as_before(number):
    """What was sent to the front is the command's; the shell sees its death."""

    def scenario(shell):
        shell.do("$T sh -c 'stty -echo; echo ready; exec sleep 60'", "ready\r\n")
        os.kill(shell.foreground(), number)
        shell.wait(PROMPT)
        shell.do("echo code $?; stty -g")

    assert f"code {128 + number}" in same_on_terminal(scenario)


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_killed_front_costs_nothing_and_leaves_the_terminal_as_it_was(home, tmp_path, shell):
    """The command goes on, what it prints later is shown and kept; dash restores no modes, so the keeper does."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with Shell(True, shell) as driven:
        driven.do("stty -g")
        driven.do(f"$T sh -c 'echo ready; read word < {fifo}; echo later; exit 6'", "ready\r\n")
        driven.until_foreground(is_shell=False)
        os.kill(driven.foreground(), signal.SIGKILL)
        driven.wait(PROMPT)
        driven.until_foreground(is_shell=True)
        if shell == "dash":
            driven.until_cooked()
        driven.do("stty -g")
        before, after = [line for line in driven.seen.splitlines() if line.count(":") > 30]
        assert after == before
        driven.run(f"echo go > {fifo}; read word")
        until(lambda: lines(home, "end"), message="the command ends")
        driven.wait("later\r\n")
        driven.keys("\n", PROMPT)
    gone(home)
    assert console(home, 1) == b"ready\r\nlater\r\n"
    assert end(home)["code"] == 6


def test_a_killed_keeper_is_said_and_the_terminal_is_as_before(home):
    """The stated limit: the command loses its terminal with the keeper, as if the window had been closed."""
    with Shell(True) as shell:
        modes = shell.modes()
        shell.do("$T sh -c 'echo $OUTRIDER_KEEPER; exec sleep 60'", "\r\n")
        os.kill(int(shell.seen.split()[-1]), signal.SIGKILL)
        shell.wait("was killed.")
        shell.wait(PROMPT)
        shell.do("echo code $?", "code 125\r\n")
        assert shell.modes() == modes


def test_the_loss_of_the_terminal_ends_the_command(home):
    """A closed window: the shell passes SIGHUP on."""
    with Shell(True) as shell:
        shell.do("$T sh -c 'echo ready; exec sleep 60'", "ready\r\n")
    gone(home)
    assert (end(home)["reason"], end(home)["sig"]) == ("signal", signal.SIGHUP)


def test_a_command_that_ignores_the_loss_of_its_terminal_has_none(tmp_path, home):
    """Reads end, writes fail: as bare. Nobody waits for keys that never come."""
    script = tmp_path / "hung.py"
    script.write_text(
        f"""
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_IGN)
file = os.open({str(tmp_path)!r} + '/' + sys.argv[1], os.O_WRONLY | os.O_CREAT)
print('ready', flush=True)
try:
    os.read(0, 10)
except OSError:
    pass
try:
    os.write(1, b'text')
except OSError as error:
    os.write(file, b'no write %d, end' % error.errno)
"""
    )
    for name, tracked in (("bare", False), ("tracked", True)):
        with Shell(tracked) as shell:
            shell.do(f"$T {PYTHON} {script} {name}", "ready\r\n")
        until(lambda name=name: (tmp_path / name).read_bytes().endswith(b"end"), message="the script ends")
    assert (tmp_path / "tracked").read_bytes() == (tmp_path / "bare").read_bytes()
    gone(home)
    assert end(home)["code"] == 0


def test_a_process_left_in_the_background_goes_on_and_is_shown_and_kept(home, tmp_path):
    """The front ends with the command, the keeper stays with the pty: nobody is hung up on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def scenario(shell):
        shell.do(f"$T sh -c '(read word < {fifo}; echo later $word) & echo now'; echo code $?", "code 0\r\n")
        shell.wait(PROMPT)
        shell.run(f"echo go > {fifo}; read")
        shell.wait("later go\r\n")
        shell.keys("\n", PROMPT)

    same_on_terminal(scenario)
    gone(home)
    assert console(home, 1) == b"now\r\nlater go\r\n"


LEFT = {
    "redirected": "({work}) > {log} 2>&1 < /dev/null &",
    "nohup": "nohup sh -c '{work}' > {log} 2>&1 < /dev/null &",
    "setsid": "setsid sh -c '{work}' > {log} 2>&1 < /dev/null &",
    "double fork": "(({work}) > {log} 2>&1 < /dev/null &) &",
}


@pytest.mark.parametrize("way", LEFT)
@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_daemon_lives_on(home, tmp_path, way, on_terminal):
    """Nothing of ours ends it, or waits for it: the keeper ends when nobody holds the pty, and hangs up on no one."""
    fifo, log, script = tmp_path / "fifo", tmp_path / "log", tmp_path / "script"
    os.mkfifo(fifo)
    script.write_text(
        "trap 'echo hup' HUP; " + LEFT[way].format(work=f"echo begun; read word < {fifo}; echo got $word", log=log) + "\necho over\n"
    )
    if on_terminal:
        with Shell(True) as shell:
            shell.do(f"$T sh {script}", "over\r\n")
            shell.wait(PROMPT)
            keeper_ends(home)
    else:
        subprocess.run([*RUN, "sh", str(script)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60, check=True)
        keeper_ends(home)
    fifo.write_text("word\n")
    until(lambda: log.read_text().endswith("got word\n"), message="the daemon goes on")
    assert log.read_text() == "begun\ngot word\n"


WAYS = [
    "nohup $T sh {script} > {log} 2>&1 &",
    "setsid $T sh {script} > {log} 2>&1 < /dev/null &",
    "$T sh {script} > {log} 2>&1 < /dev/null & disown",
]


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_is_meant_to_outlive_its_terminal_does(home, tmp_path, way):
    """By `nohup`, `setsid`, `disown`: the window is closed, the command goes on, its output and its end are kept."""
    fifo, log, script = tmp_path / "fifo", tmp_path / "log", tmp_path / "script"
    os.mkfifo(fifo)
    script.write_text(f"echo begun; read word < {fifo}; echo got $word; exit 3\n")
    with Shell(True) as shell:
        shell.do(way.format(script=script, log=log))
        until(lambda: b"begun" in console(home, 1), message="the script begins")
    fifo.write_text("word\n")
    gone(home)
    assert log.read_text().removeprefix("nohup: ignoring input\n") == "begun\ngot word\n"
    assert end(home)["code"] == 3


def keeper_ends(home):
    """Until no keeper lives."""
    until(lambda: not [pid for pid in of_home(home) if b"outrider" in cmdline(pid)], message="the keeper ends")
    assert end(home)["status"] == "Completed"


def test_everything_is_shown_before_the_front_ends(home):
    """A megabyte, then an exit: the prompt comes after the last byte."""

    def scenario(shell):
        shell.do("$T seq 100000; echo co''de $?", "code 0\r\n")

    assert "\r\ncode 0" in same_on_terminal(scenario)
    gone(home)
    assert console(home, 1) == b"".join(b"%d\r\n" % number for number in range(1, 100001))


def test_where_no_shell_is_above_ctrl_z_stops_nothing():
    """A container's first process, a terminal's only command: the kernel stops none that nobody could continue; nor do we."""
    script = "import os; print(os.getsid(0) == os.getpid(), flush=True); print(input()); print(input())"
    for tracked in (False, True):
        with Shell(tracked, command=[*(RUN if tracked else []), sys.executable, "-S", "-c", script]) as shell:
            shell.wait("True\r\n")
            shell.keys("one\n", "one\r\none\r\n")
            shell.keys(CTRL_Z, "^Z")
            shell.keys("two\n", "two\r\ntwo\r\n")
            shell.to_end()
            shell.child.wait()
            assert (shell.child.exitstatus, shell.child.signalstatus) == (0, None)


def test_where_no_shell_is_above_the_end_is_the_commands():
    """By code, and by Ctrl-C."""
    for tracked in (False, True):
        with Shell(tracked, command=[*(RUN if tracked else []), "sh", "-c", "echo ready; exit 7"]) as shell:
            assert shell.to_end() == "ready\r\n"
            shell.child.wait()
            assert shell.child.exitstatus == 7
        with Shell(tracked, command=[*(RUN if tracked else []), "sh", "-c", "echo ready; exec sleep 60"]) as shell:
            shell.wait("ready\r\n")
            shell.keys(CTRL_C)
            shell.to_end()
            shell.child.wait()
            assert shell.child.signalstatus == signal.SIGINT


def test_a_reader_in_the_shells_pipe_that_goes_ends_the_command():
    """`yes | head -1` in an interactive shell: the codes of both."""

    def scenario(shell):
        shell.do("$T yes | head -n 1; echo codes ${PIPESTATUS[@]}")

    assert "codes 141 0" in same_on_terminal(scenario)


@pytest.mark.parametrize("line", ["{T} {LOOK} < /dev/null", "{T} {LOOK} | cat", "{T} {LOOK} 2> err", "{T} {LOOK} & wait"])
def test_where_the_terminal_is_not_wholly_ours_it_is_inherited(home, tmp_path, line):
    """A redirection, a pipe, the background: what is a terminal stays that terminal, uncaptured; -v says so."""
    (tmp_path / "look.py").write_text("import os; print([os.ttyname(fd) for fd in (0, 1, 2) if os.isatty(fd)]); os.write(2, b'error\\n')")

    def scenario(shell):
        shell.do(line.format(T="$T", LOOK=f"{PYTHON} look.py"))

    found, own = [], ""
    for tracked in (False, True):
        with Shell(tracked, cwd=tmp_path) as shell:
            shell.do("set +m")
            own = shell.do("tty").split()[0]
            scenario(shell)
            words = shell.seen.replace(own, "/dev/pts/own").replace("]", "[").split("[")
            found.append(sorted(word for word in words if word.startswith("'/dev/pts")))
    assert found[0] == found[1]
    gone(home)
    captured = console(home, 1).replace(own.encode(), b"/dev/pts/own")
    assert captured == (found[1][0].join("[]").encode() + b"\n" if "|" in line else b"")
    assert console(home, 2) == (b"error\n" if "2>" in line else b"")


def test_verbose_says_what_is_not_captured(home, tmp_path):
    """Once, where a terminal is left alone."""
    with Shell(True) as shell:
        shell.do(f"{OUTRIDER} run --no-agent -v -- echo one two < /dev/null", "captured only where")
        shell.wait("\none two\r\n")
        shell.wait(PROMPT)
        shell.do(f"{OUTRIDER} run --no-agent -v -- echo three four", "\nthree four\r\n")
        assert shell.seen.count("captured only") == 1
    gone(home)
    assert len(run_folders(home)) == 2
