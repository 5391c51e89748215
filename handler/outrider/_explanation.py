"""
What a model went by: how much each feature weighed, overall, for each class, for each sample. Plain lists and pure.

An `Explanation` has the members of interpret-community's, so that code written for one reads the other; `taken` reads either.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence


class Explanation:
    """
    Importances of `features`, each list in the order of `features`.

    `global_values`: one a feature; without it the mean of the absolute local ones. `per_class_values`: a list a class. `local_values`:
    a list a sample, or for several classes a list a class of those. `expected_values`: what the model gives on average, one, or one a
    class. `eval_data`: rows of the samples; `y_true`, `y_predicted`, `y_probability`: theirs. `is_raw`: the features are those of the
    data, not those of a preprocessing step. Raises ValueError where the shapes do not fit.
    """

    def __init__(
        self,
        *,
        features: Sequence[str],
        global_values: Any = None,
        classes: Sequence[Any] | None = None,
        per_class_values: Any = None,
        local_values: Any = None,
        expected_values: Any = None,
        eval_data: Any = None,
        y_true: Any = None,
        y_predicted: Any = None,
        y_probability: Any = None,
        method: str = "",
        model_task: str = "",
        is_raw: bool = False,
        explanation_id: str | None = None,
    ) -> None:
        self.features = [str(name) for name in plain(features)]
        self.classes = None if classes is None else [str(name) for name in plain(classes)]
        self.local_importance_values = plain(local_values)
        self.per_class_values = plain(per_class_values) or _per_class(self.local_importance_values)
        self.global_importance_values = plain(global_values) or _overall(self.local_importance_values, self.per_class_values)
        self.expected_values = plain(expected_values)
        self.eval_data, self.eval_y_true = plain(eval_data), plain(y_true)
        self.eval_y_predicted, self.eval_y_predicted_proba = plain(y_predicted), plain(y_probability)
        self.method, self.model_task, self.is_raw, self.id = method, model_task, is_raw, explanation_id or _new_id()
        self._check()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {value:.4g}" for name, value in list(self.get_feature_importance_dict(3).items()))
        return f"<Explanation {self.id[:8]} of {self.num_features} features: {shown}{', …' if self.num_features > 3 else ''}>"

    @property
    def num_features(self) -> int:
        """How many features."""
        return len(self.features)

    @property
    def num_classes(self) -> int:
        """How many classes have importances of their own; 1 for a regression."""
        return len(self.per_class_values) if self.per_class_values else 1

    @property
    def global_importance_rank(self) -> list[int]:
        """The features' places, the most important one first."""
        return _ranks(self.global_importance_values)

    @property
    def per_class_rank(self) -> list[list[int]] | None:
        """The same for each class."""
        return [_ranks(values) for values in self.per_class_values] if self.per_class_values else None

    def get_feature_importance_dict(self, top_k: int | None = None) -> dict[str, float]:
        """`{feature: importance}`, the most important first."""
        return {self.features[place]: self.global_importance_values[place] for place in self.global_importance_rank[:top_k]}

    def get_ranked_global_names(self, top_k: int | None = None) -> list[str]:
        """The features, the most important first."""
        return [self.features[place] for place in self.global_importance_rank[:top_k]]

    def get_ranked_global_values(self, top_k: int | None = None) -> list[float]:
        """Their importances."""
        return [self.global_importance_values[place] for place in self.global_importance_rank[:top_k]]

    def get_ranked_per_class_names(self, top_k: int | None = None) -> list[list[str]]:
        """The features by importance for each class. Raises ValueError where no class has importances of its own."""
        return [[self.features[place] for place in ranks[:top_k]] for ranks in self._classwise()]

    def get_ranked_per_class_values(self, top_k: int | None = None) -> list[list[float]]:
        """Their importances."""
        values = self.per_class_values
        return [[values[number][place] for place in ranks[:top_k]] for number, ranks in enumerate(self._classwise())]

    def get_local_importance_rank(self) -> Any:
        """For each sample (for each class of them) the features' places, the most important first."""
        local = self.local_importance_values
        if local is None:
            raise ValueError("this explanation has no importances of single samples")
        return [[_ranks(row) for row in rows] for rows in local] if _depth(local) == 3 else [_ranks(row) for row in local]

    def _classwise(self) -> list[list[int]]:
        ranks = self.per_class_rank
        if ranks is None:
            raise ValueError("this explanation has no importances of single classes")
        return ranks

    def _check(self) -> None:
        wanted, found = self.num_features, self.global_importance_values
        if found is None:
            raise ValueError("an explanation needs importances: give global_values, per_class_values or local_values")
        rows = [found, *(self.per_class_values or [])]
        local = self.local_importance_values
        if local:
            rows += [row for of_class in local for row in of_class] if _depth(local) == 3 else local
        wrong = next((len(row) for row in rows if len(row) != wanted), None)
        if wrong is not None:
            raise ValueError(f"there are {wanted} features, but importances of {wrong}; nothing was kept")
        if self.per_class_values and self.classes and len(self.classes) != len(self.per_class_values):
            raise ValueError(f"there are {len(self.classes)} classes, but importances of {len(self.per_class_values)}; nothing was kept")


