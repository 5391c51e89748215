"""
What of the SDK is beyond run tracking: it can be named, and says so when it is used.

Whole packages of it (pipelines, AutoML, HyperDrive, estimators, contrib) say so when they are imported; the classes of deployment, which
scripts import beside `Model` or `Workspace` and often never reach, when they are called.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, NoReturn

_WORKS = "What works here: Workspace, Experiment, Run, ScriptRunConfig, Environment, Model, Dataset, RunDetails (docs/azureml.md)"

_ESTIMATORS = "estimators are out of scope; the SDK replaced them, too. Use ScriptRunConfig(source_directory, script, arguments)"
_AUTOML = "AutoML is out of scope. examples/model_search.py tracks a search as a parent run with a child run a candidate"

#: A package (with all below it) -> what to do instead.
PACKAGES = {
    "azureml.pipeline": "pipelines are out of scope. Submit each step with ScriptRunConfig, or start its script with `outrider run`",
    "azureml.train.automl": _AUTOML,
    "azureml.automl": _AUTOML,
    "azureml.train.hyperdrive": "HyperDrive is out of scope. Start a child run for each set of parameters: run.submit_child()",
    "azureml.train.estimator": _ESTIMATORS,
    "azureml.train.dnn": _ESTIMATORS,
    "azureml.train.sklearn": _ESTIMATORS,
    "azureml.contrib": "the contrib packages are out of scope",
    "azureml.explain": "explainers are out of scope; ExplanationClient is in azureml.interpret",
    "azureml.interpret.mimic_wrapper": "explainers are out of scope; ExplanationClient is in azureml.interpret",
    "azureml.accel": "deployment is out of scope",
    "azureml.monitoring": "deployment is out of scope",
    "azureml.datadrift": "monitoring of deployed models is out of scope",
    "azureml.dataprep": "data preparation is out of scope. Read the data with pandas, or with Dataset.Tabular over local files",
    "azureml.opendatasets": "open datasets are out of scope: they are downloaded from Azure. scikit-learn has some of them",
    "azureml.tensorboard": "TensorBoard's export is out of scope; what is logged is in the portal: `outrider ui`",
    "azureml.mlflow": "MLflow's Azure plug-in is out of scope",
}


class OutOfScope(ImportError, NotImplementedError):
    """Something beyond run tracking was asked for. Nothing was done; what was tracked until then is kept."""


def refusal(name: str) -> OutOfScope:
    """The error for a name of a package in PACKAGES, or of deployment."""
    why = next((why for package, why in PACKAGES.items() if (name + ".").startswith(package + ".")), "deployment is out of scope")
    return OutOfScope(f"{name}: {why}. {_WORKS}. Nothing that was tracked is lost.", name=name)


def is_beyond(module: str) -> bool:
    """Is it one of PACKAGES, or below one?"""
    return any((module + ".").startswith(package + ".") for package in PACKAGES)


class _Beyond(type):
    """The class of classes that are only names. It can be imported, written in an annotation and asked for in `isinstance`."""

    def __call__(cls, *_arguments: Any, **_more: Any) -> NoReturn:
        raise refusal(f"{cls.__module__}.{cls.__name__}")

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise refusal(f"{cls.__module__}.{cls.__name__}.{name}")


def stand_in(module: str, name: str) -> type:
    """A class of that name which says that it is out of scope when it is used."""
    return _Beyond(name, (), {"__module__": module, "__doc__": "Beyond run tracking: it says so when it is used."})
