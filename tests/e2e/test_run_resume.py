"""`outrider run --resume RUN`: the same run goes on as a new attempt, what came before stays, and nothing that still lives is resumed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tracked import OUTRIDER, RUN, gone, lines, of_home, result, run_folders
from waiting import until

from outrider import __main__ as command_line
from outrider import _resume

FIRST = [OUTRIDER, "run", "--no-agent", "--experiment", "ridge", "--name", "big", "--run-id", "r1", "--"]
RESUME = [OUTRIDER, "run", "--no-agent", "--resume", "r1", "--"]
LOGS = (
    "import logging, outrider, sys; logging.warning('attempt'); outrider.start_run().log('loss', int(sys.argv[1]), step=int(sys.argv[1]))"
)


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    stop_agent()
    gone(home)


def stop_agent():
    subprocess.run([OUTRIDER, "agent", "--stop"], capture_output=True, timeout=60, check=False)


def shown(run="r1"):
    """`show --json`, once everything is in the store."""
    assert result([OUTRIDER, "flush", "--timeout", "30"])[0] == 0
    code, out, err = result([OUTRIDER, "show", run, "--json"])
    assert code == 0, err
    return json.loads(out)


def attempts(document):
    """Of each attempt what matters here."""
    return [(one["attempt"], one["status"], one["reason"], one["exit_code"]) for one in document["attempts"]]


def test_a_resumed_run_is_the_same_run_with_another_attempt(home):
    """Same id, experiment and name; the new attempt's end is the run's; the first one's is kept beside it."""
    assert result([*FIRST, "sh", "-c", "echo one; echo bad >&2; exit 3"])[0] == 3
    assert result([*RESUME, "sh", "-c", "echo two $OUTRIDER_ATTEMPT"]) == (0, b"two 2\n", b"")
    assert [path.name for path in run_folders(home)] == ["r1"]
    assert [line.get("attempt") for line in sorted(lines(home, "run"), key=lambda line: line["t"])] == [None, 2]
    assert sorted(line.get("att", 1) for line in lines(home, "head")) == [1, 2]
    found = shown()
    assert (found["status"], found["attempt"], found["experiment"], found["name"]) == ("Completed", 2, "ridge", "big")
    assert found["command"] == ["sh", "-c", "echo two $OUTRIDER_ATTEMPT"]
    assert attempts(found) == [(1, "Failed", "exit-code", 3), (2, "Completed", "completed", 0)]
    code, out, _ = result([OUTRIDER, "show", "r1"])
    assert (code, b"attempt 1  Failed: the command exited with code 3" in out, b"attempt 2  Completed" in out) == (0, True, True)


def test_what_the_script_called_its_run_is_its_name_in_the_next_attempt_too(home, tmp_path):
    """Under `outrider run` the script's word is the last one: in the store, and where only the spool is read; `--name` names it anew."""
    script = tmp_path / "train.py"
    script.write_text("import logging, outrider\nlogging.warning('x' * 300_000)\noutrider.start_run('chosen', name='mine')\n")
    assert result([OUTRIDER, "run", "--no-agent", "--run-id", "r1", "--", sys.executable, str(script)])[0] == 0
    assert result([*RESUME, "true"])[0] == 0
    again = [line for line in lines(home, "run", "keeper-") if line.get("attempt") == 2]
    assert [(line["name"], line["experiment"]) for line in again] == [("mine", "chosen")]
    found = shown()
    assert (found["name"], found["experiment"]) == ("mine", "chosen")
    assert result([OUTRIDER, "run", "--no-agent", "--resume", "r1", "--name", "third", "--", "true"])[0] == 0
    assert (shown()["name"], shown()["experiment"]) == ("third", "chosen")


def stream_of(folder, writer, *found):
    """A stream as somebody left it."""
    (folder / writer).mkdir(parents=True)
    text = "".join(f"\n{json.dumps(line)}\n" for line in found)
    (folder / writer / "00000000.ndjson").write_text(text)


