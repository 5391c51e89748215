"""The run that a process is in, workspaces, datasets, what a cell shows, and the console of a run under its two names."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from agent_modes import MODES, Mode
from handler_support import lines, process, run_script, streams  # noqa: F401 -- a fixture
from tracked import RUN

import outrider
from outrider import Dataset, Experiment, Run, Workspace, _current

IN_A_RUN = """
import outrider
run = outrider.Run.get_context()
again = outrider.Run.get_context(allow_offline=False)
assert run is again and run is outrider.current_run()
run.log("x", 1)
assert run.get_metrics() == {"x": 1}, run.get_metrics()
assert run.experiment.name == "context", run.experiment
assert run.parent is None and run.number == 1, (run.parent, run.number)
assert not run.id.startswith("OfflineRun")
with run.child_run() as child:
    child.log("y", 2)
assert {one.id for one in run.get_children()} == {child.id}
print("from the script")
"""


@pytest.mark.parametrize("name", MODES)
def test_a_script_under_outrider_run_is_in_that_run(home, tmp_path, name):
    """get_context is that run, the same object each time; its console is a file of it, under both names; what it starts are children."""
    mode = Mode(home, name)
    try:
        script = tmp_path / "train.py"
        script.write_text(IN_A_RUN)
        command = [*RUN[:-1], "--experiment", "context", "--run-id", "r1", "--", sys.executable, str(script)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "from the script\n"), done.stderr
        mode.between()
        run = Run.get(None, "r1")
        assert run.get_file_names() == ["user_logs/std_log.txt"]
        for name_ in ("user_logs/std_log.txt", "azureml-logs/70_driver_log.txt"):
            run.download_file(name_, str(tmp_path / "log.txt"))
            assert (tmp_path / "log.txt").read_text() == "from the script\n"
        (path,) = run.get_all_logs(str(tmp_path / "logs"))
        assert path == str(tmp_path / "logs" / "user_logs" / "std_log.txt")
        with pytest.raises(FileExistsError):
            run.get_all_logs(path)
        assert run.get_details_with_logs()["logFiles"] == {"user_logs/std_log.txt": "from the script\n"}
        assert (run.get_status(), run.get_metrics()) == ("Completed", {"x": 1})
        assert len(run.get_metrics(recursive=True)) == 2
    finally:
        mode.stop()


def test_without_any_run_get_context_makes_one(home):
    """A real run, that says at exit how it went; asked not to, it says what there is to do."""
    done = run_script(
        home,
        """
        import outrider
        try:
            outrider.Run.get_context(allow_offline=False)
        except outrider.RunNotFound as error:
            print(error)
        run = outrider.Run.get_context()
        assert run is outrider.Run.get_context() is outrider.current_run()
        run.log("x", 1)
        """,
    )
    assert "outrider run" in done.stdout
    assert [line["status"] for line in lines(home, "end")] == ["Completed"]
    assert [line["v"] for line in lines(home, "m")] == [1]


INTERACTIVE_IN_A_RUN = """
import logging, outrider
logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
logging.info("before")
run = outrider.Experiment(None, "inner").start_logging(run_id="inner", outputs=False)
logging.info("within")
assert run.parent is None
run.complete()
logging.info("after")
assert outrider.current_run().id == outrider.Run.get_context().id == "outer"
"""


def test_an_interactive_run_within_a_run_is_its_own(home, tmp_path):
    """It is no child, and listed by its experiment; around it records go to the run that the process was started in."""
    script = tmp_path / "train.py"
    script.write_text(INTERACTIVE_IN_A_RUN)
    command = [*RUN[:-1], "--run-id", "outer", "--", sys.executable, str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    logged = {
        run: [line["msg"] for line in found if line["k"] == "l"] for (run, writer), found in streams(home).items() if writer[:2] == "py"
    }
    assert logged == {"outer": ["before", "after"], "inner": ["within"]}
    assert [one.id for one in Experiment(None, "inner").get_runs()] == ["inner"]


def test_get_context_after_the_end_is_a_new_run(home, process):  # noqa: F811
    """A cell that is run again begins anew."""
    first = Run.get_context()
    first.log("x", 1)
    first.complete()
    second = Run.get_context()
    second.log("x", 2)
    assert (first.id != second.id, second.get_metrics()) == (True, {"x": 2})


def test_runs_that_a_script_leaves_open_are_ended_with_it(home):
    """Interactive runs and children; a failure fails them; a fork's child ends none of its parent's."""
    done = run_script(
        home,
        """
        import os, sys
        import outrider
        run = outrider.Experiment(None, "left").start_logging(outputs=False)
        child = run.child_run()
        if os.fork() == 0:
            sys.exit(0)
        os.wait()
        raise ValueError("no")
        """,
        check=False,
    )
    assert done.returncode == 1
    assert [(line["status"], line["reason"]) for line in lines(home, "end")] == [("Failed", "exception")] * 2


def test_nothing_is_kept_or_asked_when_outrider_is_turned_off(home):
    """OUTRIDER_DISABLED=1: every call does nothing, and none fails."""
    run_script(
        home,
        """
        import outrider
        from outrider import Experiment, Run
        run = Experiment(None, "off").start_logging(outputs=False)
        run.log("x", 1); run.tag("a", 1); run.add_properties({"p": 1}); run.description = "d"
        run.log_image("i", plot=type("P", (), {"savefig": lambda *a, **k: None})())
        run.log_confusion_matrix("c", {})
        run.upload_file("x", __file__)
        child = run.child_run()
        child.complete()
        run.register_model("m", "x")
        assert (run.get_metrics(), run.get_file_names(), list(run.get_children()), run.get_tags()) == ({}, [], [], {})
        assert (run.get_status(), list(run.experiment.get_runs())) == ("Running", [])
        run.complete()
        """,
        OUTRIDER_DISABLED="1",
    )
    assert not home.exists()


@pytest.mark.parametrize("folder", [".azureml", "aml_config", ""])
def test_a_workspace_is_found_upwards_from_here(home, tmp_path, monkeypatch, folder):
    """In the original's folders and files, nearest first; a Scope is taken apart; without a file it is the local workspace."""
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert Workspace.from_config().name == "default"
    (tmp_path / folder).mkdir(exist_ok=True)
    scope = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.MachineLearningServices/workspaces/w1"
    (tmp_path / folder / "project.json").write_text(json.dumps({"Scope": scope}))
    found = Workspace.from_config()
    assert (found.subscription_id, found.resource_group, found.name) == ("s1", "g1", "w1")
    Workspace("s2", "g2", "w2").write_config("..")
    assert (tmp_path / "a" / ".azureml" / "config.json").exists()
    assert Workspace.from_config().name == "w2"
    assert Workspace.from_config(path="../.azureml/config.json").name == "w2"
    assert Workspace.from_config(str(tmp_path / "nowhere")).name in {"default", "w1"}
    (tmp_path / "a" / ".azureml" / "config.json").write_text("{")
    with pytest.raises(outrider.ConfigUnusable, match="no JSON"):
        Workspace.from_config()
    for missing in ({"path": str(tmp_path.parent / "none" / "config.json")}, {"_file_name": "none.json"}):
        with pytest.raises(outrider.ConfigNotFound, match=r"could not be found in .*/.* or its parent directories"):
            Workspace.from_config(**missing)
    assert Workspace.get("named").name == "named"


