"""What a dead writer left in its lock's block alone, refusals and ends, is told once."""

from __future__ import annotations

import json

import pytest
from harness.world import World, die

from outrider import record, spool
from outrider_agent.collect import liveness


@pytest.fixture
def world(home):
    built = World(home)
    yield built
    for process in built.processes:
        process.kill()
        process.communicate()


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
