"""
Compute targets: scripts get or create one before they submit. Here every one is this machine, is there already, and costs nothing.

`ComputeTarget(ws, name)` finds it, so that "get, else create" takes its first branch; the second works as well.
"""

from __future__ import annotations

from outrider.azureml.exceptions import ComputeTargetException
from outrider.azureml.standins import StandIn

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any


class Status(StandIn):
    """How a compute target stands: ready."""

    provisioning_state = state = "Succeeded"
    allocation_state = "Steady"
    current_node_count = target_node_count = 1
    errors = None

    def serialize(self) -> dict[str, Any]:
        """As a dict."""
        return {"provisioningState": "Succeeded", "allocationState": "Steady", "currentNodeCount": 1, "targetNodeCount": 1, "errors": None}


class ComputeTarget:
    """A machine to run on, by name: this one."""

    type: str | None = None
    provisioning_state = "Succeeded"
    provisioning_errors = None
    vm_size = "local"
    location = cluster_location = "local"

    def __new__(cls, workspace: Any = None, name: str = "local", **_more: Any) -> ComputeTarget:  # noqa: ARG004, PYI034 -- see below
        """A bare ComputeTarget is an AmlCompute: scripts look at its class."""
        return object.__new__(AmlCompute if cls is ComputeTarget else cls)

    def __init__(self, workspace: Any = None, name: str = "local", **_more: Any) -> None:
        self.workspace, self.name, self.id = workspace, name, name
        self.tags: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name}: this machine)"

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> Status:
        """As `get_status`."""
        return self.get_status()

    def get_status(self) -> Status:
        """It is ready."""
        return Status()

    def wait_for_completion(self, show_output: bool = False, **_more: Any) -> None:
        """It is ready."""
        if show_output:
            print("Succeeded: this machine")

    def list_nodes(self) -> list[dict[str, Any]]:
        """This machine."""
        return [{"nodeId": "local", "nodeState": "idle"}]

    def serialize(self) -> dict[str, Any]:
        """As a dict."""
        return {"name": self.name, "properties": {"provisioningState": "Succeeded", "computeType": self.type}}

    def refresh_state(self) -> None:
        """Nothing changes."""

    def update(self, *_arguments: Any, **_named: Any) -> None:
        """Changes nothing."""

    add_identity = start = stop = restart = delete = detach = update

    @staticmethod
    def create(workspace: Any, name: str, provisioning_configuration: Any = None) -> ComputeTarget:
        """The target of that name; it is there."""
        kind = getattr(provisioning_configuration, "kind", AmlCompute)
        made: ComputeTarget = kind(workspace, name)
        return made

    @staticmethod
    def attach(workspace: Any, name: str, attach_configuration: Any = None) -> ComputeTarget:
        """The target of that name; it is there."""
        return ComputeTarget.create(workspace, name, attach_configuration)

    @staticmethod
    def list(workspace: Any = None) -> list[ComputeTarget]:
        """This machine."""
        return [ComputeTarget(workspace, "local")]

    @classmethod
    def provisioning_configuration(cls, *arguments: Any, **named: Any) -> StandIn:
        """What would have been made."""
        return StandIn(*arguments, kind=cls, **{name: value for name, value in named.items() if name != "kind"})

    attach_configuration = provisioning_configuration


class AmlCompute(ComputeTarget):
    """A cluster: this machine."""

    type = "AmlCompute"

    @staticmethod
    def supported_vmsizes(workspace: Any = None, location: str | None = None) -> list[dict[str, Any]]:  # noqa: ARG004 -- the SDK's names
        """None to choose from."""
        return []


class ComputeInstance(ComputeTarget):
    """A workstation: this machine."""

    type = "ComputeInstance"


class RemoteCompute(ComputeTarget):
    """A machine reached by ssh: this one."""

    type = "VirtualMachine"


class DsvmCompute(RemoteCompute):
    """A data science machine: this one."""


class LocalTarget(ComputeTarget):
    """This machine."""

    type = "local"


def prepare_compute_target(*_arguments: Any, **_named: Any) -> None:
    """It is prepared."""


class Targets(dict):  # type: ignore[type-arg]
    """`workspace.compute_targets`: what was asked for is there."""

    def __init__(self, workspace: Any) -> None:
        super().__init__()
        self._workspace = workspace

    def __missing__(self, name: str) -> ComputeTarget:
        return ComputeTarget(self._workspace, name)


def __getattr__(name: str) -> type:
    """The other kinds of target, by their names."""
    from outrider.azureml import names

    if not any(home == f"{__name__}:{name}" for home in names.MODULES["azureml.core.compute"].values()):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = type(name, (ComputeTarget,), {"__module__": __name__, "__doc__": "This machine.", "type": name.replace("Compute", "")})
    globals()[name] = made
    return made


__all__ = ["ComputeTarget", "ComputeTargetException"]
