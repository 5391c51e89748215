"""Feature importance: of models that say it themselves, of any by shuffling, and as it is kept with a run and read back."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from handler_support import process  # noqa: F401 -- a fixture
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as reference
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, recall_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import outrider
from outrider import sklearn as charts
from outrider._explanation import Explanation, taken

IRIS = load_iris()
DIABETES = load_diabetes()


def test_a_forest_says_its_importances_itself():
    """Under the names of the data's columns, the most important first."""
    model = RandomForestClassifier(20, random_state=0).fit(IRIS.data, IRIS.target)
    found = charts.feature_importance(model, features=IRIS.feature_names)
    expected = dict(zip(IRIS.feature_names, model.feature_importances_, strict=True))
    assert found.get_feature_importance_dict() == pytest.approx(expected)
    values = found.get_ranked_global_values()
    assert values == sorted(values, reverse=True)
    assert list(found.get_feature_importance_dict(top_k=2)) == found.get_ranked_global_names(top_k=2)


def test_a_linear_model_is_explained_sample_by_sample():
    """The local importances and the expected value add up to each prediction; their mean sizes are the global ones."""
    model = LinearRegression().fit(DIABETES.data, DIABETES.target)
    found = charts.feature_importance(model, DIABETES.data, features=DIABETES.feature_names)
    rebuilt = found.expected_values + np.sum(found.local_importance_values, axis=1)
    assert rebuilt == pytest.approx(model.predict(DIABETES.data))
    assert found.global_importance_values == pytest.approx(np.abs(found.local_importance_values).mean(axis=0))
    assert (found.model_task, found.num_classes, found.per_class_values) == ("regression", 1, None)


def test_each_class_of_a_linear_classifier_has_its_own_importances():
    """They add up to the class's decision function; overall is the mean of the classes."""
    model = LogisticRegression(max_iter=1000).fit(IRIS.data, IRIS.target)
    found = charts.feature_importance(model, IRIS.data, features=IRIS.feature_names)
    local = np.array(found.local_importance_values)
    assert local.shape == (3, 150, 4)
    rebuilt = (np.array(found.expected_values)[:, None] + local.sum(axis=2)).T
    assert rebuilt == pytest.approx(model.decision_function(IRIS.data))
    assert found.per_class_values == pytest.approx(np.abs(local).mean(axis=1))
    assert found.global_importance_values == pytest.approx(np.abs(local).mean(axis=(0, 1)))
    assert found.classes == ["0", "1", "2"]
    assert [names[0] for names in found.get_ranked_per_class_names()] == [
        IRIS.feature_names[place] for place in np.abs(local).mean(axis=1).argmax(axis=1)
    ]


def test_two_classes_share_one_line():
    """What speaks for one speaks against the other."""
    two = IRIS.target < 2
    model = LogisticRegression().fit(IRIS.data[two], IRIS.target[two])
    found = charts.feature_importance(model, IRIS.data[two])
    assert np.array(found.local_importance_values[0]) == pytest.approx(-np.array(found.local_importance_values[1]))
    assert found.features == ["feature 0", "feature 1", "feature 2", "feature 3"]


def test_rows_of_pairs_of_classes_are_not_taken_for_classes():
    """A linear SVC of three classes has three rows too, of its three pairs."""
    found = charts.feature_importance(SVC(kernel="linear").fit(IRIS.data, IRIS.target), IRIS.data)
    assert found.per_class_values is None
    assert found.local_importance_values is None
    assert len(found.get_ranked_global_names()) == 4


