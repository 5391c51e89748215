"""
A small search for the best model, as automated machine learning does it: a parent run, and under it a run for each candidate.

    python examples/model_search.py                  # then `outrider ui`
    outrider run -- python examples/model_search.py

Scikit-learn's own data sets: handwritten digits and breast cancer are classified, diabetes is a regression. Each candidate's run has its
parameters and scores, its learning curve, the charts (confusion matrix, accuracy table; residuals, predictions), the importance of its
features, a picture and its model. The parent has the leaderboard, the best run of each task as tags, and the best model registered.
"""

from __future__ import annotations

import argparse
import io
import logging
import time

import joblib
import matplotlib.figure
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import outrider
import outrider.sklearn as charts

logger = logging.getLogger("model_search")

#: Data set -> (how it is loaded, which score decides, is more better).
TASKS = {
    "digits": (load_digits, "accuracy", True),
    "cancer": (load_breast_cancer, "AUC_weighted", True),
    "diabetes": (load_diabetes, "root_mean_squared_error", False),
}


def candidates(task):
    """`{name: (model, its parameters)}` of a task."""
    if task == "diabetes":
        return {
            "ridge": (make_pipeline(StandardScaler(), Ridge(alpha=10.0)), {"alpha": 10.0}),
            "forest": (RandomForestRegressor(40, min_samples_leaf=4, random_state=0), {"trees": 40, "min_samples_leaf": 4}),
            "boosting": (GradientBoostingRegressor(n_estimators=60, max_depth=2, random_state=0), {"trees": 60, "max_depth": 2}),
            "neighbours": (make_pipeline(StandardScaler(), KNeighborsRegressor(9)), {"neighbours": 9}),
        }
    return {
        "logistic": (make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)), {"C": 0.1, "max_iter": 300}),
        "forest": (RandomForestClassifier(40, random_state=0), {"trees": 40}),
        "bayes": (make_pipeline(StandardScaler(), GaussianNB()), {}),
    }


def search(task, parent):
    """Tries every candidate of a task in a child run; `[(score, name, run id, model), …]`, the best first."""
    load, decides, more_is_better = TASKS[task]
    data = load()
    split = train_test_split(data.data, data.target, test_size=0.3, random_state=0)
    found = []
    for name, (model, parameters) in candidates(task).items():
        started = time.perf_counter()
        with parent.child_run(name=f"{task}-{name}") as run:
            run.set_tags({"task": task, "algorithm": name})
            run.params(parameters)
            score = train(run, model, data, split, decides)
            run.log("training_time_s", time.perf_counter() - started)
        logger.info("%s %s: %s %.4f", task, name, decides, score)
        parent.log_row("leaderboard", task=task, candidate=name, metric=decides, score=score, run=run.id)
        found.append((score, name, run.id, model))
    return sorted(found, key=lambda row: row[0], reverse=more_is_better)


def train(run, model, data, split, decides):
    """Fits one candidate, and logs everything about it; the score that decides."""
    train_x, test_x, train_y, test_y = split
    for share in (0.1, 0.2, 0.4, 0.7, 1.0):
        rows = max(int(len(train_x) * share), 40)
        model.fit(train_x[:rows], train_y[:rows])
        run.log_row("learning_curve", samples=rows, train=model.score(train_x[:rows], train_y[:rows]), test=model.score(test_x, test_y))
    predicted = model.predict(test_x)
    if is_classifier(model):
        names = [str(name) for name in data.target_names]
        scores = charts.log_classification(run, test_y, predicted, model.predict_proba(test_x), labels=model.classes_, target_names=names)
    else:
        scores = charts.log_regression(run, test_y, predicted)
    charts.log_feature_importance(run, importance(model, test_x, test_y, data.feature_names), top_k=20)
    run.log_image("answers", plot=picture(test_y, predicted))
    keep(run, model)
    return scores[decides]


def importance(model, test_x, test_y, names):
    """What the model says of its features; one that says nothing is asked by shuffling them."""
    try:
        return charts.feature_importance(model, test_x, features=names)
    except TypeError:
        return charts.permutation_importance(model, test_x, test_y, features=names, repeats=2)


def keep(run, model, name="outputs/model.pkl"):
    """The fitted model as a file of the run."""
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    run.upload_file(name, file)


def picture(true, predicted):
    """A figure: each sample a dot, what is true across, what was predicted up."""
    figure = matplotlib.figure.Figure(figsize=(4, 4), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.scatter(true, predicted, s=12, alpha=0.4)
    axes.axline((true.mean(), true.mean()), slope=1, color="grey", linewidth=1)
    axes.set(xlabel="true", ylabel="predicted")
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiment", default="model-search")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[logging.StreamHandler(), outrider.RunHandler()])

    with outrider.start_run(arguments.experiment, "search") as parent:
        for task in arguments.tasks:
            score, name, run_id, model = search(task, parent)[0]
            parent.log(f"best_{task}", score)
            parent.set_tags({f"best_{task}": name, f"best_{task}_run": run_id})
            keep(parent, model, f"outputs/{task}.pkl")
            parent.register_model(f"model-search-{task}", f"outputs/{task}.pkl", tags={"algorithm": name}, description=f"best for {task}")
            logger.info("best for %s: %s", task, name)


if __name__ == "__main__":
    main()
