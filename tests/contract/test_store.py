"""What the store makes of each kind of docs/spool.md, seen through its reader."""

from __future__ import annotations

import os

import msgspec
import pytest
import store_rig
from spoolfiles import T0, line

from outrider_agent import errors, model
from outrider_agent.store import editing, records


@pytest.fixture
def store(tmp_path):
    made = store_rig.StoreRig(tmp_path / "outrider.db")
    yield made
    made.read.close()
    made.sink.close()


def test_a_run_begins_with_its_first_header(store):
    """Numbered within its experiment, running, started then."""
    store.head(exp="ridge", host="h", boot="b", pid=7, rank=1, t=T0 + 5)
    store.head(run="r2", exp="ridge", t=T0 + 9)
    run = store.read.run("r1")
    assert (run.experiment, run.number, run.status, run.started, run.host) == ("ridge", 1, "Running", T0 + 5, "h")
    assert [(r.run_id, r.number) for r in store.read.runs()] == [("r2", 2), ("r1", 1)]
    (stream,) = store.read.streams("r1")
    assert (stream.owner, stream.pid, stream.rank, stream.boot) == (True, 7, 1, "b")
    (experiment,) = store.read.experiments()
    assert (experiment.name, experiment.runs, experiment.running) == ("ridge", 2, 2)


def test_a_run_line_describes_the_run(store):
    """Later fields win; tags are set."""
    store.head(exp="e")
    store.feed(line("run", name="a", command=["python", "t.py"], cwd="/w", outputs=["/w/outputs"], user="u", python="3.11", tags={"k": 1}))
    store.feed(line("run", name="b", parent="r0", attempt=2))
    run = store.read.run("r1")
    assert (run.name, run.command, run.cwd, run.outputs, run.user) == ("b", ["python", "t.py"], "/w", ["/w/outputs"], "u")
    assert (run.parent_run_id, run.attempt, run.tags) == ("r0", 2, {"k": 1})


def test_a_chosen_experiment_beats_a_default_one(store):
    """The run moves and gets a new number; nothing moves it back."""
    store.head(run="r0", exp="ridge")
    store.head(exp="folder")
    store.feed(line("run", experiment="folder", default=True))
    assert store.read.run("r1").experiment == "folder"
    store.feed(line("run", experiment="ridge"))
    assert (store.read.run("r1").experiment, store.read.run("r1").number) == ("ridge", 2)
    store.feed(line("run", experiment="folder", default=True))
    store.feed(line("run", experiment="other"))
    assert store.read.run("r1").experiment == "ridge"
    assert [experiment.name for experiment in store.read.experiments()] == ["ridge"]


@pytest.mark.parametrize("chosen", [None, "ridge"])
def test_runs_that_come_together_are_numbered_in_the_order_in_which_they_started(store, chosen):
    """Whatever the order of their streams in the batch is, and also where a later line moves them; of one time by id."""
    slices = []
    for run, t in [("r5", 30), ("r1", 50), ("r4", 10), ("r2", 40), ("r3", 10)]:
        data = line("head", T0 + t, v=1, run=run, w="w", seg=0, own=True, exp="folder")
        if chosen:
            data += line("run", T0 + 60 - t, experiment=chosen)
        stream, end = model.StreamId(run, "w"), model.Position(0, len(data))
        slices.append(model.Slice(stream=stream, start=model.START, end=end, data_offset=0, data=data))
    store.sink.commit(model.Batch(slices=tuple(slices)))
    assert sorted((run.number, run.run_id) for run in store.read.runs(chosen)) == [(1, "r3"), (2, "r4"), (3, "r5"), (4, "r2"), (5, "r1")]


def test_a_run_without_a_header_is_in_the_default_experiment(store):
    """Until somebody names one."""
    store.feed(line("m", n="x", v=1))
    assert store.read.run("r1").experiment == "default"
    store.feed(line("run", experiment="folder", default=True))
    assert store.read.run("r1").experiment == "folder"


