"""Runs that a run starts, interactive runs, and the end of those: what this process begins and has to finish."""

# ruff: noqa: SLF001 -- the run's own half
from __future__ import annotations

import os
import time

from outrider import _current, _facts, _spooled, _uploads, spool
from outrider._encode import safe_str

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

    from outrider._run import Run

MOST = 100


def interactive(cls: Any, experiment: str, name: str | None, run_id: str | None, outputs: Any) -> Any:
    """A run of `Experiment.start_logging`: its own, whatever is running, and the active one from now on."""
    folders = _outputs(outputs)
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
    _check_id(run_id)
    run = _current.begin(cls, experiment, name, run_id, {"outputs": folders})
    run._collected = folders
    _current.activate(run)
    return run


def child(parent: Run, name: str | None, run_id: str | None, outputs: Any, tags: dict[str, Any] | None = None) -> Any:
    """A child of a run, started; not the active one, but within its `with` block."""
    _check_id(run_id)
    folders = _facts.outputs(outputs) if isinstance(outputs, (str, list, tuple)) else []
    facts = {"outputs": folders, "tags": tags or None}
    run = _current.begin(type(parent), parent.experiment.name, name, run_id, facts, parent)
    run._collected = folders
    return run


def several(parent: Run, count: int | None, tag_key: str | None, tag_values: Sequence[Any] | None) -> list[Any]:
    """`create_children`."""
    if (count is None) == (tag_key is None) or (tag_key is None) != (tag_values is None):
        raise ValueError("create_children() takes either count, or tag_key and tag_values")
    values = [str(place) for place in range(count)] if count is not None else list(tag_values or ())
    if len(values) > MOST:
        raise ValueError(f"create_children() makes at most {MOST} children at once, not {len(values)}; call it several times")
    key = tag_key or "azureml.batch_child_number"
    return [child(parent, None, None, False, {key: value}) for value in values]


def keep_outputs(run: Run) -> None:
    """
    At the end of an interactive run: what lies in its output folders is copied, so that it is there without an agent and cannot become the
    next run's, which may write into them a moment later: from here on nobody collects them for this one. A copy that fails is a note.
    """
    folders, run._collected = run._collected, []
    home = run._home
    if home is None or not folders:
        return
    for folder in folders:
        for name, path, _ in _spooled.files_of_run(folder, run._known["started"]):
            run.add_line(_kept(home, name, path))
    run.add_line(spool.line({"k": "run", "t": time.time_ns(), "outputs": []}))


def _kept(home: str, name: str, path: str) -> bytes:
    try:
        return ("\n{" + _uploads.store(home, name, path) + "}\n").encode("ascii")
    except OSError as error:
        return spool.line({"k": "note", "t": time.time_ns(), "lv": 30, "msg": f"{name} could not be copied: {error}"})


def _outputs(given: Any) -> list[str]:
    """Where the script names no folder: ./outputs, and ./logs as the original has it."""
    if given is not None and given is not True:
        return _facts.outputs(given)
    return [*_facts.default_outputs(), *(_facts.outputs("./logs") if "OUTRIDER_OUTPUTS" not in os.environ else ())]


def _check_id(run_id: str | None) -> None:
    if run_id is not None and not spool.valid_name(run_id):
        raise ValueError(f"run_id {safe_str(run_id)[:80]!r}: use letters, digits, '_', '.', '-', at most 256, the first a letter or digit")
