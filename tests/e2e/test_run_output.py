"""What the command prints under `outrider run`: byte for byte where it would have gone, and in the spool. Law 1."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest
from tracked import OUTRIDER, RUN, console, end, gone, lines, result, same
from waiting import until


@pytest.fixture(autouse=True)
def nothing_stays(home):
    """Whatever a test starts ends with it."""
    yield
    gone(home)


def test_output_is_exact_whatever_its_bytes(home):
    """Every byte value, cut characters, NULs, no newline at the end; the same in the spool, by offsets."""
    data = bytes(range(256)) * 40 + "ünïcödé ✓ 🎉".encode() * 200 + b"\xe2\x9c" + b"\0" * 5000 + b"no newline at the end"
    _, out, err = same(["tee", "/dev/stderr"], input=data)
    assert out == err == data
    assert console(home, 1) == console(home, 2) == data


def test_twenty_megabytes_are_exact(home):
    """Large output, text and binary, through a reader that checks it as it comes."""
    script = "import sys, random\nr = random.Random(7)\nfor _ in range(20): sys.stdout.buffer.write(r.randbytes(1 << 20))"
    bare, tracked = (
        subprocess.run([*before, sys.executable, "-S", "-c", script], capture_output=True, timeout=60, check=True).stdout
        for before in ([], RUN)
    )
    assert hashlib.sha256(tracked).digest() == hashlib.sha256(bare).digest()
    assert console(home, 1) == bare


def test_lines_that_come_by_the_thousand_are_kept_together(home):
    """Each a write of its own: the keeper gathers them, so that such a command costs it little; every byte is there, in order."""
    script = """
import os, time
for i in range(10000):
    os.write(1, b'line %d\\n' % i)
    begun = time.perf_counter()
    while time.perf_counter() - begun < 5e-5:
        pass
