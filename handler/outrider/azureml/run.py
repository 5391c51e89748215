"""
The azureml names of a run: Outrider's Run with what scripts of Azure ML rely on where the two differ: what is accepted as a value, which
exceptions come, `get_context`.

Here: the differences. What values become is in `values`, what `--strict-azure` says in `strict`, and a run's life in `outrider._run`.
"""

from __future__ import annotations

from outrider import _current, _run
from outrider._encode import safe_str
from outrider._errors import FileNotInRun
from outrider.azureml import strict, values
from outrider.azureml.exceptions import AzureMLException, ExperimentExecutionException, SnapshotException, UserErrorException, translated

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Mapping, Sequence

    from outrider.azureml.experiment import Experiment


class _Found(_run.Run):
    """A run, as scripts come by one."""

    @classmethod
    def get_context(cls, allow_offline: bool = True, used_for_context_manager: bool = False, **_more: Any) -> Any:  # noqa: ARG003
        """
        The run that this process is in (of `submit`, of `outrider run`, started before), else a new one. The same object each time; nothing
        is asked, nothing waited for. With `allow_offline` False there must be one: else RunEnvironmentException.
        """
        from outrider.azureml import context

        return context.current(cls, allow_offline=allow_offline)

    def __init__(self, experiment: Any, run_id: str, outputs: Any = None, **more: Any) -> None:
        with translated():
            super().__init__(experiment, run_id, outputs, **more)

    @classmethod
    def _experiment_type(cls) -> Any:
        from outrider.azureml.experiment import Experiment

        return Experiment

    @classmethod
    def get(cls, workspace: Any, run_id: str, **_more: Any) -> Any:
        """The run of that id. Raises ServiceException."""
        with translated():
            return super().get(workspace, run_id)

    @property
    def _run_id(self) -> str:
        return self.id


