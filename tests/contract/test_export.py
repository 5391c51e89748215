"""A run out of a home, and into another: a bundle comes back as it was, whole or not at all; tables hold every point."""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import io
import json
import sqlite3
import subprocess
import sys

import pytest
from cli_home import START, Home
from export_rig import exported, filled, outrider, take

from outrider_agent import errors
from outrider_agent.export import rows, tables
from outrider_agent.store import reading, sqlite


def everything(home, run="r1"):
    """Every row of a run by table, its keys counted from the first: what has to be the same in another store."""
    connection = sqlite3.connect(home.path / "outrider.db")
    connection.execute("ATTACH ? AS other", (str(home.path / "outrider.db"),))
    given = {"run_id": run, "run_key": connection.execute("SELECT run_key FROM runs WHERE run_id = ?", (run,)).fetchone()[0]}
    found = {
        "runs": [
            dict(zip(rows.columns(connection, "runs"), row, strict=True))
            for row in connection.execute("SELECT * FROM runs WHERE run_id = ?", (run,))
        ]
    }
    for table in rows._tables(connection):
        own, names = rows._own_key(connection, table), rows.columns(connection, table)
        order = own or rows._list(names)
        cursor = connection.execute(f"SELECT * FROM {table} WHERE {rows._where(connection, table)} ORDER BY {order}", given)
        found[table] = [dict(zip(names, row, strict=True)) for row in cursor]
    connection.close()
    for table in found.values():
        for key in (
            "run_key",
            "experiment_key",
            "series_key",
            "stream_key",
            "row_key",
            "log_key",
            "print_key",
            "console_key",
            "figure_key",
            "gap_key",
            "note_key",
        ):
            numbers = sorted({row[key] for row in table if row.get(key) is not None})
            for row in table:
                if row.get(key) is not None:
                    row[key] = numbers.index(row[key])
    return found


def test_a_bundle_comes_back_as_it_was(tmp_path):
    """Law: export, import and export again is the same run, row by row and byte by byte; also beside runs that were there before."""
    first, second = filled(tmp_path / "one"), filled(tmp_path / "two", run="other", experiment="elsewhere")
    about = exported(first, tmp_path / "r1.zip")
    assert (about.run_id, about.experiment, about.number, about.missing) == ("r1", "ridge", 1, [])
    taken = take(tmp_path / "r1.zip", second)
    assert (taken.number, taken.blobs) == (1, 0), "the same files are kept once"
    before, after = everything(first), everything(second)
    assert set(before) >= {
        "runs",
        "streams",
        "series",
        "points",
        "summaries",
        "rows",
        "logs",
        "console",
        "artifacts",
        "figures",
        "set_aside",
        "cursors",
    }
    assert [
        table for table, found in before.items() if not found and table in {"series", "points", "rows", "logs", "console", "set_aside"}
    ] == []
    assert after == before
    assert everything(second, "other") == everything(filled(tmp_path / "three", run="other", experiment="elsewhere"), "other")
    exported(second, tmp_path / "again.zip")
    third = Home(tmp_path / "four")
    third.path.mkdir()
    assert take(tmp_path / "again.zip", third).blobs == 5
    assert everything(third) == before
    for one in local_names(first):
        assert (third.path / "blobs" / one[:2] / one).read_bytes() == (first.path / "blobs" / one[:2] / one).read_bytes()


def local_names(home):
    return [path.name for path in (home.path / "blobs").glob("??/*")]


def test_every_table_of_runs_is_taken_along(tmp_path):
    """A table that a migration adds is told apart by its columns, or is named as one that is of no run."""
    sqlite.SqliteStore(tmp_path / "outrider.db").close()
    connection = sqlite3.connect(tmp_path / "outrider.db")
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}
    assert names - set(rows._tables(connection)) == rows.NOT_OF_A_RUN
    connection.close()


def test_a_run_that_is_there_is_left_as_it_is_and_one_that_was_deleted_comes_back(tmp_path, capsys):
    """Nothing is written over; who deleted it can have it again."""
    home = filled(tmp_path / "home")
    exported(home, tmp_path / "r1.zip")
    with pytest.raises(errors.OutriderError, match="already; nothing was changed"):
        take(tmp_path / "r1.zip", home)
    before = everything(home)
    assert outrider(capsys, home, "delete", "r1", "--yes")[0] == 0
    code, out, _ = outrider(capsys, home, "import", str(tmp_path / "r1.zip"))
    assert code == 0
    assert out.startswith("run r1 is ridge#1, with ")
    assert everything(home) == before


def test_a_run_that_was_deleted_where_it_was_exported_is_there_where_it_is_taken_in(tmp_path):
    """It was taken in as a deleted one: no list had it, and the agent would soon have purged it."""
    first, second = filled(tmp_path / "one"), Home(tmp_path / "two")
    with contextlib.closing(first.tables()) as connection, connection:
        connection.execute("UPDATE runs SET removed = ?", (START,))
    exported(first, tmp_path / "r1.zip")
    take(tmp_path / "r1.zip", second)
    with reading.Reader(second.path / "outrider.db") as store:
        assert [run.run_id for run in store.runs()] == ["r1"]


def test_a_number_that_is_taken_becomes_the_next_one(tmp_path, capsys):
    """Two homes count alike."""
    filled(tmp_path / "one")
    home = filled(tmp_path / "two", run="mine")
    exported(Home(tmp_path / "one"), tmp_path / "r1.zip")
    code, out, _ = outrider(capsys, home, "import", str(tmp_path / "r1.zip"))
    assert code == 0
    assert "run r1 is ridge#2 (it was #1; that number is another run's here)" in out
    with reading.Reader(home.path / "outrider.db") as store:
        assert (store.find_run("ridge#1"), store.find_run("ridge#2")) == ("mine", "r1")


