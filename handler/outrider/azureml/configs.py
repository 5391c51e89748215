"""The azureml names of what is submitted: Outrider's, with the SDK's exceptions."""

from __future__ import annotations

from outrider import _script_config
from outrider._conda import CondaDependencies
from outrider._environment import Environment
from outrider._script_config import (
    DockerConfiguration,
    MpiConfiguration,
    ParallelTaskConfiguration,
    PyTorchConfiguration,
    RunConfiguration,
    TensorflowConfiguration,
)
from outrider.azureml.exceptions import UserErrorException, translated

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "CondaDependencies",
    "DockerConfiguration",
    "Environment",
    "MpiConfiguration",
    "ParallelTaskConfiguration",
    "PyTorchConfiguration",
    "RunConfiguration",
    "ScriptRunConfig",
    "TensorflowConfiguration",
]


class ScriptRunConfig(_script_config.ScriptRunConfig):
    """What to run, and how. Raises UserErrorException for what cannot be run."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        with translated(UserErrorException):
            super().__init__(*arguments, **named)
