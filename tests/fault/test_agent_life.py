"""The agent's life, as real processes: start, second agent, takeover, dead runs, idleness, health, and the ordered end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time

import pytest
from harness import agents
from waiting import until

from outrider import control, spool
from outrider_agent.store import reading

PATIENCE = ("--set", "agent.takeover_after_s=3")
QUICK = ("--set", "outputs.settle_s=0.1", "--set", "outputs.sweep_interval_s=0.1")

LIVING = """
import outrider, os, sys
run = outrider.start_run("life", name="living")
run.log("loss", 1.0, step=0)
print(os.environ["OUTRIDER_RUN_ID"], flush=True)
sys.stdin.read()
"""

# Holds the lock of a home as a frozen agent does, and the store's write lock with it.
FROZEN = """
import os, signal, sqlite3, sys
from pathlib import Path
from outrider_agent import agent_lock
from outrider_agent.store import sqlite as store
home = Path(sys.argv[1])
home.mkdir(parents=True)
lock = agent_lock.acquire(home / "agent.lock", answers=lambda: False)
store.SqliteStore(home / "outrider.db").close()
connection = sqlite3.connect(home / "outrider.db", isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("frozen", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextlib.contextmanager
def living(home):
    """A script with an open run, for as long as the block lasts: (process, run id)."""
    process = subprocess.Popen(
        [sys.executable, "-c", LIVING], env=agents.environment(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def log_lines(home, run, count, *, end=True):
    """A run of a writer in this process: so many points, then its end."""
    writer = spool.Writer(str(home), run, owner=True, experiment="life")
    for step in range(count):
        assert writer.append(spool.line({"k": "m", "t": time.time_ns(), "n": "loss", "v": step, "s": step}))
    if end:
        assert writer.append(spool.line({"k": "end", "t": time.time_ns(), "status": "Completed", "reason": "completed"}))
    place = {writer.name: list(writer.position())}
    writer.close()
    return place


def ask(home, method, path, body=None, timeout=20):
    return control.request(str(home), method, path, body, timeout)


def in_store(home, question):
    """What a reader of the store answers; None while it has no such run."""
    with reading.Reader(home / "outrider.db") as reader:
        try:
            return question(reader)
        except Exception as exc:
            if type(exc).__name__ in ("NotFound", "Unavailable"):
                return None
            raise


def status_of(home, run):
    found = in_store(home, lambda reader: reader.run(run))
    return (found.status, found.reason) if found else None


def values(home, run):
    return in_store(home, lambda reader: [point.value for point in reader.points(run, "loss")]) or []


@contextlib.contextmanager
def locked_store(home):
    """Somebody else holds the store's write lock for as long as the block lasts."""
    connection = sqlite3.connect(home / "outrider.db", isolation_level=None, timeout=10)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def test_an_agent_says_where_it_is_and_leaves_nothing_behind_when_stopped(home):
    """Rule: agent.json and the socket while it lives, 0600; exit code 0; then only what holds data is left."""
    with agents.running(home) as agent:
        info = json.loads((home / "agent.json").read_text())
        assert info["pid"] == agent.process.pid
        assert info["boot"] == spool.boot_id()
        assert info["socket"] == str(home / "control.sock")
        assert {stat.S_IMODE((home / name).stat().st_mode) for name in ("agent.json", "control.sock", "agent.lock")} == {0o600}
        assert spool.is_locked(str(home / "agent.lock"))
        assert agent.stop() == 0
    assert not (home / "agent.json").exists()
    assert not (home / "control.sock").exists()
    assert not spool.is_locked(str(home / "agent.lock"))


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "/stop"])
def test_everything_written_before_the_stop_is_in_the_store_after_it(home, how):
    """Rule: stop discovering, drain, flush, close; in debug mode nothing complains."""
    with agents.running(home, *QUICK, PYTHONASYNCIODEBUG="1", PYTHONDEVMODE="1") as agent:
        log_lines(home, "r1", 20_000)
        if how == "/stop":
            assert ask(home, "POST", "/stop") == (200, {"stopping": True})
        else:
            agent.send(getattr(signal, how))
        assert agent.wait_dead() == 0
        assert "Traceback" not in agent.said()
    assert values(home, "r1") == list(range(20_000))
    assert status_of(home, "r1") == ("Completed", "completed")


def test_without_foreground_an_agent_says_nothing_to_anybody_but_its_log(home):
    """Rule: JSON lines in agent.log, nothing on stdout and stderr."""
    command = [sys.executable, "-m", "outrider_agent", "--home", str(home)]
    process = subprocess.Popen(command, env=agents.environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until(lambda: agents.answers(home))
        process.terminate()
        assert process.communicate(timeout=30)[0] == b""
    finally:
        process.kill()
    events = [json.loads(line)["event"] for line in (home / "agent.log").read_text().splitlines()]
    assert events[0] == "agent_started"
    assert events[-1] == "agent_ended"


def test_a_second_agent_gives_way_with_exit_code_3(home):
    """Rule: one agent a home; the second names the first and changes nothing."""
    with agents.running(home) as first:
        second = agents.Agent(home)
        assert second.wait_dead() == 3
        assert f"pid {first.process.pid}" in second.said()
        second.kill()
        assert agents.answers(home)


def test_a_frozen_agent_is_replaced_and_stops_when_it_wakes_up(home):
    """Rule: takeover; the first ends with exit code 4 and leaves the second's files alone; nothing is lost, nothing twice."""
    with agents.running(home) as first:
        log_lines(home, "r1", 500)
        agents.flush(home)
        first.send(signal.SIGSTOP)
        log_lines(home, "r2", 500)
        with agents.running(home, *PATIENCE) as second:
            agents.flush(home)
            first.send(signal.SIGCONT)
            assert first.wait_dead() == 4
            assert "replaced_by_another_agent" in first.said()
            assert json.loads((home / "agent.json").read_text())["pid"] == second.process.pid
            log_lines(home, "r3", 500)
            agents.flush(home)
            assert second.stop() == 0
    for run in ("r1", "r2", "r3"):
        assert values(home, run) == list(range(500))


def test_a_frozen_agent_that_holds_the_stores_write_lock_is_killed(home):
    """Rule: nobody could commit until it wakes up; verified by pid, boot and start time, and said in the log."""
    frozen = subprocess.Popen([sys.executable, "-c", FROZEN, str(home)], env=agents.environment(home), stdout=subprocess.PIPE, text=True)
    try:
        assert frozen.stdout.readline() == "frozen\n"
        log_lines(home, "r1", 10)
        with agents.running(home, *PATIENCE) as agent:
            until(lambda: frozen.poll() is not None, 40)
            assert frozen.returncode == -signal.SIGKILL
            agents.flush(home)
            assert "frozen_agent_killed" in agent.said()
    finally:
        frozen.kill()
        frozen.communicate()
    assert values(home, "r1") == list(range(10))


def test_an_agent_whose_home_is_deleted_stops(home):
    """Rule: its lock's name is no longer its own."""
    with agents.running(home) as agent:
        home.rename(home.with_name("gone"))
        shutil.rmtree(home.with_name("gone"), ignore_errors=True)
        assert agent.wait_dead() == 4
    assert not (home / "spool").exists() or not list((home / "spool").iterdir())


def test_a_killed_script_is_vanished_within_five_seconds(home):
    """Rule: liveness is a lock; who died without a word gets its end, in the store, within 5 s."""
    with agents.running(home), living(home) as (process, run):
        until(lambda: status_of(home, run) == ("Running", None))
        process.kill()
        process.wait()
        until(lambda: status_of(home, run) == ("Failed", "vanished"), 5)
        until(lambda: not (home / "spool" / run).exists(), 30, "what was passed was not given back")
    assert values(home, run) == [1.0]


def test_an_idle_agent_leaves_and_never_while_a_run_lives(home):
    """Rule: nothing pending, no stream locked, no request for agent.idle_exit_s; exit code 0."""
    with living(home) as (process, run), agents.running(home, "--idle-exit", "--set", "agent.idle_exit_s=0.5") as agent:
        until(lambda: status_of(home, run) == ("Running", None))
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 3 or not agent.alive)
        assert agent.alive
        process.kill()
        assert agent.wait_dead() == 0
    assert status_of(home, run) == ("Failed", "vanished")


def test_what_was_asked_lately_keeps_an_idle_agent(home):
    """Rule: a request is use."""
    with agents.running(home, "--idle-exit", "--set", "agent.idle_exit_s=1.5") as agent:
        began = time.monotonic()
        while time.monotonic() - began < 3:
            assert ask(home, "GET", "/status")[0] == 200
            time.sleep(0.1)  # the interval between two requests is the subject
        assert agent.alive
        assert agent.wait_dead() == 0


def test_health_says_stuck_with_the_reason_and_recovers_by_itself(home):
    """Rule: pending and no progress for agent.stuck_after_s is not ok; nothing is lost and nobody has to restart anything."""
    with agents.running(home, "--set", "agent.stuck_after_s=1") as agent:
        with locked_store(home):
            log_lines(home, "r1", 10)
            until(lambda: "locked" in ask(home, "GET", "/health")[1].get("reason", ""), 30)
            code, health = ask(home, "GET", "/health")
            assert (code, health["ok"]) == (503, False)
            assert health["reason"].startswith("stuck: ")
            status = ask(home, "GET", "/status")[1]
            assert any("wait in the spool" in sentence for sentence in status["wrong"])
            answer = ask(home, "POST", "/flush", {"run": "r1", "timeout": 0.2})[1]
            assert answer["done"] is False
        until(lambda: ask(home, "GET", "/health")[0] == 200, 40)
        agents.flush(home)
        assert values(home, "r1") == list(range(10))
        assert ask(home, "GET", "/status")[1]["wrong"] == []
        assert agent.alive


def test_a_second_sigterm_ends_it_at_once_and_the_spool_keeps_the_rest(home):
    """Rule: the first drains up to a deadline; the second does not wait. The next agent delivers."""
    with agents.running(home, "--set", "agent.shutdown_deadline_s=60") as agent, locked_store(home):
        log_lines(home, "r1", 100)
        agent.send(signal.SIGTERM)
        until(lambda: "stopping" in agent.said())
        agent.send(signal.SIGTERM)
        assert agent.wait_dead(5) == 5
        assert not (home / "agent.json").exists()
    with agents.running(home):
        agents.flush(home)
    assert values(home, "r1") == list(range(100))


def test_the_deadline_of_a_shutdown_is_kept(home):
    """Rule: agent.shutdown_deadline_s, then it ends in order with what is left in the spool."""
    with agents.running(home, "--set", "agent.shutdown_deadline_s=0.5") as agent, locked_store(home):
        log_lines(home, "r1", 100)
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 20
        assert "left_in_the_spool" in agent.said()


def test_metrics_waits_for_the_callers_position_and_never_answers_with_a_part(home):
    """Rule: commit up to `upto`, then answer from the store; else 504."""
    with agents.running(home):
        upto = log_lines(home, "r1", 3000, end=False)
        status, answer = ask(home, "POST", "/metrics", {"run": "r1", "upto": upto, "timeout": 10})
        assert status == 200
        (series,) = answer["series"]
        assert [point[2] for point in series["points"]] == list(range(3000))
        ahead = {writer: [segment, offset + 1000] for writer, (segment, offset) in upto.items()}
        assert ask(home, "POST", "/metrics", {"run": "r1", "upto": ahead, "timeout": 0.3})[0] == 504
        assert ask(home, "POST", "/metrics", {"run": "nothere", "timeout": 0.3})[0] == 404


def test_flush_captures_the_outputs_of_a_run_that_has_ended(home, tmp_path):
    """Rule: after `flush RUN` of an ended run its artifacts are in the store too."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "model.bin").write_bytes(b"x" * 1000)
    with agents.running(home):
        writer = spool.Writer(str(home), "r1", owner=True)
        for line in (
            {"k": "run", "t": time.time_ns(), "experiment": "life", "outputs": [str(outputs)]},
            {"k": "end", "t": time.time_ns(), "status": "Completed", "reason": "completed"},
        ):
            assert writer.append(spool.line(line))
        writer.close()
        assert ask(home, "POST", "/flush", {"run": "r1", "timeout": 20}, 30)[1] == {"done": True, "pending": []}
        found = in_store(home, lambda reader: reader.artifacts("r1"))
        assert [(one.path, one.size) for one in found] == [("outputs/model.bin", 1000)]


def test_cancel_stops_a_run_without_a_keeper_and_says_who(home):
    """Rule: the owner's process gets SIGTERM where it is that process beyond doubt; the run ends as Canceled."""
    with agents.running(home), living(home) as (process, run):
        status, answer = ask(home, "POST", f"/runs/{run}/cancel", {"by": "ann"})
        assert (status, answer["signaled"]) == (200, True)
        assert process.wait(10) == -signal.SIGTERM
        until(lambda: (status_of(home, run) or ("",))[0] == "Canceled", 10)
        assert in_store(home, lambda reader: reader.run(run)).ended_by == "ann"
        assert ask(home, "POST", "/runs/nothere/cancel", {})[0] == 404


def test_cancel_touches_no_process_that_does_not_hold_the_lock(home):
    """Rule: a pid in a header may be somebody else's by now."""
    with agents.running(home), living(home) as (bystander, _), living(home) as (process, run):
        (writer,) = [name for name in os.listdir(home / "spool" / run) if name.startswith("py-")]
        segment = home / "spool" / run / writer / "00000000.ndjson"
        segment.write_bytes(segment.read_bytes().replace(b'"pid":%d' % process.pid, b'"pid":%d' % bystander.pid))
        assert ask(home, "POST", f"/runs/{run}/cancel", {})[1]["signaled"] is False
        assert bystander.poll() is None
        assert process.poll() is None


def test_a_deleted_run_is_gone_and_stays_gone(home):
    """Rule: store, spool and its own blobs; what a living writer still brings is passed over."""
    with agents.running(home), living(home) as (process, run):
        until(lambda: status_of(home, run))
        assert ask(home, "POST", f"/runs/{run}/delete")[0] == 200
        agents.flush(home)
        assert status_of(home, run) is None
        process.kill()
        log_lines(home, "other", 5)
        agents.flush(home)
        assert status_of(home, run) is None
        assert ask(home, "POST", "/runs/nothere/delete")[0] == 404


def test_a_full_spool_is_flagged_and_said(home):
    """Rule: above the cap writers are told to refuse; status says what it means."""
    more = ("--set", "spool.max_bytes=1048576", "--set", "spool.check_interval_s=0.2")
    with agents.running(home, *more):
        agents.flush(home)
        with locked_store(home):  # so that nothing is passed, and given back
            for run in ("r1", "r2"):
                log_lines(home, run, 15_000)
            until((home / "spool" / "full").exists)
            status = ask(home, "GET", "/status")[1]
            assert status["spool"]["full"]
            assert any("The spool is full" in sentence for sentence in status["wrong"])
        until(lambda: not (home / "spool" / "full").exists(), 60, "the flag was not cleared")
    assert values(home, "r1") == values(home, "r2") == list(range(15_000))


def test_the_status_document_has_its_promised_shape(home):
    """Rule: what the CLI and others read is always there."""
    with agents.running(home), living(home) as (_, run):
        until(lambda: status_of(home, run))
        document = ask(home, "GET", "/status")[1]
    assert set(document) == {"agent", "sinks", "streams", "collectors", "spool", "wrong"}
    assert {"pid", "version", "started", "home", "uptime_s"} <= set(document["agent"])
    (sink,) = document["sinks"]
    assert {"name", "state", "error", "records", "records_per_transaction", "pending_bytes", "last_commit_age_s"} <= set(sink)
    assert (sink["name"], sink["state"], sink["pending_bytes"]) == ("store", "ok", 0)
    (stream,) = document["streams"]
    assert stream["run"] == run
    assert stream["alive"] is True
    assert stream["pending"] == {"store": 0}
    assert {"liveness", "spool", "outputs"} == {part["name"] for part in document["collectors"]}
    assert {"bytes", "cap", "full", "refused"} == set(document["spool"])
    assert document["wrong"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "ship.batch_record=1"], "Did you mean ship.batch_records?"),
        (["--config", "/nowhere.toml"], "There is no settings file"),
        (["--home", "/proc/outrider"], "Set OUTRIDER_HOME"),
    ],
)
def test_what_cannot_work_is_refused_with_exit_code_2(home, arguments, message):
    """Rule: what happened, what it means, what to do."""
    command = [sys.executable, "-m", "outrider_agent", *([] if "--home" in arguments else ["--home", str(home)]), *arguments]
    done = subprocess.run(command, env=agents.environment(home), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_with_a_very_long_path_works(home):
    """Rule: where the path is too long for a socket, agent.json says where it is instead."""
    deep = home / ("x" * 60) / ("y" * 60)
    with agents.running(deep) as agent:
        assert json.loads((deep / "agent.json").read_text())["socket"] != str(deep / "control.sock")
        agents.flush(deep)
        assert agent.stop() == 0
