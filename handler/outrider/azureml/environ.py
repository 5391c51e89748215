"""
The AZUREML_* variables that scripts read themselves, set for this process only.

They are written where `os.environ` reads them, and not into the environment that programs inherit: a child process with the real SDK must
not take itself for a job. A submitted run has them from its launcher.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

ANYWHERE = "00000000-0000-0000-0000-000000000000"


def of_run(run_id: str, experiment: str | None, workspace: Any = None) -> None:
    """Says which run this process is in, where nobody has said it."""
    name = getattr(workspace, "name", None) or "default"
    said = {
        "AZUREML_RUN_ID": run_id,
        "AZUREML_ROOT_RUN_ID": run_id,
        "AZUREML_ARM_SUBSCRIPTION": getattr(workspace, "subscription_id", None) or ANYWHERE,
        "AZUREML_ARM_RESOURCEGROUP": getattr(workspace, "resource_group", None) or "local",
        "AZUREML_ARM_WORKSPACE_NAME": name,
        "AZUREML_ARM_PROJECT_NAME": experiment or "default",
        "AZUREML_OUTPUT_DIRECTORY": "./outputs",
    }
    for key, value in said.items():
        if key not in os.environ:
            _set(key, value)


def _set(key: str, value: str) -> None:
    environ: Any = os.environ
    try:
        environ._data[environ.encodekey(key)] = environ.encodevalue(value)  # noqa: SLF001 -- `os.environ[key] = value` would export it
    except AttributeError:  # another Python's: then scripts go without
        return
