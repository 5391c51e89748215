"""Hostile lines (`core/extract`, law 6): nothing breaks the reading, and its time grows with the line and no faster."""

from __future__ import annotations

import json
import time

import pytest

from outrider_agent.core import extract


def read(data):
    """Every reading of a whole output."""
    extractor = extract.Extractor()
    return extractor.read(data) + extractor.finish()


NASTY = [
    "a" * 20_000,
    "1" * 20_000,
    "a=1" * 6_000,
    "{" * 20_000,
    "{'a':" * 4_000,
    "[" * 20_000,
    "1 " * 9_000,
    "- " * 9_000,
    "a.b/" * 5_000,
    "'" * 20_000,
]


HOSTILE = [
    "acc improved from 0.1 to ",
    "1/2 [0<",
    "loss [1 ",
    "A  1.0  ",
    "loss: [0.1, ",
    "{'a': [1, ",
    "best: a 0.5 ",
    "with the a ",
    "1,",
    "2024-05-01 ",
    "a's b ",
    "x\x08",
    "\x1b[",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_line_and_no_faster(piece):
    """A line of 16 times the length takes some 16 times as long, and not 256 times: nothing tries its ways. (CPU time.)"""

    def seconds(length):
        lines = (("Train: " + piece * length)[:length] + "\n").encode()
        began = time.process_time()
        read(lines)
        return time.process_time() - began

    assert any(seconds(16_000) <= 36 * max(seconds(1_000), 0.0005) for _ in range(5))


LONG_NUMBERS = [
    "{{'x': {}_}}",
    "loss: [{}x, 1]",
    "| {}x | 1 |",
    "loss={}_",
    "1: {}x avg loss, 2",
    "best: {}x",
    "{}/x",
    "{}.{}.x",
    "step {}-x",
]


@pytest.mark.parametrize("form", LONG_NUMBERS)
def test_a_long_number_that_is_none_is_looked_at_once(form):
    """Wherever a number can stand: sixteen times the digits take some 16 times as long. (CPU time.)"""

    def seconds(length):
        line = (form.replace("{}", "1" * length) if "{{" not in form else form.format("1" * length)).encode()
        began = time.process_time()
        read(line + b"\n")
        return time.process_time() - began

    assert any(seconds(16_000) <= 36 * max(seconds(1_000), 0.0005) for _ in range(5))


@pytest.mark.parametrize(
    "text",
    [
        b"[2]\ttrain-logloss:0.22116+0.00.0000        3\n",
        b"Train: 91.90ifffs [1/2]\n",
        b"1: 0.5.5, 0.8 avg loss, 0.1 rate\n",
    ],
)
def test_what_begins_as_a_number_and_is_none_harms_nothing(text):
    """The lines after it are read (law 6)."""
    found = read(text + b"epoch 7: val_loss=0.25")[-1]
    assert (found.step, found.epoch, found.metrics) == (7, 7, {"val_loss": 0.25})


def test_a_box_that_ends_the_output_stands_where_it_was_printed():
    """Also for an agent that was started again while it was open (law 3): its points' place was the output's beginning."""
    data = b"hello\n| metric | value |\n|--------+-------|\n| loss   | 0.5   |\n"
    first = extract.Extractor()
    assert first.read(data) == []
    again = extract.Extractor(state=json.loads(json.dumps(first.state)))
    (one,) = again.finish()
    assert (one.line, data[one.offset : one.offset + one.length]) == (4, b"| loss   | 0.5   |")


@pytest.mark.parametrize(
    "line", [*NASTY, "loss: " * 4_000, "(" * 20_000, "1:" * 9_000, "1/" * 9_000, "| 1 " * 5_000, "\\" * 20_000, "1%" * 9_000]
)
def test_long_odd_lines_are_survived(line):
    """A line is looked at once, however odd: nothing backtracks over it."""
    read(f"{line}\nepoch 1 loss=0.5\n{line}".encode())
