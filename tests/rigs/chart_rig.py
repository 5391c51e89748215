"""Runs with everything that charts show, and what tests of their pages do again and again."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager

from portal_rig import PATIENCE_S, ROOT, Portal

LOGGED = """
import math, random, struct, zlib, outrider
def png(path, red):
    def part(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\\0" + b"".join(bytes([red, x * 4, y * 4]) for x in range(60)) for y in range(40))
    head = part(b"IHDR", struct.pack(">IIBBBBB", 60, 40, 8, 2, 0, 0, 0))
    open(path, "wb").write(b"\\x89PNG\\r\\n\\x1a\\n" + head + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b""))
for name, scale in (("first", 1.0), ("second", 0.6)):
    with outrider.start_run("wave", name) as run:
        run.log_list("fibonacci", [0, 1, 1, 2, 3, 5, 8, 13])
        for i in range(30): run.log("again", scale * math.sin(i / 5))
        for i in range(40): run.log_row("Cosine wave", angle=i / 10, cos=scale * math.cos(i / 10))
        run.log_table("Sine wave", {"angle": [i / 10 for i in range(40)], "sin": [math.sin(i / 10) for i in range(40)]})
        run.log_table("people", {"name": ["Ann", "Bo"], "age": [31, 42], "city": ["Oslo", "Bonn"]})
        run.log("accuracy", 0.9731)
        run.log("phase", "warm up"); run.log("phase", "done")
        run.log_table("numbered", {"name": ["a", "b"], "10": [0.1, 0.2], "2": [5, 6]})
        run.log_table("numbered line", {"7": [1, 2, 3], "3": [4, 9, 2]})
        run.log("words", "all of a text is shown, " * 9 + "to its end")
        random.seed(3)
        for step in range(3000):
            noisy = scale * math.exp(-step / 700) + random.gauss(0, 0.05)
            if step % 100 == 0: run.log("epoch", step / 100, step=step)
            run.log("loss", math.nan if step in (900, 901) else math.inf if step == 1500 else noisy, step=step)
        for number in range(3):
            png("picture.png", 80 * number)
            run.log_image("picture", path="picture.png")
"""

MODELS = """
import json, numpy as np, outrider, outrider.sklearn as charts
draw = np.random.default_rng(5)
labels = np.array(["ant", "bee", "cat"])
true = draw.integers(0, 3, 300)
with outrider.start_run("search", "parent") as parent:
    for name, strength, sharp in (("weak", 0.8, 1), ("strong", 2.5, 20)):
        with parent.child_run(name=name) as run:
            raw = sharp * (draw.normal(size=(300, 3)) + strength * np.eye(3)[true])
            scores = np.exp(raw - raw.max(axis=1, keepdims=True))
            scores /= scores.sum(axis=1, keepdims=True)
            charts.log_classification(run, labels[true], labels[scores.argmax(axis=1)], scores, labels=labels)
            y = draw.normal(50, 20, 400)
            charts.log_regression(run, y, y * 0.9 + 5 + draw.normal(0, 12 / strength, 400))
            explained = {f"feature {i}": strength / (i + 1) for i in range(12)}
            outrider.ExplanationClient.from_run(run).upload_model_explanation(explained)
with outrider.start_run("search", "ten classes") as run:
    true = draw.integers(0, 10, 1000)
    found = np.where(draw.random(1000) < 0.95, true, draw.integers(0, 10, 1000))
    names = np.array([f"number {i}" for i in range(10)])
    run.log_confusion_matrix("confusion_matrix", charts.confusion_matrix(names[true], names[found]))
for number in range(10):
    with outrider.start_run("search", f"candidate {number}") as run:
        true = draw.integers(0, 2, 200)
        score = np.clip(0.5 + (true - 0.5) * 0.1 * number + draw.normal(0, 0.3, 200), 0, 1)
        run.log_accuracy_table("accuracy_table", charts.accuracy_table(true, np.stack([1 - score, score], axis=1)))
