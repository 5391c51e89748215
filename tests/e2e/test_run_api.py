"""The run API in one process, with an agent, without one, and with one that comes in between: the answers are the same."""

from __future__ import annotations

import json
import logging
import os

import pytest
from agent_modes import MODES, Mode
from handler_support import lines, process  # noqa: F401 -- a fixture

import outrider
from outrider import Experiment, Model, Run, Workspace


class Plot:
    """Whatever has `savefig` is a plot, as a module or a figure of matplotlib."""

    def savefig(self, file, format=None):  # noqa: A002
        file.write(b"\x89PNG\r\n\x1a\n" + (format or "").encode())


@pytest.fixture(params=MODES)
def mode(request, home, tmp_path, monkeypatch, process):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    made = Mode(home, request.param)
    yield made
    made.stop()


@pytest.fixture
def experiment(mode):
    return Experiment(Workspace.from_config(), "ridge")


def test_everything_that_was_said_of_a_run_is_told_of_it(mode, experiment):
    """Tags, properties, description, name, number, status, details: while it runs, after its end, and by whoever attaches to it."""
    run = experiment.start_logging(display_name="first")
    run.set_tags({"stage": "dev", "count": 3, "none": None})
    run.tag("gone")
    run.remove_tags(["gone"])
    run.add_properties({"commit": "abc"})
    run.add_properties({"commit": "abc", "more": [1, 2]})
    run.description = "what it is about"
    mode.between()
    with pytest.raises(outrider.PropertyChanged, match="'commit' is 'abc'"):
        run.add_properties({"commit": "def", "new": 1})
    assert run.get_status() == run.status == "Running"
    assert "endTimeUtc" not in run.get_details()
    run.display_name = "renamed"
    run.complete()
    run.tag("stage", "final")  # what is said of a run may be said after its end
    for one in (run, Run(experiment, run.id), Run.get(None, run.id), next(experiment.get_runs()), experiment.workspace.get_run(run.id)):
        assert one.get_tags() == {"stage": "final", "count": 3, "none": None}
        assert one.get_properties() == {"ContentSnapshotId": run.get_snapshot_id(), "commit": "abc", "more": [1, 2]}
        assert (one.get_status(), one.description, one.display_name, one.number) == ("Completed", "what it is about", "renamed", 1)
        assert one.experiment == experiment
    details = run.get_details()
    assert details["runId"] == run.id
    assert details["startTimeUtc"] < details["endTimeUtc"]
    assert (details["status"], details["properties"]["commit"], "error" in details) == ("Completed", "abc", False)


def test_a_failed_run_says_why(mode, experiment):
    """The error as the original has it: a code, "User program failed with …", what is known of the exception."""
    run = experiment.start_logging(outputs=False)
    mode.between()
    with pytest.raises(ZeroDivisionError), run:
        print(1 / 0)
    error = Run.get(None, run.id).get_details()["error"]["error"]
    assert (run.get_status(), error["code"]) == ("Failed", "UserError")
    assert error["message"] == "User program failed with ZeroDivisionError: division by zero"
    assert "1 / 0" in error["debugInfo"]["stackTrace"]
    told = experiment.start_logging(outputs=False)
    told.fail("no data", error_code="DataError")
    mode.between()
    error = Run.get(None, told.id).get_details()["error"]["error"]
    assert (error["code"], error["message"]) == ("DataError", "no data")
    with pytest.raises(TypeError):
        told.fail(3)


