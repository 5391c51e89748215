"""
Containers of a real engine, followed without a change to their images: section F of the catalogue, each case by its number.

By file and by the API where both can. R: with an agent that ends and begins again; K: with one that is killed.
"""

from __future__ import annotations

import json
import os
import time

import pytest
from container_rig import Rig, docker_settings
from waiting import until

BY = [pytest.param((True, False), id="files"), pytest.param((False, True), id="api"), pytest.param((True, True), id="both")]
LABEL = ("--label", "outrider.experiment=exp")


@pytest.fixture
def begin(docker, home):
    """Begins a collector on the engine, by its files, its API, or both. Containers of the test go with it."""
    made = []

    def start(by=(True, False), spawn=False, **more):
        rig = Rig(home, **docker_settings(docker, *by, **more))
        made.append(rig)
        return rig.spawn() if spawn else rig.start()

    yield start
    for rig in made:
        rig.close()
    docker.remove_all()


def sh(docker, script, *options):
    """A container with a label that runs a shell script; (its id, its run)."""
    container = docker.run(*LABEL, *options, "--", "sh", "-c", script)
    return container, container[:12]


@pytest.mark.parametrize("by", BY)
def test_an_unmodified_image_is_a_run(docker, begin, by):
    """What it wrote, what it is, how it ended."""
    rig = begin(by)
    options = (
        "--name",
        f"plain-{by[0]:d}{by[1]:d}",
        "--label",
        "outrider.tags=lr=0.1, kind=test",
        "--label",
        "outrider.name=my run",
        "--label",
        "com.example.team=x",
    )
    container, run = sh(docker, "echo to stdout; echo to stderr >&2; exit 3", *options)
    (end,) = rig.wait_end(run)
    assert end == {"status": "Failed", "reason": "exit-code", "code": 3}
    assert (rig.output(run), rig.output(run, 2)) == (b"to stdout\n", b"to stderr\n")
    said = rig.said(run)
    assert (said["experiment"], said["name"], said["tags"]) == ("exp", "my run", {"lr": "0.1", "kind": "test"})
    assert said["command"] == ["sh", "-c", "echo to stdout; echo to stderr >&2; exit 3"]
    assert (said["container.id"], said["container.image"], said["container.label.com.example.team"]) == (container, "busybox", "x")


def test_which_containers(docker, begin):
    """By label, by name, all; and never one that is to be ignored."""
    rig = begin(names=("by-name-*",))
    unlabeled = docker.run("--", "echo", "x")
    ignored = docker.run("--label", "outrider.ignore=true", "--name", "by-name-2", "--", "echo", "x")
    named = docker.run("--name", "by-name-1", "--", "echo", "x")
    rig.wait_end(named[:12])
    assert rig.runs() == [named[:12]]
    rig.stop()
    rig = begin(select="all")
    rig.wait_end(unlabeled[:12])
    assert ignored[:12] not in rig.runs()


@pytest.mark.parametrize("by", BY[:2])
def test_f01_f02_long_lines_of_two_streams(docker, begin, by):
    """The engine cuts them at 16 KiB and mixes them; each joins."""
    rig = begin(by)
    script = "head -c 100000 /dev/zero | tr '\\0' a; (head -c 50000 /dev/zero | tr '\\0' b) >&2; echo; echo >&2"
    _container, run = sh(docker, script)
    rig.wait_end(run)
    assert rig.output(run) == b"a" * 100_000 + b"\n"
    assert rig.output(run, 2) == b"b" * 50_000 + b"\n"


SLOW = "i=0; while [ $i -lt 40 ]; do head -c 20000 /dev/zero | tr '\\0' x; echo \" $i\"; i=$((i+1)); usleep 50000; done"


AGENTS = [
    pytest.param(*BY[0].values, True, id="K-files"),
    pytest.param(*BY[1].values, True, id="K-api"),
    *(
        pytest.param(*by.values, killed, id=f"{'KR'[not killed]}-{by.id}-long", marks=pytest.mark.full)
        for by in BY
        for killed in (False, True)
    ),
]


