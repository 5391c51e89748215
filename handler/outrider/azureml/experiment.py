"""The azureml name of an experiment: Outrider's, whose runs come under their azureml name, with the SDK's exceptions."""

from __future__ import annotations

import re

from outrider import _experiment
from outrider.azureml import datastores, environ
from outrider.azureml.exceptions import ExperimentExecutionException, UserErrorException, translated
from outrider.azureml.run import Run, as_runs

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Mapping

    Experiments = List["Experiment"]

_NAME = re.compile(r"^[a-zA-Z0-9][\w\-]{0,254}$")


class Experiment(_experiment.Experiment):
    """The experiment of that name. Raises UserErrorException for what cannot be one."""

    def __init__(self, workspace: Any, name: str, **more: Any) -> None:
        if not isinstance(name, str) or not _NAME.match(name):
            raise UserErrorException(
                f"Experiment name {name!r} is not valid: it must be 1 to 255 letters, digits, '-' or '_', and begin with a letter or digit"
            )
        with translated():
            super().__init__(workspace, name, **more)

    def start_logging(self, *arguments: Any, **named: Any) -> Run:
        """Starts an interactive run."""
        with translated():
            run = Run.same_as(super().start_logging(*arguments, **named))
        environ.of_run(run.id, self.name, self.workspace)
        return run

    def submit(self, config: Any, tags: Mapping[str, Any] | None = None, **more: Any) -> Run:
        """Submits a script. Raises ExperimentExecutionException where it cannot be started."""
        with translated(ExperimentExecutionException):
            return Run.same_as(super().submit(prepared(config), tags, **more))

    def get_runs(self, *arguments: Any, **named: Any) -> Iterator[Run]:
        """The experiment's runs, the newest first."""
        with translated():
            yield from as_runs(super().get_runs(*arguments, **named))

    @classmethod
    def list(cls, workspace: Any = None, *arguments: Any, **named: Any) -> Experiments:  # type: ignore[override]
        """Every experiment, by name."""
        with translated():
            return [of(found, workspace) for found in super().list(workspace, *arguments, **named)]


def prepared(config: Any) -> Any:
    """The configuration with the paths of its data references, which the script also finds in AZUREML_DATAREFERENCE_<name>."""
    import copy

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


def of(found: _experiment.Experiment, workspace: Any) -> Experiment:
    """An experiment under its azureml name, whatever it is called."""
    made = Experiment.__new__(Experiment)
    made.__dict__.update(found.__dict__)
    made.workspace = workspace or found.workspace
    return made