def test_datasets_are_files_under_a_name(home, tmp_path, monkeypatch):
    """Registered once for the same paths; tables by pandas, files by their paths; what is not there is said."""
    tmp_path = tmp_path / "data"
    tmp_path.mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    table = Dataset.Tabular.from_delimited_files("t.csv").register(Workspace(), "table", description="three rows")
    assert table.register(Workspace(), "table").version == table.version == 1
    assert table.register(Workspace(), "table", create_new_version=True).version == 2
    found = Dataset.get_by_name(Workspace(), "table", version=1)
    assert found.to_pandas_dataframe().to_dict("list") == {"a": [1, 3, 5], "b": [2, 4, 6]}
    assert found.take(1).to_pandas_dataframe().shape == (1, 2)
    assert list(found.drop_columns("a").skip(1).to_pandas_dataframe()["b"]) == [4, 6]
    one, other = found.random_split(0.4, seed=1)
    both = [*one.to_pandas_dataframe()["a"], *other.to_pandas_dataframe()["a"]]
    assert sorted(both) == [1, 3, 5]
    assert Dataset.File.from_files(str(tmp_path)).to_path() == [str(tmp_path / "t.csv")]
    assert os.path.basename(Dataset.File.from_files("*.csv").download()[0]) == "t.csv"
    with Dataset.File.from_files("t.csv").mount() as folder:
        assert folder == str(tmp_path)
    assert list(Workspace().datasets) == ["table"]
    with pytest.raises(outrider.DatasetNotFound, match="Registered are: table"):
        Dataset.get_by_name(Workspace(), "none")
    with pytest.raises(FileNotFoundError):
        Dataset.File.from_files("none/*").to_path()