@pytest.mark.parametrize(("by", "killed"), AGENTS)
def test_f03_agents_come_and_go_between_parts_of_lines(docker, begin, by, killed):
    """Whenever that is, each byte is there once."""
    _container, run = sh(docker, SLOW)
    for _ in range(3):
        rig = begin(by, spawn=killed)
        before = len(rig.output(run)) if run in rig.runs() else 0
        until(lambda: run in rig.runs() and (rig.ends(run) or len(rig.output(run)) > before + 30_000), 60)  # noqa: B023 -- called at once
        rig.close()
    rig = begin(by)
    rig.wait_end(run)
    assert rig.output(run) == b"".join(b"x" * 20_000 + b" %d\n" % number for number in range(40))
    assert rig.gaps(run) == []


@pytest.mark.parametrize("options", [("max-size=40k", "max-file=5"), pytest.param(("max-size=200k", "max-file=2"), marks=pytest.mark.full)])
def test_f04_parts_on_both_sides_of_a_rotation(docker, begin, options):
    """A file of 40 KB holds two parts of a line."""
    rig = begin()
    _container, run = sh(docker, SLOW, *(word for option in options for word in ("--log-opt", option)))
    rig.wait_end(run)
    assert rig.output(run) == b"".join(b"x" * 20_000 + b" %d\n" % number for number in range(40))
    assert rig.gaps(run) == []


def test_f05_killed_in_the_middle_of_a_line(docker, begin):
    """What it had written is there, without an end."""
    rig = begin()
    container, run = sh(docker, "printf half; sleep 1000")
    docker("kill", container)
    (end,) = rig.wait_end(run)
    assert (rig.output(run), end["code"], end["status"]) == (b"half", 137, "Failed")


@pytest.mark.parametrize("files", [1, 5])
def test_f06_a_fast_writer_and_tiny_files(docker, begin, files):
    """Each line once and in order, or it is said where some may be missing."""
    rig = begin()
    count = 3000
    options = ("--log-opt", "max-size=1k", "--log-opt", f"max-file={files}")
    _container, run = sh(docker, f"i=0; while [ $i -lt {count} ]; do echo line $i; i=$((i+1)); done", *options)
    rig.wait_end(run, timeout=60)
    found = [int(line.split()[1]) for line in rig.output(run).splitlines() if line.startswith(b"line ") and len(line.split()) == 2]
    assert found == sorted(set(found))
    assert len(found) == count or rig.gaps(run)


def test_f07_removed_while_it_is_read(docker, begin):
    """What it wrote is there, through the descriptor; its end is told by the engine."""
    rig = begin((True, True))
    container, run = sh(docker, "echo begun; i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo all; sleep 1000")
    rig.wait_output(run, b"begun")
    until(lambda: b"all" in docker.log_path(container).read_bytes())
    docker("rm", "--force", container)
    (end,) = rig.wait_end(run)
    assert rig.output(run) == b"begun\n" + b"".join(b"line %d\n" % number for number in range(20_000)) + b"all\n"
    assert (end["status"], end["code"]) == ("Failed", 137)
    assert rig.gaps(run) == []


@pytest.mark.parametrize("by", [BY[0], pytest.param((True, True), id="both", marks=pytest.mark.full)])
def test_f08_containers_that_live_for_an_instant_and_are_removed(docker, begin, by):
    """As fast as the engine starts them."""
    rig = begin(by)
    for number in range(3):
        docker("run", "--rm", "--network=none", "--name", f"short-{number}", *LABEL, "busybox", "echo", f"short {number}")
    until(lambda: len(rig.runs()) == 3 and all(rig.ends(run) for run in rig.runs()))
    assert sorted(rig.output(run) for run in rig.runs()) == [b"short %d\n" % number for number in range(3)]
    if by[1]:
        assert {rig.ends(run)[0].get("code") for run in rig.runs()} == {0}


def test_f10_the_engine_is_not_there_yet_and_goes_away(docker, begin):
    """It is looked for again and again; nothing comes twice."""
    docker.stop()
    rig = begin((False, True))
    until(lambda: "not connected" in str(rig.collector.statistics().engines))
    docker.start()
    _container, run = sh(docker, "i=0; while [ $i -lt 40 ]; do echo line $i; i=$((i+1)); usleep 50000; done", "--restart=no")
    rig.wait_output(run, b"line 3\n")
    docker.stop()
    docker.start()
    rig.wait_end(run)
    data = rig.output(run)
    lines = [int(line.split()[1]) for line in data.splitlines()]
    assert lines == list(range(len(lines)))


