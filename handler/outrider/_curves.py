"""
Curves out of an accuracy table: ROC, precision-recall, gains, lift, calibration. Pure, in plain Python, of any document of that schema.

Each is `{column: values}`, ready for `Run.log_table`. Of one class (`label`), or an average of all: "macro", the mean of the classes;
"weighted", by how many samples each has; "micro", of the counts of all classes together.

ROC and precision-recall take the thresholds of both of the table's halves. Evenly spaced ones alone say little of a model that is sure of
itself: where its scores are near 0 and 1, hardly any of them lies between. A curve has the points of its thresholds only, so the area
under it is an estimate of the one under the full curve: log that as a metric of its own.

The mean of several precision-recall curves is taken at each recall, where each class has a threshold of its own (Fawcett 2006, "vertical
averaging"). At one threshold for all of them the mean recall would be had by other classes than the mean precision, and go back and forth.
"""

from __future__ import annotations

from bisect import bisect_left

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, List, Optional, Sequence, Tuple

    #: TP, FP, TN, FN at one threshold.
    Counts = Sequence[float]
    #: A point, or None where the curve has none.
    Point = Optional[Tuple[float, float]]
    Table = List[Counts]

_AVERAGES = ("macro", "micro", "weighted")
#: A mean of curves has so many points at most: of two hundred classes all recalls would be forty thousand.
_RECALLS = 1000


def roc_curve(document: dict[str, Any], label: str | None = None, *, average: str = "macro") -> dict[str, list[float]]:
    """False positive rate against true positive rate, from (1, 1) at threshold 0 to (0, 0)."""
    return _along(document, "both", label, average, _roc, ("false_positive_rate", "true_positive_rate"))


def precision_recall_curve(document: dict[str, Any], label: str | None = None, *, average: str = "macro") -> dict[str, list[float]]:
    """
    Recall against precision, the greatest recall first. Thresholds that nothing reaches have no precision, and no point.

    "macro" and "weighted" have no column `threshold`: at a recall each class has its own.
    """
    names = ("recall", "precision")
    if label is not None or average == "micro":
        return _along(document, "both", label, average, _precision_recall, names)
    _, every = _counted(document["data"], "both")
    tables = _chosen(document["data"]["class_labels"], every, None, average)
    of = [([_precision_recall(row) for row in table], weight) for table, weight in tables]
    curves = [([at for at in points if at is not None], weight) for points, weight in of]
    return dict(zip(names, _over_recalls([(points, weight) for points, weight in curves if points and weight])))


def cumulative_gains_curve(document: dict[str, Any], label: str | None = None, *, average: str = "macro") -> dict[str, list[float]]:
    """The share of samples taken, by descending score, against the share of the positives among them. By chance they are equal."""
    return _along(document, "percentile", label, average, _gains, ("share", "gain"))


def lift_curve(document: dict[str, Any], label: str | None = None, *, average: str = "macro") -> dict[str, list[float]]:
    """The share of samples taken against how many times more positives are among them than by chance."""
    return _along(document, "percentile", label, average, _lift, ("share", "lift"))


def calibration_curve(document: dict[str, Any], label: str | None = None, *, average: str = "macro") -> dict[str, list[float]]:
    """The middle of each bin of scores against the share of positives in it, and how many samples the bin has. Empty bins are left out."""
    thresholds, every = _counted(document["data"], "probability")
    tables = _chosen(document["data"]["class_labels"], every, label, average)
    found: dict[str, list[float]] = {"score": [], "share_positive": [], "samples": []}
    for place in range(len(thresholds) - 1):
        bins = [_bin(table, place) for table, _ in tables]
        filled = [(positive / total, weight) for (positive, total), (_, weight) in zip(bins, tables) if total and weight]
        if filled:
            found["score"].append((thresholds[place] + thresholds[place + 1]) / 2)
            found["share_positive"].append(_mean(filled))
            found["samples"].append(sum(total for _, total in bins))
    return found


