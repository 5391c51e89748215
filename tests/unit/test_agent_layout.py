"""A home: where things are, who may enter, and which folders cannot be one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from outrider_agent import errors, layout


def test_a_home_is_made_for_its_user_alone(home):
    """Rule: 0700, idempotent."""
    where = layout.Layout(home)
    layout.prepare(where)
    layout.prepare(where)
    for folder in (home, where.spool, where.blobs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(home)) == ["blobs", "spool"]


def test_the_socket_lies_in_the_home_where_its_path_is_short_enough(tmp_path):
    """Rule: control.sock in the home."""
    assert layout.Layout(Path("/srv/o")).socket({}) == Path("/srv/o/control.sock")


def test_a_long_home_has_its_socket_elsewhere_and_no_two_homes_share_one(tmp_path):
    """Rule: a unix socket's path holds 107 bytes; a longer one goes to the user's runtime folder, else below /tmp, named by the home."""
    one, other = Path("/srv/" + "x" * 100), Path("/srv/" + "y" * 100)
    runtime = {"XDG_RUNTIME_DIR": "/dev/shm"}
    assert layout.Layout(one).socket(runtime).parent == Path("/dev/shm")
    assert layout.Layout(one).socket(runtime) != layout.Layout(other).socket(runtime)
    for environ in ({}, {"XDG_RUNTIME_DIR": "/nowhere"}, runtime):
        path = layout.Layout(one).socket(environ)
        assert len(os.fsencode(path)) <= layout.SOCKET_PATH_MAX
        assert layout.Layout(one).socket(environ) == path


def test_a_file_in_the_homes_place_is_refused_clearly(tmp_path):
    """Rule: what happened, what it means, what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.HomeUnusable, match="Set OUTRIDER_HOME"):
        layout.prepare(layout.Layout(tmp_path / "file"))
    with pytest.raises(errors.HomeUnusable, match="Set OUTRIDER_HOME"):
        layout.prepare(layout.Layout(tmp_path / "file" / "below"))


def test_a_home_that_cannot_be_written_is_refused_clearly():
    """Rule: read-only places are said at once, not by the first record."""
    with pytest.raises(errors.HomeUnusable, match=r"cannot be (made|written)"):
        layout.prepare(layout.Layout(Path("/proc/outrider")))


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_home_on_a_network_file_system_is_refused(home, tmp_path, monkeypatch, kind):
    """Rule: locks and SQLite's WAL cannot be trusted there."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} {kind} rw 0 0\n")
    assert layout.file_system(home, mounts) == kind
    monkeypatch.setattr(layout, "file_system", lambda _path: kind)
    with pytest.raises(errors.HomeUnusable, match="network file system"):
        layout.prepare(layout.Layout(home))


def test_the_mount_that_counts_is_the_innermost_and_the_last(tmp_path):
    """Rule: mounts nest and hide one another; their names may hold blanks."""
    mounts = tmp_path / "mounts"
    mounts.write_text("a / ext4 rw 0 0\nb /srv/my\\040data nfs rw 0 0\nc /srv/my\\040data xfs rw 0 0\nd /srv/my tmpfs rw 0 0\nbroken\n")
    assert layout.file_system(Path("/srv/my data/home"), mounts) == "xfs"
    assert layout.file_system(Path("/srv/mine"), mounts) == "ext4"
    assert layout.file_system(Path("/srv"), tmp_path / "none") == ""


def test_state_is_replaced_whole(tmp_path):
    """Rule: temporary file, fsync, rename; 0600; nothing is left over."""
    path = tmp_path / "agent.json"
    layout.write_atomically(path, b"one")
    layout.write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["agent.json"]
