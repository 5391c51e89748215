"""
The azureml name of an experiment: Outrider's, whose runs come under their azureml name, with the SDK's exceptions; and what of a
configuration has to be made plain before it is submitted.
"""

from __future__ import annotations

from outrider import _experiment
from outrider.azureml import environ
from outrider.azureml.exceptions import ExperimentExecutionException, translated
from outrider.azureml.run import Run

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping


class Experiment(_experiment.Experiment):
    """The experiment of that name. Raises UserErrorException for what cannot be one."""

    def __init__(self, workspace: Any, name: str, **more: Any) -> None:
        with translated():
            super().__init__(workspace, name, **more)

    @classmethod
    def _run_type(cls) -> Any:
        return Run

    @classmethod
    def _workspace_type(cls) -> Any:
        from outrider.azureml.workspace import Workspace

        return Workspace

    def start_logging(self, *arguments: Any, **named: Any) -> Any:
        """Starts an interactive run. Raises UserErrorException."""
        with translated():
            run = super().start_logging(*arguments, **named)
        environ.of_run(run.id, self.name, self.workspace)
        return run if isinstance(run, Run) else Run.same_as(run)

    def submit(self, config: Any, tags: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """Submits a script. Raises ExperimentExecutionException where it cannot be started."""
        with translated(ExperimentExecutionException):
            run = super().submit(prepared(config), tags, **more)
        return run if isinstance(run, Run) else Run.same_as(run)

    def get_runs(self, *arguments: Any, **named: Any) -> Iterator[Any]:
        """The experiment's runs, the newest first."""
        with translated():
            yield from super().get_runs(*arguments, **named)


def prepared(config: Any) -> Any:
    """The configuration with the paths of its data references, which the script also finds in AZUREML_DATAREFERENCE_<name>."""
    import copy

    from outrider.azureml import datastores

    run_config = getattr(config, "run_config", None)
    if run_config is None:
        return config
    paths = datastores.references(run_config)
    made = copy.copy(config)
    made.run_config = copy.copy(run_config)
    if not isinstance(run_config.target, str):
        made.run_config.target = str(getattr(run_config.target, "name", run_config.target))
    if config.arguments is not None:
        made.arguments = datastores.resolved(list(config.arguments), paths)
    made.run_config.data_references = {}  # said: they are paths now
    made.run_config.environment_variables = {
        **{f"AZUREML_DATAREFERENCE_{name}": path for name, path in paths.items()},
        **(run_config.environment_variables or {}),
    }
    return made
