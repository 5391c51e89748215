"""Tables on a console that no lines are drawn around: separated values, frames as pandas and polars print them; and lists of values."""

from __future__ import annotations

import json

import pytest

from outrider_agent.core import extract


def read(text):
    """Each reading: line, step, epoch, metrics."""
    extractor = extract.Extractor()
    return told(extractor.read(text.encode()) + extractor.finish())


def told(found):
    return [[one.line, one.step, one.epoch, one.metrics] for one in found]


def plain(found):
    """Comparable: a nan is no nan's equal, and 1 is 1.0."""
    return json.loads(json.dumps(found), parse_int=float, parse_constant=str)


TABLES = {
    "commas": ("epoch,loss,acc\n1,0.5,0.8\n2,0.4,0.85\n", [[2, 1, 1, {"loss": 0.5, "acc": 0.8}], [3, 2, 2, {"loss": 0.4, "acc": 0.85}]]),
    "commas and blanks": ("epoch, train loss\n  1,   0.5\n", [[2, 1, 1, {"train_loss": 0.5}]]),
    "semicolons": ("epoch;loss\n1;0.5\n", [[2, 1, 1, {"loss": 0.5}]]),
    "tabs and an empty cell": ("epoch\tloss\tval_loss\n1\t\t0.5\n", [[2, 1, 1, {"val_loss": 0.5}]]),
    "quotes": ('"epoch","loss"\n"1","0.5"\n', [[2, 1, 1, {"loss": 0.5}]]),
    "an epoch and a step": ("epoch,step,loss\n0,9,0.5\n0,19,\n1,29,0.25\n", [[2, 9, 0, {"loss": 0.5}], [4, 29, 1, {"loss": 0.25}]]),
    "between other lines": ("epoch,loss\n1,0.5\nsaved, as model.pt\n2,0.25\n", [[2, 1, 1, {"loss": 0.5}], [4, 2, 2, {"loss": 0.25}]]),
    "behind a logger": ("INFO:root:epoch,loss\nINFO:root:1,0.5\n", [[2, 1, 1, {"loss": 0.5}]]),
    "a time first": ("time,step,reward\n2024-05-01 10:00:00,100,1.5\n", [[2, 100, None, {"reward": 1.5}]]),
    "parts of the data": (
        "epoch,phase,loss\n1,train,0.5\n1,val,0.6\n",
        [[2, 1, 1, {"train/loss": 0.5}], [3, 1, 1, {"val/loss": 0.6}]],
    ),
    "a row a model": (
        "model,accuracy\nsvm,0.9\nknn,0.8\n",
        [[2, None, None, {"svm/accuracy": 0.9}], [3, None, None, {"knn/accuracy": 0.8}]],
    ),
    "no axis": ("loss,acc\n0.5,0.8\n0.4,0.9\n", [[2, 0, None, {"loss": 0.5, "acc": 0.8}], [3, 1, None, {"loss": 0.4, "acc": 0.9}]]),
    "a frame": (
        "   epoch  loss  val_loss\n0      1  0.50       NaN\n1      2  0.40       0.6\n",
        [[2, 1, 1, {"loss": 0.5, "val_loss": float("nan")}], [3, 2, 2, {"loss": 0.4, "val_loss": 0.6}]],
    ),
    "a frame with nothing but its numbers": (
        "   train_loss  val_loss\n0        0.50      0.60\n1        0.40      0.55\n",
        [[2, 0, None, {"train_loss": 0.5, "val_loss": 0.6}], [3, 1, None, {"train_loss": 0.4, "val_loss": 0.55}]],
    ),
    "a frame whose index has a name": ("       loss   acc\nepoch            \n1      0.50  0.80\n", [[3, 1, 1, {"loss": 0.5, "acc": 0.8}]]),
    "a frame wider than the page": (
        "   epoch  train_loss  \\\n0      1        0.50   \n1      2        0.40   \n\n   val_loss  \n0      0.60  \n1      0.55  \n",
        [[2, 1, 1, {"train_loss": 0.5}], [3, 2, 2, {"train_loss": 0.4}], [6, 1, 1, {"val_loss": 0.6}], [7, 2, 2, {"val_loss": 0.55}]],
    ),
    "names that stand close, and a word that says whose rows these are": (
        "      Step     Time          Energy          fmax\nBFGS:    0 15:50:07      102.648541      317.270595\n",
        [[2, 0, None, {"Energy": 102.648541, "fmax": 317.270595}]],
    ),
    "some names at one blank": (
        "iter    objective    inf_pr   inf_du lg(mu)\n   3  4.0e+00 1.0e+00 2.5e+00  -1.0\n",
        [[2, 3, None, {"objective": 4.0, "inf_pr": 1.0, "inf_du": 2.5, "lg(mu)": -1.0}]],
    ),
    "a report's part is no heading": (
        "=== Error on test data ===\nKappa statistic      0.9067\nMean absolute error      0.0783\n",
        [[2, None, None, {"Kappa_statistic": 0.9067}], [3, None, None, {"Mean_absolute_error": 0.0783}]],
    ),
    "a table of classes below a metric's name": (
        "           cat dog class.error\ncat         50   0        0.00\ndog          4  46        0.08\n",
        [],
    ),
    "a frame in a box": (
        "┌───────┬──────┐\n│ epoch ┆ loss │\n│ ---   ┆ ---  │\n│ i64   ┆ f64  │\n╞═══════╪══════╡\n│ 1     ┆ 0.5  │\n└───────┴──────┘\n",
        [[7, 1, 1, {"loss": 0.5}]],
    ),
    "groups of columns": (
        "    |  Train          |  Test           |\n epoch   loss    acc     loss    acc\n     1   0.50   0.80     0.60   0.70\n",
        [[3, 1, 1, {"Train/loss": 0.5, "Train/acc": 0.8, "Test/loss": 0.6, "Test/acc": 0.7}]],
    ),
    "a list of results": (
        "===== Results =====\n\nTOK        100.00\nNER (P)     99.50\nother words\nREST         1.50\n",
        [[3, None, None, {"TOK": 100.0}], [4, None, None, {"NER_(P)": 99.5}]],
    ),
    "precision and recall": (
        "        P      R      F\nGPE  0.50   0.75   0.60\n",
        [[2, None, None, {"GPE/P": 0.5, "GPE/R": 0.75, "GPE/F": 0.6}]],
    ),
    "one column of values": ("      ROC AUC\nPOS      1.00\n", [[2, None, None, {"POS/ROC_AUC": 1.0}]]),
    "another heading ends a table": (
        "epoch  loss   acc\n    1   0.5   0.8\n\n        foo    bar\nX      0.50   0.75\n",
        [[2, 1, 1, {"loss": 0.5, "acc": 0.8}]],
    ),
    "a list": ("epoch 3 IoU: [0.1, 0.2] loss: 0.5\n", [[1, 3, 3, {"IoU/0": 0.1, "IoU/1": 0.2, "loss": 0.5}]]),
    "a list without commas": ("per-class acc [0.91 0.85]\n", [[1, None, None, {"per-class_acc/0": 0.91, "per-class_acc/1": 0.85}]]),
    "a tensor": ("epoch 3 val iou tensor([0.1, 0.2])\n", [[1, 3, 3, {"val_iou/0": 0.1, "val_iou/1": 0.2}]]),
    "a list in a dict": (
        "{'loss': 0.3, 'iou': [0.1, 0.2], 'shape': [3, 224]}\n",
        [[1, None, None, {"loss": 0.3, "iou/0": 0.1, "iou/1": 0.2}]],
    ),
    "a list of one value": ("step 5 loss 0.5 lr=[0.001, 0.001]\n", [[1, 5, None, {"loss": 0.5, "lr": 0.001}]]),
    "a list that is one value no more": (
        "step 5 loss 0.5 lr=[0.1, 0.1]\nstep 6 loss 0.5 lr=[0.1, 0.2]\n",
        [[1, 5, None, {"loss": 0.5, "lr": 0.1}], [2, 6, None, {"loss": 0.5, "lr/0": 0.1, "lr/1": 0.2}]],
    ),
}


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES.keys())
def test_tables_and_lists(case):
    """By their form."""
    text, expected = case
    assert plain(read(text)) == plain(expected)


