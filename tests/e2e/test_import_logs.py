"""Old logs become runs (`outrider import`), with the metrics that were printed; `explain` and `reread` on them."""

from __future__ import annotations

import gzip
import json

import pytest
from cli_home import Home

TEXT = "2024-05-01 10:00:00,123Z INFO root: epoch 1 loss=0.5\n2024-05-01 10:00:09Z INFO root: epoch 2 loss=0.25\nQ of 7\nval acc 0.9"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def imported(home, *files):
    code, out, err = home.run("import", *files)
    assert code == 0, err
    home.ingest()
    return [line.rpartition("run ")[2].split(",")[0] for line in out.splitlines()]


def points(home, run, name):
    _, out, _ = home.run("metrics", run, name, "--source", "printed", "--json")
    return [(point["step"], point["value"]) for point in json.loads(out)["points"]]


def test_a_log_becomes_a_run_once(home, tmp_path):
    """By its content: packed, or under another name, it is the same run."""
    (tmp_path / "train.log").write_text(TEXT)
    (tmp_path / "slurm-17.out.gz").write_bytes(gzip.compress(TEXT.encode()))
    (run,) = imported(home, tmp_path / "train.log")
    assert imported(home, tmp_path / "slurm-17.out.gz", tmp_path / "train.log") == [run, run]
    assert len(json.loads(home.run("runs", "--json")[1])) == 1
    assert points(home, run, "loss") == [(1, 0.5), (2, 0.25)]
    assert points(home, run, "val/acc" if points(home, run, "val_acc") == [] else "val_acc") == [(2, 0.9)]
    shown = json.loads(home.run("show", run, "--json")[1])
    assert (shown["status"], shown["started"][:10], shown["name"]) == ("Completed", "2024-05-01", "train.log")


def test_a_program_is_told_what_was_imported_and_read(home, tmp_path):
    """As JSON: an object a file, and an object a run."""
    (tmp_path / "train.log").write_text(TEXT)
    command = ("import", tmp_path / "train.log", "--json")
    told = [json.loads(home.run(*command)[1]) for _ in range(2)]
    assert [(one["file"], one["is_new"]) for one in told] == [(str(tmp_path / "train.log"), True), (str(tmp_path / "train.log"), False)]
    home.ingest()
    run = told[0]["run_id"]
    assert json.loads(home.run("reread", run, "--json")[1]) == [{"run_id": run, "points": 3}]


def test_an_empty_file_makes_no_run_and_is_told(home, tmp_path):
    """Packed too, and in a folder, where the others are taken in."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/job.err").touch()
    (tmp_path / "old/job.out.gz").write_bytes(gzip.compress(b""))
    (tmp_path / "old/train.log").write_text(TEXT)
    code, out, err = home.run("import", tmp_path / "old/job.err", "--json")
    assert (code, json.loads(out)) == (0, {"file": str(tmp_path / "old/job.err"), "run_id": None, "is_new": False})
    assert f"{tmp_path}/old/job.err is empty: no run was made of it" in err
    assert home.run("runs", "--json")[1].split() == ["[]"]
    code, out, err = home.run("import", tmp_path / "old")
    assert (code, out.count("run log-"), err.count("is empty: no run was made of it")) == (0, 1, 2)
    home.ingest()
    assert len(json.loads(home.run("runs", "--json")[1])) == 1


def test_a_folder_and_what_comes_in(home, tmp_path):
    """Each log below a folder is a run, whatever else lies there; what standard input brings is one, of this folder's name."""
    (tmp_path / "old/.git").mkdir(parents=True)
    for name, value in (("slurm-1.out", 1), ("a/train.log.1.gz", 2), (".git/hook.log", 3), ("README.txt", 4)):
        (tmp_path / "old" / name).parent.mkdir(exist_ok=True)
        text = f"epoch 1 loss=0.{value}\n".encode()
        (tmp_path / "old" / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    runs = imported(home, tmp_path / "old")
    assert sorted(points(home, run, "loss")[0][1] for run in runs) == [0.1, 0.2]
    assert imported(home, tmp_path / "old") == runs
    (tmp_path / "piped").write_text("epoch 1 loss=0.5\n")
    with (tmp_path / "piped").open() as stream:
        code, out, err = home.run("import", "-", "--json", stdin=stream)
    assert (code, json.loads(out)["file"], json.loads(out)["is_new"]) == (0, "-", True), err
    home.ingest()
    shown = json.loads(home.run("show", json.loads(out)["run_id"], "--json")[1])
    assert (shown["name"], shown["tags"]["imported"]) == ("stdin", "standard input")


def test_what_docker_kept(home, tmp_path):
    """Its json-file has stream and time of each line."""
    lines = [
        {"log": "epoch 1 loss=0.5\n", "stream": "stdout", "time": "2024-05-01T10:00:00.5Z"},
        {"log": "epoch 2 loss=0.25\n", "stream": "stderr", "time": "2024-05-01T10:00:01.5Z"},
    ]
    (tmp_path / "c-json.log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (run,) = imported(home, tmp_path / "c-json.log")
    assert points(home, run, "loss") == [(1, 0.5), (2, 0.25)]
    code, out, _ = home.run("logs", run, "--stream", "stderr")
    assert (code, "loss=0.25" in out, "loss=0.5" in out) == (0, True, False)


def test_a_point_is_explained_and_a_rule_reads_more(home, tmp_path):
    """The line and the rule; then a rule of one's own, over the bytes that are there."""
    (tmp_path / "train.log").write_text(TEXT)
    (run,) = imported(home, tmp_path / "train.log")
    code, out, _ = home.run("explain", run, "loss", "2")
    assert code == 0
    assert "loss = 0.25 at step 2" in out
    assert "line 2 of stdout" in out
    assert "INFO root: epoch 2 loss=0.25" in out
    (told,) = json.loads(home.run("explain", run, "loss", "1", "--json")[1])
    assert (told["line"], told["offset"], told["rule"]) == (1, 0, "kv")
    code, out, _ = home.run("reread", run, "--metric", r"q=Q of (\d+)")
    assert (code, "4 points" in out) == (0, True)
    assert points(home, run, "q") == [(2, 7.0)]
    code, _, err = home.run("explain", run, "nothing")
    assert (code, "outrider metrics" in err) == (1, True)
    code, _, err = home.run("reread", run, "--metric", "q=Q of")
    assert (code, "brackets" in err) == (1, True)


def test_a_file_that_cannot_be_read_says_what_it_is(home, tmp_path):
    """And what to do; nothing is made of half a file."""
    (tmp_path / "cut.log.gz").write_bytes(gzip.compress(TEXT.encode() * 1000)[:-20])
    (tmp_path / "empty").mkdir()
    for command in ("extract", "import"):
        for name, said in (
            (tmp_path / "none.log", "There is no file"),
            (tmp_path / "empty", "is a folder"),
            (tmp_path / "cut.log.gz", "damaged"),
        ):
            code, _, err = home.run(command, name)
            assert (code, said in err, "Traceback" in err, str(name) in err) == (1, True, False, True), err
    assert json.loads(home.run("runs", "--json")[1]) == []
