"""Files that renames put in place are held: what they held is read though their name is another's by then; what was missed is known."""

from __future__ import annotations

import os

import descriptors
import pytest

from outrider_agent.collect import early


@pytest.fixture
def renamed(tmp_path):
    """Puts bytes in place by a rename; the path."""

    def put(data, name="last.pt"):
        (tmp_path / "new").write_bytes(data)
        (tmp_path / "new").rename(tmp_path / name)
        return str(tmp_path / name)

    return put


def content(one):
    descriptor = one.open()
    try:
        return os.read(descriptor, 100)
    finally:
        os.close(descriptor)


def test_what_was_replaced_is_still_read(renamed):
    """Each in its turn, whatever stands there now; and when nothing does."""
    seen = early.Seen()
    for number in range(5):
        path = renamed(b"%d" % number)
        seen.add(path)
    os.unlink(path)
    found = seen.take()
    assert [content(one.early) for one in found] == [b"0", b"1", b"2", b"3", b"4"]
    assert not any(one.is_missed for one in found)
    assert seen.take() == []
    for one in found:
        one.early.close()


def test_a_rename_whose_file_was_replaced_before_it_was_held_is_missed(renamed):
    """Two renames were seen, and both times the second one's file stood there: it is the first one after the gap."""
    seen = early.Seen()
    renamed(b"gone")
    path = renamed(b"there")
    seen.add(path)
    seen.add(path)
    (first,) = seen.take()
    assert (first.is_missed, content(first.early)) == (True, b"there")
    seen.add(path)
    (late,) = seen.take()
    assert (late.is_missed, late.early) == (True, None)
    first.early.close()


def test_no_more_are_held_than_the_bounds_say(renamed, tmp_path):
    """Of all paths, and of one within the settling time; what is let go of has no descriptor left."""
    seen, waiting = early.Seen(), early.Waiting()
    for number in range(early.MOST + 5):
        seen.add(renamed(b"x", f"file{number}"))
    found = seen.take()
    assert sum(one.early is not None for one in found) == early.MOST
    one = next(one.early for one in found if one.early is not None)
    added = [waiting.add("same", one, 10.0, 2.0) for _ in range(early.MOST_OF_A_PATH + 2)]
    assert added.count(True) == early.MOST_OF_A_PATH
    assert waiting.add("same", one, 12.5, 2.0)
    assert len(waiting) == early.MOST_OF_A_PATH + 1
    assert len(descriptors.below(tmp_path)) == early.MOST + early.MOST_OF_A_PATH + 1
    for other in found:
        if other.early is not None:
            other.early.close()
    waiting.close()
    assert descriptors.below(tmp_path) == []


def test_they_have_their_turn_path_by_path_the_oldest_first(renamed):
    """A path that is busy waits; one that could not be captured is the oldest again; a gap is told with the one after it."""
    seen, waiting = early.Seen(), early.Waiting()
    for name, data in (("a", b"1"), ("a", b"2"), ("b", b"3")):
        seen.add(renamed(data, name))
    held = [one.early for one in seen.take()]
    waiting.add("a", held[0], 0.0, 2.0)
    waiting.add("a", held[1], 0.0, 2.0)
    assert waiting.mark("a")
    assert not waiting.mark("b")
    waiting.skip("b")
    waiting.add("b", held[2], 0.0, 2.0)
    ((name, first),) = waiting.next({"b"}, 0.0)
    assert (name, content(first), first.is_after_gap) == ("a", b"1", False)
    waiting.put_back("a", first, 5.0)
    assert list(waiting.next((), 4.0)) == []
    turns = [*waiting.next((), 5.0), *waiting.next((), 5.0)]
    assert [(name, content(one), one.is_after_gap) for name, one in turns] == [("a", b"1", False), ("b", b"3", True), ("a", b"2", True)]
    assert len(waiting) == 0
    for one in [*held, *(one for _, one in turns)]:
        one.close()


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "nothing"])
def test_only_a_regular_file_is_held(tmp_path, kind):
    """Nothing else is touched."""
    path = tmp_path / "x"
    make = {"link": lambda: path.symlink_to(tmp_path), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir, "nothing": lambda: None}
    make[kind]()
    assert early.hold(str(path)) is None
