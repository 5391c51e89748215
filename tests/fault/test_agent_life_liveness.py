"""Dead runs: the lock says who lives, and whoever died without a word gets its `end` in the spool, once."""

from __future__ import annotations

import os
import signal
import time

import pytest
from harness.world import World, die
from waiting import until

from outrider import record, spool
from outrider_agent.collect import liveness, streams


@pytest.fixture
def world(home):
    built = World(home)
    yield built
    for process in built.processes:
        process.kill()
        process.communicate()


def test_a_living_run_is_left_alone_however_long_it_is_silent(world):
    """Rule: silence is not death."""
    world.write("r1")
    for _ in range(5):
        assert world.look(1000).alive == 1
    assert world.ends("r1") == []


def test_a_stopped_process_lives(world):
    """Rule: a frozen script holds its lock."""
    process = world.write("r1")
    process.send_signal(signal.SIGSTOP)
    world.look_until_certain()
    assert world.ends("r1") == []
    process.send_signal(signal.SIGCONT)


def test_a_killed_run_vanished_and_it_is_said_once(world):
    """Rule: owner dead without an `end`, nothing locked, seen twice at least a second apart: Failed, vanished. No second time."""
    die(world.write("r1"))
    world.look()
    world.look(0.5)
    assert world.ends("r1") == []
    assert world.look(0.6).alive == 0
    assert world.ends("r1") == [("Failed", "vanished")]
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "vanished")]
    liveness.Liveness(str(world.home), world.known, world.clock).look()
    assert world.ends("r1") == [("Failed", "vanished")]


def test_the_next_agent_sees_what_this_one_said(world):
    """Rule: the `end` in the spool is the memory; another agent, before the store has it, says nothing again."""
    die(world.write("r1"))
    world.look_until_certain()
    world.liveness = liveness.Liveness(str(world.home), world.known, world.clock)
    world.look_until_certain()
    assert len(world.ends("r1")) == 1


def test_a_lost_keeper_is_called_so(world):
    """Rule: the owner was a keeper: keeper-lost, whatever the script itself said."""
    die(world.write("r1", "keeper"))
    die(world.write("r1", "py", {"k": "end", "t": 1, "status": "Completed", "reason": "completed"}, own=False))
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "keeper-lost")]


def test_a_run_lives_on_in_its_children(world):
    """Rule: while any stream of the run is locked, the run is not dead."""
    die(world.write("r1"))
    child = world.write("r1", own=False)
    world.look_until_certain()
    assert world.look().alive == 1
    assert world.ends("r1") == []
    die(child)
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "vanished")]


@pytest.mark.parametrize("kind", ["outputs", "agent"])
def test_the_agents_own_streams_keep_no_run_alive(world, kind):
    """Rule: a collector's lock says that the agent lives, not that the run does."""
    die(world.write("r1"))
    world.write("r1", kind, own=False)
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "vanished")]


def test_a_run_that_was_to_be_canceled_was_canceled(world):
    """Rule: with spool/<run>/cancel the end is Canceled, by whom it says."""
    process = world.write("r1")
    (world.home / "spool" / "r1" / "cancel").write_text('{"by": "ann", "t": 1}')
    die(process)
    world.look_until_certain()
    assert world.ends("r1") == [("Canceled", "canceled")]
    assert world.said("r1", record.END)[0]["by"] == "ann"


def test_a_run_that_said_its_end_is_not_said_anything_of(world):
    """Rule: the owner's own `end` stands, also when more lines follow it."""
    die(
        world.write(
            "r1", "py", {"k": "end", "t": 1, "status": "Completed", "reason": "completed"}, {"k": "l", "t": 2, "lv": 20, "msg": 'the "end"'}
        )
    )
    world.look_until_certain()
    assert world.ends("r1") == []


def test_a_text_that_looks_like_an_end_is_none(world):
    """Rule: only a line of kind `end` ends a run."""
    die(world.write("r1", "py", {"k": "l", "t": 2, "lv": 20, "msg": '{"k":"end"}'}, {"k": "tag", "n": "end", "v": "end"}))
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "vanished")]


def test_a_run_whose_end_only_the_store_has_is_not_said_anything_of(world):
    """Rule: committed segments are deleted; then the store remembers."""
    die(world.write("r1"))
    world.known.over.add("r1")
    world.look_until_certain()
    assert world.ends("r1") == []


