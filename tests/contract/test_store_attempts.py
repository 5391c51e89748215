"""Attempts of a run in the store: each has its end, the run is as its newest one is, in whatever order the streams arrive."""

from __future__ import annotations

import itertools
import sqlite3

import pytest
from spoolfiles import T0, line

from outrider_agent import errors, model
from outrider_agent.store import migrate, owners, reading, sqlite


class Fixture:
    """A store and its reader."""

    def __init__(self, path):
        self.sink, self.read, self.path = sqlite.SqliteStore(path), reading.Reader(path), path
        self.sink.take_over()

    def feed(self, writer, *found):
        stream = model.StreamId("r1", writer)
        start = self.sink.positions([stream])[stream]
        data = b"".join(found)
        end = model.Position(0, start.offset + len(data))
        piece = model.Slice(stream=stream, start=start, end=end, data_offset=start.offset, data=data)
        assert self.sink.commit(model.Batch(slices=(piece,))).set_aside == 0

    def close(self):
        self.read.close()
        self.sink.close()


@pytest.fixture
def store(tmp_path):
    made = Fixture(tmp_path / "outrider.db")
    yield made
    made.close()


def head(writer, att=None, t=T0, own=True):
    """A stream's first line."""
    more = {} if att is None else {"att": att}
    return line("head", t, v=1, run="r1", w=writer, seg=0, own=own, exp="e", **more)


def end(t, status="Failed", reason="exit-code", **more):
    return line("end", t, status=status, reason=reason, **more)


FIRST = ("keeper-1", head("keeper-1"), line("run", T0, name="a", command=["one"], tags={"k": 1}), end(T0 + 5, code=3))
SCRIPT = ("py-1", head("py-1", own=False), end(T0 + 4, reason="failed", err={"type": "E", "message": "m"}))
SECOND = (
    "keeper-2",
    head("keeper-2", 2, T0 + 10),
    line("run", T0 + 10, name="b", command=["two"], attempt=2, tags={"k": 2}),
    line("c", f=1, o=0, d="x"),
)
LAST = ("keeper-2", end(T0 + 19, "Completed", "completed", code=0))
WORKER = ("py-2", head("py-2", 2, T0 + 11, own=False), line("m", T0 + 12, n="loss", v=1))