with outrider.start_run("search", "broken") as run:
    ragged = {"class_labels": ["a", "b"], "matrix": [[1, 2], [3]]}
    run.log_confusion_matrix("ragged", {"schema_type": "confusion_matrix", "schema_version": "1.0.0", "data": ragged})
    run.log_residuals("few", {"schema_type": "residuals", "schema_version": "1.0.0", "data": {"bin_edges": [0, 1, 2], "bin_counts": [1]}})
    run.log_accuracy_table("none", {"errors": ["<b>no score</b>"]})
    alone = {"class_labels": ["a"], "probability_tables": [[[1, 2, float("nan"), 0]]], "probability_thresholds": [0.5]}
    run.log_accuracy_table("nan", {"data": alone | {"percentile_tables": [[[1, 2, 0, 0]]], "percentile_thresholds": [0.5]}})
hostile = ["<b>bold</b><script>alert(1)</script>", "", "\u202eevil", "dup", "dup", "macro average", "long " * 30]
for name, classes in (("hostile", hostile), ("two hundred", [f"class {i}" for i in range(200)])):
    with outrider.start_run("search", name) as run:
        count = len(classes)
        true = np.arange(10 * count) % count
        raw = draw.normal(size=(len(true), count)) + 2 * np.eye(count)[true]
        scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        names = np.array([f"{i:03}" for i in range(count)])
        table = charts.accuracy_table(names[true], scores, labels=names)
        matrix = charts.confusion_matrix(names[true], names[scores.argmax(axis=1)], labels=names)
        for one in (table, matrix):
            one["data"]["class_labels"] = classes
        run.log_accuracy_table("accuracy_table", table)
        run.log_confusion_matrix("confusion_matrix", matrix)
with outrider.start_run("search", "one sample") as run:
    table = charts.accuracy_table(["a"], [[0.9, 0.1]], labels=["a", "b"])
    run.log_accuracy_table("accuracy_table", table)
    one = {"bin_edges": [1, 1], "bin_counts": [3], "bin_averages": [1], "bin_errors": [float("nan")]}
    run.log_predictions("predictions", {"schema_type": "predictions", "schema_version": "1.0.0", "data": one})
"""

HARD = """
import math, outrider
with outrider.start_run("hard", "extremes") as run:
    for i in range(40):
        run.log("huge", 1e300 * (1 + i / 10), step=i)
        run.log("tiny", 1e-300 * (1 + i), step=i)
        run.log("widest", (-1) ** i * 1.7e308, step=i)
        run.log("far", 10.0 ** (15 * i - 300), step=i)
        run.log("below zero", -1.0 - i, step=i - 20)
        run.log("late steps", math.sin(i), step=2**63 - 1000 + 20 * i)
        run.log("long steps", math.sin(i), step=i * 2**57)
    run.log("beyond", 1.0, step=2**63 - 1)
    run.log("beyond", 2.0, step=2**63 - 1)
    run.log_list("only one", [4.0])
    for at in (1.0, math.nan, 2.0, 3.0, None): run.log_row("holes", at=at, found=0.5)
    run.log_table("odd", {"x": [1, 2, 3, 4, 5], "y": [1.0, math.nan, 3.0, math.inf, -math.inf]})
"""


@contextmanager
def tracked(tmp_path_factory, *scripts):
    """A portal over the runs of these scripts."""
    made = Portal(tmp_path_factory.mktemp("charts") / "home")
    for code in scripts:
        folder = tmp_path_factory.mktemp("script")
        (folder / "train.py").write_text(code)
        environ = {
            "OUTRIDER_HOME": str(made.path),
            "OUTRIDER_AGENT_AUTOSTART": "0",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{ROOT / 'handler'}:{ROOT / 'agent'}",
        }
        subprocess.run([sys.executable, "train.py"], cwd=folder, env=environ, timeout=PATIENCE_S, check=True)
    made.start(OUTRIDER_PORTAL_PORT="0")
    made.flush()
    try:
        yield made
    finally:
        made.stop()


def run_id(portal, name):
    """The id of the run of that name."""
    return next(run["run_id"] for run in portal.home.json("runs") if run["name"] == name)


def card(title):
    """Selects a chart."""
    return f"article[aria-label='{title}']"


def downloaded(page, title, item):
    """The bytes of what a chart's menu gives."""
    page.click(f"{card(title)} summary")
    with page.expect_download() as download:
        page.click(f"{card(title)} .menu button:has-text('{item}')")
    return download.value.suggested_filename, download.value.path().read_bytes()
