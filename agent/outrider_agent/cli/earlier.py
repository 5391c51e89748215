"""What `outrider run --resume` asks of the store: which run is meant, and how many attempts it has had. Read-only, starts no agent."""

from __future__ import annotations

from typing import Any

from outrider_agent import errors
from outrider_agent.cli import fresh


def known(home: str, text: str) -> dict[str, Any] | None:
    """`run`, `attempt`, `experiment`, `name` of the run that the text names; None where the store has none. LookupError: it has several."""
    try:
        with fresh.store(home) as store:
            run = store.run(store.find_run(text))
    except errors.Ambiguous as problem:
        raise LookupError(str(problem)) from problem
    except (errors.NotFound, errors.StoreError, errors.SettingsError):
        return None
    return {"run": run.run_id, "attempt": run.attempt, "experiment": run.experiment, "name": run.name}
