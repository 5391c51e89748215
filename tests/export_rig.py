"""Runs with everything that a run can have, taken out of a home and into another."""

from __future__ import annotations

import zipfile

from cli_home import SECOND, START, Home

from outrider_agent.blobs import local
from outrider_agent.cli import main
from outrider_agent.export import bundle

PICTURE = b"\x89PNG\r\n\x1a\n and so on"
ODD = b"outputs/caf\xe9.bin"


def filled(path, run="r1", experiment="ridge"):
    """A home with a run of two writers and everything that a run can have."""
    home = Home(path)
    lines = [
        {"k": "m", "t": START + 1, "n": "loss", "v": 0.5, "s": 0},
        {"k": "m", "t": START + 2, "n": "loss", "v": "NaN", "s": 1},
        {"k": "m", "t": START + 3, "n": "loss", "v": "Infinity", "s": 2},
        {"k": "m", "t": START + 4, "n": "big", "v": 10**30},
        {"k": "m", "t": START + 4, "n": "phase", "v": ["NaN"]},
        *({"k": "m", "t": START + 10 + i, "n": "long", "v": i / 7, "s": i} for i in range(9000)),
        {"k": "ls", "t": START + 5, "n": "fib", "v": [1, 1, 2, 3]},
        {"k": "rw", "t": START + 6, "n": "wave", "c": {"angle": 0.1, "cos": 0.995}},
        {"k": "tb", "t": START + 7, "n": "people", "c": {"name": ["Ann", "Bo"], "age": [31, None]}},
        {"k": "l", "t": START + 8, "lv": 30, "lg": "train", "msg": "clipped \u202e", "m": {"norm": 3.5}, "s": 4},
        {"k": "tag", "t": START + 9, "n": "team", "v": "vision"},
        {"k": "param", "t": START + 9, "n": "lr", "v": 3e-4},
        {"k": "pr", "t": START + 9, "lg": "train", "to": []},
        {"k": "prop", "t": START + 9, "n": "commit", "v": "abc"},
        {"k": "note", "t": START + 9, "lv": 30, "msg": "something"},
        {"k": "gap", "t": START + 9, "n": 3, "why": "disk full"},
        {"k": "snap", "t": START + 9, "id": "s1", "sha": home.blob(b"zip"), "size": 3},
        {"k": "model", "t": START + 9, "n": "best", "ver": 1, "files": {"m.pkl": [home.blob(b"pickle"), 6]}},
        b"this is no record",
    ]
    home.write(run, "py-1-aaaaaaaa", *lines, experiment=experiment)
    home.write(run, "py-2-bbbbbbbb", {"k": "m", "t": START + 5, "n": "loss", "v": 0.25, "s": 1}, own=False, experiment=experiment)
    home.write(run, "keeper-1-cccccccc", {"k": "c", "t": START + 9, "f": 1, "o": 0, "b": "/wAK"}, own=False, experiment=experiment)
    home.artifact(run, "outputs/model.bin", b"weights" * 1000)
    home.artifact(run, "outputs/model.bin", b"better" * 1000, time=START + SECOND)
    home.artifact(run, "curve.png", PICTURE)
    home.write(run, "outputs-1-aaaaaaaa", {"k": "fig", "t": START, "n": "curve", "p": "curve.png", "ty": "image/png"}, own=False)
    home.write(
        run, "py-1-aaaaaaaa", {"k": "end", "t": START + 2 * SECOND, "status": "Completed", "reason": "completed"}, experiment=experiment
    )
    home.ingest()
    return home


def exported(home, path, run="r1"):
    with path.open("wb") as file:
        return bundle.write(home.path / "outrider.db", local.LocalBlobs(home.path / "blobs"), run, file)


def take(path, home):
    return bundle.take(path, home.path / "outrider.db", local.LocalBlobs(home.path / "blobs"))


def outrider(capsys, home, *arguments):
    code = main.main([*arguments, "--home", str(home.path), "--no-agent"])
    out, err = capsys.readouterr()
    return code, out, err


def repacked(source, target, change):
    """The bundle with `change(name, data)` for each file; None leaves one out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            if (data := change(entry.filename, old.read(entry))) is not None:
                new.writestr(entry.filename, data)