class Run(_Found):
    """A run, under its azureml name. It is always tracked, so it never looks offline."""

    _report: strict.Report | None

    @property
    def _strict(self) -> strict.Report | None:
        if "_report" not in self.__dict__:
            self.__dict__["_report"] = strict.Report() if strict.is_on() else None
        return self._report

    def log(self, name: str, value: Any, description: str | None = "", step: Any = None) -> None:  # type: ignore[override]
        """One point: a number, text, bool or None; anything else is kept as its text. Raises UserErrorException for a list."""
        found = values.point(value, self._converted)
        if self._strict is not None:
            self._strict.metric(_name(name), {"": found}, 1, description)
        if found is None or (description and step is None):
            super().log_list(_name(name), [found], description)
            return
        try:
            super().log(_name(name), found, step)
        except (TypeError, ValueError):  # of a step that is no whole number
            self._converted(f"the step {safe_str(step)[:40]!r} of {name!r} is no whole number and is left out")
            super().log(_name(name), found)

    def log_list(self, name: str, value: Any, description: str | None = "") -> None:
        """Many values; the characters of a text. Raises AzureMLException for what is no scalar in it."""
        found = values.elements(value)
        if self._strict is not None:
            self._strict.elements(name, len(found))
            self._strict.metric(_name(name), {"": None}, len(found), description)
        super().log_list(_name(name), found, description)

    def log_row(self, name: str, description: str | None = None, **columns: Any) -> None:
        """A row: scalars by column. Raises AzureMLException for a list in it."""
        found = values.row(columns, self._converted)
        if self._strict is not None:
            self._strict.metric(_name(name), found, 1, description)
        if found:
            super().log_row(_name(name), description, **found)

    def log_table(self, name: str, value: Any, description: str | None = "") -> None:
        """A table: columns of one length. Raises AzureMLException for unequal ones."""
        found = values.table(value, self._converted)
        if self._strict is not None:
            self._strict.metric(_name(name), found, len(next(iter(found.values()), ())), description)
        if found:
            super().log_table(_name(name), found, description)

    def log_image(self, name: str, path: Any = None, plot: Any = None, description: str | None = "") -> None:
        """A picture: a file's path, or a plot. Raises AzureMLException for both, none, or what is no picture."""
        with translated(AzureMLException):
            super().log_image(_name(name), path, plot, description)

    def log_confusion_matrix(self, name: str, value: Any, description: str | None = "") -> None:
        """A confusion matrix: a dict, or JSON text."""
        with translated(AzureMLException):
            super().log_confusion_matrix(name, value, description)

    def log_accuracy_table(self, name: str, value: Any, description: str | None = "") -> None:
        """An accuracy table: a dict, or JSON text."""
        with translated(AzureMLException):
            super().log_accuracy_table(name, value, description)

    def log_residuals(self, name: str, value: Any, description: str | None = "") -> None:
        """Residuals: a dict, or JSON text."""
        with translated(AzureMLException):
            super().log_residuals(name, value, description)

    def log_predictions(self, name: str, value: Any, description: str | None = "") -> None:
        """Predicted against true values: a dict, or JSON text."""
        with translated(AzureMLException):
            super().log_predictions(name, value, description)

    def tag(self, key: Any, value: Any = None) -> None:
        """Sets a tag; what is no text becomes one."""
        name, text = safe_str(key), values.text(value)
        if self._strict is not None:
            self._strict.labels("tags", {name: text})
        super().tag(name, text)

    def set_tags(self, tags: Mapping[Any, Any]) -> None:
        """Sets several tags."""
        for key, value in tags.items():
            self.tag(key, value)

    def add_properties(self, properties: Mapping[Any, Any]) -> None:
        """Sets properties. Raises ServiceException where one is to change."""
        found = {safe_str(key): values.text(value) for key, value in properties.items()}
        if self._strict is not None:
            self._strict.labels("properties", found)
        with translated():
            super().add_properties(found)

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None, **_more: Any) -> None:  # noqa: ARG002
        """Copies a file into the run. Raises UserErrorException where it cannot be read."""
        if self._strict is not None:
            self._strict.upload(name)
        with translated():
            super().upload_file(name, path_or_stream)

    def upload_folder(self, name: str, path: Any, datastore_name: str | None = None, **_more: Any) -> None:  # noqa: ARG002
        """Copies a folder into the run. Raises UserErrorException where there is none."""
        try:
            with translated():
                super().upload_folder(name, path)
        except NotADirectoryError as error:
            raise UserErrorException(str(error), inner_exception=error) from error

    def download_file(self, name: str, output_file_path: str | None = None, **_more: Any) -> None:
        """Copies a file of the run to a path. Raises UserErrorException with the run's files."""
        try:
            super().download_file(name, output_file_path)
        except FileNotInRun as error:
            there = ", ".join(self.get_file_names())
            raise UserErrorException(f"File with path {name} was not found,\navailable files include: {there}.") from error

    def register_model(self, model_name: str, model_path: str | None = None, *arguments: Any, **more: Any) -> Any:
        """Registers a file or folder of the run as a model. Raises ModelPathNotFoundException with the run's files."""
        from outrider.azureml.model import Model

        with translated():
            return Model.same_as(super().register_model(model_name, model_path, *arguments, **more))

    def _get_outputs_datapath(self) -> Any:
        """What the run has below `outputs/`, as a path of the default datastore: a published notebook resumes its training from there."""
        from outrider.azureml import datastores

        store = datastores.Datastore()
        inner = f"ExperimentRun/dcid.{self.id}"
        self.download_files(prefix="outputs", output_directory=datastores.within(store.folder, inner))
        return datastores.DataPath(store, f"{inner}/outputs", f"outputs_{self.id}")

    def create_children(self, count: int | None = None, tag_key: str | None = None, tag_values: Sequence[Any] | None = None) -> Any:
        """Several children. Raises UserErrorException for both forms, none, or more than 100."""
        with translated():
            return super().create_children(count, tag_key, [values.text(value) for value in tag_values] if tag_values else tag_values)

    def submit_child(self, config: Any, tags: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Submits a script whose run is a child of this one."""
        from outrider.azureml import experiment

        with translated():
            return type(self).same_as(super().submit_child(experiment.prepared(config), tags, **more))

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Waits for the end. Raises ActivityFailedException where the run failed; ExperimentExecutionException when interrupted."""
        try:
            with translated():
                return super().wait_for_completion(show_output, wait_post_processing, raise_on_error)
        except KeyboardInterrupt as error:
            raise ExperimentExecutionException(
                f"Waiting for the run {self.id} was interrupted. The run itself goes on: run.cancel() ends it, run.get_status() says how "
                f"it stands.",
                inner_exception=error,
            ) from None

    def get_all_logs(self, destination: str | None = None) -> list[str]:
        """Copies the run's logs into a folder. Raises UserErrorException for a file."""
        try:
            return super().get_all_logs(destination)
        except FileExistsError as error:
            raise UserErrorException(str(error), inner_exception=error) from error

    def take_snapshot(self, file_or_folder_path: str) -> str:
        """Keeps a folder with the run. Raises SnapshotException."""
        with translated(SnapshotException):
            return super().take_snapshot(file_or_folder_path)

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | None = None) -> str:
        """The path of a zip of the run's snapshot. Raises SnapshotException."""
        with translated(SnapshotException):
            return super().restore_snapshot(snapshot_id, path)

    @property
    def input_datasets(self) -> Mapping[str, Any]:
        """What the run was given, by name: datasets, or paths where they were mounted."""
        from outrider.azureml import context

        return context.Inputs(self)

    def get_secret(self, name: str) -> str | None:
        """A secret of the workspace's key vault."""
        workspace: Any = self.experiment.workspace
        found: str | None = workspace.get_default_keyvault().get_secret(name)
        return found

    def fail(self, error_details: Any = None, error_code: Any = None, **_more: Any) -> None:
        """Ends the run as Failed."""
        if self._strict is not None:
            self._strict.error(safe_str(error_details))
        super().fail(error_details, error_code)

    def cancel(self) -> None:
        """Ends the run as Canceled, or asks for it. Inside a job, whose launcher ends it, nothing but a warning."""
        if not self._is_a_job():
            super().cancel()
            return
        import logging

        logging.getLogger("azureml").warning(
            "run.cancel() was ignored: this script is inside the run %s, which ends with it and by its exit code. "
            "From outside, `outrider cancel %s` ends it.",
            self.id,
            self.id,
        )

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:  # type: ignore[override]
        """As Outrider's; `sys.exit(0)` ends the block, and not the script, as it did."""
        if isinstance(error, KeyboardInterrupt) and self._is_a_job():
            return False
        super().__exit__(kind, error, trace)
        return isinstance(error, SystemExit) and error.code in (None, 0)

    def _is_a_job(self) -> bool:
        """Is it the run that this script was started in?"""
        return _current.is_joined(self) and not isinstance(self._writer, _current.LaterWriter)

    def _check(self) -> None:
        """Scripts log to runs that they have completed: what they say is the run's all the same, in a stream of its own."""
        if self._ended is not None and not isinstance(self._writer, _current.LaterWriter):
            self._writer = _current.later_writer(self.id)

    def _converted(self, what: str) -> None:
        """A value was not what the call takes: said to whom asks for it."""
        import logging

        logging.getLogger("azureml").info("%s", what)
        if self._strict is not None:
            self._strict.converted(what)


class _OfflineRun:
    """The class that scripts look for to know whether they are tracked: here they always are, so there is none of it."""


def get_run(experiment: Experiment, run_id: str, rehydrate: bool = True, clean_up: bool = True) -> Run:  # noqa: ARG001 -- the SDK's
    """The run of that id. Raises ServiceException."""
    with translated():
        return Run(experiment, run_id)


def _name(name: Any) -> str:
    """A metric's name: what is no text becomes one."""
    return name if isinstance(name, str) and name else safe_str(name) or "unnamed"
