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


def test_metric_definitions_of_sagemaker():
    """As they stand in an estimator."""
    found = rules.from_settings([{"Name": "train:loss", "Regex": "loss=(.*?);"}, {"Name": "ga", "Regex": r"ga ([0-9\.]+)"}])
    assert read(found, "x loss=0.25; y\nga 0.75\n") == [
        (None, {"train:loss": 0.25}, "sagemaker: train:loss"),
        (None, {"ga": 0.75}, "sagemaker: ga"),
    ]


def test_filters_of_katib():
    """A group for the name and one for the value."""
    found = rules.from_settings({"source": {"filter": {"metricsFormat": [r"{metricName: ([\w|-]+), metricValue: ((-?\d+)(\.\d+)?)}"]}}})
    assert read(found, "{metricName: acc, metricValue: 0.5}")[0][1] == {"acc": 0.5}


def test_output_scalars_of_guild():
    r"""A mapping of names to patterns with `\value`; `step` tells the step; or one pattern with `\key`."""
    found = rules.from_settings({"output-scalars": {"step": r"Round (\step)", "quality": r"q is (\value)"}})
    assert read(found, "Round 7\nq is 0.5\n")[-1][:2] == (7, {"quality": 0.5})
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
