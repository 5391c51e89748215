"""A home for tests of the commands: runs written into the spool by hand, and taken into the store without an agent."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
START = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


class Home:
    """An OUTRIDER_HOME, written as docs/spool.md says."""

    def __init__(self, path):
        self.path = Path(path)

    def write(self, run, writer, *lines, own=True, experiment="ridge", time=START):
        """Appends lines to segment 0 of a stream, which begins with a head."""
        directory = self.path / "spool" / run / writer
        directory.mkdir(parents=True, exist_ok=True)
        segment = directory / "00000000.ndjson"
        head = {
            "k": "head",
            "v": 1,
            "run": run,
            "w": writer,
            "seg": 0,
            "t": time,
            "own": own,
            "exp": experiment,
            "host": "box",
            "boot": "b",
        }
        with segment.open("ab") as file:
            for line in [*([] if segment.stat().st_size else [head]), *lines]:
                file.write(b"\n" + (line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")

    def ingest(self):
        """Commits everything in the spool that the store has not taken."""
        from outrider_agent import model
        from outrider_agent.store import sqlite

        store = sqlite.SqliteStore(self.path / "outrider.db")
        try:
            store.take_over()
            for segment in sorted((self.path / "spool").glob("*/*/*.ndjson")):
                stream = model.StreamId(segment.parent.parent.name, segment.parent.name)
                start = store.positions([stream])[stream]
                data = segment.read_bytes()[start.offset :]
                data = data[: data.rfind(b"\n") + 1]
                if data:
                    end = model.Position(0, start.offset + len(data))
                    piece = model.Slice(stream=stream, start=start, end=end, data_offset=start.offset, data=data)
                    store.commit(model.Batch(slices=(piece,)))
        finally:
            store.close()

    def blob(self, data):
        """Keeps the bytes; their sha256."""
        sha = hashlib.sha256(data).hexdigest()
        path = self.path / "blobs" / sha[:2] / sha
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return sha

    def artifact(self, run, path, data, *, time=START, writer="outputs-1-aaaaaaaa", **more):
        """An artifact's line and its blob."""
        line = {"k": "art", "t": time, "p": path, "size": len(data), "sha": self.blob(data), "src": "outputs", **more}
        self.write(run, writer, line, own=False, time=time)

    def tables(self):
        """What the store's file holds, by hand."""
        return sqlite3.connect(self.path / "outrider.db")

    def command(self, *arguments, **more):
        """The command's argv and environment, for Popen."""
        environ = {**os.environ, "OUTRIDER_HOME": str(self.path), "PYTHONPATH": f"{ROOT / 'handler'}:{ROOT / 'agent'}", "COLUMNS": "100"}
        environ.update({key: str(value) for key, value in more.pop("environ", {}).items()})
        code = "import sys; from outrider_agent.cli import main; sys.exit(main.main(sys.argv[1:]))"
        return {"args": [sys.executable, "-c", code, *map(str, arguments)], "env": environ, **more}

    def run(self, *arguments, autostart=False, **more):
        """Runs a command to its end: (exit code, stdout, stderr) as text."""
        environ = {} if autostart else {"OUTRIDER_AGENT_AUTOSTART": "0"}
        more["environ"] = {**environ, **more.get("environ", {})}
        more.setdefault("text", True)
        more.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(**self.command(*arguments, **more), capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments, **more):
        """The JSON that a command prints with --json; it must succeed."""
        code, out, err = self.run(*arguments, "--json", **more)
        assert code == 0, err
        return json.loads(out)


def ridge(home, run="9f3c0aa1b2c4", time=START):
    """A run with something of everything."""
    second = SECOND
    run_line = {"k": "run", "t": time, "experiment": "ridge", "name": "sweep", "command": ["python", "sweep.py", "--a b"], "cwd": "/home/x"}
    run_line.update(outputs=["/home/x/outputs"], host="box", user="ada", python="3.11.7", tags={"gpu": "a100"})
    points = [
        {"k": "m", "t": time + index * second, "n": "loss", "v": value, "s": index}
        for index, value in enumerate([0.5, "NaN", 0.25, "-Infinity", "Infinity"])
    ]
    home.write(
        run,
        "py-1-aaaaaaaa",
        run_line,
        {"k": "tag", "t": time, "n": "note", "v": "x y"},
        {"k": "tag", "t": time, "n": "bare", "v": None},
        {"k": "param", "t": time, "n": "lr", "v": 0.1},
        {"k": "prop", "t": time, "n": "commit", "v": "abc"},
        *points,
        {"k": "m", "t": time, "n": "phase", "v": "warm"},
        {"k": "m", "t": time + second, "n": "phase", "v": ["NaN"]},
        {"k": "ls", "t": time, "n": "sizes", "v": [1, 2, 3]},
        {"k": "rw", "t": time, "n": "wave", "c": {"angle": 0, "cos": 1.0}},
        {"k": "rw", "t": time + second, "n": "wave", "c": {"angle": 90, "cos": "NaN", "more": "x"}},
        {"k": "tb", "t": time, "n": "grid", "c": {"x": [1, 2], "y": [3, 4]}},
        {"k": "l", "t": time + second, "lv": 20, "lg": "train", "msg": "epoch 1", "fi": "sweep.py", "no": 7, "m": {"mse": 0.4}, "s": 1},
        {"k": "l", "t": time + 3 * second, "lv": 30, "msg": "getting hot", "x": {"temp": 90}},
        {
            "k": "l",
            "t": time + 4 * second,
            "lv": 40,
            "lg": "train",
            "msg": "broke",
            "exc": {"type": "ValueError", "message": "bad", "traceback": "Traceback (most recent call last):\nValueError: bad\n"},
        },
        {"k": "m", "t": time + 2 * second, "n": "mse", "v": 0.3, "s": 2},
        time=time,
    )
    home.write(
        run,
        "keeper-1-bbbbbbbb",
        {"k": "c", "t": time + second + 1000, "f": 2, "o": 0, "d": "INFO:train:epoch 1\n"},
        {"k": "c", "t": time + 2 * second, "f": 1, "o": 0, "d": "hello "},
        {"k": "c", "t": time + 2 * second + 5, "f": 1, "o": 6, "b": "d29ybGT/ChtbMm1kb25lCg=="},
        {"k": "c", "t": time + 5 * second, "f": 1, "o": 22, "d": "no newline"},
        {"k": "end", "t": time + 133 * second, "status": "Failed", "reason": "exit-code", "code": 3},
        time=time,
    )
    home.artifact(run, "outputs/model.pkl", b"first", time=time + second)
    home.artifact(run, "outputs/model.pkl", b"second!", time=time + 2 * second)
    home.artifact(run, "outputs/sub/notes.txt", b"notes", time=time + 2 * second)
    return run