def test_a_pipeline_is_explained_by_its_last_step():
    """In the features that reach it, scaled ones here, under their names."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(IRIS.data, IRIS.target)
    found = charts.feature_importance(model, IRIS.data, features=IRIS.feature_names)
    expected = np.abs(model[-1].coef_[:, None, :] * model[0].transform(IRIS.data)[None]).mean(axis=1)
    assert found.per_class_values == pytest.approx(expected)
    assert found.features == IRIS.feature_names


def test_a_model_that_says_nothing_is_refused_with_what_to_do():
    """permutation_importance() asks any model."""
    with pytest.raises(TypeError, match=r"permutation_importance\(\)"):
        charts.feature_importance(KNeighborsClassifier().fit(IRIS.data, IRIS.target))


@pytest.mark.parametrize("seed", [0, 11])
def test_permutation_importance_is_scikit_learns(seed):
    """The same draws and so the same numbers, overall (accuracy) and for a class (its recall); a regression's in R squared."""
    order = np.random.RandomState(3).permutation(150)
    data, target = IRIS.data[order], IRIS.target[order]
    model = KNeighborsClassifier(3).fit(data[:100], target[:100])
    found = charts.permutation_importance(model, data[100:], target[100:], repeats=4, seed=seed)
    overall = reference(
        model, data[100:], target[100:], n_repeats=4, random_state=seed, scoring=lambda m, x, y: accuracy_score(y, m.predict(x))
    )
    assert found.global_importance_values == pytest.approx(overall.importances_mean)
    for place in range(3):

        def recall(m, x, y, place=place):
            return recall_score(y, m.predict(x), labels=[place], average="macro")

        of_class = reference(model, data[100:], target[100:], n_repeats=4, random_state=seed, scoring=recall)
        assert found.per_class_values[place] == pytest.approx(of_class.importances_mean)
    line = LinearRegression().fit(DIABETES.data, DIABETES.target)
    expected = reference(line, DIABETES.data, DIABETES.target, n_repeats=3, random_state=seed).importances_mean
    assert charts.permutation_importance(
        line, DIABETES.data, DIABETES.target, repeats=3, seed=seed
    ).global_importance_values == pytest.approx(expected)


def test_permutation_leaves_the_data_as_it_was():
    """The caller's array is not shuffled."""
    data = IRIS.data.copy()
    charts.permutation_importance(KNeighborsClassifier().fit(data, IRIS.target), data, IRIS.target, repeats=1)
    assert (data == IRIS.data).all()


class Foreign:
    """What an explanation of interpret-community looks like from outside."""

    def __init__(self):
        self.features, self.classes = np.array(["a", "b"]), np.array([0, 1])
        self.local_importance_values = np.array([[[1.0, -2.0]], [[-1.0, 2.0]]])
        self.global_importance_values = np.array([1.0, 2.0])
        self.expected_values, self.method, self.model_task, self.id = [0.5, 0.5], "shap.tree", "classification", "0f" * 16


