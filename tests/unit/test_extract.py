"""Metrics from printed lines (`core/extract`). tests/golden/printed is byte-exact output of real tools, and what was found in it by eye."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider_agent.cli import extract as command
from outrider_agent.core import extract

ROOT = Path(__file__).resolve().parents[2]
PRINTED = ROOT / "tests/golden/printed"
LOGS = sorted(PRINTED.glob("*.log"))
#: Lines as some 150 tools print them, and what else fills consoles: each with every reading (line, step, epoch, split, metrics).
CONSOLES = [json.loads(line) for line in (ROOT / "tests/golden/consoles.jsonl").read_text("utf-8").splitlines()]
#: Genuine lines of a hundred tools, with what they hold. It stands beside the repository, not in it.
FORMATS = ROOT.parent / "shared/formats"


def read(data):
    """Every reading of a whole output."""
    extractor = extract.Extractor()
    return extractor.read(data) + extractor.finish()


def of(*lines):
    """The last reading of these lines: step, epoch, metrics."""
    found = read("\n".join(lines).encode())
    return (found[-1].step, found[-1].epoch, found[-1].metrics) if found else None


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_real_output_is_read_as_it_was_by_eye(log):
    """Line by line, with steps. What changes here changes what users see: look at every difference."""
    expected = [json.loads(line) for line in log.with_suffix(".jsonl").read_text("utf-8").splitlines()]
    assert [json.loads(command.as_json(found)) for found in read(log.read_bytes())] == expected


def test_output_without_metrics_gives_none():
    """Settings, versions, tracebacks, file lists, builds, git: many numbers, no metric."""
    assert read((PRINTED / "no-metrics.log").read_bytes()) == []


@pytest.mark.parametrize("case", CONSOLES, ids=lambda case: case["what"])
def test_consoles_are_read_as_they_were_by_eye(case):
    """No value of another name or step, and nothing of lines that hold none. Look at every difference."""
    found = read("\n".join(case["lines"]).encode())
    assert repr([[one.line, one.step, one.epoch, one.split, one.metrics] for one in found]) == repr(case["found"])


def test_the_collection_of_formats_is_read(capsys):
    """At least 97 % of metrics and of steps, nothing where nothing is. The score is printed."""
    if not FORMATS.exists():
        return
    spec = importlib.util.spec_from_file_location("score", FORMATS / "score.py")
    scoring = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scoring)
    scoring.ROWS[:] = [json.loads(line) for line in (FORMATS / "formats.jsonl").read_text("utf-8").splitlines()]
    scoring.score("outrider", lambda lines: [(found.step, found.metrics) for found in read("\n".join(lines).encode())])
    text = capsys.readouterr().out
    with capsys.disabled():
        print(f"\n{text.strip()}")
    words = text.replace("(", " ").split()
    metrics, steps = (words[words.index(name) + 1].split("/") for name in ("metrics", "step"))
    assert int(metrics[0]) >= 0.97 * int(metrics[1])
    assert int(steps[0]) >= 0.97 * int(steps[1])
    assert "false hits on 0/" in text


CASES = {
    "blanks only": (["iter 40: loss 6.2081, time 48.67ms, mfu 10.07%"], (40, None, {"loss": 6.2081, "mfu": 10.07})),
    "pipes": (["Epoch: 3 | Train Loss: 0.5 | Val Acc: 91.2%"], (3, 3, {"Train_Loss": 0.5, "Val_Acc": 91.2})),
    "brackets": (["Epoch [2/5], Step [100/600], Loss: 0.25"], (100, 2, {"Loss": 0.25})),
    "pair": (["[1,  2000] loss: 2.173"], (2000, 1, {"loss": 2.173})),
    "share": (["Test set: Average loss: 0.05, Accuracy: 9835/10000 (98%)"], (None, None, {"Average_loss": 0.05, "Accuracy": 98})),
    "sentence": (["Accuracy of the network on the 10000 test images: 55 %"], (None, None, {"Accuracy": 55})),
    "list": (["step=10, skipped=0, lr=[0.00033], mom=[(0.9, 0.999)]"], (10, None, {"skipped": 0, "lr": 0.00033})),
    "json": (['{"event": "epoch", "level": "info", "epoch": 2, "val": {"loss": 0.5}}'], (2, 2, {"val/loss": 0.5})),
    "numpy": (["{'loss': np.float32(0.89), 'acc': tensor(0.5, device='cuda:0')}"], (None, None, {"loss": 0.89, "acc": 0.5})),
    "nan": (["step:0 loss:nan norm:-inf"], (0, None, {"loss": float("nan"), "norm": float("-inf")})),
    "thousands": (["step: 20 tps: 4,376 loss: 1.5"], (20, None, {"tps": 4376, "loss": 1.5})),
    "deviation": (["[2]\ttest-logloss:0.30050+0.02547"], (2, None, {"test/logloss": 0.3005, "test/logloss_std": 0.02547})),
    "dash": (["epoch 1 - iter 8/40 - loss 3.13 - lr: 0.1"], (8, 1, {"loss": 3.13, "lr": 0.1})),
    "glog": (["I0613 12:00:00.123456 140 train.py:23] Step 100: loss=0.3"], (100, None, {"loss": 0.3})),
    "global step": (["INFO:tensorflow:loss = 0.3, step = 100 (0.5 sec)"], (100, None, {"loss": 0.3})),
    "below a heading": (["Epoch 3", "val loss 4.1"], (3, 3, {"val_loss": 4.1})),
    "below a step": (["[step=10/100,epoch=0]", "    train/CE=1.5"], (10, 0, {"train/CE": 1.5})),
    "pretty dict": (["{'eval_loss': 0.85,", " 'eval_bleu': 52.9,", " 'epoch': 3.0}"], (3, 3, {"eval_loss": 0.85, "eval_bleu": 52.9})),
    "empty cell": (["epoch  loss  cp  acc", "-----  ----  --  ---", "    2   0.5      0.9"], (2, 2, {"loss": 0.5, "acc": 0.9})),
    "box": (["| epoch | loss |", "|-------+------|", "|     4 | 0.25 |"], (4, 4, {"loss": 0.25})),
    "colours": (["\x1b[32mepoch 1\x1b[0m \x1b[1mloss\x1b[0m: \x1b[36m0.5\x1b[0m"], (1, 1, {"loss": 0.5})),
    "names with numbers": (["mAP@0.5: 0.812, mAP@0.5:0.95: 0.612"], (None, None, {"mAP@0.5": 0.812, "mAP@0.5:0.95": 0.612})),
    "what is counted": (["line 17 loss=0.5"], (None, None, {"loss": 0.5})),
    "a number of a name": (["top 5 acc: 0.75"], (None, None, {"top_5_acc": 0.75})),
    "two ratios": (["Train: [12/300][100/1251]\teta 0:10:11 loss 3.1 (3.4)"], (100, 12, {"loss": 3.1})),
    "two parts": (["12epoch results: [train] loss=1.5, [valid] loss=2.5"], (12, 12, {"train/loss": 1.5, "valid/loss": 2.5})),
    "COCO": ([" Average Recall (AR) @[ IoU=0.50 | area= all ] = 0.4"], (None, None, {"AverageRecall(AR)@[IoU=0.50|area=all]": 0.4})),
    "log lines below a heading": (
        ["2024-05-01 10:00:00: Epoch 12", "2024-05-01 10:00:01: Current rate: 0.01"],
        (12, 12, {"Current_rate": 0.01}),
    ),
    "words that join": (["step 1/20: alpha is 0.05, and mse is 3408.87"], (1, None, {"alpha": 0.05, "mse": 3408.87})),
    "the best told again": (["best: alpha 0.45 with mse 3295.71"], (None, None, {"best_mse": 3295.71})),
    "what it improved to": (["=> epoch 3: acc improved from 0.81 to 0.85"], (3, 3, {"acc": 0.85})),
    "what it decreased to": (["val loss decreased (inf --> 0.4)"], (None, None, {"val_loss": 0.4})),
    "a summary in two columns": (["Method:     Least Squares   Pseudo R-squ.:    0.364"], (None, None, {"Pseudo_R-squ": 0.364})),
    "metrics behind a bar": (["100%|███| 8/8 [00:00<00:00, 99.9it/s]epoch 3 loss: 0.5"], (8, 3, {"loss": 0.5})),
    "how many steps": (["Epoch: 2/3 Train steps: 6 Val steps: 2 0.13s loss: 0.5"], (2, 2, {"loss": 0.5})),
    "a name before its step": (["Score at iteration 10 is 0.5"], (10, None, {"Score": 0.5})),
    "a word before the step": (["evolution step 3: f(x)= 0.5"], (3, None, {"f(x)": 0.5})),
    "a heading of generations": (["****** Running generation 3 ******", "Best fitness: 2.5 - size: 4"], (3, None, {"Best_fitness": 2.5})),
    "a heading of cycles": (["cycle= 3 E= -74.5  |g|= 0.01"], (3, None, {"E": -74.5, "|g|": 0.01})),
    "Italian": (["Epoca 3/4 - loss: 0.5"], (3, 3, {"loss": 0.5})),
    "Polish": (["Epoka 3: loss=0.5"], (3, 3, {"loss": 0.5})),
    "Turkish": (["Devir 2/3 loss: 0.5"], (2, 2, {"loss": 0.5})),
    "a number before a dict": (["3 defaultdict(<class 'float'>, {'loss': 0.5})"], (3, None, {"loss": 0.5})),
    "a number before a dict over lines": (["3 {", "  val_loss: 0.6,", "  loss: 0.5", "}"], (3, None, {"val_loss": 0.6, "loss": 0.5})),
    "pairs": (["OrderedDict([('epoch', 2), ('loss', 0.5), ('acc', np.float64(0.75))])"], (2, 2, {"loss": 0.5, "acc": 0.75})),
    "parts of one metric": (["epoch 3 loss: train 0.5, val 0.6"], (3, 3, {"train/loss": 0.5, "val/loss": 0.6})),
    "epochs before a bar": (["1/3(t): 100%|███| 5/5 [00:00<00:00, 23.61it/s, acc=0.5]"], (5, 1, {"acc": 0.5})),
    "steps of an episode": (["Ep   3 | steps 197 | return 94.2"], (3, 3, {"return": 94.2})),
    "steps in an epoch": (["Epoch 3 | steps 197 | loss 0.5"], (197, 3, {"loss": 0.5})),
    "a class's row": (["  cat    IoU=0.5  Acc=0.6"], (None, None, {"cat/IoU": 0.5, "cat/Acc": 0.6})),
    "single precision": (["epoch = 1, loss = 0.5f0, mse = 0.25f"], (1, 1, {"loss": 0.5, "mse": 0.25})),
    "bars around a name": (["iter  3 act 5.5e+00 |g| 3.2e+01 CG   2"], (3, None, {"act": 5.5, "|g|": 32.0})),
    "a longer name": (["Root mean squared error                  0.1979"], (None, None, {"Root_mean_squared_error": 0.1979})),
    "R²": (["R² = 0.6474"], (None, None, {"R²": 0.6474})),
    "a complex number": (["epoch 1 loss = 0.5 + 1.5j", "epoch 2 loss: 0.25+1.j"], (2, 2, {"loss": 0.25})),
    "Katib": (["{metricName: acc, metricValue: 0.8};{metricName: loss, metricValue: 0.5}"], (None, None, {"acc": 0.8, "loss": 0.5})),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_general_shapes(case):
    """Each is a rule of its own, and no tool's."""
    lines, (step, epoch, metrics) = case
    found = of(*lines)
    assert (found[0], found[1]) == (step, epoch)
    assert {name: repr(float(value)) for name, value in found[2].items()} == {name: repr(float(value)) for name, value in metrics.items()}


