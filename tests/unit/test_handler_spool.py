"""The spool's writer keeps docs/spool.md: what append() accepted is on disk, whole, and what it refused is counted."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import threading

import pytest
from handler_support import HANDLER, lines, run_script, streams

from outrider import _locks, spool


def numbered(i):
    return spool.line({"k": "m", "t": i, "n": "x", "v": i})


@pytest.fixture
def writer(home):
    made = spool.Writer(str(home), "run-1", owner=True, experiment="e")
    yield made
    made.close()


def test_a_segment_begins_with_its_head_and_holds_whole_lines(writer, home):
    """The head says whose it is; every append is on disk when it returns."""
    assert writer.append(numbered(1))
    head, line = lines(home)
    assert {
        "k": "head",
        "v": 1,
        "run": "run-1",
        "w": writer.name,
        "seg": 0,
        "own": True,
        "exp": "e",
        "pid": os.getpid(),
    }.items() <= head.items()
    assert line["v"] == 1
    assert writer.position() == (0, os.path.getsize(spool.segment_path(writer.directory, 0)))


def test_files_are_the_users_alone(writer):
    """Folders 0700, files 0600."""
    writer.append(numbered(1))
    folder = writer.directory
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert {os.stat(os.path.join(folder, name)).st_mode & 0o777 for name in os.listdir(folder)} == {0o600}


def test_a_writer_lives_while_its_lock_is_locked(writer):
    """Lock and segment are locked from the first append to close(); closing another descriptor of them changes nothing."""
    writer.append(numbered(1))
    lock, segment = os.path.join(writer.directory, "lock"), spool.segment_path(writer.directory, 0)
    for path in (lock, segment):
        os.close(os.open(path, os.O_RDONLY))
        assert spool.is_locked(path)
    assert os.path.getsize(lock) == 4096
    assert spool.counters(lock)["refused"] == 0
    writer.close()
    writer.close()
    assert not spool.is_locked(lock)
    assert not spool.is_locked(segment)
    assert not spool.is_locked(lock + "-absent")
    assert not writer.append(numbered(2))


def test_a_lock_file_has_one_holder(tmp_path):
    """agent.lock: the second gets None until the first lets go."""
    first = spool.lock_file(str(tmp_path / "agent.lock"))
    assert spool.lock_file(str(tmp_path / "agent.lock")) is None
    os.close(first)
    second = spool.lock_file(str(tmp_path / "agent.lock"))
    assert second is not None
    os.close(second)


def test_segments_rotate_under_threads_and_nothing_is_lost_or_reordered(writer, home, monkeypatch):
    """The descriptor's number stays through rotation, so threads in the middle of appends need no lock."""
    monkeypatch.setenv("OUTRIDER_SEGMENT_BYTES", "5000")

    def work(thread):
        for i in range(400):
            assert writer.append(spool.line({"k": "m", "t": 1, "n": str(thread), "v": i}))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = lines(home, "m")
    assert all([line["v"] for line in found if line["n"] == str(i)] == list(range(400)) for i in range(8))
    numbers = spool.segments(writer.directory)
    assert len(numbers) > 5
    assert numbers == list(range(len(numbers)))
    assert [line["seg"] for line in lines(home, "head")] == numbers
    assert [spool.is_locked(spool.segment_path(writer.directory, n)) for n in numbers] == [False] * (len(numbers) - 1) + [True]


def test_a_script_that_closes_every_descriptor_goes_on_in_a_new_stream(writer, home):
    """Daemonising scripts close what they find. Their next files never get our lines."""
    writer.append(numbered(1))
    first = writer.name
    assert writer.fd >= min(resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2, 512)
    os.close(writer._stream.lock_fd)
    os.close(writer.fd)
    assert writer.append(numbered(2))
    assert writer.name != first
    assert sorted(line["v"] for line in lines(home, "m")) == [1, 2]


def test_a_descriptor_number_that_is_somebody_elses_by_now_is_left_alone(writer, home, tmp_path):
    """The next look around (once a MiB) finds it out; the other file stays open."""
    writer.append(numbered(1))
    with open(tmp_path / "foreign", "wb") as foreign:
        os.dup2(foreign.fileno(), writer.fd)
        taken = writer.fd
        writer.look_around()
        assert writer.append(numbered(2))
        assert writer.fd != taken
        os.write(taken, b"still open")
        os.close(taken)
    assert (tmp_path / "foreign").read_bytes() == b"still open"
    assert sorted(line["v"] for line in lines(home, "m")) == [1, 2]


def test_a_forked_child_has_a_stream_of_its_own_and_takes_no_lock_from_its_parent(writer, home):
    """And counts nothing of its parent's."""
    writer.append(numbered(1))
    lock = os.path.join(writer.directory, "lock")
    pid = os.fork()
    if pid == 0:
        os._exit(0 if writer.append(numbered(2)) and writer.append(numbered(3)) else 1)
    assert os.waitpid(pid, 0)[1] == 0
    assert spool.is_locked(lock)
    writer.append(numbered(4))
    assert sorted([line["v"] for line in stream if line["k"] == "m"] for stream in streams(home).values()) == [[1, 4], [2, 3]]
    assert sum("own" in line for line in lines(home, "head")) == 1


