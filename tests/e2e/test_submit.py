"""Submitted runs: a snapshot, a detached `outrider run`, an end that its exit code says. With no agent anywhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest
from submitted import ended, kept, notes, of_run, phases, printed, submit, work, write
from tracked import OUTRIDER, gone, of_home
from waiting import until

from outrider import _snapshot, _waiting
from outrider._environment import Environment
from outrider._errors import SnapshotError, SubmitError
from outrider._script_config import RunConfiguration


@pytest.fixture(autouse=True)
def no_agent(home, monkeypatch):
    """The caller starts it where it may; here nobody does. Whatever a test starts ends with it."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    yield
    gone(home)


@pytest.fixture
def folder(tmp_path):
    """Where the scripts are."""
    return tmp_path / "project"


TRAIN = """
import os, sys
from mylib import alphas
import outrider
for alpha in alphas():
    outrider.log("alpha", alpha)
print("hello", sys.argv[1:])
print("to stderr", file=sys.stderr)
open("outputs/model.pkl", "w").write("model")
open("logs/mine.txt", "w").write("log")
open("elsewhere.txt", "w").write("mine")
"""


def test_the_whole_folder_runs_from_its_snapshot(home, folder):
    """With its modules; what it logs, prints and leaves in outputs/ and logs/ is the run's."""
    write(folder, train=TRAIN, mylib="def alphas(): return [0.0, 0.5]")
    run = submit(folder, arguments=["--n", 3, True], tags={"kind": "ridge", "n": 1})
    assert run.startswith("exp-one_")
    end = ended(home, run)
    assert (end["status"], end["reason"], end["code"]) == ("Completed", "completed", 0)
    assert [line["v"] for line in of_run(home, run, "m")] == [0.0, 0.5]
    assert "hello ['--n', '3', 'True']\n" in printed(home, run)
    assert "to stderr\n" in printed(home, run)
    assert kept(home, run) == {"outputs/model.pkl", "logs/mine.txt"}
    (about,) = [line for line in of_run(home, run, "run") if line["by_keeper"]]
    assert (about["experiment"], about["name"], about["tags"]) == ("exp one", "train.py", {"kind": "ridge", "n": "1"})
    assert about["type"] == "azureml.scriptrun"


def test_the_run_goes_through_its_phases(home, folder):
    """Preparing and Finalizing are ours, Running is the command's."""
    run = submit(write(folder, train="print(1)"))
    ended(home, run)
    assert phases(home, run) == ["Preparing", "Running", "Finalizing"]


def test_the_run_is_in_the_spool_when_submit_returns(home, folder):
    """Whoever asks then finds it."""
    run = submit(write(folder, train="import time; time.sleep(60)"))  # until it is canceled
    assert phases(home, run)[0] == "Preparing"
    assert of_run(home, run, "run")
    assert _waiting.request_cancel(home, run, "the test")
    ended(home, run)


def test_what_changes_in_the_folder_afterwards_does_not_change_the_run(home, folder, tmp_path):
    """It runs what was submitted; what is submitted runs somewhere else."""
    write(
        folder,
        train="import os, time\nwhile not os.path.exists(os.environ['GO']): time.sleep(0.01)\nimport mylib",
        mylib="print('as submitted')",
    )
    config = RunConfiguration()
    config.environment_variables = {"GO": str(tmp_path / "go")}
    run = submit(folder, run_config=config)
    (folder / "mylib.py").write_text("print('changed')")
    (tmp_path / "go").touch()
    ended(home, run)
    assert printed(home, run) == "as submitted\n"
    assert not (folder / "outputs").exists()


def test_the_copy_of_the_source_goes_and_what_the_script_made_stays(home, folder):
    """The source can be had again from the snapshot."""
    write(folder / "sub", deep="x = 1")
    write(folder, train=TRAIN, mylib="def alphas(): return []")
    run = submit(folder)
    ended(home, run)
    until(lambda: not of_home(home), message="the launcher ends")
    found = sorted(
        str(path.relative_to(work(home, run))) for path in work(home, run).rglob("*") if path.is_file() and path.suffix != ".pyc"
    )
    assert found == ["elsewhere.txt", "logs/mine.txt", "outputs/model.pkl"]