@pytest.mark.parametrize("writers", [("py-a", "keeper-b"), ("py-z", "keeper-b")])
@pytest.mark.parametrize("known", [None, "train.py", "mine"])
def test_what_the_script_says_is_found_in_whatever_order_the_spool_is_listed(home, writers, known):
    """With the store empty, behind, or level; where the script's stream is gone from the spool, the store's word is before the keeper's."""
    head = {"k": "head", "v": 1, "run": "r1", "seg": 0, "t": 1}
    said = {"k": "run", "t": 3, "name": "mine"}
    stream_of(home / "spool" / "r1", writers[1], {**head, "own": True}, {"k": "run", "t": 2, "name": "train.py"}, {"k": "end", "t": 9})
    if known != "mine":
        stream_of(home / "spool" / "r1", writers[0], head, {"k": "l", "t": 2, "lv": 30, "msg": "x" * 300_000}, said)
    about = known and {"run": "r1", "attempt": 1, "experiment": "e", "name": known}
    earlier = _resume.begin(str(home), "r1", lambda *_: about)
    os.close(earlier.lock)
    assert (earlier.name, earlier.attempt) == ("mine", 2)


def test_output_logs_and_points_go_on_where_they_were(home):
    """The console's attempts are apart, each from offset 0; the text and the series are one."""
    script = [sys.executable, "-c", LOGS + "; print('said', sys.argv[1])"]
    for number, before in enumerate([FIRST, RESUME, RESUME], start=1):
        assert result([*before, *script, str(number)])[:2] == (0, b"said %d\n" % number)
    assert result([OUTRIDER, "metrics", "r1", "loss", "--json"])[0] == 0
    assert [point["value"] for point in json.loads(result([OUTRIDER, "metrics", "r1", "loss", "--json"])[1])["points"]] == [1, 2, 3]
    assert result([OUTRIDER, "logs", "r1", "--stream", "stdout"])[1] == b"said 1\nsaid 2\nsaid 3\n"
    told = [json.loads(line) for line in result([OUTRIDER, "logs", "r1", "--json"])[1].splitlines()]
    assert [one["message"] for one in told if one["stream"] == "log"] == ["attempt"] * 3
    assert [one["message"] for one in told if one["stream"] == "stdout"] == ["said 1", "said 2", "said 3"]


def test_get_metrics_without_an_agent_has_earlier_attempts_first(home):
    """It reads the run's own streams; whatever they are called, the first attempt's come first."""
    ask = "; print(outrider.current_run().get_metrics('loss'))"
    for number, before in enumerate([FIRST, RESUME, RESUME, RESUME], start=1):
        code, out, err = result([*before, sys.executable, "-c", LOGS + ask, str(number)])
        assert (code, err) == (0, b"WARNING:root:attempt\n")
    assert out == b"{'loss': [1, 2, 3, 4]}\n"


def test_get_metrics_of_a_resumed_run_is_never_a_part(home):
    """Where the first attempt has left the spool and no agent answers, the store has it; with one, it is all there too."""
    assert result([*FIRST, sys.executable, "-c", LOGS, "1"])[0] == 0
    shown()
    until(lambda: not run_folders(home), message="the agent gives the run's folder back")
    stop_agent()
    script = "import outrider\nrun = outrider.start_run()\nrun.log('loss', 2)\nprint(run.get_metrics())\n"
    code, out, _ = result([*RESUME, sys.executable, "-c", script])
    assert (code, out) == (0, b"{'loss': [1, 2]}\n")
    assert shown()["metrics"]["loss"]["count"] == 2
    code, out, _ = result([*RESUME, sys.executable, "-c", "import outrider; print(outrider.start_run().get_metrics())"])
    assert (code, out) == (0, b"{'loss': [1, 2]}\n")
    assert [number for number, *_ in attempts(shown())] == [1, 2, 3]


def test_a_run_that_only_the_store_remembers_is_resumed_by_any_of_its_names(home):
    """Its folder is long gone: `latest`, a beginning, experiment#number."""
    assert result([*FIRST, "false"])[0] == 1
    shown()
    until(lambda: not run_folders(home), message="the agent gives the run's folder back")
    for number, name in enumerate(["latest", "r", "ridge#1"], start=2):
        assert result([OUTRIDER, "run", "--no-agent", "--resume", name, "--", "sh", "-c", f"exit {number}"])[0] == number
        found = shown()
        assert (found["run_id"], found["attempt"], found["exit_code"], found["name"]) == ("r1", number, number, "big")


