"""
ExplanationClient: keeps explanations of a model with its run, and reads them back. Files `explanation/<8 hex>/….interpret.json` of the run.

Whole lists are a file each; what is read by rank (names, ranks and values, overall and for each class) is cut into blocks of 100
features, at most three, the most important first. `rich_metadata` says how much there is, and of which kind.
"""

from __future__ import annotations

import json
import os
from time import time

from outrider import _explanation
from outrider._encode import safe_str

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    from outrider._explanation import Explanation
    from outrider._run import Run

_FOLDER = "explanation/"
_ENDING = ".interpret.json"
_METADATA = "rich_metadata"
_BLOCK = 100
_MOST_BLOCKS = 3
#: Rows of samples that are kept for drawing; of more, so many at even distances.
_MOST_ROWS = 20_000
_WHOLE = ("features", "classes", "expected_values", "local_importance_values")
_DRAWN = ("eval_data_viz", "true_ys_viz", "ys_pred_viz", "ys_pred_proba_viz")


class ExplanationClient:
    """The explanations of one run."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @classmethod
    def from_run(cls, run: Run) -> ExplanationClient:
        """Of this run: one under way, a child, or one of the past."""
        return cls(run)

    @classmethod
    def from_run_id(cls, workspace: Any, experiment_name: str, run_id: str) -> ExplanationClient:  # noqa: ARG003 -- the id says it
        """Of the run of that id. Raises RunNotFound."""
        from outrider._run import Run

        return cls(Run.get(workspace, run_id))

    def upload_model_explanation(
        self,
        explanation: Any,
        max_num_blocks: int | None = None,
        block_size: int | None = None,
        top_k: int | None = None,
        comment: str | None = None,
        *,
        true_ys: Any = None,
        model_id: str | None = None,
        **_ignored: Any,
    ) -> None:
        """
        Keeps an explanation: one of `outrider.sklearn.feature_importance`, of interpret-community, or `{feature: importance}`.

        `top_k`: so many features in the ranked blocks, default all that fit; `comment`: a text to find it by; `true_ys`: the true values
        of the explained samples. Ids of data sets in the old service mean nothing here and are ignored. Raises TypeError for what is no
        explanation, OSError when the files cannot be written.
        """
        found = _explanation.taken(explanation)
        size, blocks = block_size or _BLOCK, max_num_blocks or _MOST_BLOCKS
        kept = min(found.num_features, size * blocks, top_k or found.num_features)
        name = _FOLDER + _folder(found.id)
        documents = {**_whole(found), **_drawn(found, true_ys), **_ranked(found, kept, size), "visualization_dict": {}}
        for part, document in documents.items():
            self._upload(f"{name}/{part}{_ENDING}", document)
        said = {"comment": comment, "model_id": model_id, "block_size": size, "num_ranked": kept}
        # Last, so that an explanation which has it is whole.
        self._upload(f"{name}/{_METADATA}{_ENDING}", {**_metadata(found, set(documents)), **said})
        self.run.tag("model_explanation", "True")

    def list_model_explanations(self, comment: str | None = None, raw: bool | None = None, engineered: bool | None = None) -> list[Any]:
        """What `rich_metadata` says of each explanation, the oldest first. `raw`, `engineered`: of features of that kind only."""
        found = [self._read(name) for name in self.run.get_file_names() if name.endswith(f"/{_METADATA}{_ENDING}")]
        wanted = [one for one in found if comment is None or one.get("comment") == comment]
        if raw or engineered:
            wanted = [one for one in wanted if one["is_raw"] == bool(raw)]
        return sorted(wanted, key=lambda one: one["upload_time"])

    def download_model_explanation(
        self,
        explanation_id: str | None = None,
        top_k: int | None = None,
        comment: str | None = None,
        raw: bool | None = None,
        engineered: bool | None = None,
    ) -> Explanation:
        """
        Reads an explanation back: the newest of the run, or that of this id. `top_k`: with its most important features only.

        Raises ValueError where the run has none such.
        """
        listed = self.list_model_explanations(comment, raw, engineered)
        chosen = [one for one in listed if explanation_id is None or one["id"].startswith(explanation_id)]
        if not chosen:
            ids = ", ".join(one["id"] for one in listed) or "none"
            raise ValueError(f"run {self.run.id} has no such explanation; it has {ids}")
        about = chosen[-1]
        parts = {part: self._read(f"{_FOLDER}{_folder(about['id'])}/{part}{_ENDING}") for part in about["files"]}
        return _joined(about, parts, top_k)

    def _upload(self, name: str, document: Any) -> None:
        import io

        self.run.upload_file(name, io.BytesIO(json.dumps(document, default=safe_str).encode()))

    def _read(self, name: str) -> Any:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="outrider-") as folder:
            path = os.path.join(folder, "document")
            self.run.download_file(name, path)
            with open(path, encoding="utf-8") as file:
                return json.load(file)


def _folder(explanation_id: str) -> str:
    """Eight hexadecimal digits of its id, or of a digest of what is none."""
    digits = explanation_id.replace("-", "")[:8].lower()
    if len(digits) == 8 and set(digits) <= set("0123456789abcdef"):
        return digits
    import hashlib

    return hashlib.sha256(explanation_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _whole(found: Explanation) -> dict[str, Any]:
    """The lists that there are, each whole, in the order of `features`."""
    values = (found.features, found.classes, found.expected_values, found.local_importance_values)
    return {part: value for part, value in zip(_WHOLE, values) if value is not None}


def _drawn(found: Explanation, true_ys: Any) -> dict[str, Any]:
    """What is drawn of the samples: at most 20,000 of them."""
    true = found.eval_y_true if true_ys is None else _explanation.plain(true_ys)
    values = (found.eval_data, true, found.eval_y_predicted, found.eval_y_predicted_proba)
    return {part: _thinned(value) for part, value in zip(_DRAWN, values) if value is not None}


def _thinned(rows: list[Any]) -> list[Any]:
    if len(rows) <= _MOST_ROWS:
        return rows
    return [rows[place * len(rows) // _MOST_ROWS] for place in range(_MOST_ROWS)]


def _ranked(found: Explanation, kept: int, size: int) -> dict[str, Any]:
    """`<what>/<block>` of what is read by rank, the most important features first."""
    lists: dict[str, Any] = {
        "global_names": [found.get_ranked_global_names(kept)],
        "global_rank": [found.global_importance_rank[:kept]],
        "global_values": [found.get_ranked_global_values(kept)],
    }
    ranks = found.per_class_rank
    if ranks is not None:
        lists["per_class_names"] = found.get_ranked_per_class_names(kept)
        lists["per_class_rank"] = [of_class[:kept] for of_class in ranks]
        lists["per_class_values"] = found.get_ranked_per_class_values(kept)
    blocks: dict[str, Any] = {}
    for what, rows in lists.items():
        for number, start in enumerate(range(0, kept, size)):
            cut = [row[start : start + size] for row in rows]
            blocks[f"{what}/{number}"] = cut[0] if what.startswith("global") else cut
    return blocks


def _metadata(found: Explanation, parts: set[str]) -> dict[str, Any]:
    return {
        "id": found.id,
        "method": found.method,
        "model_task": found.model_task,
        "is_raw": found.is_raw,
        "num_features": found.num_features,
        "num_classes": found.num_classes,
        "num_rows": len(found.eval_data) if found.eval_data is not None else 0,
        "files": sorted(parts),
        "upload_time": time(),
        "version": 1,
    }


def _joined(about: dict[str, Any], parts: dict[str, Any], top_k: int | None) -> Explanation:
    """The explanation of its files; with `top_k`, or where its ranked blocks do not reach further, of its first features only."""
    ranks = _blocks(parts, "global_rank")[:top_k]
    names = parts["features"]
    if len(ranks) < len(names):  # in the order of importance
        order, chosen = {place: number for number, place in enumerate(ranks)}, ranks
    else:
        chosen = list(range(len(names)))
        order = {place: place for place in chosen}
    local, rows = parts.get("local_importance_values"), parts.get("eval_data_viz")
    return _explanation.Explanation(
        features=[names[place] for place in chosen],
        global_values=_placed(ranks, _blocks(parts, "global_values"), order),
        per_class_values=_per_class(parts, order),
        local_values=None if local is None else _columns(local, chosen),
        classes=parts.get("classes"),
        expected_values=parts.get("expected_values"),
        eval_data=None if rows is None else _columns(rows, chosen),
        y_true=parts.get("true_ys_viz"),
        y_predicted=parts.get("ys_pred_viz"),
        y_probability=parts.get("ys_pred_proba_viz"),
        method=about["method"],
        model_task=about["model_task"],
        is_raw=about["is_raw"],
        explanation_id=about["id"],
    )


def _blocks(parts: dict[str, Any], what: str, of_class: int | None = None) -> list[Any]:
    """The blocks of a ranked list, one behind the other."""
    found: list[Any] = []
    number = 0
    while f"{what}/{number}" in parts:
        block = parts[f"{what}/{number}"]
        found += block if of_class is None else block[of_class]
        number += 1
    return found


def _per_class(parts: dict[str, Any], order: dict[int, int]) -> list[list[float]] | None:
    first = parts.get("per_class_rank/0")
    if first is None:
        return None
    pairs = [(_blocks(parts, "per_class_rank", number), _blocks(parts, "per_class_values", number)) for number in range(len(first))]
    return [_placed(ranks, values, order) for ranks, values in pairs]


def _placed(ranks: list[int], values: list[float], order: dict[int, int]) -> list[float]:
    """Values by rank, put to the places of the features that are wanted; what a class has too far down to be kept is 0."""
    found = [0.0] * len(order)
    for place, value in zip(ranks, values):
        if place in order:
            found[order[place]] = value
    return found


def _columns(rows: Any, chosen: list[int]) -> Any:
    """Of rows, or of a list of them a class, the columns that are wanted."""
    if rows and rows[0] and isinstance(rows[0][0], list):
        return [_columns(of_class, chosen) for of_class in rows]
    return [[row[place] for place in chosen] for row in rows]
