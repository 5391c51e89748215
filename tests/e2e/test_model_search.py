"""The example that fills the portal: a search for the best model, with every chart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import outrider

ROOT = Path(__file__).resolve().parents[2]

CLASSIFIED = {
    "accuracy",
    "balanced_accuracy",
    "AUC_macro",
    "AUC_weighted",
    "log_loss",
    "f1_score_macro",
    "confusion_matrix",
    "accuracy_table",
}
REGRESSED = {"r2_score", "root_mean_squared_error", "mean_absolute_error", "residuals", "predictions"}
ALWAYS = {"learning_curve", "feature_importance", "training_time_s", "answers"}


@pytest.fixture
def searched(home, tmp_path):
    """The example, run once for two tasks: the parent run."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "model_search.py"), "--tasks", "cancer", "diabetes"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "best for diabetes" in done.stderr
    (parent,) = outrider.Experiment(None, "model-search").get_runs()
    return parent


def test_the_example_leaves_a_parent_a_child_a_candidate_and_every_artifact(searched, tmp_path):
    """Charts in their schemas, scores, an explanation, a picture and a model for each candidate; leaderboard, tags and models above."""
    assert searched.get_status() == "Completed"
    metrics = searched.get_metrics(recursive=True)
    above = metrics.pop(searched.id)
    assert above["leaderboard"]["candidate"] == ["logistic", "forest", "bayes", "ridge", "forest", "boosting", "neighbours"]
    tags = searched.get_tags()
    assert tags["best_cancer_run"] in metrics
    assert tags["best_diabetes_run"] in metrics
    assert metrics[tags["best_cancer_run"]]["AUC_weighted"] == above["best_cancer"] > 0.9
    children = {child.id: child for child in searched.get_children()}
    assert set(children) == set(metrics)
    for child in children.values():
        task = child.get_tags()["task"]
        found = metrics[child.id]
        expected = ALWAYS | (REGRESSED if task == "diabetes" else CLASSIFIED)
        assert expected <= set(found), child
        files = child.get_file_names()
        assert "outputs/model.pkl" in files
        assert any(name.startswith("explanation/") for name in files)
    assert {model.name for model in outrider.Model.list(searched.experiment.workspace)} == {"model-search-cancer", "model-search-diabetes"}


def test_what_the_charts_hold_comes_back_as_it_was_sent(searched, tmp_path):
    """The documents are files of the run, and read as JSON of their schema; the explanation as one."""
    by_task = {child.get_tags()["task"]: child for child in searched.get_children()}
    for task, names in (("cancer", ("confusion_matrix", "accuracy_table")), ("diabetes", ("residuals", "predictions"))):
        for name in names:
            by_task[task].download_file(name, str(tmp_path / name))
            document = json.loads((tmp_path / name).read_text())
            assert document["schema_type"] == name
    assert sum(map(sum, json.loads((tmp_path / "confusion_matrix").read_text())["data"]["matrix"])) == 171
    explanation = outrider.ExplanationClient.from_run(by_task["cancer"]).download_model_explanation()
    assert explanation.num_features == 30