def test_f13_a_terminal(docker, begin):
    """One stream, and line ends as a terminal has them; by file and by the API the same."""
    seen = []
    for by in ((True, False), (False, True)):
        rig = begin(by)
        container, run = sh(docker, "echo one; echo two >&2; printf 'three\\rfour'", "--tty")
        rig.wait_end(run)
        seen.append(rig.output(run))
        rig.stop()
        docker("rm", "--force", container)
    assert seen[0] == b"one\r\ntwo\r\nthree\rfour"
    assert seen[1].replace(b"\n", b"") == seen[0].replace(b"\n", b"")


@pytest.mark.parametrize("driver", ["none", "local", "journald"])
def test_f17_log_drivers_without_a_file(docker, begin, driver):
    """Said, not passed over in silence; what the engine can give is taken from it."""
    if driver == "journald" and not os.path.exists("/run/systemd/journal/socket"):
        driver = "none"  # the engine starts nothing with it where there is no journal
    rig = begin()
    container = docker.run(*LABEL, "--name", f"driver-{driver}", f"--log-driver={driver}", "--", "echo", "kept where")
    docker.wait(container)
    until(lambda: rig.collector.statistics().unreadable)
    (told,) = rig.collector.statistics().unreadable
    assert told.startswith(f"driver-{driver}: its log driver is `{driver}`")
    assert rig.runs() == []
    rig.stop()
    if driver == "local":
        rig = begin((False, True))
        rig.wait_end(container[:12])
        assert rig.output(container[:12]) == b"kept where\n"


def test_restarts_are_attempts_of_one_run(docker, begin):
    """Each with its own output and its own end."""
    rig = begin((True, True))
    container, run = sh(
        docker, "echo try $(cat /tmp/n 2>/dev/null | wc -c); printf x >>/tmp/n; [ $(wc -c </tmp/n) -ge 3 ]", "--restart=on-failure:5"
    )
    ends = rig.wait_end(run, 3)
    assert [end["code"] for end in ends] == [1, 1, 0]
    assert [rig.output(run, attempt=number) for number in (1, 2, 3)] == [b"try 0\n", b"try 1\n", b"try 2\n"]
    docker("start", container)
    assert rig.wait_end(run, 4)[3] == {"status": "Completed", "reason": "completed", "code": 0}
    assert rig.output(run, attempt=4) == b"try 3\n"


def test_a_container_may_belong_to_a_run_that_is_there(docker, begin, home):
    """Its output is that run's; the run's end is not its own to tell."""
    from outrider import spool

    owner = spool.Writer(str(home), "chosen", "py", owner=True)
    owner.append(spool.line({"k": "run", "t": time.time_ns(), "name": "the script"}))
    rig = begin()
    container = docker.run("--label", "outrider.run=chosen", "--", "echo", "from a container")
    rig.wait_output("chosen", b"from a container\n")
    until(lambda: any("exit code 0" in line["msg"] for line in rig.lines("chosen", "note")))
    assert rig.ends("chosen") == []
    assert "name" not in rig.said("chosen")
    owner.close()
    docker("rm", container)


def test_where_a_run_was_named_that_is_not_there_it_is_this_one(docker, begin):
    """So a run's id can be chosen by a label alone."""
    rig = begin()
    docker.run("--label", "outrider.run=my-own-id", "--", "echo", "x")
    rig.wait_end("my-own-id")
    assert rig.runs() == ["my-own-id"]


def test_out_of_memory(docker, begin):
    """The engine's word for it."""
    rig = begin((True, True))
    container, run = sh(docker, "echo eating; tail /dev/zero", "--memory=16m", "--memory-swap=16m")
    (end,) = rig.wait_end(run, timeout=60)
    if docker.inspect(container)["State"]["OOMKilled"]:
        assert end["reason"] == "oom-killed"
    assert (end["status"], end["code"], rig.output(run)) == ("Failed", 137, b"eating\n")