NOTHING = [
    "Namespace(lr=0.1, loss='mse', epochs=10)",
    "{'lr': 0.001, 'batch_size': 32, 'epoch': 10}",
    "24715264/24714354 [==============================] - 2s 0us/step",
    "Downloading: 100%|██████████| 1.2M/1.2M [00:01<00:00, 1.05MB/s]",
    "Collecting accuracy==0.5",
    "000003d0  96 a0 89 97 ce 2c 63 72  e4 62 41 f5 f1 8b 12 0c  |.....,cr.bA.....|",
    "Saving to /ckpt/epoch=3-val_loss=0.25.ckpt",
    "Epoch 3 took 12.5 s",
    "Fit 3 trees in 0.022 s, (42 total leaves)",
    "x: 1.5",
    "ii  libgpg-error-dev      1.46-1       amd64        GnuPG development runtime library",
    "dice-ml 0.11 has requirement pandas<2.0.0, but you have pandas 2.3.3.",
    "radius (standard error):              0.112  2.873",
    "wandb:   loss 0.5",
    "2026-01-01 10:00:00,123 INFO listening on 10.0.0.1:8080",
    "    loss = 0.5 * criterion(x)",
    "Learning rate set to 0.209667",
    "Epoch 00003: val_loss improved from 0.5 to 0.4, saving model to best.h5",
    "Validation loss decreased (0.5 --> 0.4).  Saving model ...",
    # of code, tests and machines
    "        page.mouse.move(left + wide * 0.6, top + high * 0.7, steps=5)",
    "E         At index 1 diff: b\"{'loss': [1, 2]}\\n\" != b'not here\\n'",
    "     |      Throw a dice 20 times:",
    "%Cpu(s): 50.0 us, 50.0 sy,  0.0 ni\n%Cpu(s): 60.8 us, 27.2 sy,  7.2 ni",
    # of changelogs, package managers and debuggers
    "Setting up libgpg-error-dev (1.46-1) ...",
    "Setting up java-wrappers (0.4) ...",
    "        * configure.ac: Require libgpg-error 1.25.",
    "    (change 8.10/14).",
    "[src/acosu.c] for u=0 and |x| > 1, return NaN",
    "* Distribute #225: Fixed a NameError on Python 2.5, 2.4",
    "- Fix compile error on OS X 10.3.x introduced with Open MPI 1.1.5.",
    " * Add support for block sizes other than 512 bytes in .map files, for MapInfo 15.2 compatibility (#6298)",
    "\t* ChangeLog (1.55), src/thctype/wtt.c (1.3): Fix TACio_op_[] data",
    "* darwin: fix 10.6 build error in fsevents.c (Ben Noordhuis)",
    "b8c44f1a 3% speed improvement for lossless webp encoder for low effort mode:",
    "2beef2f2 lossless: 0.13% compression density gain",
    "sha256:f2edbd6a658e04d559c1bec36d838006bbdcb39d8fb9033ed43d2014ac497774\t1.73 kB\t\t6 minutes\tcontainerd.io/uncompressed",
    "          #1 0x7f89bc47a1f1 in p11_dict_new ../common/dict.c:278",
    "\tWRITE: bw=76.7MiB/s (80.4MB/s), 76.7MiB/s-76.7MiB/s (80.4MB/s-80.4MB/s),",
    "    Returns the total number of channels in a given format: 1..4",
    "              [ 1/14] Rinda::TupleSpaceProxyTest#test_ruby_talk_264062 = 0.21 s",
    "  [29537] libc: [2.34 regression]: Alignment issue on m68k when using",
    "  [29030] string: GLIBC 2.35 regression - Fortify crash on certain valid",
    "    Autoconf 2.69 (2012)",
    "When: 1.17.x\nWhen: 1.16.x",
    "    Message-ID: <54574397.4060000@DemoRecorder.com>\n    Message-ID: <54562798.8040500@DemoRecorder.com>",
    "Version bump: 1.10\nVersion bump: 1.9",
    "fix a segfault with the journal error\nE2fsprogs 1.39 (May 29, 2006)",
]