def test_the_snapshot_is_kept_with_the_run(home, folder, tmp_path):
    """And can be given back."""
    write(folder, train="print(1)")
    run = submit(folder)
    ended(home, run)
    (line,) = of_run(home, run, "snap")
    assert line["root"] == str(folder)
    assert os.path.isfile(_snapshot.restore(home, line["id"], tmp_path))
    properties = {line["n"]: line["v"] for line in of_run(home, run, "prop")}
    assert properties["ContentSnapshotId"] == line["id"]


def test_what_the_system_did_is_kept_apart_from_what_the_user_logged(home, folder):
    """As notes while it happens, and as files of the run; what was submitted too, without the values of its variables."""
    config = RunConfiguration()
    config.environment_variables = {"PASSWORD": "very secret"}
    run = submit(write(folder, train="print('mine')"), arguments=["--n", 3], run_config=config)
    ended(home, run)
    files = {line["p"]: line["sha"] for line in of_run(home, run, "art")}
    assert set(files) == {"system_logs/outrider.txt", "system_logs/run_definition.json"}
    texts = {path: (home / "blobs" / sha[:2] / sha).read_text() for path, sha in files.items()}
    for note in notes(home, run):
        assert note in texts["system_logs/outrider.txt"]
    said = json.loads(texts["system_logs/run_definition.json"])
    assert (said["script"], said["arguments"], said["environment"]["environment_variables"]) == ("train.py", ["--n", "3"], ["PASSWORD"])
    assert not any("very secret" in text for text in texts.values())


FAILURES = [
    ("raise ValueError('no such thing')", ("Failed", "exception", 1), "ValueError"),
    ("import sys; sys.exit(7)", ("Failed", "exit-code", 7), None),
    ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", ("Failed", "signal", None), None),
    ("import sys; sys.exit(0)", ("Completed", "completed", 0), None),
    ("import outrider; outrider.complete(); raise SystemExit(3)", ("Failed", "exit-code", 3), None),
]


@pytest.mark.parametrize(("script", "expected", "error"), FAILURES)
def test_the_exit_code_says_how_the_run_ended(home, folder, script, expected, error):
    """Not what the script says of itself."""
    run = submit(write(folder, train=script))
    end = ended(home, run)
    assert (end["status"], end["reason"], end.get("code")) == expected
    assert (end.get("err") or {}).get("type") == error


def test_what_failed_in_old_age_says_how_it_is_mended(home, folder):
    """A hint in the failure, and with OUTRIDER_LEGACY=1 it runs."""
    write(folder, train="import numpy as np\nfrom collections import Mapping\nprint(np.float(3), np.Inf)")
    end = ended(home, submit(folder))
    assert "collections.Mapping is no more" in end["err"]["message"]
    assert "--legacy" in end["err"]["message"]
    config = RunConfiguration()
    config.environment_variables = {"OUTRIDER_LEGACY": "1"}
    run = submit(folder, run_config=config)
    assert ended(home, run)["status"] == "Completed"
    assert printed(home, run) == "3.0 inf\n"


def test_the_environment_is_the_callers_and_the_configurations(home, folder, monkeypatch):
    """And a job of Azure ML's; the run that the caller is in is none of its business."""
    monkeypatch.setenv("MINE", "caller")
    monkeypatch.setenv("BOTH", "caller")
    monkeypatch.setenv("OUTRIDER_RUN_ID", "outer")
    monkeypatch.setenv("OUTRIDER_EXPERIMENT", "outer")
    env = Environment("e")
    env.environment_variables = {"BOTH": "configured", "NUMBER": 3, "OUTRIDER_RUN_ID": "nonsense"}
    write(folder, train="import os, json; print(json.dumps(dict(os.environ)))")
    run = submit(folder, environment=env)
    ended(home, run)
    found = json.loads(printed(home, run))
    assert (found["MINE"], found["BOTH"], found["NUMBER"]) == ("caller", "configured", "3")
    assert (found["OUTRIDER_RUN_ID"], found["OUTRIDER_EXPERIMENT"]) == (run, "exp one")
    assert (found["AZUREML_RUN_ID"], found["AZUREML_ARM_PROJECT_NAME"]) == (run, "exp one")
    for name in ("SUBSCRIPTION", "RESOURCEGROUP", "WORKSPACE_NAME"):
        assert found[f"AZUREML_ARM_{name}"]
    about = [line for line in of_run(home, run, "run") if line["by_keeper"]]
    assert about[0].get("parent") is None


