"""Odd things under an output root: names, links, pipes, unreadable files, roots that come and go (2.3 C1-C8, C13, A17, A21)."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time

import outputs_rig
import pytest
from waiting import until

from outrider import spool
from outrider_agent.collect import watching


@pytest.fixture
def rig(home, tmp_path):
    rig = outputs_rig.Rig(home, tmp_path / "work")
    yield rig
    rig.close()


@pytest.fixture(params=["hints", "sweep"])
def live(request, rig):
    rig.root.mkdir(parents=True)
    rig.begin().collect(watch=request.param == "hints")
    until(lambda: rig.collector.statistics().roots == 1)
    return rig


NAMES = [
    b"new\nline",
    b"tab\t",
    b"not utf-8 \xff\xfe",
    b"-leading",
    b"%s",
    b"'quote\"",
    "caf\u00e9".encode(),
    "cafe\u0301".encode(),
    b"x" * 255,
    b" ",
]


def test_odd_names_are_kept_losslessly(live):
    """Any bytes but `/` and NUL: the artifact's path gives them back."""
    for name in NAMES:
        with open(os.fsencode(live.root) + b"/" + name, "wb") as file:
            file.write(name)
    live.wait_for(*("outputs/" + os.fsdecode(name) for name in NAMES))
    for path, (content,) in live.contents().items():
        assert os.fsencode(path) == b"outputs/" + content


def test_links_inside_are_followed_and_others_are_not(live, tmp_path):
    """A link to a file of the root is an artifact; one that leads out, nowhere, in a circle, or to a folder is noted."""
    (tmp_path / "secret").write_bytes(b"secret")
    (live.root / "real").write_bytes(b"r")
    (live.root / "folder").mkdir()
    for name, target in {"in": "real", "out": tmp_path / "secret", "gone": "nothing", "loop": "loop", "dir": "folder", "up": ".."}.items():
        (live.root / name).symlink_to(target)
    live.end()
    live.wait_done()
    assert live.contents() == {"outputs/real": [b"r"], "outputs/in": [b"r"]}
    notes = " ".join(note["msg"] for note in live.lines("note"))
    assert "outputs/out is a link to something outside" in notes
    assert live.collector.statistics().skipped == 5


