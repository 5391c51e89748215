"""The outputs collector beside real writers: every file an artifact, every change a version, nothing half-written (G1-G5, G9, G10, G15)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from outputs_rig import RIGS, Rig
from waiting import until

GROW = """
import sys, time
from pathlib import Path
with open(sys.argv[1], "wb") as file:
    for _ in range(20):
        file.write(b"x" * 1000); file.flush(); time.sleep(0.05)
"""
GROW_AND_RENAME = GROW + "\nPath(sys.argv[1]).rename(sys.argv[2])\n"
RENAMES = """
import os, sys, time
folder, count, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
for number in range(count):
    with open(f"{folder}/last.pt.tmp", "wb") as file:
        file.write(b"%d" % number)
    os.replace(f"{folder}/last.pt.tmp", f"{folder}/last.pt")
    time.sleep(pause)
"""
REWRITE = """
import sys, time
end = time.monotonic() + float(sys.argv[2])
with open(sys.argv[1], "r+b", buffering=0) as file:
    turn = 0
    while time.monotonic() < end:
        turn += 1
        file.seek(0)
        for _ in range(64):
            file.write(bytes([turn % 256]) * (1 << 16)); time.sleep(0.0002)
"""
REOPEN = """
import sys, time
end, turn = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    turn += 1
    with open(sys.argv[1], "r+b", buffering=0) as file:
        for _ in range(64):
            file.write(bytes([turn % 256]) * (1 << 16))
