"""What a store answers to scripts that ask of the past."""

from __future__ import annotations

import base64
import json

import pytest
import store_rig
from spoolfiles import T0, line

from outrider_agent import errors
from outrider_agent.store import editing


@pytest.fixture
def store(tmp_path):
    made = store_rig.StoreRig(tmp_path / "outrider.db")
    yield made
    made.read.close()
    made.sink.close()


def test_the_latest_word_on_a_tag_or_a_name_counts_in_whichever_order_streams_are_committed(store):
    """A run may be tagged and named by several streams, after its end too; within a stream its order counts, however the clock jumps."""
    store.feed(line("tag", T0 + 9, n="stage", v="final"), line("run", T0 + 9, name="renamed", description="late"), writer="py-2")
    store.feed(line("run", T0, name="first", description="early"), line("tag", T0 + 1, n="stage", v="dev"))
    store.feed(line("tag", T0 + 5, n="x", v=1), line("tag", T0 + 2, n="x", v=2), line("tag", T0 + 3, n="gone", v=1))
    store.feed(line("tag", T0 + 4, **{"n": "gone", "del": True}), writer="py-3")
    run = store.read.run("r1")
    assert run.tags == {"stage": "final", "x": 2}
    assert (run.name, run.description) == ("renamed", "late")


def test_what_the_run_api_says_of_a_run_is_in_its_document(store):
    """Type, inputs, phase, snapshot, models: as it was said; a phase is gone with the end."""
    store.head(exp="ridge")
    store.feed(line("run", T0, type="outrider.submitted", inputs={"train": {"paths": ["/x"]}}), line("ph", T0, ph="Preparing"))
    store.feed(
        line("snap", T0, id="s1", sha="ab", size=1, files=1, root="/x"), line("prop", T0, n="p", v=1), line("param", T0, n="lr", v=0.1)
    )
    store.feed(line("model", T0, n="ridge", ver=1, p="outputs/m.pkl", files={"m.pkl": ["ab", 5]}, d="best", fw="sk"))
    (found,) = store.read.documents(run="r1")["runs"]
    assert (found["type"], found["phase"], found["snapshot"], found["inputs"]) == (
        "outrider.submitted",
        "Preparing",
        "s1",
        {"train": {"paths": ["/x"]}},
    )
    assert (found["properties"], found["params"], found["number"], found["experiment"]) == ({"p": 1}, {"lr": 0.1}, 1, "ridge")
    (one,) = store.read.models("r1")
    assert (one.name, one.version, one.files, one.framework) == ("ridge", 1, {"m.pkl": ["ab", 5]}, "sk")
    assert [item.sha256 for item in store.read.snapshots("r1")] == ["ab"]


def test_children_are_found_to_any_depth_and_a_circle_ends(store):
    """A run that names itself, or a child, as its parent harms nothing."""
    for run, parent in (("top", "leaf"), ("child", "top"), ("leaf", "child"), ("other", None)):
        store.feed(line("head", v=1, run=run, w="py-1", seg=0, own=True), line("run", T0, parent=parent) if parent else b"", run=run)
    assert [one["run"] for one in store.read.documents(parent="top")["runs"]] == ["child"]
    assert {one["run"] for one in store.read.documents(parent="top", recursive=True)["runs"]} == {"child", "leaf"}
    with pytest.raises(errors.NotFound):
        store.read.documents(parent="nobody")


def test_the_console_can_be_read_from_any_byte_of_it(store):
    """Whatever chunk it lies in; past its end there is nothing."""
    store.feed(line("c", f=1, o=0, d="hello "), line("c", f=2, o=0, d="big "), line("c", f=1, o=6, d="world"))
    whole = b"hello big world"
    for start in range(len(whole) + 2):
        found = store.read.console_from("r1", start)
        assert (base64.b64decode(found["data"]), found["total"]) == (whole[start:], len(whole))


def test_a_registered_model_outlives_its_run(store):
    """Its bytes stay when the run goes, and when another run that had the same file goes; a run's snapshot goes with it."""
    home = store.path.parent
    about = home / "models" / "ridge" / "1" / "about.json"
    about.parent.mkdir(parents=True)
    about.write_text(json.dumps({"v": 1, "name": "ridge", "version": 1, "files": {"m.pkl": ["model", 1]}}))
    for run in ("r1", "r2"):
        store.feed(line("art", T0, p="outputs/m.pkl", size=1, sha="model"), line("snap", T0, id="s", sha="zip " + run, size=1), run=run)
    assert editing.delete_run(store.path, "r1", home) == ["zip r1"]
    assert editing.delete_run(store.path, "r2", home) == ["zip r2"]
