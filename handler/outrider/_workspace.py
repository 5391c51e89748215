"""Workspace: what holds experiments, models and datasets: an OUTRIDER_HOME. Its names are only shown."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping

    from outrider._dataset import Dataset
    from outrider._experiment import Experiment
    from outrider._model import Model
    from outrider._run import Run


class Workspace:
    """The workspace of this user: every name means the same OUTRIDER_HOME, so nothing is asked and nothing can fail."""

    def __init__(
        self,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        workspace_name: str | None = None,
        auth: Any = None,
        **_more: Any,
    ) -> None:
        self.subscription_id = subscription_id or "00000000-0000-0000-0000-000000000000"
        self.resource_group = resource_group or "local"
        self.name = workspace_name or "default"
        self.location = "local"

    @classmethod
    def from_config(cls, path: str | None = None, auth: Any = None, _logger: Any = None, _file_name: str | None = None) -> Workspace:
        """
        The workspace that a `config.json` names, searched from `path` (default: here) upwards; without one the default local workspace.

        Raises ConfigNotFound where `path` names a file that is not there.
        """
        raise NotImplementedError

    @classmethod
    def get(
        cls, name: str, auth: Any = None, subscription_id: str | None = None, resource_group: str | None = None, **_more: Any
    ) -> Workspace:
        """The workspace of that name."""
        raise NotImplementedError

    @classmethod
    def create(
        cls, name: str, auth: Any = None, subscription_id: str | None = None, resource_group: str | None = None, **_more: Any
    ) -> Workspace:
        """As `get`: there is nothing to create."""
        raise NotImplementedError

    @classmethod
    def list(cls, subscription_id: str | None = None, auth: Any = None, resource_group: str | None = None) -> dict[str, Any]:
        """`{name: [workspace]}`: the one there is."""
        raise NotImplementedError

    def write_config(self, path: str | None = None, file_name: str | None = None) -> None:
        """Writes `.azureml/config.json` below `path` (default: here)."""
        raise NotImplementedError

    @property
    def experiments(self) -> Mapping[str, Experiment]:
        """Experiments by name."""
        raise NotImplementedError

    @property
    def models(self) -> Mapping[str, Model]:
        """The newest version of each model by name."""
        raise NotImplementedError

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """The newest version of each registered dataset by name."""
        raise NotImplementedError

    def get_run(self, run_id: str) -> Run:
        """The run of that id. Raises RunNotFound."""
        raise NotImplementedError

    def get_details(self) -> dict[str, Any]:
        """What is known of the workspace."""
        raise NotImplementedError
