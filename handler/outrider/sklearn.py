"""
What automated machine learning draws of a model, computed from `y_true` and what the model answered. Needs numpy; takes any model.

    outrider.sklearn.log_classification(run, y_test, model.predict(X_test), model.predict_proba(X_test), labels=model.classes_)
    outrider.sklearn.log_regression(run, y_test, model.predict(X_test))
    outrider.sklearn.log_feature_importance(run, outrider.sklearn.feature_importance(model, X_test))

`confusion_matrix`, `accuracy_table`, `residuals` and `predictions` give the documents alone, `roc_curve` and its like curves out of an
accuracy table, `classification_scores` and `regression_scores` the figures.
"""

from __future__ import annotations

from outrider import _charts, _labelled, _scores
from outrider._charts import accuracy_table, confusion_matrix, predictions, residuals
from outrider._curves import calibration_curve, cumulative_gains_curve, lift_curve, precision_recall_curve, roc_curve
from outrider._explanation import Explanation
from outrider._importance import feature_importance, permutation_importance
from outrider._scores import classification_scores, regression_scores

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

    from outrider._run import Run

__all__ = [
    "Explanation",
    "accuracy_table",
    "calibration_curve",
    "classification_scores",
    "confusion_matrix",
    "cumulative_gains_curve",
    "feature_importance",
    "lift_curve",
    "log_classification",
    "log_feature_importance",
    "log_regression",
    "permutation_importance",
    "precision_recall_curve",
    "predictions",
    "regression_scores",
    "residuals",
    "roc_curve",
]


def log_classification(
    run: Run,
    y_true: Any,
    y_pred: Any = None,
    y_score: Any = None,
    *,
    labels: Sequence[Any] | None = None,
    target_names: Sequence[str] | None = None,
    prefix: str = "",
) -> dict[str, float]:
    """
    Logs a confusion matrix, with `y_score` (probabilities) an accuracy table, and the scores, whose values it returns.

    `labels`: the classes in the order of `y_score`'s columns (`model.classes_`); `target_names`: how they are called; `prefix`: before each
    name, "test_" say. Without `y_pred` the most probable class counts. Raises TypeError or ValueError, with nothing logged, for what does
    not fit together.
    """
    if y_pred is None and y_score is None:
        raise TypeError("log_classification() needs y_pred, y_score or both; nothing was logged")
    samples = _labelled.classification(y_true, y_pred, y_score, labels=labels, target_names=target_names)
    scores = _scores.of_classes(samples)
    matrix, table = _charts.of_matrix(samples), None if samples.scores is None else _charts.of_table(samples)
    run.log_confusion_matrix(f"{prefix}confusion_matrix", matrix)
    if table is not None:
        run.log_accuracy_table(f"{prefix}accuracy_table", table)
    return _logged(run, scores, prefix)


def log_regression(run: Run, y_true: Any, y_pred: Any, *, prefix: str = "") -> dict[str, float]:
    """Logs residuals, predicted against true, and the scores, whose values it returns. `prefix`: before each name."""
    scores = regression_scores(y_true, y_pred)
    left, against = residuals(y_true, y_pred), predictions(y_true, y_pred)
    run.log_residuals(f"{prefix}residuals", left)
    run.log_predictions(f"{prefix}predictions", against)
    return _logged(run, scores, prefix)


def log_feature_importance(run: Run, explanation: Any, name: str = "feature_importance", *, top_k: int | None = None) -> None:
    """
    Logs importances as a table, the most important feature first (`top_k`: so many only), with a column for each class where they are
    known, and keeps the whole explanation with the run's files.
    """
    from outrider import _explanation
    from outrider._explanation_client import ExplanationClient

    found = _explanation.taken(explanation)
    ranks = found.global_importance_rank[:top_k]
    columns: dict[str, Any] = {
        "feature": [found.features[place] for place in ranks],
        "importance": [found.global_importance_values[place] for place in ranks],
    }
    for number, values in enumerate(found.per_class_values or []):
        columns[found.classes[number] if found.classes else f"class {number}"] = [values[place] for place in ranks]
    run.log_table(name, columns)
    ExplanationClient.from_run(run).upload_model_explanation(found)


def _logged(run: Run, scores: dict[str, float], prefix: str) -> dict[str, float]:
    for name, value in scores.items():
        run.log(prefix + name, value)
    return scores
