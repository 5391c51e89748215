"""
Submitting: a folder's snapshot, and a detached `outrider run` that runs a script from it. Works without the agent; returns as soon as the
run is in the spool.

Here: what the caller's process does. Never here: what the new processes do (`_launcher.py`), waiting (`_waiting.py`). No agent ever
executes a user's command: the caller starts it, as the caller's user and with the caller's environment.
"""

from __future__ import annotations

import json
import os
import sys
import time

from outrider import _definition, _snapshot, record, spool
from outrider._encode import safe_str
from outrider._errors import SubmitError
from outrider._script_config import ScriptRunConfig

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping

    from outrider._experiment import Experiment
    from outrider._known import KnownRun
    from outrider._run import Run

TYPE = "azureml.scriptrun"  #: the type of a submitted run, as the original calls it
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_START = "import sys; sys.path.append(sys.argv[1]); from outrider import _launcher; _launcher.main()"
#: What says where the caller itself is: not the submitted run's business.
_CALLERS_OWN = frozenset(
    {"OUTRIDER_RUN_ID", "OUTRIDER_ATTEMPT", "OUTRIDER_RUN_CLAIMED", "OUTRIDER_KEEPER", "OUTRIDER_EXPERIMENT", "OUTRIDER_RUN_NAME"}
    | {"OUTRIDER_OUTPUTS", "OUTRIDER_DISABLED", "AZUREML_RUN_ID", "AZUREML_ROOT_RUN_ID"}
)


def submit(
    experiment: Experiment,
    config: Any,
    tags: Mapping[str, Any] | None = None,
    *,
    parent: str | None = None,
    run_id: str | None = None,
    show_output: bool = False,
    **more: Any,
) -> Run:
    """
    Keeps a snapshot of the configured folder, starts the script from it in a process of its own, and returns the run. `show_output`: waits
    for its end and prints what it prints. `parent`: a run's id. Raises SnapshotError and SubmitError; then nothing was started.
    """
    if more:
        raise TypeError(f"submit() does not know {', '.join(map(repr, sorted(more)))}")
    spec = prepare(experiment.name, config, tags, parent=parent, run_id=run_id, workspace=experiment.workspace)
    start(spec)
    run: Run = experiment._run_type()(experiment, spec["run"])  # noqa: SLF001 -- its own package
    if show_output:
        run.wait_for_completion(show_output=True)
    return run


def prepare(
    experiment: str,
    config: Any,
    tags: Mapping[str, Any] | None = None,
    *,
    parent: str | None = None,
    run_id: str | None = None,
    workspace: Any = None,
) -> dict[str, Any]:
    """All that the launcher needs, with the snapshot taken. Starts nothing. Raises SnapshotError, SubmitError, TypeError."""
    if not isinstance(config, ScriptRunConfig):
        raise TypeError(
            f"submit() takes a ScriptRunConfig, not {type(config).__name__}. Pipelines, hyperparameter sweeps, estimators and automated ML "
            "are not run by Outrider: submit the script itself, once for each candidate"
        )
    if os.environ.get("OUTRIDER_DISABLED", "") not in ("", "0"):
        raise SubmitError("nothing was submitted: OUTRIDER_DISABLED=1 turns Outrider off")
    if tags is not None and not hasattr(tags, "items"):
        raise TypeError(f"tags must be a dict, not {type(tags).__name__}")
    home = spool.home()
    folder = os.path.abspath(os.path.expanduser(os.fsdecode(config.source_directory)))
    arguments, inputs = _arguments(config.arguments)
    run = run_id or new_id(experiment)
    command, name = _command(config, folder, arguments)
    taken = _snapshot.take(home, folder)
    environment = config.run_config.environment
    return {
        "run": run,
        "home": home,
        "experiment": experiment,
        "name": name,
        "parent": parent,
        "tags": {str(key): value if value is None else safe_str(value) for key, value in (tags or {}).items()},
        "command": command,
        "interpreter": _interpreter(config),
        "submitted": time.time_ns(),
        "snapshot": taken.line(),
        "folder": folder,
        "variables": {**_texts(environment.environment_variables), **_texts(config.run_config.environment_variables)},
        "azureml": job_environment(run, experiment, workspace),
        "packages": _packages(environment),
        "target": config.run_config.target,
        "definition": _definition.of_config(config, command),
        "inputs": inputs,
        "max_duration_s": config.max_run_duration_seconds,
        "remarks": _remarks(config),
    }


def start(spec: dict[str, Any]) -> None:
    """Starts the launcher, and waits until the run is in the spool. Raises SubmitError."""
    import subprocess

    from outrider import control

    environ = {key: value for key, value in os.environ.items() if key not in _CALLERS_OWN}
    environ["OUTRIDER_HOME"] = spec["home"]
    if not sys.executable:
        raise SubmitError("nothing was submitted: this Python does not know its own program, which starts the run")
    try:
        launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, _ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environ,
            start_new_session=True,
            close_fds=True,
        )
    except OSError as error:
        raise SubmitError(f"nothing was submitted: {sys.executable} could not be started ({error.strerror})") from error
    with launcher:
        assert launcher.stdin is not None and launcher.stdout is not None  # noqa: S101, PT018 -- they are pipes
        try:
            launcher.stdin.write(json.dumps(spec).encode("ascii"))
            launcher.stdin.close()
        except BrokenPipeError:
            pass  # it says below what was wrong
        if os.environ.get("OUTRIDER_AGENT_AUTOSTART") != "0":
            control.start_agent(spec["home"])
        said = launcher.stdout.readline().decode("utf-8", "replace").strip()
    if said != "ready":
        raise SubmitError(f"nothing was submitted: {said or 'the launcher ended without a word'}")


