"""
The azureml name of a workspace: Outrider's, with what scripts ask of Azure's on the way to a run: datastores, compute targets, key vault.

Every name means this user's OUTRIDER_HOME. What would cost money or leave the machine does neither.
"""

from __future__ import annotations

from outrider import _workspace
from outrider._errors import ConfigNotFound, ConfigUnusable
from outrider.azureml.exceptions import translated

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping

    from outrider.azureml.compute import ComputeTarget
    from outrider.azureml.datastores import Datastore
    from outrider.azureml.standins import Keyvault

_defaults: dict[str, Any] = {}  #: of this process: what was set to be the default, and the key vault


class Workspace(_workspace.Workspace):
    """A workspace; any values are accepted."""

    description = ""
    image_registry = None

    def __repr__(self) -> str:
        return (
            f"Workspace.create(name={self.name!r}, subscription_id={self.subscription_id!r}, resource_group={self.resource_group!r}): "
            "Outrider's, on this machine"
        )

    @classmethod
    def from_config(cls, *arguments: Any, **named: Any) -> Any:
        """
        The workspace that a file names; without one, or where it is none (repositories have an empty one), the local workspace: also where
        the call names a file that is not there, for the checkouts of public scripts never have theirs.
        """
        try:
            return super().from_config(*arguments, **named)
        except ConfigUnusable as error:
            import warnings

            warnings.warn(f"{error} The local workspace is used", stacklevel=2)
            return cls()
        except ConfigNotFound as error:
            import logging

            logging.getLogger("azureml").info("%s The local workspace is used.", error)
            return cls()

    @classmethod
    def setup(cls, *_arguments: Any, **_named: Any) -> Any:
        """The name of `from_config` in the SDK's first versions."""
        return cls.from_config()

    @classmethod
    def _types(cls) -> dict[str, Any]:
        from outrider.azureml.datasets import Dataset
        from outrider.azureml.experiment import Experiment
        from outrider.azureml.model import Model

        return {"experiment": Experiment, "model": Model, "dataset": Dataset}

    @property
    def datastores(self) -> Mapping[str, Datastore]:
        """The datastores that hold files, and the default one, by name."""
        from outrider.azureml import datastores

        names = [datastores.DEFAULT, *datastores.known()]
        return {name: datastores.Datastore(self, name) for name in names}

    @property
    def compute_targets(self) -> Mapping[str, ComputeTarget]:
        """Any that is asked for: this machine."""
        from outrider.azureml.compute import Targets

        return Targets(self)

    @property
    def environments(self) -> Mapping[str, Any]:
        """Registered environments by name; any other name is one with a name only, as Azure's own ("AzureML-…")."""
        return _Environments(self)

    @property
    def webservices(self) -> Mapping[str, Any]:
        """None: deployment is out of scope."""
        return {}

    @property
    def images(self) -> Mapping[str, Any]:
        """None: deployment is out of scope."""
        return {}

    linked_services = private_endpoints = images

    def get_run(self, run_id: str) -> Any:
        """The run of that id. Raises ServiceException."""
        with translated():
            return super().get_run(run_id)

    def get_default_datastore(self) -> Datastore:
        """The datastore that is used when none is named."""
        from outrider.azureml import datastores

        return datastores.Datastore(self, _defaults.get("datastore"))

    def set_default_datastore(self, name: str) -> None:
        """Is used when none is named, by this process."""
        _defaults["datastore"] = name

    def get_default_keyvault(self) -> Keyvault:
        """The key vault of this process."""
        from outrider.azureml import standins

        found: Keyvault = _defaults.setdefault("keyvault", standins.Keyvault(self))
        return found

    def get_default_compute_target(self, type: str | None = None) -> ComputeTarget:  # noqa: A002, ARG002 -- the SDK's name
        """This machine."""
        from outrider.azureml.compute import ComputeTarget

        return ComputeTarget(self, "local")

    def get_mlflow_tracking_uri(self, with_auth: bool = False) -> str:  # noqa: ARG002 -- the SDK's name
        """A file of the home where MLflow, if the script uses it, keeps its own runs; its later versions refuse a folder."""
        import os

        from outrider import spool

        os.makedirs(spool.home(), mode=0o700, exist_ok=True)
        return "sqlite:///" + os.path.join(spool.home(), "mlflow.db")

    def delete(self, *_arguments: Any, **_named: Any) -> None:
        """Deletes nothing."""

    update = sync_keys = add_private_endpoint = delete


class _Environments(dict):  # type: ignore[type-arg]
    """`workspace.environments`."""

    def __init__(self, workspace: Any) -> None:
        from outrider._environment import Environment

        super().__init__(Environment.list(workspace))

    def __missing__(self, name: str) -> Any:
        from outrider._environment import Environment

        return Environment.get(None, name)
