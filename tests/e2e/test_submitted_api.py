"""The run API over submitted runs: waiting, streaming, canceling, details, snapshots. Each with no agent, and with one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import zipfile

import pytest
from portal_rig import Portal
from submitted import work, write
from tracked import OUTRIDER, gone, lines, of_home
from waiting import until

from outrider import (
    ActivityFailed,
    CondaDependencies,
    Dataset,
    Environment,
    Experiment,
    Run,
    RunConfiguration,
    ScriptRunConfig,
    SnapshotError,
    control,
    record,
)


@pytest.fixture(params=[False, True], ids=["no agent", "an agent"])
def agent(request, home, monkeypatch):
    """A home, with or without an agent; whatever a test starts ends with it."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    monkeypatch.setenv("OUTRIDER_PORTAL_PORT", "0")
    portal = Portal(home)
    if request.param:
        portal.start()
    yield request.param
    portal.stop()
    gone(home)


@pytest.fixture
def folder(tmp_path):
    """Where the scripts are."""
    return tmp_path / "project"


def submit(folder, script="train.py", arguments=(), **more):
    return Experiment(None, "ridge").submit(ScriptRunConfig(str(folder), script, list(arguments), **more), tags={"try": "1"})


@pytest.mark.usefixtures("agent")
def test_waiting_streams_the_log_under_the_originals_headings(folder, capsys):
    """And returns the details."""
    write(folder, train="import outrider\nprint('one')\nprint('zwei: ö')\noutrider.log('mse', 0.5)\nopen('outputs/m.txt', 'w').write('x')")
    run = submit(folder)
    details = run.wait_for_completion(show_output=True)
    url = run.get_portal_url()
    assert capsys.readouterr().out == (
        f"RunId: {run.id}\nWeb View: {url}\n\nStreaming user_logs/std_log.txt\n===============================\n\none\nzwei: ö\n\n"
        f"\nExecution Summary\n=================\nRunId: {run.id}\nWeb View: {url}\n\n"
    )
    assert (details["runId"], details["status"], run.get_status(), run.type) == (run.id, "Completed", "Completed", "azureml.scriptrun")
    assert run.get_metrics() == {"mse": 0.5}
    assert {"outputs/m.txt", "user_logs/std_log.txt", "system_logs/outrider.txt"} <= set(run.get_file_names())
    assert run.get_tags() == {"try": "1"}


def test_the_first_link_names_the_port_that_the_portal_then_has(home, folder, monkeypatch):
    """The agent that a submission starts takes the first free port: a link that is made at once waits until it says which."""
    monkeypatch.setenv("OUTRIDER_PORTAL_PORT", "0")
    write(folder, train="print('one')")
    portal = Portal(home)
    try:
        run = submit(folder)
        url = run.get_portal_url()
        assert url == f"{json.loads((home / 'portal.json').read_text())['url']}runs/{run.id}"
        run.wait_for_completion()
    finally:
        until(lambda: control.agent_info(str(home)), message="no agent was started")
        control.request(str(home), "POST", "/stop")
        portal.stop()
        gone(home)


@pytest.mark.usefixtures("agent")
def test_submit_with_show_output_is_the_same(folder, capsys):
    """`experiment.submit(src, show_output=True)`, as a seed has it."""
    write(folder, train="print('hello')")
    run = Experiment(None, "ridge").submit(ScriptRunConfig(str(folder), "train.py"), show_output=True)
    assert "\nhello\n" in capsys.readouterr().out
    assert run.get_status() == "Completed"


@pytest.mark.usefixtures("agent")
def test_a_log_of_many_segments_is_streamed_whole(folder, capsys, monkeypatch):
    """Though the spool's segments come and go meanwhile."""
    monkeypatch.setenv("OUTRIDER_SEGMENT_BYTES", "20000")
    write(folder, train="for i in range(20000): print('line', i)")
    submit(folder).wait_for_completion(show_output=True)
    found = [line for line in capsys.readouterr().out.splitlines() if line.startswith("line ")]
    assert found == [f"line {number}" for number in range(20000)]


