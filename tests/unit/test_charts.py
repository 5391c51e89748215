"""The chart documents and the curves drawn from them: beside reference values of the original, and beside scikit-learn's own numbers."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider import sklearn as charts

# Six samples of three classes, as the reference documents were made.
TRUE = ["a", "a", "a", "b", "b", "c"]
SCORES = [[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.3, 0.4, 0.3], [0.2, 0.7, 0.1], [0.5, 0.4, 0.1], [0.1, 0.2, 0.7]]

# Forty samples of a regression.
OBSERVED = np.linspace(0, 100, 40)
PREDICTED = OBSERVED + np.random.RandomState(0).normal(0, 8, 40)


@pytest.fixture(scope="module")
def samples():
    """500 samples of three classes, with scores that mean something and have no ties."""
    random = np.random.RandomState(7)
    true = random.choice(3, 500, p=[0.6, 0.3, 0.1])
    raw = random.normal(0, 1, (500, 3))
    raw[np.arange(500), true] += 1.2
    scores = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    return true, scores


def test_the_accuracy_table_of_the_reference_samples_is_the_reference():
    """[TP, FP, TN, FN] one against the rest, p >= threshold; the percentiles are those of all scores pooled."""
    document = charts.accuracy_table(TRUE, SCORES, points=5)
    assert (document["schema_type"], document["schema_version"]) == ("accuracy_table", "1.0.1")
    data = document["data"]
    assert data["class_labels"] == ["a", "b", "c"]
    assert data["probability_thresholds"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert data["percentile_thresholds"] == pytest.approx([0.1, 0.125, 0.3, 0.475, 0.7])
    assert data["probability_tables"] == [
        [[3, 3, 0, 0], [3, 1, 2, 0], [2, 1, 2, 1], [0, 0, 3, 3], [0, 0, 3, 3]],
        [[2, 4, 0, 0], [2, 2, 2, 0], [1, 0, 4, 1], [0, 0, 4, 2], [0, 0, 4, 2]],
        [[1, 5, 0, 0], [1, 1, 4, 0], [1, 0, 5, 0], [0, 0, 5, 1], [0, 0, 5, 1]],
    ]
    assert data["percentile_tables"] == [
        [[3, 3, 0, 0], [3, 2, 1, 0], [3, 1, 2, 0], [2, 1, 2, 1], [1, 0, 3, 2]],
        [[2, 4, 0, 0], [2, 4, 0, 0], [2, 2, 2, 0], [1, 0, 4, 1], [1, 0, 4, 1]],
        [[1, 5, 0, 0], [1, 1, 4, 0], [1, 1, 4, 0], [1, 0, 5, 0], [1, 0, 5, 0]],
    ]


def test_the_confusion_matrix_of_the_reference_samples_is_the_reference():
    """A row is a true class, a column a predicted one."""
    predicted = np.array(["a", "b", "c"])[np.argmax(SCORES, axis=1)]
    document = charts.confusion_matrix(TRUE, predicted)
    assert document == {
        "schema_type": "confusion_matrix",
        "schema_version": "1.0.0",
        "data": {"class_labels": ["a", "b", "c"], "matrix": [[2, 1, 0], [1, 1, 0], [0, 0, 1]]},
    }


def test_the_residuals_of_the_reference_samples_are_the_reference():
    """Predicted - true; half a standard deviation a bin, around zero."""
    document = charts.residuals(OBSERVED, PREDICTED)
    assert (document["schema_type"], document["schema_version"]) == ("residuals", "1.0.0")
    data = document["data"]
    assert data["bin_edges"] == [-74.0, -59.2, -44.4, -29.6, -14.8, 0.0, 14.8, 29.6, 44.4, 59.2, 74.0]
    assert data["bin_counts"] == [0, 0, 0, 2, 12, 23, 3, 0, 0, 0]
    assert (data["mean"], data["stddev"], data["res_count"]) == (pytest.approx(2.5003397857293925), pytest.approx(8.514670851507532), 40)


def test_the_predictions_of_the_reference_samples_are_the_reference():
    """Bins of the true value; mean and deviation of the predictions in each."""
    data = charts.predictions(OBSERVED, PREDICTED)["data"]
    assert data["bin_edges"] == pytest.approx([0.0, 1.0, 20.6, 40.2, 59.8, 79.4, 99.0, 100.0])
    assert data["bin_counts"] == [1, 8, 7, 8, 7, 8, 1]
    averages = [14.112418767741312, 16.74404239784385, 34.96256320559847, 48.97079272980033, 73.60911097547793, 87.8248992971686]
    assert data["bin_averages"] == pytest.approx([*averages, 97.58157799539731])
    errors = [0.0, 7.669516117949616, 5.690657054262708, 9.800770693463017, 11.006853446939823, 11.749003607598757, 0.0]
    assert data["bin_errors"] == pytest.approx(errors)


def test_the_matrix_is_scikit_learns(samples):
    """Whatever the classes are, and whichever do not occur."""
    true, scores = samples
    predicted = scores.argmax(axis=1)
    data = charts.confusion_matrix(true, predicted, labels=[0, 1, 2, 9])["data"]
    assert data["matrix"] == reference.confusion_matrix(true, predicted, labels=[0, 1, 2, 9]).tolist()
    assert data["class_labels"] == ["0", "1", "2", "9"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_row_of_a_table_counts_what_scikit_learn_counts(samples, place):
    """The confusion of "this class" and "p >= threshold", at each threshold of both tables."""
    true, scores = samples
    data = charts.accuracy_table(true, scores)["data"]
    assert len(data["probability_thresholds"]) == len(data["percentile_thresholds"]) == 100
    for which in ("probability", "percentile"):
        for threshold, row in zip(data[f"{which}_thresholds"], data[f"{which}_tables"][place], strict=True):
            matrix = reference.confusion_matrix(true == place, scores[:, place] >= threshold, labels=[False, True])
            assert row == [matrix[1, 1], matrix[0, 1], matrix[0, 0], matrix[1, 0]]


def test_roc_lies_on_scikit_learns_curve(samples):
    """Each point of ours is a point of the full curve."""
    true, scores = samples
    curve = charts.roc_curve(charts.accuracy_table(true, scores), "1")
    false_rate, true_rate, thresholds = reference.roc_curve(true == 1, scores[:, 1], drop_intermediate=False)
    places = [int((thresholds >= threshold).sum()) - 1 for threshold in curve["threshold"]]
    assert curve["false_positive_rate"] == pytest.approx(false_rate[places])
    assert curve["true_positive_rate"] == pytest.approx(true_rate[places])
    assert (curve["false_positive_rate"][0], curve["true_positive_rate"][0]) == (1, 1)


def test_precision_and_recall_are_scikit_learns(samples):
    """At every threshold that some sample reaches; the others have no precision and no point."""
    true, scores = samples
    curve = charts.precision_recall_curve(charts.accuracy_table(true, scores), "2")
    assert curve["threshold"]
    for threshold, recall, precision in zip(curve["threshold"], curve["recall"], curve["precision"], strict=True):
        taken = scores[:, 2] >= threshold
        assert recall == pytest.approx(reference.recall_score(true == 2, taken))
        assert precision == pytest.approx(reference.precision_score(true == 2, taken))


def sure(spread):
    """2,000 samples of four classes, and a model that is right or wrong with scores near 0 and 1."""
    random = np.random.RandomState(11)
    true = random.choice(4, 2000, p=[0.4, 0.3, 0.2, 0.1])
    raw = random.normal(0, 1, (2000, 4))
    raw[np.arange(2000), true] += 2
    raw = np.exp(spread * (raw - raw.max(axis=1, keepdims=True)))
    return true, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("spread", [1, 8, 60])
def test_the_area_under_a_sharp_models_curves_is_that_of_its_scores(spread):
    """However sure the model is of itself: of each class, macro and micro, to three digits of scikit-learn's."""
    true, scores = sure(spread)
    table = charts.accuracy_table(true, scores)

    def area(**which):
        curve = charts.roc_curve(table, **which)
        across, up = [1, *curve["false_positive_rate"], 0], [1, *curve["true_positive_rate"], 0]
        return -np.trapezoid(up, across)

    def average_precision(label):
        curve = charts.precision_recall_curve(table, label)
        return -(np.diff([*curve["recall"], 0]) * curve["precision"]).sum()

    for place in range(4):
        assert area(label=str(place)) == pytest.approx(reference.roc_auc_score(true == place, scores[:, place]), abs=1e-3)
        exact = reference.average_precision_score(true == place, scores[:, place])
        assert average_precision(str(place)) == pytest.approx(exact, abs=6e-3)
    assert area() == pytest.approx(reference.roc_auc_score(true, scores, multi_class="ovr"), abs=1e-3)
    assert area(average="micro") == pytest.approx(reference.roc_auc_score(np.eye(4)[true].ravel(), scores.ravel()), abs=1e-3)


