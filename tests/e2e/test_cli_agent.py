"""The commands beside a real agent: fresh answers, waiting, canceling, deleting, starting and stopping it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_home import START, Home, ridge
from spoolfiles import StreamFiles
from waiting import until

from outrider import control, spool
from outrider_agent.cli import agent as commands


@pytest.fixture
def made(home):
    """A home whose agent, whoever starts it, ends with the test."""
    yield Home(home)
    info = control.agent_info(str(home))
    if info is not None:
        os.kill(info["pid"], signal.SIGCONT)
        try:
            control.request(str(home), "POST", "/stop", {}, timeout=60.0)
            until(lambda: not spool.is_locked(str(home / "agent.lock")), timeout=60, message="the agent did not stop")
        except (control.ControlError, AssertionError):
            os.kill(info["pid"], signal.SIGKILL)
            until(lambda: not spool.is_locked(str(home / "agent.lock")), message="the agent did not die")


@pytest.fixture
def agent(made):
    """A running agent."""
    assert control.start_agent(str(made.path), wait=60.0)
    return control.agent_info(str(made.path))


SCRIPT = """
import os, sys, time
print("begun", flush=True)
os.makedirs("outputs", exist_ok=True)
open("outputs/model.txt", "w").write("weights")
import logging
logging.basicConfig(level="INFO")
logging.info("epoch done", extra={"metrics": {"loss": 0.25}, "step": 1})
while os.path.exists(sys.argv[1]):
    time.sleep(0.02)
print("ended")
"""


@pytest.fixture
def script(made, tmp_path):
    """Starts the script under `outrider run`; it goes on while the file `go` is there."""
    go = tmp_path / "go"
    go.touch()
    (tmp_path / "train.py").write_text(SCRIPT)
    started = []

    def start(*options):
        command = [sys.executable, "-m", "outrider", "run", "--experiment", "e2e", *options, "--", sys.executable, "train.py", str(go)]
        environ = {**made.command()["env"], "OUTRIDER_AGENT_AUTOSTART": "0"}
        process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        started.append(process)
        return process

    yield start, go
    go.unlink(missing_ok=True)
    for process in started:
        process.kill()
        process.wait()
    # The command and its keeper go on without their front, and end by themselves now.
    until(lambda: not any(spool.is_locked(str(lock)) for lock in made.path.glob("spool/*/*/lock")), message="the run did not end")


def test_reading_starts_an_agent_where_something_waits(made):
    """The first command after a run shows it, with nothing done before."""
    ridge(made)
    (run,) = made.json("runs", autostart=True)
    assert run["run_id"] == "9f3c0aa1b2c4"
    assert made.json("status")["agent"]["pid"] == control.agent_info(str(made.path))["pid"]


def test_reading_starts_none_where_nothing_waits(made):
    """Nor with --no-agent, nor with OUTRIDER_AGENT_AUTOSTART=0."""
    assert made.json("runs", autostart=True) == []
    ridge(made)
    assert made.json("runs", "--no-agent", autostart=True) == []
    code, _, err = made.run("runs")
    assert code == 0
    assert "no agent runs that would take them into the store; nothing is lost, `outrider agent` starts one" in err
    _, _, err = made.run("runs", "--no-agent", autostart=True)
    assert "nothing is lost, without --no-agent this command starts one" in err
    assert not (made.path / "agent.lock").exists()


def whole(made, *arguments):
    """The JSON of an answer that lacks nothing: one that does says so on stderr, and is asked for again."""

    def asked():
        code, out, err = made.run(*arguments, "--json")
        return None if "still on the way to the store" in err else (code, out, err)

    code, out, err = until(asked, 60)
    assert code == 0, err
    return json.loads(out)


def test_reading_shows_what_was_written_just_before(made, agent):
    """A line that is complete when the command starts is in its answer, or the answer says that it lacks some."""
    # It has to live: of a run that has ended, what was passed of the dead is given back, and a second line would be of another stream.
    late = StreamFiles(made.path / "spool", "9f3c0aa1b2c4", "py-2-cccccccc", own=False, exp="ridge")
    try:
        ridge(made)
        assert whole(made, "show", "latest")["name"] == "sweep"
        for index in range(3):
            late.metric("late", index, t=START)
            assert whole(made, "metrics", "latest")["late"]["last"] == index
    finally:
        late.die()


def test_a_real_run_is_seen_while_it_runs_and_after(made, agent, script):
    """Status, streams, metrics, logs, artifacts: of an unmodified script."""
    start, go = script
    front = start()
    until(lambda: made.json("metrics", "latest") if made.json("runs") else None, message="the metric did not come")
    (run,) = made.json("runs")
    assert (run["status"], run["experiment"], run["number"], run["exit_code"]) == ("Running", "e2e", 1, None)
    status = made.json("status")
    assert status["agent"]["pid"] == agent["pid"]
    assert [one for one in status["streams"] if one["run"] == run["run_id"] and one["alive"] and "store" in one["pending"]]
    go.unlink()
    assert front.wait(30) == 0
    until(lambda: made.json("artifacts", "latest"), message="the artifact did not come")
    assert made.run("flush", "latest")[0] == 0
    done = made.json("show", "e2e#1")
    assert (done["status"], done["exit_code"], done["metrics"]["loss"]["last"]) == ("Completed", 0, 0.25)
    code, out, _ = made.run("logs", "latest")
    assert code == 0
    assert out.count("epoch done") == 1
    assert out.splitlines()[-1].endswith("ended")
    (artifact,) = made.json("artifacts", "latest")
    assert made.run("download", "latest", "-o", made.path / "copy")[0] == 0
    assert (made.path / "copy" / artifact["path"]).read_text() == "weights"
    assert made.run("show", "latest")[0] == 0
    assert "nothing is wrong" in made.run("status")[1]


def test_cancel_ends_a_run_as_canceled(made, agent, script):
    """By its keeper, within seconds; the exit code is SIGTERM's."""
    start, _ = script
    front = start()
    until(lambda: made.json("runs"), message="the run did not come")
    assert made.run("cancel", "latest")[0] == 0
    front.wait(30)
    until(lambda: made.json("runs")[0]["status"] == "Canceled", message="the run was not canceled")
    assert made.json("runs")[0]["reason"] == "canceled"
    assert made.run("cancel", "latest")[0] == 1