def test_a_python_with_the_real_sdk_is_told_nothing_of_azure(home, folder, tmp_path):
    """It would take the variables for a job's, and ask its service."""
    (tmp_path / "real" / "azureml" / "core").mkdir(parents=True)
    config = RunConfiguration()
    python = tmp_path / "python3"
    python.write_text(f'#!/bin/sh\nPYTHONPATH=$PYTHONPATH:{tmp_path}/real exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    config.environment.python.user_managed_dependencies = True
    config.environment.python.interpreter_path = str(python)
    run = submit(write(folder, train="import os; print([key for key in os.environ if 'AZUREML' in key])"), run_config=config)
    assert ended(home, run)["status"] == "Completed"
    assert printed(home, run) == "[]\n"
    assert any("real Azure ML SDK" in note for note in notes(home, run))


def test_packages_that_the_environment_names_and_has_not_are_in_the_system_log(home, folder):
    """Nothing is installed; the run goes on."""
    from outrider._conda import CondaDependencies

    env = Environment("e")
    env.python.conda_dependencies = CondaDependencies.create(pip_packages=["pytest>=1", "azureml-defaults", "no-such-package-anywhere==3"])
    run = submit(write(folder, train="print(1)"), environment=env, compute_target="cpu-cluster")
    assert ended(home, run)["status"] == "Completed"
    assert any(note.endswith("has not what the environment names: no-such-package-anywhere.") for note in notes(home, run))
    assert any("'cpu-cluster' is not used" in note for note in notes(home, run))


def test_debug_lines_are_records(home, folder):
    """`logging.basicConfig(level=logging.DEBUG)` is all it takes; and what the system says is kept apart from what the user says."""
    run = submit(write(folder, train="import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.debug('a detail')"))
    ended(home, run)
    assert [(line["lv"], line["msg"]) for line in of_run(home, run, "l")] == [(10, "a detail")]
    assert "DEBUG:root:a detail\n" in printed(home, run)
    assert any(note.startswith("Submitted from") for note in notes(home, run))


def test_prints_are_there_while_it_runs(home, folder):
    """Line by line: nobody has to wait for the end."""
    write(folder, train="import sys, time\nprint('begun')\nfor _ in sys.stdin: pass\nwhile True: time.sleep(0.05)")
    run = submit(folder)
    until(lambda: printed(home, run) == "begun\n", message="the first line is there")
    _waiting.request_cancel(home, run)
    ended(home, run)


def test_cancel_ends_the_whole_process_group_politely_then_not(home, folder, monkeypatch):
    """SIGTERM first; what does not listen is killed after the grace."""
    monkeypatch.setenv("OUTRIDER_CANCEL_GRACE_S", "1")
    script = """
    import os, signal, subprocess, sys, time
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    subprocess.Popen([sys.executable, "-c", deaf])
    def polite(*_):
        print("asked", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, polite)
    print("ready", flush=True)
    while True: time.sleep(0.05)
    """
    run = submit(write(folder, train=textwrap.dedent(script)))
    until(lambda: set(printed(home, run).split()) == {"ready", "deaf"}, message="both run")
    _waiting.request_cancel(home, run, "somebody")
    end = ended(home, run)
    assert (end["status"], end["reason"], end["by"]) == ("Canceled", "canceled", "somebody")
    assert "asked\n" in printed(home, run)
    gone(home)


def test_a_run_that_lasts_longer_than_it_may_is_canceled(home, folder):
    """`max_run_duration_seconds`."""
    run = submit(write(folder, train="import time; time.sleep(600)"), max_run_duration_seconds=0.5)
    end = ended(home, run)
    assert (end["status"], end["by"]) == ("Canceled", "max_run_duration_seconds (0.5 s)")


def test_the_run_outlives_who_submitted_it(home, folder, tmp_path):
    """A notebook's kernel that is killed, with its whole process group and its terminal."""
    write(folder, train="import os, sys, time\nwhile not os.path.exists(sys.argv[1]): time.sleep(0.02)\nprint('still here')")
    script = f"""
    import sys, time
    from outrider import _submit
    from outrider._script_config import ScriptRunConfig
    spec = _submit.prepare("e", ScriptRunConfig({str(folder)!r}, "train.py", [{str(tmp_path / "go")!r}]))
    _submit.start(spec)
    print(spec["run"], flush=True)
    time.sleep(600)
    """
    caller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    with caller:
        run = caller.stdout.readline().strip()
        os.killpg(caller.pid, signal.SIGHUP)
        os.killpg(caller.pid, signal.SIGKILL)
    (tmp_path / "go").touch()
    assert ended(home, run)["status"] == "Completed"
    assert printed(home, run) == "still here\n"


def test_submitting_leaves_no_child_behind(home, folder):
    """No zombie, however many a notebook submits."""
    write(folder, train="print(1)")
    script = f"""
    import os, subprocess, sys
    from outrider import _submit
    from outrider._script_config import ScriptRunConfig
    for _ in range(2):
        _submit.start(_submit.prepare("e", ScriptRunConfig({str(folder)!r}, "train.py")))
    print(open("/proc/self/task/%d/children" % os.getpid()).read().split())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_command_instead_of_a_script(home, folder):
    """A line for the shell, or words."""
    folder.mkdir()
    (folder / "a.txt").write_text("content\n")
    run = submit(folder, script=None, command="cat a.txt && echo $0 done")
    ended(home, run)
    assert printed(home, run).startswith("content\n")
    run = submit(folder, script=None, command=["cat", "a.txt"])
    ended(home, run)
    assert printed(home, run) == "content\n"


@pytest.mark.parametrize("script", ["nothing.py", "../outside.py", "."])
def test_a_script_that_is_not_in_the_folder_is_refused(home, folder, script):
    """Nothing is started, and nothing is kept."""
    write(folder.parent, outside="print(1)")
    write(folder, train="print(1)")
    with pytest.raises(SubmitError, match=r"script path doesn't exist\. The script should be inside the project folder"):
        submit(folder, script)
    assert not os.path.exists(home)


def test_too_large_a_folder_is_refused_and_nothing_is_started(home, folder, monkeypatch):
    """With what to do about it."""
    write(folder, **{f"m{number}": "x" for number in range(30)}, train="print(1)")
    monkeypatch.setenv("OUTRIDER_SNAPSHOT_MAX_FILES", "20")
    with pytest.raises(SnapshotError, match="amlignore"):
        submit(folder)
    assert not os.path.exists(home)


def test_what_is_out_of_scope_is_said(folder):
    """An estimator, a pipeline: not a ScriptRunConfig."""
    from outrider import _submit

    with pytest.raises(TypeError, match="takes a ScriptRunConfig"):
        _submit.prepare("e", object())


def test_a_python_that_is_not_there_fails_the_run(home, folder):
    """The run says why it could not start."""
    config = RunConfiguration()
    config.environment.python.user_managed_dependencies = True
    config.environment.python.interpreter_path = "/no/such/python"
    run = submit(write(folder, train="print(1)"), run_config=config)
    end = ended(home, run)
    assert (end["status"], end["reason"], end["code"]) == ("Failed", "could-not-start", 127)
    assert "system_logs/outrider.txt" in {line["p"] for line in of_run(home, run, "art")}
    assert not (work(home, run) / "train.py").exists()


def test_many_are_submitted_at_once(home, folder):
    """From threads of one notebook, of one folder: each is a run of its own, and the folder is stored once."""
    write(folder, train="import sys; print(sys.argv[1])")
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda number: submit(folder, arguments=[number]), range(8)))
    assert len(set(runs)) == 8
    for number, run in enumerate(runs):
        assert ended(home, run)["status"] == "Completed"
        assert printed(home, run) == f"{number}\n"
    assert len({line["sha"] for run in runs for line in of_run(home, run, "snap")}) == 1


def test_a_home_that_cannot_be_written_is_said_at_once(folder, tmp_path, monkeypatch):
    """Not a run that nobody ever sees."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OUTRIDER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises((SubmitError, SnapshotError)):
        submit(write(folder, train="print(1)"))


def test_the_command_line_submits_and_says_which_run_it_is(home, folder):
    """`outrider submit FOLDER SCRIPT -- ARGUMENTS`."""
    write(folder, train="import sys, os; print(sys.argv[1:], os.environ['X'])")
    asked = [OUTRIDER, "submit", str(folder), "train.py", "--tag", "a=b", "--env", "X=1", "--", "--lr", "0.1"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    run = done.stdout.strip()
    ended(home, run)
    assert printed(home, run) == "['--lr', '0.1'] 1\n"


def test_the_command_line_says_what_is_wrong(folder):
    """And starts nothing."""
    done = subprocess.run([OUTRIDER, "submit", str(folder), "train.py"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "there is no folder" in done.stderr
    assert subprocess.run([OUTRIDER, "submit"], capture_output=True, timeout=60, check=False).returncode == 2
