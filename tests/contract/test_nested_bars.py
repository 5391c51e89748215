"""Of bars within bars, the outermost tells how far the run is, whoever draws them and however deep."""

from __future__ import annotations

import io
import itertools

import pytest
from rich import progress as rich_progress
from rich.console import Console
from tqdm import tqdm

from outrider_agent.store import printed

SECOND = 1_000_000_000


class Terminal(io.StringIO):
    """What was written to it, write by write."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def write(self, text):
        self.pieces.append(text.replace("\n", "\r\n").encode())
        return len(text)

    def isatty(self):
        return True


def shares(pieces, size=1):
    """How far the run is after so many writes each, what was the same left out."""
    reader, at, found = printed.StreamReader([]), 0, []
    for number, start in enumerate(range(0, len(pieces), size)):
        data = b"".join(pieces[start : start + size])
        reader.take([printed.Chunk(at, number * SECOND // 3, data)])
        at += len(data)
        told = reader.extractor.progress(reader.tail)
        found.append(None if told is None else round(told[0] / told[1], 3))
    return [share for share, _ in itertools.groupby(found)]


def tqdm_bars(descriptions, totals, *, leave):
    out = Terminal()

    def draw(level):
        if level == len(totals):
            return
        shown = {"file": out, "ncols": 70, "mininterval": 0, "leave": leave or level == 0, "desc": descriptions[level]}
        for _ in tqdm(range(totals[level]), **shown):
            draw(level + 1)

    draw(0)
    return out.pieces


def rich_bars(descriptions, totals):
    out = Terminal()
    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeRemainingColumn(),
        rich_progress.TextColumn("{task.fields[shown]}"),
    )
    console = Console(file=out, force_terminal=True, width=90, color_system="standard")
    with rich_progress.Progress(*columns, console=console, auto_refresh=False) as bars:
        tasks = [bars.add_task(name, total=total, shown="") for name, total in zip(descriptions, totals, strict=True)]

        def draw(level):
            if level == len(totals):
                return
            bars.reset(tasks[level])
            for step in range(totals[level]):
                draw(level + 1)
                bars.update(tasks[level], advance=1, shown=f"loss: {1 / (step + 1):.4f}" if level + 1 == len(totals) else "")
                bars.refresh()

        draw(0)
    return out.pieces


@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.parametrize("leave", [False, True], ids=["inner ones go", "inner ones stay"])
@pytest.mark.parametrize("descriptions", [("epochs", "batch"), ("", ""), ("runs", "x"), ("all of it", "Epoch 1")], ids=str)
def test_of_two_bars_the_outer_one(descriptions, leave, size):
    """By its name, or as the other one counts within it."""
    found = shares(tqdm_bars(descriptions, (3, 4), leave=leave), size)
    assert [share for share in found if share is not None] == [0, 0.333, 0.667, 1]


def test_of_three_bars_the_outermost():
    """Also where the one in the middle is of epochs."""
    assert shares(tqdm_bars(("trial", "epoch", ""), (2, 3, 4), leave=False)) == [0, 0.5, 1]


@pytest.mark.parametrize("descriptions", [("Outer", "Batches"), ("Epochs", "Batches"), ("Trials", "Fits", "Batches")], ids=str)
def test_of_rows_of_rich_the_first(descriptions):
    """Which it draws again and again, above the others."""
    found = [share for share in shares(rich_bars(descriptions, (3, 3, 4)[-len(descriptions) :])) if share is not None]
    assert found == [0, 0.333, 0.667, 1]


def bar(of, count, *, ends):
    return f"\r{of}{count * 10}%|███  | {count}/10 [00:01<00:05, 1.0it/s, loss=0.{count}]".encode() + (
        b"\n" if ends and count == 10 else b""
    )


def test_a_bar_that_says_which_epoch_of_how_many():
    """Is that part of an epoch; so is a line with both."""
    expected = [round(n / 15, 3) for n in range(1, 16)]
    assert shares([bar(f"Epoch {epoch}/3: ", count, ends=True) for epoch in (1, 2, 3) for count in (2, 4, 6, 8, 10)]) == expected
    lines = [f"Epoch [{epoch}/3], Step [{step}/10], loss: 0.{step}\n".encode() for epoch in (1, 2, 3) for step in (2, 4, 6, 8, 10)]
    assert shares(lines) == expected


def test_lightnings_rich_bar_counts_epochs_from_0():
    """`Epoch 2/2` is the third of three."""
    text = "\r\x1b[2KEpoch {}/2 ━━━━━━━━━━╸━━━━━━━━━ {}/10 0:00:01 • 0:00:09 10.55it/s v_num: 0.000 train_loss: 0.500"
    frames = [text.format(epoch, count).encode() for epoch in (0, 1, 2) for count in (2, 4, 6, 8, 10)]
    assert shares(frames) == [round(n / 15, 3) for n in range(1, 16)]


def test_a_bar_that_begins_again_tells_nothing_of_the_run():
    """It is within something that nobody tells: of how many such bars, nobody knows."""
    frames = [bar(f"Epoch {epoch}: ", count, ends=True) for epoch in (0, 1, 2) for count in (2, 4, 6, 8, 10)]
    assert shares(frames) == [0.2, 0.4, 0.6, 0.8, 1, None]


def test_a_heading_begins_its_epoch():
    """The second of two is not the end; when its bar is through, it is."""
    frames = [f"\r{n}/10 ━━━━━━━━━━━━━━━━━━━━ 9s 1s/step - loss: {9 - n}.5".encode() for n in (5, 10)]
    assert shares([b"Epoch 1/2\n", *frames, b"\n", b"Epoch 2/2\n", *frames, b"\n"]) == [0, 0.25, 0.5, 0.75, 1]