@pytest.mark.usefixtures("agent")
def test_a_failed_run_raises_with_what_is_known(folder, capsys):
    """ActivityFailed, as the original; or only the details, where nothing is to be raised."""
    write(folder, train="raise ValueError('too hot')")
    run = submit(folder)
    with pytest.raises(ActivityFailed, match="Activity Failed:\n") as caught:
        run.wait_for_completion()
    assert caught.value.error["error"]["code"] == "UserError"
    assert "User program failed with ValueError: too hot" in str(caught.value)
    details = run.wait_for_completion(show_output=True, raise_on_error=False)
    assert details["status"] == "Failed"
    assert "too hot" in capsys.readouterr().out


@pytest.mark.usefixtures("agent")
def test_a_run_that_was_over_long_ago_is_streamed_too(folder, capsys, home):
    """What the spool does not have any more the agent has."""
    write(folder, train="print('long ago')")
    run = submit(folder)
    run.wait_for_completion()
    until(lambda: not of_home(home) or control.agent_info(str(home)), message="the launcher ends")
    Run.get(None, run.id).wait_for_completion(show_output=True)
    assert "\nlong ago\n" in capsys.readouterr().out


@pytest.mark.usefixtures("agent")
def test_cancel_says_so_at_once_and_ends_it(folder):
    """CancelRequested, then Canceled: one that was canceled has not failed."""
    run = submit(write(folder, train="import time; print('begun'); time.sleep(600)"))
    until(lambda: run.get_status() == "Running", message="it runs")
    run.cancel()
    assert run.get_status() in ("CancelRequested", "Canceled")
    assert run.wait_for_completion()["status"] == "Canceled"
    run.cancel()  # once more does nothing
    assert run.get_status() == "Canceled"


@pytest.mark.usefixtures("agent")
def test_a_run_that_is_killed_with_its_launcher_does_not_run_for_ever(folder, home):
    """Nobody is left to say how it ended: the lock is."""
    run = submit(write(folder, train="import time; print('begun'); time.sleep(600)"))
    until(lambda: run.get_status() == "Running", message="it runs")
    (owner,) = {line["pid"] for line in lines(home, "head", "keeper-")}
    os.killpg(os.getpgid(owner), signal.SIGKILL)
    for pid in of_home(home):
        if pid != (control.agent_info(str(home)) or {}).get("pid"):
            os.kill(pid, signal.SIGKILL)
    with pytest.raises(ActivityFailed):
        run.wait_for_completion()


