"""A user's own rules, and those of other tools, taken as they are (`core/extract/rules`); and the command that previews them."""

from __future__ import annotations

import gzip
import json

import pytest

from outrider_agent import errors
from outrider_agent.cli import main
from outrider_agent.core import extract
from outrider_agent.core.extract import rules


def read(found, text):
    extractor = extract.Extractor(found)
    return [(one.step, one.metrics, one.rule) for one in extractor.read(text.encode()) + extractor.finish()]


@pytest.mark.parametrize("option", ["loss=([0-9.]+)", r"foo=bar (\S+)", "(?P<foo>[0-9.]+) is it"])
def test_a_rule_of_the_command_line(option):
    """The number is in brackets; the name stands before `=`, or is the group's."""
    texts = {"loss": "now loss=0.5", "foo=b": "bar 0.5", "(?P<": "0.5 is it"}
    text = next(text for start, text in texts.items() if option.startswith(start))
    (step, metrics, rule) = read([rules.from_option(option)], text)[0]
    assert list(metrics.values()) == [0.5]
    assert rule.startswith("user: ")
    assert step is None


def test_a_rules_value_stands_at_the_step_of_its_line():
    """Where the rule tells none: the line's own, else that of the lines above."""
    reader = extract.Extractor([rules.from_option("q=quality ([0-9.]+)")])
    found = reader.read(b"epoch 1: quality 0.5\nepoch 2, step 7: quality 0.6\nquality 0.7\nepoch 3: quality 0.8\n")
    assert [(one.step, one.epoch, one.metrics["q"]) for one in found] == [(1, 1, 0.5), (7, 2, 0.6), (7, 2, 0.7), (3, 3, 0.8)]


def test_metric_definitions_of_sagemaker():
    """As they stand in an estimator."""
    found = rules.from_settings([{"Name": "train:loss", "Regex": "loss=(.*?);"}, {"Name": "ga", "Regex": r"ga ([0-9\.]+)"}])
    assert read(found, "x loss=0.25; y\nga 0.75\n") == [
        (None, {"train:loss": 0.25}, "sagemaker: train:loss"),
        (None, {"ga": 0.75}, "sagemaker: ga"),
    ]


def test_several_definitions_read_one_line():
    """Each has its own metric; of two for the same name the first is heard."""
    found = rules.from_settings(
        [{"Name": "tl", "Regex": "loss: ([0-9.]+)"}, {"Name": "vl", "Regex": "val: ([0-9.]+)"}, {"Name": "tl", "Regex": "(7)"}]
    )
    assert read(found, "epoch 2 loss: 0.5 val: 0.7\n") == [(2, {"tl": 0.5}, "sagemaker: tl"), (2, {"vl": 0.7}, "sagemaker: vl")]


def test_filters_of_katib():
    """A group for the name and one for the value."""
    found = rules.from_settings({"source": {"filter": {"metricsFormat": [r"{metricName: ([\w|-]+), metricValue: ((-?\d+)(\.\d+)?)}"]}}})
    assert read(found, "{metricName: acc, metricValue: 0.5}")[0][1] == {"acc": 0.5}


def test_output_scalars_of_guild():
    r"""A mapping of names to patterns with `\value`; `step` tells the step; or one pattern with `\key`."""
    found = rules.from_settings({"output-scalars": {"step": r"Round (\step)", "quality": r"q is (\value)"}})
    assert read(found, "Round 7\nq is 0.5\n")[-1][:2] == (7, {"quality": 0.5})
    both = rules.from_settings({"output-scalars": {"quality": r"q is (\value)", "step": r"at (\step)"}})
    assert read(both, "at 8 the q is 0.75\n")[-1][:2] == (8, {"quality": 0.75})
    assert read(rules.from_settings({"output-scalars": r"(\key)\s+->\s+(\value)"}), "gain -> 1e-3")[0][1] == {"gain": 0.001}


@pytest.mark.parametrize("pattern", ["loss [0-9.]+", "loss (", "a=b"])
def test_a_rule_that_is_none_is_refused(pattern):
    """With what to do about it."""
    with pytest.raises(errors.BadRule, match=r"brackets|Mend"):
        rules.from_option(pattern)


