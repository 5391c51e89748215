"""
What a script logs through MLflow, beside the azureml names: kept with its run, as Azure ML keeps it.

In a submitted script MLflow's first run is the submitted one, whatever local file MLflow keeps it in; elsewhere a run of MLflow in the
workspace (`ws.get_mlflow_tracking_uri()`) is a run of the experiment of that name. MLflow does what it does, and then the same calls are
made here: points, parameters, tags, files (those of models too), the end. Nothing of other servers. Never here: importing MLflow.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable

_MODULE = "mlflow.tracking.client"
_CALLS = (
    "create_run", "log_metric", "log_batch", "log_param", "set_tag", "log_artifact", "log_artifacts", "log_model_artifacts",
    "set_terminated",
)  # fmt: skip
_mirrors: list[Mirror] = []


def watch() -> None:
    """From now on MLflow's client is followed in this process, once it is imported."""
    if _mirrors:
        return
    from outrider import _afterwards

    mirror = Mirror(is_job=bool(os.environ.get("AZUREML_RUN_ID")))
    _mirrors.append(mirror)
    _afterwards.Afterwards(_MODULE.__eq__, lambda _name, module: mirror.follow(module.MlflowClient)).install()


class Mirror:
    """The runs of MLflow that are runs here, by MLflow's ids."""

    def __init__(self, *, is_job: bool) -> None:
        self._is_job = is_job
        self._is_taken = False  #: the submitted run is one of MLflow's already
        self._runs: dict[str, Any] = {}
        self._ends: set[str] = set()  #: those that were started here, and end with MLflow's

    def follow(self, client: Any) -> None:
        """Of MLflow's client: each of its calls is made, and then seen."""
        for name in _CALLS:
            if hasattr(client, name):  # an older one has no models of its own: they are files of the run
                setattr(client, name, self._seen(getattr(client, name), getattr(self, f"_{name}")))

    def _seen(self, real: Callable[..., Any], see: Callable[..., None]) -> Callable[..., Any]:
        import functools

        @functools.wraps(real)
        def call(client: Any, *given: Any, **named: Any) -> Any:
            done = real(client, *given, **named)
            try:
                see(client, done, *given, **named)
            except Exception as error:  # noqa: BLE001 -- MLflow has kept it; what a copy lacks is no reason for a script to fail
                import logging

                logging.getLogger("azureml").warning("outrider: what was logged through MLflow is not in the run: %r", error)
            return done

        return call

    def _create_run(self, client: Any, made: Any, *_given: Any, **_named: Any) -> None:
        tags = dict(made.data.tags)
        name = tags.get("mlflow.runName")
        parent = self._runs.get(tags.get("mlflow.parentRunId", ""))
        where = str(client.tracking_uri)
        if parent is not None:
            run = parent.child_run(name)
        elif self._is_job and not where.startswith(("http:", "https:", "databricks", "azureml:")):
            from outrider.azureml.run import Run

            current = Run.get_context()
            if not self._is_taken:
                self._is_taken = True
                self._runs[made.info.run_id] = current
                return
            run = current.child_run(name)
        else:
            from outrider.azureml.experiment import Experiment
            from outrider.azureml.workspace import Workspace

            workspace = Workspace()
            if where != workspace.get_mlflow_tracking_uri():
                return
            experiment = Experiment(workspace, client.get_experiment(made.info.experiment_id).name)
            run = experiment.start_logging(outputs=False, snapshot_directory=None, display_name=name)
        self._runs[made.info.run_id] = run
        self._ends.add(made.info.run_id)

    def _log_metric(self, _client: Any, _done: Any, run_id: str, key: str, value: float, *given: Any, **named: Any) -> None:
        if run_id in self._runs:  # behind the value come the time and the step
            self._runs[run_id].log(key, float(value), step=named.get("step", given[1] if len(given) > 1 else None))

    def _log_batch(
        self, _client: Any, _done: Any, run_id: str, metrics: Any = (), params: Any = (), tags: Any = (), *_given: Any, **_named: Any
    ) -> None:
        run = self._runs.get(run_id)
        if run is None:
            return
        for metric in metrics:
            run.log(metric.key, float(metric.value), step=metric.step)
        for param in params:
            run.param(param.key, param.value)
        for tag in tags:
            self._set_tag(_client, None, run_id, tag.key, tag.value)

    def _log_param(self, _client: Any, _done: Any, run_id: str, key: str, value: Any, *_given: Any, **_named: Any) -> None:
        if run_id in self._runs:
            self._runs[run_id].param(key, value)

    def _set_tag(self, _client: Any, _done: Any, run_id: str, key: str, value: Any, *_given: Any, **_named: Any) -> None:
        if run_id in self._runs and not key.startswith("mlflow."):
            self._runs[run_id].tag(key, value)

    def _log_artifact(self, _client: Any, _done: Any, run_id: str, local_path: Any, artifact_path: str | None = None) -> None:
        if run_id not in self._runs:
            return
        path = os.fspath(local_path)
        name = "/".join(filter(None, (artifact_path, os.path.basename(path.rstrip("/")))))
        (self._runs[run_id].upload_folder if os.path.isdir(path) else self._runs[run_id].upload_file)(name, path)

    def _log_artifacts(self, _client: Any, _done: Any, run_id: str, local_dir: Any, artifact_path: str | None = None) -> None:
        if run_id not in self._runs:
            return
        for folder, _folders, names in os.walk(local_dir):
            for name in sorted(names):
                path = os.path.join(folder, name)
                inner = os.path.relpath(path, local_dir).replace(os.sep, "/")
                self._runs[run_id].upload_file("/".join(filter(None, (artifact_path, inner))), path)

    def _log_model_artifacts(self, client: Any, _done: Any, model_id: str, local_dir: Any, artifact_path: str | None = None) -> None:
        model = client.get_logged_model(model_id)
        self._log_artifacts(client, None, model.source_run_id, local_dir, "/".join(filter(None, (model.name, artifact_path))))

    def _set_terminated(self, _client: Any, _done: Any, run_id: str, status: str | None = None, *_given: Any, **_named: Any) -> None:
        if run_id not in self._ends:
            return
        run = self._runs[run_id]
        {"FAILED": run.fail, "KILLED": run.cancel}.get(status or "", run.complete)()