def test_while_the_store_cannot_be_asked_nobody_is_declared_dead(world):
    """Rule: "could not ask" is not "has none"; the answer comes when the store is back."""
    die(world.write("r1"))
    world.known.away = True
    world.look_until_certain()
    assert world.ends("r1") == []
    world.known.away = False
    world.look(1.1)
    assert world.ends("r1") == [("Failed", "vanished")]


def test_a_run_of_which_only_the_store_is_left_ends_too(world):
    """Rule: a dead owner's passed stream may be deleted before anybody saw that it had no `end`."""
    world.known.open = {"r1": [streams.Head(writer="py-1-0a", own=True, host=spool.hostname(), boot=spool.boot_id())]}
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "vanished")]


def test_after_a_restart_of_the_machine_its_runs_are_dead_at_once(world):
    """Rule: another boot id on the same host."""
    process = world.write("r1")
    die(process)
    world.rewrite_head("r1", process.stream, boot="another")
    world.look()
    assert world.ends("r1") == [("Failed", "vanished")]


def test_a_run_of_another_machine_is_left_and_reported(world):
    """Rule: whose locks cannot be seen is unknown; it is never declared dead, and it is said."""
    process = world.write("r1")
    die(process)
    world.rewrite_head("r1", process.stream, boot="another", host="another")
    world.look_until_certain()
    assert world.ends("r1") == []
    assert world.look().unknown == ("r1",)


def test_a_foreign_stream_without_a_lock_lives_for_a_day_after_its_last_line(world):
    """Rule: a shell script takes no locks (docs/spool.md)."""
    folder = world.home / "spool" / "r1" / "sh-1"
    folder.mkdir(parents=True)
    segment = folder / "00000000.ndjson"
    segment.write_bytes(b'\n{"k":"head","v":1,"run":"r1","w":"sh-1","seg":0,"t":1,"own":true}\n')
    assert world.look(1.1).alive == 1
    old = time.time() - streams.LOCKLESS_ALIVE_S - 10
    os.utime(segment, (old, old))
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "vanished")]
    assert world.said("r1", record.END)[0]["t"] == pytest.approx(old * 1e9, rel=1e-6)


def test_a_foreign_stream_that_said_its_end_is_no_longer_alive(world):
    """Rule: without a lock, the `end` is the last word."""
    folder = world.home / "spool" / "r1" / "sh-1"
    folder.mkdir(parents=True)
    head, end = (
        b'\n{"k":"head","v":1,"run":"r1","w":"sh-1","seg":0,"t":1,"own":true}\n',
        b'\n{"k":"end","t":1,"status":"Completed","reason":"completed"}\n',
    )
    (folder / "00000000.ndjson").write_bytes(head + end)
    assert world.look().alive == 0


def test_the_self_test_sees_locks_here(world):
    """Rule: on a local disk another descriptor's lock is visible."""
    assert liveness.sees_foreign_locks(str(world.home / "spool"))
    assert not liveness.sees_foreign_locks(str(world.home / "none"))


def test_a_look_at_a_hundred_living_runs_is_cheap(world):
    """Rule: liveness is asked every second; it must not be what an idle agent costs."""
    writers = []
    for number in range(100):
        writer = spool.Writer(str(world.home), f"run{number}", owner=True)
        writer.append(spool.line({"k": "m", "t": 1, "n": "a", "v": 1}))
        writers.append(writer)
    until(lambda: world.look(1.1).alive == 100)
    before = time.thread_time()
    for _ in range(10):
        world.look(1.1)
    each = (time.thread_time() - before) / 10
    for writer in writers:
        writer.close()
    assert each < 0.02, f"a look took {each * 1e3:.1f} ms of CPU"


@pytest.mark.parametrize("text", [b'{"k":"end","x":' + b"[" * 100_000, b'{"k":"end","x":' + b"[" * 5000 + b"]" * 5000 + b"}"])
def test_a_deep_line_in_one_stream_does_not_stop_the_looks_at_others(world, text):
    """Rule: what cannot be read is set aside; nobody else is harmed by it."""
    strange = world.home / "spool" / "deep" / "sh-1"
    strange.mkdir(parents=True)
    (strange / "00000000.ndjson").write_bytes(b"\n" + text + b"\n")
    owner = world.home / "spool" / "deep" / "sh-2"
    owner.mkdir()
    (owner / "00000000.ndjson").write_bytes(b'\n{"k":"head","v":1,"run":"deep","w":"sh-2","seg":0,"t":1,"own":true}\n\n' + text + b"\n")
    (owner / "lock").write_bytes(b"[" * 4096)
    (strange / "lock").touch()
    die(world.write("r1"))
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "vanished")]
    assert world.ends("deep") == [("Failed", "vanished")]
