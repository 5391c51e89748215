"""Snapshots: what belongs to one, its limits, that it comes back as it was."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waiting import until

from outrider import _snapshot
from outrider._errors import SnapshotError


@pytest.fixture
def folder(tmp_path):
    """A small project."""
    top = tmp_path / "project"
    (top / "lib").mkdir(parents=True)
    (top / "train.py").write_text("print(1)\n")
    (top / "lib" / "mylib.py").write_text("x = 1\n")
    (top / "run.sh").write_text("#!/bin/sh\n")
    (top / "run.sh").chmod(0o755)
    return top


@pytest.fixture
def home(tmp_path):
    """Where the blobs go."""
    return str(tmp_path / "home")


def names(taken, home):
    with zipfile.ZipFile(_snapshot.blob(home, taken.id)) as archive:
        return sorted(archive.namelist())


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_snapshot_holds_the_folder_and_comes_back_as_it_was(folder, home, tmp_path):
    """Contents, modes and times (to the two seconds of a zip)."""
    taken = _snapshot.take(home, folder)
    assert (taken.files, taken.bytes) == (3, 25)
    path = _snapshot.restore(home, taken.id, tmp_path / "back")
    assert path == str(tmp_path / "back" / f"{taken.id}.zip")
    (tmp_path / "there").mkdir()
    _snapshot.unpack(path, str(tmp_path / "there"))
    assert (tmp_path / "there" / "lib" / "mylib.py").read_text() == "x = 1\n"
    assert stat.S_IMODE((tmp_path / "there" / "run.sh").stat().st_mode) == 0o755
    assert abs((tmp_path / "there" / "train.py").stat().st_mtime - (folder / "train.py").stat().st_mtime) <= 2


def test_large_files_come_back_whole(folder, home, tmp_path):
    """They are copied in pieces."""
    data = os.urandom(3_000_001)
    (folder / "large.bin").write_bytes(data)
    _snapshot.unpack(_snapshot.blob(home, _snapshot.take(home, folder).id), str(tmp_path))
    assert (tmp_path / "large.bin").read_bytes() == data


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..", ".amlignore", ".gitignore", "pyvenv.cfg") and name not in _snapshot.NOT_SOURCE
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES.map("d/{}".format) | NAMES.map("d/e/{}".format), st.binary(max_size=200), max_size=8))
def test_whatever_is_in_a_folder_comes_back(files):
    """The law of snapshots: unpack(take(folder)) is the folder, whatever its files are called and hold."""
    with tempfile.TemporaryDirectory() as name:
        top, home, back = (Path(name, part) for part in ("top", "home", "back"))
        (top / "d" / "e").mkdir(parents=True)
        back.mkdir()
        written = {}
        for inner, data in files.items():
            with contextlib.suppress(OSError):  # a name that is a folder already
                (top / inner).write_bytes(data)
                written[inner] = data
        _snapshot.unpack(_snapshot.blob(str(home), _snapshot.take(str(home), top).id), str(back))
        assert {str(path.relative_to(back)): path.read_bytes() for path in back.rglob("*") if path.is_file()} == written


def test_the_same_folder_is_stored_once(folder, home):
    """A sweep of a hundred submits keeps its source once."""
    assert _snapshot.take(home, folder).sha == _snapshot.take(home, folder).sha
    write(folder, train_DOT_py="print(2)\n")
    assert _snapshot.take(home, folder).sha != ""
    blobs = [name for _, _, found in os.walk(os.path.join(home, "blobs")) for name in found]
    assert len(blobs) == 2


def test_a_folder_that_has_not_changed_is_not_read_again(folder, home):
    """A loop of runs in a notebook; a change is seen, also one that keeps size and time."""
    until(lambda: _snapshot.take(home, folder) is _snapshot.take(home, folder), message="the folder's files are old enough")
    before, path = _snapshot.take(home, folder), folder / "train.py"
    status = path.stat()
    path.write_text("print(2)\n")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert _snapshot.take(home, folder).sha != before.sha


def test_results_caches_version_control_and_environments_are_left_out(folder, home):
    """At the top what runs leave behind; anywhere what is no source."""
    write(folder, outputs__m_DOT_pkl="x", logs__l_DOT_txt="x", lib__outputs__kept_DOT_txt="x", __git__HEAD="x")
    for path in (
        ".git/HEAD",
        "lib/__pycache__/a.pyc",
        ".ipynb_checkpoints/a.ipynb",
        "venv/pyvenv.cfg",
        "venv/lib/x.py",
        "env/conda-meta/history",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")
    assert {"train.py", "lib/outputs/kept.txt"} <= set(names(_snapshot.take(home, folder), home))
    assert not {name.split("/")[0] for name in names(_snapshot.take(home, folder), home)} & {"outputs", "logs", ".git", "venv", "env"}


def test_the_home_is_never_part_of_a_snapshot(folder):
    """Else the store would be copied into itself."""
    home = str(folder / "state")
    _snapshot.take(home, folder)
    assert not any(name.startswith("state") for name in names(_snapshot.take(home, folder), home))


def test_amlignore_beats_gitignore(folder, home):
    """Where there is one, the other has nothing to say."""
    write(folder, data__big_DOT_csv="x", _DOT_gitignore="*.py\n")
    assert names(_snapshot.take(home, folder), home) == [".gitignore", "data/big.csv", "run.sh"]
    write(folder, _DOT_amlignore="data/\n")
    assert names(_snapshot.take(home, folder), home) == [".amlignore", ".gitignore", "lib/mylib.py", "run.sh", "train.py"]


def test_a_gitignore_of_a_folder_below_counts_there(folder, home):
    """As in git."""
    (folder / "lib" / ".gitignore").write_text("*.py\n")
    assert names(_snapshot.take(home, folder), home) == ["lib/.gitignore", "run.sh", "train.py"]


def test_links_are_followed_but_not_in_circles(folder, home, tmp_path):
    """What a link leads to is what the script would read."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "d.csv").write_text("1")
    (folder / "data").symlink_to(tmp_path / "data")
    (folder / "lib" / "up").symlink_to(folder)
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    (folder / "self").symlink_to("self")
    os.mkfifo(folder / "pipe")
    found = names(_snapshot.take(home, folder), home)
    assert "data/d.csv" in found
    assert not any(name.startswith(("lib/up/lib/up/", "nowhere", "self", "pipe")) for name in found)


