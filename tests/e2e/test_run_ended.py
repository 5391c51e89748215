"""How a run ended, in the words of docs/spool.md, each by real processes that end so; `oom-killed` only with the kernel's own evidence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import cgroups
import pytest
from test_run_python import interpreter
from tracked import OUTRIDER, RUN, end, gone, lines, of_home, result, same

HOG = "import os; os.write(1, b'ready\\n'); held = [bytearray(b'x' * (8 << 20)) for _ in range(100)]"


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    subprocess.run([OUTRIDER, "agent", "--stop"], capture_output=True, timeout=60, check=False)
    gone(home)


def shown(*arguments):
    """What `outrider show` says, once everything is in the store."""
    code, out, err = result([OUTRIDER, "show", "latest", *arguments])
    assert code == 0, err
    return json.loads(out) if "--json" in arguments else out.decode()


RAISES = """\
import sys
def deep(n):
    if n: deep(n - 1)
    try: {}["key"]
    except KeyError as error: raise ValueError("second\\nline é") from error
if len(sys.argv) > 1: sys.excepthook = lambda *_: print("the script's own hook", file=sys.stderr)
deep(3)
"""
WAYS = {
    "a script": ["raises.py"],
    "-m": ["-m", "raises"],
    "-c": ["-c", RAISES],
    "from stdin": ["-"],
    "a folder": ["folder"],
    "with a hook of its own": ["raises.py", "hook"],
}


@pytest.mark.parametrize("way", list(WAYS.values()), ids=list(WAYS))
@pytest.mark.parametrize("version", ["3.8", "3.11", "3.13"])
def test_the_traceback_that_python_printed_is_the_runs(home, tmp_path, monkeypatch, version, way):
    """However the script was started, whatever hook it has: the reason is the exception, and the traceback that of stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "raises.py", tmp_path / "folder" / "__main__.py"):
        path.write_text(RAISES)
    code, _, err = same([interpreter(version), *way], input=RAISES.encode())
    found = end(home)
    assert (code, found["status"], found["reason"], found["code"]) == (1, "Failed", "exception", 1)
    assert (found["err"]["type"], found["err"]["message"]) == ("ValueError", "second\nline é")
    if way[-1] != "hook":
        assert found["err"]["traceback"].encode() == err


def fake_cgroup(tmp_path, monkeypatch, counter, kills=3):
    """A cgroup that is only a folder: the counter stands at `kills`."""
    monkeypatch.setenv("OUTRIDER_CGROUP_ROOT", str(tmp_path / "cgroup"))
    path = tmp_path / "cgroup" / counter
    path.parent.mkdir(parents=True)
    path.write_text(f"oom 1\noom_kill {kills}\nunder_oom 0\n")
    return path


def killed_with(path, line):
    """A command that dies of SIGKILL right after the counter was rewritten."""
    return ["sh", "-c", f"printf 'oom 2\\n{line}\\n' > {path}; kill -9 $$"]


def test_a_command_that_the_kernel_killed_for_memory_is_oom_killed(home, tmp_path, monkeypatch):
    """In a cgroup with a limit, where this machine lets us make one; the counter that rose is the evidence, and `show` has it."""
    with cgroups.small("hog") as (folder, _):
        if folder is None:
            command = [*RUN, *killed_with(fake_cgroup(tmp_path, monkeypatch, "memory.events"), "oom_kill 4")]
        else:
            command = cgroups.entering(folder, [*RUN, sys.executable, "-S", "-c", HOG])
        assert result(command)[0] == -signal.SIGKILL
        gone(home)
    found = end(home)
    assert (found["status"], found["reason"], found["sig"], found["oom"]["kills"]) == ("Failed", "oom-killed", signal.SIGKILL, 1)
    assert folder is None or found["oom"]["limit"] == cgroups.LIMIT
    text = shown()
    assert "Failed: the kernel killed it for memory" in text
    assert "the kernel killed 1 process of its cgroup for memory while it ran" in text
    document = shown("--json")
    assert (document["reason"], document["evidence"]["kills"]) == ("oom-killed", 1)


@pytest.mark.parametrize("counter", ["memory.events", "unified/memory.events", "memory/memory.oom_control"])
def test_the_counter_is_found_in_either_version(home, tmp_path, monkeypatch, counter):
    """Also where a container sees only its own cgroup, at the top."""
    path = fake_cgroup(tmp_path, monkeypatch, counter)
    (path.parent / ("memory.max" if counter.endswith("events") else "memory.limit_in_bytes")).write_text("52428800\n")
    assert result([*RUN, *killed_with(path, "oom_kill 5")])[0] == -signal.SIGKILL
    assert (end(home)["reason"], end(home)["oom"]) == ("oom-killed", {"at": str(path), "kills": 2, "limit": 52428800})