def test_files_that_are_gone_are_said_to_be_missing(tmp_path, capsys):
    """The run comes without them, and says so at both ends."""
    home = filled(tmp_path / "one")
    for path in (home.path / "blobs").glob("??/*"):
        path.unlink()
    code, _, err = outrider(capsys, home, "export", "r1", "-o", str(tmp_path / "r1.zip"))
    assert code == 0
    assert "5 files of the run are not there any more" in err
    other = Home(tmp_path / "two")
    assert "5 files were not in the bundle" in outrider(capsys, other, "import", str(tmp_path / "r1.zip"))[2]
    assert everything(other) == everything(home)


def test_csv_has_every_point(tmp_path, capsys):
    """Of every metric, or of those that are named; a table by its columns."""
    home = filled(tmp_path / "home")
    path = tmp_path / "points.csv"
    assert outrider(capsys, home, "export", "r1", "--csv", "-o", str(path))[0] == 0
    found = list(csv.DictReader(path.read_text().splitlines()))
    assert len(found) == 9000 + 3 + 1 + 1 + 1 + 4 + 1
    assert [one["value"] for one in found if one["metric"] == "loss"] == ["0.5", "NaN", "Infinity", "0.25"]
    assert {one["source"] for one in found} == {"call", "log"}
    assert outrider(capsys, home, "export", "r1", "--csv", "--metric", "nope", "-o", str(tmp_path / "x"))[0] == 1
    assert not (tmp_path / "x").exists()
    assert outrider(capsys, home, "export", "r1", "--csv", "--table", "people", "-o", str(tmp_path / "people.csv"))[0] == 0
    assert (tmp_path / "people.csv").read_text() == "name,age\nAnn,31\nBo,\n"
    code, _, err = outrider(capsys, home, "export", "r1", "--csv", "-o", str(path))
    assert code == 1
    assert "is there already; nothing was written" in err


def test_json_lines_have_everything(tmp_path):
    """Points, rows, the log, the console, files: each line one object."""
    home, target = filled(tmp_path / "home"), io.StringIO()
    with reading.Reader(home.path / "outrider.db") as store:
        tables.lines(target, store, "r1", {"run_id": "r1"})
    found = [json.loads(line) for line in target.getvalue().splitlines()]
    kinds = {kind: sum(one["kind"] == kind for one in found) for kind in ("run", "point", "row", "log", "console", "artifact")}
    assert kinds == {"run": 1, "point": 9011, "row": 3, "log": 1, "console": 1, "artifact": 3}
    assert next(one for one in found if one["kind"] == "console")["text"] == "\\xff\\x00\n".replace("\\x00", "\x00")


def test_parquet_has_every_point_as_a_number_or_a_text(tmp_path, capsys):
    """NaN and infinities are those, a text is a text, a table keeps its columns."""
    from pyarrow import parquet

    home = filled(tmp_path / "home")
    assert outrider(capsys, home, "export", "r1", "--parquet", "-o", str(tmp_path / "points.parquet"))[0] == 0
    found = parquet.read_table(tmp_path / "points.parquet").to_pylist()
    assert len(found) == 9011
    losses = [one["value"] for one in found if one["metric"] == "loss"]
    assert (losses[0], str(losses[1]), losses[2], losses[3]) == (0.5, "nan", float("inf"), 0.25)
    assert [(one["value"], one["text"]) for one in found if one["metric"] == "phase"] == [(None, "NaN")]
    assert next(one["value"] for one in found if one["metric"] == "big") == 1e30
    assert outrider(capsys, home, "export", "r1", "--parquet", "--table", "people", "-o", str(tmp_path / "people.parquet"))[0] == 0
    assert parquet.read_table(tmp_path / "people.parquet").to_pylist() == [{"name": "Ann", "age": 31}, {"name": "Bo", "age": None}]


def test_without_pyarrow_it_is_said_what_to_install(tmp_path, capsys, monkeypatch):
    """And nothing is written."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    home = filled(tmp_path / "home")
    code, _, err = outrider(capsys, home, "export", "r1", "--parquet", "-o", str(tmp_path / "points.parquet"))
    assert code == 1
    assert "pip install 'outrider[parquet]'" in err
    assert not (tmp_path / "points.parquet").exists()


def test_who_follows_a_run_has_its_page_then_what_came_and_no_process_when_it_goes(tmp_path):
    """A notebook's frame is told so (decisions/0025). Whoever reads closes the pipe, or dies; the process ends."""
    home = Home(tmp_path / "home")
    home.write("r1", "py-1-aaaaaaaa", {"k": "run", "t": START}, {"k": "m", "t": START + 1, "n": "loss", "v": 0.5, "s": 0})
    home.ingest()
    given = home.command("export", "r1", "--html", "--follow", "-o", "-", environ={"OUTRIDER_AGENT_AUTOSTART": "0"})
    with subprocess.Popen(given.pop("args"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, **given) as process:
        word, _, packed = process.stdout.readline().partition(b" ")
        assert word == b"page"
        assert b'id="kept"' in gzip.decompress(base64.b64decode(packed))
        home.write("r1", "py-1-aaaaaaaa", {"k": "m", "t": START + 2, "n": "loss", "v": 0.25, "s": 1})
        home.ingest()
        word, _, packed = process.stdout.readline().partition(b" ")
        assert word == b"data"
        kept = json.loads(gzip.decompress(base64.b64decode(packed)))
        assert [(one["name"], one["count"], one["last"]) for one in kept["/runs/r1/metrics"]] == [("loss", 2, 0.25)]
        process.stdin.close()
        assert process.wait(60) == 0
