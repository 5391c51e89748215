"""
Foreign files, followed: the cases of section A of the catalogue (rotation, truncation, identity), each by its number.

Each is run as it stands, with an agent that begins anew at every step (R, K: all it has is what it wrote down), and with a look at every
byte (the sweep alone; hints only hurry it).
"""

from __future__ import annotations

import gzip
import itertools
import os
import shutil

import pytest
from tails import Reader, Writer, descriptors, line

from outrider_agent.collect import tail


def move(*paths):
    for old, new in itertools.pairwise(paths):
        os.rename(old, new)


def test_a01_the_writer_goes_on_in_the_renamed_file_for_a_while(log, looks):
    writer, reader = Writer(log), Reader(log)
    writer.write(1000)
    looks(reader)
    move(log, f"{log}.1")
    writer.write(10)
    with open(log, "wb") as new:
        new.writelines(line(number) for number in range(2001, 2011))
    looks(reader)
    writer.write(10)
    looks(reader)
    writer.close()
    looks(reader)
    assert sorted(reader.ids) == [*range(1, 1021), *range(2001, 2011)]
    assert reader.lost == []
    assert [one.drained for one in reader.positions.values()] == [True, False], "the old file is let go once nobody writes to it"


def test_a02_ten_rotations_between_two_looks(log, looks):
    writer, reader = Writer(log), Reader(log)
    looks(reader)
    for _ in range(10):
        writer.write(7)
        for number in range(10, 1, -1):
            if os.path.exists(f"{log}.{number - 1}"):
                os.rename(f"{log}.{number - 1}", f"{log}.{number}")
        move(log, f"{log}.1")
        writer.reopen()
    writer.write(7)
    looks(reader)
    assert reader.ids == list(range(1, 78))
    looks(reader)
    assert (reader.ids, reader.lost) == (list(range(1, 78)), [])


@pytest.mark.parametrize("dated", [False, True])
def test_a03_two_rotations_while_no_agent_ran(log, dated):
    names = ["a.20260101-010101", "a.20260102-010101"] if dated else ["a.2", "a.1"]
    writer, reader = Writer(log), Reader(log)
    writer.write(5)
    reader.step().tail.close()
    writer.write(5)
    move(log, log.parent / names[0])
    writer.reopen()
    writer.write(5)
    move(log, log.parent / names[1])
    writer.reopen()
    writer.write(5)
    reader.restart().step()
    assert (reader.ids, reader.lost) == (list(range(1, 21)), [])


def test_a03_a_file_that_is_gone_by_the_next_start_is_said_to_be(log):
    writer, reader = Writer(log), Reader(log)
    writer.write(5)
    reader.step().tail.close()
    writer.write(5)
    os.unlink(log)
    writer.reopen()
    writer.write(5)
    reader.restart().step()
    assert reader.ids == [1, 2, 3, 4, 5, 11, 12, 13, 14, 15]
    assert [lost.why for lost in reader.lost] == [
        f"{log} is gone since byte {5 * len(line(1)):,} of it was read; what it held after that, if anything, is missing"
    ]


def test_a04_copied_and_truncated(log, looks):
    writer, reader = Writer(log), Reader(log)
    writer.write(20)
    looks(reader)
    writer.write(5)
    shutil.copy(log, f"{log}.1")
    os.truncate(log, 0)
    writer.write(3)
    looks(reader)
    looks(reader)
    assert reader.ids == list(range(1, 29)), "what was not read yet is read in the copy"


def test_a04_a_truncation_without_a_copy_is_said(log):
    writer, reader = Writer(log), Reader(log)
    writer.write(20)
    reader.step()
    os.truncate(log, 0)
    writer.write(3)
    reader.step()
    assert reader.ids == list(range(1, 24))
    (lost,) = reader.lost
    assert "was truncated or rewritten after byte" in lost.why


