"""
Law: whatever a writer does to a file, each line that a look could have seen is given out once and whole; what may be missing is said.

An interpreter of random programs (write, rotate, copy and truncate, truncate, delete, pause, crash) against the real file system and a
model at once. The model knows which lines nobody could have seen; all others must be there exactly once, whatever agent read them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tails import Reader, line

MOST_KEPT = 4

STEPS = st.one_of(
    st.tuples(st.just("write"), st.integers(1, 5), st.sampled_from([0, 1, 40, 300])),
    st.tuples(st.just("part"), st.integers(1, 30), st.just(0)),
    st.tuples(st.just("rotate"), st.just(0), st.just(0)),
    st.tuples(st.just("copytruncate"), st.just(0), st.just(0)),
    st.tuples(st.just("truncate"), st.just(0), st.just(0)),
    st.tuples(st.just("delete"), st.just(0), st.just(0)),
    st.tuples(st.just("look"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("crash"), st.just(0), st.just(0)),
)


class World:
    """The writer, the file system, and what must be read: `safe` lines once, `risky` ones at most once."""

    def __init__(self, folder):
        self.path = Path(folder) / "a"
        self.fd = -1
        self.next = 1
        self.rest = b""
        self.unseen: list[int] = []  # written since the last look
        self.only_held: list[int] = []  # in deleted files, which only the reader's descriptor keeps
        self.safe: set[int] = set()
        self.has_lines = False
        self.is_begun = False  # something of the present file was read: that it is truncated shows
        self.must_be_said = False
        self.risky: set[int] = set()
        self.open()

    def open(self):
        self.close()
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def write(self, count, size):
        self.finish_line()
        for _ in range(count):
            os.write(self.fd, line(self.next, "x" * size))
            self.unseen.append(self.next)
            self.has_lines = True
            self.next += 1

    def part(self, size):
        if not self.rest:
            self.rest = line(self.next, "part")
            self.next += 1
            self.begun = self.next - 1
        cut = min(size, len(self.rest) - 1)
        os.write(self.fd, self.rest[:cut])
        self.rest = self.rest[cut:]

    def finish_line(self):
        if self.rest:
            os.write(self.fd, self.rest)
            self.unseen.append(self.begun)
            self.has_lines = True
            self.rest = b""

    def rotate(self):
        """As docker and logrotate do it."""
        self.finish_line()
        self.shift()
        os.rename(self.path, f"{self.path}.1")
        self.is_begun = self.has_lines = False
        self.open()

    def shift(self):
        for number in range(9, 0, -1):
            if os.path.exists(f"{self.path}.{number}"):
                os.rename(f"{self.path}.{number}", f"{self.path}.{number + 1}")

    def copytruncate(self):
        """Nothing is written between the two: then nothing is lost."""
        self.finish_line()
        self.shift()
        shutil.copy(self.path, f"{self.path}.1")
        os.truncate(self.path, 0)
        self.is_begun = self.has_lines = False

    def truncate(self):
        self.finish_line()
        os.truncate(self.path, 0)
        self.risky.update(self.unseen)
        self.must_be_said |= bool(self.unseen) and self.is_begun
        self.unseen = []
        self.is_begun = self.has_lines = False

    def delete(self, reader_holds):
        self.finish_line()
        os.unlink(self.path)
        self.is_begun = self.has_lines = False
        if reader_holds:
            self.only_held += self.unseen
        else:
            self.risky.update(self.unseen)
        self.unseen = []
        self.open()

    def looked(self):
        self.safe.update(self.unseen, self.only_held)
        self.only_held = []
        self.is_begun = self.has_lines
        self.unseen = []


def do(world, reader, name, first, second):
    """One step of a program. After a look, whatever was written before it must be there in the end."""
    if name in ("look", "crash"):
        if name == "crash":
            world.risky.update(world.only_held)
            world.only_held = []
            reader.restart()
        reader.step(max(1, first))
        world.looked()
    elif name == "write":
        world.write(first, second)
    elif name == "part":
        world.part(first)
    elif name == "delete":
        world.delete(reader_holds=any(one.identity.inode == world.path.stat().st_ino for one in reader.tail._held))
    elif name != "rotate" or len(os.listdir(world.path.parent)) <= MOST_KEPT:
        getattr(world, name)()


def run(program, folder):
    world = World(folder)
    reader = Reader(world.path)
    try:
        reader.step()
        for step in program:
            do(world, reader, *step)
        world.finish_line()
        reader.step(5)
        world.looked()
        reader.finish()
    finally:
        world.close()
        reader.tail.close()
    return world, reader


def check(program):
    with tempfile.TemporaryDirectory(prefix="tail-") as folder:
        world, reader = run(program, folder)
    found = reader.ids
    assert world.safe <= set(found), f"missing {sorted(world.safe - set(found))}"
    assert set(found) <= world.safe | world.risky, "nothing that was never written"
    doubled = {one for one in found if found.count(one) > 1}
    assert not doubled, f"twice: {sorted(doubled)}"
    assert reader.lost or not world.must_be_said or world.risky <= set(found), "what is missing is said"
    event(f"something was lost: {bool(reader.lost)}")


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, max_size=25))
def test_law_every_line_once(program):
    """Short programs, many."""
    check(program)


@pytest.mark.full
@pytest.mark.timeout(3600)
@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(STEPS, max_size=60))
def test_law_every_line_once_at_length(program):
    """Long ones, for hours of a writer's life."""
    check(program)
