"""What commands say to people: help, lists, one screen, errors in one sentence, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from cli_home import START, Home, ridge

from outrider_agent.cli import main


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
    """Runs a command in this process: (exit code, stdout, stderr)."""

    def asked(*arguments):
        code = main.main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return asked


@pytest.mark.parametrize("name", main.COMMANDS)
def test_every_help_has_examples(ask, name):
    """`--help` of each command, with examples that begin as a user types them."""
    code, out, err = ask(name, "--help")
    assert (code, err) == (0, "")
    assert f"examples:\n  outrider {name}" in out


def test_help_names_every_command_and_run(ask):
    """`outrider` alone is help."""
    for arguments in ([], ["--help"], ["-h"]):
        code, out, _ = ask(*arguments)
        assert code == 0
        assert all(f"\n  {name} " in out for name in [*main.COMMANDS, *main.HANDLERS])


def test_version(ask):
    """One line."""
    assert ask("--version")[:2] == (0, f"outrider {main.version()}\n")


def test_misuse_is_exit_2_with_a_suggestion(ask):
    """One sentence on stderr."""
    code, out, err = ask("rums")
    assert (code, out) == (2, "")
    assert "did you mean `outrider runs`" in err
    assert ask("show")[0] == 2
    assert ask("logs", "latest", "--grep", "(")[0] == 2
    assert ask("runs", "--limit", "0")[0] == 2
    assert ask("runs", "--status", "odd")[0] == 2


@pytest.mark.parametrize("name", ["9f3c0aa1b2c4", "9f3c", "latest", "ridge#1", "ridge/1"])
def test_a_run_may_be_named_in_several_ways(tracked, ask, name):
    """Its id, the beginning of it, latest, its number."""
    assert ask("show", name)[0] == 0


def test_an_unknown_or_ambiguous_run_is_exit_1(tracked, ask):
    """What was looked for, and what to do."""
    code, out, err = ask("show", "nope")
    assert (code, out) == (1, "")
    assert "nope" in err
    assert "outrider runs" in err
    tracked.write("9f3caaaa", "py-1-aaaaaaaa")
    tracked.ingest()
    code, _, err = ask("show", "9f3c")
    assert code == 1
    assert "9f3caaaa" in err
    assert ask("metrics", "9f3c0", "nope")[0] == 1


def test_show_fits_one_screen(tracked, ask):
    """Status in words, duration, command, metrics, parameters, tags, last lines, artifacts."""
    code, out, _ = ask("show", "latest")
    assert code == 0
    assert len(out.splitlines()) <= 40
    for part in ("ridge#1", "Failed: the command exited with code 3", "2 m 13 s", "python sweep.py '--a b'", "gpu=a100", "lr=0.1"):
        assert part in out
    assert "2 files, 12 B: " in out
    assert "1 warning, 1 error" in out
    assert out.splitlines()[-1].endswith("stdout   no newline")


def test_show_ends_with_the_traceback_of_a_run_that_failed_by_one(home, ask, monkeypatch):
    """Instead of the last lines."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    error = {"type": "ValueError", "message": "bad", "traceback": "Traceback (most recent call last):\n  …\nValueError: bad\n"}
    made.write("broken", "py-1-aaaaaaaa", {"k": "end", "t": START, "status": "Failed", "reason": "exception", "err": error})
    made.ingest()
    assert ask("show", "broken")[1].endswith("Traceback (most recent call last):\n  …\nValueError: bad\n")


def test_show_ends_with_the_words_of_a_run_that_called_itself_failed(home, ask, monkeypatch):
    """Its message below the code that it gave; no type, for there was no exception."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    error = {"type": "", "message": "no data", "traceback": "", "code": "DataError"}
    made.write("told", "py-1-aaaaaaaa", {"k": "end", "t": START, "status": "Failed", "reason": "failed", "err": error})
    made.ingest()
    assert ask("show", "told")[1].endswith("\nerror code DataError\nno data\n")


def test_show_says_what_mends_a_script_that_is_older_than_its_libraries(home, ask, monkeypatch):
    """The traceback is the script's own; what Outrider has added to the message comes after it."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    error = {"type": "ImportError", "message": "no joblib\nolder: --legacy mends that", "traceback": "Traceback…\nImportError: no joblib\n"}
    made.write("old", "py-1-aaaaaaaa", {"k": "end", "t": START, "status": "Failed", "reason": "exception", "err": error})
    made.ingest()
    assert ask("show", "old")[1].endswith("Traceback…\nImportError: no joblib\nolder: --legacy mends that\n")


def test_runs_can_be_narrowed(tracked, ask):
    """By experiment, status, tags; at most so many."""
    for index in range(4):
        line = {"k": "run", "t": START + index, "tags": {"n": index}}
        made_end = {"k": "end", "t": START + index, "status": "Completed", "reason": "completed"}
        tracked.write(f"other{index}", "py-1-aaaaaaaa", line, made_end, experiment="other", time=START + index)
    tracked.ingest()

    def ids(*arguments):
        code, out, _ = ask("runs", *arguments)
        assert code == 0
        return [line.split()[0] for line in out.splitlines()[1:]]

    assert ids("--experiment", "other") == ["other3", "other2", "other1", "other0"]
    assert ids("--experiment", "other", "--limit", "2") == ["other3", "other2"]
    assert ids("--status", "failed") == ["9f3c0aa1b2c4"]
    assert ids("--tag", "gpu=a100", "--tag", "bare") == ["9f3c0aa1b2c4"]
    assert ids("--tag", "n=2") == ["other2"]
    assert ids("--tag", "n", "-n", "1") == ["other3"]
    assert ids("--tag", "gpu=h100") == []
    assert len(ids("-a")) == 5
    assert ask("runs", "--experiment", "nope")[0] == 1