@pytest.mark.parametrize("line", NOTHING)
def test_what_only_looks_like_a_metric(line):
    """No false hit."""
    assert read(line.encode()) == []


def test_a_name_that_changes_becomes_a_metric():
    """And its first value, which had to wait, is not lost. A repeated name begins the next step."""
    found = read(b"x: 1.1\ny: 2.2\nx: 3.3\ny: 4.4\n")
    assert sorted((one.line, one.step, one.metrics) for one in found) == [
        (1, 0, {"x": 1.1}),
        (2, 0, {"y": 2.2}),
        (3, 1, {"x": 3.3}),
        (4, 1, {"y": 4.4}),
    ]


def test_a_name_among_other_words_is_learned_when_its_line_comes_again():
    """The second line of a shape, with another value: then the first was a metric too, and is not counted as unread any more."""
    extractor = extract.Extractor()
    first = b"shard 1 done: crps=0.52 width=0.11 (3 parts)\n"
    assert extractor.read(first) == []
    assert extractor.unread == 1
    again = extract.Extractor(state=json.loads(json.dumps(extractor.state)))
    found = again.read(first.replace(b"1 done", b"2 done").replace(b"0.52", b"0.53").replace(b"0.11", b"0.12"), len(first))
    assert [(one.line, one.step, one.metrics) for one in found] == [
        (1, 0, {"crps": 0.52}),
        (1, 0, {"width": 0.11}),
        (2, 1, {"crps": 0.53, "width": 0.12}),
    ]
    assert again.unread == 0


