"""The life of a run under `outrider run`: what it records of itself, canceling, nesting, running side by side, and its command line."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tracked import OUTRIDER, RUN, end, gone, lines, of_home, result, run_folders
from waiting import until

from outrider import __main__ as command_line


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


def run_line(home):
    """The one `run` line of the keeper."""
    (found,) = lines(home, "run", "keeper-")
    return found


def test_the_run_line_says_what_runs(home, tmp_path):
    """Written before the command starts, so that even a command that kills everything has a run."""
    folder = tmp_path / "my project"
    folder.mkdir()
    options = [
        "--experiment",
        "ridge",
        "--name",
        "third try",
        "--tag",
        "gpu=4",
        "--tag",
        "note=a=b",
        "--outputs",
        "models",
        "--outputs",
        "/abs",
    ]
    code, _, _ = result([OUTRIDER, "run", "--no-agent", *options, "--cwd", str(folder), "--", "sh", "-c", "pwd; exit 0"])
    assert code == 0
    found = run_line(home)
    assert found["command"] == ["sh", "-c", "pwd; exit 0"]
    assert found["cwd"] == str(folder)
    assert found["outputs"] == [str(folder / "models"), "/abs"]
    assert (found["experiment"], found["name"], "default" in found) == ("ridge", "third try", False)
    assert found["tags"] == {"gpu": "4", "note": "a=b"}
    assert found["host"] == os.uname().nodename
    assert found["user"] in (getpass.getuser(), os.environ.get("USER"))
    assert lines(home, "c")[0]["d"] == f"{folder}\n"
    (head,) = lines(home, "head")
    assert (head["own"], head["exp"]) == (True, "ridge")


def test_without_options_folder_and_script_name_the_run(home, tmp_path):
    """The experiment is the folder's name, and known to be only a default; outputs are ./outputs."""
    folder = tmp_path / "diabetes"
    folder.mkdir()
    (folder / "train.py").write_text("")
    assert result([*RUN, sys.executable, "-S", "train.py"], cwd=folder)[0] == 0
    found = run_line(home)
    assert (found["experiment"], found["default"], found["name"]) == ("diabetes", True, "train.py")
    assert found["outputs"] == [str(folder / "outputs")]
    assert not (folder / "outputs").exists()
    assert found["python"] == sys.executable


def test_the_environment_names_the_run_too(home, monkeypatch):
    """OUTRIDER_EXPERIMENT, OUTRIDER_RUN_NAME, OUTRIDER_TAGS, OUTRIDER_OUTPUTS, and OUTRIDER_HOME even when relative."""
    monkeypatch.setenv("OUTRIDER_EXPERIMENT", "from-env")
    monkeypatch.setenv("OUTRIDER_RUN_NAME", "named")
    monkeypatch.setenv("OUTRIDER_TAGS", "a=1, b=2")
    monkeypatch.setenv("OUTRIDER_OUTPUTS", "0")
    code, out, _ = result([*RUN, "sh", "-c", "echo $OUTRIDER_HOME $OUTRIDER_EXPERIMENT $OUTRIDER_RUN_ID"])
    found = run_line(home)
    assert (found["experiment"], "default" in found, found["name"], found["tags"], found["outputs"]) == (
        "from-env", False, "named", {"a": "1", "b": "2"}, [],
    )  # fmt: skip
    assert (code, out.decode().split()) == (0, [str(home), "from-env", run_folders(home)[0].name])


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["python", "train.py", "--x", "other.py"], "train.py"),
        (["python3.11", "-u", "-m", "pkg.train", "a.py"], "pkg.train"),
        (["torchrun", "--nproc", "4", "src/train.py"], "train.py"),
        (["/bin/sh", "-c", "echo"], "sh"),
        (["bash", "run.sh"], "run.sh"),
    ],
)
def test_a_runs_default_name_is_the_scripts(command, name):
    """What a person would call it."""
    from outrider import _launch

    assert _launch.script_name(command) == name


def ask_to_cancel(home, by="ann"):
    """As `outrider cancel` does: a file in the run's folder."""
    (folder,) = run_folders(home)
    (folder / "cancel.tmp").write_text(json.dumps({"by": by, "t": time.time_ns()}))
    (folder / "cancel.tmp").rename(folder / "cancel")


def test_canceling_ends_the_command_and_its_descendants(home):
    """SIGTERM to all of them; the run's end says who asked."""
    with subprocess.Popen([*RUN, "sh", "-c", "sleep 300 & (sleep 301; true) & echo ready; wait"], stdout=subprocess.PIPE) as front:
        assert front.stdout.readline() == b"ready\n"
        ask_to_cancel(home)
        assert front.wait(timeout=60) == -signal.SIGTERM
    gone(home)
    found = end(home)
    assert (found["status"], found["reason"], found["by"], found["sig"]) == ("Canceled", "canceled", "ann", signal.SIGTERM)


