"""The outputs collector killed, restarted, late, and without its streams: each version once, and none lost."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time

import pytest
from outputs_rig import Clock, Rig
from waiting import until

from outrider import spool
from outrider_agent import errors
from outrider_agent.collect import followed, ledger


@pytest.fixture
def rig(home, tmp_path):
    rig = Rig(home, tmp_path / "work").begin()
    rig.root.mkdir(parents=True)
    yield rig
    rig.close()


def put(rig, name, data):
    """As a careful writer does."""
    path = rig.root / name
    path.with_suffix(".tmp").write_bytes(data)
    path.with_suffix(".tmp").rename(path)


def is_copying(rig):
    """Is something large on its way into the blobs?"""
    with contextlib.suppress(FileNotFoundError):
        return any(path.stat().st_size > 1 << 20 for path in (rig.home / "blobs" / "tmp").iterdir())
    return False


def test_killed_in_the_middle_of_a_copy_the_next_agent_captures_it_once(rig):
    """kill -9 between the first byte copied and the line: no line names a missing blob, and each version comes once."""
    big = bytes(range(256)) * (1 << 20)  # 256 MiB
    put(rig, "small", b"s")
    agent = rig.agent()
    rig.wait_for("outputs/small")
    for _ in range(3):
        put(rig, "big", big)
        until(lambda: is_copying(rig) or "outputs/big" in rig.versions())  # on a busy machine it may be over before we look
        agent.send_signal(signal.SIGKILL)
        agent.wait()
        for line in rig.lines("art"):
            rig.content(line)
        agent = rig.agent()
    rig.end()
    until(lambda: any(line.get("final") for line in rig.lines("seen")), timeout=60)
    assert {path: len(lines) for path, lines in rig.versions().items()} == {"outputs/small": 1, "outputs/big": 1}
    assert rig.contents()["outputs/big"] == [big]


def test_an_agent_that_finds_nothing_new_says_all_the_same_that_the_run_is_captured(rig):
    """What the agent before it captured was only touched: there is no new version, and the next agent need not look again."""
    put(rig, "model", b"m")
    rig.collect()
    rig.wait_for("outputs/model")
    rig.stop()
    put(rig, "model", b"m")
    rig.end()
    rig.collect()
    until(lambda: any(line.get("final") for line in rig.lines("seen")))
    rig.stop()
    assert len(rig.versions()["outputs/model"]) == 1
    assert ledger.Ledger(str(rig.home), rig.run, Clock()).is_final


def test_a_restart_captures_what_changed_meanwhile_and_nothing_twice(rig):
    """The collector's own streams are its state; each new one opens with all that is known."""
    put(rig, "same", b"same")
    put(rig, "changes", b"1")
    rig.collect()
    rig.wait_for("outputs/same", "outputs/changes")
    rig.stop()
    put(rig, "changes", b"2")
    put(rig, "new", b"n")
    rig.collect()
    rig.wait_for("outputs/new")
    until(lambda: len(rig.versions()["outputs/changes"]) == 2)
    rig.stop()
    assert rig.contents() == {"outputs/same": [b"same"], "outputs/changes": [b"1", b"2"], "outputs/new": [b"n"]}
    (opening,) = [line for line in rig.lines("seen") if line["files"]]
    assert set(opening["files"]) == {"outputs/same", "outputs/changes"}


def test_older_streams_may_be_deleted_once_a_newer_one_was_opened(rig):
    """The newest stream alone tells the next agent all."""
    put(rig, "a", b"a")
    rig.collect()
    rig.wait_for("outputs/a")
    rig.stop()
    (first,) = (rig.home / "spool" / "r1").glob("outputs-*")
    put(rig, "b", b"b")
    rig.collect()
    rig.wait_for("outputs/b")
    rig.stop()
    shutil.rmtree(first)
    put(rig, "c", b"c")
    rig.collect()
    rig.wait_for("outputs/c")
    assert set(rig.versions()) == {"outputs/b", "outputs/c"}


def test_a_new_segment_opens_with_all_that_is_known(rig, monkeypatch):
    """The older segments of a long run are deleted while it lives."""
    monkeypatch.setenv("OUTRIDER_SEGMENT_BYTES", "65536")
    for number in range(300):
        put(rig, f"f{number}", b"%d" % number)
    rig.collect()
    rig.wait_for(*(f"outputs/f{number}" for number in range(300)))
    rig.stop()
    (stream,) = (rig.home / "spool" / "r1").glob("outputs-*")
    *older, last = sorted(stream.glob("*.ndjson"))
    assert older
    for segment in older:
        segment.unlink()
    put(rig, "new", b"n")
    rig.collect()
    rig.wait_for("outputs/new")
    assert not any(line["p"] == "outputs/f0" for line in rig.lines("art"))
    assert last.exists()


def test_what_a_store_knows_stands_in_for_deleted_streams(rig):
    """`known` gives size, sha and mtime: the same content makes no version, and nothing is called unobserved."""
    put(rig, "same", b"same")
    put(rig, "other", b"1")
    rig.collect()
    rig.wait_for("outputs/same", "outputs/other")
    rig.stop()
    versions = {path: lines[-1] for path, lines in rig.versions().items()}
    for stream in (rig.home / "spool" / "r1").glob("outputs-*"):
        shutil.rmtree(stream)
    put(rig, "other", b"2")
    rig.collect(known=lambda _run: {path: (line["size"], line["sha"], line["mt"]) for path, line in versions.items()})
    rig.wait_for("outputs/other")
    until(lambda: rig.collector.statistics().unchanged == 1)
    assert rig.contents() == {"outputs/other": [b"2"]}
    assert "obs" not in rig.versions()["outputs/other"][0]


