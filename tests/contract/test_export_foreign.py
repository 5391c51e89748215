"""Bundles from whoever made them: what is damaged, strange or hostile is refused with a sentence, and the home is as it was."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import tempfile
import zipfile
from pathlib import Path

import pytest
from cli_home import Home
from export_rig import exported, filled, outrider, repacked, take

from outrider_agent import errors
from outrider_agent.blobs import local
from outrider_agent.export import foreign
from outrider_agent.store import reading


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda name, data: data[:-1] + b"!" if name.startswith("blobs/") else data, "not those of its name"),
        (lambda name, data: data[:3000] if name == "run.db" else data, "damaged"),
        (lambda name, data: None if name == "run.db" else data, "no bundle of a run"),
        (lambda name, data: data.replace(b'"version": 1', b'"version": 99') if name == "bundle.json" else data, "upgrade"),
        (lambda name, data: data.replace(b'"run_id": "r1"', b'"run_id": "../x"') if name == "bundle.json" else data, "no run id"),
        (lambda name, data: b"[]" if name == "bundle.json" else data, "cannot be read"),
    ],
)
def test_what_is_damaged_or_strange_changes_nothing(tmp_path, change, why):
    """Law 6, of files that people hand one another: a sentence that says what it is, and the home as it was."""
    exported(filled(tmp_path / "one"), tmp_path / "r1.zip")
    repacked(tmp_path / "r1.zip", tmp_path / "odd.zip", change)
    home = filled(tmp_path / "two", run="mine")
    with pytest.raises(errors.OutriderError, match=why):
        take(tmp_path / "odd.zip", Home(tmp_path / "empty"))
    (home.path / "blobs").rename(home.path / "gone")
    with pytest.raises(errors.OutriderError, match=why):
        take(tmp_path / "odd.zip", home)
    with reading.Reader(home.path / "outrider.db") as store:
        assert [run.run_id for run in store.runs()] == ["mine"]


def spoiled(*statements):
    """A change that does this to the store in a bundle."""

    def change(name, data):
        if name != "run.db":
            return data
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "run.db"
            path.write_bytes(data)
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
                for statement in statements:
                    connection.execute(statement)
            return path.read_bytes()

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (spoiled("UPDATE runs SET name = x'00'"), "runs.name"),
        (spoiled("UPDATE runs SET started = 'once'"), "runs.started"),
        (spoiled("UPDATE runs SET status = 'Perfect'"), "status"),
        (spoiled("UPDATE tags SET value = 'no JSON'"), "cannot be read"),
        (spoiled("UPDATE points SET \"values\" = x'0102'"), "cannot be read"),
        (spoiled("UPDATE logs SET message = CAST(x'ff' AS TEXT)"), "cannot be read"),
        (spoiled("DROP TABLE notes"), "table notes"),
        (spoiled("ALTER TABLE runs RENAME TO hidden", "CREATE VIEW runs AS SELECT * FROM hidden"), "another schema"),
        (spoiled("CREATE TRIGGER t AFTER INSERT ON notes BEGIN DELETE FROM runs; END"), "trigger t"),
        (spoiled("ALTER TABLE logs ADD COLUMN more"), "columns of logs"),
        (spoiled("PRAGMA user_version = 3"), "cannot be read"),
        (spoiled("DELETE FROM runs"), "no such run"),
        (lambda name, data: data.replace(b'"version": 1', b'"version": 0') if name == "bundle.json" else data, "version 0"),
    ],
)
def test_a_row_that_nothing_could_read_is_not_taken_in(tmp_path, change, why):
    """Law 6: one such row spoiled every list of the home that it was taken into."""
    exported(filled(tmp_path / "one"), tmp_path / "r1.zip")
    repacked(tmp_path / "r1.zip", tmp_path / "odd.zip", change)
    empty = Home(tmp_path / "empty")
    with pytest.raises(errors.OutriderError, match=why):
        take(tmp_path / "odd.zip", empty)
    assert not (empty.path / "outrider.db").exists()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: data[: len(data) // 2], "ends too early"),
        (lambda data: data[:-10], "ends too early"),
        (lambda data: data[100:], "is damaged"),
        (lambda data: data[:60] + bytes(30) + data[90:], "is damaged"),
    ],
)
def test_a_bundle_that_was_cut_is_no_log(tmp_path, capsys, spoil, why):
    """It was taken in as a run whose output was the bytes of half a zip."""
    exported(filled(tmp_path / "one"), tmp_path / "r1.zip")
    (tmp_path / "cut.zip").write_bytes(spoil((tmp_path / "r1.zip").read_bytes()))
    home = Home(tmp_path / "home")
    code, _, err = outrider(capsys, home, "import", str(tmp_path / "cut.zip"))
    assert code == 1
    assert why in err
    assert not (home.path / "spool").exists()


def test_only_what_a_run_names_is_unpacked_and_only_where_there_is_room(tmp_path, monkeypatch):
    """A bundle may be made to fill a disk: what the run does not name is left in it, and the rest is asked for beforehand."""
    exported(filled(tmp_path / "one"), tmp_path / "r1.zip")
    ballast = bytes(1 << 20)
    with zipfile.ZipFile(tmp_path / "r1.zip", "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(f"blobs/{hashlib.sha256(ballast).hexdigest()}", ballast)
    home = Home(tmp_path / "home")
    with monkeypatch.context() as patch:
        patch.setattr(foreign, "RESERVE", 1 << 62)
        with pytest.raises(errors.OutriderError, match="make room first"):
            take(tmp_path / "r1.zip", home)
    assert not (home.path / "outrider.db").exists()
    take(tmp_path / "r1.zip", home)
    assert not local.LocalBlobs(home.path / "blobs").has(hashlib.sha256(ballast).hexdigest())


def test_a_zip_of_something_else_is_said_to_be_no_bundle(tmp_path, capsys):
    """Nor is a file that is not there anything else than that."""
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as notes:
        notes.writestr("notes.txt", "hello")
    home = Home(tmp_path / "home")
    for name, why in (("notes.zip", "is no bundle"), ("nothing.zip", "here is no file")):
        code, _, err = outrider(capsys, home, "import", str(tmp_path / name))
        assert code == 1
        assert why in err
