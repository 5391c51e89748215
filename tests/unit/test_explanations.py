"""Feature importance: of models that say it themselves, of any by shuffling, and as it is kept with a run and read back."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.inspection import permutation_importance as reference
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, recall_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from outrider import _explanation_client as client
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


class Folder:
    """A run as the client sees it: files and a tag."""

    id = "r"

    def __init__(self):
        self.files, self.tags = {}, {}

    def upload_file(self, name, stream):
        self.files[name] = stream.read()

    def get_file_names(self):
        return list(self.files)

    def download_file(self, name, path):
        with open(path, "wb") as file:
            file.write(self.files[name])

    def tag(self, key, value):
        self.tags[key] = value


def test_what_is_uploaded_comes_back_equal():
    """Every list, under explanation/<8 hex>/, and the run is tagged."""
    model = LogisticRegression(max_iter=1000).fit(IRIS.data, IRIS.target)
    explanation = charts.feature_importance(model, IRIS.data, features=IRIS.feature_names)
    run = Folder()
    client.ExplanationClient.from_run(run).upload_model_explanation(explanation, comment="all", true_ys=IRIS.target)
    assert run.tags == {"model_explanation": "True"}
    folder = f"explanation/{explanation.id[:8]}/"
    expected = {
        "features", "classes", "expected_values", "local_importance_values", "eval_data_viz", "true_ys_viz", "ys_pred_viz",
        "visualization_dict", "rich_metadata", "global_names/0", "global_rank/0", "global_values/0", "per_class_names/0",
        "per_class_rank/0", "per_class_values/0",
    }  # fmt: skip
    assert set(run.files) == {f"{folder}{part}.interpret.json" for part in expected}
    back = client.ExplanationClient.from_run(run).download_model_explanation()
    for member in (
        "features",
        "classes",
        "global_importance_values",
        "per_class_values",
        "local_importance_values",
        "expected_values",
        "id",
    ):
        assert getattr(back, member) == getattr(explanation, member), member
    assert back.eval_y_true == IRIS.target.tolist()
    assert back.eval_data == IRIS.data.tolist()


def test_many_features_are_kept_in_three_blocks_of_the_most_important():
    """Blocks of 100 by descending importance, at most three; the list of features stays whole."""
    values = list(range(450))
    random.Random(1).shuffle(values)
    run = Folder()
    found = client.ExplanationClient(run)
    found.upload_model_explanation({f"f{value}": value for value in values})
    blocks = [json.loads(run.files[name]) for name in sorted(run.files) if "global_values/" in name]
    assert blocks == [[float(value) for value in range(449 - start, 349 - start, -1)] for start in (0, 100, 200)]
    assert len(json.loads(next(text for name, text in run.files.items() if name.endswith("/features.interpret.json")))) == 450
    assert found.download_model_explanation(top_k=2).get_feature_importance_dict() == {"f449": 449.0, "f448": 448.0}
    assert found.download_model_explanation().num_features == 300


def test_only_so_many_samples_are_kept_for_drawing():
    """20,000 rows at even distances; the importances of all of them stay."""
    run = Folder()
    rows = [[float(number)] for number in range(50_000)]
    client.ExplanationClient(run).upload_model_explanation(Explanation(features=["x"], local_values=rows, eval_data=rows))
    kept = {name.rsplit("/", 1)[1]: json.loads(text) for name, text in run.files.items()}
    assert kept["eval_data_viz.interpret.json"] == [[float(number * 50_000 // 20_000)] for number in range(20_000)]
    assert len(kept["local_importance_values.interpret.json"]) == 50_000
    assert kept["rich_metadata.interpret.json"]["num_rows"] == 50_000


def test_explanations_are_found_by_id_comment_and_kind():
    """The newest where nothing is said; a clear error where there is none."""
    found = client.ExplanationClient(Folder())
    with pytest.raises(ValueError, match="run r has no such explanation; it has none"):
        found.download_model_explanation()
    first, second = Explanation(features=["a"], global_values=[1.0], is_raw=True), Explanation(features=["b"], global_values=[2.0])
    found.upload_model_explanation(first, comment="raw one")
    found.upload_model_explanation(second)
    assert [one["id"] for one in found.list_model_explanations()] == [first.id, second.id]
    assert found.download_model_explanation().features == ["b"]
    assert found.download_model_explanation(first.id).features == ["a"]
    assert found.download_model_explanation(raw=True).features == ["a"]
    assert found.download_model_explanation(engineered=True).features == ["b"]
    assert [one["comment"] for one in found.list_model_explanations(comment="raw one")] == ["raw one"]