def _along(
    document: dict[str, Any], which: str, label: str | None, average: str, point: Callable[[Counts], Point], names: tuple[str, str]
) -> dict[str, list[float]]:
    """The curve's points, one a threshold."""
    thresholds, every = _counted(document["data"], which)
    tables = _chosen(document["data"]["class_labels"], every, label, average)
    found: dict[str, list[float]] = {"threshold": [], names[0]: [], names[1]: []}
    for place, threshold in enumerate(thresholds):
        points = [(point(table[place]), weight) for table, weight in tables]
        there = [(at, weight) for at, weight in points if at is not None and weight]
        if there:
            found["threshold"].append(threshold)
            found[names[0]].append(_mean([(at[0], weight) for at, weight in there]))
            found[names[1]].append(_mean([(at[1], weight) for at, weight in there]))
    return found


def _over_recalls(curves: list[tuple[list[tuple[float, float]], float]]) -> tuple[list[float], list[float]]:
    """The mean precision at every recall that one of the curves has and all of them reach. Each has its precision up to its next recall."""
    reach = min((points[0][0] for points, _ in curves), default=0.0)
    recalls = sorted({at for points, _ in curves for at, _ in points if at <= reach}, reverse=True)
    stride = -(-len(recalls) // _RECALLS) or 1
    recalls = [at for place, at in enumerate(recalls) if place % stride == 0 or place == len(recalls) - 1]
    rising = [([at for at, _ in reversed(points)], [precision for _, precision in reversed(points)], weight) for points, weight in curves]
    # Of several thresholds with one recall the highest counts: it stands first.
    return recalls, [_mean([(own[bisect_left(known, at)], weight) for known, own, weight in rising]) for at in recalls]


def _counted(data: dict[str, Any], which: str) -> tuple[list[float], list[Table]]:
    """Thresholds, and a table a class over them. "both": those of the two halves in one order."""
    if which != "both":
        return data[which + "_thresholds"], data[which + "_tables"]
    at = data["probability_thresholds"] + data["percentile_thresholds"]
    order = sorted(range(len(at)), key=at.__getitem__)
    order = [place for before, place in zip([None, *order], order) if before is None or at[before] != at[place]]
    whole = [[(even + shared)[place] for place in order] for even, shared in zip(data["probability_tables"], data["percentile_tables"])]
    if any(later[0] > row[0] or later[1] > row[1] for table in whole for row, later in zip(table, table[1:])):
        # A higher threshold would take more: the second half's thresholds are no scores, whoever made the document.
        return data["probability_thresholds"], data["probability_tables"]
    return [at[place] for place in order], whole


def _chosen(names: list[str], tables: list[Table], label: str | None, average: str) -> list[tuple[Table, float]]:
    """The tables to be averaged, each with its weight."""
    if label is not None:
        if label not in names:
            raise ValueError(f"the table has no class {label!r}; it has {', '.join(names[:20])}")
        return [(tables[names.index(label)], 1.0)]
    if average not in _AVERAGES:
        raise ValueError(f"average must be one of {', '.join(_AVERAGES)}, not {average!r}; one class is label='{names[0]}'")
    if average == "micro":
        return [([[sum(column) for column in zip(*rows)] for rows in zip(*tables)], 1.0)]
    support = [table[0][0] + table[0][3] for table in tables]
    return [(table, 1.0 if average == "macro" else weight) for table, weight in zip(tables, support)]


def _mean(values: list[tuple[float, float]]) -> float:
    return sum(value * weight for value, weight in values) / sum(weight for _, weight in values)


def _roc(at: Counts) -> Point:
    positive, negative = at[0] + at[3], at[1] + at[2]
    return (at[1] / negative, at[0] / positive) if positive and negative else None


def _precision_recall(at: Counts) -> Point:
    positive, taken = at[0] + at[3], at[0] + at[1]
    return (at[0] / positive, at[0] / taken) if positive and taken else None


def _gains(at: Counts) -> Point:
    positive = at[0] + at[3]
    return ((at[0] + at[1]) / sum(at), at[0] / positive) if positive else None


def _lift(at: Counts) -> Point:
    gain = _gains(at)
    return (gain[0], gain[1] / gain[0]) if gain is not None and gain[0] else None


def _bin(table: Table, place: int) -> tuple[float, float]:
    """(positives, samples) between a threshold and the next; the last bin has those at 1 too."""
    here, there = table[place], table[place + 1]
    if place == len(table) - 2:
        return here[0], here[0] + here[1]
    return here[0] - there[0], here[0] + here[1] - there[0] - there[1]