def test_the_same_again_or_another_shape_teaches_nothing():
    """What does not change is a setting told twice; times are no metrics however they change."""
    assert read(b"using the kernel: width=0.5 now\n" * 3) == []
    assert read(b"using the kernel: width=0.5 now\nusing no kernel: width=0.6 now\n") == []
    weather, bill = "Berlin: {} °C, rain {} mm\n", "{}x tea {} EUR, total: {} EUR\n"
    read_twice = weather.format(4.6, 8.2) + weather.format(20.3, 4.2) + bill.format(2, 7.9, 9.5) + bill.format(1, 3.95, 4.5)
    assert read(read_twice.encode()) == []
    assert read(b"part done, time taken: 0.5 on host a\npart done, time taken: 0.6 on host a\n") == []


def test_the_best_round_told_again_is_no_second_point():
    """What follows "Best iteration is:" was read before."""
    found = read(b"[5]\tvalid_0's auc: 0.9\n[6]\tvalid_0's auc: 0.8\nEarly stopping, best iteration is:\n[5]\tvalid_0's auc: 0.9\n")
    assert [one.step for one in found] == [5, 6]


def test_lines_that_look_like_numbers_are_counted():
    """So that a user can be told that a rule is missing."""
    extractor = extract.Extractor()
    assert extractor.read(b"foo bar: 1.5 and baz: 2.5 to go\n") == []
    assert extractor.unread == 1


