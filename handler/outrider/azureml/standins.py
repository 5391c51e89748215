"""
What scripts only construct on their way to a run: sign-in, key vault, sections of an environment, telemetry. It keeps what it is given,
and does nothing.

Compute targets are in `compute`. Never here: anything that a run records.
"""

from __future__ import annotations

from contextlib import contextmanager

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping

DEFAULT_CPU_IMAGE = "local"
DEFAULT_GPU_IMAGE = "local"
INSTRUMENTATION_KEY = ""


class StandIn:
    """Takes anything, and keeps it as attributes."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments = arguments
        self.__dict__.update(named)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(stand-in: Outrider runs on this machine)"


class AbstractAuthentication(StandIn):
    """Somebody who signs in. Nobody has to here."""

    def get_authentication_header(self) -> dict[str, str]:
        """A header that opens nothing."""
        return {"Authorization": "Bearer local"}

    def get_token(self, *_scopes: str) -> str:
        """A token that opens nothing."""
        return "local"


class InteractiveLoginAuthentication(AbstractAuthentication):
    """Opens no browser."""


class ServicePrincipalAuthentication(AbstractAuthentication):
    """Checks no password."""


class AzureCliAuthentication(AbstractAuthentication):
    """Runs no `az`."""


class MsiAuthentication(AbstractAuthentication):
    """Asks no identity."""


class TokenAuthentication(AbstractAuthentication):
    """Calls nobody for a token."""


class ArmTokenAuthentication(AbstractAuthentication):
    """Keeps no token alive."""


class AzureMLTokenAuthentication(AbstractAuthentication):
    """Keeps no token alive."""


class Audience:
    """What tokens are for."""

    ARM = "ARM"
    AZUREML = "AZUREML"
    aml = "AZUREML"
    arm = "ARM"


class Keyvault:
    """Secrets of this process: what was set, else the environment variable of that name (`-` as `_`). Nothing is written down."""

    def __init__(self, workspace: Any = None) -> None:
        self.workspace = workspace
        self._set: dict[str, str] = {}

    def set_secret(self, name: str, value: str) -> None:
        """Keeps it until the process ends."""
        self._set[name] = value

    def set_secrets(self, secrets_batch: Mapping[str, str]) -> None:
        """Several of them."""
        self._set.update(secrets_batch)

    def get_secret(self, name: str) -> str | None:
        """The secret, or None."""
        import os

        return self._set.get(name, os.environ.get(name, os.environ.get(name.replace("-", "_").upper())))

    def get_secrets(self, secrets: Any) -> dict[str, str | None]:
        """Several of them."""
        return {name: self.get_secret(name) for name in secrets}

    def list_secrets(self) -> list[dict[str, str]]:
        """The names of those that were set."""
        return [{"name": name} for name in self._set]

    def delete_secret(self, name: str) -> None:
        """Forgets it."""
        self._set.pop(name, None)

    def delete_secrets(self, secrets: Any) -> None:
        """Forgets several."""
        for name in secrets:
            self.delete_secret(name)


class ResourceConfiguration(StandIn):
    """What a deployed model would need."""

    def __init__(self, cpu: float | None = None, memory_in_gb: float | None = None, gpu: int | None = None) -> None:
        super().__init__(cpu=cpu, memory_in_gb=memory_in_gb, gpu=gpu)


def set_diagnostics_collection(send_diagnostics: bool = True, verbose: bool = False) -> None:
    """Nothing is sent to anybody, whatever is said."""


@contextmanager
def diagnostic_log(log_path: str = "azureml.log", context_name: str | None = None) -> Iterator[None]:  # noqa: ARG001 -- the SDK's names
    """The SDK's own debug log: there is none."""
    yield


class ContainerRegistry(StandIn):
    """Where an image would come from."""

    address: Any = None
    username: Any = None
    password: Any = None


def __getattr__(name: str) -> type:
    """Sections and configurations that are only constructed; `names` says which."""
    from outrider.azureml import names

    if name.startswith("_") or not any(home.endswith(f".standins:{name}") for module in names.MODULES.values() for home in module.values()):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = type(name, (StandIn,), {"__module__": __name__, "__doc__": "Is only constructed."})
    globals()[name] = made
    return made
