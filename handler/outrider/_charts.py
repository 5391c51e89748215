"""
The four chart documents of automated machine learning: confusion matrix, accuracy table, residuals, predictions. Pure; needs numpy.

Each is a wrapper (`schema_type`, `schema_version`, `data`) of plain lists, ready for `Run.log_confusion_matrix` and its like. What a
chart counts is said beside each; what is drawn from the tables (ROC, precision-recall, gains, lift, calibration) is in `_curves.py`.
"""

from __future__ import annotations

from outrider import _labelled

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

_RESIDUAL_BINS = 10
_MOST_BINS = 100


def confusion_matrix(
    y_true: Any, y_pred: Any, *, labels: Sequence[Any] | None = None, target_names: Sequence[str] | None = None
) -> dict[str, Any]:
    """
    How many samples of each class (a row) were taken for which (a column). Counts, not shares.

    `labels`: the classes and their order, default all that occur, sorted; `target_names`: how they are called on the chart.
    """
    return of_matrix(_labelled.classification(y_true, y_pred, labels=labels, target_names=target_names))


def of_matrix(samples: _labelled.Labelled) -> dict[str, Any]:
    """The same of samples that were checked already."""
    return _document("confusion_matrix", "1.0.0", {"class_labels": samples.names, "matrix": counts(samples).tolist()})


def counts(samples: _labelled.Labelled) -> Any:
    """The matrix as an array: row = true class, column = predicted class."""
    import numpy as np

    size = len(samples.labels)
    return np.bincount(samples.true * size + samples.predicted, minlength=size * size).reshape(size, size)


def accuracy_table(
    y_true: Any, y_score: Any, *, labels: Sequence[Any] | None = None, target_names: Sequence[str] | None = None, points: int = 100
) -> dict[str, Any]:
    """
    What ROC, precision-recall, gains, lift and calibration curves are drawn from: for each class, one against the rest, at each of
    `points` thresholds the counts [TP, FP, TN, FN], where a score at or above the threshold is a positive.

    `y_score`: probabilities, a column a class in the order of `labels` (`model.classes_`), or one column: that of the second of two.
    The thresholds are evenly spaced from 0 to 1 in one table, and percentiles of all scores together in the other.
    """
    return of_table(_labelled.classification(y_true, None, y_score, labels=labels, target_names=target_names), points)


def of_table(samples: _labelled.Labelled, points: int = 100) -> dict[str, Any]:
    """The same of samples that were checked already."""
    import numpy as np

    if not isinstance(points, int) or points < 2:
        raise ValueError(f"points must be a whole number from 2 on, not {points!r}: a curve has two ends")
    even = np.linspace(0.0, 1.0, points)
    percentile = np.percentile(samples.scores, np.linspace(0.0, 100.0, points))
    data = {
        "class_labels": samples.names,
        "probability_tables": _tables(samples, even),
        "percentile_tables": _tables(samples, percentile),
        "probability_thresholds": even.tolist(),
        "percentile_thresholds": percentile.tolist(),
    }
    return _document("accuracy_table", "1.0.1", data)


def _tables(samples: _labelled.Labelled, thresholds: Any) -> list[Any]:
    import numpy as np

    tables = []
    for place in range(len(samples.labels)):
        is_class = samples.true == place
        scores = samples.scores[:, place]
        positive, negative = np.sort(scores[is_class]), np.sort(scores[~is_class])
        true_positive = len(positive) - np.searchsorted(positive, thresholds, side="left")
        false_positive = len(negative) - np.searchsorted(negative, thresholds, side="left")
        columns = [true_positive, false_positive, len(negative) - false_positive, len(positive) - true_positive]
        tables.append(np.column_stack(columns).tolist())
    return tables


def residuals(y_true: Any, y_pred: Any) -> dict[str, Any]:
    """
    The histogram of predicted - true, in ten bins. Eight of them, half a standard deviation of `y_true` wide, lie around zero; the two
    outer ones reach as far as the residuals do.
    """
    import numpy as np

    true, predicted = _labelled.regression(y_true, y_pred)
    left = predicted - true
    edges = _residual_edges(left, float(true.std()))
    data = {
        "bin_edges": edges,
        "bin_counts": np.histogram(left, bins=edges)[0].tolist(),
        "mean": float(left.mean()),
        "stddev": float(left.std()),
        "res_count": len(left),
    }
    return _document("residuals", "1.0.0", data)


def _residual_edges(left: Any, spread: float) -> list[float]:
    furthest = float(abs(left).max())
    step = _rounded(spread / 2 or furthest / 5 or 1.0)
    half = _RESIDUAL_BINS // 2
    # By way of text, so that three steps of 14.8 are 44.4 and not 44.400000000000006.
    edges = [float(f"{place * step:.12g}") for place in range(-half, half + 1)]
    edges[0] = min(edges[0], float(left.min()))
    edges[-1] = max(edges[-1], float(left.max()))
    return edges


def _rounded(width: float) -> float:
    """To three digits: edges that a reader can say."""
    return float(f"{width:.3g}")


def predictions(y_true: Any, y_pred: Any) -> dict[str, Any]:
    """
    Predicted against true: samples in bins of the true value, with mean and standard deviation of the predictions in each.

    There are as many bins as the root of the number of samples, at most 100. The first and the last hold the outermost hundredth of
    the true values each; the others are of equal width. A bin without samples has None for its mean and deviation.
    """
    true, predicted = _labelled.regression(y_true, y_pred)
    edges = _prediction_edges(true)
    found, means, errors = _bins(true, predicted, edges)
    data = {"bin_edges": edges.tolist(), "bin_counts": found, "bin_averages": means, "bin_errors": errors}
    return _document("predictions", "1.0.0", data)


def _prediction_edges(true: Any) -> Any:
    import numpy as np

    number = min(int(np.ceil(np.sqrt(len(true)))), _MOST_BINS)
    low, high = float(true.min()), float(true.max())
    if low == high:
        return np.array([low, high])
    first, last = np.percentile(true, [1.0, 99.0])
    if number < 3 or not low < first < last < high:  # no outermost hundredth that is apart from the rest
        return np.linspace(low, high, number + 1)
    return np.array([low, *np.linspace(first, last, number - 1), high])


def _bins(true: Any, predicted: Any, edges: Any) -> tuple[list[int], list[float | None], list[float | None]]:
    import numpy as np

    places = np.clip(np.searchsorted(edges, true, side="right") - 1, 0, len(edges) - 2)  # the last bin has its upper edge too
    found, means, errors = [], [], []
    for place in range(len(edges) - 1):
        inside = predicted[places == place]
        found.append(len(inside))
        means.append(float(inside.mean()) if len(inside) else None)
        errors.append(float(inside.std()) if len(inside) else None)
    return found, means, errors


def _document(kind: str, version: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"schema_type": kind, "schema_version": version, "data": data}
