"""Models, datasets and what is said of experiments are files of the home: whoever is killed or writes at once, nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from waiting import until

import outrider
from outrider import Experiment, Model

SAY = """
import sys, outrider
which, count = sys.argv[1], int(sys.argv[2])
experiment = outrider.Experiment(None, "shared")
model = outrider.Model(None, "shared", version=1)
for number in range(count):
    experiment.tag(f"{which}-{number}", number)
    model.add_tags({f"{which}-{number}": number})
    print(number, flush=True)
"""


def registered(home, tmp_path):
    (tmp_path / "m").write_text("m")
    return Model.register(None, str(tmp_path / "m"), "shared")


def test_what_several_processes_say_at_once_is_all_said(home, tmp_path):
    """Law 2 for what is no run's: returned means kept. None of three processes takes back what another said."""
    registered(home, tmp_path)
    started = [subprocess.Popen([sys.executable, "-c", SAY, which, "12"], stdout=subprocess.DEVNULL) for which in "abc"]
    assert [one.wait(60) for one in started] == [0, 0, 0]
    expected = {f"{which}-{number}": number for which in "abc" for number in range(12)}
    assert Experiment(None, "shared").tags == expected
    assert Model(None, "shared").tags == expected
    Experiment(None, "shared").remove_tags(["a-0"])
    Model(None, "shared").remove_tags("a-0")
    del expected["a-0"]
    assert (Experiment(None, "shared").tags, Model(None, "shared").tags) == (expected, expected)


def test_a_writer_that_is_killed_leaves_what_it_said_and_nothing_torn(home, tmp_path):
    """kill -9 in the middle: every call that had returned is there, every file is whole, and others go on."""
    registered(home, tmp_path)
    for round_ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", SAY, f"k{round_}", "100000"], stdout=subprocess.PIPE, text=True)
        for said in iter(writer.stdout.readline, ""):
            if int(said) >= 3 + round_:
                break
        writer.kill()
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        last = int(rest[-1]) if rest and len(rest) > 1 else 3 + round_
        for there in (Experiment(None, "shared").tags, Model(None, "shared").tags):
            assert {f"k{round_}-{number}" for number in range(last)} <= set(there)
    Experiment(None, "shared").tag("afterwards", 1)
    assert Experiment(None, "shared").tags["afterwards"] == 1
    for folder, _, files in os.walk(home):
        for name in files:
            if name.endswith(".json") and ("experiments" in folder or "models" in folder):
                with open(os.path.join(folder, name)) as file:
                    json.load(file)


def test_versions_that_killed_writers_began_are_never_seen_half(home, tmp_path):
    """register() is killed anywhere: a version is there with all its files, or not at all."""
    (tmp_path / "m").write_bytes(os.urandom(200_000))
    code = "import outrider\nwhile True: print(outrider.Model.register(None, 'm', 'killed').version, flush=True)"
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE)
        assert writer.stdout.readline()
        writer.kill()
        writer.wait()
        writer.stdout.close()
    until(lambda: Model.list(name="killed"), message="nothing was registered")
    for one in Model.list(name="killed"):
        target = one.download(str(tmp_path / str(one.version)))
        with open(target, "rb") as file:
            assert file.read() == (tmp_path / "m").read_bytes()
    assert outrider.Model.register(None, str(tmp_path / "m"), "killed").version > Model.list(name="killed")[1].version