def test_the_owners_end_is_the_runs_end(store):
    """With code, signal and error."""
    store.head()
    store.feed(
        line("end", T0 + 9, status="Failed", reason="exception", code=1, err={"type": "ValueError", "message": "m", "traceback": "tb"})
    )
    run = store.read.run("r1")
    assert (run.status, run.reason, run.exit_code, run.ended) == ("Failed", "exception", 1, T0 + 9)
    assert (run.error_type, run.error_message, run.traceback) == ("ValueError", "m", "tb")


@pytest.mark.parametrize(
    ("said", "seen", "outcome"),
    [
        (("Failed", "failed"), ("Completed", "completed"), ("Failed", "failed")),
        (("Canceled", "canceled"), ("Completed", "completed"), ("Canceled", "canceled")),
        (("Completed", "completed"), ("Failed", "exit-code"), ("Failed", "exit-code")),
        (("Failed", "exception"), ("Failed", "exit-code"), ("Failed", "exit-code")),
        (("Failed", "exception"), ("Canceled", "canceled"), ("Canceled", "canceled")),
        (("Completed", "completed"), ("Failed", "keeper-lost"), ("Failed", "keeper-lost")),
    ],
)
@pytest.mark.parametrize("said_first", [True, False])
def test_the_worse_of_said_and_seen_wins_in_either_order(store, said, seen, outcome, said_first):
    """Two streams have no order between them."""
    store.head(writer="keeper-1")
    store.head(own=False)
    ends = [("py-1", said), ("keeper-1", seen)]
    for writer, (how, why) in ends if said_first else ends[::-1]:
        store.feed(line("end", status=how, reason=why), writer=writer)
        if writer == "py-1" and said_first:
            assert store.read.run("r1").status == "Running"
    assert (store.read.run("r1").status, store.read.run("r1").reason) == outcome


def test_the_error_of_a_script_is_kept_with_the_exit_code_of_its_command(store):
    """Who owns the run cannot know the traceback."""
    store.head(writer="keeper-1")
    store.feed(line("end", status="Failed", reason="exception", err={"type": "KeyError", "traceback": "tb", "code": "C"}))
    store.feed(line("end", status="Failed", reason="exit-code", code=1), writer="keeper-1")
    run = store.read.run("r1")
    assert (run.reason, run.exit_code, run.error_type, run.traceback, run.error_code) == ("exit-code", 1, "KeyError", "tb", "C")


def test_the_owners_own_words_are_not_lost_to_another_process_that_failed(store):
    """`run.fail("no data", "DataError")` has neither type nor traceback; it is the run's error even so."""
    store.head()
    store.head(own=False, writer="py-2")
    store.feed(line("end", status="Failed", reason="exception", err={"type": "KeyError", "traceback": "tb"}), writer="py-2")
    told = {"type": "", "message": "no data", "traceback": "", "code": "DataError"}
    store.feed(line("end", status="Failed", reason="failed", err=told))
    run = store.read.run("r1")
    assert (run.error_message, run.error_code, run.traceback) == ("no data", "DataError", "")


def test_an_observer_ends_a_run_whose_owner_died_and_gives_way_to_the_owner(store):
    """`vanished` comes from another stream."""
    store.head()
    store.feed(line("end", status="Failed", reason="vanished"), writer="agent-1")
    assert store.read.run("r1").reason == "vanished"
    store.feed(line("end", status="Completed", reason="ended"))
    store.feed(line("end", status="Failed", reason="vanished"), writer="agent-1")
    assert store.read.run("r1").reason == "ended"


def test_scalars_are_points_in_the_order_logged(store):
    """Every value as it was spelled, with summaries of the finite ones."""
    spelled = [0.5, 2, True, None, "NaN", "-Infinity", ["NaN"], "text", 2**80]
    store.feed(*(line("m", T0 + i, n="x", v=value, s=i) for i, value in enumerate(spelled)))
    assert [(p.step, p.time, p.value) for p in store.read.points("r1", "x")] == [(i, T0 + i, value) for i, value in enumerate(spelled)]
    (series,) = store.read.series("r1")
    assert (series.kind, series.source, series.count, series.last, series.min) == ("text", "call", len(spelled), 2**80, None)