def summary(store):
    """All that the store says of the run and its attempts."""
    run = store.read.run("r1")
    chosen = (run.status, run.reason, run.exit_code, run.attempt, run.started, run.ended, run.name, run.command, run.tags, run.error_type)
    return chosen, [
        (one.attempt, one.status, one.reason, one.exit_code, one.started, one.ended, one.error_type) for one in store.read.attempts("r1")
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_in_which_streams_arrive_changes_nothing(store, order):
    """Streams are delivered side by side: a later attempt's lines may come before an earlier one's."""
    for index in order:
        store.feed(*(FIRST, SCRIPT, SECOND, WORKER)[index])
    store.feed(*LAST)
    assert summary(store) == (
        ("Completed", "completed", 0, 2, T0, T0 + 19, "b", ["two"], {"k": 2}, None),
        [(1, "Failed", "exit-code", 3, T0, T0 + 5, "E"), (2, "Completed", "completed", 0, T0 + 10, T0 + 19, None)],
    )


KEEPER = ("keeper-1", head("keeper-1"), line("run", T0, name="train.py", experiment="e", default=True, outputs=["/w/outputs"]))
SAID = ("py-1", head("py-1", own=False), line("run", T0 + 3, name="mine", experiment="too late", outputs=["/w/models"]))
MORE = (
    "py-2",
    head("py-2", own=False),
    line("run", T0 + 2, name="not yet", experiment="chosen", outputs=["/w/none"]),
    line("m", T0 + 9, n="a", v=1),
)
AGAIN = ("keeper-2", head("keeper-2", 2, T0 + 10), line("run", T0 + 10, name="mine", experiment="chosen", default=True, attempt=2))
LATE = ("py-3", head("py-3", 2, T0 + 11, own=False), line("run", T0 + 12, name="mine, again"))


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_what_the_script_says_of_its_run_wins_in_whatever_order_streams_arrive(store, order):
    """`start_run(name=…)` under `outrider run`, or of several processes: the latest word counts, not the last one committed."""
    for index in order:
        store.feed(*(KEEPER, SAID, MORE, AGAIN)[index])
    run = store.read.run("r1")
    assert (run.name, run.experiment, run.outputs) == ("mine", "chosen", ["/w/models"])
    store.feed(*LATE)
    assert store.read.run("r1").name == "mine, again"


@pytest.mark.parametrize("order", list(itertools.permutations(range(2))))
def test_the_experiment_that_was_chosen_first_stays_in_whatever_order_streams_arrive(store, order):
    """`outrider run --experiment a`, and the script's start_run(experiment="b"): who started it has chosen."""
    chosen = ("keeper-1", head("keeper-1"), line("run", T0, experiment="a"))
    for index in order:
        store.feed(*(chosen, SAID)[index])
    assert store.read.run("r1").experiment == "a"


def test_a_run_with_a_newer_attempt_runs_again(store):
    """Its status is nobody's end; liveness is told of the newest attempt's owner only; each attempt is asked for by itself."""
    store.feed(*FIRST)
    assert (store.sink.has_ended("r1"), store.read.run("r1").status) == (True, "Failed")
    store.feed(*SECOND)
    run = store.read.run("r1")
    assert (run.status, run.reason, run.exit_code, run.ended, run.attempt) == ("Running", None, None, None, 2)
    assert [store.sink.has_ended("r1", attempt) for attempt in (None, 1, 2, 3)] == [False, True, False, False]
    opened = owners.OpenRuns(store.path)
    assert [(one.writer, one.attempt) for one in opened()["r1"]] == [("keeper-2", 2)]
    opened.close()


@pytest.mark.parametrize(("writer", "reason"), [("keeper-1", "keeper-lost"), ("py-1", "vanished")])
def test_an_attempt_without_an_end_is_over_when_the_next_one_began(store, writer, reason):
    """Until its own word comes, late: that is believed."""
    store.feed(writer, head(writer))
    store.feed(*SECOND)
    first, _ = store.read.attempts("r1")
    assert (first.status, first.reason, first.ended) == ("Failed", reason, T0 + 10)
    store.feed(writer, end(T0 + 6, code=7))
    first, second = store.read.attempts("r1")
    assert (first.reason, first.exit_code, first.ended, second.status) == ("exit-code", 7, T0 + 6, "Running")


def test_a_console_chunk_and_a_stream_know_their_attempt(store):
    """By the stream's header."""
    store.feed(*FIRST, line("c", T0 + 6, f=1, o=0, d="late"))
    store.feed(*SECOND)
    assert [(chunk.attempt, chunk.data) for chunk in store.read.console("r1")] == [(1, b"late"), (2, b"x")]
    assert {stream.writer: stream.attempt for stream in store.read.streams("r1")} == {"keeper-1": 1, "keeper-2": 2}


def test_a_run_line_alone_can_say_the_attempt(store):
    """A foreign writer's, whose header does not."""
    store.feed("sh-1", head("sh-1"), end(T0 + 1, code=1))
    store.feed(
        "sh-2", head("sh-2", t=T0 + 10), line("run", T0 + 11, attempt=2), line("c", f=1, o=0, d="x"), end(T0 + 12, "Completed", "completed")
    )
    assert [(one.attempt, one.status) for one in store.read.attempts("r1")] == [(1, "Failed"), (2, "Completed")]
    assert store.read.console("r1")[0].attempt == 2


def test_evidence_is_kept_with_the_end(store):
    """What the kernel killed for memory; also where the reason is another."""
    store.feed("keeper-1", head("keeper-1"), end(T0 + 1, reason="oom-killed", sig=9, oom={"at": "/x/memory.events", "kills": 2}))
    run = store.read.run("r1")
    assert (run.reason, run.signal, run.evidence) == ("oom-killed", 9, {"at": "/x/memory.events", "kills": 2})


def test_a_store_of_schema_1_is_migrated_with_its_ends(tmp_path):
    """Each run gets its one attempt; what was seen and said goes with it, so that a late word is judged as before."""
    path = tmp_path / "outrider.db"
    old = sqlite3.connect(path, isolation_level=None)
    for statement in migrate.statements(migrate.migrations()[0][1]):
        old.execute(statement)
    old.execute("PRAGMA user_version = 1")
    old.execute("PRAGMA journal_mode = WAL")
    old.execute("INSERT INTO experiments VALUES (1, 'e', 5, 1)")
    old.execute(
        "INSERT INTO runs (run_key, run_id, experiment_key, number, status, reason, exit_code, started, ended, seen_end, attempt) VALUES "
        """(1, 'r1', 1, 1, 'Failed', 'exit-code', 3, 5, 9, '{"status":"Failed","reason":"exit-code","time":9,"code":3}', 1)"""
    )
    old.execute("INSERT INTO streams (stream_key, run_id, writer, owner) VALUES (1, 'r1', 'keeper-1', 1)")
    old.close()
    with reading.Reader(path) as early, pytest.raises(errors.Unavailable, match="brings it up to date"):
        early.run("r1")
    store = Fixture(path)
    (one,) = store.read.attempts("r1")
    assert (one.attempt, one.reason, one.exit_code, one.started, one.ended) == (1, "exit-code", 3, 5, 9)
    store.feed("keeper-1", line("end", 11, status="Failed", reason="vanished"))
    assert (store.read.run("r1").reason, store.read.run("r1").exit_code) == ("exit-code", 3)
    store.close()
