"""The spool's reader: sealed, torn, dead, gone; bounded and fair. On real files and real locks."""

from __future__ import annotations

import os
import shutil

import descriptors
import pytest
from spoolfiles import Clock, StreamFiles, line

from outrider_agent import model
from outrider_agent.core import decode
from outrider_agent.ship import reader, streams


@pytest.fixture
def spool(tmp_path):
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def make(spool):
    made = []

    def stream(run="r1", writer="py-1", **more):
        made.append(StreamFiles(spool, run, writer, **more))
        return made[-1]

    yield stream
    for one in made:
        one.die()


class Sink:
    """Takes what the reader gives and remembers where it stands."""

    def __init__(self, spool, clock=None, **limits):
        self.clock = clock or Clock()
        self.reader = reader.SpoolReader(spool, self.clock)
        self.positions, self.records, self.torn, self.limits = {}, [], 0, limits

    def pull(self):
        self.reader.scan(sweep=True)
        for name in self.reader.streams():
            self.positions.setdefault(name, model.START)
        batch = self.reader.next_batch(self.positions, **self.limits)
        for piece in batch.slices if batch else ():
            assert piece.start == self.positions[piece.stream]
            assert piece.end > piece.start
            self.positions[piece.stream] = piece.end
            self.torn += piece.torn
            self.records += decode.decode(piece.data[: len(piece.data) - piece.torn]).records
        return batch

    def drain(self):
        while self.pull():
            pass
        return [item.v for item in self.records if isinstance(item, decode.Metric)]


def test_a_stream_is_read_in_order_over_its_segments(spool, make):
    """A sealed segment is left for the next one; the slice says where it began."""
    stream, sink = make(), Sink(spool)
    for value in range(3):
        stream.metric("x", value)
        stream.rotate()
    assert sink.drain() == [0, 1, 2]
    assert sink.positions[model.StreamId("r1", "py-1")] == (3, stream.path.stat().st_size)


def test_a_locked_segment_is_not_left_before_its_last_append(spool, make):
    """A thread may still be in the middle of an append to it, though its successor exists."""
    stream, clock = make(), Clock()
    sink, old = Sink(spool, clock), stream.path
    stream.metric("x", 1)
    held = stream.rotate(keep_lock=True)
    stream.metric("x", 3)
    assert sink.drain() == [1]
    with old.open("ab") as file:
        file.write(line("m", n="x", v=2))
    assert sink.drain() == [1, 2]
    os.close(held)
    assert sink.drain() == [1, 2, 3]


def test_a_lock_that_is_held_for_ever_does_not_stop_a_stream(spool, make):
    """Five seconds after the last growth it no longer counts."""
    stream, clock = make(), Clock()
    sink = Sink(spool, clock)
    held = stream.rotate(keep_lock=True)
    stream.metric("x", 1)
    assert sink.drain() == []
    clock.ahead += streams.HELD_S + 0.1
    assert sink.drain() == [1]
    os.close(held)


def test_an_unfinished_line_waits_while_its_writer_lives(spool, make):
    """Only complete lines are read (B1)."""
    stream, sink = make(), Sink(spool)
    whole = line("m", n="x", v=1)
    stream.append(whole[:20])
    assert sink.drain() == []
    stream.append(whole[20:])
    assert sink.drain() == [1]
    assert sink.torn == 0


def test_the_torn_tail_of_a_dead_writer_is_given_out_as_torn(spool, make):
    """Once, and only when its lock is free (E3)."""
    stream, clock = make(), Clock()
    sink = Sink(spool, clock)
    stream.metric("x", 1)
    stream.append(b'\n{"k":"m","t"')
    assert sink.drain() == [1]
    assert sink.torn == 0
    stream.die()
    clock.ahead += streams.LOCK_INTERVAL_S
    assert sink.drain() == [1]
    assert sink.torn == len(b'{"k":"m","t"')
    assert sink.positions[model.StreamId("r1", "py-1")].offset == stream.size()


