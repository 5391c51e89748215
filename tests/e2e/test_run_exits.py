"""`outrider run` ends as the command ends: exit codes, signals, commands that cannot start. Law 1; each beside the bare command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from tracked import RUN, console, end, gone, result, run_folders, same


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_commands(home, code):
    """And the run's end says it, in the words of docs/spool.md."""
    assert same(["sh", "-c", f"exit {code}"])[0] == code
    expected = ("Completed", "completed", 0) if code == 0 else ("Failed", "exit-code", code)
    assert (end(home)["status"], end(home)["reason"], end(home)["code"]) == expected


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, signal.SIGUSR1, signal.SIGPIPE])
def test_a_death_by_signal_is_a_death_by_the_same_signal(home, number):
    """Whoever waits for the front sees the signal, not 128 + n."""
    assert same(["sh", "-c", f"kill -{int(number)} $$"])[0] == -number
    assert (end(home)["status"], end(home)["reason"], end(home)["sig"]) == ("Failed", "signal", number)


def test_a_crash_leaves_no_core_dump_of_the_front(tmp_path):
    """The front dies by SIGSEGV for show: its memory is of no interest to anybody."""
    command = f"ulimit -c unlimited; {' '.join(RUN)} sh -c 'ulimit -c 0; kill -11 $$'"
    subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert [path.name for path in tmp_path.iterdir() if "core" in path.name] == []


def test_a_command_that_is_not_found_gives_127(home):
    """As a shell says it, and the run says why it could not start."""
    code, out, err = result([*RUN, "no-such-command-anywhere"])
    assert (code, out) == (127, b"")
    assert err == b"outrider: no-such-command-anywhere: command not found\n"
    assert (end(home)["status"], end(home)["reason"], end(home)["code"]) == ("Failed", "could-not-start", 127)


@pytest.mark.parametrize("mode", [0o644, None], ids=["a file without the bit", "a folder"])
def test_a_command_that_may_not_be_run_gives_126(home, tmp_path, mode):
    """As a shell says it."""
    path = tmp_path / "thing"
    path.mkdir() if mode is None else path.write_text("#!/bin/sh\n")
    if mode is not None:
        path.chmod(mode)
    code, _, err = result([*RUN, str(path)])
    assert code == 126
    assert err == f"outrider: {path}: Permission denied\n".encode()
    assert (end(home)["reason"], end(home)["code"]) == ("could-not-start", 126)


def test_scripts_run_with_their_interpreter_and_without_one_by_sh(tmp_path):
    """`#!` is the kernel's work; a script without it is sh's, as with execvp(3)."""
    for name, head in (("with", "#!/bin/sh\n"), ("without", "")):
        path = tmp_path / name
        path.write_text(f'{head}echo "$0" "$@"; exit 7\n')
        path.chmod(0o755)
        code, out, _ = result([*RUN, str(path), "a b", "c"])
        assert (code, out) == (7, f"{path} a b c\n".encode())


def test_a_command_that_replaces_itself_is_still_the_command():
    """`exec` keeps the pid: the end is the last program's."""
    assert same(["sh", "-c", f"exec {sys.executable} -c 'raise SystemExit(9)'"])[0] == 9


def test_a_background_process_that_holds_the_pipe_does_not_hold_up_the_front(home, tmp_path):
    """The front ends when the command does; what the background process says later is echoed and kept all the same."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen([*RUN, "sh", "-c", f"(cat {fifo}) & echo now"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as front:
        assert front.wait(timeout=60) == 0
        assert end(home)["status"] == "Completed"
        fifo.write_bytes(b"later\n")
        assert front.stdout.read() == b"now\nlater\n"
    gone(home)
    assert console(home, 1) == b"now\nlater\n"


def test_a_home_that_cannot_be_written_costs_one_warning(tmp_path, monkeypatch):
    """The command runs, ends as it would, and its output is all there."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("OUTRIDER_HOME", str(blocked / "home"))
    code, out, err = result([*RUN, "sh", "-c", "echo out; exit 4"])
    assert (code, out) == (4, b"out\n")
    assert err.count(b"\n") == 1
    assert err.startswith(b"outrider: cannot write to the spool")


def test_disabled_means_the_bare_command(home, monkeypatch):
    """OUTRIDER_DISABLED=1: the command takes the front's place."""
    monkeypatch.setenv("OUTRIDER_DISABLED", "1")
    assert same(["sh", "-c", "echo out; echo err >&2; exit 4"])[0] == 4
    assert run_folders(home) == []