"""
    _, out, _ = same([sys.executable, "-S", "-c", script])
    assert console(home, 1) == out
    assert len(lines(home, "c")) < 5000


def test_a_character_that_comes_in_two_writes_is_one_piece_of_text(home):
    """Text stays text: a chunk ends at a character's end where it can."""
    script = "import os, sys; os.write(1, b'a\\xe2\\x9c'); sys.stdin.readline(); os.write(1, b'\\x93b')"
    with subprocess.Popen([*RUN, sys.executable, "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as front:
        assert os.read(front.stdout.fileno(), 10) == b"a\xe2\x9c"  # the echo does not wait for the rest
        front.communicate(b"\n", timeout=60)
    assert [line["d"] for line in lines(home, "c")] == ["a", "✓b"]


MIXED = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"


@pytest.mark.parametrize("redirect", ["> {log} 2>&1", ">> {log} 2>&1", "2>&1 | cat > {log}", ">> {log} 2>> {log}"])
def test_stdout_and_stderr_that_are_one_file_keep_their_order(home, tmp_path, redirect):
    """One capture for both: the interleaving in the file is the command's, in the spool too."""
    log = tmp_path / "log"
    subprocess.run(["sh", "-c", f"{' '.join(RUN)} sh -c '{MIXED}' {redirect.format(log=log)}"], timeout=60, check=True)
    gone(home)
    expected = "".join(f"out {i}\nerr {i}\n" for i in range(1, 10)).encode()
    assert log.read_bytes() == expected
    assert console(home, 1) == expected


def test_two_positions_in_one_file_stay_two(home, tmp_path):
    """`> log 2> log` overwrites itself, as without us: the two are not taken for one."""
    subprocess.run(
        ["sh", "-c", f"{' '.join(RUN)} sh -c 'echo longer text; echo err >&2' > log 2> log"], cwd=tmp_path, timeout=60, check=True
    )
    gone(home)
    assert (console(home, 1), console(home, 2)) == (b"longer text\n", b"err\n")
    assert len((tmp_path / "log").read_bytes()) == len(b"longer text\n")


def test_stdin_passes_through():
    """It is the command's own: nothing of it is read by us."""
    data = os.urandom(300_000)
    assert same(["sha256sum"], input=data)[1].split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_what_the_command_does_not_read_stays_for_the_next(tmp_path):
    """`(outrider run -- head -n 1; cat) < file` as without us."""
    (tmp_path / "in").write_bytes(b"1\n2\n3\n")
    script = f"({' '.join(RUN)} sh -c 'read x; echo got $x'; cat) < in"
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=True).stdout == b"got 1\n2\n3\n"


def test_a_reader_that_stops_reading_ends_the_command_as_ever(home):
    """`yes | head -1`: the command dies by SIGPIPE, and so does the front."""
    script = f'{" ".join(RUN)} yes | head -n 1; echo "${{PIPESTATUS[@]}}"'
    assert result(["bash", "-c", script]) == (0, b"y\n141 0\n", b"")
    gone(home)
    assert (end(home)["reason"], end(home)["sig"]) == ("signal", 13)


def test_a_reader_that_goes_while_the_command_is_silent_is_noticed_at_once():
    """Then the first write after it fails, as it would bare; not the second."""
    script = """
import os, sys
sys.stdin.readline()
try:
    os.write(1, b'x')
except BrokenPipeError:
    sys.stderr.write('broken')
"""
    for before in ([], RUN):
        front = subprocess.Popen(
            [*before, sys.executable, "-S", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        if before:
            keeper = until(lambda front=front: children(front.pid), message="a keeper")[0]
            until(lambda keeper=keeper: children(keeper), message="a command")
        front.stdout.close()
        if before:
            until(lambda keeper=keeper: not reads_pipe_of_command(keeper, 1), message="the keeper closes its end")
        front.stdin.write(b"\n")
        front.stdin.close()
        assert front.stderr.read() == b"broken"
        front.stderr.close()
        front.wait(timeout=60)


def children(pid):
    """The pids of its children."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def reads_pipe_of_command(keeper, number):
    """Does the keeper still hold the pipe that is the command's descriptor `number`?"""
    command = children(keeper)[0]
    pipe = os.readlink(f"/proc/{command}/fd/{number}")
    found = []
    for fd in os.listdir(f"/proc/{keeper}/fd"):
        try:
            found.append(os.readlink(f"/proc/{keeper}/fd/{fd}"))
        except OSError:
            continue
    return pipe in found


def test_a_full_device_behind_stdout_does_not_end_the_command(home):
    """The output is kept in the spool, and stderr says so once."""
    script = f"{' '.join(RUN)} sh -c 'echo one; echo two; exit 6' > /dev/full"
    code, _, err = result(["sh", "-c", script])
    assert code == 6
    assert err.count(b"outrider: cannot write to stdout: No space left on device") == err.count(b"\n") == 1
    assert console(home, 1) == b"one\ntwo\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors_stay_closed(closed, tmp_path):
    """The command's table of descriptors is what it would be: closed ones closed, none of ours."""
    script = "import os\nfound = [fd for fd in range(64) if os.path.exists('/proc/self/fd/%d' % fd)]\nopen('fds', 'w').write(str(found))"
    (tmp_path / "show.py").write_text(script)
    show = f"{sys.executable} -S show.py"
    found = []
    for before in ("", " ".join(RUN)):
        subprocess.run(["sh", "-c", f"{before} {show} {closed}"], cwd=tmp_path, timeout=60, check=True)
        found.append((tmp_path / "fds").read_text())
    assert found[0] == found[1]


def test_other_descriptors_reach_the_command_and_only_the_command(tmp_path):
    """It can write to one beyond 2, and its reader sees the end when the command ends, though a background job keeps the keeper here."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read, write = os.pipe()
    script = f"cat {fifo} {write}>&- & echo through >&{write}"
    with subprocess.Popen([*RUN, "bash", "-c", script], pass_fds=[write], stdin=subprocess.DEVNULL) as front:
        os.close(write)
        with os.fdopen(read, "rb") as reader:
            assert reader.read() == b"through\n"
        assert front.wait(timeout=60) == 0
        fifo.write_bytes(b"")


def test_the_command_finds_its_surroundings_unchanged(tmp_path):
    """Folder, umask, limits, niceness, group and session, environment but for PYTHONPATH and OUTRIDER_*."""
    script = """
import json, os, resource, sys
kept = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("OUTRIDER_")}
print(json.dumps([
    os.getcwd(), os.umask(0), os.nice(0), os.getpgrp() == int(sys.argv[1]), os.getsid(0), kept,
    [resource.getrlimit(n) for n in range(16)], sorted(os.listdir("/proc/self/fd")),
    os.isatty(0), sys.argv[2:],
]))"""
    arguments = [sys.executable, "-S", "-c", script, str(os.getpgrp()), "", "a b", "ü", "--", "-x"]
    code, out, _ = same(arguments, cwd=tmp_path, env={**os.environ, "ODD": "a\nb=ü", "PWD": str(tmp_path)})
    assert code == 0
    assert b'"PWD"' in out


def test_a_terminal_stays_a_terminal(home):
    """What would change `isatty` is left alone for now: such a descriptor is inherited, the other is captured."""
    import pty

    primary, secondary = pty.openpty()
    script = "import sys; print(sys.stdout.isatty(), sys.stderr.isatty()); print('to the pipe', file=sys.stderr)"
    done = subprocess.run(
        [OUTRIDER, "run", "--no-agent", "-v", "--", sys.executable, "-S", "-c", script],
        stdin=subprocess.DEVNULL, stdout=secondary, stderr=subprocess.PIPE, timeout=60, check=True,
    )  # fmt: skip
    os.close(secondary)
    assert os.read(primary, 100) == b"True False\r\n"
    os.close(primary)
    assert b"terminal" in done.stderr
    assert done.stderr.endswith(b"to the pipe\n")
    assert console(home, 1) == b""
    assert console(home, 2) == b"to the pipe\n"


def test_rules_for_reading_it_go_with_the_run(home, tmp_path):
    """`--metric`, and the folder's outrider.toml as it is; what is no file there is passed over, and holds nobody up (law 1)."""
    text = '[[metrics]]\nname = "q"\npattern = "Q of (.)"\n'
    (tmp_path / "outrider.toml").write_text(text)
    subprocess.run([*RUN[:-1], "--metric", "z=Z is (.)", "--cwd", tmp_path, "true"], check=True)
    (tmp_path / "outrider.toml").unlink()
    os.mkfifo(tmp_path / "outrider.toml")
    subprocess.run([*RUN[:-1], "--cwd", tmp_path, "true"], check=True, timeout=60)
    assert [(line.get("metrics"), line.get("rules")) for line in lines(home, "run", "keeper-")] in (
        [(["z=Z is (.)"], text), (None, None)],
        [(None, None), (["z=Z is (.)"], text)],
    )