@pytest.mark.parametrize("same", [False, True], ids=["a05", "a06-same-first-kibibyte"])
def test_a05_a06_truncated_and_grown_past_the_old_place(log, looks, same):
    writer, reader = Writer(log), Reader(log)
    writer.write(60, "x" * 20)
    looks(reader)
    if same:
        shutil.copyfile(log, log.parent / "kept")
    os.truncate(log, 0)
    if same:
        writer.raw((log.parent / "kept").read_bytes()[:2000].rpartition(b"\n")[0] + b"\n")
        before = writer.path.read_bytes().count(b"\n")
    else:
        before = 0
    writer.write(200)
    looks(reader)
    looks(reader)
    assert reader.ids == [*range(1, 61), *range(1, before + 1), *range(61, 261)], "a new beginning, and no half line"
    assert len(reader.lost) == 1


def test_a07_truncated_to_something_smaller(log, looks):
    writer, reader = Writer(log), Reader(log)
    writer.write(60)
    looks(reader)
    os.truncate(log, 30 * len(line(10)))
    looks(reader)
    writer.raw(b"\n")
    writer.write(2)
    looks(reader)
    assert len(reader.lost) == 1
    assert reader.data.endswith(line(61) + line(62))


def test_a08_extended_with_nothing(log, looks):
    writer, reader = Writer(log), Reader(log)
    writer.write(3)
    looks(reader)
    os.truncate(log, log.stat().st_size + 8192)
    writer.write(3)
    looks(reader)
    assert reader.ids == [1, 2, 3, 4, 5, 6]
    assert reader.data.count(b"\0") == 8192, "whoever reads the lines counts the NULs"


def test_a10_deleted_and_made_again(log, looks):
    writer, reader = Writer(log), Reader(log)
    writer.write(10)
    looks(reader)
    for _ in range(5):
        writer.close()
        os.unlink(log)
        writer.reopen()
        writer.write(10)
        looks(reader)
    assert reader.ids == list(range(1, 61))


def test_a11_an_inode_that_is_given_out_again_is_another_file(log):
    writer, reader = Writer(log), Reader(log)
    writer.write(50)
    reader.step().tail.close()
    inode = log.stat().st_ino
    writer.close()
    os.unlink(log)
    for number in range(300):
        other = log.parent / f"other{number}"
        other.write_bytes(line(1) * 60)
        if other.stat().st_ino == inode:
            break
    other.rename(log)
    reader.restart().step()
    assert len(reader.ids) == 50 + 60
    assert len(reader.lost) == 1


def test_a12_deleted_with_much_unread(log):
    writer = Writer(log)
    reader = Reader(log, budget=1 << 16)
    reader.step(1)
    writer.write(1)
    reader.step(1)
    writer.write(20_000, "x" * 200)
    os.unlink(log)
    reader.step(1)
    assert len(reader.ids) < 20_001
    reader.finish()
    assert reader.ids == list(range(1, 20_002))
    assert not any(os.path.samestat(os.fstat(writer.fd), os.stat(f"/proc/self/fd/{fd}")) for fd in descriptors() - {writer.fd})


def test_a13_deleted_in_the_middle_of_a_line(log):
    writer, reader = Writer(log), Reader(log)
    writer.write(2)
    writer.raw(b"half of a li")
    reader.step()
    os.unlink(log)
    reader.finish().finish()
    last = [event for event in reader.events if isinstance(event, tail.Piece)][-1]
    assert (last.data, last.torn) == (b"half of a li", True)
    assert reader.data == line(1) + line(2) + b"half of a li"


def test_a14_packed_while_half_of_it_is_read(log):
    writer = Writer(log)
    writer.write(2000, "x" * 100)
    reader = Reader(log, budget=1 << 16)
    reader.step(1)
    move(log, f"{log}.1")
    writer.reopen()
    reader.step(1)
    with gzip.open(f"{log}.1.gz", "wb") as packed:
        packed.write((log.parent / "a.1").read_bytes())
    os.unlink(f"{log}.1")
    writer.write(3)
    reader.step(20)
    assert (reader.ids, reader.lost) == (list(range(1, 2004)), [])


def test_a16_a_link_that_is_set_to_another_file(log, looks):
    for name in ("one", "two"):
        (log.parent / name).write_bytes(b"")
    log.symlink_to("one")
    reader = Reader(log)
    looks(reader)
    first, second = Writer(log.parent / "one"), Writer(log.parent / "two")
    first.write(5)
    looks(reader)
    (log.parent / "new").symlink_to("two")
    move(log.parent / "new", log)
    second.next = 6
    second.write(5)
    looks(reader)
    looks(reader)
    assert reader.ids == list(range(1, 11))


