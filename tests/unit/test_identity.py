"""core/identity.py: when a file is changed, stable, temporary, and what it is called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.core import identity

STAT = identity.Stat(7, 100, 1_000, 1_000)
stats = st.builds(identity.Stat, *[st.integers(0, 3)] * 4)


def test_a_restored_mtime_is_still_a_change():
    """ctime catches what `touch -r` hides."""
    captured = identity.Captured(STAT, "sha")
    assert not identity.is_changed(captured, STAT)
    assert identity.is_changed(captured, STAT._replace(ctime_ns=1_001))
    assert identity.is_changed(None, STAT)


@given(st.lists(st.tuples(stats, st.floats(0, 1)), min_size=1, max_size=30))
def test_a_file_is_due_only_when_its_last_change_is_the_settling_time_ago(looks):
    """Whatever the looks showed: not before `settle_s` after the first look at the present state."""
    pending, now, since, last = None, 0.0, 0.0, None
    for stat, pause in looks:
        now += pause
        if stat != last:
            since, last = now, stat
        pending = identity.step(pending, stat, now)
    assert identity.due(pending, 2.0) == since + 2.0
    assert identity.due(pending, 2.0, final=True) == since


def test_a_file_that_its_writer_closed_is_due_at_once():
    """A hint spares the settling time, until the file changes again."""
    closed = identity.step(identity.step(None, STAT, 5.0), STAT, 5.1, closed=True)
    assert identity.due(closed, 2.0) == 5.0
    changed = identity.step(closed, STAT._replace(size=101), 6.0)
    assert identity.due(changed, 2.0) == 8.0


def test_a_failed_file_waits_longer_each_time_but_never_for_ever():
    """Back-off doubles up to its cap; a hint ends it."""
    pending, waits = identity.step(None, STAT, 0.0), []
    for _ in range(12):
        pending = identity.failed(pending, 100.0, 0.2)
        waits.append(pending.not_before - 100.0)
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.2)
    assert waits[-1] == identity.LONGEST_WAIT_S
    assert identity.step(pending, STAT, 101.0, closed=True).not_before == 0.0


@pytest.mark.parametrize(
    "path",
    [
        "a.tmp", "model.pkl.tmp", "m.tmp4711", "m.tmp-a8f", "sub/.x.swp", "x.part", "notes~", ".#lock", ".nfs00000000deadbeef",
        "tmp-checkpoint-500/model.bin", "step.orbax-checkpoint-tmp-17/a", "w.TMP",
    ],
)  # fmt: skip
def test_a_name_that_will_be_renamed_is_temporary(path):
    """Such a file waits for its run's end."""
    assert identity.is_temporary(path)


@pytest.mark.parametrize(
    "path", ["model.pkl", "template.txt", ".hidden", "a.tmpl.d/x", "parts/0", "tmp/x", "swp", "a.temperature.csv", "é\n.pt"]
)
def test_an_ordinary_name_is_not(path):
    """Names that only look a little like it are captured live."""
    assert not identity.is_temporary(path)


def test_roots_of_one_base_name_are_told_apart_by_their_order():
    """The first keeps the name; a root that comes later renames none."""
    assert identity.root_names(["/a/outputs"]) == {"/a/outputs": "outputs"}
    assert identity.root_names(["/a/outputs", "/b/outputs", "/c/outputs-2", "/"]) == {
        "/a/outputs": "outputs",
        "/b/outputs": "outputs-2",
        "/c/outputs-2": "outputs-2-2",
        "/": "root",
    }


@given(st.lists(st.text("ab/", min_size=1).map(lambda text: "/" + text), unique=True))
def test_no_two_roots_share_a_name(roots):
    """Names are unique, and none holds a slash."""
    names = identity.root_names(roots)
    assert set(names) == set(roots)
    assert len(set(names.values())) == len(roots)
    assert not any("/" in name for name in names.values())


def test_a_sweep_costs_at_most_one_percent():
    """However long it takes, the pause is a hundred times that."""
    assert identity.next_sweep(7.0, 0.001, 1.0) == 8.0
    assert identity.next_sweep(7.0, 0.5, 1.0) == 57.0


def test_idle_roots_share_a_twentieth_of_a_percent_and_wake_on_whole_seconds():
    """A hundred of them are one wake-up a second."""
    assert identity.next_idle_sweep(7.3, 0.00001, 5.0, 1) == 13.0
    assert identity.next_idle_sweep(7.3, 0.0001, 5.0, 100) == 28.0


def test_a_root_that_was_quiet_for_a_while_is_swept_the_later_the_longer_it_was():
    """All of them together cost at most a thousandth of a core."""
    assert identity.next_quiet_sweep(7.3, 0.00001, 1.0, 6.0, 1) == 9.0
    assert identity.next_quiet_sweep(7.3, 0.00001, 1.0, 20.0, 1) == 12.0
    assert identity.next_quiet_sweep(7.3, 0.0002, 1.0, 20.0, 100) == 28.0
    assert identity.next_quiet_sweep(7.3, 0.00001, 0.1, 5.0, 1) == 8.3