@pytest.mark.parametrize("after", ["oom_kill 3", "oom_kill 0", "", "oom_kill many"])
def test_without_a_counter_that_rose_a_sigkill_is_a_signal(home, tmp_path, monkeypatch, after):
    """Somebody's kill -9 is not the kernel's; what cannot be read says nothing."""
    path = fake_cgroup(tmp_path, monkeypatch, "memory.events")
    assert result([*RUN, *killed_with(path, after)])[0] == -signal.SIGKILL
    assert (end(home)["reason"], "oom" in end(home)) == ("signal", False)


def test_another_cgroup_at_the_same_place_is_no_evidence(home, tmp_path, monkeypatch):
    """The folder was made anew meanwhile: its count began anew too."""
    path = fake_cgroup(tmp_path, monkeypatch, "memory.events")
    command = f"mv {path.parent} {path.parent}.old; mkdir {path.parent}; printf 'oom_kill 9\\n' > {path}; kill -9 $$"
    assert result([*RUN, "sh", "-c", command])[0] == -signal.SIGKILL
    assert (end(home)["reason"], "oom" in end(home)) == ("signal", False)


def test_a_shell_whose_child_was_killed_for_memory_has_its_exit_code_and_the_evidence(home, tmp_path, monkeypatch):
    """`bash train.sh` exits 137: the reason is the exit code, and `show` says what happened meanwhile."""
    path = fake_cgroup(tmp_path, monkeypatch, "memory.events")
    assert result([*RUN, "sh", "-c", f"printf 'oom_kill 4\\n' > {path}; exit 137"])[0] == 137
    assert (end(home)["reason"], end(home)["code"], end(home)["oom"]["kills"]) == ("exit-code", 137, 1)
    assert "the kernel killed 1 process" in shown()


def test_a_canceled_command_is_canceled_whatever_else_was_killed(home, tmp_path, monkeypatch):
    """Our own SIGKILL after the grace is not the kernel's for memory."""
    path = fake_cgroup(tmp_path, monkeypatch, "memory.events")
    monkeypatch.setenv("OUTRIDER_CANCEL_GRACE_S", "0")
    command = ["sh", "-c", f"trap '' TERM; printf 'oom_kill 4\\n' > {path}; echo ready; while :; do :; done"]
    with subprocess.Popen([*RUN, *command], stdout=subprocess.PIPE) as front:
        assert front.stdout.readline() == b"ready\n"
        (run,) = [path for path in (home / "spool").iterdir() if path.is_dir()]
        (run / "cancel").write_text(json.dumps({"by": "ann"}))
        assert front.wait(timeout=60) == -signal.SIGKILL
    gone(home)
    assert (end(home)["reason"], end(home)["by"]) == ("canceled", "ann")


def kill_keeper_and_command(home):
    """Starts a run and ends all of it at once, with no time for a word."""
    with subprocess.Popen([*RUN, "sh", "-c", "echo $PPID; exec sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as front:
        keeper = int(front.stdout.readline())
        for pid in [keeper, *(pid for pid in of_home(home) if pid not in (front.pid, keeper))]:
            os.kill(pid, signal.SIGKILL)
        front.wait(timeout=60)
    gone(home)


def ended_reason():
    """How the store says that the latest run ended, once the agent has judged it."""
    from waiting import until

    return until(lambda: (found := shown("--json"))["status"] != "Running" and found, message="the agent judges the run")


def test_a_keeper_that_was_killed_is_lost(home):
    """Nobody is left to say how the command ended: the agent does."""
    kill_keeper_and_command(home)
    assert (ended_reason()["reason"], shown("--json")["evidence"]) == ("keeper-lost", None)
    assert "the keeper of `outrider run` was killed" in shown()


def test_a_keeper_that_was_killed_with_all_of_its_cgroup_for_memory_was_oom_killed(home, tmp_path, monkeypatch):
    """`memory.oom.group`: the kernel takes the keeper too. The counter stood in the run's own line, so the agent can tell."""
    path = fake_cgroup(tmp_path, monkeypatch, "memory.events")
    kill_keeper_and_command(home)
    assert lines(home, "run")[0]["oom"]["kills"] == 3
    path.write_text("oom_kill 6\n")
    found = ended_reason()
    assert (found["reason"], found["evidence"]["kills"]) == ("oom-killed", 3)


@pytest.mark.parametrize(("kills", "reason"), [(3, "vanished"), (4, "oom-killed")])
def test_a_script_that_owns_its_run_and_was_killed_vanished_or_was_oom_killed(home, tmp_path, monkeypatch, kills, reason):
    """Without `outrider run` nobody waits for the script: again the agent tells, by the counter that the run's own line names."""
    path = fake_cgroup(tmp_path, monkeypatch, "memory.events")
    script = f"import os, outrider; outrider.start_run('e'); open({str(path)!r}, 'w').write('oom_kill {kills}\\n'); os.kill(os.getpid(), 9)"
    assert result([sys.executable, "-c", script])[0] == -signal.SIGKILL
    assert ended_reason()["reason"] == reason