def test_the_points_of_a_log_record_are_a_series_of_their_own(store):
    """Source `log`, at the record's time and step; a call's points come first when no source is named."""
    store.feed(line("l", lv=20, msg="m", m={"x": 1.5, "y": 2}, s=3), line("m", n="x", v=9))
    assert [(s.name, s.source) for s in store.read.series("r1")] == [("x", "log"), ("y", "log"), ("x", "call")]
    assert [p.value for p in store.read.points("r1", "x")] == [9]
    assert [(p.step, p.value) for p in store.read.points("r1", "x", "log")] == [(3, 1.5)]


def test_a_list_is_points_without_steps(store):
    """Of kind list, with its description."""
    store.feed(line("ls", n="acc", v=[1, 2.5, "NaN"], d="why"))
    (series,) = store.read.series("r1")
    assert (series.kind, series.count, series.description, series.min, series.max) == ("list", 3, "why", 1.0, 2.5)
    assert [(p.step, p.value) for p in store.read.points("r1", "acc")] == [(None, 1), (None, 2.5), (None, "NaN")]


def test_rows_and_tables_keep_columns_and_order(store):
    """In the order logged, across names."""
    store.feed(
        line("rw", n="w", c={"b": 1, "a": "x"}), line("tb", n="t", c={"z": [1, 2], "y": [3, 4]}, d="d"), line("rw", n="w", c={"b": 2})
    )
    assert [(row.name, row.kind, list(row.columns.items())) for row in store.read.rows("r1")] == [
        ("w", "row", [("b", 1), ("a", "x")]),
        ("t", "table", [("z", [1, 2]), ("y", [3, 4])]),
        ("w", "row", [("b", 2)]),
    ]


def test_a_log_record_keeps_everything(store):
    """Field by field; levels filter, keys page."""
    given = {
        "lv": 35,
        "ln": "ODD",
        "lg": "a.b",
        "msg": "hé\0",
        "fi": "f.py",
        "no": 3,
        "fn": "g",
        "th": "T",
        "ti": 5,
        "pr": "P",
        "tk": "task",
    }
    more = {
        "x": {"n": [1, None]},
        "exc": {"type": "E", "traceback": "tb"},
        "st": "s",
        "m": {"v": "NaN"},
        "s": 4,
        "bad": "why",
        "via": "hook",
    }
    store.feed(line("l", T0, **given, **more), line("l", T0 + 1, lv=10, msg="low"))
    first, second = store.read.logs("r1")
    assert (first.level, first.level_name, first.logger, first.message, first.file, first.line) == (35, "ODD", "a.b", "hé\0", "f.py", 3)
    assert (first.function, first.thread, first.thread_id, first.process, first.task) == ("g", "T", 5, "P", "task")
    assert (first.extra, first.exception, first.stack, first.metrics) == (
        {"n": [1, None]},
        {"type": "E", "traceback": "tb"},
        "s",
        {"v": "NaN"},
    )
    assert (first.step, first.degraded, first.via, first.writer) == (4, "why", "hook", "py-1")
    assert [log.message for log in store.read.logs("r1", min_level=20)] == ["hé\0"]
    assert store.read.logs("r1", after=first.key) == [second]
    assert store.read.logs("r1", limit=1, last=True) == [second]