def is_stopped(pid):
    """Is every thread of the process stopped?"""
    return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in Path(f"/proc/{pid}/task").iterdir())


def test_flush_waits_for_what_is_pending(made, agent):
    """Exit 0: it is in the store, by the store's own file."""
    ridge(made)
    code, out, _ = made.run("flush", "--json")
    assert code == 0
    assert json.loads(out)["done"] is True
    tables = made.tables()
    assert tables.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    tables.close()


def test_flush_gives_up_at_its_deadline_and_says_what_is_pending(made, agent):
    """An agent that does not move: exit 1, the streams that are behind, and nothing is lost."""
    ridge(made)
    assert made.run("flush")[0] == 0
    os.kill(agent["pid"], signal.SIGSTOP)
    until(lambda: is_stopped(agent["pid"]), message="the agent did not stop")
    made.write("later", "py-1-aaaaaaaa")
    began = time.monotonic()
    code, out, err = made.run("flush", "--timeout", "0.5")
    assert time.monotonic() - began < 20
    assert code == 1, err
    assert "py-1-aaaaaaaa" in out, err
    assert "nothing is lost" in err
    os.kill(agent["pid"], signal.SIGCONT)
    assert made.run("flush")[0] == 0


def test_delete_by_the_agent_takes_everything(made, agent):
    """The store's rows, the spool's streams, the blobs that nobody else has."""
    ridge(made)
    assert made.run("flush")[0] == 0
    code, _, err = made.run("delete", "9f3c", "--yes")
    assert code == 0, err
    assert made.json("runs") == []
    assert made.run("show", "9f3c0aa1b2c4")[0] == 1
    until(lambda: not list((made.path / "blobs").glob("??/*")), message="the blobs were not deleted")


def test_doctor_asks_the_agent(made, agent):
    """Alive, and of this version."""
    check = next(one for one in made.json("doctor")["checks"] if one["name"] == "agent")
    assert check["result"] == "ok", check
    assert str(agent["pid"]) in check["detail"]


def test_an_agent_that_is_just_beginning_is_stopped_too(made, capsys):
    """It holds the home and does not answer yet: "no agent runs" would be wrong a moment later."""
    assert control.start_agent(str(made.path))
    until(lambda: spool.is_locked(str(made.path / "agent.lock")), 60, "the agent did not begin")
    assert commands.stop(str(made.path), 60.0) == 0
    assert capsys.readouterr().out.endswith(" has stopped; the spool keeps what comes\n")
    assert not spool.is_locked(str(made.path / "agent.lock"))


def test_stop_drains_and_ends_the_agent(made, agent):
    """Exit 0 only after it has gone; stopping none is no error."""
    ridge(made)
    code, out, err = made.run("agent", "--stop")
    assert code == 0, err
    assert str(agent["pid"]) in out
    assert not spool.is_locked(str(made.path / "agent.lock"))
    assert len(made.json("runs", "--no-agent")) == 1
    assert made.run("agent", "--stop")[:2] == (0, "no agent runs for this home\n")


def test_the_agent_can_be_run_in_the_foreground(made):
    """`outrider agent`: until SIGTERM, then in order."""
    process = subprocess.Popen(**made.command("agent"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: control.agent_info(str(made.path)), message="the agent did not start")
        assert made.run("agent", "--stop")[0] == 0
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_flush_says_that_the_agent_does_not_answer_and_ends_about_in_time(made, agent):
    """Rule: what holds it up is named; it is not always the output folders (C1)."""
    assert made.run("flush")[0] == 0
    os.kill(agent["pid"], signal.SIGSTOP)
    began = time.monotonic()
    code, _, err = made.run("flush", "--timeout", "0.5")
    assert code == 1
    assert "the agent does not answer" in err
    assert time.monotonic() - began < 20  # 0.5 s, what asking takes, and the start of an interpreter