"""
HOLD = "import sys\nf = open(sys.argv[1], 'ab')\nf.write(b'held'); f.flush()\nprint('open', flush=True)\nsys.stdin.read()\n"


@pytest.fixture
def rig(home, tmp_path):
    rig = Rig(home, tmp_path / "work")
    yield rig
    rig.close()


@pytest.fixture(params=["hints", "sweep"])
def live(request, rig):
    """A run whose root is there, with a collector that hears hints, or only sweeps."""
    rig.root.mkdir(parents=True)
    rig.begin().collect(watch=request.param == "hints")
    until(lambda: rig.collector.statistics().roots == 1)
    return rig


def test_every_file_below_the_root_becomes_an_artifact(live):
    """Subfolders too, whatever the depth; an empty file is a file."""
    (live.root / "a" / "b" / "c").mkdir(parents=True)
    for name in ["one", "a/two", "a/b/c/three", ".hidden", "empty"]:
        (live.root / name).write_bytes(b"" if name == "empty" else name.encode())
    live.wait_for("outputs/one", "outputs/a/two", "outputs/a/b/c/three", "outputs/.hidden", "outputs/empty")
    assert live.contents()["outputs/a/b/c/three"] == [b"a/b/c/three"]
    assert "obs" not in live.versions()["outputs/one"][0]


def test_a_file_that_grows_is_captured_once_and_whole(live):
    """G1: in-place growth over a second. No version of a part."""
    live.spawn(GROW, live.root / "model").wait()
    live.wait_for("outputs/model")
    assert live.contents() == {"outputs/model": [b"x" * 20_000]}


def test_a_file_written_aside_and_renamed_has_only_its_final_name(live):
    """G2: no artifact for the temporary name, one version for the rename."""
    live.spawn(GROW_AND_RENAME, live.root / "model.tmp", live.root / "model").wait()
    live.wait_for("outputs/model")
    live.end()
    live.wait_done()
    assert live.contents() == {"outputs/model": [b"x" * 20_000]}


def test_a_changed_file_is_a_new_version_and_a_touched_one_is_not(live):
    """A version is another content than the last, not another time stamp."""
    path = live.root / "last.pt"
    for number in range(3):
        path.with_suffix(".tmp").write_bytes(b"%d" % number)
        path.with_suffix(".tmp").rename(path)
        until(lambda number=number: len(live.versions().get("outputs/last.pt", ())) == number + 1)
    path.touch()
    until(lambda: live.collector.statistics().unchanged == 1)
    assert live.contents() == {"outputs/last.pt": [b"0", b"1", b"2"]}


def test_versions_that_replace_one_another_faster_than_they_settle_are_all_captured(rig):
    """An atomic rename is one version, at once: it needs no settling. In order, and all observed."""
    rig.root.mkdir(parents=True)
    rig.begin().collect(settle_s=60.0, sweep_interval_s=1.0)
    until(lambda: rig.collector._hints.watches(str(rig.root)))
    for number in range(7):
        (rig.root / "last.pt.tmp").write_bytes(b"%d" % number)
        (rig.root / "last.pt.tmp").rename(rig.root / "last.pt")
        until(lambda number=number: len(rig.versions().get("outputs/last.pt", [])) == number + 1)
    assert rig.contents()["outputs/last.pt"] == [b"%d" % number for number in range(7)]
    assert not any(line.get("obs") is False for line in rig.versions()["outputs/last.pt"])
    rig.end()
    rig.wait_done()
    assert len(rig.versions()["outputs/last.pt"]) == 7


def test_versions_that_were_skipped_are_said_to_be(rig):
    """Two hundred in a moment: not all are versions, what is kept is in order and whole, the last one is kept, and the gap is said."""
    rig.root.mkdir(parents=True)
    rig.begin().collect(settle_s=2.0, sweep_interval_s=1.0)
    (rig.root / "first").write_bytes(b"1")
    rig.wait_for("outputs/first")
    until(lambda: rig.collector._hints.watches(str(rig.root)))
    assert rig.spawn(RENAMES, rig.root, "200", "0.001").wait() == 0
    rig.end()
    rig.wait_done()
    found = rig.versions()["outputs/last.pt"]
    numbers = [int(rig.content(line)) for line in found]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 199
    # Where it was missed shows only afterwards: a version after the gap says it, and where none comes any more, the note does.
    gaps = [place for place, number in enumerate(numbers) if number != (numbers[place - 1] + 1 if place else 0)]
    said = [place for place, line in enumerate(found) if line.get("obs") is False]
    notes = [note["msg"] for note in rig.lines("note") if "an earlier version of it is missing" in note["msg"]]
    assert bool(gaps) == bool(notes), (numbers, said)
    assert len(notes) <= 1
    assert not gaps or not said or said[-1] >= gaps[0], (numbers, said)


def test_a_version_that_was_seen_but_not_captured_is_said_to_be_missing(live):
    """It had not settled when another one took its name: with hints or without, the next version says so."""
    (live.root / "last.pt").write_bytes(b"0")
    with (live.root / "last.pt").open("ab"):  # open for writing: it cannot be captured yet
        until(lambda: live.collector.statistics().pending == 1)
        (live.root / "last.pt.tmp").write_bytes(b"1")
        (live.root / "last.pt.tmp").rename(live.root / "last.pt")
    live.end()
    live.wait_done()
    (line,) = live.versions()["outputs/last.pt"]
    assert (live.content(line), line.get("obs")) == (b"1", False)


def test_what_is_replaced_below_a_temporary_name_is_no_missing_version(live):
    """A script that begins its checkpoint anew has lost none."""

    def pending():
        return [
            one for run in [*live.collector._following.runs.values()] for root in [*run.roots.values()] for one in [*root.pending.values()]
        ]

    (live.root / "last.pt.tmp").write_bytes(b"0")
    until(pending)
    (live.root / "again.tmp").write_bytes(b"1")
    again = (live.root / "again.tmp").stat().st_ino
    (live.root / "again.tmp").rename(live.root / "last.pt.tmp")
    until(lambda: again in {one.stat.ino for one in pending()})
    (live.root / "last.pt.tmp").rename(live.root / "last.pt")
    live.end()
    live.wait_done()
    assert (live.contents(), live.lines("note")) == ({"outputs/last.pt": [b"1"]}, [])


def test_a_held_version_of_another_folder_or_kind_is_never_captured(live, tmp_path):
    """What is renamed into place may be a link to elsewhere, or a pipe: neither is opened."""
    (tmp_path / "secret").write_bytes(b"s")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        (tmp_path / name).rename(live.root / name)
    (live.root / "other").write_bytes(b"o")
    live.wait_for("outputs/other")
    live.end()
    live.wait_done()
    assert live.contents() == {"outputs/other": [b"o"]}


def test_a_change_behind_a_restored_mtime_is_seen(live):
    """G5: same size, same inode, mtime set back; the ctime tells."""
    path = live.root / "f"
    path.write_bytes(b"before")
    live.wait_for("outputs/f")
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"after!")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    until(lambda: len(live.versions()["outputs/f"]) == 2)
    assert live.contents()["outputs/f"] == [b"before", b"after!"]


@pytest.mark.parametrize("writer", [REWRITE, REOPEN])
def test_a_file_rewritten_in_place_while_it_is_copied_is_never_torn(live, writer):
    """G4: what is published was the file's content at one moment."""
    path = live.root / "weights"
    path.write_bytes(bytes(4 << 20))
    live.spawn(writer, path, "2.5").wait()
    final = path.read_bytes()
    until(lambda: live.contents().get("outputs/weights", [b""])[-1] == final)
    for content in live.contents()["outputs/weights"]:
        assert content == final or len(set(content)) == 1


def test_a_file_that_somebody_has_open_for_writing_waits(live):
    """The lease check: quiet is not enough while a writer holds it. It is taken as soon as the writer lets go."""
    path = live.root / "log"
    writer = live.spawn(HOLD, path)
    assert writer.stdout.readline() == "open\n"
    (live.root / "other").write_bytes(b"o")
    live.wait_for("outputs/other")
    until(lambda: live.collector.statistics().retried > 0)
    assert "outputs/log" not in live.versions()
    writer.communicate("")
    live.wait_for("outputs/log")


def test_what_is_still_open_after_the_runs_end_is_taken_as_it_is(live):
    """A leaked child must not hold a run for ever: after some tries the file is a version, and a note says so."""
    writer = live.spawn(HOLD, live.root / "log")
    assert writer.stdout.readline() == "open\n"
    live.end()
    live.wait_done()
    assert live.contents() == {"outputs/log": [b"held"]}
    assert any("still being written" in note["msg"] for note in live.lines("note"))