def test_a_run_is_running_again_until_the_new_attempt_ends(home):
    """And its outputs are collected again."""
    (home.parent / "outputs").mkdir()
    options = {"cwd": home.parent}
    assert result([*FIRST, "sh", "-c", "echo a > outputs/a"], **options)[0] == 0
    assert (shown()["status"], shown()["artifacts"]) == ("Completed", 1)
    with subprocess.Popen([*RESUME, "sh", "-c", "echo ready; read x; echo b > outputs/b"], stdin=-1, stdout=-1, **options) as front:
        assert front.stdout.readline() == b"ready\n"
        assert (shown()["status"], shown()["reason"], shown()["ended"]) == ("Running", None, None)
        front.communicate(b"\n", timeout=60)
    assert shown()["status"] == "Completed"
    until(lambda: shown()["artifacts"] == 2, message="the second attempt's file is captured")


def test_a_run_that_still_lives_is_not_resumed(home):
    """Said clearly, with whom; nothing is written to it."""
    with subprocess.Popen([*FIRST, "sh", "-c", "echo ready; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as front:
        assert front.stdout.readline() == b"ready\n"
        code, out, err = result([*RESUME, "echo", "two"])
        assert (code, out) == (2, b"")
        assert b"the run 'r1' still lives (process " in err
        assert b"outrider cancel r1" in err
        front.communicate(b"\n", timeout=60)
    gone(home)
    assert [line["k"] for line in lines(home) if line.get("att")] == []


def test_only_one_of_two_that_resume_a_run_at_once_does_it(home):
    """The other is told. Both at the same moment, many times over: never two commands under one attempt."""
    assert result([*FIRST, "false"])[0] == 1
    fronts = [subprocess.Popen([*RESUME, "sh", "-c", "echo ran; read x"], stdin=-1, stdout=-1, stderr=-1) for _ in range(4)]
    until(lambda: sum(front.poll() is not None for front in fronts) == 3, message="three of four are refused")
    ran = [front.communicate(b"\n", timeout=60)[0] for front in fronts]
    assert (sorted(ran), sorted(front.returncode for front in fronts)) == ([b"", b"", b"", b"ran\n"], [0, 2, 2, 2])


def test_what_has_ended_is_resumed_though_something_of_it_is_left(home, tmp_path):
    """A daemon that a command left behind holds its streams; the run has its end all the same."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert (
        subprocess.run([*FIRST, "sh", "-c", f"(cat {fifo}) & exit 3"], stdout=subprocess.DEVNULL, timeout=60, check=False).returncode == 3
    )
    assert result([*RESUME, "echo", "two"])[:2] == (0, b"two\n")
    with open(fifo, "wb"):
        pass


def test_an_unknown_run_is_said_to_be_unknown(home):
    """Nothing is started or made."""
    code, out, err = result([OUTRIDER, "run", "--no-agent", "--resume", "nope", "--", "echo", "x"])
    assert (code, out) == (2, b"")
    assert b"there is no run 'nope'" in err
    assert run_folders(home) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--resume", "r1", "--run-id", "r2"], "--run-id is for a new run"), (["--resume"], "expected one argument")],
)
def test_a_misuse_of_resume_exits_2(home, options, says):
    """With what is wrong."""
    code, _, err = result([OUTRIDER, "run", "--no-agent", *options, "--", "true"] if len(options) > 1 else [OUTRIDER, "run", *options])
    assert code == 2
    assert says in err.decode()


def test_the_handler_alone_resumes_what_is_in_the_spool(home):
    """Without the agent's package: by id or the beginning of one; what several begin with is not guessed."""
    handler = Path(command_line.__file__).parents[1]
    environ = {**os.environ, "PYTHONPATH": str(handler)}
    alone = [sys.executable, "-S", "-m", "outrider", "run"]
    for run in ("abc1", "abd1"):
        assert result([*alone, "--run-id", run, "--", "false"], env=environ)[0] == 1
    assert result([*alone, "--resume", "abc", "--", "echo", "x"], env=environ)[:2] == (0, b"x\n")
    code, _, err = result([*alone, "--resume", "ab", "--", "echo", "x"], env=environ)
    assert code == 2
    assert b"the beginning of several runs: abc1, abd1" in err
    assert sorted(line["run"] for line in lines(home, "head") if line.get("att")) == ["abc1"]


def test_an_attempt_that_vanished_is_over_when_the_next_one_begins(home):
    """A node was lost; the scheduler starts the job again before any agent has looked."""
    with subprocess.Popen([*FIRST, "sh", "-c", "echo $PPID; exec sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as front:
        keeper = int(front.stdout.readline())
        for pid in [keeper, *(pid for pid in of_home(home) if pid not in (front.pid, keeper))]:
            os.kill(pid, signal.SIGKILL)
        front.wait(timeout=60)
    gone(home)
    assert result([*RESUME, "true"])[0] == 0
    assert attempts(shown()) == [(1, "Failed", "keeper-lost", None), (2, "Completed", "completed", 0)]


def test_liveness_judges_a_resumed_run_by_its_newest_attempt(home):
    """The first attempt's end does not make the second one's death an end."""
    assert result([*FIRST, "false"])[0] == 1
    assert shown()["status"] == "Failed"
    with subprocess.Popen([*RESUME, "sh", "-c", "echo $PPID; exec sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as front:
        keeper = int(front.stdout.readline())
        assert shown()["status"] == "Running"
        agent = json.loads((home / "agent.json").read_text())["pid"]
        for pid in [keeper, *(pid for pid in of_home(home) if pid not in (front.pid, keeper, agent))]:
            os.kill(pid, signal.SIGKILL)
        front.wait(timeout=60)
    until(lambda: shown()["status"] == "Failed", message="the agent judges the second attempt")
    assert attempts(shown()) == [(1, "Failed", "exit-code", 1), (2, "Failed", "keeper-lost", None)]


def test_marks_of_an_earlier_attempt_are_not_about_the_new_one(home):
    """A cancel that was asked for then, and an exception that was left by a process with the same pid."""
    with subprocess.Popen([*FIRST, "sh", "-c", "echo ready; exec sleep 60"], stdout=subprocess.PIPE) as front:
        assert front.stdout.readline() == b"ready\n"
        (folder,) = run_folders(home)
        (folder / "cancel").write_text(json.dumps({"by": "ann"}))
        front.wait(timeout=60)
    gone(home)
    (folder / ".exception-7").write_text("{}")
    assert result([*RESUME, "sh", "-c", "echo on"])[:2] == (0, b"on\n")
    assert attempts(shown()) == [(1, "Canceled", "canceled", None), (2, "Completed", "completed", 0)]
    assert not (folder / ".exception-7").exists()


def test_a_schedulers_second_start_goes_on_under_its_id(home, monkeypatch):
    """OUTRIDER_RESUME=1 with --run-id: the first start makes the run, any later one continues it."""
    monkeypatch.setenv("OUTRIDER_RESUME", "1")
    command = [OUTRIDER, "run", "--no-agent", "--run-id", "job-7", "--", "sh", "-c", "echo ${OUTRIDER_ATTEMPT-1}"]
    assert [result(command)[1] for _ in range(3)] == [b"1\n", b"2\n", b"3\n"]


def test_a_nested_run_is_a_child_that_show_lists_and_has_attempts_of_its_own(home):
    """OUTRIDER_ATTEMPT is about the run that it stands beside: neither an inner `outrider run` nor an inner `start_run` takes it over."""
    assert result([*FIRST, "false"])[0] == 1
    inner = (
        "import os, outrider; r = outrider.start_run(); c = outrider.start_run(); print(os.environ.get('OUTRIDER_ATTEMPT')); c.complete()"
    )
    script = f"{' '.join(RUN)} sh -c 'echo $OUTRIDER_ATTEMPT'; {sys.executable} -c \"{inner}; print(os.environ['OUTRIDER_ATTEMPT'])\""
    assert result([*RESUME, "sh", "-c", script])[1] == b"\nNone\n2\n"
    found = shown()
    assert len(found["children"]) == 2
    for child in found["children"]:
        assert (shown(child)["parent"], shown(child)["attempt"]) == ("r1", 1)
    assert found["children"][0] in result([OUTRIDER, "show", "r1"])[1].decode()
