"""
How much each feature weighs in a fitted model, as an `Explanation`. Works with whatever has scikit-learn's members; needs numpy.

`feature_importance` reads what the model knows of itself; `permutation_importance` asks any model, by spoiling one feature after the other.
"""

from __future__ import annotations

from outrider import _labelled
from outrider._explanation import Explanation, plain

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Sequence


def feature_importance(model: Any, data: Any = None, *, features: Sequence[str] | None = None) -> Explanation:
    """
    What a fitted model says itself: `feature_importances_` of trees, else the sizes of a linear model's `coef_`, for each class too.

    With `data` (rows of samples) a linear model is explained sample by sample: coefficient times distance from the mean, which is exact
    for features that do not depend on one another (its Shapley values); the importances are the means of their sizes. A pipeline is
    explained by its last step, in the features that reach it. Raises TypeError for a model that has neither.
    """
    model, data, features = _last_step(model, data, features)
    task = "classification" if getattr(model, "classes_", None) is not None else "regression"
    classes = getattr(model, "classes_", None)
    if hasattr(model, "feature_importances_"):
        values = plain(model.feature_importances_)
        return Explanation(
            features=_names(model, data, features, len(values)), global_values=values, method=type(model).__name__, model_task=task
        )
    if not hasattr(model, "coef_"):
        raise TypeError(
            f"{type(model).__name__} says nothing of its features (it has no feature_importances_ and no coef_); permutation_importance() "
            "asks any model"
        )
    return _linear(model, data, features, task, classes)


def _linear(model: Any, data: Any, features: Sequence[str] | None, task: str, classes: Any) -> Explanation:
    import numpy as np

    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64))
    if len(weights) == 1 and classes is not None and len(classes) == 2:
        weights = np.vstack([-weights, weights])  # two classes share one line between them
    names = _names(model, data, features, weights.shape[1])
    # A row a class; but for libsvm's models, which have a row a pair of classes (for three classes as many).
    several = classes is not None and len(weights) == len(classes) and not hasattr(model, "n_support_")
    said: dict[str, Any] = {"features": names, "method": type(model).__name__, "model_task": task, "classes": classes}
    if data is None or (len(weights) > 1 and not several):  # rows that are no classes have no samples' importances of their own
        sizes = abs(weights)
        return Explanation(global_values=sizes.mean(axis=0), per_class_values=sizes if several else None, **said)
    rows = np.asarray(plain(data), dtype=np.float64)
    local = weights[:, None, :] * (rows - rows.mean(axis=0))[None, :, :]
    expected = weights @ rows.mean(axis=0) + _intercept(model, len(weights))
    return Explanation(
        local_values=local if several else local[0],
        expected_values=expected if several else expected[0],
        eval_data=rows,
        y_predicted=model.predict(data),
        **said,
    )


def _intercept(model: Any, classes: int) -> Any:
    import numpy as np

    intercept = np.atleast_1d(np.asarray(getattr(model, "intercept_", 0.0), dtype=np.float64))
    return np.concatenate([-intercept, intercept]) if classes == 2 and len(intercept) == 1 else intercept


def permutation_importance(
    model: Any, data: Any, y_true: Any, *, features: Sequence[str] | None = None, repeats: int = 5, seed: int = 0
) -> Explanation:
    """
    How much worse the model does when a feature is shuffled, on average of `repeats` times: in accuracy, for each class in its recall;
    for a regression in R squared. The draws are those of scikit-learn's function of this name with `random_state=seed`.
    """
    import numpy as np

    true = _labelled.column(y_true, "y_true")
    classes = getattr(model, "classes_", None)
    score = _recalls(true, np.asarray(classes)) if classes is not None else _r_squared(true)
    best = score(model.predict(data))
    shuffle_seed = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    names = _names(model, data, features, np.shape(data)[1])
    found = np.array(
        [best - _mean_score(model, data, place, score, np.random.RandomState(shuffle_seed), repeats) for place in range(len(names))]
    )
    per_class = found[:, 1:].T if classes is not None else None
    task = "classification" if classes is not None else "regression"
    return Explanation(
        features=names, global_values=found[:, 0], per_class_values=per_class, classes=classes, method="permutation", model_task=task
    )


def _mean_score(model: Any, data: Any, place: int, score: Callable[[Any], Any], random: Any, repeats: int) -> Any:
    """The mean score with one column shuffled."""
    import numpy as np

    spoilt: Any = data.copy() if hasattr(data, "copy") and hasattr(data, "shape") else np.array(data)
    order = np.arange(len(spoilt))
    scores = []
    for _ in range(repeats):
        random.shuffle(order)
        if hasattr(spoilt, "iloc"):  # a data frame, whose columns have types of their own
            spoilt[spoilt.columns[place]] = spoilt.iloc[order, place].to_numpy()
        else:
            spoilt[:, place] = spoilt[order, place]
        scores.append(score(model.predict(spoilt)))
    return np.mean(scores, axis=0)


def _recalls(true: Any, classes: Any) -> Callable[[Any], Any]:
    """Scores a prediction by [accuracy, recall of each class]; a class that does not occur has none, and loses none."""
    import numpy as np

    masks = [true == label for label in classes]

    def score(predicted: Any) -> Any:
        right = np.asarray(predicted) == true
        return np.array([right.mean(), *(right[mask].mean() if mask.any() else 0.0 for mask in masks)])

    return score


def _r_squared(true: Any) -> Callable[[Any], Any]:
    import numpy as np

    spread = float(((true - true.mean()) ** 2).sum()) or 1.0
    return lambda predicted: np.array([1 - float(((np.asarray(predicted).reshape(-1) - true) ** 2).sum()) / spread])


def _last_step(model: Any, data: Any, features: Sequence[str] | None) -> tuple[Any, Any, Sequence[str] | None]:
    """A pipeline's last step, with the data and the names of the features as they reach it."""
    steps = getattr(model, "steps", None)
    if not steps:
        return model, data, features
    before = model[:-1]
    if len(steps) > 1 and hasattr(before, "get_feature_names_out"):
        given = features if features is not None else getattr(data, "columns", None)
        try:
            features = list(before.get_feature_names_out(given))
        except (AttributeError, ValueError):  # a step that does not say what becomes of them
            features = None
    return steps[-1][1], None if data is None else before.transform(data), features


def _names(model: Any, data: Any, features: Sequence[str] | None, number: int) -> list[str]:
    """The features' names: as given, else the data's columns, else what the model was fitted with, else numbered."""
    for found in (features, getattr(data, "columns", None), getattr(model, "feature_names_in_", None)):
        if found is not None:
            names = [str(name) for name in found]
            if len(names) != number:
                raise ValueError(f"the model has {number} features, but {len(names)} names were found: {names[:5]}")
            return names
    return [f"feature {place}" for place in range(number)]
