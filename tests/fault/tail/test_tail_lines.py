"""Foreign files, followed: the cases of sections B (lines and bytes) and C (limits) of the catalogue, each by its number."""

from __future__ import annotations

import errno
import os
import resource

import pytest
from tails import Reader, Writer, descriptors, line

from outrider_agent.collect import held, tail


def test_b01_b02_a_line_in_pieces(log, looks):
    writer, reader = Writer(log), Reader(log)
    for byte in line(1, "x" * 50):
        writer.raw(bytes([byte]))
        looks(reader)
    assert [event.data for event in reader.events if isinstance(event, tail.Piece)] == [line(1, "x" * 50)]


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 10 << 20])
def test_b03_long_lines(log, size):
    writer, reader = Writer(log), Reader(log)
    writer.write(1)
    writer.raw(b"y" * size)
    reader.step(20)
    writer.raw(b"\n")
    writer.write(1)
    reader.step(20)
    assert reader.data.endswith(line(2))
    long = [event for event in reader.events if isinstance(event, tail.Long)]
    if size < 1 << 20:
        assert long == []
    else:
        assert [(event.end - event.start, event.head) for event in long] == [(size + 1, b"y" * 4096)]
        assert reader.data == line(1) + line(2)
    assert reader.restart().step().data.endswith(line(2))


def test_b03_a_long_line_is_taken_up_by_the_next_agent(log):
    writer, reader = Writer(log), Reader(log)
    writer.raw(b"y" * (3 << 20))
    reader.step(10).restart().step(10)
    writer.raw(b"\n" + line(1))
    reader.step(10)
    assert reader.data == line(1)
    assert [event.end for event in reader.events if isinstance(event, tail.Long)] == [(3 << 20) + 1]


def test_b08_two_programs_append_to_one_file(log, looks):
    """Each writes whole lines, longer than a page: none is torn, whoever looks in between."""
    writers, reader = [Writer(log), Writer(log)], Reader(log)
    writers[1].next = 101
    for size in (10, 5_000, 70_000):
        for writer in writers:
            writer.write(3, "x" * size)
            looks(reader)
    assert sorted(reader.ids) == [*range(1, 10), *range(101, 110)]
    assert reader.lost == []


def test_b12_b13_a_long_traceback_and_a_bar_without_a_newline(log, looks):
    """They are bytes here: a bar of less than the limit waits for its end, and comes once."""
    writer, reader = Writer(log), Reader(log)
    writer.raw(b"Traceback (most recent call last):\n" + b'  File "x.py", line 1\n' * 3_000 + b"ValueError: x\n")
    looks(reader)
    for percent in range(0, 101, 5):
        writer.raw(b"\r%3d%%" % percent + b"#" * 1_000)
        looks(reader)
    writer.raw(b"\n")
    looks(reader)
    assert reader.data.count(b'  File "x.py"') == 3_000
    assert (reader.data.count(b"\r"), reader.data.count(b"100%"), reader.lost) == (21, 1, [])


def test_c04_without_descriptors_nothing_is_forgotten(log):
    writer, reader = Writer(log), Reader(log)
    writer.write(5)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(descriptors()) + 1, hard))
    try:
        filler = []
        try:
            while True:
                filler.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            pass
        reader.step()
        assert reader.events == []
        assert "Too many open files" in reader.tail.trouble
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for one in filler:
            os.close(one)
    reader.step()
    assert (reader.ids, reader.tail.trouble) == ([1, 2, 3, 4, 5], None)


@pytest.mark.parametrize("name", ["a b", "\u00e4\U0001f600", "-x", "new\nline", "%s'\"", b"\xff\xfe", b"n" * 240], ids=ascii)
def test_c07_names_of_any_bytes(tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), os.fsencode(name)).decode("utf-8", "surrogateescape")
    writer = Writer(path)
    reader = Reader(path)
    writer.write(2)
    reader.step()
    os.rename(path, path + ".1")
    writer.reopen()
    writer.write(1)
    assert reader.restart().step().ids == [1, 2, 3]


def test_c08_unreadable_for_a_while(log):
    """Not for root, who may read everything: a folder in its place is as unreadable."""
    writer, reader = Writer(log), Reader(log)
    writer.write(2)
    reader.step()
    log.rename(f"{log}.1")
    log.mkdir()
    writer.write(2)
    reader.step()
    assert reader.ids == [1, 2, 3, 4], "what is held is read on"
    assert "no regular file" in reader.tail.trouble
    log.rmdir()
    writer.reopen()
    writer.write(2)
    reader.step()
    assert (reader.ids, reader.lost) == ([1, 2, 3, 4, 5, 6], [])


class Failing:
    """`os` for held.py, whose reads fail with an error while there is one."""

    def __init__(self):
        self.error = None

    def __getattr__(self, name):
        return getattr(os, name)

    def pread(self, *arguments):
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        return os.pread(*arguments)


@pytest.mark.parametrize("error", [errno.EIO, errno.ESTALE])
def test_c11_a_disk_that_cannot_be_read_for_a_while(log, monkeypatch, error):
    """It is said, tried again, and goes on where it was; ESTALE: with the file that lies there under the name. No other log waits."""
    monkeypatch.setattr(held, "os", disk := Failing())
    writer, reader = Writer(log), Reader(log)
    writer.write(2)
    reader.step()
    writer.write(2)
    disk.error = error
    reader.step(3)
    assert reader.tail.trouble.startswith(f"{log}: ")
    disk.error = None
    reader.step()
    assert (reader.tail.trouble, reader.ids, reader.lost) == (None, [1, 2, 3, 4], [])


def test_c11_what_cannot_be_read_to_the_end_is_a_gap(tmp_path):
    """A file whose every read fails with EIO, as a bad disk's do: of a container that is over, what is missing is said."""
    log = tmp_path / "log"
    log.symlink_to("/proc/self/mem")
    reader = Reader(log).step()
    assert "Input/output error" in reader.tail.trouble
    (lost,) = reader.finish().lost
    assert "cannot be read (Input/output error)" in lost.why


def test_c13_a_folder_that_comes_later(tmp_path):
    path = tmp_path / "later" / "a"
    reader = Reader(path).step()
    path.parent.mkdir()
    Writer(path).write(3)
    assert reader.step().ids == [1, 2, 3]


def test_c15_one_that_grows_faster_than_it_is_read_takes_no_more_than_its_turn(log):
    writer = Writer(log)
    writer.write(50_000, "x" * 100)
    reader = Reader(log, budget=1 << 20)
    reader.step(1)
    assert 1 << 20 <= len(reader.data) <= 3 << 20
    assert reader.tail.more
    assert reader.tail.pending()


def test_c16_no_clock_matters(log):
    writer, reader = Writer(log), Reader(log)
    for when in (0, 2**31, 10**11):
        writer.write(2)
        os.utime(log, (when, when))
        reader.step()
    assert reader.ids == [1, 2, 3, 4, 5, 6]
