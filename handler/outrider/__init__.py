"""
Outrider tracks what a training script already emits. Public names only; each is imported when it is first asked for.

    logging.basicConfig(level="INFO", handlers=[outrider.RunHandler()])
    with outrider.start_run("ridge") as run: run.log("mse", 0.1)
"""

from __future__ import annotations

import os

from outrider import _starved

__version__ = "0.1.0"

_HOME = {
    "RunHandler": "_handler",
    "Run": "_run",
    "Experiment": "_experiment",
    "Workspace": "_workspace",
    "Model": "_model",
    "ScriptRunConfig": "_script_config",
    "RunConfiguration": "_script_config",
    "DockerConfiguration": "_script_config",
    "MpiConfiguration": "_script_config",
    "PyTorchConfiguration": "_script_config",
    "TensorflowConfiguration": "_script_config",
    "Environment": "_environment",
    "CondaDependencies": "_conda",
    "ActivityFailed": "_errors",
    "SnapshotError": "_errors",
    "SubmitError": "_errors",
    "Dataset": "_dataset",
    "ExplanationClient": "_explanation_client",
    "RunDetails": "widget",
    "ConfigNotFound": "_errors",
    "ConfigUnusable": "_errors",
    "DatasetNotFound": "_errors",
    "FileNotInRun": "_errors",
    "HistoryUnavailable": "_errors",
    "InvalidImage": "_errors",
    "MetricsUnavailable": "_errors",
    "ModelNotFound": "_errors",
    "ModelPathNotFound": "_errors",
    "NotKnown": "_errors",
    "OutriderError": "_errors",
    "PropertyChanged": "_errors",
    "RunEnded": "_errors",
    "RunNotFound": "_errors",
    "start_run": "_api",
    "current_run": "_api",
    "log": "_api",
    "log_list": "_api",
    "log_row": "_api",
    "log_table": "_api",
    "tag": "_api",
    "param": "_api",
    "params": "_api",
    "upload_file": "_api",
    "upload_folder": "_api",
    "get_metrics": "_api",
    "flush": "_api",
    "complete": "_api",
    "fail": "_api",
    "cancel": "_api",
}

_MODULES = ("sklearn", "structlog", "widget")

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from outrider._api import (
        cancel,
        complete,
        current_run,
        fail,
        flush,
        get_metrics,
        log,
        log_list,
        log_row,
        log_table,
        param,
        params,
        start_run,
        tag,
        upload_file,
        upload_folder,
    )
    from outrider._conda import CondaDependencies
    from outrider._dataset import Dataset
    from outrider._environment import Environment
    from outrider._errors import (
        ActivityFailed,
        ConfigNotFound,
        ConfigUnusable,
        DatasetNotFound,
        FileNotInRun,
        HistoryUnavailable,
        InvalidImage,
        MetricsUnavailable,
        ModelNotFound,
        ModelPathNotFound,
        NotKnown,
        OutriderError,
        PropertyChanged,
        RunEnded,
        RunNotFound,
        SnapshotError,
        SubmitError,
    )
    from outrider._experiment import Experiment
    from outrider._explanation_client import ExplanationClient
    from outrider._handler import RunHandler
    from outrider._model import Model
    from outrider._run import Run
    from outrider._script_config import (
        DockerConfiguration,
        MpiConfiguration,
        PyTorchConfiguration,
        RunConfiguration,
        ScriptRunConfig,
        TensorflowConfiguration,
    )
    from outrider._workspace import Workspace
    from outrider.widget import RunDetails

__all__ = [
    "ActivityFailed",
    "CondaDependencies",
    "ConfigNotFound",
    "ConfigUnusable",
    "Dataset",
    "DatasetNotFound",
    "DockerConfiguration",
    "Environment",
    "Experiment",
    "ExplanationClient",
    "FileNotInRun",
    "HistoryUnavailable",
    "InvalidImage",
    "MetricsUnavailable",
    "Model",
    "ModelNotFound",
    "ModelPathNotFound",
    "MpiConfiguration",
    "NotKnown",
    "OutriderError",
    "PropertyChanged",
    "PyTorchConfiguration",
    "Run",
    "RunConfiguration",
    "RunDetails",
    "RunEnded",
    "RunHandler",
    "RunNotFound",
    "ScriptRunConfig",
    "SnapshotError",
    "SubmitError",
    "TensorflowConfiguration",
    "Workspace",
    "cancel",
    "complete",
    "current_run",
    "fail",
    "flush",
    "get_metrics",
    "log",
    "log_list",
    "log_row",
    "log_table",
    "param",
    "params",
    "start_run",
    "tag",
    "upload_file",
    "upload_folder",
]


def __getattr__(name: str) -> object:
    """Imports what is asked for; `outrider.sklearn`, `.structlog` and `.widget` too, which are modules."""
    if name in _MODULES:
        from importlib import import_module

        return import_module("outrider." + name)
    if name not in _HOME:
        raise AttributeError(f"module 'outrider' has no attribute {name!r}")
    try:
        return _load(name)
    except OSError as error:
        if error.errno in _starved.EXHAUSTED and _HOME[name] == "_api":
            return _starved.stand_in(name, _load)
        raise


def _load(name: str) -> object:
    """Signals wait that long (10 ms, once): a script's handler that asks for the same name would find a module that is not made yet."""
    from outrider import _signals

    held = _signals.mask()
    try:
        _signals.mask(_signals.ALL)
        value = getattr(getattr(__import__("outrider." + _HOME[name]), _HOME[name]), name)  # importlib is a file to be opened, too
    finally:
        _signals.mask(held)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])


def _is_on(setting: str) -> bool:
    return os.environ.get(setting, "") not in ("", "0")


if _is_on("OUTRIDER_LEGACY") and not _is_on("OUTRIDER_DISABLED"):  # a notebook that nothing else has prepared asks for it so
    from outrider import _mend

    _mend.install()