def clean(run: KnownRun) -> None:
    """Removes the folder that a submitted run worked in. One that has not ended needs it, and keeps it."""
    home = run._home  # noqa: SLF001 -- its own package
    if home is not None and run.get_status() in record.TERMINAL:
        import shutil

        shutil.rmtree(os.path.join(home, "submitted", run.id), ignore_errors=True)


def new_id(experiment: str) -> str:
    """`<experiment>_<unix time>_<8 hex>`, with `-` for what an id cannot have."""
    legal = "".join(one if one.isascii() and (one.isalnum() or one in "_.-") else "-" for one in experiment)[:200].lstrip("_.-")
    return f"{legal or 'run'}_{int(time.time())}_{os.urandom(4).hex()}"


def job_environment(run: str, experiment: str, workspace: Any = None) -> dict[str, str]:
    """What a job of Azure ML finds in its environment: scripts read some of it themselves. Nothing in it is a secret or an address."""
    name = getattr(workspace, "name", None) or "outrider"
    return {
        "AZUREML_RUN_ID": run,
        "AZUREML_ROOT_RUN_ID": run,
        "AZUREML_ARM_SUBSCRIPTION": safe_str(getattr(workspace, "subscription_id", None) or "00000000-0000-0000-0000-000000000000"),
        "AZUREML_ARM_RESOURCEGROUP": safe_str(getattr(workspace, "resource_group", None) or "local"),
        "AZUREML_ARM_WORKSPACE_NAME": safe_str(name),
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_EXPERIMENT_ID": experiment,
        "AZUREML_WORKSPACE_ID": safe_str(name),
        "AZUREML_RUN_TOKEN": "local",
        "AZUREML_RUN_TOKEN_EXPIRY": "4102444800",
        "AZUREML_SERVICE_ENDPOINT": "http://localhost",
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": "http://localhost",
        "AZUREML_OUTPUT_DIRECTORY": "./outputs",
    }


def _command(config: ScriptRunConfig, folder: str, arguments: list[str]) -> tuple[list[str], str]:
    """The command, and what a person would call the run."""
    if config.command:
        words = [safe_str(word) for word in config.command] if not isinstance(config.command, str) else ["/bin/sh", "-c", config.command]
        return words, config.command[:60] if isinstance(config.command, str) else words[0]
    script = safe_str(config.script)
    path = os.path.normpath(os.path.join(folder, script))
    if not os.path.isdir(folder):
        raise SubmitError(f"nothing was submitted: there is no folder {folder}")
    if not os.path.isfile(path) or not (path + os.sep).startswith(folder.rstrip(os.sep) + os.sep):
        raise SubmitError(
            f"nothing was submitted: {path} script path doesn't exist. The script should be inside the project folder {folder}: "
            "the run has only what is there"
        )
    return [_interpreter(config), os.path.relpath(path, folder), *arguments], os.path.basename(script)


def _interpreter(config: ScriptRunConfig) -> str:
    """The environment's; where it names none (or the default, `python`) the one that submits: its packages are those the notebook sees."""
    named = config.run_config.environment.python.interpreter_path
    if named in (None, "", "python"):
        return sys.executable
    return os.path.expanduser(os.fsdecode(named))


def _arguments(given: list[Any]) -> tuple[list[str], dict[str, Any]]:
    """The arguments as text; and of data sets among them, which are passed as their paths, {name: path}."""
    texts: list[str] = []
    inputs: dict[str, Any] = {}
    for one in given:
        about = getattr(one, "about", None)
        if isinstance(about, dict) and "paths" in about:
            paths = one.to_path()
            path = paths[0] if len(paths) == 1 else about["paths"][0] if len(about["paths"]) == 1 else os.path.commonpath(paths)
            inputs[safe_str(about.get("input") or one.name or f"input_{len(inputs)}")] = about
            texts.append(path)
        else:
            texts.append(os.fsdecode(one) if isinstance(one, (bytes, os.PathLike)) else safe_str(one))
    return texts, inputs


def _texts(variables: Mapping[str, Any] | None) -> dict[str, str]:
    return {safe_str(key): safe_str(value) for key, value in (variables or {}).items()}


#: Packages whose distribution is called otherwise.
_OF_CONDA = {"pytorch": "torch", "py-xgboost": "xgboost", "py-opencv": "opencv-python", "tensorflow-gpu": "tensorflow", "pip": ""}


def _packages(environment: Any) -> list[str]:
    """The distributions that the environment names, for the system log to say which are missing."""
    from outrider import _conda

    named = environment.python.conda_dependencies
    if named is None or environment.python.user_managed_dependencies:
        return []
    names = [_OF_CONDA.get(name.lower(), name) for name in map(_conda.distribution, [*named.pip_packages, *named.conda_packages])]
    return [name for name in names if name and not name.lower().startswith("azureml")]  # its names are offered by Outrider


def _remarks(config: ScriptRunConfig) -> list[str]:
    """What was asked for and has no effect here."""
    found = []
    if config.run_config.target not in ("local", None):
        found.append(f"The compute target {config.run_config.target!r} is not used: the run is a process of this machine.")
    if config.distributed_job_config is not None:
        found.append(f"{type(config.distributed_job_config).__name__} is not used: the script runs once, in one process.")
    if config.resume_from is not None:
        found.append("resume_from is not used: the run begins anew.")
    return found