def test_a_canceled_command_may_end_in_order(home):
    """A script that saves its work on SIGTERM and exits 0 was canceled all the same."""
    with subprocess.Popen(
        [*RUN, "sh", "-c", "trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.02; done"], stdout=subprocess.PIPE
    ) as front:
        assert front.stdout.readline() == b"ready\n"
        ask_to_cancel(home)
        assert front.stdout.read() == b"saved\n"
        assert front.wait(timeout=60) == 0
    assert (end(home)["status"], end(home)["reason"], end(home)["code"]) == ("Canceled", "canceled", 0)


def test_a_command_that_ignores_being_canceled_is_killed(home, monkeypatch):
    """After ten seconds (here: one), with what it has started."""
    monkeypatch.setenv("OUTRIDER_CANCEL_GRACE_S", "1")
    with subprocess.Popen([*RUN, "sh", "-c", "trap '' TERM; sleep 300 & echo ready; wait; wait"], stdout=subprocess.PIPE) as front:
        assert front.stdout.readline() == b"ready\n"
        ask_to_cancel(home)
        began = time.monotonic()
        assert front.wait(timeout=60) == -signal.SIGKILL
        assert time.monotonic() - began >= 0.9
    gone(home)
    assert (end(home)["status"], end(home)["sig"]) == ("Canceled", signal.SIGKILL)


def test_a_cancel_that_comes_too_late_changes_nothing(home):
    """The command has ended by itself."""
    assert result([*RUN, "true"])[0] == 0
    ask_to_cancel(home)
    gone(home)
    assert end(home)["status"] == "Completed"


def test_runs_side_by_side_do_not_mix(home):
    """Each has its id, its stream and its end."""
    fronts = [subprocess.Popen([*RUN, "sh", "-c", f"echo {i}; exit {i}"], stdout=subprocess.DEVNULL) for i in range(4)]
    assert [front.wait(timeout=60) for front in fronts] == [0, 1, 2, 3]
    gone(home)
    assert len(run_folders(home)) == 4
    assert sorted(line["code"] for line in lines(home, "end")) == [0, 1, 2, 3]


def test_a_run_within_a_run_is_its_child(home, tmp_path):
    """It has its own id and end; its experiment is the outer one's, as a default; records go to the inner run."""
    script = tmp_path / "log.py"
    script.write_text("import logging\nlogging.warning('inner')\n")
    assert result([OUTRIDER, "run", "--no-agent", "--experiment", "outer", "--", *RUN, sys.executable, str(script)])[0] == 0
    gone(home)
    outer, inner = sorted(lines(home, "run", "keeper-"), key=lambda line: "parent" in line)
    assert "parent" not in outer
    assert (inner["parent"] in {path.name for path in run_folders(home)}, inner["experiment"], inner["default"]) == (True, "outer", True)
    assert [line["msg"] for line in lines(home, "l")] == ["inner"]
    (folder,) = [path for path in run_folders(home) if any(stream.name.startswith("py-") for stream in path.iterdir())]
    assert folder.name != inner["parent"]