def skewed():
    """3,000 samples of six classes of very different sizes; the scores of rare ones are low, so that one threshold is many recalls."""
    random = np.random.RandomState(3)
    share = np.array([0.5, 0.25, 0.15, 0.06, 0.03, 0.01])
    true = random.choice(6, 3000, p=share)
    raw = random.normal(0, 1, (3000, 6)) + 2 * np.log(share)
    raw[np.arange(3000), true] += 2.5
    raw = np.exp(raw)
    return true, raw / raw.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_a_mean_precision_recall_curve_goes_one_way_and_has_scikit_learns_area(average):
    """Recall never turns back along it, and the area is the mean of the classes' average precisions."""
    true, scores = skewed()
    table = charts.accuracy_table(true, scores)
    curve = charts.precision_recall_curve(table, average=average)
    assert len(curve["recall"]) == len(curve["precision"]) > 100
    assert all(one > other for one, other in pairwise(curve["recall"]))
    assert curve["recall"][0] == 1
    found = -(np.diff([*curve["recall"], 0]) * curve["precision"]).sum()
    assert found == pytest.approx(reference.average_precision_score(np.eye(6)[true], scores, average=average), abs=1e-2)
    own = [charts.precision_recall_curve(table, str(place)) for place in range(6)]
    areas = [-(np.diff([*one["recall"], 0]) * one["precision"]).sum() for one in own]
    weights = None if average == "macro" else np.bincount(true)
    assert found == pytest.approx(np.average(areas, weights=weights), abs=1e-9)


