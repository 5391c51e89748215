"""The help page: the run API on one screen, for whoever followed the link beside a run in a notebook. Pure."""

from __future__ import annotations

from outrider_agent.portal.markup import Safe, join, tag

CODE = """\
import outrider
from outrider import Experiment, Model, Run, Workspace

workspace = Workspace.from_config()                 # without a config.json: the local workspace
experiment = Experiment(workspace, "ridge")

with experiment.start_logging() as run:             # ends with the block; an exception marks it Failed
    run.log("mse", 0.3, step=1)                     # many times: a series
    run.log_list("alphas", [0.1, 0.2])
    run.log_row("wave", angle=0.1, cos=0.99)        # many times: a table
    run.log_table("grid", {"x": [1, 2], "y": [3, 4]})
    run.log_image("ROC", plot=plt)                  # or path="roc.png"
    run.log_confusion_matrix("matrix", document)    # log_accuracy_table, log_predictions, log_residuals
    run.tag("stage", "final")
    run.upload_file("outputs/model.pkl", "model.pkl")
    model = run.register_model("ridge", "outputs/model.pkl")

run.get_metrics()                                   # {name: value, or many values}
run.get_file_names()
list(experiment.get_runs(tags={"stage": "final"}))  # the newest first
Run.get(workspace, run.id).get_details()
Model(workspace, "ridge").download("models")
"""
COMMANDS = [
    ("outrider run -- python train.py", "tracks an unmodified script: its output, log records, metrics, files and end"),
    ("outrider show latest", "one run in one screen"),
    ("outrider metrics latest", "its metrics; with a name, every point"),
    ("outrider logs -f latest", "its log as it comes"),
    ("outrider artifacts latest", "its files, and copies of them"),
    ("outrider --help", "everything else"),
]


KEYS = [
    ("/", "to the query of the list, or the search of the log"),
    ("j  k  Enter", "down and up the list, and into a run"),
    ("x", "choose the run: to compare, tag or delete it"),
    ("1 … 8", "the tabs of a run; the arrows between them"),
    ("f", "to the end of the log, and follow it"),
]


def page() -> Safe:
    """All of it."""
    rows = [tag("tr", tag("td", tag("code", command)), tag("td", what, class_="dim")) for command, what in COMMANDS]
    keys = [tag("tr", tag("td", tag("kbd", key)), tag("td", what, class_="dim")) for key, what in KEYS]
    return join(
        (
            tag("div", tag("h1", "Help"), class_="heading"),
            tag(
                "section", tag("h2", "In a script or a notebook"), tag("pre", tag("code", CODE), class_="log", tabindex="0"), class_="card"
            ),
            tag("section", tag("h2", "In a terminal"), tag("table", tag("tbody", *rows), class_="pairs"), class_="card"),
            tag("section", tag("h2", "Keys"), tag("table", tag("tbody", *keys), class_="pairs"), class_="card"),
        )
    )