def test_the_command_reads_files(tmp_path, capsys):
    """One object a line, of a packed file too; a rule of the user's goes first."""
    log = tmp_path / "train.log.gz"
    log.write_bytes(gzip.compress(b"hello\nepoch 2 loss 0.5 acc=nan\nquality 7 of 9\n"))
    assert main.main(["extract", str(log), "--json", "--metric", r"q=quality (\d+)"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found == [
        {"line": 2, "step": 2, "epoch": 2, "split": None, "rank": None, "metrics": {"loss": 0.5, "acc": "NaN"}},
        {"line": 3, "step": 2, "epoch": 2, "split": None, "rank": None, "metrics": {"q": 7.0}},
    ]


def test_the_command_takes_rules_of_a_file(tmp_path, capsys):
    """TOML as in outrider.toml, or JSON."""
    (tmp_path / "outrider.toml").write_text('[[metrics]]\nname = "q"\npattern = "quality ([0-9]+)"\n')
    (tmp_path / "log").write_text("quality 7\n")
    assert main.main(["extract", str(tmp_path / "log"), "--rules", str(tmp_path / "outrider.toml")]) == 0
    assert "q=7" in capsys.readouterr().out
    (tmp_path / "bad.toml").write_text("no")
    assert main.main(["extract", str(tmp_path / "log"), "--rules", str(tmp_path / "bad.toml")]) == 1


SAGEMAKER = {"AlgorithmSpecification": {"TrainingImage": "x", "MetricDefinitions": [{"Name": "q", "Regex": r"Q is ([0-9\.]+)"}]}}
KATIB = r"""
apiVersion: kubeflow.org/v1beta1
kind: Experiment
spec:
  objective: {type: maximize, objectiveMetricName: q}
  metricsCollectorSpec:
    source:
      filter:
        metricsFormat:
          - "(q) is ([+-]?\\d*(\\.\\d+)?)"
    collector: {kind: StdOut}
"""
GUILD = r"""
- config: defaults
  flags: {lr: 0.1}
- model: net
  operations:
    train:
      main: train
      output-scalars:
        step: 'Bout (\step)'
        q: 'q is (\value)'
    test:
      output-scalars: no
"""
GUILD_KEYS = "train:\n  output-scalars:\n    - '(\\key) is (\\value)'\n"
OURS = '[[metrics]]\nname = "q"\npattern = "q is ([0-9.]+)"\n'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("guild.yml", GUILD),
        ("guild.yaml", GUILD_KEYS),
        ("experiment.yaml", KATIB),
        ("job.json", json.dumps(SAGEMAKER).replace("Q is", "q is")),
        ("definitions.yaml", "metric_definitions:\n- Name: q\n  Regex: 'q is ([0-9.]+)'\n"),
        ("rules.toml", OURS),
        ("list.json", '[{"name": "q", "pattern": "q is ([0-9.]+)"}]'),
    ],
)
def test_files_of_others_are_taken_as_they_are(tmp_path, capsys, name, text):
    """Whole: a guild.yml, a Katib experiment, a SageMaker job; the rules are found where they stand in them."""
    (tmp_path / name).write_text(text)
    (tmp_path / "log").write_text("Bout 7\nhello\nq is 0.75\n")
    assert main.main(["extract", str(tmp_path / "log"), "--json", "--rules", str(tmp_path / name)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["metrics"] for one in found] == [{"q": 0.75}]
    assert found[0]["step"] == (7 if name == "guild.yml" else None)


@pytest.mark.parametrize("text", ["a: b: c: [", "hello", "train:\n  main: train\n", "\x00\x01", "- [[[\n"])
def test_a_file_without_rules_is_refused(tmp_path, capsys, text):
    """With what was expected in it."""
    (tmp_path / "rules.yaml").write_text(text)
    assert main.main(["extract", "-", "--rules", str(tmp_path / "rules.yaml")]) == 1
    assert "rule" in capsys.readouterr().err


ENDLESS = r"q=(a+a+)+b([0-9])"


def test_a_pattern_that_tries_its_ways_without_end_is_left_out():
    """It must not stop the agent: after a few lines it is asked no more, by this reader and by the next; everything else is read."""
    line = "q=" + "a" * 4_000 + " step 3 loss=0.5\n"
    reader = extract.Extractor([rules.Rule(ENDLESS, "q", "user: q"), rules.from_option("z=z is ([0-9]+)")])
    found = reader.read((line * 50 + "z is 7\n").encode())
    assert [one.metrics for one in found] == [{"loss": 0.5}] * 50 + [{"z": 7.0}]
    assert reader.left_out == ["user: q"]
    again = extract.Extractor([rules.Rule(ENDLESS, "q", "user: q")], json.loads(json.dumps(reader.state)))
    assert [one.metrics for one in again.read(line.encode())] == [{"loss": 0.5}]


def test_the_command_says_which_rule_was_left_out(tmp_path, capsys):
    """Once, by its name."""
    (tmp_path / "log").write_text(("q=" + "a" * 4_000 + "\n") * 10)
    assert main.main(["extract", str(tmp_path / "log"), "--metric", f"q={ENDLESS}"]) == 0
    assert capsys.readouterr().err.count("was left out") == 1