def test_a_mean_precision_recall_curve_has_a_bounded_number_of_points():
    """Of a hundred classes too; a class without samples has no part in it."""
    random = np.random.RandomState(5)
    true = random.choice(100, 20_000)
    raw = random.normal(0, 1, (20_000, 101))
    raw[np.arange(20_000), true] += 1.5
    raw = np.exp(raw)
    table = charts.accuracy_table(true, raw / raw.sum(axis=1, keepdims=True), labels=list(range(101)))
    curve = charts.precision_recall_curve(table)
    assert set(curve) == {"recall", "precision"}
    assert 500 < len(curve["recall"]) <= 1001
    own = [charts.precision_recall_curve(table, str(place)) for place in range(100)]
    areas = [-(np.diff([*one["recall"], 0]) * one["precision"]).sum() for one in own]
    assert -(np.diff([*curve["recall"], 0]) * curve["precision"]).sum() == pytest.approx(np.mean(areas), abs=2e-3)


def test_a_tables_percentiles_that_are_no_scores_are_left_out(samples):
    """A document of another maker, whose percentile thresholds are shares: merged, a higher threshold would take more samples."""
    table = charts.accuracy_table(*samples)
    alone = table["data"]["probability_thresholds"]
    assert set(alone) < set(charts.roc_curve(table, "1")["threshold"])
    table["data"]["percentile_thresholds"] = np.linspace(0, 1, 100).tolist()
    assert charts.roc_curve(table, "1")["threshold"] == alone


def test_gains_and_lift_follow_their_definition(samples):
    """The share of the positives among the highest scores, and that beside chance."""
    true, scores = samples
    table = charts.accuracy_table(true, scores)
    gains, lift = charts.cumulative_gains_curve(table, "0"), charts.lift_curve(table, "0")
    in_order = (true == 0)[np.argsort(-scores[:, 0])]
    for share, gain in zip(gains["share"], gains["gain"], strict=True):
        assert gain == pytest.approx(in_order[: round(share * 500)].sum() / in_order.sum())
    assert min(gains["share"]) > 0
    assert lift["share"] == gains["share"]
    assert lift["lift"] == pytest.approx(np.divide(gains["gain"], gains["share"]))


def test_calibration_is_scikit_learns(samples):
    """The share of positives in each bin of scores; empty bins are left out."""
    from sklearn.calibration import calibration_curve

    true, scores = samples
    found = charts.calibration_curve(charts.accuracy_table(true, scores, points=11), "0")
    share, _ = calibration_curve(true == 0, scores[:, 0], n_bins=10)
    assert found["share_positive"] == pytest.approx(share)
    assert sum(found["samples"]) == 500