def test_a_late_agent_takes_what_it_finds_and_says_so(rig):
    """The run began before the agent: the versions it finds are marked; what comes later, and what was there before the run, is not."""
    put(rig, "early", b"e")
    rig.collect()
    rig.wait_for("outputs/early")
    put(rig, "later", b"l")
    put(rig, "early", b"e2")
    rig.wait_for("outputs/later")
    until(lambda: len(rig.versions()["outputs/early"]) == 2)
    seen = {path: [line.get("obs") for line in lines] for path, lines in rig.versions().items()}
    assert seen == {"outputs/early": [False, None], "outputs/later": [None]}


def test_what_lay_there_before_the_run_is_its_artifact_once_it_touches_it(home, tmp_path):
    """Another run left it some time ago (`outputs.existing` takes it all the same)."""
    rig = Rig(home, tmp_path / "work")
    try:
        rig.root.mkdir(parents=True)
        put(rig, "left", b"by another run")
        put(rig, "kept", b"as well")
        there = (rig.root / "kept").stat().st_ctime_ns
        until(lambda: time.time_ns() > there + followed.BEFORE_NS + 50_000_000)
        rig.begin()
        put(rig, "kept", b"changed by this run")
        rig.collect()
        rig.wait_for("outputs/kept")
        rig.end()
        rig.wait_done()
        assert "outputs/left" not in rig.versions()
        assert rig.contents()["outputs/kept"][-1] == b"changed by this run"
    finally:
        rig.close()


def test_a_run_that_ended_without_an_agent_is_captured_by_the_next(rig):
    """`--no-agent`, then an agent: all that the run left is an artifact."""
    put(rig, "model", b"m")
    rig.end()
    rig.collect()
    rig.wait_done()
    assert rig.contents() == {"outputs/model": [b"m"]}


def test_what_another_run_wrote_there_later_is_not_this_runs(rig):
    """The folder was used again long after this run's end: that is another run's."""
    put(rig, "late", b"l")
    hour_ago = time.time_ns() - 3_600_000_000_000
    rig.owner.append(spool.line({"k": "end", "t": hour_ago, "status": "Completed", "reason": "completed"}))
    rig.owner.close()
    rig.collect()
    rig.wait_done()
    assert rig.versions() == {}
    assert "another run" in rig.lines("note")[0]["msg"]


def test_a_finished_run_is_not_looked_at_again(rig):
    """Its stream is closed and says so, for this agent and the next."""
    put(rig, "a", b"a")
    rig.collect()
    rig.wait_for("outputs/a")
    rig.end()
    rig.wait_done()
    (stream,) = (rig.home / "spool" / "r1").glob("outputs-*")
    assert not spool.is_locked(str(stream / "lock"))
    assert rig.collector.statistics().runs == 0
    rig.stop()
    put(rig, "a", b"another run's")
    rig.collect()
    rig.wait_done()
    assert len(list((rig.home / "spool" / "r1").glob("outputs-*"))) == 1


def test_a_killed_run_is_captured_whole(rig):
    """No `end`, no lock: twice seen so, it has ended."""
    rig.collect()
    until(lambda: rig.collector.statistics().roots == 1)
    put(rig, "a", b"a")
    (rig.root / "half.tmp").write_bytes(b"h")
    rig.owner.close()
    rig.wait_done()
    assert set(rig.versions()) == {"outputs/a", "outputs/half.tmp"}


def test_drain_captures_what_is_there_and_leaves_what_is_being_written(rig):
    """Used by flush and at shutdown: no settling time, but nothing that is open for writing and no temporary name."""
    rig.collect(settle_s=1000.0, watch=False)
    until(lambda: rig.collector.statistics().roots == 1)
    put(rig, "a", b"a")
    (rig.root / "b.tmp").write_bytes(b"b")
    with (rig.root / "open").open("wb") as file:
        file.write(b"o")
        file.flush()
        rig.drain("r1")
        assert set(rig.versions()) == {"outputs/a"}
    rig.stop()
    rig.collect(settle_s=1000.0)
    rig.drain()
    assert set(rig.versions()) == {"outputs/a", "outputs/open"}


def test_a_deleted_run_does_not_come_back(rig):
    """Its folder was removed: the collector lets go of it and makes no folder of that name."""
    rig.collect()
    until(lambda: rig.collector.statistics().runs == 1)
    shutil.rmtree(rig.home / "spool" / "r1")
    put(rig, "a", b"a")
    until(lambda: rig.collector.statistics().runs == 0)
    assert not (rig.home / "spool" / "r1").exists()


def test_a_refused_line_is_tried_again(rig):
    """The spool was full: the artifact is recorded when it no longer is."""
    rig.collect()
    until(lambda: rig.collector.statistics().roots == 1)
    full = rig.home / "spool" / "full"
    full.touch()
    put(rig, "a", b"a")
    until(lambda: rig.collector.statistics().retried > 0)
    assert rig.versions() == {}
    full.unlink()
    rig.wait_for("outputs/a")
    assert len(rig.versions()["outputs/a"]) == 1


def test_a_store_that_cannot_be_asked_now_is_asked_again(rig):
    """`known` is unavailable for a while: the run is taken up when it is not, and nothing stops."""
    put(rig, "a", b"a")
    asked = []

    def known(run):
        asked.append(run)
        if len(asked) < 4:
            raise errors.Unavailable
        return {}

    rig.collect(known=known)
    rig.wait_for("outputs/a")
    assert len(asked) == 4
