"""Law 4: a sink beside the store that is too far behind jumps over a recorded gap, and only then may the segments go."""

from __future__ import annotations

import pytest
from spoolfiles import Clock, StreamFiles, line

from outrider_agent import errors, model
from outrider_agent.core import backoff
from outrider_agent.ship import deliver, jumps, reader, retention
from outrider_agent.store import reading, sqlite

STREAM = model.StreamId("r1", "py-1")
MOST = 1 << 20


class Reluctant:
    """A store that can be out of reach."""

    name = "far"

    def __init__(self, path):
        self._store = sqlite.SqliteStore(path)
        self.is_down = False

    def _check(self):
        if self.is_down:
            raise errors.Unavailable("out of reach")

    def take_over(self):
        self._check()
        return self._store.take_over()

    def positions(self, streams):
        self._check()
        return self._store.positions(streams)

    def commit(self, batch):
        self._check()
        return self._store.commit(batch)

    def close(self):
        self._store.close()


class Rig:
    """A stream of several segments, a sink, its jumps."""

    def __init__(self, home):
        self.home, self.clock = home, Clock()
        self.files = StreamFiles(home / "spool", *STREAM, own=True)
        home.mkdir(exist_ok=True)
        self.sink = Reluctant(home / "far.db")
        self.count = 0
        self.begin()

    def begin(self):
        """As an agent that was just started."""
        self.reader = reader.SpoolReader(self.home / "spool", self.clock)
        self.jumps = jumps.Jumps(self.home / "sinks" / "far" / "jumps.json", self.reader, self.clock, sink="far", max_lag_bytes=MOST)
        quick = backoff.Backoff(base_s=0.001, cap_s=0.001)
        self.loop = deliver.Deliver(self.sink, self.reader, self.clock, flush_interval_s=0, jumps=self.jumps, backoff=quick)

    def segment(self, size=300_000, count=10):
        """So many more points, and the next segment."""
        pad = "x" * (size // count)
        lines = b"".join(line("m", n="x", v=self.count + i, d=pad) for i in range(count))
        self.count += count
        self.files.append(lines)
        self.files.rotate()

    def look(self):
        self.clock.ahead += 2.0
        self.reader.scan(sweep=True)
        self.jumps.look(self.loop.positions())

    def deliver(self):
        self.clock.ahead += 2.0
        while self.loop.step(urgent=True, sweep=True) == 0.0:
            pass

    def cursors(self):
        return self.jumps.passed(self.loop.positions())

    def values(self):
        with reading.Reader(self.home / "far.db") as store:
            return [point.value for point in store.points("r1", "x")]

    def gaps(self):
        with reading.Reader(self.home / "far.db") as store:
            return store.gaps("r1")


@pytest.fixture
def rig(home):
    home.mkdir(parents=True)
    made = Rig(home)
    yield made
    made.sink.close()


def test_a_sink_that_is_not_too_far_behind_jumps_over_nothing(rig):
    """And so its cursor is not known, and nothing may go."""
    rig.sink.is_down = True
    for _ in range(3):
        rig.segment()
    rig.deliver()
    rig.look()
    assert rig.cursors() == {}
    rig.sink.is_down = False
    rig.deliver()
    assert rig.values() == list(range(30))


def test_a_sink_that_is_too_far_behind_jumps_over_whole_segments_and_says_how_much_was_in_them(rig):
    """The gap stands in the lines' place, in order; what comes after it is complete."""
    rig.segment()
    rig.deliver()
    rig.look()
    rig.sink.is_down = True
    for _ in range(7):
        rig.segment()
    rig.deliver()
    rig.look()
    first = rig.cursors()[STREAM]
    assert (first.offset, first.segment > 2) == (0, True)
    skipped = (first.segment - 1) * 10
    # The store is past everything: only now what was jumped over may go.
    passed = {STREAM: model.Position(8, 0)}
    assert retention.Retention(rig.reader, lambda _run: False).sweep([passed, rig.cursors()]).segments == first.segment
    rig.segment()
    rig.sink.is_down = False
    rig.deliver()
    assert rig.values() == [*range(10), *range(10 + skipped, 90)]
    (gap,) = rig.gaps()
    assert gap.records == skipped
    assert gap.bytes > skipped * 30_000
    assert "more than 1048576 bytes behind" in gap.why
    assert rig.loop.positions()[STREAM].segment >= 8


def test_a_jump_that_was_decided_outlives_the_agent(rig):
    """It is on disk before a segment goes because of it: no death between the two loses the gap."""
    rig.sink.is_down = True
    for _ in range(6):
        rig.segment()
    rig.deliver()
    rig.look()
    decided = rig.cursors()
    assert decided
    rig.begin()
    assert rig.cursors() == decided
    rig.sink.is_down = False
    rig.deliver()
    assert sum(gap.records for gap in rig.gaps()) + len(rig.values()) == 60
    rig.begin()
    assert rig.cursors() == {}


def test_what_the_sink_has_after_all_is_no_gap(rig):
    """Its cursor was not known while it was out of reach; the truth is further than the jump."""
    for _ in range(6):
        rig.segment()
    rig.deliver()
    rig.sink.is_down = True
    rig.begin()
    rig.deliver()
    rig.look()
    assert rig.cursors()
    rig.sink.is_down = False
    rig.deliver()
    assert rig.gaps() == []
    assert rig.values() == list(range(60))


def test_a_jump_that_goes_on_is_one_gap(rig):
    """Longer out of reach: the same jump grows."""
    rig.sink.is_down = True
    for _ in range(3):
        for _ in range(5):
            rig.segment()
        rig.deliver()
        rig.look()
    rig.sink.is_down = False
    rig.deliver()
    (gap,) = rig.gaps()
    assert gap.records + len(rig.values()) == 150
    assert rig.values() == list(range(gap.records, 150))