def test_explanations_of_other_libraries_are_taken():
    """By their members; a dict of importances too; what is none says what it needs."""
    found = taken(Foreign())
    assert (found.features, found.classes, found.id) == (["a", "b"], ["0", "1"], "0f" * 16)
    assert found.per_class_values == [[1.0, 2.0], [1.0, 2.0]]
    assert taken({"x": 1, "y": 3}).get_ranked_global_names() == ["y", "x"]
    with pytest.raises(TypeError, match="is no explanation"):
        taken(object())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"features": ["a"]}, "needs importances"),
        ({"features": ["a"], "global_values": [1, 2]}, "1 features, but importances of 2"),
        ({"features": ["a"], "per_class_values": [[1], [2]], "classes": ["x"]}, "1 classes, but importances of 2"),
        ({"features": ["a"], "local_values": [[1], [2, 3]], "global_values": [1]}, "1 features, but importances of 2"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(given, words):
    """With what was expected."""
    with pytest.raises(ValueError, match=words):
        Explanation(**given)


@pytest.fixture
def run(home, process):  # noqa: F811
    """A run of this process, in a home of its own."""
    return outrider.start_run("explained")


def kept(run, folder):
    """The run's files as JSON, by their names within `explanation/<8 hex>/`."""
    run.download_files(output_directory=str(folder))
    return {
        "/".join(path.relative_to(folder).parts[2:]).removesuffix(".interpret.json"): json.loads(path.read_text())
        for path in folder.rglob("*.json")
    }


def test_what_is_uploaded_comes_back_equal(run):
    """Every list, under explanation/<8 hex>/, and the run is tagged."""
    model = LogisticRegression(max_iter=1000).fit(IRIS.data, IRIS.target)
    explanation = charts.feature_importance(model, IRIS.data, features=IRIS.feature_names)
    outrider.ExplanationClient.from_run(run).upload_model_explanation(explanation, comment="all", true_ys=IRIS.target)
    assert run.get_tags() == {"model_explanation": "True"}
    folder = f"explanation/{explanation.id[:8]}/"
    expected = {
        "features", "classes", "expected_values", "local_importance_values", "eval_data_viz", "true_ys_viz", "ys_pred_viz",
        "visualization_dict", "rich_metadata", "global_names/0", "global_rank/0", "global_values/0", "per_class_names/0",
        "per_class_rank/0", "per_class_values/0",
    }  # fmt: skip
    assert set(run.get_file_names()) == {f"{folder}{part}.interpret.json" for part in expected}
    back = outrider.ExplanationClient.from_run(run).download_model_explanation()
    lists = ["features", "classes", "global_importance_values", "per_class_values", "local_importance_values", "expected_values"]
    for member in [*lists, "id"]:
        assert getattr(back, member) == getattr(explanation, member), member
    assert back.eval_y_true == IRIS.target.tolist()
    assert back.eval_data == IRIS.data.tolist()


def test_many_features_are_kept_in_three_blocks_of_the_most_important(run, tmp_path):
    """Blocks of 100 by descending importance, at most three; the list of features stays whole."""
    values = list(range(450))
    random.Random(1).shuffle(values)
    client = outrider.ExplanationClient(run)
    client.upload_model_explanation({f"f{value}": value for value in values})
    found = kept(run, tmp_path / "kept")
    blocks = [found[name] for name in sorted(found) if name.startswith("global_values/")]
    assert blocks == [[float(value) for value in range(449 - start, 349 - start, -1)] for start in (0, 100, 200)]
    assert len(found["features"]) == 450
    assert client.download_model_explanation(top_k=2).get_feature_importance_dict() == {"f449": 449.0, "f448": 448.0}
    assert client.download_model_explanation().num_features == 300


def test_only_so_many_samples_are_kept_for_drawing(run, tmp_path):
    """20,000 rows at even distances; the importances of all of them stay."""
    rows = [[float(number)] for number in range(50_000)]
    outrider.ExplanationClient(run).upload_model_explanation(Explanation(features=["x"], local_values=rows, eval_data=rows))
    found = kept(run, tmp_path / "kept")
    assert found["eval_data_viz"] == [[float(number * 50_000 // 20_000)] for number in range(20_000)]
    assert len(found["local_importance_values"]) == 50_000
    assert found["rich_metadata"]["num_rows"] == 50_000


def test_explanations_are_found_by_id_comment_and_kind(run):
    """The newest where nothing is said; a clear error where there is none."""
    client = outrider.ExplanationClient(run)
    with pytest.raises(ValueError, match=f"run {run.id} has no such explanation; it has none"):
        client.download_model_explanation()
    first, second = Explanation(features=["a"], global_values=[1.0], is_raw=True), Explanation(features=["b"], global_values=[2.0])
    client.upload_model_explanation(first, comment="raw one")
    client.upload_model_explanation(second)
    assert [one["id"] for one in client.list_model_explanations()] == [first.id, second.id]
    assert client.download_model_explanation().features == ["b"]
    assert client.download_model_explanation(first.id).features == ["a"]
    assert client.download_model_explanation(raw=True).features == ["a"]
    assert client.download_model_explanation(engineered=True).features == ["b"]
    assert [one["comment"] for one in client.list_model_explanations(comment="raw one")] == ["raw one"]


def test_importances_are_logged_as_a_table_and_kept_whole(run):
    """The most important feature first, with a column for each class."""
    charts.log_feature_importance(run, Explanation(features=["a", "b"], per_class_values=[[1, 2], [3, 6]], classes=["no", "yes"]))
    expected = {"feature": ["b", "a"], "importance": [4.0, 2.0], "no": [2, 1], "yes": [6, 3]}
    assert run.get_metrics("feature_importance")["feature_importance"] == expected
    assert outrider.ExplanationClient(run).download_model_explanation().classes == ["no", "yes"]


def test_a_classification_is_logged_whole_or_not_at_all(run):
    """Charts and scores, with a prefix; where something does not fit, nothing of it."""
    with pytest.raises(ValueError, match="predict_proba"):
        charts.log_classification(run, [0, 1], [0, 1], [-2.0, 5.0])
    with pytest.raises(TypeError, match="needs y_pred, y_score or both"):
        charts.log_classification(run, [0, 1])
    assert run.get_metrics() == {}
    scores = charts.log_classification(run, [0, 1, 1], y_score=[0.2, 0.7, 0.4], target_names=["no", "yes"], prefix="test_")
    assert scores["accuracy"] == pytest.approx(2 / 3)
    metrics = run.get_metrics()
    assert metrics["test_accuracy"] == scores["accuracy"]
    assert {"test_confusion_matrix", "test_accuracy_table", "test_AUC_macro", "test_log_loss"} <= set(metrics)


def test_a_regression_is_logged_whole(run):
    """Both charts, and the scores."""
    scores = charts.log_regression(run, [1.0, 2.0, 3.0], [1.1, 1.9, 3.3])
    assert {"residuals", "predictions", "r2_score"} <= set(run.get_metrics())
    assert scores["mean_absolute_error"] == pytest.approx(0.5 / 3)