def test_a_reading_says_where_it_stands():
    """Line, offset and length lead back to the bytes."""
    data = b"hello\nepoch 1 loss 0.5\r\nepoch 2 loss 0.25\n"
    found = read(data)
    assert [data[one.offset : one.offset + one.length] for one in found] == [b"epoch 1 loss 0.5\r", b"epoch 2 loss 0.25"]
    assert [one.line for one in found] == [2, 3]


@settings(deadline=None)
@given(st.sampled_from(LOGS), st.data())
def test_where_reading_is_interrupted_makes_no_difference(log, data):
    """Any cut between lines, with a new extractor from the state behind it, reads what one extractor reads at once (law 3)."""
    lines = [line + b"\n" for line in log.read_bytes().split(b"\n")][:-1]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(lines)), max_size=5)))
    found, state, offset = [], None, 0
    for start, stop in zip([0, *cuts], [*cuts, len(lines)], strict=True):
        extractor = extract.Extractor(state=state)
        block = b"".join(lines[start:stop])
        found += extractor.read(block, offset)
        offset += len(block)
        state = json.loads(json.dumps(extractor.state))
    assert repr(found + extract.Extractor(state=state).finish()) == repr(read(log.read_bytes()))


@pytest.mark.parametrize("log", LOGS, ids=lambda path: path.stem)
def test_a_known_shape_is_read_as_an_unknown_one(log):
    """What is remembered of shapes saves time and changes nothing."""
    found = [one for one in read(log.read_bytes()) if one.rule == "kv"]
    raw = log.read_bytes()
    for one in found:
        line = raw[one.offset : one.offset + one.length]
        twice = [again for again in read(line + b"\n" + line + b"\n") if again.rule == "kv"]
        if len(twice) == 2:
            assert twice[0].metrics == twice[1].metrics


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_it(data):
    """Whatever a script prints (law 6)."""
    read(data)


def test_a_binary_file_holds_nothing():
    """Its numbers are by chance. A line of text in an older encoding is one."""
    noise = random.Random(7).randbytes(1 << 20)
    assert read(noise) == []
    assert [one.metrics for one in read("epoch 1 loss: 0.5 (créée)".encode("latin-1"))] == [{"loss": 0.5}]


def test_ever_new_names_leave_no_more_behind():
    """What a stream's reading keeps has a bound, whatever is printed: it is stored with every transaction."""
    extractor = extract.Extractor()
    extractor.read(b"".join(b"n%d: 0.5\n" % number for number in range(2_000)))
    kept = len(json.dumps(extractor.state))
    extractor.read(b"".join(b"n%d: 0.5\n" % number for number in range(2_000, 4_000)))
    assert len(json.dumps(extractor.state)) < kept + 1_000
