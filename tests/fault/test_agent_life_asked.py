"""What can be asked of a running agent: health, status, flush, metrics, cancel, delete."""

from __future__ import annotations

import os
import signal
import time

from harness import agents, life
from waiting import until

from outrider import spool


def test_health_says_stuck_with_the_reason_and_recovers_by_itself(home):
    """Rule: pending and no progress for agent.stuck_after_s is not ok; nothing is lost and nobody has to restart anything."""
    with agents.running(home, "--set", "agent.stuck_after_s=1") as agent:
        with life.locked_store(home):
            life.log_lines(home, "r1", 10)
            until(lambda: "locked" in life.ask(home, "GET", "/health")[1].get("reason", ""))
            code, health = life.ask(home, "GET", "/health")
            assert (code, health["ok"]) == (503, False)
            assert health["reason"].startswith("stuck: ")
            status = life.ask(home, "GET", "/status")[1]
            assert any("wait in the spool" in sentence for sentence in status["wrong"])
            answer = life.ask(home, "POST", "/flush", {"run": "r1", "timeout": 0.2})[1]
            assert answer["done"] is False
        until(lambda: life.ask(home, "GET", "/health")[0] == 200)
        agents.flush(home)
        assert life.values(home, "r1") == list(range(10))
        assert life.ask(home, "GET", "/status")[1]["wrong"] == []
        assert agent.alive


def test_metrics_waits_for_the_callers_position_and_never_answers_with_a_part(home):
    """Rule: commit up to `upto`, then answer from the store; else 504."""
    with agents.running(home):
        upto = life.log_lines(home, "r1", 3000, end=False)
        question = {"what": "metrics", "run": "r1"}
        status, answer = life.ask(home, "POST", "/history", {**question, "upto": upto, "timeout": 10})
        assert status == 200
        (series,) = answer["runs"]["r1"]["series"]
        assert series["values"] == list(range(3000))
        ahead = {writer: [segment, offset + 1000] for writer, (segment, offset) in upto.items()}
        assert life.ask(home, "POST", "/history", {**question, "upto": ahead, "timeout": 0.3})[0] == 504
        assert life.ask(home, "POST", "/history", {"what": "metrics", "run": "nothere", "timeout": 0.3})[0] == 404


def test_flush_captures_the_outputs_of_a_run_that_has_ended(home, tmp_path):
    """Rule: after `flush RUN` of an ended run its artifacts are in the store too."""
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    with agents.running(home):
        writer = spool.Writer(str(home), "r1", owner=True)
        (outputs / "model.bin").write_bytes(b"x" * 1000)
        for line in (
            {"k": "run", "t": time.time_ns(), "experiment": "life", "outputs": [str(outputs)]},
            {"k": "end", "t": time.time_ns(), "status": "Completed", "reason": "completed"},
        ):
            assert writer.append(spool.line(line))
        writer.close()
        assert life.ask(home, "POST", "/flush", {"run": "r1", "timeout": 20}, 30)[1] == {"done": True, "pending": []}
        found = life.in_store(home, lambda reader: reader.artifacts("r1"))
        assert [(one.path, one.size) for one in found] == [("outputs/model.bin", 1000)]


def test_cancel_stops_a_run_without_a_keeper_and_says_who(home):
    """Rule: the owner's process gets SIGTERM where it is that process beyond doubt; the run ends as Canceled."""
    with agents.running(home), life.living(home) as (process, run):
        status, answer = life.ask(home, "POST", f"/runs/{run}/cancel", {"by": "ann"})
        assert (status, answer["signaled"]) == (200, True)
        assert process.wait(60) == -signal.SIGTERM
        until(lambda: (life.status_of(home, run) or ("",))[0] == "Canceled", 60)
        assert life.in_store(home, lambda reader: reader.run(run)).ended_by == "ann"
        assert life.ask(home, "POST", "/runs/nothere/cancel", {})[0] == 404


def test_cancel_touches_no_process_that_does_not_hold_the_lock(home):
    """Rule: a pid in a header may be somebody else's by now."""
    with agents.running(home), life.living(home) as (bystander, _), life.living(home) as (process, run):
        (writer,) = [name for name in os.listdir(home / "spool" / run) if name.startswith("py-")]
        segment = home / "spool" / run / writer / "00000000.ndjson"
        segment.write_bytes(segment.read_bytes().replace(b'"pid":%d' % process.pid, b'"pid":%d' % bystander.pid))
        assert life.ask(home, "POST", f"/runs/{run}/cancel", {})[1]["signaled"] is False
        assert bystander.poll() is None
        assert process.poll() is None


def test_a_deleted_run_is_gone_and_stays_gone(home):
    """Rule: store, spool and its own blobs; what a living writer still brings is passed over."""
    with agents.running(home), life.living(home) as (process, run):
        until(lambda: life.status_of(home, run))
        assert life.ask(home, "POST", f"/runs/{run}/delete")[0] == 200
        agents.flush(home)
        assert life.status_of(home, run) is None
        process.kill()
        life.log_lines(home, "other", 5)
        agents.flush(home)
        assert life.status_of(home, run) is None
        assert life.ask(home, "POST", "/runs/nothere/delete")[0] == 404


def test_a_full_spool_is_flagged_and_said(home):
    """Rule: above the cap writers are told to refuse; status says what it means."""
    more = ("--set", "spool.max_bytes=1048576", "--set", "spool.check_interval_s=0.2")
    with agents.running(home, *more):
        agents.flush(home)
        with life.locked_store(home):  # so that nothing is passed, and given back
            for run in ("r1", "r2"):
                life.log_lines(home, run, 15_000)
            until((home / "spool" / "full").exists)
            status = life.ask(home, "GET", "/status")[1]
            assert status["spool"]["full"]
            assert any("The spool is full" in sentence for sentence in status["wrong"])
        until(lambda: not (home / "spool" / "full").exists(), 60, "the flag was not cleared")
    assert life.values(home, "r1") == life.values(home, "r2") == list(range(15_000))


def test_the_status_document_has_its_promised_shape(home):
    """Rule: what the CLI and others read is always there."""
    with agents.running(home), life.living(home) as (_, run):
        until(lambda: life.status_of(home, run))
        document = life.ask(home, "GET", "/status")[1]
    assert set(document) == {"agent", "sinks", "streams", "collectors", "spool", "portal", "probes", "wrong"}
    assert {"pid", "version", "started", "home", "uptime_s"} <= set(document["agent"])
    (sink,) = document["sinks"]
    assert {"name", "state", "error", "records", "records_per_transaction", "pending_bytes", "last_commit_age_s"} <= set(sink)
    assert (sink["name"], sink["state"], sink["pending_bytes"]) == ("store", "ok", 0)
    (stream,) = document["streams"]
    assert stream["run"] == run
    assert stream["alive"] is True
    assert stream["pending"] == {"store": 0}
    assert {"liveness", "spool", "purge", "outputs"} == {part["name"] for part in document["collectors"]}
    assert {"bytes", "cap", "full", "refused"} == set(document["spool"])
    assert document["wrong"] == []