def test_console_chunks_are_kept_raw(store):
    """Text or bytes, by stream and offset."""
    store.feed(line("c", f=1, o=0, d="é\r"), line("c", f=2, o=0, b="/wA="), line("c", f=1, o=3, d="x"))
    chunks = store.read.console("r1")
    assert [(chunk.fd, chunk.offset, chunk.data) for chunk in chunks] == [(1, 0, "é\r".encode()), (2, 0, b"\xff\0"), (1, 3, b"x")]
    follow = store.read.changes_since("r1", after_console=chunks[1].key)
    assert ([chunk.data for chunk in follow.console], follow.after_console, follow.status) == ([b"x"], chunks[2].key, "Running")


def test_tags_params_and_properties(store):
    """Tags come and go, the last parameter wins, a property is set once and says so."""
    store.feed(line("tag", n="a", v=None), line("tag", n="b", v="x"), line("tag", n="b", **{"del": True}))
    store.feed(line("param", n="lr", v=0.1), line("param", n="lr", v=0.2))
    store.feed(line("prop", n="p", v=1), line("prop", n="p", v=1), line("prop", n="p", v=2))
    assert store.read.tags("r1") == {"a": None}
    assert store.read.params("r1") == {"lr": 0.2} == store.read.run("r1").params
    assert store.read.properties("r1") == {"p": 1}
    (note,) = store.read.notes("r1")
    assert "'p'" in note.message


def test_artifacts_have_versions_and_names_of_any_bytes(store):
    """The same content again is no new version."""
    odd = os.fsdecode(b"out/\xff.bin")
    for sha in ("a", "a", "b", "a"):
        store.feed(line("art", p="out/m", size=1, sha=sha, mt=5, src="outputs"))
    store.feed(line("art", p=odd, size=2, sha="c", src="upload", obs=False))
    assert [(a.path, a.version, a.sha256) for a in store.read.artifacts("r1", all_versions=True)] == [
        ("out/m", 1, "a"),
        ("out/m", 2, "b"),
        ("out/m", 3, "a"),
        (odd, 1, "c"),
    ]
    latest = store.read.artifacts("r1")
    assert [(a.path, a.version, a.observed, a.source) for a in latest] == [("out/m", 3, True, "outputs"), (odd, 1, False, "upload")]


def test_gaps_and_notes_are_kept(store):
    """What was refused is shown with its reason."""
    store.feed(line("gap", n=12, bytes=99, why="disk full", since=5), line("note", lv=30, msg="hm"), line("seen", files={}))
    (gap,) = store.read.gaps("r1")
    assert (gap.records, gap.bytes, gap.why, gap.since, gap.writer) == (12, 99, "disk full", 5, "py-1")
    assert [note.message for note in store.read.notes("r1")] == ["hm"]


def test_a_deleted_run_is_gone_and_what_it_still_brings_is_passed_over(store):
    """Its cursors move on; a blob that others name stays."""
    store.head(run="r2", exp="e")
    store.head(exp="e")
    store.feed(
        line("m", n="x", v=1),
        line("l", lv=20, msg="m", m={"x": 1}),
        line("art", p="a", size=1, sha="own"),
        line("art", p="b", size=1, sha="both"),
    )
    store.feed(line("art", p="b", size=1, sha="both"), run="r2")
    assert editing.delete_run(store.path, "r1", store.path.parent) == ["own"]
    assert [run.run_id for run in store.read.runs()] == ["r2"]
    store.feed(line("m", n="x", v=2))
    store.feed(line("m", n="x", v=3), run="r3")
    with pytest.raises(errors.NotFound):
        store.read.points("r1", "x")
    assert [p.value for p in store.read.points("r3", "x")] == [3]
    assert editing.delete_run(store.path, "r1", store.path.parent) == []
    with pytest.raises(errors.NotFound):
        editing.delete_run(store.path, "nobody", store.path.parent)
    assert store.sink.has_ended("r1")