def test_a17_links_that_lead_nowhere_or_out(log, tmp_path):
    outside = tmp_path / "secret"
    outside.write_bytes(line(1))
    for target in (log, "gone", tmp_path, outside):
        log.unlink(missing_ok=True)
        log.symlink_to(target)
        reader = Reader(log, roots=(str(log.parent),)).step()
        assert reader.events == []
        if target != "gone":
            assert reader.tail.trouble


def test_a18_one_file_under_two_names(log, looks):
    """A hard link to the file, called as a rotated one would be: its lines come once, under either name."""
    writer, reader = Writer(log), Reader(log)
    writer.write(5)
    looks(reader)
    os.link(log, f"{log}.1")
    writer.write(5)
    looks(reader)
    os.unlink(log)
    writer.reopen()
    writer.write(5)
    looks(reader)
    looks(reader)
    assert (reader.ids, reader.lost) == (list(range(1, 16)), [])


def test_a20_the_folder_is_renamed_and_comes_back(log, looks):
    """What was read is not read again; what was written meanwhile is."""
    writer, reader = Writer(log), Reader(log)
    writer.write(5)
    looks(reader)
    move(log.parent, f"{log.parent}2")
    writer.write(5)
    looks(reader)
    move(f"{log.parent}2", log.parent)
    writer.write(5)
    looks(reader)
    assert (reader.ids, reader.lost) == (list(range(1, 16)), [])


def test_a22_replaced_by_a_longer_file_that_begins_alike(log, looks):
    writer, reader = Writer(log), Reader(log)
    writer.write(10)
    looks(reader)
    new = log.parent / "new"
    new.write_bytes(log.read_bytes() + line(11) + line(12))
    move(new, log)
    looks(reader)
    looks(reader)
    assert sorted(set(reader.ids)) == list(range(1, 13))


def test_a24_made_anew_a_thousand_times(log):
    reader, before = Reader(log), len(descriptors())
    for number in range(1000):
        (log.parent / "new").write_bytes(line(number))
        move(log.parent / "new", log)
        reader.step(1)
    assert reader.ids == list(range(1000))
    assert len(descriptors()) < before + 100


def test_a25_more_rotated_files_than_may_be_held(log):
    writer, reader = Writer(log), Reader(log, budget=1)
    for number in range(tail.MOST_HELD + 3):
        writer.write(2)
        reader.step(0)
        move(log, f"{log}.{100 - number}")
        writer.reopen()
    writer.write(1)
    reader.step(1)
    assert [lost.size for lost in reader.lost] == [2 * len(line(1))] * 4, "each with its bytes"
    reader.finish()
    assert reader.ids == list(range(9, writer.next))


@pytest.mark.parametrize("times", [1, 3])
def test_f18_a_log_that_is_replaced_where_others_rotate(log, times):
    """Podman's k8s-file with a max-size: what came and went between two looks nobody saw, and that is said; each file seen is whole."""
    writer, reader = Writer(log), Reader(log, alone=True)
    writer.write(5)
    reader.step(1)
    writer.write(5)
    for _ in range(times):
        writer.close()
        new = log.with_suffix(".tmp")
        new.touch()
        new.rename(log)
        writer.reopen()
        writer.write(5)
    reader.step(2)
    assert reader.ids == [*range(1, 11), *range(writer.next - 5, writer.next)]
    (lost,) = reader.lost
    assert "rotated more often between two looks than files of it are kept" in lost.why


def test_f18_no_gap_where_no_other_file_can_have_been(log, monkeypatch):
    """The one that was replaced is larger than all that can have been written since: the next one is the next one."""
    monkeypatch.setattr(tail, "MOST_PER_S", 0.0)
    writer, reader = Writer(log), Reader(log, alone=True)
    writer.write(5)
    reader.step(1)
    writer.close()
    new = log.with_suffix(".tmp")
    new.touch()
    new.rename(log)
    writer.reopen()
    writer.write(5)
    reader.step(3)
    assert reader.lost == []
    assert reader.ids == list(range(1, 11))