def taken(explanation: Any) -> Explanation:
    """
    An explanation as ours: one of interpret-community's or of another kind with its members, or `{feature: importance}`.

    Raises TypeError for anything else.
    """
    if isinstance(explanation, Explanation):
        return explanation
    if isinstance(explanation, dict):
        return Explanation(features=list(explanation), global_values=[float(value) for value in explanation.values()])
    values, local = getattr(explanation, "global_importance_values", None), getattr(explanation, "local_importance_values", None)
    if values is None and local is None:
        raise TypeError(
            f"{type(explanation).__name__} is no explanation: it needs global_importance_values or local_importance_values, as those of "
            "outrider.sklearn.feature_importance() and of interpret-community have them; nothing was uploaded"
        )
    return _read(explanation, values, local)


def _read(explanation: Any, values: Any, local: Any) -> Explanation:
    features = plain(getattr(explanation, "features", None))
    if features is None:
        length = len(plain(values)) if values is not None else len(_first_row(plain(local)))
        features = [f"feature {number}" for number in range(length)]
    return Explanation(
        features=features,
        global_values=values,
        local_values=local,
        classes=getattr(explanation, "classes", None),
        per_class_values=getattr(explanation, "per_class_values", None),
        expected_values=getattr(explanation, "expected_values", None),
        eval_data=getattr(explanation, "eval_data", None),
        y_predicted=getattr(explanation, "eval_y_predicted", None),
        y_probability=getattr(explanation, "eval_y_predicted_proba", None),
        method=str(getattr(explanation, "method", "") or ""),
        model_task=str(getattr(explanation, "model_task", "") or ""),
        is_raw=bool(getattr(explanation, "is_raw", False)),
        explanation_id=_text_or_none(getattr(explanation, "id", None)),
    )


def plain(values: Any) -> Any:
    """Arrays, data frames and their like as lists; None and lists as they are."""
    if hasattr(values, "to_numpy"):  # pandas: without its index
        values = values.to_numpy()
    elif hasattr(values, "toarray"):  # scipy's sparse matrices
        values = values.toarray()
    if hasattr(values, "tolist"):
        return values.tolist()
    if isinstance(values, (list, tuple)):
        return [plain(value) for value in values]
    return values


def _overall(local: Any, per_class: Any) -> Any:
    """The mean over classes; without classes the mean of the absolute local importances."""
    if per_class:
        return _column_means(per_class)
    return _column_means(local) if local else None


def _per_class(local: Any) -> Any:
    return [_column_means(rows) for rows in local] if local and _depth(local) == 3 else None


def _column_means(rows: list[list[float]]) -> list[float]:
    return [sum(map(abs, column)) / len(column) for column in zip(*rows)]


def _ranks(values: list[float]) -> list[int]:
    return sorted(range(len(values)), key=lambda place: -values[place])


def _depth(values: Any) -> int:
    return 1 + _depth(values[0]) if isinstance(values, list) and values else 0


def _first_row(local: Any) -> Any:
    return local[0][0] if _depth(local) == 3 else local[0]


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _new_id() -> str:
    from uuid import uuid4

    return str(uuid4())