def test_the_full_flag_refuses_counts_and_is_told_as_a_gap(writer, home, capsys):
    """The refused are counted on disk, said once on stderr, and told by a gap before the next line that is kept."""
    writer.append(numbered(1))
    flag = home / "spool" / "full"
    flag.touch()
    writer.look_around()
    for i in range(3):
        assert not writer.append(numbered(i))
    lock = os.path.join(writer.directory, "lock")
    assert (spool.counters(lock)["refused"], spool.counters(lock)["gapped"]) == (3, 0)
    assert capsys.readouterr().err.count("outrider:") == 1
    flag.unlink()
    assert writer.append(numbered(9))
    assert [line["k"] for line in lines(home)][-2:] == ["gap", "m"]
    (gap,) = lines(home, "gap")
    assert gap["n"] == gap["of"] == 3
    assert gap["bytes"] == 3 * len(numbered(1))
    assert spool.counters(lock)["gapped"] == 3


def test_the_cap_and_the_reserve_refuse(writer, home, monkeypatch, capsys):
    """OUTRIDER_MAX_SPOOL_BYTES and OUTRIDER_DISK_RESERVE_BYTES."""
    writer.append(numbered(1))
    for name, value in (("OUTRIDER_MAX_SPOOL_BYTES", "100"), ("OUTRIDER_DISK_RESERVE_BYTES", str(1 << 60))):
        monkeypatch.setenv(name, value)
        writer.look_around()
        assert not writer.append(numbered(2))
        assert name in capsys.readouterr().err
        monkeypatch.delenv(name)
        writer._next_try = 0
        assert writer.append(numbered(3))


@pytest.mark.parametrize("limit", ["OUTRIDER_DISK_RESERVE_BYTES", "OUTRIDER_MAX_SPOOL_BYTES", "full"])
def test_a_run_that_ends_below_the_disk_reserve_does_not_stay_running(home, limit):
    """`run` and `end` may use the reserve, and pass the cap and `full`; the rest is refused, and the gap says how much."""
    (home / "spool").mkdir(parents=True)
    if limit == "full":
        (home / "spool" / "full").touch()
    limits = {"full": {}, "OUTRIDER_MAX_SPOOL_BYTES": {limit: "1"}}.get(limit, {limit: str(1 << 60)})
    text = """
        import outrider
        with outrider.start_run("e") as run:
            run._writer.look_around()
            for i in range(10): run.log("x", i)
        """
    run_script(home, text, **limits)
    found = lines(home)
    assert [line["k"] for line in found if line["k"] in ("run", "gap", "end")] == ["run", "gap", "end"]
    assert [line["status"] for line in found if line["k"] == "end"] == ["Completed"]
    logged = sum(line["k"] == "m" for line in found)
    assert logged + sum(line["n"] for line in found if line["k"] == "gap") == 10


def test_a_deleted_run_is_left_quietly(writer, home, capsys):
    """Somebody deleted it: nothing is written again, nothing is said."""
    writer.append(numbered(1))
    for name in os.listdir(writer.directory):
        os.unlink(os.path.join(writer.directory, name))
    os.rmdir(writer.directory)
    writer.look_around()
    assert not writer.append(numbered(2))
    assert capsys.readouterr().err == ""
    assert streams(home) == {}


def test_a_home_that_cannot_be_used_is_said_once_and_never_raised(tmp_path, capsys):
    """A file where the home should be: the script lives, what it logs is counted."""
    (tmp_path / "file").write_text("")
    writer = spool.Writer(str(tmp_path / "file" / "home"), "r")
    assert [writer.append(numbered(i)) for i in range(5)] == [False] * 5
    assert writer.refused == 5
    assert capsys.readouterr().err.count("outrider: cannot write") == 1
    writer.close()


def test_a_read_only_home_does_not_reach_the_script(home):
    """As another user than root would see it: one warning, exit code 0."""
    home.mkdir(mode=0o555)
    done = run_script(
        home,
        """
        import os, outrider
        from outrider import _facts, _metrics, _run, spool  # before the change of user, who may not be able to read them
        if os.getuid() == 0: os.setuid(65534)
        run = outrider.start_run("e")
        for i in range(10): run.log("x", i)
        print("alive", run._writer.refused)
        """,
    )
    assert done.stdout == "alive 11\n"  # and the run's own line
    assert done.stderr.count("outrider:") == 1


def test_a_file_size_limit_ends_a_segment_not_the_script(home):
    """`ulimit -f`: it goes on in the next segment."""
    run_script(
        home,
        """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
        import outrider
        run = outrider.start_run("e")
        for i in range(2000): run.log("x", i)
        """,
    )
    assert [line["v"] for line in lines(home, "m")] == list(range(2000))


@pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_survived_and_counted(home):
    """A small tmpfs: the refused are counted in the lock block that was allocated before, and told when there is room again."""
    home.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(home)], check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        done = run_script(
            home,
            """
            import os, outrider
            from outrider import spool
            with open(os.environ["OUTRIDER_HOME"] + "/ballast", "wb") as ballast: ballast.write(b"x" * 100000)
            run = outrider.start_run("e")
            for i in range(10000): run.log("x", i)
            refused = run._writer.refused
            kept = 10000 - refused
            os.unlink(os.environ["OUTRIDER_HOME"] + "/ballast")
            run.log("x", -1)
            print(kept, refused, spool.counters(run._writer.directory + "/lock"))
            """,
            OUTRIDER_DISK_RESERVE_BYTES="0",
        )
        kept, refused = map(int, done.stdout.split()[:2])
        assert refused > 0
        assert done.stderr.count("outrider:") == 1
        raw = [
            raw
            for folder in [p for p in (home / "spool").iterdir() if p.is_dir()]
            for w in folder.iterdir()
            for raw in spool.read_lines(str(w))
        ]
        whole = []
        for one in raw:
            try:
                whole.append(json.loads(one))
            except ValueError:
                continue
        points = [line["v"] for line in whole if line["k"] == "m"]
        assert points[-1] == -1
        assert len(points) - 1 >= kept
        assert sum(line["n"] for line in whole if line["k"] == "gap") == refused
    finally:
        subprocess.run(["umount", "-l", str(home)], check=True)


def test_a_shell_can_write_it(home):
    """The lines of docs/spool.md, by a shell: a stream like any other."""
    script = (
        'd=$OUTRIDER_HOME/spool/my-run/sh-$$; mkdir -p "$d"\n'
        """printf '\\n{"k":"head","v":1,"run":"my-run","w":"sh-%s","seg":0,"t":%s,"own":true}\\n' $$ "$(date +%s%N)" >"$d/.0.tmp"\n"""
        'mv "$d/.0.tmp" "$d/00000000.ndjson"\n'
        """printf '\\n{"k":"m","t":%s,"n":"loss","v":0.25,"s":1}\\n' "$(date +%s%N)" >>"$d/00000000.ndjson"\n"""
    )
    subprocess.run(["sh", "-c", script], env={**os.environ, "OUTRIDER_HOME": str(home)}, check=True)
    assert [line["k"] for line in lines(home)] == ["head", "m"]


def test_a_torn_tail_is_no_line(writer):
    """What follows the last newline is not read."""
    writer.append(numbered(1))
    os.write(writer.fd, b'\n{"k":"m","t":1,"n":"x",')
    assert len(list(spool.read_lines(writer.directory))) == 2


@pytest.mark.parametrize("name", ["a", "9", "A-b_c.d", "x" * 256])
def test_names_that_may_be_a_runs(name):
    assert spool.valid_name(name)


@pytest.mark.parametrize("name", ["", ".a", "-a", "_a", "a/b", "a\n", "é", "x" * 257, None, 3, "a\0"])
def test_names_that_may_not(name):
    """They become folders."""
    assert not spool.valid_name(name)


def test_the_home_is_absolute(monkeypatch, tmp_path):
    """OUTRIDER_HOME, else XDG_STATE_HOME, else ~/.local/state."""
    monkeypatch.chdir(tmp_path)
    assert spool.home({"OUTRIDER_HOME": "h"}) == str(tmp_path / "h")
    assert spool.home({"XDG_STATE_HOME": "/s"}) == "/s/outrider"
    assert spool.home({}) == os.path.expanduser("~/.local/state/outrider")
    assert HANDLER.endswith("handler")
    assert _locks.is_locked(str(tmp_path / "none")) is False


def test_a_script_that_reopens_our_descriptors_number_does_not_get_our_lines_a_second_later(writer, home, tmp_path):
    """By its number alone a descriptor cannot be told from another: it is looked at before an append, once a second."""
    writer.append(numbered(0))
    foreign = os.open(tmp_path / "foreign", os.O_WRONLY | os.O_CREAT)
    os.dup2(foreign, writer.fd)
    os.close(foreign)
    taken = writer.fd
    writer.look_at -= 2_000_000_000  # as if that had been a while ago
    assert writer.append(numbered(1))
    os.close(taken)
    assert (tmp_path / "foreign").read_bytes() == b""
    assert len(lines(home, "m")) == 2


def test_a_script_without_a_free_descriptor_can_start_a_run(home):
    """It goes on, is told once, and its calls are kept from the moment there is a descriptor again."""
    text = """
        import outrider, os, resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        held = []
        try:
            while True: held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError: pass
        with outrider.start_run("e") as run:
            run.log("x", 1)
            outrider.log("x", 2)
            for fd in held: os.close(fd)
            run.log("x", 3)
        print("alive")
        """
    done = run_script(home, text)
    assert done.stdout == "alive\n"
    assert done.stderr.count("outrider:") == 1
    assert [line["v"] for line in lines(home, "m")] == [3]
    assert [line["status"] for line in lines(home, "end")] == ["Completed"]