def test_metrics_have_the_shapes_of_the_original(mode, experiment):
    """Table A4 of what is logged and what get_metrics() returns; a log record counts, a printed line does not."""
    run = experiment.start_logging(outputs=False)
    run.log("once", 1, description="a number")
    for value in (1, 2.5):
        run.log("twice", value)
    run.log_list("list", [1, 2])
    run.log_list("list", [3])
    run.log_list("one", [7])
    run.log_row("row", "a description", x=1, y="a")
    for x in (1, 2):
        run.log_row("rows", x=x, y=x * x)
    run.log_table("table", {"x": [1, 2], "y": [3.5, 4]})
    run.log_table("flat", {"x": 1, "y": 2})
    run.log_row("differ", a=1)
    run.log_row("differ", b=2)
    run.log("both", 1)
    run.log_row("both", a=1)
    run.log_image("ROC", plot=Plot())
    run.log_image("ROC", Plot())
    run.log_residuals("res", {"schema_type": "residuals", "data": {}})
    logging.getLogger().info("quiet")
    print("printed=5")
    mode.between()
    metrics = run.get_metrics()
    (first, _) = [line["p"] for line in lines(mode.home, "fig") if line["n"] == "ROC"] or [metrics["ROC"].rpartition("/")[2], None]
    address = f"aml://artifactId/ExperimentRun/dcid.{run.id}/"
    assert metrics == {
        "once": 1, "twice": [1.0, 2.5], "list": [1, 2, 3], "one": 7, "row": {"x": 1, "y": "a"}, "rows": {"x": [1, 2], "y": [1, 4]},
        "table": {"x": [1, 2], "y": [3.5, 4.0]}, "flat": {"x": 1, "y": 2}, "differ": {"a": [1, None], "b": [None, 2]},
        "both": 1, "both (table)": {"a": 1}, "ROC": address + first, "res": address + "res",
    }  # fmt: skip
    assert run.get_metrics(name="rows") == {"rows": {"x": [1, 2], "y": [1, 4]}}
    assert run.get_metrics("unknown") == {}
    populated = run.get_metrics(populate=True)
    assert populated["res"] == {"schema_type": "residuals", "data": {}}
    assert populated["ROC"].startswith(b"\x89PNG")


def test_images_in_every_spelling_are_kept_and_told_apart(mode, experiment, tmp_path):
    """A plot in the path's place is one; several of a second have several names; a file keeps its path; what is no picture is refused."""
    run = experiment.start_logging(outputs=False)
    for _ in range(9):
        run.log_image("ROC", plot=Plot())
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "p.gif").write_bytes(b"GIF89a...")
    run.log_image(name="file", path="plots/p.gif", description="a file")
    run.log_image("absolute", str(tmp_path / "plots" / "p.gif"))
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(outrider.InvalidImage, match=r"text\.png is no picture"):
        run.log_image("text", "text.png")
    with pytest.raises(outrider.InvalidImage, match="savefig"):
        run.log_image("number", plot=3)
    with pytest.raises(ValueError, match="both"):
        run.log_image("both", "text.png", Plot())
    with pytest.raises(ValueError, match="neither"):
        run.log_image("neither")
    with pytest.raises(FileNotFoundError):
        run.log_image("missing", "missing.png")
    mode.between()
    names = run.get_file_names()
    assert len([name for name in names if name.startswith("ROC_") and name.endswith(".png")]) == 9
    assert {"plots/p.gif", "p.gif"} <= set(names)
    assert set(run.get_metrics()) == {"ROC", "file", "absolute"}


@pytest.mark.parametrize("kind", ["confusion_matrix", "accuracy_table", "predictions", "residuals"])
def test_charts_are_kept_as_sent(home, tmp_path, monkeypatch, process, kind):  # noqa: F811
    """A dict or JSON text; text that is no JSON is refused with a word; nothing is checked within."""
    monkeypatch.chdir(tmp_path)
    run = outrider.start_run("charts", outputs=False)
    document = {"schema_type": kind, "schema_version": "1.0.0", "data": {"odd": [1.5, None]}}
    log = getattr(run, f"log_{kind}")
    log("as dict", document, description="said")
    log("as text", json.dumps(document, indent=7))
    with pytest.raises(ValueError, match="Invalid JSON"):
        log("bad", "{")
    with pytest.raises(TypeError):
        log("worse", 3)
    run.download_file("as text", "text.json")
    assert (tmp_path / "text.json").read_text() == json.dumps(document, indent=7)
    assert run.get_metrics(populate=True) == {"as dict": document, "as text": document}
    assert [line["ty"] for line in lines(home, "fig")] == [f"azureml.v2.{kind}"] * 2
    assert lines(home, "fig")[0]["d"] == "said"


