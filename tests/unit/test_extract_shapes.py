"""Lines of shapes that were seen before (`core/extract/shapes`, `rows`): what is remembered saves time and changes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider_agent.core import extract

ROOT = Path(__file__).resolve().parents[2]
LOGS = sorted((ROOT / "tests/golden/printed").glob("*.log"))
CONSOLES = [json.loads(line) for line in (ROOT / "tests/golden/consoles.jsonl").read_text("utf-8").splitlines()]


def lines_of(data):
    """With their newlines; a carriage return ends none."""
    return [line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")]


def at_once(data, lines):
    """Read by one extractor, so many lines a time."""
    extractor, found, at = extract.Extractor(), [], 0
    pieces = lines_of(data)
    for first in range(0, len(pieces), lines):
        piece = b"".join(pieces[first : first + lines])
        found += extractor.read(piece, at)
        at += len(piece)
    return [repr(one) for one in found + extractor.finish()]


def anew(data):
    """Each line by an extractor of its own, which knows the state and has seen no shape."""
    state, found, at = None, [], 0
    for line in lines_of(data):
        extractor = extract.Extractor(state=state)
        found += extractor.read(line, at)
        state, at = extractor.state, at + len(line)
    return [repr(one) for one in found + extract.Extractor(state=state).finish()]


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_log_is_read_the_same_by_whoever_has_seen_its_shapes(log):
    """All at once, in pieces, and line by line without any memory."""
    data = log.read_bytes()
    expected = anew(data)
    assert at_once(data, 10**6) == expected
    assert at_once(data, 40) == expected


def test_consoles_one_after_the_other_are_read_the_same():
    """Lines of some hundred tools: dull ones, rows and dicts between lines of known shapes."""
    data = "".join("".join(f"{line}\n" for line in case["lines"]) * 2 for case in CONSOLES).encode()
    assert at_once(data * 2, 30) == anew(data * 2)


NUMBERS = st.sampled_from(["0.5", "0.25", "12", "-0.125", "1e-4", "nan", "-inf", "1,234", "100.", ".5", "3", "45%", "-", "", "n/a", "2/5"])
TABLES = [
    ("step,loss,acc", ","),
    ("epoch;batch;loss", ";"),
    ("name\tloss\tauc", "\t"),
    ("epoch,step,iteration,loss", ","),
    ("   epoch    loss   grad_norm", "     "),
    ("loss  acc  f1", "  "),
    ("  iter   step   loss", "   "),
]
BETWEEN = st.sampled_from(
    ["", "epoch 3", "hello", "loss: 0.5", "-----  ----  ----", "step 7 acc: 0.1 f1: 0.2", "  loss  mae", "results:", "1"]
)


def test_a_line_that_names_its_values_is_no_row_of_the_table_above():
    """Whoever has seen its shape, or not."""
    text = b"loss  acc  f1\n0.5  0.5  0.5\nstep 7 acc: 0.1 f1: 0.2\n"
    assert at_once(text, 10**6) == anew(text)
    (found,) = extract.Extractor().read(text)
    assert (found.metrics, found.step) == ({"acc": 0.1, "f1": 0.2}, 7.0)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_rows_are_read_the_same_by_whoever_has_seen_their_shapes(data):
    """Empty cells, words in cells, a line between, another heading: each row belongs to its table as if it stood alone."""
    lines = []
    for _ in range(data.draw(st.integers(1, 3))):
        head, separator = data.draw(st.sampled_from(TABLES))
        width = len(head.split(separator.strip() or None))
        lines.append(head)
        lines += [separator.join(row) for row in data.draw(st.lists(st.lists(NUMBERS, min_size=width, max_size=width), max_size=8))]
        if data.draw(st.booleans()):
            lines.append(data.draw(BETWEEN))
    text = ("\n".join(lines * 2) + "\n").encode()
    assert at_once(text, 10**6) == at_once(text, 3) == anew(text)
