"""What is given back, and what never."""

from __future__ import annotations

import json

import pytest
from spoolfiles import Clock, StreamFiles, line

import outrider
from outrider_agent.ship import deliver, reader, retention, streams
from outrider_agent.store import sqlite


class Place:
    """A spool, a store, a delivery."""

    def __init__(self, home):
        self.spool, self.clock = home / "spool", Clock()
        self.sink = sqlite.SqliteStore(home / "outrider.db")
        self.reader = reader.SpoolReader(self.spool, self.clock, self.sink.has_ended)
        self.deliver = deliver.Deliver(self.sink, self.reader, self.clock)
        self.retention = retention.Retention(self.reader, self.sink.has_ended)

    def pass_all(self):
        self.clock.ahead += 2 * streams.LOCK_INTERVAL_S
        assert self.deliver.flush() == []
        while self.deliver.step(urgent=True, sweep=True) == 0.0:
            pass

    def sweep(self, *cursors):
        return self.retention.sweep(cursors or [self.deliver.positions()])


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    made.sink.close()


def end(stream):
    stream.append(line("end", status="Completed", reason="completed"))


def test_passed_segments_go_and_the_last_stays(place):
    """The writer is in it."""
    stream = StreamFiles(place.spool, "r1", "py-1")
    for value in range(3):
        stream.metric("x", value)
        stream.rotate()
    assert place.sweep().segments == 0
    place.pass_all()
    assert place.sweep().segments == 3
    assert [path.name for path in stream.folder.glob("*.ndjson")] == ["00000003.ndjson"]
    stream.metric("x", 9)
    place.pass_all()
    assert place.sweep().segments == 0
    stream.die()


def test_the_slowest_sink_decides(place):
    """A sink that has never seen a stream has not passed it."""
    stream = StreamFiles(place.spool, "r1", "py-1")
    stream.rotate()
    behind = place.deliver.positions()
    place.pass_all()
    assert place.sweep(place.deliver.positions(), behind).segments == 0
    stream.die()


def test_a_run_that_is_over_leaves_nothing(place):
    """Streams, `cancel`, the folder; a torn tail counted first."""
    stream = StreamFiles(place.spool, "r1", "py-1")
    (place.spool / "r1" / "cancel").write_text("{}")
    end(stream)
    stream.append(b'\n{"torn')
    place.pass_all()
    assert place.sweep().streams == 0
    stream.die()
    place.pass_all()
    swept = place.sweep()
    assert (swept.segments, swept.streams, swept.runs) == (1, 1, 1)
    assert list(place.spool.iterdir()) == []


def test_a_dead_owner_stays_until_its_run_has_ended(place):
    """Whoever watches must find its death; another stream of the run may go."""
    owner = StreamFiles(place.spool, "r1", "py-1")
    worker = StreamFiles(place.spool, "r1", "py-2", own=False)
    outputs = StreamFiles(place.spool, "r1", "outputs-3", own=False)
    for stream in (owner, worker, outputs):
        stream.die()
    place.pass_all()
    assert place.sweep().streams == 1
    assert owner.folder.exists()
    assert outputs.folder.exists()
    end(owner)
    place.pass_all()
    assert place.sweep().runs == 1


def test_refusals_are_told_before_a_stream_goes(place):
    """The gap of a dead writer is written by the agent; until then its counters are the only trace."""
    stream = StreamFiles(place.spool, "r1", "py-1")
    end(stream)
    lock = stream.folder / "lock"
    lock.write_text(json.dumps({"v": 1, "refused": 3, "gapped": 1}).ljust(4096))
    stream.die()
    place.pass_all()
    assert place.sweep().streams == 0
    lock.write_text(json.dumps({"v": 1, "refused": 3, "gapped": 3}).ljust(4096))
    assert place.sweep().streams == 1


def test_what_an_agent_said_of_a_dead_writer_stays_until_that_is_marked(place):
    """The next agent looks there whether a gap was told already; once the mark is made nobody asks any more."""
    stream = StreamFiles(place.spool, "r1", "py-1")
    end(stream)
    lock = stream.folder / "lock"
    lock.write_text(json.dumps({"v": 1, "refused": 3, "gapped": 0}).ljust(4096))
    agent = StreamFiles(place.spool, "r1", "agent-2", own=False)
    agent.append(line("gap", n=3, w="py-1", of=3))
    for one in (stream, agent):
        one.die()
    place.pass_all()
    assert place.sweep().streams == 0
    lock.write_text(json.dumps({"v": 1, "refused": 3, "gapped": 3}).ljust(4096))
    assert place.sweep().runs == 1


def test_what_was_not_committed_is_never_deleted(place):
    """Bytes that came after the last look."""
    stream = StreamFiles(place.spool, "r1", "py-1")
    end(stream)
    place.pass_all()
    stream.metric("x", 1)
    stream.die()
    place.clock.ahead += 2 * streams.LOCK_INTERVAL_S
    assert place.sweep().streams == 0
    assert stream.path.exists()


def test_who_reads_without_an_agent_has_what_left_the_spool_too(place, monkeypatch):
    """`get_metrics()` reads the store and what came since; where the store is gone, it refuses rather than give a part."""
    monkeypatch.setenv("OUTRIDER_HOME", str(place.spool.parent))
    with outrider.start_run("e") as run:
        run.log("x", 1)
        worker = StreamFiles(place.spool, run.id, "py-2", own=False)
        worker.metric("x", 2)
        worker.die()
        assert sorted(run.get_metrics()["x"]) == [1, 2]
        place.pass_all()
        assert place.sweep().streams == 1
        assert sorted(run.get_metrics()["x"]) == [1, 2]
        run.log("x", 3)
        assert sorted(run.get_metrics()["x"]) == [1, 2, 3]
        store = place.spool.parent / "outrider.db"
        store.rename(store.with_name("gone.db"))
        with pytest.raises(outrider.MetricsUnavailable):
            run.get_metrics()
        store.with_name("gone.db").rename(store)
    place.pass_all()
    run._writer.close()
    place.pass_all()
    assert place.sweep().runs == 1
