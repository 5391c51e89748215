"""
How a script finds its run: `Run.get_context()`; and what a submitted script was given, `run.input_datasets`.

One object a process and run: scripts compare it, and hang things on it. Nothing is asked of anybody here: it is called while modules are
imported.
"""

from __future__ import annotations

import os

from outrider import _current
from outrider.azureml import environ
from outrider.azureml.exceptions import UserErrorException

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator

    from outrider.azureml.run import Run

_given: dict[str, Any] = {}  #: run id -> the object that was given for it


def current(kind: type[Run]) -> Run:
    """The active run, else that which this process was started in, else a new one; under its azureml name, and always the same object."""
    run = _current.require()
    found = _given.get(run.id)
    if not isinstance(found, kind) or found.__dict__ is not run.__dict__:
        found = _given[run.id] = kind.same_as(run)
        environ.of_run(run.id, run._experiment_name)  # noqa: SLF001 -- its own kind
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
