"""
Reading what is known of runs: from the agent, else from the spool's own segments. Never a part of it: HistoryUnavailable.

A run's *document* is a dict: `run` its id, `experiment`, `number`, `name`, `description`, `type`, `status`, `phase`, `reason`, `error`
{type, message, traceback}, `exit_code`, `started`, `ended` (ns), `parent`, `command`, `cwd`, `host`, `user`, `python`, `outputs`,
`snapshot`, `inputs`, `tags`, `properties`, `params`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    Document = dict[str, Any]


def run(home: str | None, run_id: str) -> Document:
    """The run's document, with everything that was written of it until now. Raises RunNotFound, HistoryUnavailable."""
    raise NotImplementedError


def runs(home: str | None, *, experiment: str | None = None, parent: str | None = None, recursive: bool = False) -> list[Document]:
    """The documents of an experiment's runs, or of a run's children (with `recursive` theirs too), the newest first."""
    raise NotImplementedError


def files(home: str | None, run_id: str) -> dict[str, dict[str, Any]]:
    """The run's files: `{path: {"sha": …, "size": …, "time": …}}`, each in its last version."""
    raise NotImplementedError


def console(home: str | None, run_id: str, start: int = 0) -> bytes:
    """What the run's command wrote (both streams, in order), from byte `start` on."""
    raise NotImplementedError
