"""The agent's life, as real processes: start, second agent, takeover, dead runs, idleness, and the ordered end."""

from __future__ import annotations

import json
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest
from harness import agents, life
from waiting import until

from outrider import spool


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
    with agents.running(home, *life.QUICK, PYTHONASYNCIODEBUG="1", PYTHONDEVMODE="1") as agent:
        life.log_lines(home, "r1", 20_000)
        if how == "/stop":
            assert life.ask(home, "POST", "/stop") == (200, {"stopping": True})
        else:
            agent.send(getattr(signal, how))
        assert agent.wait_dead() == 0
        assert "Traceback" not in agent.said()
    assert life.values(home, "r1") == list(range(20_000))
    assert life.status_of(home, "r1") == ("Completed", "completed")


def test_without_foreground_an_agent_says_nothing_to_anybody_but_its_log(home):
    """Rule: JSON lines in agent.log, nothing on stdout and stderr."""
    command = [sys.executable, "-m", "outrider_agent", "--home", str(home)]
    process = subprocess.Popen(command, env=agents.environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until(lambda: agents.answers(home))
        process.terminate()
        assert process.communicate(timeout=60)[0] == b""
    finally:
        process.kill()
    events = [json.loads(line)["event"] for line in (home / "agent.log").read_text().splitlines()]
    assert "agent_started" in events[:2]  # the portal may be quicker
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
        life.log_lines(home, "r1", 500)
        agents.flush(home)
        first.send(signal.SIGSTOP)
        life.log_lines(home, "r2", 500)
        with agents.running(home, *life.PATIENCE) as second:
            agents.flush(home)
            first.send(signal.SIGCONT)
            assert first.wait_dead() == 4
            assert "replaced_by_another_agent" in first.said()
            assert json.loads((home / "agent.json").read_text())["pid"] == second.process.pid
            life.log_lines(home, "r3", 500)
            agents.flush(home)
            assert second.stop() == 0
    for run in ("r1", "r2", "r3"):
        assert life.values(home, run) == list(range(500))


def test_a_frozen_agent_that_holds_the_stores_write_lock_is_killed(home):
    """Rule: nobody could commit until it wakes up; verified by pid, boot and start time, and said in the log."""
    frozen = subprocess.Popen(
        [sys.executable, "-c", life.FROZEN, str(home)], env=agents.environment(home), stdout=subprocess.PIPE, text=True
    )
    try:
        assert frozen.stdout.readline() == "frozen\n"
        life.log_lines(home, "r1", 10)
        with agents.running(home, *life.PATIENCE) as agent:
            until(lambda: frozen.poll() is not None)
            assert frozen.returncode == -signal.SIGKILL
            agents.flush(home)
            assert "frozen_agent_killed" in agent.said()
    finally:
        frozen.kill()
        frozen.communicate()
    assert life.values(home, "r1") == list(range(10))


def test_an_agent_whose_home_is_deleted_stops(home):
    """Rule: its lock's name is no longer its own."""
    with agents.running(home) as agent:
        home.rename(home.with_name("gone"))
        shutil.rmtree(home.with_name("gone"), ignore_errors=True)
        assert agent.wait_dead() == 4
    assert not (home / "spool").exists() or not list((home / "spool").iterdir())


def test_a_killed_script_is_vanished_and_what_was_passed_of_it_is_given_back(home):
    """Rule: liveness is a lock; who died without a word gets its end, in the store. How soon is a benchmark (latency)."""
    with agents.running(home), life.living(home) as (process, run):
        until(lambda: life.status_of(home, run) == ("Running", None))
        process.kill()
        process.wait()
        until(lambda: life.status_of(home, run) == ("Failed", "vanished"), 60)
        until(lambda: not (home / "spool" / run).exists(), 60, "what was passed was not given back")
    assert life.values(home, run) == [1.0]


def test_an_idle_agent_leaves_and_never_while_a_run_lives(home):
    """Rule: nothing pending, no stream locked, no request for agent.idle_exit_s; exit code 0."""
    with life.living(home) as (process, run), agents.running(home, "--idle-exit", "--set", "agent.idle_exit_s=0.5") as agent:
        until(lambda: life.status_of(home, run) == ("Running", None))
        began = time.monotonic()
        until(lambda: time.monotonic() - began > 3 or not agent.alive)
        assert agent.alive
        process.kill()
        assert agent.wait_dead() == 0
    assert life.status_of(home, run) == ("Failed", "vanished")


def test_what_was_asked_lately_keeps_an_idle_agent(home):
    """Rule: a request is use. Asked for longer than it stays when nobody does."""
    with agents.running(home, "--idle-exit", "--set", "agent.idle_exit_s=3") as agent:
        began = time.monotonic()
        until(lambda: life.ask(home, "GET", "/status")[0] != 200 or time.monotonic() - began > 4.5)
        assert agent.alive
        assert agent.wait_dead() == 0


def test_a_second_sigterm_ends_it_at_once_and_the_spool_keeps_the_rest(home):
    """Rule: the first drains up to a deadline; the second does not wait. The next agent delivers."""
    with agents.running(home, "--set", "agent.shutdown_deadline_s=60") as agent, life.locked_store(home):
        life.log_lines(home, "r1", 100)
        agent.send(signal.SIGTERM)
        until(lambda: "stopping" in agent.said())
        agent.send(signal.SIGTERM)
        assert agent.wait_dead(50) == 5
        assert not (home / "agent.json").exists()
    with agents.running(home):
        agents.flush(home)
    assert life.values(home, "r1") == list(range(100))


def test_the_deadline_of_a_shutdown_is_kept(home):
    """Rule: agent.shutdown_deadline_s, then it ends in order with what is left in the spool."""
    with agents.running(home, "--set", "agent.shutdown_deadline_s=0.5") as agent, life.locked_store(home):
        life.log_lines(home, "r1", 100)
        began = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - began < 20
        assert "left_in_the_spool" in agent.said()


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
    done = subprocess.run(command, env=agents.environment(home), capture_output=True, text=True, timeout=60, check=False)
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
