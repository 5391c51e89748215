"""
Scoring explainers: an explainer of a model, kept in a file beside the model, as training scripts do at their end.

It asks the explainer that it was made of. Explainers themselves are none of ours, and deployment is out of scope.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

_FILE = "scoring_explainer.pkl"


class ScoringExplainer:
    """Explains rows by the explainer that it was made of."""

    def __init__(self, original_explainer: Any = None, **_more: Any) -> None:
        self.original = original_explainer

    def explain(self, evaluation_examples: Any, **_more: Any) -> Any:
        """How much each feature counts in each row: a list of rows, or one of them a class."""
        return self.original.explain_local(evaluation_examples).local_importance_values

    def fit(self, *_arguments: Any, **_named: Any) -> None:
        """There is nothing to be fitted."""


class TreeScoringExplainer(ScoringExplainer):
    """For trees."""


class LinearScoringExplainer(ScoringExplainer):
    """For linear models."""


class KernelScoringExplainer(ScoringExplainer):
    """For any model."""


class DeepScoringExplainer(ScoringExplainer):
    """For neural networks."""


def save(scoring_explainer: ScoringExplainer, directory: str = ".", exist_ok: bool = False, **_more: Any) -> list[str]:
    """Writes it to `scoring_explainer.pkl` in a folder; the paths. Raises FileExistsError, unless with `exist_ok`."""
    import pickle

    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, _FILE)
    with open(path, "wb" if exist_ok else "xb") as file:
        pickle.dump(scoring_explainer, file)
    return [path]


def load(directory: str) -> Any:
    """What `save` wrote into that folder. As any pickle it runs what it holds: only of those whom you trust."""
    import pickle

    with open(os.path.join(directory, _FILE), "rb") as file:
        return pickle.load(file)  # noqa: S301 -- the script's own file, as it asked for
