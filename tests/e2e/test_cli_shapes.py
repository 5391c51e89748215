"""The shapes of --json are a promise (docs/cli.md): keys, types, how times and odd floats are spelled."""

from __future__ import annotations

import json

import pytest
from cli_home import SECOND, START, Home, ridge

from outrider_agent.cli import main

TIME = "2023-11-14T22:13:20.000000Z"
RUN = "9f3c0aa1b2c4"


@pytest.fixture
def tracked(home, monkeypatch):
    """A home with one run, its records in the store, and no agent."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    ridge(made)
    made.ingest()
    return made


@pytest.fixture
def ask(capsys):
    """Runs a command with --json in this process; its document."""

    def asked(*arguments):
        assert main.main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return asked


def test_runs_is_a_list_of_objects(tracked, ask):
    """run_id, number, name, experiment, status, reason, exit_code, started, ended, tags, params, and more."""
    (run,) = ask("runs")
    promised = {
        "run_id": RUN,
        "number": 1,
        "name": "sweep",
        "experiment": "ridge",
        "status": "Failed",
        "reason": "exit-code",
        "exit_code": 3,
        "started": TIME,
        "ended": "2023-11-14T22:15:33.000000Z",
        "tags": {"gpu": "a100", "note": "x y", "bare": None},
        "params": {"lr": 0.1},
    }
    assert {key: run[key] for key in promised} == promised
    assert run["duration_s"] == 133.0
    assert run["parent"] is None
    assert run["attempt"] == 1


def test_show_is_one_such_object_and_more(tracked, ask):
    """Metrics, artifacts, surroundings, and every loss that is known."""
    document = ask("show", "latest")
    (run,) = ask("runs")
    assert {key: document[key] for key in run} == run
    assert document["command"] == ["python", "sweep.py", "--a b"]
    assert (document["cwd"], document["host"], document["user"], document["python"]) == ("/home/x", "box", "ada", "3.11.7")
    assert document["outputs"] == ["/home/x/outputs"]
    assert document["properties"] == {"commit": "abc"}
    assert document["metrics"] == ask("metrics", "latest")
    assert (document["artifacts"], document["artifacts_bytes"]) == (2, 12)
    assert (document["warnings"], document["errors"]) == (1, 1)
    assert document["console_bytes"] == {"stdout": 32, "stderr": 19}
    assert (document["gaps"], document["set_aside"], document["notes"], document["children"]) == ([], [], [], [])
    assert document["error"] is None


def test_show_tells_losses_errors_and_children(home, ask, monkeypatch):
    """Refused records, lines set aside, the exception, the child runs."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    error = {"type": "ValueError", "message": "bad", "code": "DataError", "traceback": "Traceback…\nValueError: bad"}
    lines = [{"k": "gap", "t": START, "n": 7, "bytes": 70, "why": "disk full", "since": START - SECOND}, b"{not json"]
    lines += [{"k": "note", "t": START, "lv": 30, "msg": "mind"}]
    lines += [{"k": "end", "t": START, "status": "Failed", "reason": "exception", "err": error}]
    made.write("mother", "py-1-aaaaaaaa", {"k": "run", "t": START, "name": "m"}, *lines)
    made.write("child", "py-2-aaaaaaaa", {"k": "run", "t": START + 1, "parent": "mother"}, time=START + 1)
    made.ingest()
    document = ask("show", "mother")
    assert document["error"] == error
    (gap,) = document["gaps"]
    assert (gap["records"], gap["bytes"], gap["why"], gap["time"], gap["since"]) == (
        7,
        70,
        "disk full",
        TIME,
        "2023-11-14T22:13:19.000000Z",
    )
    (aside,) = document["set_aside"]
    assert (aside["writer"], aside["segment"]) == ("py-1-aaaaaaaa", 0)
    assert aside["reason"]
    assert document["notes"] == [{"time": TIME, "level": 30, "message": "mind"}]
    assert document["children"] == ["child"]
    assert ask("show", "child")["parent"] == "mother"


