"""The thread that feeds a sink: what becomes of those who wait when the sink is away, broken, or somebody else's."""

from __future__ import annotations

import contextlib

import pytest
from waiting import until

from outrider import spool
from outrider_agent import errors, knowledge
from outrider_agent.core import backoff
from outrider_agent.ship import reader, shipper
from outrider_agent.store import sqlite

OPTIONS = shipper.Options(
    batch_records=1000,
    batch_bytes=1 << 20,
    flush_interval_s=0.05,
    poll_interval_s=0.05,
    stuck_after_s=0.5,
    retention_interval_s=0.5,
    backoff=backoff.Backoff(base_s=0.01, cap_s=0.05),
)


class Sink(sqlite.SqliteStore):
    """The real store, which fails as told."""

    failure: Exception | None = None

    def commit(self, batch):
        if self.failure is not None:
            raise self.failure
        return super().commit(batch)


@contextlib.contextmanager
def shipping(home, open_sink):
    """A shipper over a spool with one line, started: (shipper, what it was told of a takeover, of a lock)."""
    writer = spool.Writer(str(home), "r1", owner=True)
    assert writer.append(spool.line({"k": "m", "t": 1, "n": "a", "v": 1}))
    clock, fenced, locked = knowledge.SystemClock(), [], []
    subject = shipper.Shipper(
        "store",
        open_sink,
        reader.SpoolReader(home / "spool", clock),
        clock,
        OPTIONS,
        may_go=lambda _run: False,
        on_locked=lambda error, _since: locked.append(error),
        on_fenced=fenced.append,
    )
    subject.start()
    try:
        yield subject, fenced, locked
    finally:
        subject.stop()
        assert subject.wait_stopped(20)
        writer.close()


def failing(home, failure):
    def open_sink():
        sink = Sink(home / "outrider.db")
        sink.failure = failure
        return sink

    return open_sink


def test_a_bug_stops_the_sink_and_says_so_to_those_who_wait(home):
    """Rule: what is neither `Unavailable`, `Rejected` nor `Fenced` is a bug: the sink stops, loudly; nobody waits for it any longer."""
    with shipping(home, failing(home, ZeroDivisionError("oh"))) as (subject, fenced, _):
        until(lambda: subject.bug)
        assert subject.statistics().state == "stuck"
        assert subject.statistics().error == "ZeroDivisionError: oh"
        assert subject.lag()[0].pending_bytes > 0
        with pytest.raises(errors.Unavailable, match="ZeroDivisionError"):
            subject.flush(None, None, 5.0).result(5)
        assert fenced == []


def test_another_owner_is_told_once_and_ends_the_thread(home):
    """Rule: `Fenced` is for whoever wires the agent: it ends the whole of it."""
    with shipping(home, failing(home, errors.Fenced())) as (subject, fenced, _):
        assert subject.wait_stopped(20)
        assert len(fenced) == 1


def test_a_sink_that_cannot_be_opened_yet_is_waited_for(home):
    """Rule: `Unavailable` is tried for ever; meanwhile what waits is counted, flushes end at their deadline, and the reason is told."""
    away = [True]

    def open_sink():
        if away[0]:
            raise errors.Unavailable("locked")
        return Sink(home / "outrider.db")

    with shipping(home, open_sink) as (subject, _, locked):
        assert [late.stream.run for late in subject.flush(None, None, 0.2).result(10)] == ["r1"]
        until(lambda: subject.statistics().state == "stuck")
        assert subject.statistics().error == locked[0] == "locked"
        with pytest.raises(errors.Unavailable):
            subject.has_ended("r1")
        away[0] = False
        assert subject.flush(None, None, 20.0).result(20) == []
        assert subject.statistics().state == "ok"


def test_who_waits_when_it_is_stopped_is_told(home):
    """Rule: nobody is left waiting."""
    with shipping(home, failing(home, errors.Unavailable("full"))) as (subject, _, _):
        waiting = subject.flush(None, None, 60.0)
        until(lambda: subject.statistics().error == "full")
        subject.stop()
        with pytest.raises(errors.Unavailable):
            waiting.result(20)