def test_a_name_that_is_not_utf8_does_not_fail(folder, home):
    """A zip's names are text: the odd byte is replaced."""
    (folder / os.fsdecode(b"odd\xff.txt")).write_text("x")
    assert any(name.startswith("odd") for name in names(_snapshot.take(home, folder), home))


@pytest.mark.parametrize(("name", "value"), [("OUTRIDER_SNAPSHOT_MAX_FILES", "10"), ("OUTRIDER_SNAPSHOT_MAX_BYTES", "100")])
def test_too_large_a_folder_is_refused_with_what_weighs_and_what_to_do(folder, home, monkeypatch, name, value):
    """And nothing is kept."""
    for number in range(20):
        write(folder, **{f"big__{number}_DOT_txt": "x" * 10})
    monkeypatch.setenv(name, value)
    with pytest.raises(SnapshotError) as caught:
        _snapshot.take(home, folder)
    for part in ("23 files", "big/ (20 files", ".amlignore", name, "Nothing was kept"):
        assert part in str(caught.value)
    assert not os.path.exists(os.path.join(home, "blobs"))


def test_counting_ends_soon_in_a_folder_of_very_many_files(folder, home, monkeypatch):
    """Somebody's home folder is no reason to wait."""
    for number in range(60):
        write(folder, **{f"many__{number}_DOT_txt": "x"})
    monkeypatch.setenv("OUTRIDER_SNAPSHOT_MAX_FILES", "10")
    with pytest.raises(SnapshotError, match="more than 51 files"):
        _snapshot.take(home, folder)


def test_a_missing_folder_is_said(home, tmp_path):
    """Not an empty snapshot."""
    with pytest.raises(SnapshotError, match="there is no folder"):
        _snapshot.take(home, tmp_path / "nothing")


def test_one_file_is_a_snapshot_too(folder, home):
    """`take_snapshot` takes a file or a folder."""
    assert names(_snapshot.take(home, folder / "train.py"), home) == ["train.py"]


def test_a_snapshot_that_is_not_there_is_said(home, tmp_path):
    """Its run was deleted, or it is of another home."""
    with pytest.raises(SnapshotError, match="is not in"):
        _snapshot.restore(home, "00000000-0000-0000-0000-000000000000", tmp_path)


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt"])
def test_no_file_is_written_outside_of_the_folder(tmp_path, name):
    """Whoever made the zip."""
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, "x")
    (tmp_path / "in" / "here").mkdir(parents=True)
    with pytest.raises(OSError, match="outside"):
        _snapshot.unpack(str(tmp_path / "bad.zip"), str(tmp_path / "in" / "here"))
    assert not list(tmp_path.rglob("out.txt"))


def test_a_damaged_snapshot_is_an_oserror(tmp_path):
    """The launcher tells it as the reason why the run could not start."""
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(OSError, match="damaged"):
        _snapshot.unpack(str(tmp_path / "bad.zip"), str(tmp_path))
