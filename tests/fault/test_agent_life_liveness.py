"""Dead runs: the lock says who lives, and whoever died without a word gets its `end` in the spool, once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from waiting import until

from outrider import record, spool
from outrider_agent import errors
from outrider_agent.collect import liveness, streams

WRITER = """
import sys
from outrider import spool
home, run, kind, owner, attempt = sys.argv[1:6]
writer = spool.Writer(home, run, kind, owner=owner == "own", attempt=int(attempt))
for text in sys.argv[6:]:
    assert writer.append(spool.line(eval(text)))
print(writer.name, flush=True)
sys.stdin.read()
"""


class Clock:
    """A clock whose monotonic time the test moves."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    def time_ns(self):
        return time.time_ns()


class Known:
    """A store that knows what the test says."""

    def __init__(self):
        self.over, self.open, self.away = set(), {}, False

    def has_ended(self, run, attempt=None):
        if self.away:
            raise errors.Unavailable
        return run in self.over

    def open_runs(self):
        if self.away:
            raise errors.Unavailable
        return self.open


class World:
    """A home, writers as real processes, and a liveness that looks when told to."""

    def __init__(self, home):
        self.home, self.clock, self.known, self.processes = home, Clock(), Known(), []
        (home / "spool").mkdir(parents=True)
        self.liveness = liveness.Liveness(str(home), self.known, self.clock)

    def write(self, run, kind="py", *lines, own=True, attempt=1):
        """Starts a writer; returns when its lines are written. It lives until it is killed."""
        command = [
            sys.executable,
            "-c",
            WRITER,
            str(self.home),
            run,
            kind,
            "own" if own else "joined",
            str(attempt),
            *map(repr, lines or ({"k": "m", "t": 1, "n": "a", "v": 1},)),
        ]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.processes.append(process)
        process.stream = process.stdout.readline().strip()
        assert process.stream
        return process

    def look(self, seconds=0.0):
        self.clock.now += seconds
        return self.liveness.look()

    def look_until_certain(self):
        for _ in range(4):
            self.look(1.1)

    def said(self, run, kind):
        """Lines of one kind that the agent wrote for a run."""
        folder = self.home / "spool" / run
        lines = [
            json.loads(raw)
            for name in sorted(os.listdir(folder))
            if name.startswith("agent-")
            for raw in spool.read_lines(str(folder / name))
        ]
        return [line for line in lines if line["k"] == kind]

    def ends(self, run):
        return [(line["status"], line["reason"]) for line in self.said(run, record.END)]

    def rewrite_head(self, run, writer, **changes):
        """As if the stream had been written elsewhere."""
        path = self.home / "spool" / run / writer / "00000000.ndjson"
        first, *rest = [raw for raw in path.read_bytes().split(b"\n") if raw]
        path.write_bytes(b"".join(b"\n" + raw + b"\n" for raw in [json.dumps({**json.loads(first), **changes}).encode(), *rest]))


@pytest.fixture
def world(home):
    built = World(home)
    yield built
    for process in built.processes:
        process.kill()
        process.communicate()


def die(process):
    process.kill()
    process.wait()


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


def test_what_a_dead_writer_refused_becomes_a_gap_once(world):
    """Rule: refused records that no gap accounts for are accounted for by the agent, with the writer's name, and never again."""
    process = world.write("r1", "py", {"k": "end", "t": 1, "status": "Completed", "reason": "completed"})
    lock = world.home / "spool" / "r1" / process.stream / "lock"
    counters = {**spool.counters(str(lock)), "refused": 7, "refused_bytes": 700, "gapped": 2, "why": "disk full", "since": 5}
    with lock.open("r+b") as block:
        block.write(json.dumps(counters).encode().ljust(4096))
    world.look_until_certain()
    assert world.said("r1", record.GAP) == []
    die(process)
    for _ in range(3):
        world.look(6)
    (gap,) = world.said("r1", record.GAP)
    assert (gap["n"], gap["w"], gap["why"], gap["since"]) == (5, process.stream, "disk full", 5)
    assert spool.counters(str(lock))["gapped"] == 7
    assert lock.stat().st_size == 4096
    world.liveness = liveness.Liveness(str(world.home), world.known, world.clock)
    world.look_until_certain()
    assert len(world.said("r1", record.GAP)) == 1


def leave_end(world, process, **end):
    """As a keeper does on a disk without a free byte: its `end` is in its lock's block alone."""
    lock = world.home / "spool" / "r1" / process.stream / "lock"
    with lock.open("r+b") as block:
        block.write(json.dumps({**spool.counters(str(lock)), "end": end}).encode().ljust(4096))
    die(process)
    return lock


def test_the_end_that_only_a_block_has_is_said_though_another_attempt_has_begun(world):
    """Rule: an attempt's own word is kept, whoever comes after it; once, and by whichever agent."""
    lock = leave_end(world, world.write("r1", "keeper"), status="Failed", reason="exit-code", code=3, t=7)
    second = world.write("r1", "keeper", attempt=2)
    for _ in range(3):
        world.look(6)
    (end,) = world.said("r1", record.END)
    assert (end["status"], end["reason"], end["code"], end["t"]) == ("Failed", "exit-code", 3, 7)
    heads = [head for head in world.said("r1", record.HEAD) if head["own"]]
    assert [head.get("att", 1) for head in heads] == [1]
    assert spool.counters(str(lock))["said"] is True
    world.liveness = liveness.Liveness(str(world.home), world.known, world.clock)
    die(second)
    world.look_until_certain()
    assert sorted(world.ends("r1")) == [("Failed", "exit-code"), ("Failed", "keeper-lost")]


def test_the_end_that_only_a_block_has_is_the_runs(world):
    """Rule: of the newest attempt it is what the run ended with; then the block says that it was said, and the stream may go."""
    lock = leave_end(world, world.write("r1", "keeper"), status="Failed", reason="exit-code", code=3, t=7)
    world.look_until_certain()
    assert world.ends("r1") == [("Failed", "exit-code")]
    world.look(6)
    assert spool.counters(str(lock))["said"] is True
    world.look(6)
    assert world.ends("r1") == [("Failed", "exit-code")]


def test_a_writer_that_died_between_its_gap_and_the_mark_told_it_once(world):
    """Rule: what a gap on disk accounts for is not told again, and what it does not is."""
    gap = {"k": "gap", "t": 2, "n": 3, "bytes": 300, "of": 3}
    process = world.write("r1", "py", gap, {"k": "end", "t": 3, "status": "Completed", "reason": "completed"})
    lock = world.home / "spool" / "r1" / process.stream / "lock"
    counters = {**spool.counters(str(lock)), "refused": 3, "refused_bytes": 300, "why": "disk full", "since": 5}
    with lock.open("r+b") as block:
        block.write(json.dumps(counters).encode().ljust(4096))
    die(process)
    for _ in range(3):
        world.look(6)
    assert world.said("r1", record.GAP) == []
    assert spool.counters(str(lock))["gapped"] == 3
    with lock.open("r+b") as block:  # and five more that nobody told
        block.write(json.dumps({**counters, "refused": 8}).encode().ljust(4096))
    world.liveness = liveness.Liveness(str(world.home), world.known, world.clock)
    world.look_until_certain()
    assert [line["n"] for line in world.said("r1", record.GAP)] == [5]
    assert spool.counters(str(lock))["gapped"] == 8


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
