"""The module-level calls: `start_run`, and the calls of Run on the active run. Where no run is active, the first call opens one."""

from __future__ import annotations

from outrider import _current, _facts, _run, spool  # noqa: F401 -- what the first run needs is read with this
from outrider._encode import safe_str

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping

    from outrider._run import Run


def start_run(
    experiment: str | None = None,
    name: str | None = None,
    *,
    tags: Mapping[str, Any] | None = None,
    params: Mapping[str, Any] | None = None,
    outputs: Any = None,
    run_id: str | None = None,
) -> Run:
    """
    Starts a run, and makes it the active one. Under `outrider run` the first call says more about the run that is there; while a
    run is active it starts a child of it.

    `experiment`: default OUTRIDER_EXPERIMENT, else the working folder's name. `name`: default the script's. `outputs`: the folder (or
    several) whose files become artifacts; default ./outputs, False for none. `run_id`: letters, digits, `_.-`, at most 256.
    """
    for what, value in (("experiment", experiment), ("name", name)):
        if value is not None and (not isinstance(value, str) or not value):
            raise TypeError(f"{what} must be a text that is not empty, not {safe_str(value)[:80]!r}")
    if run_id is not None and not spool.valid_name(run_id):
        raise ValueError(f"run_id {safe_str(run_id)[:80]!r}: use letters, digits, '_', '.', '-', at most 256, the first a letter or digit")
    for what, given in (("tags", tags), ("params", params)):
        if given is not None and not hasattr(given, "items"):
            raise TypeError(f"{what} must be a dict, not {type(given).__name__}")
    facts = {"outputs": None if outputs is None else _facts.outputs(outputs), "tags": dict(tags) if tags else None}
    run = _current.start(experiment, name, run_id, facts)
    if params:
        run.params(params)
    return run


def current_run() -> Run | None:
    """The active run, or None."""
    return _current.get()


def log(name: str, value: Any, step: int | None = None) -> None:
    """`Run.log` on the active run."""
    _current.require().log(name, value, step)


def log_list(name: str, value: Iterable[Any], description: str | None = None) -> None:
    """`Run.log_list` on the active run."""
    _current.require().log_list(name, value, description)


def log_row(name: str, description: str | None = None, **columns: Any) -> None:
    """`Run.log_row` on the active run."""
    _current.require().log_row(name, description, **columns)


def log_table(name: str, value: Mapping[str, Iterable[Any]], description: str | None = None) -> None:
    """`Run.log_table` on the active run."""
    _current.require().log_table(name, value, description)


def tag(key: str, value: Any = None) -> None:
    """`Run.tag` on the active run."""
    _current.require().tag(key, value)


def param(key: str, value: Any) -> None:
    """`Run.param` on the active run."""
    _current.require().param(key, value)


def params(values: Mapping[str, Any]) -> None:
    """`Run.params` on the active run."""
    _current.require().params(values)


def upload_file(name: str, path_or_stream: Any) -> None:
    """`Run.upload_file` on the active run."""
    _current.require().upload_file(name, path_or_stream)


def upload_folder(name: str, path: str) -> None:
    """`Run.upload_folder` on the active run."""
    _current.require().upload_folder(name, path)


def get_metrics(name: str | None = None) -> dict[str, Any]:
    """`Run.get_metrics` of the active run."""
    return _current.require().get_metrics(name)


def flush(timeout: float = 60.0) -> bool:
    """`Run.flush` of the active run."""
    return _current.require().flush(timeout)


def complete() -> None:
    """`Run.complete` on the active run."""
    _current.require().complete()


def fail(error: BaseException | str | None = None) -> None:
    """`Run.fail` on the active run."""
    _current.require().fail(error)


def cancel() -> None:
    """`Run.cancel` on the active run."""
    _current.require().cancel()