def test_outputs_of_a_container_are_where_its_mount_is(docker, begin, tmp_path):
    """A mount's source, as the run's outputs; without a mount, the container's own files."""
    rig = begin((True, True))
    folder = tmp_path / "outputs"
    folder.mkdir()
    _container, run = sh(
        docker, "echo content >/work/outputs/a.txt", "--label", "outrider.outputs=/work/outputs", "-v", f"{folder}:/work/outputs"
    )
    rig.wait_end(run)
    assert rig.said(run)["outputs"] == [str(folder)]
    _container, run = sh(docker, "mkdir /outputs; echo content >/outputs/a.txt; sleep 2", "--label", "outrider.outputs=/outputs")
    rig.wait_end(run)
    (place,) = rig.said(run)["outputs"]
    assert place.endswith("/root/outputs")


def test_what_a_store_has_is_not_read_again(docker, begin, home):
    """The streams of an ended run are given back; the container is there still. A further start of it is a further attempt."""
    import shutil

    from outrider_agent.collect import container as one_container

    rig = begin()
    container, run = sh(docker, "echo once")
    rig.wait_end(run)
    ended = rig.lines(run, "end")[0]["t"]
    rig.stop()
    shutil.rmtree(home / "spool" / run)
    rig.known = {run: one_container.Before(1, ended)}.get
    rig.start()
    until(lambda: rig.collector.statistics().containers == 1)
    docker("start", container)
    (end,) = rig.wait_end(run)
    assert end["code"] == 0
    assert [line.get("att") for line in rig.lines(run, "head")] == [2]
    assert rig.output(run, attempt=2) == b"once\n"


def test_one_that_was_removed_while_no_agent_ran_is_ended(docker, begin):
    """Nobody knows how: that is said."""
    rig = begin()
    container, run = sh(docker, "echo begun; sleep 1000")
    rig.wait_output(run, b"begun")
    rig.stop()
    docker("rm", "--force", container)
    rig.start()
    (end,) = rig.wait_end(run)
    assert end == {"status": "Completed", "reason": "ended"}
    assert "exit code" in rig.lines(run, "note")[0]["msg"]


def test_a_hint_is_followed_within_the_sweep(docker, begin):
    """With a sweep of minutes, only the hint can be it."""
    rig = begin(sweep_interval_s=600.0)
    container, run = sh(docker, "echo begun; sleep 3; echo later; sleep 1000")
    rig.wait_output(run, b"later\n")
    docker("kill", container)


def test_p_without_hints_the_sweep_finds_all(docker, begin):
    """P: the truth is the look."""
    rig = begin(watch=False)
    _container, run = sh(docker, "echo begun; sleep 1; echo later")
    rig.wait_end(run)
    assert rig.output(run) == b"begun\nlater\n"


def test_f14_a_damaged_first_line_after_a_rotation(home, tmp_path):
    """Set aside with its reason; the rest goes on."""
    folder = tmp_path / "containers" / ("a" * 64)
    folder.mkdir(parents=True)
    state = {"Running": True, "StartedAt": "2026-11-22T05:39:45.622002475Z", "FinishedAt": "0001-01-01T00:00:00Z"}
    document = {"ID": "a" * 64, "Name": "/x", "State": state, "Config": {"Labels": {"outrider.experiment": "e"}}}
    (folder / "config.v2.json").write_text(json.dumps(document))
    line = json.dumps({"log": "fine\n", "stream": "stdout", "time": "2026-11-22T05:39:46.1Z"})
    (folder / f"{'a' * 64}-json.log").write_text(f'og":"damaged","stream":"stdout"}}\n{line}\n')
    rig = Rig(home, docker_folder=str(tmp_path / "containers"), pods_folder="", sockets=()).start()
    try:
        rig.wait_output("a" * 12, b"fine\n")
        (gap,) = rig.gaps("a" * 12)
        assert (gap["n"], gap["bytes"]) == (1, 33)
        assert gap["why"].startswith("set aside: not a line of this format")
    finally:
        rig.close()