def test_the_torn_tail_of_a_sealed_segment_is_given_out_as_torn(spool, make):
    """A short write before a rotation."""
    stream, sink = make(), Sink(spool)
    stream.append(b'\n{"torn')
    stream.rotate()
    stream.metric("x", 2)
    assert sink.drain() == [2]
    assert sink.torn == 6


def test_a_stream_without_a_lock_is_over_when_its_run_is(spool, make):
    """A shell script's stream takes no locks."""
    stream, ended = make(lock=False), []
    sink = Sink(spool)
    sink.reader.ended = lambda run: run in ended
    stream.append(b'\n{"torn')
    sink.drain()
    name = model.StreamId("r1", "py-1")
    assert sink.reader.stream(name).is_alive()
    ended.append("r1")
    sink.clock.ahead += streams.LOCK_INTERVAL_S
    sink.drain()
    assert not sink.reader.stream(name).is_alive()
    assert sink.torn == 6


def test_a_batch_keeps_to_its_limits(spool, make):
    """Records and bytes; nothing is lost between batches."""
    stream = make()
    for value in range(2000):
        stream.metric("x", value)
    sink = Sink(spool, max_records=100, max_bytes=100_000)
    sizes = []
    while batch := sink.pull():
        sizes.append((sum(piece.data.count(b"\n{") for piece in batch.slices), batch.size))
    assert max(records for records, _ in sizes) <= 101
    assert max(size for _, size in sizes) <= 100_000
    assert sink.drain() == list(range(2000))


def test_one_heavy_stream_does_not_starve_the_others(spool, make):
    """Every stream gets its share of each batch (C15)."""
    heavy = make(writer="py-heavy")
    heavy.append(line("m", n="x", v=-1) * 20_000)
    for number in range(5):
        make(writer=f"py-{number}").metric("x", number)
    sink = Sink(spool, max_bytes=200_000)
    sink.pull()
    sink.pull()
    assert {item.v for item in sink.records if isinstance(item, decode.Metric)} == {-1, 0, 1, 2, 3, 4}


def test_a_line_longer_than_a_batch_passes(spool, make):
    """The limit is on batches; a line is whole up to 64 MiB (B3)."""
    stream, sink = make(), Sink(spool, max_bytes=10_000)
    stream.metric("x", "y" * 300_000)
    stream.metric("x", 2)
    assert [len(v) if isinstance(v, str) else v for v in sink.drain()] == [300_000, 2]


def test_a_line_beyond_all_limits_goes_aside_in_pieces_and_the_next_is_read(spool, make, monkeypatch):
    """Memory stays bounded and the reader goes on."""
    monkeypatch.setattr(streams, "LONGEST_LINE", 50_000)
    stream, sink = make(), Sink(spool, max_bytes=10_000)
    stream.metric("x", "y" * 300_000)
    stream.metric("x", 2)
    assert sink.drain() == [2]
    assert sink.torn >= 50_000


def test_a_segment_that_shrank_is_told_and_nothing_crashes(spool, make):
    """It cannot come back; the stream stands and says why."""
    stream, sink = make(), Sink(spool)
    stream.metric("x", 1)
    sink.drain()
    os.truncate(stream.path, 10)
    assert sink.drain() == [1]
    stream.metric("x", 2)
    sink.drain()
    assert "shrank" in sink.reader.statistics().troubles[0].message


def test_a_segment_that_is_gone_is_told_and_the_next_is_read(spool, make):
    """What it held is lost; what comes after is not."""
    stream, sink = make(), Sink(spool)
    stream.metric("x", 1)
    gone = stream.path
    sink.drain()
    stream.metric("x", 2)
    stream.rotate()
    stream.metric("x", 3)
    gone.unlink()
    assert sink.drain() == [1, 3]
    assert "gone" in sink.reader.statistics().troubles[0].message


def test_runs_and_streams_that_go_are_forgotten(spool, make):
    """Whoever deletes a run ends its streams here too."""
    make(run="r1")
    make(run="r2")
    sink = Sink(spool)
    sink.drain()
    shutil.rmtree(spool / "r1")
    sink.drain()
    assert [name.run for name in sink.reader.streams()] == ["r2"]


