"""
What was submitted, as a file of the run: made from the configuration, and read back for `get_details()` and `get_environment()`.

Values of variables may be secrets: only their names are in it.
"""

from __future__ import annotations

import json

from outrider._encode import safe_str

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    from outrider._environment import Environment
    from outrider._known import KnownRun
    from outrider._script_config import ScriptRunConfig

FILE = "system_logs/run_definition.json"


def of_config(config: ScriptRunConfig, command: list[str]) -> dict[str, Any]:
    """`runDefinition` of `get_details`: what was submitted, of the environment what is not as ever. Values of variables may be secrets."""
    environment = config.run_config.environment
    said = _difference(json.loads(json.dumps(environment.as_dict(), default=safe_str)), type(environment)().as_dict())
    said["environment_variables"] = sorted({**environment.environment_variables, **config.run_config.environment_variables})
    return {
        "script": config.script,
        "arguments": [safe_str(one) for one in config.arguments],
        "command": command,
        "target": config.run_config.target,
        "maxRunDurationSeconds": config.max_run_duration_seconds,
        "environment": said,
    }


def _difference(said: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """What is said otherwise than usual."""
    found = {}
    for name, value in said.items():
        before = usual.get(name)
        if value != before:
            found[name] = _difference(value, before) if isinstance(value, dict) and isinstance(before, dict) else value
    return found


def of_run(run: KnownRun, files: dict[str, Any]) -> dict[str, Any] | None:
    """What was submitted; None for a run that was not. `files` as `_history.files` gives them."""
    from outrider import _files

    if FILE not in files:
        return None
    found: dict[str, Any] = json.loads(_files.text(run, FILE, files))
    return found


def environment(run: KnownRun) -> Environment | None:
    """The environment that a run was submitted with; None for a run that was not. Its variables have no values."""
    from outrider import _history
    from outrider._environment import Environment

    said = of_run(run, _history.files(run._home, run.id))  # noqa: SLF001 -- its own package
    if said is None:
        return None
    about = said.get("environment") or {}
    found = Environment(about.get("name"))
    found.update({**about, "environment_variables": dict.fromkeys(about.get("environment_variables") or (), "")})
    return found