def test_files_are_named_and_copied(mode, experiment, tmp_path):
    """Uploaded ones and those of ./outputs, which the run's end keeps, whatever becomes of the folder then."""
    (tmp_path / "outputs").mkdir()
    os.utime(tmp_path / "outputs")
    run = experiment.start_logging()
    (tmp_path / "outputs" / "model.pkl").write_text("the model")
    (tmp_path / "outputs" / "sub").mkdir()
    (tmp_path / "outputs" / "sub" / "notes.txt").write_text("notes")
    (tmp_path / "a.txt").write_text("a")
    run.upload_file("data/a.txt", "a.txt")
    run.upload_file(name="outputs/model.pkl", path_or_stream="outputs/model.pkl")  # and once more at the end: that is no conflict
    run.upload_files(["b", "c"], ["a.txt", "a.txt"])
    run.upload_folder("folder", "outputs")
    with pytest.raises(TypeError, match="2 and 1"):
        run.upload_files(["b", "c"], ["a.txt"])
    mode.between()
    run.complete()
    (tmp_path / "outputs" / "model.pkl").write_text("another run's")
    names = ["b", "c", "data/a.txt", "folder/model.pkl", "folder/sub/notes.txt", "outputs/model.pkl", "outputs/sub/notes.txt"]
    assert run.get_file_names() == names
    run.download_file("outputs/model.pkl")
    assert (tmp_path / "model.pkl").read_text() == "the model"
    run.download_file("./outputs/model.pkl", output_file_path=str(tmp_path / "sub" / "m.pkl"))
    run.download_file("data/a.txt", "sub")
    assert sorted(os.listdir(tmp_path / "sub")) == ["a.txt", "m.pkl"]
    run.download_files(prefix="outputs", output_directory="whole")
    run.download_files(prefix="outputs/", output_directory="inner", append_prefix=False)
    run.download_files(prefix="folder/model", output_paths=["one"])
    assert (tmp_path / "whole" / "outputs" / "sub" / "notes.txt").read_text() == "notes"
    assert (tmp_path / "inner" / "sub" / "notes.txt").read_text() == "notes"
    assert (tmp_path / "one").read_text() == "the model"
    with pytest.raises(outrider.FileNotInRun, match=r"File with path no was not found,\navailable files include: b, c"):
        run.download_file("no")


def test_a_file_is_there_as_soon_as_it_is_written(mode, experiment, tmp_path):
    """A model is registered, and a file downloaded, right after it was written: nobody waits for a collector."""
    run = experiment.start_logging()
    mode.between()
    for text in ("one", "two"):
        (tmp_path / "outputs" / "model.pkl").write_text(text)
        model = run.register_model("quick", "outputs/model.pkl")
        with open(model.download(f"got-{text}"), encoding="utf-8") as file:
            assert file.read() == text
    assert (run.get_file_names(), model.version) == (["outputs/model.pkl"], 2)
    run.complete()


def test_children_are_runs_of_their_own(mode, experiment):
    """child_run, create_children, get_children, parent, recursive metrics; an experiment's list leaves children out unless asked."""
    run = experiment.start_logging(outputs=False)
    child = run.child_run("kid")
    with child.child_run("grandkid") as grandchild:
        grandchild.log("depth", 2)
    child.parent.log("from the child", 1)
    few = run.create_children(count=2)
    tagged = run.create_children(tag_key="fold", tag_values=["a", "b"])
    for one in (*few, *tagged):
        one.log("x", 1)
        one.complete()
    mode.between()
    with pytest.raises(ValueError, match="either count"):
        run.create_children()
    with pytest.raises(ValueError, match="at most 100"):
        run.create_children(count=101)
    assert child.parent.id == run.id
    assert run.parent is None
    assert {one.id for one in run.get_children()} == {child.id, *(one.id for one in (*few, *tagged))}
    assert {one.id for one in run.get_children(recursive=True, status="Running")} == {child.id}
    assert [one.id for one in run.get_children(tags={"fold": "b"})] == [tagged[1].id]
    assert sorted(one.get_tags()["azureml.batch_child_number"] for one in run.get_children(tags="azureml.batch_child_number")) == ["0", "1"]
    assert [one.id for one in Run.get(None, child.id).get_children()] == [grandchild.id]
    metrics = run.get_metrics(recursive=True)
    assert metrics[run.id] == {"from the child": 1}
    assert metrics[grandchild.id] == {"depth": 2}
    assert len(metrics) == 7
    child.complete()
    run.complete()
    assert [one.id for one in experiment.get_runs()] == [run.id]
    assert len(list(experiment.get_runs(include_children=True))) == 7
    assert len(list(experiment.get_runs(include_children=True, status="Completed", tags="fold"))) == 2