def test_calibration_of_the_worked_example():
    """Bins of width 0.25: 0 of 2, 1 of 1, 2 of 3; the last one is empty."""
    found = charts.calibration_curve(charts.accuracy_table(TRUE, SCORES, points=5), "a")
    assert found == {"score": [0.125, 0.375, 0.625], "share_positive": [0, 1, pytest.approx(2 / 3)], "samples": [2, 1, 3]}


def test_averages_of_a_curve(samples):
    """Macro is the mean of the classes, weighted that by support, micro the counts of all together."""
    true, scores = samples
    table = charts.accuracy_table(true, scores, points=21)
    each = [charts.roc_curve(table, label)["true_positive_rate"] for label in "012"]
    support = np.bincount(true)
    assert charts.roc_curve(table)["true_positive_rate"] == pytest.approx(np.mean(each, axis=0))
    assert charts.roc_curve(table, average="weighted")["true_positive_rate"] == pytest.approx(np.average(each, axis=0, weights=support))
    flat = np.eye(3, dtype=bool)[true].ravel()
    micro = charts.roc_curve(table, average="micro")
    for threshold, rate in zip(micro["threshold"], micro["true_positive_rate"], strict=True):
        assert rate == pytest.approx(reference.recall_score(flat, scores.ravel() >= threshold))
    with pytest.raises(ValueError, match="no class 'x'"):
        charts.roc_curve(table, "x")
    with pytest.raises(ValueError, match="average must be"):
        charts.roc_curve(table, average="mean")


def test_the_scores_of_a_classification_are_scikit_learns(samples):
    """Each by its name there."""
    true, scores = samples
    predicted = scores.argmax(axis=1)
    found = charts.classification_scores(true, y_score=scores)
    expected = {
        "accuracy": reference.accuracy_score(true, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(true, predicted),
        "matthews_correlation": reference.matthews_corrcoef(true, predicted),
        "log_loss": reference.log_loss(true, scores),
        "AUC_macro": reference.roc_auc_score(true, scores, multi_class="ovr", average="macro"),
        "AUC_weighted": reference.roc_auc_score(true, scores, multi_class="ovr", average="weighted"),
    }
    for average in ("macro", "weighted"):
        for name in ("precision", "recall", "f1"):
            expected[f"{name}_score_{average}"] = getattr(reference, f"{name}_score")(true, predicted, average=average)
    assert found == pytest.approx(expected)


def test_the_scores_of_a_regression_are_scikit_learns():
    """Each by its name there."""
    expected = {
        name: getattr(reference, name)(OBSERVED, PREDICTED)
        for name in ("mean_absolute_error", "median_absolute_error", "mean_squared_error", "root_mean_squared_error", "r2_score")
    }
    expected["explained_variance"] = reference.explained_variance_score(OBSERVED, PREDICTED)
    assert charts.regression_scores(OBSERVED, PREDICTED) == pytest.approx(expected)


def test_the_area_counts_ties_half():
    """As scikit-learn does."""
    true, score = [0, 0, 1, 1, 1, 0], [0.2, 0.5, 0.5, 0.5, 0.9, 0.9]
    assert charts.classification_scores(true, y_score=score)["AUC_macro"] == pytest.approx(reference.roc_auc_score(true, score))


def test_one_column_of_scores_is_that_of_the_second_class():
    """What `predict_proba(X)[:, 1]` gives."""
    true, score = ["no", "yes", "yes", "no"], np.array([0.1, 0.9, 0.4, 0.6])
    both = np.column_stack([1 - score, score])
    assert charts.accuracy_table(true, score, points=4) == charts.accuracy_table(true, both, points=4)
    data = charts.accuracy_table(true, score, points=3)["data"]
    assert data["class_labels"] == ["no", "yes"]
    assert data["probability_tables"][1][1] == [1, 1, 1, 1]


@pytest.mark.parametrize(("true", "labels"), [([1, 1], ["0", "1"]), ([True, True], ["False", "True"]), ([-1, -1], ["-1", "1"])])
def test_a_class_that_does_not_occur_has_its_place(true, labels):
    """Two classes are meant where the scores are of two, and numbered ones are known."""
    assert charts.accuracy_table(np.array(true), [0.3, 0.8], points=3)["data"]["class_labels"] == labels


def test_classes_without_a_column_of_scores_have_zero():
    """A class that the model never saw: its samples are all missed."""
    data = charts.accuracy_table(["a", "b", "z"], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], labels=["a", "b"], points=3)["data"]
    assert data["class_labels"] == ["a", "b", "z"]
    assert data["probability_tables"][2] == [[1, 2, 0, 0], [0, 0, 2, 1], [0, 0, 2, 1]]