@pytest.fixture
def slow_python(tmp_path):
    """A Python that answers nothing, while the run is prepared, until it may."""
    path = tmp_path / "python3"
    path.write_text(f'#!/bin/sh\nwhile [ "$1" = -c ] && [ ! -e {tmp_path}/go ]; do sleep 0.05; done\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    env = Environment("slow")
    env.python.user_managed_dependencies = True
    env.python.interpreter_path = str(path)
    return env


@pytest.mark.usefixtures("agent")
def test_a_run_that_is_canceled_before_its_script_began_never_begins(folder, tmp_path, slow_python):
    """It is asked while the run is prepared."""
    run = submit(write(folder, train="print('begun')"), environment=slow_python)
    assert run.get_status() == "Preparing"
    run.cancel()
    (tmp_path / "go").touch()
    assert run.wait_for_completion()["status"] == "Canceled"
    assert "user_logs/std_log.txt" not in run.get_file_names()


@pytest.mark.usefixtures("agent")
def test_a_launcher_that_is_killed_while_it_prepares_leaves_no_run_that_is_prepared_for_ever(home, folder, tmp_path, slow_python):
    """Law 7: the run's owner is known by its lock from the moment that submit returns."""
    run = submit(write(folder, train="print('begun')"), environment=slow_python)
    (owner,) = {line["pid"] for line in lines(home, "head", "keeper-")}
    os.killpg(os.getpgid(owner), signal.SIGKILL)
    (tmp_path / "go").touch()
    with pytest.raises(ActivityFailed):
        run.wait_for_completion()


@pytest.mark.usefixtures("agent")
def test_a_submitted_child_has_its_parent(folder):
    """`submit_child`."""
    parent = Experiment(None, "ridge").start_logging(snapshot_directory=None, outputs=False)
    write(folder, train="import outrider; outrider.current_run(); outrider.log('x', 1)")
    child = parent.submit_child(ScriptRunConfig(str(folder), "train.py"))
    child.wait_for_completion()
    assert child.parent.id == parent.id
    assert [one.id for one in parent.get_children()] == [child.id]
    parent.complete()


@pytest.mark.usefixtures("agent")
def test_the_script_knows_its_run(folder):
    """`Run.get_context()` in it is the run; `complete()` there is no end."""
    write(
        folder,
        train="from outrider import Run\nrun = Run.get_context()\nrun.log('a', 1)\nprint(run.id)\nrun.complete()\nraise SystemExit(4)",
    )
    run = submit(folder)
    with pytest.raises(ActivityFailed):
        run.wait_for_completion()
    assert run.get_metrics() == {"a": 1}
    assert run.get_status() == "Failed"


@pytest.mark.usefixtures("agent")
def test_the_snapshot_comes_back_as_a_zip(folder, tmp_path):
    """With its id, also for somebody who attaches later."""
    run = submit(write(folder, train="print(1)", mylib="x = 1"))
    run.wait_for_completion()
    path = Run.get(None, run.id).restore_snapshot(path=str(tmp_path / "snapshots"))
    assert path == str(tmp_path / "snapshots" / f"{run.get_snapshot_id()}.zip")
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["mylib.py", "train.py"]
    assert run.get_properties()["ContentSnapshotId"] == run.get_snapshot_id()


@pytest.mark.usefixtures("agent")
def test_the_command_line_unpacks_it(folder, tmp_path):
    """`outrider snapshot RUN [FOLDER]`."""
    run = submit(write(folder, train="print(1)"))
    run.wait_for_completion()
    there = tmp_path / "there"
    for expected in (0, 1):  # not twice into one folder
        done = subprocess.run([OUTRIDER, "snapshot", run.id[:-2], str(there)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == expected, done.stderr
    assert (there / "train.py").read_text() == "print(1)"
    assert "is not empty" in done.stderr


@pytest.mark.usefixtures("agent")
def test_the_command_line_waits(folder):
    """`outrider submit --wait` prints what it prints; the exit code is 1 where it failed."""
    write(folder, train="print('hello')", bad="raise SystemExit(3)")
    done = subprocess.run([OUTRIDER, "submit", str(folder), "train.py", "--wait"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nhello\n" in done.stdout
    done = subprocess.run([OUTRIDER, "submit", str(folder), "bad.py", "--wait"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.usefixtures("agent")
def test_the_environment_of_a_run_can_be_asked_for(folder):
    """What was configured, without the values of variables."""
    env = Environment("mine")
    env.python.user_managed_dependencies = True
    env.python.interpreter_path = sys.executable
    env.python.conda_dependencies = CondaDependencies.create(pip_packages=["pytest"])
    env.environment_variables = {"A": "secret"}
    run = submit(write(folder, train="print(1)"), environment=env)
    run.wait_for_completion()
    found = run.get_environment()
    assert (found.name, found.python.interpreter_path, found.python.conda_dependencies.pip_packages) == ("mine", sys.executable, ["pytest"])
    assert run.get_details()["runDefinition"]["script"] == "train.py"
    assert "secret" not in repr(run.get_details()) + repr(found)


def test_people_are_not_shown_the_system_log_unasked(folder, agent):
    """`show` has what is wrong with a run; what went as it should is in `--json`, and in a file of the run."""
    run = submit(write(folder, train="print(1)"))
    run.wait_for_completion()
    if agent:
        shown, document = (
            subprocess.run([OUTRIDER, "show", run.id, *more], capture_output=True, text=True, timeout=60, check=True).stdout
            for more in ((), ("--json",))
        )
        assert "Submitted from" not in shown
        assert any(note["message"].startswith("Submitted from") for note in json.loads(document)["notes"])
    run.download_file("system_logs/outrider.txt", str(folder / "log.txt"))
    assert "Submitted from" in (folder / "log.txt").read_text()


@pytest.mark.usefixtures("agent")
def test_data_sets_are_given_as_paths_and_by_name(folder, tmp_path):
    """An argument of the script, and `run.input_datasets`."""
    (tmp_path / "d.csv").write_text("a,b\n1,2\n")
    data = Dataset.File.from_files(str(tmp_path / "d.csv")).as_named_input("table").as_mount()
    script = """
    import sys
    from outrider import Run
    print(open(sys.argv[2]).read().split()[0], sorted(Run.get_context().input_datasets))
    """
    run = submit(write(folder, train=textwrap.dedent(script)), arguments=["--data", data])
    run.wait_for_completion()
    (log,) = [text for name, text in run.get_details_with_logs()["logFiles"].items() if name == "user_logs/std_log.txt"]
    assert log == "a,b ['table']\n"


def test_what_a_run_worked_in_goes_when_it_is_cleaned_or_deleted(home, folder, agent):
    """Not before it has ended; what the run keeps stays until it is deleted."""
    write(folder, train="import sys, time\nopen('mine.txt', 'w').write('x')\nwhile len(sys.argv) > 1: time.sleep(0.05)")
    run, other = submit(folder, arguments=["wait"]), submit(folder)
    until((work(home, run.id) / "mine.txt").exists, message="it runs")
    run.clean()
    assert work(home, run.id).exists()
    run.cancel()
    run.wait_for_completion()
    run.clean()
    assert not work(home, run.id).exists()
    assert run.get_snapshot_id()
    other.wait_for_completion()
    assert work(home, other.id).exists()
    if agent:  # a run is deleted from the store, which an agent has to bring it into
        done = subprocess.run([OUTRIDER, "delete", "--yes", other.id], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert not work(home, other.id).exists()


@pytest.mark.usefixtures("agent")
def test_outputs_and_logs_are_made_for_an_interactive_run(tmp_path, monkeypatch):
    """And only there: what is written into them is the run's."""
    monkeypatch.chdir(tmp_path)
    with Experiment(None, "ridge").start_logging(snapshot_directory=None) as run:
        (tmp_path / "outputs" / "m.txt").write_text("x")
        (tmp_path / "logs" / "l.txt").write_text("x")
    assert {"outputs/m.txt", "logs/l.txt"} <= set(run.get_file_names())


@pytest.mark.usefixtures("agent")
def test_an_interactive_run_keeps_a_snapshot_too(folder, monkeypatch):
    """Of the working folder by default, which gives way to one that is asked for, as older scripts do; of another folder; or none."""
    monkeypatch.chdir(write(folder, train="print(1)"))
    experiment = Experiment(None, "ridge")
    with experiment.start_logging(outputs=False) as run:
        first = run.get_snapshot_id()
        assert first
        write(folder, more="print(2)")
        second = run.take_snapshot(".")
        assert second not in (None, first)
        assert run.get_snapshot_id() == second
        with pytest.raises(SnapshotError, match="has a snapshot already"):
            run.take_snapshot(".")
    with experiment.start_logging(outputs=False, snapshot_directory=str(folder)) as run:
        assert run.get_snapshot_id() == second
    with experiment.start_logging(outputs=False, snapshot_directory=None) as run:
        assert run.get_snapshot_id() is None
        with pytest.raises(SnapshotError, match="has no snapshot"):
            run.restore_snapshot()
        assert run.take_snapshot("train.py") == run.get_snapshot_id()


def test_a_working_folder_that_is_too_large_is_no_reason_not_to_begin(home, folder, monkeypatch, capsys):
    """Only a folder that was chosen is."""
    monkeypatch.chdir(write(folder, **{f"m{number}": "x" for number in range(30)}))
    monkeypatch.setenv("OUTRIDER_SNAPSHOT_MAX_FILES", "20")
    with Experiment(None, "ridge").start_logging(outputs=False) as run:
        assert run.get_snapshot_id() is None
    assert "has no snapshot" in capsys.readouterr().err
    before = len(lines(home, record.RUN))
    with pytest.raises(SnapshotError):
        Experiment(None, "ridge").start_logging(outputs=False, snapshot_directory=str(folder))
    assert len(lines(home, record.RUN)) == before


def test_a_run_in_this_process_that_failed_in_old_age_says_so(home, monkeypatch):
    """In a notebook nothing stands between the script and us: the hint is in the failure all the same."""
    import numpy as np

    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")

    def fail():
        with Experiment(None, "ridge").start_logging(outputs=False, snapshot_directory=None):
            np.float  # noqa: B018, NPY001 -- this is the error

    with pytest.raises(AttributeError):
        fail()
    (end,) = lines(home, record.END)
    assert "--legacy" in end["err"]["message"]


def test_configurations_are_kept_by_the_run_config(folder):
    """The seed's idiom."""
    run_config = RunConfiguration()
    run_config.environment.python.user_managed_dependencies = True
    src = ScriptRunConfig(source_directory=str(folder), script="train.py", run_config=run_config)
    assert src.run_config is run_config