def test_models_have_versions_and_outlive_their_run(mode, experiment, tmp_path):
    """From a file or a folder of the run, from one of the disk; found by name, version, tags; downloaded whole."""
    run = experiment.start_logging()
    (tmp_path / "outputs" / "m").mkdir()
    (tmp_path / "outputs" / "m" / "w.bin").write_text("w")
    (tmp_path / "outputs" / "model.pkl").write_text("one")
    (tmp_path / "best.pkl").write_text("two")
    mode.between()
    run.complete()
    first = run.register_model(model_name="ridge", model_path="./outputs/model.pkl", tags={"area": "x"}, properties={"alpha": 0.4})
    second = run.register_model("ridge", file_name="best.pkl", description="better")
    folder = run.register_model("folder", "outputs/m", model_framework="sk", model_framework_version="1")
    disk = Model.register(experiment.workspace, "best.pkl", "on disk")
    assert [(one.name, one.version, one.id) for one in (first, second)] == [("ridge", 1, "ridge:1"), ("ridge", 2, "ridge:2")]
    with pytest.raises(outrider.ModelPathNotFound, match=r"outputs/model\.pkl"):
        run.register_model("none", "outputs/none.pkl")
    workspace = Workspace()
    assert (Model(workspace, "ridge").version, Model(workspace, "ridge", version=1).tags) == (2, {"area": "x"})
    assert Model(workspace, id="ridge:1").properties == {"alpha": 0.4}
    assert [one.id for one in Model.list(workspace, name="ridge")] == ["ridge:2", "ridge:1"]
    assert [one.id for one in Model.list(workspace, tags=[["area", "x"]])] == ["ridge:1"]
    assert {one.name for one in Model.list(workspace, latest=True)} == {"ridge", "folder", "on disk"}
    with pytest.raises(outrider.ModelNotFound, match="no version 7"):
        Model(workspace, "ridge", version=7)
    with pytest.raises(outrider.ModelNotFound, match="Registered are: folder, on disk, ridge"):
        Model(workspace, "none")
    path = first.download("got")
    assert (path, (tmp_path / "got" / "model.pkl").read_text()) == (os.path.join("got", "model.pkl"), "one")
    with pytest.raises(FileExistsError):
        first.download("got")
    assert (tmp_path / folder.download("got", exist_ok=True) / "w.bin").read_text() == "w"
    with open(Model.get_model_path("ridge"), encoding="utf-8") as file:
        assert file.read() == "two"
    assert (workspace.models["ridge"].version, list(workspace.models)) == (2, ["folder", "on disk", "ridge"])
    assert "x" not in workspace.models
    assert (disk.run, first.run.id, second.created_time.year > 2000) == (None, run.id, True)
    second.delete()
    third = run.register_model("ridge", "outputs/model.pkl")
    assert (Model(workspace, "ridge").version, third.version) == (3, 3)


def test_experiments_have_tags_and_can_be_archived(mode, experiment):
    """Also without a run; `ws.experiments` and `Experiment.list` have those with runs, too."""
    experiment.start_logging(outputs=False).complete()
    quiet = Experiment(experiment.workspace, "quiet")
    quiet.set_tags({"a": 1, "b": 2})
    quiet.remove_tags(["b"])
    mode.between()
    assert sorted(experiment.workspace.experiments) == ["quiet", "ridge"]
    assert Experiment(None, "quiet").tags == {"a": 1}
    quiet.archive()
    assert [one.name for one in Experiment.list(experiment.workspace)] == ["ridge"]
    assert [one.name for one in Experiment.list(experiment.workspace, view_type="ArchivedOnly")] == ["quiet"]
    quiet.reactivate()
    assert quiet.archived_time is None
    with pytest.raises(ValueError, match="has runs"):
        Experiment.delete(experiment.workspace, experiment.id)
    with pytest.raises(ValueError, match="letters, digits"):
        Experiment(None, "no spaces")


def test_what_is_not_there_is_said(mode, experiment):
    """An unknown run, by whichever way; what was found lists none of it."""
    experiment.start_logging(outputs=False).complete()
    mode.between()
    for ask in (lambda: Run(experiment, "nobody"), lambda: Run.get(None, "nobody"), lambda: experiment.workspace.get_run("nobody")):
        with pytest.raises(outrider.RunNotFound, match="nobody"):
            ask()
    assert list(Experiment(None, "empty").get_runs()) == []


def test_an_attached_run_can_be_written_to(mode, experiment):
    """Into a stream of this process in that run; nothing of the earlier is lost, and no part is ever given for the whole."""
    run = experiment.start_logging(outputs=False)
    run.log("x", 1)
    run.complete()
    mode.between()
    other = Run(experiment, run.id)
    other.log("x", 2)
    other.log("y", 3)
    other.tag("by", "another")
    assert other.get_metrics() == {"x": [1, 2], "y": 3}
    assert run.get_tags() == {"by": "another"}
    other._writer.close()
