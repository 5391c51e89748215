"""
What a model was asked and what it answered, as arrays that fit one another: the first step of every chart and score.

Takes lists, arrays, and columns of pandas. Needs numpy, imported at the call. Raises ValueError and TypeError to who calls, before
anything is logged.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

_ROUNDING = 1e-6  # a probability of 1.0000001 is 1 in float32


class Labelled:
    """
    Samples of a classification. `labels`: the classes in order; `names`: how they are called, as text; `true`, `predicted`: for each
    sample the place of its class in `labels` (-1: none of them); `scores`: samples x classes, or None.
    """

    def __init__(self, labels: list[Any], names: list[str], true: Any, predicted: Any, scores: Any) -> None:
        self.labels, self.names, self.true, self.predicted, self.scores = labels, names, true, predicted, scores

    @property
    def support(self) -> Any:
        """How many samples each class has."""
        import numpy as np

        return np.bincount(self.true, minlength=len(self.labels))


def classification(
    y_true: Any, y_pred: Any = None, y_score: Any = None, *, labels: Sequence[Any] | None = None, target_names: Sequence[str] | None = None
) -> Labelled:
    """Checks and aligns a classification. Without `y_pred` the class of the highest score is the predicted one."""
    import numpy as np

    true = column(y_true, "y_true")
    predicted = None if y_pred is None else column(y_pred, "y_pred", like=true)
    scores = None if y_score is None else _scores(y_score, len(true))
    found = _labels(true, predicted, scores, labels)
    if scores is not None:
        scores = _as_wide(scores, found, labels)
    names = _names(found, target_names)
    places = {label: place for place, label in enumerate(found)}
    true_places = np.array([places[label] for label in true.tolist()], dtype=np.intp)
    chosen: Any = None
    if predicted is not None:
        chosen = np.array([places[label] for label in predicted.tolist()], dtype=np.intp)
    elif scores is not None:
        chosen = scores.argmax(axis=1)
    return Labelled(found, names, true_places, chosen, scores)


def regression(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Checks a regression: two float arrays of one length."""
    import numpy as np

    pair = []
    for values, what in ((y_true, "y_true"), (y_pred, "y_pred")):
        try:
            array = np.asarray(column(values, what), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{what} must hold numbers ({error}); nothing was logged") from None
        if not np.isfinite(array).all():
            raise ValueError(f"{what} holds NaN or infinity, which has no place on a chart: drop those samples first; nothing was logged")
        pair.append(array)
    _same_length(len(pair[0]), len(pair[1]), "y_pred")
    return pair[0], pair[1]


def column(values: Any, what: str, like: Any = None) -> Any:
    """One value a sample, as an array of one axis; (n, 1) is taken for (n,)."""
    import numpy as np

    if isinstance(values, (str, bytes)) or not (hasattr(values, "__len__") or hasattr(values, "__array__")):
        raise TypeError(f"{what} must be a list or array, one value a sample, not {type(values).__name__}")
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{what} must have one value a sample, but its shape is {array.shape}")
    if not len(array):
        raise ValueError(f"{what} is empty: there is nothing to draw")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(f"{what} holds NaN: drop the samples without a value first; nothing was logged")
    if like is not None:
        _same_length(len(like), len(array), what)
    return array


def _same_length(expected: int, found: int, what: str) -> None:
    if expected != found:
        raise ValueError(f"y_true has {expected} samples, but {what} has {found}; nothing was logged")


def _scores(y_score: Any, samples: int) -> Any:
    import numpy as np

    scores = np.asarray(y_score, dtype=np.float64)
    if scores.ndim not in (1, 2):
        raise ValueError(f"y_score must have a column a class (or be one column, of the second of two), but its shape is {scores.shape}")
    _same_length(samples, len(scores), "y_score")
    if not (scores >= -_ROUNDING).all() or not (scores <= 1 + _ROUNDING).all():
        raise ValueError("y_score must hold probabilities, from 0 to 1: take predict_proba(), not decision_function(); nothing was logged")
    return scores


def _labels(true: Any, predicted: Any, scores: Any, given: Sequence[Any] | None) -> list[Any]:
    """The classes: those that were given, with what else occurs behind them; else what occurs, in order."""
    occurring = set(true.tolist()) | (set() if predicted is None else set(predicted.tolist()))
    if given is not None:
        listed = given.tolist() if hasattr(given, "tolist") else list(given)
        return [*listed, *_in_order(occurring - set(listed))]
    if scores is None:
        return _in_order(occurring)
    columns = scores.shape[1] if scores.ndim == 2 else 2
    if len(occurring) != columns:
        occurring = _all_of(occurring, columns)
    return _in_order(occurring)


def _in_order(labels: set[Any]) -> list[Any]:
    try:
        return sorted(labels)
    except TypeError:  # numbers beside texts
        return sorted(labels, key=str)


def _all_of(occurring: set[Any], columns: int) -> set[Any]:
    """All classes, of which some did not occur: known where they are numbered."""
    if columns == 2 and all(isinstance(label, bool) for label in occurring):
        return {False, True}
    if all(isinstance(label, (int, float)) for label in occurring):
        numbered: set[Any] = set(range(columns))
        if occurring <= numbered:
            return occurring | numbered
        if columns == 2 and occurring <= {-1, 1}:
            return {-1, 1}
    raise ValueError(
        f"y_score has scores of {columns} classes, but {len(occurring)} occur in y_true and y_pred: say which column is which with "
        "labels=model.classes_; nothing was logged"
    )


def _as_wide(scores: Any, labels: list[Any], given: Sequence[Any] | None) -> Any:
    """A column a class: one column is that of the second class, and a class without a column has score 0 throughout."""
    import numpy as np

    if scores.ndim == 1:
        if len(labels) != 2:
            raise ValueError(f"y_score has one column, so two classes are meant, but there are {len(labels)}; nothing was logged")
        return np.column_stack([1 - scores, scores])
    if given is not None and scores.shape[1] != len(given):
        raise ValueError(f"y_score has {scores.shape[1]} columns, but labels names {len(given)} classes; nothing was logged")
    missing = len(labels) - scores.shape[1]
    return np.column_stack([scores, np.zeros((len(scores), missing))]) if missing else scores


def _names(labels: list[Any], target_names: Sequence[str] | None) -> list[str]:
    if target_names is None:
        return [str(label) for label in labels]
    if len(target_names) != len(labels):
        raise ValueError(
            f"target_names has {len(target_names)} names, but there are {len(labels)} classes: {labels[:10]}; nothing was logged"
        )
    return [str(name) for name in target_names]