def test_a_run_in_a_cell_shows_what_it_is(home, tmp_path, monkeypatch, process):  # noqa: F811
    """Experiment, id, type, status and two links; text is escaped; the text form has the original's four lines."""
    monkeypatch.chdir(tmp_path)
    run = outrider.start_run("a <b>", name="n", outputs=False)
    text, shown = repr(run), run._repr_html_()
    assert text.split("\n") == ["Run(Experiment: a <b>,", f"Id: {run.id},", "Type: None,", "Status: Running)"]
    assert "a &lt;b&gt;" in shown
    assert f"/runs/{run.id}" in shown
    assert "Link to Documentation" in shown
    assert run.get_portal_url().endswith(f"/runs/{run.id}")
    experiment = Experiment(Workspace(), "ridge")
    assert "ridge" in experiment._repr_html_()
    assert experiment.get_portal_url().endswith("/runs?experiment=ridge")


def test_two_processes_never_register_one_version_twice(home, tmp_path):
    """A version is a folder that only one process can make."""
    (tmp_path / "m").write_text("m")
    code = "import outrider\nfor _ in range(20): outrider.Model.register(None, 'm', 'race')"
    started = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) for _ in range(3)]
    assert [one.wait(60) for one in started] == [0, 0, 0]
    assert sorted(one.version for one in outrider.Model.list(name="race")) == list(range(1, 61))


def test_whoever_looks_up_a_run_of_this_process_has_that_run_while_it_runs(home, process):  # noqa: F811
    """The same object; of one that has ended another, attached, which may be written to."""
    run = outrider.start_run("own", outputs=False)
    run.log("x", 1)
    assert Run.get(None, run.id) is run
    assert next(run.experiment.get_runs()) is run
    run.complete()
    other = Run.get(None, run.id)
    other.log("x", 2)
    with pytest.raises(outrider.RunEnded):
        run.log("x", 3)
    assert run.get_metrics() == other.get_metrics() == {"x": [1, 2]}
    other._writer.close()


def test_a_run_under_another_class_is_the_same_run(home, process):  # noqa: F811
    """What ends one ends the other; records no longer go to it."""

    class Other(Run):
        pass

    run = outrider.start_run("twins", outputs=False)
    twin = Other.get_context()
    assert twin is Other.get_context()
    assert (twin.id, type(twin)) == (run.id, Other)
    twin.log("x", 1)
    twin.complete()
    assert (run.status, run.get_metrics(), _current.get()) == ("Completed", {"x": 1}, None)
    assert isinstance(Other.get(None, run.id), Other)


def test_what_left_the_spool_and_what_came_since_are_read_together(home, tmp_path, monkeypatch, process):  # noqa: F811
    """An agent took everything and ended: its store is read, and with it what was said since. With the store gone it is refused."""
    monkeypatch.chdir(tmp_path)
    experiment = Experiment(None, "gone")
    run = experiment.start_logging(outputs=False)
    run.log("x", 1)
    run.complete()
    mode = Mode(home, MODES[0])
    run._writer.close()
    attached = Run(experiment, run.id)
    from waiting import until

    until(lambda: not (home / "spool" / run.id).exists(), 60, "the agent did not give the run's folder back")
    mode.stop()
    assert (attached.get_metrics(), attached.get_status(), attached.number) == ({"x": 1}, "Completed", 1)
    other = experiment.start_logging(outputs=False)
    assert [(one.id, one.number) for one in experiment.get_runs()] == [(other.id, 2), (run.id, 1)]
    attached.log("y", 2)  # into a folder that holds nothing else of the run
    attached.tag("stage", "late")
    asks = (
        attached.get_metrics,
        attached.get_tags,
        attached.get_status,
        attached.get_file_names,
        lambda: [(one.id, one.number, one.get_tags()) for one in experiment.get_runs()],
    )
    without = [ask() for ask in asks]
    assert without == [
        {"x": 1, "y": 2},
        {"stage": "late"},
        "Completed",
        [],
        [(other.id, 2, {}), (run.id, 1, {"stage": "late"})],
    ]
    (home / "outrider.db").rename(home / "gone.db")
    for ask in asks:
        with pytest.raises(outrider.HistoryUnavailable, match="outrider agent"):
            ask()
    (home / "gone.db").rename(home / "outrider.db")
    mode.start()
    assert [ask() for ask in asks] == without
    attached._writer.close()
    mode.stop()
