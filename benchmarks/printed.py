"""
How fast printed lines are read, on one core: lines that hold no metric, in MB a second, and lines that do.

The floor is the same process splitting the same bytes into lines and doing nothing with them.
"""

from __future__ import annotations

import random
import time

from benchmarks.figures import Figure, median

BLOCK = 1 << 16
BAR_MB = 50
BAR_LINES = 100_000
WORDS = (
    "loading",
    "file",
    "data",
    "shard",
    "reading",
    "worker",
    "started",
    "the",
    "model",
    "saved",
    "cache",
    "warming",
    "text",
    "download",
)


def dull(draw, count):
    """What a program says beside its metrics: log records, prose, tracebacks, requests."""
    lines = []
    for _ in range(count):
        words = " ".join(draw.choices(WORDS, k=8))
        lines.append(
            draw.choice(
                [
                    f"2026-11-22 05:{draw.randrange(60):02d}:{draw.randrange(60):02d},{draw.randrange(1000):03d} INFO app.loader: {words}",
                    words,
                    f'  File "/usr/lib/python3.11/{words.split()[0]}.py", line {draw.randrange(999)}, in {words.split()[1]}',
                    f"[{draw.randrange(99)}] shard-{draw.randrange(9999)}.parquet {draw.randrange(99999)} rows of /data/{words[:4]}",
                    f"GET /api/v1/items/{draw.randrange(9999)} HTTP/1.1 200 {draw.randrange(99999)}",
                ]
            )
        )
    return "\n".join(lines).encode() + b"\n"


def metrics(draw, count, form, head=""):
    """Lines of one tool, one after the other."""
    values = [f"{draw.random():.5f}" for _ in range(1009)]
    return head.encode() + "".join(form.format(step=i, a=values[i % 1009], b=values[(i * 7) % 1009]) + "\n" for i in range(count)).encode()


FORMS = {
    "step, loss and two more behind a time and a level": "2026-11-22 05:10:00,123 INFO train: step {step} loss: {a} acc: {b} lr: 1e-4",
    "a dict": "{{'loss': {a}, 'grad_norm': {b}, 'learning_rate': 1.5e-05, 'epoch': 0.5}}",
    "a boosting round": "[{step}]\ttrain-logloss:{a}\teval-logloss:{b}",
    "separated values": "{step},{a},{b},1e-4",
    "a table by its columns' widths": "{step:>7}  {a:>12}  {b:>12}",
}
HEADS = {
    "separated values": "step,loss,acc,lr\n",
    "a table by its columns' widths": "  epoch    train_loss    valid_loss\n-------  ------------  ------------\n",
}


def seconds(data):
    """CPU seconds to read it."""
    from outrider_agent.core import extract

    extractor, at = extract.Extractor(), 0
    began = time.process_time()
    while at < len(data):
        end = data.rfind(b"\n", at, at + BLOCK) + 1
        extractor.read(data[at:end], at)
        at = end
    return time.process_time() - began


def split_only(data):
    """CPU seconds to find the lines."""
    began = time.process_time()
    for at in range(0, len(data), BLOCK):
        len(data[at : at + BLOCK].split(b"\n"))
    return time.process_time() - began


def measure(short):
    """Lines without metrics, then lines with them."""
    draw, rounds = random.Random(0), 3 if short else 5
    data = dull(draw, 50_000 if short else 200_000)
    megabytes = len(data) / 1e6
    speed = median([megabytes / seconds(data) for _ in range(rounds)])
    floor = median([megabytes / split_only(data) for _ in range(rounds)])
    figures = [Figure("printed lines without metrics", speed, "MB/s a core", BAR_MB, floor, "split into lines", higher_is_better=True)]
    for what, form in FORMS.items():
        count = 20_000 if short else 100_000
        data = metrics(draw, count, form, HEADS.get(what, ""))
        speed = median([count / seconds(data) for _ in range(rounds)])
        floor = median([count / split_only(data) for _ in range(rounds)])
        figures.append(
            Figure(f"printed metrics, {what}", speed, "lines/s a core", BAR_LINES, floor, "split into lines", higher_is_better=True)
        )
    return figures
