"""What every transactional sink must do (protocols.Sink): once, in order, fenced. Each implementation is one row of SINKS."""

from __future__ import annotations

import sqlite3

import pytest
from spoolfiles import Clock, StreamFiles, line

from outrider_agent import errors, model
from outrider_agent.core import backoff
from outrider_agent.ship import deliver, reader
from outrider_agent.store import reading, sqlite

SINKS = {"sqlite": sqlite.SqliteStore}
STREAM = model.StreamId("r1", "py-1")


@pytest.fixture(params=sorted(SINKS))
def make(request, tmp_path):
    made = []

    def sink():
        made.append(SINKS[request.param](tmp_path / "outrider.db"))
        return made[-1]

    yield sink
    for one in made:
        one.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "outrider.db"


def piece(data, start=model.START, stream=STREAM, torn=0):
    end = model.Position(start.segment, start.offset + len(data))
    return model.Slice(stream=stream, start=start, end=end, data_offset=start.offset, data=data, torn=torn)


def batch(*slices):
    return model.Batch(slices=slices)


def values(path, run="r1", name="x"):
    with reading.Reader(path) as store:
        return [point.value for point in store.points(run, name)]


def test_a_batch_and_its_cursor_are_committed_together(make, path):
    """And are there for the next owner."""
    sink = make()
    sink.take_over()
    assert sink.positions([STREAM])[STREAM] == model.START
    first = piece(line("m", n="x", v=1))
    second = piece(line("m", n="x", v=2), first.end)
    receipt = sink.commit(batch(first, second))
    assert (receipt.records, receipt.set_aside) == (2, 0)
    assert make().positions([STREAM])[STREAM] == second.end
    assert values(path) == [1, 2]


def test_a_slice_that_does_not_begin_at_the_cursor_is_refused_whole(make, path):
    """Neither a repetition nor a hole gets in, nor anything that came with it."""
    sink = make()
    sink.take_over()
    first = piece(line("m", n="x", v=1))
    sink.commit(batch(first))
    other = piece(line("m", n="x", v=9), stream=model.StreamId("r1", "py-2"))
    for wrong in (first, piece(line("m", n="x", v=3), model.Position(0, 999))):
        with pytest.raises(errors.Fenced):
            sink.commit(batch(other, wrong))
    assert values(path) == [1]
    sink.commit(batch(other))
    assert values(path) == [1, 9]


def test_a_new_owner_fences_the_old_one(make, path):
    """A frozen agent that wakes up writes nothing (D3)."""
    old, new = make(), make()
    assert old.take_over() < new.take_over()
    with pytest.raises(errors.Fenced):
        old.commit(batch(piece(line("m", n="x", v=1))))
    new.commit(batch(piece(line("m", n="x", v=1))))
    assert values(path) == [1]


def test_who_never_took_over_may_not_commit(make):
    """Ownership is explicit."""
    with pytest.raises(errors.Fenced):
        make().commit(batch(piece(line("m", n="x", v=1))))


def test_bad_lines_are_set_aside_in_the_same_transaction(make, path):
    """With place and reason; so is a torn tail."""
    sink = make()
    sink.take_over()
    good, bad, torn = line("m", n="x", v=1), b"\nbad\n", b'\n{"k'
    receipt = sink.commit(batch(piece(good + bad + good + torn, torn=len(torn))))
    assert (receipt.records, receipt.set_aside) == (2, 2)
    with reading.Reader(path) as store:
        found = [(item.offset, item.length, item.data) for item in store.set_aside("r1")]
    assert found == [(len(good) + 1, 3, b"bad"), (len(good) * 2 + len(bad), len(torn), torn)]


def test_what_is_cached_is_forgotten_when_another_wrote(make, path):
    """Two owners in turn on one file keep one order."""
    one, two = make(), make()
    position, expected = model.START, []
    for number in range(12):
        sink = (one, two)[number % 2]
        sink.take_over()
        part = piece(line("m", n="x", v=number), position)
        sink.commit(batch(part))
        position = part.end
        expected.append(number)
    assert values(path) == expected


def test_a_locked_store_is_unavailable_and_then_takes_the_same_batch(make, path, monkeypatch):
    """Nothing is half done."""
    monkeypatch.setattr("outrider_agent.store.connect.BUSY_TIMEOUT_S", 0.05)
    sink = make()
    sink.take_over()
    part = batch(piece(line("m", n="x", v=1)))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.Unavailable):
        sink.commit(part)
    other.execute("ROLLBACK")
    other.close()
    sink.commit(part)
    assert values(path) == [1]


def test_a_full_disk_is_unavailable_frees_the_ballast_and_loses_nothing(make, path):
    """SQLITE_FULL rolls back cleanly; later the same batch goes in (D5)."""
    sink = make()
    sink.take_over()
    assert (path.parent / "ballast").stat().st_size == sqlite.BALLAST_BYTES
    pages = sink._connection.execute("PRAGMA page_count").fetchone()[0]
    sink._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    part = batch(piece(b"".join(line("l", lv=20, msg="m" * 2000) for _ in range(100))))
    with pytest.raises(errors.Unavailable, match="full"):
        sink.commit(part)
    assert not (path.parent / "ballast").exists()
    sink._connection.execute("PRAGMA max_page_count = 1000000")
    assert sink.commit(part).records == 100
    sink.idle()
    assert (path.parent / "ballast").exists()


