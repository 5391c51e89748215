"""`outrider download`: what a run left, whole or not at all, and never outside the folder."""

from __future__ import annotations

import pytest
from cli_home import START, Home, ridge

from outrider_agent.cli import main


@pytest.fixture
def tracked(home, tmp_path, monkeypatch):
    """A home with a run's artifacts, an empty working folder, and no agent."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    made = Home(home)
    ridge(made)
    made.ingest()
    return made


def files(folder):
    """Every file below, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_everything_goes_into_a_folder_named_for_the_run(tracked, tmp_path, capsys):
    """The last versions, subfolders kept."""
    assert main.main(["download", "latest"]) == 0
    assert files(tmp_path / "work" / "9f3c0aa1b2c4") == {"outputs/model.pkl": b"second!", "outputs/sub/notes.txt": b"notes"}
    assert "2 files (12 B)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*.pkl"], {"outputs/model.pkl"}),
        (["notes.txt"], {"outputs/sub/notes.txt"}),
        (["outputs/*"], {"outputs/model.pkl", "outputs/sub/notes.txt"}),
        (["outputs/model.pkl", "*.txt"], {"outputs/model.pkl", "outputs/sub/notes.txt"}),
    ],
)
def test_patterns_choose_by_path_or_by_name(tracked, tmp_path, patterns, expected):
    """A pattern without a slash may be a file's name."""
    assert main.main(["download", "latest", *patterns, "-o", "here"]) == 0
    assert files(tmp_path / "work" / "here").keys() == expected


def test_an_earlier_version_can_be_had(tracked, tmp_path):
    """--file-version."""
    assert main.main(["download", "latest", "model.pkl", "--file-version", "1", "-o", "old"]) == 0
    assert files(tmp_path / "work" / "old") == {"outputs/model.pkl": b"first"}


def test_a_version_before_which_one_may_be_missing_has_a_star(tracked, capsys):
    """Said once below the table: the paths are what the room is for."""
    tracked.artifact("9f3c0aa1b2c4", "outputs/late.pkl", b"late", obs=False)
    tracked.ingest()
    assert main.main(["artifacts", "latest"]) == 0
    said = capsys.readouterr()
    rows = {line.split()[0]: line.split()[3] for line in said.out.splitlines()[1:]}
    assert rows == {"outputs/late.pkl": "1*", "outputs/model.pkl": "2", "outputs/sub/notes.txt": "1"}
    assert said.err.count("earlier versions may have been missed") == 1


def test_nothing_is_written_over_without_force(tracked, tmp_path, capsys):
    """All or nothing is decided before the first byte."""
    there = tmp_path / "work" / "out" / "outputs" / "sub" / "notes.txt"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"mine")
    assert main.main(["download", "latest", "-o", "out"]) == 1
    assert files(tmp_path / "work" / "out") == {"outputs/sub/notes.txt": b"mine"}
    assert "--force" in capsys.readouterr().err
    assert main.main(["download", "latest", "-o", "out", "--force"]) == 0
    assert files(tmp_path / "work" / "out")["outputs/sub/notes.txt"] == b"notes"


@pytest.mark.parametrize("path", ["../escaped", "/tmp/escaped-from-a-download", "outputs/../../escaped", ".."])
def test_a_path_never_leads_out_of_the_folder(tracked, tmp_path, capsys, path):
    """A record's path was chosen by a script."""
    tracked.artifact("9f3c0aa1b2c4", path, b"evil", time=START + 5)
    tracked.ingest()
    before = files(tmp_path / "work")
    assert main.main(["download", "latest", "-o", "out"]) == 1
    assert files(tmp_path / "work") == before
    assert "outside" in capsys.readouterr().err


def test_a_link_in_the_folder_leads_nowhere(tracked, tmp_path):
    """Not through a folder that is a link, and not through a file that is one."""
    out, elsewhere = tmp_path / "work" / "out", tmp_path / "elsewhere"
    elsewhere.mkdir()
    out.mkdir()
    (out / "outputs").symlink_to(elsewhere)
    assert main.main(["download", "latest", "-o", "out", "--force"]) == 1
    assert files(elsewhere) == {}
    (out / "outputs").unlink()
    (out / "outputs").mkdir()
    (elsewhere / "victim").write_bytes(b"precious")
    (out / "outputs" / "model.pkl").symlink_to(elsewhere / "victim")
    assert main.main(["download", "latest", "model.pkl", "-o", "out", "--force"]) == 0
    assert (elsewhere / "victim").read_bytes() == b"precious"
    assert (out / "outputs" / "model.pkl").read_bytes() == b"second!"


def test_damaged_bytes_are_not_kept(tracked, tmp_path, capsys):
    """The sha256 is checked before the file gets its name."""
    sha = tracked.blob(b"notes")
    (tracked.path / "blobs" / sha[:2] / sha).write_bytes(b"nOtes")
    assert main.main(["download", "latest", "notes.txt", "-o", "out"]) == 1
    assert files(tmp_path / "work" / "out") == {}
    assert "damaged" in capsys.readouterr().err


def test_bytes_that_are_gone_are_said_to_be(tracked, tmp_path, capsys):
    """No traceback, no empty file."""
    sha = tracked.blob(b"notes")
    (tracked.path / "blobs" / sha[:2] / sha).unlink()
    assert main.main(["download", "latest", "notes.txt", "-o", "out"]) == 1
    assert files(tmp_path / "work" / "out") == {}
    assert "notes.txt" in capsys.readouterr().err


def test_no_artifact_that_fits_is_an_error(tracked, capsys):
    """Exit 1, and nothing written."""
    assert main.main(["download", "latest", "*.onnx"]) == 1
    assert "no artifact that fits" in capsys.readouterr().err
