"""
Random programs of writers, agents and deaths against the real reader, the real store and a model (STYLE 32).

The law: after every program each line that was appended is in the store once, in its stream's order; every byte read was committed or
set aside; nothing is deleted before it was committed.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spoolfiles import Clock, StreamFiles, line

from outrider_agent import crashpoints, errors, model
from outrider_agent.ship import deliver, reader, retention
from outrider_agent.store import reading, sqlite

WRITER = st.integers(0, 2)
STEP = st.one_of(
    st.tuples(st.just("append"), WRITER, st.integers(1, 40)),
    st.tuples(st.just("junk"), WRITER, st.sampled_from([b"\nnonsense\n", b"\0" * 9 + b"\n", b'\n{"k":"zz","t":1}\n', b"\n[1]\n"])),
    st.tuples(st.just("torn"), WRITER, st.integers(1, 25)),
    st.tuples(st.just("rotate"), WRITER, st.booleans()),
    st.tuples(st.just("die"), WRITER, st.none()),
    st.tuples(st.just("step"), st.none(), st.none()),
    st.tuples(
        st.just("crash"), st.sampled_from(["after_read", "before_begin", "after_insert", "before_commit", "after_commit"]), st.none()
    ),
    st.tuples(st.just("new agent"), st.none(), st.none()),
    st.tuples(st.just("old agent"), st.none(), st.none()),
    st.tuples(st.just("sweep"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.none(), st.floats(0, 7)),
)


class Crash(BaseException):
    """The agent is no more."""


class World:
    """Three writers, the agents that came and went, and what must be in the store."""

    def __init__(self, home, monkeypatch):
        self.home, self.clock, self.patch = home, Clock(), monkeypatch
        self.writers: list[StreamFiles] = []
        self.every: list[StreamFiles] = []
        self.expected: dict[str, list[int]] = {}
        self.junk = self.torn = self.next_id = 0
        self.held: list[int] = []
        self.agents: list[deliver.Deliver] = []
        for _ in range(3):
            self.new_writer()
        self.new_agent()

    def new_writer(self):
        writer = StreamFiles(self.home / "spool", "r1", f"py-{len(self.every)}", own=False)
        self.writers.append(writer)
        self.every.append(writer)
        self.expected[writer.writer] = []

    def new_agent(self):
        sink = sqlite.SqliteStore(self.home / "outrider.db")
        found = reader.SpoolReader(self.home / "spool", self.clock, sink.has_ended)
        self.agents.append(deliver.Deliver(sink, found, self.clock, batch_bytes=700, batch_records=7))

    def do(self, action, who, what):
        getattr(self, action.replace(" ", "_"))(who, what)

    def append(self, who, what):
        writer = self.writers[who]
        for _ in range(what):
            self.next_id += 1
            writer.metric(writer.writer, self.next_id)
            self.expected[writer.writer].append(self.next_id)

    def junk_(self, who, what):
        self.writers[who].append(what)
        self.junk += 1

    def torn_(self, who, what):
        """A short write; the writer goes on with a newline, as docs/spool.md says."""
        self.writers[who].append(line("m", n="x", v=1)[: what + 1])
        self.torn += 1

    def rotate(self, who, keep):
        fd = self.writers[who].rotate(keep_lock=keep)
        if fd >= 0:
            self.held.append(fd)

    def die(self, who, _what):
        self.writers[who].die()
        del self.writers[who]
        self.new_writer()
        self.writers.insert(who, self.writers.pop())

    def step(self, _who, _what):
        self.agents[-1].step(urgent=True, sweep=True)

    def crash(self, point, _what):
        def at(passed):
            if passed == point:
                raise Crash

        with self.patch.context() as patch:
            patch.setattr(crashpoints, "at", at)
            with contextlib.suppress(Crash):
                self.step(None, None)
        self.agents.pop().sink.close()
        self.new_agent()

    def new_agent_(self, _who, _what):
        self.step(None, None)
        self.new_agent()
        self.step(None, None)

    def old_agent(self, _who, _what):
        if len(self.agents) > 1:
            with contextlib.suppress(errors.Fenced):
                self.agents[0].step(urgent=True, sweep=True)

    def sweep(self, _who, _what):
        agent = self.agents[-1]
        retention.Retention(agent.reader, agent.sink.has_ended).sweep([agent.positions()])

    def wait(self, _who, what):
        self.clock.ahead += what

    def finish(self):
        """Every writer dies; a last agent reads to the end."""
        for writer in self.writers:
            writer.die()
        for fd in self.held:
            with contextlib.suppress(OSError):
                __import__("os").close(fd)
        self.clock.ahead += 60
        self.new_agent()
        assert self.agents[-1].flush(timeout_s=30) == []
        self.clock.ahead += 60
        while self.agents[-1].step(urgent=True, sweep=True) == 0.0:
            pass

    def close(self):
        for agent in self.agents:
            agent.sink.close()


World.new_agent.__doc__ = "The newest agent owns the sink as soon as it steps."


@given(st.lists(STEP, max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_is_there_once_and_in_order_after_any_program(program):
    """Exactly once, whatever dies and whenever; every loss counted."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        world = World(Path(folder), patch)
        names = {"junk": world.junk_, "torn": world.torn_, "new agent": world.new_agent_}
        try:
            for action, who, what in program:
                names.get(action, getattr(world, action.replace(" ", "_"), None))(who, what)
            world.finish()
            check(world)
        finally:
            for writer in world.every:
                writer.die()
            world.close()


def check(world):
    """The oracle."""
    with reading.Reader(world.home / "outrider.db") as store:
        found = {series.name: [point.value for point in store.points("r1", series.name)] for series in store.series("r1")}
        aside = store.set_aside("r1")
        streams = store.streams("r1")
    assert {name: ids for name, ids in found.items() if ids} == {name: ids for name, ids in world.expected.items() if ids}
    assert len(aside) >= world.junk + (1 if world.torn else 0)
    assert sum(stream.records for stream in streams) == world.next_id
    for lag in world.agents[-1].lag():
        assert lag.pending_bytes == 0
    positions = world.agents[-1].positions()
    for stream in streams:
        still = positions.get(model.StreamId(stream.run_id, stream.writer))
        assert still is None or still == (stream.segment, stream.offset)
