"""
How a script finds its run: `Run.get_context()`; and what a submitted script was given, `run.input_datasets`.

One object a process and run: scripts compare it, and hang things on it. Nothing is asked of anybody here: it is called while modules are
imported.
"""

from __future__ import annotations

import os

from outrider import _current
from outrider.azureml import environ
from outrider.azureml.exceptions import RunEnvironmentException, UserErrorException

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator

    from outrider.azureml.run import Run

_said: set[str] = set()  #: run ids whose variables are set


def current(kind: type[Any], *, allow_offline: bool) -> Run:
    """The run, under its azureml name. Raises RunEnvironmentException where there is none and none is to be made."""
    if not allow_offline and not _current.is_in_a_run():
        raise RunEnvironmentException(
            "Could not load a submitted run, if outside of an execution context, use experiment.start_logging to initialize an "
            "azureml.core.Run."
        )
    found: Run = _current.context(kind)
    if found.id not in _said:
        _said.add(found.id)
        environ.of_run(found.id, found._experiment_name)  # noqa: SLF001 -- its own kind
    return found


class Inputs(dict):  # type: ignore[type-arg]
    """
    The datasets of a run by name, as objects, or as paths where they were mounted.

    A name that the run was not given is looked for among the registered datasets, and in AZUREML_DATAREFERENCE_<name>: so a script that
    was made for jobs can be started by hand.
    """

    def __init__(self, run: Run) -> None:
        from outrider.azureml import datasets

        super().__init__(datasets.inputs(run._asked().get("inputs") or {}))  # noqa: SLF001 -- its own kind

    def __missing__(self, name: str) -> Any:
        from outrider.azureml import datasets

        path = os.environ.get(f"AZUREML_DATAREFERENCE_{name}")
        if path is not None:
            return path
        try:
            return datasets.Dataset.get_by_name(None, name)
        except UserErrorException as error:
            raise KeyError(
                f"{name!r}: this run was given {', '.join(map(repr, self)) or 'no datasets'}, and none of that name is registered. "
                f"Submit the script with dataset.as_named_input({name!r}) among its arguments"
            ) from error

    def __iter__(self) -> Iterator[str]:
        return super().__iter__()
