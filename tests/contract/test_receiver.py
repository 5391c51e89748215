"""Where many agents' slices become transactions: each is answered with the truth, and nobody is stopped by what another one sent."""

from __future__ import annotations

import threading

import pytest
from server_rig import piece
from spoolfiles import line
from waiting import until

from outrider_agent import errors, model
from outrider_agent.receive import receiver
from outrider_agent.store import reading, sqlite


class Odd(sqlite.SqliteStore):
    """A store with a bug: data that hold a certain word raise what nobody foresaw; a locked one says so."""

    locked = False

    def __init__(self, path):
        super().__init__(path)
        self.held = threading.Lock()

    def commit(self, batch):
        with self.held:  # the disk hangs as long as a test holds it
            pass
        if self.locked:
            raise errors.Unavailable("locked")
        if any(b"poison" in one.data for one in batch.slices):
            raise ZeroDivisionError("unforeseen")
        return super().commit(batch)


@pytest.fixture
def made(tmp_path):
    """A receiver that has not begun to commit; its store."""
    fenced = []
    store = Odd(tmp_path / "outrider.db")
    one = receiver.Receiver(store, fenced.append, queue_bytes=10_000)
    one.fenced = fenced
    yield one, store
    one.close()


def stream(number):
    return model.StreamId(f"r{number}", "py-1")


def values(store, run):
    with reading.Reader(store.path) as found:
        return [point.value for point in found.points(run, "x")]


def test_what_waits_shares_a_transaction_and_each_gets_its_answer(made):
    """Of two that begin at one place the first is taken, the second told where the stream stands; a later one may follow at once."""
    one, store = made
    first = piece(stream(0), line("m", n="x", v=1))
    answers = [
        one.offer(first),
        one.offer(first),
        one.offer(piece(stream(0), line("m", n="x", v=2), first.end)),
        one.offer(piece(stream(1), line("m", n="x", v=3))),
    ]
    one.start()
    found = [answer.result(20) for answer in answers]
    assert [answer.taken for answer in found] == [True, False, True, True]
    assert found[1].position == found[2].position
    assert one.commits == 1
    assert [values(store, f"r{number}") for number in (0, 1)] == [[1, 2], [3]]


def test_nobody_is_stopped_by_what_another_one_sent(made):
    """A bug in our code about one's data is that one's error; the others of its transaction are committed."""
    one, store = made
    answers = [one.offer(piece(stream(number), line("m", n="x" if number != 1 else "poison", v=number))) for number in range(3)]
    one.start()
    assert answers[0].result(20).taken
    with pytest.raises(errors.StoreError, match="ZeroDivisionError"):
        answers[1].result(20)
    assert answers[2].result(20).taken
    assert [values(store, f"r{number}") for number in (0, 2)] == [[0], [2]]


def test_how_long_a_transaction_takes_is_told_while_it_is_under_way(made):
    """Law: a hang is no progress. Health asks this; a disk that hangs gives neither an answer nor an error."""
    one, store = made
    one.start()
    assert one.busy_s() == 0
    with store.held:
        answer = one.offer(piece(stream(0), line("m", n="x", v=1)))
        until(lambda: one.busy_s() > 0.05)
        assert not answer.done()
    assert answer.result(20).taken
    until(lambda: one.busy_s() == 0)


def test_a_line_that_the_store_refuses_is_set_aside_and_the_rest_goes_in(made):
    """As beside an agent's own store: narrowed down to the line."""
    one, store = made
    data = line("m", n="x", v=1) + line("tag", n="\udc80", v=1) + line("m", n="x", v=2)
    answer = one.offer(piece(stream(0), data.replace(b"\\udc80", b"\\ud800")))
    one.start()
    assert answer.result(20).taken
    assert values(store, "r0") == [1, 2]


def test_a_store_that_is_locked_or_taken_over_is_everybodys_answer(made):
    """Unavailable: they hold it and come again. Fenced: the server ends."""
    one, store = made
    one.start()
    store.locked = True
    with pytest.raises(errors.Unavailable, match="locked"):
        one.offer(piece(stream(0), line("m", n="x", v=1))).result(20)
    assert one.error == "locked"
    store.locked = False
    assert one.offer(piece(stream(0), line("m", n="x", v=1))).result(20).taken
    assert one.error is None
    other = sqlite.SqliteStore(store.path)
    other.take_over()
    other.close()
    with pytest.raises(errors.Fenced):
        one.offer(piece(stream(1), line("m", n="x", v=1))).result(20)
    assert len(one.fenced) == 1


def test_what_does_not_fit_into_the_queue_is_told_to_come_again(made):
    """Law 5: bounded, and what is there is committed all the same."""
    one, store = made
    waiting = one.offer(piece(stream(0), line("m", n="x", v=1, d="x" * 9_000)))
    with pytest.raises(receiver.Full) as caught:
        one.offer(piece(stream(1), line("m", n="x", v=1, d="x" * 9_000)))
    assert caught.value.retry_after_s > 0
    one.start()
    assert waiting.result(20).taken
    one.close()
    with pytest.raises(errors.Unavailable, match="stopping"):
        one.offer(piece(stream(2), line("m", n="x", v=1)))
    assert values(store, "r0") == [1]
