"""
The figures of a classification or a regression: `{name: value}`, ready for `Run.log`. Pure; needs numpy.

Names are those of scikit-learn's functions, with the average behind an underscore. A figure that the samples do not give (the AUC of one
class, R squared of one sample) is left out.
"""

from __future__ import annotations

from outrider import _charts, _labelled

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

_AVERAGES = ("macro", "weighted")


def classification_scores(y_true: Any, y_pred: Any = None, y_score: Any = None, *, labels: Sequence[Any] | None = None) -> dict[str, float]:
    """
    accuracy, balanced_accuracy, matthews_correlation; precision, recall and f1 as macro and weighted average; with `y_score`
    (probabilities) also log_loss and the exact area under the ROC curve, AUC_macro and AUC_weighted.
    """
    return of_classes(_labelled.classification(y_true, y_pred, y_score, labels=labels))


def of_classes(samples: _labelled.Labelled) -> dict[str, float]:
    """The same of samples that were checked already."""
    found = _of_matrix(_charts.counts(samples).astype(float))
    if samples.scores is not None:
        found["log_loss"] = _log_loss(samples)
        found.update(_areas(samples))
    return found


def _of_matrix(matrix: Any) -> dict[str, float]:
    right, support, taken = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    total = matrix.sum()
    there = (support + taken) > 0  # a class that is neither true nor predicted has no part in an average
    precision, recall = _ratio(right, taken)[there], _ratio(right, support)[there]
    f1 = _ratio(2 * right, support + taken)[there]
    found = {"accuracy": float(right.sum() / total), "balanced_accuracy": float(_ratio(right, support)[support > 0].mean())}
    found["matthews_correlation"] = _matthews(right, support, taken, total)
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        found[f"{name}_score_macro"] = float(values.mean())
        found[f"{name}_score_weighted"] = float((values * support[there]).sum() / total)
    return found


def _ratio(over: Any, under: Any) -> Any:
    """0 where there is nothing to divide by, as scikit-learn has it."""
    import numpy as np

    return np.divide(over, under, out=np.zeros_like(over), where=under > 0)


def _matthews(right: Any, support: Any, taken: Any, total: Any) -> float:
    covariance = right.sum() * total - (support * taken).sum()
    spread = (total * total - (support * support).sum()) * (total * total - (taken * taken).sum())
    return float(covariance / spread**0.5) if spread > 0 else 0.0


def _log_loss(samples: _labelled.Labelled) -> float:
    import numpy as np

    scores = samples.scores / samples.scores.sum(axis=1, keepdims=True).clip(min=1e-300)
    of_true = scores[np.arange(len(scores)), samples.true]
    tiny = float(np.finfo(np.float64).eps)
    return float(-np.log(of_true.clip(tiny, 1 - tiny)).mean())


def _areas(samples: _labelled.Labelled) -> dict[str, float]:
    import numpy as np

    support = samples.support
    areas = [_area(samples.scores[:, place], samples.true == place) for place in range(len(samples.labels))]
    there = [place for place, area in enumerate(areas) if area is not None]
    if not there:
        return {}
    known = np.array([areas[place] for place in there])
    return {"AUC_macro": float(known.mean()), "AUC_weighted": float(np.average(known, weights=support[there]))}


def _area(scores: Any, positive: Any) -> float | None:
    """How often a positive's score is above a negative's (ties count half), from the ranks (Mann and Whitney)."""
    import numpy as np

    above, below = int(positive.sum()), int((~positive).sum())
    if not above or not below:
        return None
    _, places, times = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(times) - (times - 1) / 2)[places.reshape(-1)]
    return float((ranks[positive].sum() - above * (above + 1) / 2) / (above * below))


def regression_scores(y_true: Any, y_pred: Any) -> dict[str, float]:
    """mean_absolute_error, median_absolute_error, mean_squared_error, root_mean_squared_error; explained_variance and r2_score of many."""
    import numpy as np

    true, predicted = _labelled.regression(y_true, y_pred)
    left = predicted - true
    squared = float((left**2).mean())
    found = {
        "mean_absolute_error": float(abs(left).mean()),
        "median_absolute_error": float(np.median(abs(left))),
        "mean_squared_error": squared,
        "root_mean_squared_error": squared**0.5,
    }
    spread = float(true.var())
    if spread > 0:
        found["explained_variance"] = 1 - float(left.var()) / spread
        found["r2_score"] = 1 - squared / spread
    return found