def test_data_on_its_way_is_said_to_be(tracked, ask):
    """Not shown, and not lost."""
    tracked.write("9f3c0aa1b2c4", "py-1-aaaaaaaa", {"k": "m", "t": START, "n": "late", "v": 1}, {"k": "m", "t": START, "n": "late", "v": 2})
    code, out, err = ask("metrics", "latest")
    assert code == 0
    assert "late" not in out
    assert "2 lines of the spool are not shown: no agent runs" in err


def test_flush_without_an_agent_says_what_is_pending(tracked, ask):
    """Exit 0 when nothing is, else 1."""
    assert ask("flush", "--no-agent")[0] == 0
    tracked.write("9f3c0aa1b2c4", "py-1-aaaaaaaa", {"k": "m", "t": START, "n": "late", "v": 1})
    code, out, err = ask("flush", "latest", "--timeout", "0.1")
    assert code == 1
    assert "py-1-aaaaaaaa" in out
    assert "nothing is lost" in err


def test_cancel_leaves_the_request_where_the_keeper_looks(home, ask, monkeypatch):
    """A run that is in the spool only is found by its whole id; one that has ended is not canceled."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    made.write("live", "keeper-1-aaaaaaaa")
    code, out, _ = ask("cancel", "live")
    assert code == 0
    assert "asked" in out
    assert (home / "spool" / "live" / "cancel").exists()
    made.write("live", "keeper-1-aaaaaaaa", {"k": "end", "t": START, "status": "Completed", "reason": "completed"})
    made.ingest()
    code, _, err = ask("cancel", "live")
    assert code == 1
    assert "ended already" in err


def test_delete_takes_everything_of_the_run_and_nothing_else(tracked, ask):
    """Not without --yes where there is no terminal; not while it runs; blobs only where no other run has them."""
    tracked.artifact("other", "outputs/notes.txt", b"notes", time=START + 1)
    tracked.ingest()
    blobs = {data: tracked.path / "blobs" / (sha := tracked.blob(data))[:2] / sha for data in (b"first", b"second!", b"notes")}
    code, _, err = ask("delete", "9f3c")
    assert code == 2
    assert "--yes" in err
    assert ask("show", "9f3c")[0] == 0
    assert ask("delete", "other", "--yes")[0] == 1
    code, out, _ = ask("delete", "9f3c", "--yes")
    assert (code, out) == (0, "deleted 1 run\n")
    assert ask("show", "9f3c")[0] == 1
    assert [data for data, path in blobs.items() if path.exists()] == [b"notes"]
    assert not (tracked.path / "spool" / "9f3c0aa1b2c4").exists()
    assert ask("delete", "other", "--yes", "--force")[0] == 0


def test_doctor_fails_with_what_to_do(home, ask, monkeypatch):
    """A wrong setting, a full disk's reserve."""
    monkeypatch.setenv("OUTRIDER_SHIP_BATCH_RECORD", "17")
    code, out, _ = ask("doctor")
    assert code == 1
    assert "OUTRIDER_SHIP_BATCH_RECORDS" in out
    monkeypatch.delenv("OUTRIDER_SHIP_BATCH_RECORD")
    monkeypatch.setenv("OUTRIDER_DISK_RESERVE_BYTES", str(1 << 60))
    code, out, _ = ask("doctor")
    assert code == 1
    assert "free some space" in out


def test_a_home_that_is_a_file_is_said_to_be_unusable(home, ask):
    """No traceback."""
    home.write_text("a file")
    code, _, err = ask("runs")
    assert code in {0, 1}
    assert "Traceback" not in err


def test_a_store_of_a_newer_outrider_is_left_alone(tracked, ask):
    """Exit 1 with what to do."""
    tables = tracked.tables()
    with tables:
        tables.execute("PRAGMA user_version = 999")
    tables.close()
    code, out, err = ask("runs")
    assert (code, out) == (1, "")
    assert "newer" in err


def test_a_damaged_store_is_said_to_be(tracked, ask):
    """Exit 1, one sentence, no traceback."""
    for name in ("outrider.db-wal", "outrider.db-shm"):
        (tracked.path / name).unlink(missing_ok=True)
    (tracked.path / "outrider.db").write_bytes(os.urandom(8192))
    code, out, err = ask("runs")
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert len(err.splitlines()) == 1


def test_runs_imports_little(tracked):
    """A command that people type often needs neither rich nor aiohttp nor asyncio; what it costs is a benchmark (reading)."""
    code = "import sys; from outrider_agent.cli import main; main.main(['runs']); print(*sorted(sys.modules), file=sys.stderr)"
    command = tracked.command()
    loaded = subprocess.run([sys.executable, "-c", code], env=command["env"], capture_output=True, text=True, check=True, timeout=60).stderr
    assert not {"rich", "aiohttp", "asyncio", "structlog", "watchdog"} & set(loaded.split())