def test_a_run_that_runs_has_no_end(home, ask, monkeypatch):
    """ended, reason and exit_code are null; duration_s goes on."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    made.write("abc", "py-1-aaaaaaaa")
    made.ingest()
    (run,) = ask("runs")
    assert (run["status"], run["reason"], run["exit_code"], run["ended"]) == ("Running", None, None, None)
    assert run["duration_s"] > 0


def test_metrics_is_an_object_by_name(tracked, ask):
    """kind, source, count, last, min, max; calls and log records of a name are one; text has no min and max."""
    found = ask("metrics", "latest")
    short = {name: [one[key] for key in ("kind", "source", "count", "last", "min", "max")] for name, one in found.items()}
    assert short == {
        "loss": ["scalar", "call", 5, "Infinity", 0.25, 0.5],
        "phase": ["text", "call", 2, "NaN", None, None],
        "sizes": ["list", "call", 3, 3, 1, 3],
        "mse": ["scalar", "call+log", 2, 0.3, 0.3, 0.4],
        "wave": ["row", "call", 2, {"angle": 90, "cos": "NaN", "more": "x"}, None, None],
        "grid": ["table", "call", 2, {"x": 2, "y": 4}, None, None],
    }


def test_points_come_in_the_order_logged(tracked, ask):
    """step, time, value; the floats without a JSON word by name; a text of that spelling as it is."""
    loss = ask("metrics", "latest", "loss")
    assert loss["name"] == "loss"
    assert [point["step"] for point in loss["points"]] == [0, 1, 2, 3, 4]
    assert [point["value"] for point in loss["points"]] == [0.5, "NaN", 0.25, "-Infinity", "Infinity"]
    assert loss["points"][1]["time"] == "2023-11-14T22:13:21.000000Z"
    assert [point["value"] for point in ask("metrics", "latest", "phase")["points"]] == ["warm", "NaN"]
    assert [point["step"] for point in ask("metrics", "latest", "sizes")["points"]] == [None, None, None]


def test_calls_and_log_records_of_a_name_are_one_metric_and_can_be_told_apart(tracked, ask):
    """By time; --source has one of them."""
    assert [point["value"] for point in ask("metrics", "latest", "mse")["points"]] == [0.4, 0.3]
    assert [point["value"] for point in ask("metrics", "latest", "mse", "--source", "log")["points"]] == [0.4]
    assert ask("metrics", "latest", "--source", "log").keys() == {"mse"}


def test_rows_and_tables_are_columns_of_one_length(tracked, ask):
    """A column that a row lacks is null there."""
    assert ask("metrics", "latest", "wave") == {
        "name": "wave",
        "kind": "row",
        "columns": {"angle": [0, 90], "cos": [1.0, "NaN"], "more": [None, "x"]},
    }
    assert ask("metrics", "latest", "grid") == {"name": "grid", "kind": "table", "columns": {"x": [1, 2], "y": [3, 4]}}


def test_logs_is_one_object_a_line(tracked, capsys):
    """time, stream, level, logger, message; file, line, exception, extra, metrics, step where there are such."""
    assert main.main(["logs", "latest", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert all({"time", "stream", "level", "logger", "message"} <= line.keys() for line in lines)
    assert [(line["stream"], line["level"], line["message"]) for line in lines] == [
        ("log", "INFO", "epoch 1"),
        ("stderr", None, "INFO:train:epoch 1"),
        ("stdout", None, "hello world\ufffd"),
        ("stdout", None, "\x1b[2mdone"),
        ("log", "WARNING", "getting hot"),
        ("log", "ERROR", "broke"),
        ("stdout", None, "no newline"),
    ]
    epoch, printed, _, _, hot, broke, last = lines
    assert (epoch["file"], epoch["line"], epoch["metrics"], epoch["step"]) == ("sweep.py", 7, {"mse": 0.4}, 1)
    assert printed["echo"] is True
    assert (hot["logger"], hot["extra"]) == (None, {"temp": 90})
    assert broke["exception"]["type"] == "ValueError"
    assert last["partial"] is True


def test_artifacts_is_a_list_of_files(tracked, ask):
    """path, size, sha256, version; the last versions, or all."""
    found = ask("artifacts", "latest")
    assert [(one["path"], one["size"], one["version"]) for one in found] == [("outputs/model.pkl", 7, 2), ("outputs/sub/notes.txt", 5, 1)]
    assert all(len(one["sha256"]) == 64 and one["time"].endswith("Z") and one["source"] == "outputs" and one["observed"] for one in found)
    every = ask("artifacts", "latest", "--all-versions")
    assert [(one["path"], one["version"]) for one in every][:2] == [("outputs/model.pkl", 1), ("outputs/model.pkl", 2)]


def test_experiments_is_a_list(tracked, ask):
    """name, runs, the last run."""
    (found,) = ask("experiments")
    assert (found["name"], found["runs"], found["running"], found["last_started"]) == ("ridge", 1, 0, TIME)
    assert found["last_run"] == {"run_id": RUN, "number": 1, "name": "sweep", "status": "Failed"}


def test_status_without_an_agent_compares_the_spool_with_the_store(tracked, ask):
    """agent.pid is null; each stream says how many bytes the store has not."""
    line = {"k": "m", "t": START, "n": "late", "v": 1}
    tracked.write(RUN, "py-1-aaaaaaaa", line)
    document = ask("status")
    assert document["agent"]["pid"] is None
    pending = {one["writer"]: one["pending"]["store"] for one in document["streams"]}
    assert pending == {"py-1-aaaaaaaa": len(json.dumps(line)) + 2, "keeper-1-bbbbbbbb": 0, "outputs-1-aaaaaaaa": 0}
    assert {one["run"] for one in document["streams"]} == {RUN}
    assert document["wrong"]
    assert {"bytes", "cap", "full", "refused"} <= document["spool"].keys()
    assert document["sinks"][0]["name"] == "store"


def test_config_show_is_a_list_of_settings_with_origins(home, ask, monkeypatch):
    """key, value, origin."""
    monkeypatch.setenv("OUTRIDER_SHIP_BATCH_RECORDS", "17")
    found = {one["key"]: (one["value"], one["origin"]) for one in ask("config", "show")}
    assert found["ship.batch_records"] == (17, "OUTRIDER_SHIP_BATCH_RECORDS")
    assert found["ship.batch_bytes"][1] == "default"


def test_doctor_lists_checks(home, ask):
    """name, result, detail, advice; `ok` of all."""
    document = ask("doctor")
    assert document["ok"] is True
    assert {one["name"] for one in document["checks"]} >= {
        "python",
        "home",
        "disk",
        "locks",
        "sqlite",
        "store",
        "agent",
        "inotify",
        "settings",
    }
    assert all(one.keys() == {"name", "result", "detail", "advice"} for one in document["checks"])
    assert all(one["advice"] for one in document["checks"] if one["result"] != "ok")


def test_an_empty_home_reads_as_empty_lists(home, ask):
    """Reading makes nothing: no store, no folder."""
    assert ask("runs") == []
    assert ask("experiments") == []
    assert not home.exists()


def test_json_is_ascii_and_valid_whatever_a_script_logged(home, ask, monkeypatch):
    """Lone surrogates, NUL, names with newlines: in any locale."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    odd = "a\ud800\x00\n\u2028é"
    made.write("odd", "py-1-aaaaaaaa", {"k": "tag", "t": START, "n": "é\n", "v": "é\n"}, {"k": "l", "t": START, "lv": 20, "msg": odd})
    made.ingest()
    (run,) = ask("runs")
    assert run["tags"] == {"é\n": "é\n"}


def test_a_table_whose_columns_differ_in_length_is_shown_whatever_it_came_from(tracked, ask):
    """Such a line is set aside; what a store has all the same (an earlier version's) is shown, filled up."""
    tracked.write("9f3c0aa1b2c4", "sh-1", {"k": "tb", "t": START, "n": "bad", "c": {"x": [1, 2], "y": [3]}}, own=False)
    tracked.ingest()
    (item,) = ask("show", "latest")["set_aside"]
    assert "columns differ in length" in item["reason"]
    tables = tracked.tables()
    tables.execute("UPDATE rows SET columns = '{\"x\": [1, 2], \"y\": [3]}' WHERE name = 'grid'")
    tables.commit()
    tables.close()
    assert ask("metrics", "latest")["grid"]["count"] == 2
    assert ask("metrics", "latest", "grid")["columns"] == {"x": [1, 2], "y": [3, None]}