@pytest.mark.parametrize("case", TABLES.values(), ids=TABLES.keys())
def test_a_table_is_read_on_by_another_reader(case):
    """Wherever reading is interrupted, from the state that is written with the points (law 3)."""
    lines = case[0].encode().splitlines(keepends=True)
    for cut in range(len(lines) + 1):
        first = extract.Extractor()
        found = first.read(b"".join(lines[:cut]))
        second = extract.Extractor(state=json.loads(json.dumps(first.state)))
        found += second.read(b"".join(lines[cut:]), sum(map(len, lines[:cut]))) + second.finish()
        assert repr(told(found)) == repr(read(case[0]))


NOTHING = [
    "sepal_length,sepal_width,species\n5.1,3.5,setosa\n4.9,3.0,setosa\n",
    "id,label,score\n0,1,0.93\n1,0,0.12\n",
    "   sepal_length  sepal_width species\n0           5.1          3.5  setosa\n",
    "            loss      score\ncount  10.000000  10.000000\nmean    5.500000   0.500000\n",
    "timestamp, utilization.gpu [%], memory.used [MiB]\n2024/05/01 10:00:00.123, 45 %, 1234 MiB\n",
    "mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]\n",
    "loss: [" + "0.5, 0.6, " * 100 + "0.7]\n",
    "At last the loss, the accuracy\nWell, 0.5 of it\n",
]


@pytest.mark.parametrize("text", NOTHING)
def test_data_and_summaries_of_data_are_no_metrics(text):
    """They have the form of a table, but no heading that speaks of training."""
    assert read(text) == []


def test_a_row_that_was_seen_without_its_heading_is_read_below_it():
    """What is remembered of a shape of lines must not hide rows of the same shape further down."""
    assert read("5,0.5\n6,0.6\nepoch,loss\n7,0.7\n8,0.8\n") == [[4, 7.0, 7.0, {"loss": 0.7}], [5, 8.0, 8.0, {"loss": 0.8}]]
    assert [one[0] for one in read("5  0.5  0.1\n6  0.6  0.1\nepoch  loss  acc\n7  0.7  0.1\n")] == [4]