def test_pipes_and_sockets_are_never_opened(live):
    """Opening a FIFO would wait for its writer."""
    os.mkfifo(live.root / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(live.root, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{folder}/s")  # a socket's path may have 107 bytes
        os.close(folder)
        (live.root / "file").write_bytes(b"f")
        live.wait_for("outputs/file")
        live.end()
        live.wait_done()
    assert set(live.versions()) == {"outputs/file"}


def test_a_root_may_come_late_go_and_come_again(live):
    """watchdog stays blind for a folder made anew; the sweep is the truth."""
    for turn in range(3):
        shutil.rmtree(live.root)
        until(lambda: not live.root.exists())
        live.root.mkdir(parents=True)
        (live.root / f"f{turn}").write_bytes(b"%d" % turn)
        live.wait_for(f"outputs/f{turn}")
    assert len(live.versions()) == 3


def test_a_root_may_be_a_link_to_a_folder_and_may_not_exist_yet(rig, tmp_path):
    """C13, and `outputs -> /scratch/outputs`."""
    rig.begin().collect()
    until(lambda: rig.collector.statistics().roots == 1)
    (tmp_path / "scratch").mkdir()
    rig.root.parent.mkdir()
    rig.root.symlink_to(tmp_path / "scratch")
    (rig.root / "a").write_bytes(b"a")
    rig.wait_for("outputs/a")


def test_what_the_script_says_of_its_outputs_comes_after_the_wrappers_word(rig, tmp_path):
    """`start_run(outputs=…)` under `outrider run`: said in the stream of a process that joined the run, after some records."""
    rig.begin().collect()
    until(lambda: rig.collector.statistics().roots == 1)
    joined = spool.Writer(str(rig.home), rig.run, "py")
    for _ in range(20):
        assert joined.append(spool.line({"k": "m", "t": time.time_ns(), "n": "a", "v": 1}))
    chosen = tmp_path / "models"
    chosen.mkdir()
    assert joined.append(spool.line({"k": "run", "t": time.time_ns(), "outputs": [str(chosen)]}))
    (chosen / "m.bin").write_bytes(b"m")
    rig.wait_for("models/m.bin")
    joined.close()
    (chosen / "late.bin").write_bytes(b"l")
    rig.end()
    rig.wait_done()
    assert rig.contents() == {"models/m.bin": [b"m"], "models/late.bin": [b"l"]}


def test_two_roots_of_one_name_are_told_apart(rig, tmp_path):
    """The later one is called outputs-2."""
    other = tmp_path / "other" / "outputs"
    other.mkdir(parents=True)
    rig.root.mkdir(parents=True)
    (rig.root / "a").write_bytes(b"1")
    (other / "a").write_bytes(b"2")
    rig.begin(rig.root, other).collect()
    rig.wait_for("outputs/a", "outputs-2/a")
    assert rig.contents() == {"outputs/a": [b"1"], "outputs-2/a": [b"2"]}


def test_a_home_inside_the_root_is_not_collected(home, tmp_path):
    """OUTRIDER_HOME=./outputs/.outrider would feed on itself."""
    rig = outputs_rig.Rig(tmp_path / "outputs" / "home", tmp_path)
    try:
        rig.begin().collect()
        (rig.root / "a").write_bytes(b"a")
        rig.wait_for("outputs/a")
        rig.end()
        rig.wait_done()
        assert set(rig.versions()) == {"outputs/a"}
    finally:
        rig.close()


UNREADABLE = """
import sys
import time
sys.path.insert(0, sys.argv[1])
import outputs_rig
from waiting import until
rig = outputs_rig.Rig(sys.argv[2] + "/home", sys.argv[2] + "/work")
try:
    rig.root.mkdir(parents=True)
    (rig.root / "closed").mkdir()
    (rig.root / "closed" / "inner").write_bytes(b"i")
    (rig.root / "secret").write_bytes(b"s")
    (rig.root / "secret").chmod(0)
    (rig.root / "closed").chmod(0)
    (rig.root / "open").write_bytes(b"o")
    rig.begin().collect()
    rig.wait_for("outputs/open")
    until(lambda: rig.collector.statistics().retried > 1)
    assert set(rig.versions()) == {"outputs/open"}, rig.versions()
    notes = [note["msg"] for note in rig.lines("note")]
    assert len(notes) == len(set(notes)) == 2, notes
    (rig.root / "secret").chmod(0o600)
    (rig.root / "closed").chmod(0o700)
    rig.wait_for("outputs/secret", "outputs/closed/inner")
    print("fine")
finally:
    rig.close()
"""


def test_what_cannot_be_read_is_tried_again_and_noted_once(tmp_path):
    """C8: chmod 000, later restored. In a process that lacks root's power to read everything."""
    rigs = os.path.dirname(os.path.abspath(outputs_rig.__file__))
    command = [sys.executable, "-c", UNREADABLE, rigs, os.fspath(tmp_path)]
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "fine\n", done.stderr


def test_a_burst_that_overflows_the_hints_is_found_by_the_sweep(live):
    """C1, in small: thousands of files at once, in many new folders."""
    for folder in range(40):
        (live.root / f"d{folder}").mkdir()
        for number in range(50):
            (live.root / f"d{folder}" / f"{number}").write_bytes(b"x")
    until(lambda: len(live.versions()) == 2000, timeout=60)


def test_without_watches_the_sweep_goes_on(rig, monkeypatch):
    """C2, C3: no watch can be had; it is counted, and everything is found."""

    class Refusing:
        def schedule(self, *_arguments, **_options):
            raise OSError(28, "inotify watch limit reached")

        def is_alive(self):
            return True

        def stop(self):
            return None

        join = stop

    monkeypatch.setattr(watching, "new_observer", Refusing)
    rig.root.mkdir(parents=True)
    rig.begin().collect()
    (rig.root / "a").write_bytes(b"a")
    rig.wait_for("outputs/a")
    assert rig.collector.statistics().watch_refused > 0


def test_an_observer_that_died_is_replaced(rig):
    """Hints are supervised: a dead observer is started anew and everything watched again."""
    rig.root.mkdir(parents=True)
    rig.begin().collect()
    (rig.root / "a").write_bytes(b"a")
    rig.wait_for("outputs/a")
    hints = rig.collector._hints
    until(lambda: hints.watches(os.fspath(rig.root)))
    hints._observer.stop()
    until(lambda: rig.collector.statistics().watch_restarts == 1)
    (rig.root / "b").write_bytes(b"b")
    rig.wait_for("outputs/b")
    until(lambda: hints.watches(os.fspath(rig.root)))


def test_a_script_whose_folder_is_also_the_home_has_artifacts(home):
    """OUTRIDER_HOME may be where the script works: its outputs are collected, what we keep there is not."""
    rig = outputs_rig.Rig(home, home)
    try:
        rig.root.mkdir(parents=True)
        (rig.root / "model").write_bytes(b"m")
        rig.begin(rig.root, home / "spool")
        rig.collect()
        rig.wait_for("outputs/model")
        rig.end()
        rig.wait_done()
        assert set(rig.versions()) == {"outputs/model"}
    finally:
        rig.close()


@pytest.mark.parametrize("text", [b'{"k":"end","outputs":' + b"[" * 100_000, b'{"k":"run","t":1,"outputs":["/\\u0000x","/\\ud800"]}'])
def test_a_strange_line_in_one_run_does_not_stop_the_collector_for_all(rig, home, text):
    """A line that is nested beyond measure, or names a root that no system has, harms nobody else (A3)."""
    strange = home / "spool" / "deep" / "sh-1"
    strange.mkdir(parents=True)
    head = b'\n{"k":"head","v":1,"run":"deep","w":"sh-1","seg":0,"t":1,"own":true}\n'
    (strange / "00000000.ndjson").write_bytes(head + b"\n" + text + b"\n")
    rig.root.mkdir(parents=True)
    rig.begin().collect()
    with open(strange / "00000000.ndjson", "ab") as file:
        file.write(b"\n" + text + b"\n")
    (rig.root / "a").write_bytes(b"a")
    rig.wait_for("outputs/a")
    assert rig.collector.statistics().roots == 1
