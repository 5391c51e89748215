"""Law 1 and law 5 on a full disk: the script lives, its output is exact, what is refused is counted, and the store shows the gap."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys

import pytest
from harness import agents
from waiting import until

from outrider import spool
from outrider_agent.store import reading

CALLS = 60_000
LOGS = f"""
import logging, os, outrider, sys
logging.basicConfig(level=logging.INFO, handlers=[outrider.RunHandler()])
run = outrider.start_run("full")
print("run", os.environ["OUTRIDER_RUN_ID"], flush=True)
for i in range(1, {CALLS} + 1):
    run.log("loss", i, step=i)
    logging.info("epoch %d " + "x" * 100, i)
print("done")
sys.exit(3)
"""


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MiB of our own. Yields its folder and a function that gives it more room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    try:
        yield folder, lambda: subprocess.run(["mount", "-o", "remount,size=256m", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def run_script(home, reserve):
    """The script, on the small disk: it must end as it would without us."""
    environment = agents.environment(home, OUTRIDER_DISK_RESERVE_BYTES=str(reserve))
    return subprocess.run([sys.executable, "-c", LOGS], env=environment, capture_output=True, text=True, timeout=120, check=False)


def refused(home, run):
    """What the writers of the run counted on disk."""
    return sum(spool.counters(str(path)).get("refused", 0) for path in (home / "spool" / run).glob("*/lock"))


def kept_and_missed(home, run):
    """What the store has: records, and records known to be missing."""
    reader = reading.Reader(home / "outrider.db")
    try:
        found = [point.value for point in reader.points(run, "loss", "call")]
        assert found == sorted(set(found))
        lines = [record.message for record in reader.logs(run) if record.message.startswith("epoch ")]
        assert len(lines) == len(set(lines))
        return len(found) + len(lines), sum(gap.records for gap in reader.gaps(run))
    finally:
        reader.close()


def all_told(home, run):
    """The same once the agent has also told what the dead writer counted: that takes it a look or two."""

    def told():
        agents.flush(home)
        kept, missed = kept_and_missed(home, run)
        return (kept, missed) if kept + missed >= 2 * CALLS else None

    return until(told, timeout=60, message="kept and missed are what was logged")


@pytest.mark.parametrize("reserve", [0, 262_144], ids=["to the last byte", "with a reserve"])
def test_a_script_on_a_full_disk_lives_and_what_it_lost_is_known(small_disk, reserve):
    """Exit code and stdout are as without us, stderr says it once, and kept + refused is what was logged, to the record."""
    home, enlarge = small_disk
    home = home / "home"
    done = run_script(home, reserve)
    assert done.returncode == 3, done.stderr
    run = done.stdout.split()[1]
    assert done.stdout == f"run {run}\ndone\n"
    assert len(done.stderr.splitlines()) <= 3, done.stderr
    assert "counted and left out" in done.stderr
    counted = refused(home, run)
    assert counted > CALLS
    enlarge()
    with agents.running(home, OUTRIDER_DISK_RESERVE_BYTES="0"):
        kept, missed = all_told(home, run)
    assert kept > 0
    assert missed in range(counted, counted + 3)
    assert 2 * CALLS <= kept + missed <= 2 * CALLS + 3  # the refused may include the run's own `end`


FILLS = """
import glob, sys
def fill(path, data):
    with open(path, "ab", buffering=0) as file:
        try:
            while True:
                file.write(data)
        except OSError:
            pass
fill(sys.argv[1] + "/ballast", bytes(4096))
for path in glob.glob(sys.argv[1] + "/home/spool/*/keeper-*/0*.ndjson"):
    fill(path, b"\\n")  # what is left of its last page, with empty lines
sys.exit(3)
"""


def run_that_fills(folder):
    """The home of a run whose end is in its keeper's block alone; and a function that runs something more there."""
    home = folder / "home"
    environment = agents.environment(home, OUTRIDER_DISK_RESERVE_BYTES="0")

    def run(*words):
        command = [sys.executable, "-m", "outrider", "run", "--no-agent", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    assert run("--", sys.executable, "-c", FILLS, str(folder))[0] == 3
    (lock,) = (home / "spool").glob("*/keeper-*/lock")
    assert until(lambda: spool.counters(str(lock)).get("end"), message="the keeper left the end in its block")["code"] == 3
    until(lambda: not spool.is_locked(str(lock)), message="the keeper ended")
    return home, run


def test_the_end_that_found_no_room_is_its_attempts_though_another_one_followed(small_disk):
    """Resumed before any agent came: the first attempt ended as its keeper saw it, not as one whose keeper was lost."""
    folder, enlarge = small_disk
    home, run = run_that_fills(folder)
    enlarge()
    (name,) = os.listdir(home / "spool")
    assert run("--resume", name, "--", "true") == (0, "")
    with agents.running(home, OUTRIDER_DISK_RESERVE_BYTES="0"):

        def attempts():
            agents.flush(home)
            reader = reading.Reader(home / "outrider.db")
            try:
                return [(one.status, one.reason, one.exit_code) for one in reader.attempts(name)]
            finally:
                reader.close()

        expected = [("Failed", "exit-code", 3), ("Completed", "completed", 0)]
        until(lambda: attempts() == expected, timeout=60, message="both attempts have the ends that their keepers saw")
        until(lambda: not (home / "spool" / name).exists(), timeout=60, message="the run's folder goes")
        assert attempts() == expected


def test_a_run_whose_end_finds_no_room_at_all_is_not_taken_for_one_whose_keeper_was_lost(small_disk):
    """The keeper leaves the end in its lock's block, which is there already; the agent writes it once there is room."""
    folder, enlarge = small_disk
    home, _ = run_that_fills(folder)
    enlarge()
    with agents.running(home, OUTRIDER_DISK_RESERVE_BYTES="0"):

        def ended():
            agents.flush(home)
            reader = reading.Reader(home / "outrider.db")
            try:
                (run,) = reader.runs()
                return (run.status, run.reason, run.exit_code) if run.status != "Running" else None
            finally:
                reader.close()

        assert until(ended, timeout=60, message="the run ended") == ("Failed", "exit-code", 3)


def test_an_agent_survives_a_full_disk_and_goes_on_when_there_is_room(small_disk):
    """With spool and store on the same full disk the agent neither dies nor loses; given room, it commits what was kept, and the gap."""
    home, enlarge = small_disk
    home = home / "home"
    with agents.running(home, OUTRIDER_DISK_RESERVE_BYTES="0") as agent:
        done = run_script(home, 0)
        assert done.returncode == 3, done.stderr
        run = done.stdout.split()[1]
        assert agent.alive
        with contextlib.suppress(AssertionError):
            agents.flush(home, timeout=3)  # may fail: there may be no room for the store
        assert agent.alive
        enlarge()
        kept, missed = all_told(home, run)
    assert kept > 0
    assert 2 * CALLS <= kept + missed <= 2 * CALLS + 3
