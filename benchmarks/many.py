"""
A store of many runs, as months of experiments leave it: written by SQL, for a spool of as many would take minutes to deliver.

`python -m benchmarks.many HOME [RUNS]` makes one to look at.
"""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path

METRICS = ["train/loss", "val/loss", "val/accuracy", *(f"layer{number}/norm" for number in range(97))]
PARAMS = ["lr", "batch", "optimizer", "seed", "depth", "width", "dropout", "warmup", "schedule", "data"]
OPTIMIZERS, SCHEDULES = ("adamw", "sgd", "lion"), ("cosine", "linear", "constant")
NAMES = ("vision", "language", "ridge", "ablation")
POINTS, CURVES = 40, 300
START, MINUTE = 1_750_000_000_000_000_000, 60_000_000_000
ENDS = [("Completed", "completed", 0)] * 8 + [("Failed", "exit-code", 1), ("Failed", "oom-killed", 137), ("Canceled", "canceled", None)]
TIMES, STEPS = json.dumps([step * MINUTE for step in range(POINTS)]), json.dumps(list(range(POINTS)))

ADD = {
    "runs": "run_key, run_id, experiment_key, number, name, status, reason, exit_code, started, ended, host, user, python",
    "attempts": "run_key, attempt, status, reason, started, ended",
    "params": "run_key, key, value",
    "tags": "run_key, key, value",
    "series": "series_key, run_key, name, source, kind, stream_key, count, last, last_step, last_time, min, max",
    "points": "series_key, first, count, step_min, step_max, time_min, time_max, value_min, value_max, value_first, value_last, nonfinite, "
    'times, steps, "values"',
}


def fill(path, runs=10_000, metrics=20):
    """The store at `path` with so many runs of four experiments, each with so many metrics and 10 parameters; the same each time."""
    import sqlite3

    from outrider_agent.store import sqlite

    Path(path).parent.mkdir(parents=True, exist_ok=True)
    sqlite.SqliteStore(path).close()
    draw = random.Random(7)
    curves = [curve(draw) for _ in range(CURVES)]
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in ("PRAGMA synchronous = OFF", "PRAGMA foreign_keys = OFF", "BEGIN"):
        connection.execute(statement)
    for key, name in enumerate(NAMES, 1):
        given = (key, name, START, -(-runs // len(NAMES)))
        connection.execute("INSERT INTO experiments (experiment_key, name, created, last_number) VALUES (?, ?, ?, ?)", given)
    rows = {table: [] for table in ADD}
    for key in range(1, runs + 1):
        add_run(rows, draw, key, is_last=key == runs)
        for place, name in enumerate(METRICS[:metrics]):
            add_series(rows, (key - 1) * metrics + place + 1, key, name, draw.choice(curves))
    for table, columns in ADD.items():
        marks = ", ".join("?" * (columns.count(",") + 1))
        connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows[table])
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def run_id(key):
    """The id of the run of that number."""
    return f"{key:08x}-many"


def curve(draw):
    """A course that a loss may take."""
    best, speed = draw.random() / 2, draw.uniform(5, 30)
    return [round(best + math.exp(-step / speed) + draw.gauss(0, 0.01), 6) for step in range(POINTS)]


def add_run(rows, draw, key, *, is_last):
    """A run as it ended; the last one goes on."""
    status, reason, code = ("Running", None, None) if is_last else ENDS[draw.randrange(len(ENDS))]
    experiment, number = (key - 1) % len(NAMES) + 1, (key - 1) // len(NAMES) + 1
    began = START + key * 7 * MINUTE
    ended = None if is_last else began + draw.randrange(1, 600) * MINUTE
    name = f"train-{draw.choice(OPTIMIZERS)}-{number}"
    rows["runs"].append((key, run_id(key), experiment, number, name, status, reason, code, began, ended, "node-1", "ada", "3.12.1"))
    rows["attempts"].append((key, 1, status, reason, began, ended))
    optimizer, schedule = draw.choice(OPTIMIZERS), draw.choice(SCHEDULES)
    shape = (draw.randrange(2, 48), draw.choice((256, 512)), draw.random() / 2, draw.randrange(1000))
    values = (10 ** draw.uniform(-5, -2), draw.choice((16, 32, 64)), optimizer, key, *shape, schedule, f"v{draw.randrange(5)}")
    rows["params"] += [(key, name, json.dumps(value)) for name, value in zip(PARAMS, values, strict=True)]
    rows["tags"].append((key, "stage", json.dumps(draw.choice(("dev", "final")))))


def add_series(rows, series, run, name, values):
    """A metric of a run."""
    if "accuracy" in name:
        values = [1 - value / 2 for value in values]
    low, high, last = min(values), max(values), values[-1]
    began = START + run * 7 * MINUTE
    end = began + POINTS * MINUTE
    rows["series"].append((series, run, name, "call", "scalar", 1, POINTS, json.dumps(last), POINTS - 1, end, low, high))
    extent = (0, POINTS, 0, POINTS - 1, began, end, low, high, values[0], last, 0)
    rows["points"].append((series, *extent, TIMES, STEPS, json.dumps(values)))


if __name__ == "__main__":
    fill(Path(sys.argv[1]) / "outrider.db", *map(int, sys.argv[2:]))