def test_names_that_are_no_runs_are_passed_over(spool, make):
    """Hidden names, temporary ones, files."""
    make()
    for name in (".hidden", "half.tmp", "with space"):
        (spool / name / "w").mkdir(parents=True)
    (spool / "full").write_text("")
    sink = Sink(spool)
    sink.drain()
    assert [name.run for name in sink.reader.streams()] == ["r1"]


def test_a_missing_spool_is_an_empty_one_until_it_comes(tmp_path):
    """The agent may be there before the first run."""
    sink = Sink(tmp_path / "spool")
    assert sink.pull() is None
    stream = StreamFiles(tmp_path / "spool", "r1", "py-1")
    stream.metric("x", 1)
    assert sink.drain() == [1]
    stream.die()


def test_a_missing_header_is_tolerated(spool):
    """A foreign writer may forget it."""
    folder = spool / "r1" / "w"
    folder.mkdir(parents=True)
    (folder / "00000000.ndjson").write_bytes(line("m", n="x", v=1))
    assert Sink(spool).drain() == [1]


def test_lag_counts_the_bytes_after_each_position(spool, make):
    """Over several segments."""
    stream, sink = make(), Sink(spool)
    sink.drain()
    before = stream.size()
    for value in range(3):
        stream.metric("x", value)
        stream.rotate()
    sink.reader.scan(sweep=True)
    (lag,) = sink.reader.lag(sink.positions)
    assert (lag.pending_bytes, lag.alive) == (stream.size() - before, True)
    sink.drain()
    assert sink.reader.lag(sink.positions)[0].pending_bytes == 0


def test_an_idle_stream_costs_at_most_one_stat_a_scan(spool, make, monkeypatch):
    """No folder is listed and no lock asked between two looks at the folders."""
    for number in range(20):
        make(run=f"r{number}")
    clock = Clock()
    sink = Sink(spool, clock)
    sink.drain()
    clock.ahead += reader.HOT_S + 1
    sink.reader.scan()
    clock.ahead += reader.IDLE_INTERVAL_S
    calls = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda *a, **k: calls.append(a) or real(*a, **k))
    monkeypatch.setattr(os, "scandir", lambda *_: pytest.fail("listed"))
    monkeypatch.setattr(os, "listdir", lambda *_: pytest.fail("listed"))
    assert not sink.reader.scan()
    assert sink.reader.next_batch(sink.positions) is None
    assert len(calls) <= 21


def test_an_idle_stream_is_not_asked_for_by_name_and_still_seen_to_grow(spool, make, monkeypatch):
    """Its last segment is kept open; growing, rotating and vanishing are found out as before."""
    several = [make(run=f"r{number}") for number in range(3)]
    clock = Clock()
    sink = Sink(spool, clock)
    sink.drain()
    clock.ahead += reader.HOT_S + 1
    sink.reader.scan()
    clock.ahead += reader.IDLE_INTERVAL_S
    calls = []
    real = os.stat
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda *a, **k: calls.append(a) or real(*a, **k))
        assert not sink.reader.scan()
    assert len(calls) <= 1
    several[0].metric("x", 1)
    several[1].metric("x", 2)
    several[1].rotate()
    several[1].metric("x", 3)
    clock.ahead += reader.IDLE_INTERVAL_S
    assert sink.reader.scan()
    found = []
    while (batch := sink.reader.next_batch(sink.positions)) is not None:
        found += [piece.stream.run for piece in batch.slices]
        sink.positions.update({piece.stream: piece.end for piece in batch.slices})
    assert set(found) == {"r0", "r1"}


def test_no_descriptor_is_left_of_streams_that_are_gone(spool, make):
    """A deleted run's space is free again."""
    stream = make()
    clock = Clock()
    sink = Sink(spool, clock)
    sink.drain()
    stream.die()
    clock.ahead += reader.HOT_S + 1
    sink.reader.scan()
    assert descriptors.below(spool) == [str(stream.path)]
    shutil.rmtree(spool / "r1")
    sink.reader.scan(sweep=True)
    assert descriptors.below(spool) == []