def test_a_temporary_file_that_stays_is_an_artifact_at_the_end(live):
    """Nothing lost: what was never renamed is captured once the run has ended."""
    (live.root / "state.tmp").write_bytes(b"t")
    (live.root / "other").write_bytes(b"o")
    live.wait_for("outputs/other")
    assert "outputs/state.tmp" not in live.versions()
    live.end()
    live.wait_done()
    assert live.contents()["outputs/state.tmp"] == [b"t"]


def test_same_content_under_two_names_is_one_blob(live):
    """G15: two artifacts, one blob."""
    (live.root / "a").write_bytes(b"same")
    (live.root / "b").write_bytes(b"same")
    live.wait_for("outputs/a", "outputs/b")
    assert len([path for path in (live.home / "blobs").rglob("*") if path.is_file()]) == 1


def test_a_deleted_file_keeps_its_versions(live):
    """Deleting is no version; the same content again is none either."""
    path = live.root / "f"
    path.write_bytes(b"1")
    live.wait_for("outputs/f")
    path.unlink()
    (live.root / "g").write_bytes(b"g")
    live.wait_for("outputs/g")
    path.write_bytes(b"1")
    until(lambda: live.collector.statistics().unchanged == 1)
    assert live.contents()["outputs/f"] == [b"1"]


def test_small_files_do_not_wait_behind_a_huge_one(rig):
    """Two lanes: hundreds of small files pass a file of 1 GiB."""
    rig.root.mkdir(parents=True)
    with (rig.root / "huge").open("wb") as file:
        file.truncate(1 << 30)
    for number in range(50):
        (rig.root / f"s{number}").write_bytes(b"%d" % number)
    rig.begin().collect()
    rig.wait_for("outputs/huge", *(f"outputs/s{number}" for number in range(50)))
    assert [line["p"] for line in rig.lines("art")][-1] == "outputs/huge"


@pytest.mark.parametrize("watch", [True, False], ids=["hints", "sweep"])
def test_a_short_run_is_captured_whole_at_its_end(rig, watch):
    """No settling time after the end: files are final at once, not in an hour."""
    rig.root.mkdir(parents=True)
    rig.begin().collect(watch=watch, settle_s=3600.0)
    until(lambda: rig.collector.statistics().roots == 1)
    for number in range(300):
        (rig.root / f"{number}.txt").write_bytes(b"%d" % number)
    rig.end()
    rig.wait_done()
    assert len(rig.versions()) == 300
    assert not any(line.get("obs") is False for line in rig.lines("art"))


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_fifty_thousand_small_files_are_all_captured(live):
    """G9."""
    for number in range(50_000):
        if number % 1000 == 0:
            (live.root / str(number // 1000)).mkdir()
        (live.root / str(number // 1000) / str(number)).write_bytes(b"%01024d" % number)
    live.end()
    until(lambda: live.collector.is_done("r1"), timeout=3000)
    assert len(live.versions()) == 50_000


ANOTHERS = """
import asyncio, sys, time
from outputs_rig import collector
made = collector(sys.argv[1])
asyncio.run(made.drain())
print(made.statistics().captured, flush=True)
while rest := made.settles_in("r1"):
    time.sleep(rest)
    asyncio.run(made.drain("r1"))
print(made.statistics().captured, made.statistics().retried, flush=True)
made.close()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file to another user")
def test_another_users_file_is_taken_when_it_held_still_for_the_settling_time(rig):
    """Nobody can know whether it is being written. To look at it begins no new settling time, so whoever waits for one has it."""
    rig.root.mkdir(parents=True)
    (rig.root / "model.pt").write_bytes(b"weights")
    os.chown(rig.root / "model.pt", 65534, 65534)
    rig.begin()
    rig.end()
    command = ["setpriv", "--bounding-set=-lease", "--inh-caps=-lease", sys.executable, "-c", ANOTHERS, str(rig.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ, PYTHONPATH=RIGS))
    assert done.stdout.splitlines() == ["0", "1 1"]
    assert rig.contents() == {"outputs/model.pt": [b"weights"]}


FLUSHED = """
import sys
from harness import agents
from outrider_agent.store import reading
with agents.running(sys.argv[1]):
    agents.flush(sys.argv[1])
    with reading.Reader(sys.argv[1] + "/outrider.db") as store:
        print([one.path for one in store.artifacts("r1")])
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file to another user")
def test_flush_waits_for_another_users_file_of_a_run_that_has_ended(rig):
    """When it returns, all that the run left is in the store: whoever stops the agent then leaves nothing to the next one."""
    rig.root.mkdir(parents=True)
    (rig.root / "model.pt").write_bytes(b"weights")
    os.chown(rig.root / "model.pt", 65534, 65534)
    rig.begin()
    rig.end()
    path = os.pathsep.join([RIGS, os.path.dirname(os.path.abspath(__file__))])
    command = ["setpriv", "--bounding-set=-lease", "--inh-caps=-lease", sys.executable, "-c", FLUSHED, str(rig.home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ, PYTHONPATH=path))
    assert done.stdout == "['outputs/model.pt']\n", done.stderr