def test_delivery_sets_aside_the_one_line_that_a_sink_rejects(make, path, tmp_path, monkeypatch):
    """Halving finds it; the others are delivered, in order (D9)."""
    sink = make()
    commit = sink.commit

    def picky(part):
        if any(b'"v":13,' in one.data for one in part.slices):
            raise errors.Rejected("thirteen")
        return commit(part)

    monkeypatch.setattr(sink, "commit", picky)
    stream = StreamFiles(tmp_path / "spool", "r1", "py-1")
    for number in range(100):
        stream.metric("x", number, number)
    clock = Clock()
    loop = deliver.Deliver(sink, reader.SpoolReader(tmp_path / "spool", clock), clock)
    assert loop.flush() == []
    assert values(path) == [number for number in range(100) if number != 13]
    with reading.Reader(path) as store:
        (aside,) = store.set_aside("r1")
    assert b'"v":13' in aside.data
    assert "thirteen" in aside.reason
    stream.die()


def test_delivery_backs_off_and_goes_on_where_the_sink_stands(make, path, tmp_path, monkeypatch):
    """An error after the commit took place is not a repetition: the sink's position is the truth."""
    sink, clock = make(), Clock()
    commit, failures = sink.commit, ["before", "after"]

    def flaky(part):
        if failures and failures[0] == "before":
            failures.pop(0)
            raise errors.Unavailable
        receipt = commit(part)
        if failures:
            failures.pop(0)
            raise errors.Unavailable
        return receipt

    monkeypatch.setattr(sink, "commit", flaky)
    stream = StreamFiles(tmp_path / "spool", "r1", "py-1")
    stream.metric("x", 1)
    rules = backoff.Backoff(base_s=1.0, cap_s=4.0)
    loop = deliver.Deliver(sink, reader.SpoolReader(tmp_path / "spool", clock), clock, backoff=rules)
    for _ in range(2):
        assert loop.step() >= 1.0
        assert loop.statistics().state == "backing-off"
        assert loop.step() > 0.5
        clock.ahead += 5
    stream.metric("x", 2)
    assert loop.flush() == []
    assert values(path) == [1, 2]
    assert loop.statistics().state == "ok"
    assert loop.statistics().error is None
    stream.die()


def test_what_waits_for_company_is_committed_at_the_next_step(make, path, tmp_path):
    """A line that came within the flush interval is not forgotten because nothing moves after it."""
    clock, stream = Clock(), StreamFiles(tmp_path / "spool", "r1", "py-1")
    loop = deliver.Deliver(make(), reader.SpoolReader(tmp_path / "spool", clock), clock, flush_interval_s=0.5)
    assert loop.flush() == []
    stream.metric("x", 1)
    loop.flush()
    loop.step(urgent=True)
    stream.metric("x", 2)
    delay = loop.step()
    assert 0 < delay <= 0.5
    clock.ahead += delay
    loop.step()
    assert values(path) == [1, 2]
    stream.die()


def test_a_fenced_delivery_stops_and_says_so(make, path, tmp_path):
    """It is the caller's to end it."""
    clock, spool = Clock(), tmp_path / "spool"
    stream = StreamFiles(spool, "r1", "py-1")
    old = deliver.Deliver(make(), reader.SpoolReader(spool, clock), clock)
    new = deliver.Deliver(make(), reader.SpoolReader(spool, clock), clock)
    assert old.flush() == []
    assert new.flush() == []
    stream.metric("x", 1)
    with pytest.raises(errors.Fenced):
        old.flush()
    assert old.statistics().state == "fenced"
    assert new.flush() == []
    assert values(path) == [1]
    stream.die()


def test_a_flush_says_what_is_still_pending(make, tmp_path, monkeypatch):
    """An exit code is made of it."""
    sink, clock = make(), Clock()
    stream = StreamFiles(tmp_path / "spool", "r1", "py-1")
    loop = deliver.Deliver(sink, reader.SpoolReader(tmp_path / "spool", clock), clock)
    assert loop.flush("r1", timeout_s=5) == []
    stream.metric("x", 1)
    (late,) = loop.flush("r1", {"py-1": [0, stream.size() + 50]}, timeout_s=0.1)
    assert late.stream == STREAM
    assert loop.flush("r1", {"py-1": [0, stream.size()]}, timeout_s=5) == []
    monkeypatch.setattr(sink, "commit", lambda _part: (_ for _ in ()).throw(errors.Unavailable("down")))
    stream.metric("x", 2)
    assert [late.pending_bytes for late in loop.flush("r1", timeout_s=0.1)] == [len(line("m", n="x", v=2))]
    assert loop.statistics().error == "down"
    stream.die()