def test_names_stand_for_labels():
    """`target_names`, as in scikit-learn's reports."""
    data = charts.confusion_matrix([0, 1], [0, 1], target_names=["healthy", "ill"])["data"]
    assert data["class_labels"] == ["healthy", "ill"]
    with pytest.raises(ValueError, match="3 names, but there are 2 classes"):
        charts.confusion_matrix([0, 1], [0, 1], target_names=["a", "b", "c"])


@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: charts.confusion_matrix([1, 2], [1]), ValueError, "y_true has 2 samples, but y_pred has 1"),
        (lambda: charts.confusion_matrix([], []), ValueError, "empty"),
        (lambda: charts.confusion_matrix("ab", ["a", "b"]), TypeError, "y_true must be a list or array"),
        (lambda: charts.confusion_matrix([[1, 2], [2, 3]], [1, 2]), ValueError, r"shape is \(2, 2\)"),
        (lambda: charts.confusion_matrix([1.0, float("nan")], [1, 1]), ValueError, "y_true holds NaN"),
        (lambda: charts.accuracy_table([0, 1], [-3.2, 4.0]), ValueError, "predict_proba"),
        (lambda: charts.accuracy_table([0, 1], [[0.5, float("nan")], [0.1, 0.9]]), ValueError, "probabilities"),
        (lambda: charts.accuracy_table(["a", "b"], [[0.1, 0.2, 0.7], [0.1, 0.2, 0.7]]), ValueError, "labels=model.classes_"),
        (lambda: charts.accuracy_table([0, 1], [[0.5, 0.5]] * 2, labels=[0, 1, 2]), ValueError, "2 columns, but labels names 3"),
        (lambda: charts.accuracy_table([0, 1, 2], [0.5, 0.5, 0.1], labels=[0, 1, 2]), ValueError, "two classes are meant"),
        (lambda: charts.accuracy_table([0, 1], [0.5, 0.5], points=1), ValueError, "points must be"),
        (lambda: charts.residuals([1.0, 2.0], [1.0, float("inf")]), ValueError, "y_pred holds NaN or infinity"),
        (lambda: charts.predictions(["x", "y"], [1, 2]), TypeError, "y_true must hold numbers"),
    ],
)
def test_what_does_not_fit_together_is_said(call, kind, words):
    """Before anything is logged, and with what to do."""
    with pytest.raises(kind, match=words):
        call()


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=60))
def test_no_sample_is_missing_from_a_histogram(pairs):
    """Whatever the values, equal or far out: counts sum to the samples, edges ascend, and the document is strict JSON."""
    true, predicted = zip(*pairs, strict=True)
    left, against = charts.residuals(true, predicted), charts.predictions(true, predicted)
    for document in (left, against):
        data = document["data"]
        assert sum(data["bin_counts"]) == len(pairs)
        assert data["bin_edges"] == sorted(data["bin_edges"])
        assert len(data["bin_edges"]) == len(data["bin_counts"]) + 1
        json.dumps(document, allow_nan=False)
    assert len(left["data"]["bin_counts"]) == 10


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.lists(st.floats(0, 1), min_size=3, max_size=3)), min_size=1, max_size=40))
def test_the_counts_of_a_table_add_up(rows):
    """TP+FN and FP+TN are the class and the rest at every threshold, and a higher threshold takes no more."""
    true, scores = zip(*rows, strict=True)
    document = charts.accuracy_table(true, scores, labels=["a", "b", "c"], points=7)
    for which in ("probability", "percentile"):
        for name, table in zip("abc", document["data"][f"{which}_tables"], strict=True):
            assert {(row[0] + row[3], row[1] + row[2]) for row in table} == {(true.count(name), len(true) - true.count(name))}
            assert all(later[0] <= earlier[0] and later[1] <= earlier[1] for earlier, later in pairwise(table))
    json.dumps(document, allow_nan=False)


def test_lists_arrays_and_data_frames_are_the_same(samples):
    """Whatever has its values in order will do."""
    true, scores = samples
    assert charts.accuracy_table(true.tolist(), scores.tolist()) == charts.accuracy_table(true, scores)
    assert charts.residuals(OBSERVED.tolist(), PREDICTED.reshape(-1, 1)) == charts.residuals(OBSERVED, PREDICTED)