def test_the_keeper_killed_is_said_and_ends_the_front(home):
    """The stated limit: the command's exit code cannot be known any more; nobody waits for ever."""
    with subprocess.Popen([*RUN, "sh", "-c", "echo $PPID; exec sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as front:
        keeper = int(front.stdout.readline())
        (command,) = [pid for pid in of_home(home) if pid not in (front.pid, keeper)]
        os.kill(keeper, signal.SIGKILL)
        assert front.wait(timeout=60) == 125
        assert b"keeper" in front.stderr.read1()
        os.kill(command, signal.SIGTERM)
    gone(home)
    assert lines(home, "end") == []


def test_a_deleted_run_goes_on_quietly(home):
    """Somebody removed its folder: the command does not notice."""
    import shutil

    with subprocess.Popen(
        [*RUN, "sh", "-c", "echo ready; read x; echo $x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as front:
        front.stdout.readline()
        shutil.rmtree(Path(home) / "spool")
        assert front.communicate(b"on\n", timeout=60) == (b"on\n", b"")
        assert front.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no command is given"),
        (["--"], "no command is given"),
        (["--bogus", "true"], "unrecognized arguments: --bogus"),
        (["--tag", "novalue", "true"], "not KEY=VALUE"),
        (["--cwd", "/no/such/folder", "true"], "no folder"),
        (["--run-id", "../evil", "true"], "cannot be an id"),
        (["--no-outputs", "--outputs", "x", "true"], "contradict"),
        (["--name"], "expected one argument"),
    ],
)
def test_a_misuse_exits_2_and_says_what_is_wrong(home, arguments, says):
    """On stderr; nothing is started, nothing is written."""
    code, out, err = result([OUTRIDER, "run", *arguments])
    assert (code, out) == (2, b"")
    assert says in err.decode()
    assert run_folders(home) == []


def test_a_chosen_id_is_used_once(home):
    """A second command under the same id would write the first one's end."""
    command = [OUTRIDER, "run", "--no-agent", "--run-id", "my-run.1", "--", "true"]
    assert result(command)[0] == 0
    assert [path.name for path in run_folders(home)] == ["my-run.1"]
    code, _, err = result(command)
    assert code == 2
    assert b"there already" in err


def test_options_end_where_the_command_begins():
    """The command's own options are its own, with `--` and without."""
    for arguments in (["--", "echo", "--name", "x", "--"], ["echo", "--name", "x", "--"], ["--no-agent", "echo", "--name", "x", "--"]):
        assert result([OUTRIDER, "run", "--no-agent", *arguments])[1] == b"--name x --\n"


def test_stdout_is_the_commands_alone():
    """What we say (only when asked) goes to stderr."""
    code, out, err = result([OUTRIDER, "run", "--no-agent", "-v", "--experiment", "e", "--", "echo", "x"])
    assert (code, out) == (0, b"x\n")
    assert err.startswith(b"outrider: run ")
    assert err.endswith(b"(experiment e)\n")
    assert result([*RUN, "echo", "x"])[2] == b""


def test_help_lists_every_command_and_has_examples():
    """Without the agent, too; the list is the agent's own."""
    from outrider_agent.cli import main as cli

    assert {**cli.HANDLERS, **{name: text for name, (_, text) in cli.COMMANDS.items()}} == command_line.COMMANDS
    assert not cli.HANDLERS.keys() & cli.COMMANDS.keys()
    for arguments in (["--help"], ["-h"], []):
        code, out, _ = result([OUTRIDER, *arguments])
        assert code == 0
        assert all(f"\n  {name} " in out.decode() for name in command_line.COMMANDS)
        assert b"examples:" in out
    code, out, _ = result([OUTRIDER, "run", "--help"])
    assert code == 0
    assert b"examples:" in out
    assert result([OUTRIDER, "--version"])[1].startswith(b"outrider 0.")


def test_without_the_agent_its_commands_say_what_is_missing(tmp_path):
    """The handler alone: `run` works, the rest says what to install, and that nothing is lost."""
    handler = Path(command_line.__file__).parents[1]
    alone = [sys.executable, "-S", "-m", "outrider"]
    environ = {**os.environ, "PYTHONPATH": str(handler)}
    assert result([*alone, "run", "--", "sh", "-c", "exit 3"], env=environ)[0] == 3
    code, out, err = result([*alone, "runs"], env=environ)
    assert (code, out) == (1, b"")
    assert b"outrider[agent]" in err
    assert b"Nothing is lost" in err
    assert result([*alone, "--help"], env=environ)[0] == 0


def test_an_agent_is_started_and_not_waited_for(home):
    """It comes up on its own, with no blocked signal and no part in a run."""
    code, out, err = result([OUTRIDER, "run", "--", "echo", "x"])
    assert (code, out, err) == (0, b"x\n", b"")
    pid = until(lambda: (home / "agent.json").exists() and json.loads((home / "agent.json").read_text())["pid"], message="an agent answers")
    try:
        status = Path("/proc", str(pid), "status").read_text()
        environ = Path("/proc", str(pid), "environ").read_bytes()
        assert "SigBlk:\t0000000000000000\n" in status
        assert b"OUTRIDER_RUN_ID" not in environ
    finally:
        os.kill(pid, signal.SIGTERM)


def test_no_agent_is_started_where_none_is_wanted(home, monkeypatch):
    """OUTRIDER_AGENT_AUTOSTART=0 says so for every command."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    assert result([OUTRIDER, "run", "--", "true"])[0] == 0
    gone(home)
    assert not (home / "agent.lock").exists()


def test_an_unknown_command_is_answered_with_a_guess():
    """And with how to run a program."""
    code, _, err = result([OUTRIDER, "metrcs"])
    assert code == 2
    assert b"Did you mean `outrider metrics`?" in err


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13"])
def test_front_and_keeper_run_on_every_python(home, version):
    """The handler alone, by any interpreter from 3.8 on."""
    found = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    if not found:
        pytest.skip(f"no Python {version} here")
    environ = {**os.environ, "PYTHONPATH": str(Path(command_line.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [str(found[-1]), "-m", "outrider", "run", "--no-agent", "--", "sh", "-c", "echo out; echo err >&2; kill -9 $$"]
    assert result(command, env=environ) == (-9, b"out\n", b"err\n")
    assert end(home)["sig"] == 9


def test_waiting_costs_nothing_but_a_look_for_cancel(home):
    """Front and keeper of a silent command use next to no processor time."""
    with subprocess.Popen([*RUN, "sh", "-c", "echo $PPID; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as front:
        keeper = int(front.stdout.readline())

        def is_quiet():  # at the first look they may still be busy with what comes of a start
            before, deadline = ticks(front.pid) + ticks(keeper), time.monotonic() + 1.2
            until(lambda: time.monotonic() > deadline)
            return ticks(front.pid) + ticks(keeper) - before <= 2

        until(is_quiet, message="neither front nor keeper uses more than 2 % of a core")
        front.stdin.close()
        assert front.wait(timeout=60) in (0, 1)


def ticks(pid):
    """Processor time in hundredths of a second."""
    fields = Path("/proc", str(pid), "stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12])
