"""How old scripts end runs, wait for them and go on afterwards; and which exceptions they meet on the way. No agent is anywhere."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from old_scripts import script, series
from tracked import end, gone, lines, result
from waiting import until


@pytest.fixture(autouse=True)
def nothing_stays(home, tmp_path, monkeypatch):
    """Whatever a test starts ends with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    yield
    gone(home)


def bare(text):
    """Runs a script by hand, as one that knows where the names are; its output."""
    with open("script.py", "w") as file:
        file.write("import outrider.azureml\n" + textwrap.dedent(text))
    code, out, err = result([sys.executable, "script.py"])
    assert (code, err) == (0, b""), err.decode()
    return out.decode()


def test_each_call_raises_what_the_originals_did(home):
    """An id that is not there is the service's error, a file for a folder the user's; no run is a missing environment."""
    bare("""
        from azureml.core import Experiment, Run, Workspace, get_run
        from azureml.exceptions import RunEnvironmentException, ServiceException, UserErrorException

        exp = Experiment(Workspace.from_config(), "errors")
        open("file", "w").close()
        def fails(kind, call):
            try:
                call()
            except kind as error:
                return error
            raise AssertionError(kind)

        for lost in (Run.get_submitted_run, lambda: Run.get_context(allow_offline=False)):
            assert "use experiment.start_logging" in fails(RunEnvironmentException, lost).message
        for unknown in (lambda: Run(exp, "nobody"), lambda: get_run(exp, "nobody"), lambda: Run.get(exp.workspace, "nobody")):
            assert "nobody" in fails(ServiceException, unknown).message
        run = exp.start_logging(snapshot_directory=None)
        assert Run.get_submitted_run() is run
        fails(UserErrorException, lambda: run.get_all_logs(destination="file"))
        children = run.create_children(tag_key="depth", tag_values=[1, True])
        assert [child.get_tags()["depth"] for child in children] == ["1", "True"]
        """)


def test_a_block_that_exits_with_0_ends_the_run_and_not_the_script(home):
    """With another code it fails, and the script ends as it wanted to."""
    out = bare("""
        import sys
        from azureml.core import Experiment, Workspace

        exp = Experiment(Workspace.from_config(), "blocks")
        for code in (0, None, 3):
            run = exp.start_logging(snapshot_directory=None)
            try:
                with run:
                    sys.exit(code)
                print("goes on", run.get_status())
            except SystemExit as error:
                print("ends", error.code, run.get_status())
        """)
    assert out.splitlines() == ["goes on Completed", "goes on Completed", "ends 3 Failed"]


def test_what_is_logged_to_a_run_that_the_script_has_completed_is_the_runs(home):
    """Notebooks complete a run in one cell and log to it in the next; nothing raises, nothing is lost, its end stays."""
    bare("""
        from azureml.core import Experiment, Workspace

        run = Experiment(Workspace.from_config(), "after").start_logging(snapshot_directory=None)
        run.log("x", 1)
        run.complete()
        run.log("x", 2)
        run.log_list("many", [1, 2])
        run.log_row("row", a=1)
        run.log_confusion_matrix("cm", {"schema_type": "confusion_matrix", "data": {}})
        found = run.get_metrics()
        assert (found["x"], found["many"], found["row"]) == ([1, 2], [1, 2], {"a": 1}) and "cm" in found, found
        assert run.get_status() == "Completed"
        """)
    assert sorted(series(home, "x")) == [1, 2]
    assert [line["status"] for line in lines(home, "end")] == ["Completed"]


def test_the_snapshot_that_counts_is_the_property(home):
    """The one that start_logging took by itself gives way to the one that the script asks for, in both places."""
    bare("""
        from azureml.core import Experiment, Workspace

        exp = Experiment(Workspace.from_config(), "snapshots")
        run = exp.start_logging()
        first = run.get_snapshot_id()
        assert run.get_properties()["ContentSnapshotId"] == first
        open("more.py", "w").close()
        second = run.take_snapshot(".")
        run.complete()
        assert second != first and run.get_snapshot_id() == second == run.get_properties()["ContentSnapshotId"]
        assert [one.id for one in exp.get_runs(properties={"ContentSnapshotId": second})] == [run.id]
        assert next(exp.get_runs()).get_properties()["ContentSnapshotId"] == second
        """)


def test_an_interrupted_wait_says_so_and_leaves_the_run_alone(home, tmp_path):
    """Ctrl-C in wait_for_completion: ExperimentExecutionException; the run goes on, and ends as it would have."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train.py").write_text(
        "import os, time\nprint('begun', flush=True)\nwhile not os.path.exists(os.environ['GO']): time.sleep(0.02)\n"
    )
    text = """
        import sys, outrider.azureml
        from azureml.core import Experiment, ScriptRunConfig, Workspace
        from azureml.exceptions import ExperimentExecutionException

        run = Experiment(Workspace.from_config(), "waits").submit(ScriptRunConfig("src", "train.py"))
        try:
            run.wait_for_completion(show_output=True)
        except ExperimentExecutionException as error:
            assert "interrupted" in error.message and "goes on" in error.message, error
            open("said", "w").close()
        print(run.wait_for_completion()["status"])
        """
    (tmp_path / "script.py").write_text(textwrap.dedent(text))
    env = {**os.environ, "GO": str(tmp_path / "go")}
    waiting = subprocess.Popen([sys.executable, "script.py"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        for said in iter(waiting.stdout.readline, ""):
            if said == "begun\n":
                break
        waiting.send_signal(signal.SIGINT)
        until((tmp_path / "said").exists, message="the wait was not interrupted")
        (tmp_path / "go").touch()
        out, _ = waiting.communicate(timeout=60)
    finally:
        waiting.kill()
        waiting.wait()
        waiting.stdout.close()
        (tmp_path / "go").touch()
    assert out.splitlines()[-1] == "Completed"
    assert end(home)["status"] == "Completed"


def test_get_submitted_run_is_the_run_under_outrider_run(home):
    """Where there is one, the older name gives it."""
    script("""
        from azureml.core import Run
        assert Run.get_submitted_run() is Run.get_context()
        Run.get_submitted_run().log("x", 1)
        """)
    assert series(home, "x") == [1]


def test_canceling_inside_a_job_warns_and_does_nothing(home):
    """The launcher ends it, by the exit code; what comes after the call is the run's. Runs of the script's own are canceled."""
    script("""
        from azureml.core import Run

        run = Run.get_context()
        run.cancel()
        assert run.status == run.get_status() == "Running"
        child = run.child_run("part")
        child.cancel()
        assert child.get_status() == "Canceled"
        try:
            with run:
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            run.log("x", 1)
        """)
    assert [line["msg"].split(":")[0] for line in lines(home, "l")] == ["run.cancel() was ignored"]
    assert series(home, "x") == [1]
    assert end(home)["status"] == "Completed"
