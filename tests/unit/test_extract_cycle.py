"""Which step a line belongs to that tells none (docs/decisions/0038): the one above, the one below, or none."""

from __future__ import annotations

import json

import pytest

from outrider_agent.core import extract

ROUNDS = {
    "a log line before the print of the same event": (
        "INFO:alpha 0.00 mse 9.5\nstep 1/2: alpha is 0.00, and mse is 9.5\nINFO:alpha 0.05 mse 8.5\nstep 2/2: alpha is 0.05, mse 8.5\n",
        {"mse": [(1, 9.5), (2, 8.5)], "alpha": [(1, 0), (2, 0.05)]},
    ),
    "a log line before the print of the same event, once": (
        "INFO:train:loss 0.5\nstep 7 loss 0.5\n",
        {"loss": [(7, 0.5)]},
    ),
    "a round that ends with its step": (
        "INFO:train loss: 0.9\nINFO:grad norm: 1.5\nEpoch 1: lr 0.1\nINFO:train loss: 0.8\nINFO:grad norm: 1.4\nEpoch 2: lr 0.1\n",
        {"train_loss": [(1, 0.9), (2, 0.8)], "grad_norm": [(1, 1.5), (2, 1.4)], "lr": [(1, 0.1), (2, 0.1)]},
    ),
    "a round that ends with nothing but its step, printed": (
        "loss: 0.9\nEpoch 1 done in 3 s\nloss: 0.8\nEpoch 2 done in 3 s\nloss: 0.7\nEpoch 3 done in 3 s\n",
        {"loss": [(None, 0.9), (2, 0.8), (3, 0.7)]},
    ),
    "a round that begins with its step": (
        "Epoch 1\nloss: 0.9\nEpoch 2\nloss: 0.8\n",
        {"loss": [(1, 0.9), (2, 0.8)]},
    ),
    "a line with the step before one without": (
        "Iteration 1, loss = 8.5\nscore: 0.16\nIteration 2, loss = 7.3\nscore: 0.12\n",
        {"loss": [(1, 8.5), (2, 7.3)], "score": [(1, 0.16), (2, 0.12)]},
    ),
    "validation before training begins": (
        "val loss: 4.1\nEpoch 1: loss 3.5\nval loss: 3.0\nEpoch 2: loss 2.5\nval loss: 2.7\n",
        {"val_loss": [(None, 4.1), (1, 3), (2, 2.7)], "loss": [(1, 3.5), (2, 2.5)]},
    ),
    "a value told before all steps": (
        "baseline mse: 9.5\nstep 1: loss 3.5\nstep 2: loss 2.5\n",
        {"baseline_mse": [(None, 9.5)], "loss": [(1, 3.5), (2, 2.5)]},
    ),
    "many lines before the summary of an epoch": (
        "loss: 0.9\nloss: 0.8\nEpoch 1: acc 0.5\nloss: 0.7\nloss: 0.6\nEpoch 2: acc 0.6\n",
        {"loss": [(None, 0.9), (None, 0.8), (None, 0.7), (None, 0.6)], "acc": [(1, 0.5), (2, 0.6)]},
    ),
    "a round that its step is missing of": (
        "loss 0.9\nstep 1: acc 0.5\nloss 0.8\nstep 2: acc 0.6\nloss 0.7\nloss 0.6\nstep 4: acc 0.7\nloss 0.5\n",
        {"loss": [(None, 0.9), (2, 0.8), (None, 0.7), (4, 0.6), (None, 0.5)], "acc": [(1, 0.5), (2, 0.6), (4, 0.7)]},
    ),
}


def series(found):
    """Each name's points, in the order of their lines."""
    told: dict = {}
    for one in sorted(found, key=lambda one: one.line):
        for name, value in one.metrics.items():
            told.setdefault(name, []).append((one.step, value))
    return told


@pytest.mark.parametrize(("text", "points"), ROUNDS.values(), ids=ROUNDS.keys())
def test_a_line_without_a_step_belongs_to_the_step_of_its_round(text, points):
    """Whatever line of the round tells it; and no event makes two points at different steps."""
    extractor = extract.Extractor()
    found = extractor.read(text.encode())
    assert series(found + extractor.finish()) == points


@pytest.mark.parametrize(("text", "points"), ROUNDS.values(), ids=ROUNDS.keys())
def test_a_round_is_the_same_wherever_reading_is_interrupted(text, points):
    """What waits for its step stands in the state (law 3)."""
    found, state, offset = [], None, 0
    for line in text.encode().splitlines(keepends=True):
        extractor = extract.Extractor(state=state)
        found += extractor.read(line, offset)
        offset, state = offset + len(line), json.loads(json.dumps(extractor.state))
    assert series(found + extract.Extractor(state=state).finish()) == points