def test_a_run_is_found_by_what_a_user_types(store):
    """Its id, a beginning of it, latest, experiment#number."""
    for number, run in enumerate(("abc1", "abd2", "b")):
        store.head(run=run, exp="a/b", t=T0 + number)
    find = store.read.find_run
    assert (find("abc1"), find("abc"), find("b"), find("latest"), find("a/b#2"), find("a/b/1")) == (
        "abc1",
        "abc1",
        "b",
        "b",
        "abd2",
        "abc1",
    )
    with pytest.raises(errors.Ambiguous, match="abc1"):
        find("ab")
    for text in ("zz", "", "a/b#9", "%"):
        with pytest.raises(errors.NotFound):
            find(text)


def test_small_flushes_are_merged_and_keep_their_order(store):
    """A chunk a point would cost a hundred times what the point does."""
    for number in range(700):
        store.feed(line("m", T0 + number, n="x", v=number, s=number))
    (count,) = store.sink._connection.execute("SELECT count(*) FROM points").fetchone()
    assert count <= 33
    assert [p.value for p in store.read.points("r1", "x")] == list(range(700))
    store.sink._series.forget()
    store.feed(*(line("m", T0 + number, n="x", v=number, s=number) for number in range(700, 5000)))
    assert [p.value for p in store.read.points("r1", "x")] == list(range(5000))
    assert store.sink._connection.execute("SELECT min(count) FROM points").fetchone()[0] >= 500


@pytest.mark.parametrize("points", [10, 5000, 60_000])
@pytest.mark.parametrize("steps", [None, (100, 40_000)])
def test_buckets_are_exact_about_extremes_and_counts(store, points, steps):
    """Whether from points or from summaries."""
    store.feed(*(line("m", T0 + i, n="x", v=(i * 7919) % 10_007, s=i) for i in range(points)))
    low, high = steps or (0, 10**9)
    inside = [(i * 7919) % 10_007 for i in range(points) if low <= i <= high]
    for count in (1, 20, 1000):
        buckets = store.read.buckets("r1", "x", count, steps)
        assert len(buckets) <= count
        assert sum(bucket.count for bucket in buckets) == len(inside)
        assert min((bucket.min for bucket in buckets), default=None) == min(inside, default=None)
        assert max((bucket.max for bucket in buckets), default=None) == max(inside, default=None)


def test_the_metrics_of_a_run_are_its_calls_logs_rows_and_figures(store):
    """What get_metrics() is made of: times only where two sources of one name have to be merged."""
    store.feed(line("m", T0, n="x", v="NaN", s=1), line("l", T0, lv=20, msg="m", m={"x": 2}), line("rw", T0, n="w", c={"a": 1}))
    store.feed(line("m", T0, n="y", v=0.5), line("fig", T0, n="ROC", p="ROC_1.png", ty="image/png"))
    found = msgspec.json.decode(msgspec.json.encode(store.read.metrics("r1")))
    assert found["runs"]["r1"] == {
        "series": [
            {"name": "x", "source": "call", "kind": "scalar", "values": ["NaN"], "times": [T0]},
            {"name": "x", "source": "log", "kind": "scalar", "values": [2], "times": [T0]},
            {"name": "y", "source": "call", "kind": "scalar", "values": [0.5]},
        ],
        "rows": [{"name": "w", "kind": "row", "time": T0, "columns": {"a": 1}}],
        "figures": [{"name": "ROC", "path": "ROC_1.png", "type": "image/png", "description": None, "time": T0}],
    }


def test_readers_see_commits_while_the_writer_writes(store):
    """A read transaction neither blocks nor is blocked."""
    store.feed(line("m", n="x", v=1))
    store.sink._connection.execute("BEGIN IMMEDIATE")
    assert len(store.read.points("r1", "x")) == 1
    store.sink._connection.execute("ROLLBACK")


def test_values_are_told_apart_for_python_and_for_json():
    """["NaN"] is a text, "NaN" a float."""
    assert records.python_value("Infinity") == float("inf")
    assert [records.python_value(["NaN"]), records.python_value("cat"), records.python_value(1)] == ["NaN", "cat", 1]
    assert [records.json_value(["NaN"]), records.json_value("NaN")] == ["NaN", "NaN"]
