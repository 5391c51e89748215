"""Workspace: what holds experiments, models and datasets: an OUTRIDER_HOME. Its names are only shown."""

from __future__ import annotations

import os
from collections.abc import Mapping

from outrider import _current, _registry
from outrider._errors import ConfigNotFound, ConfigUnusable

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, TypeVar

    from outrider._dataset import Dataset
    from outrider._experiment import Experiment
    from outrider._model import Model
    from outrider._run import Run

    W = TypeVar("W", bound="Workspace")

_FOLDERS = (".azureml", "aml_config", "")
_FILES = ("config.json", "project.json")


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
        self.sku = "Basic"
        self.tags: dict[str, str] = {}

    def __repr__(self) -> str:
        where = f"subscription_id={self.subscription_id!r}, resource_group={self.resource_group!r}"
        return f"{type(self).__name__}.create(name={self.name!r}, {where})"

    @classmethod
    def from_config(cls: type[W], path: str | None = None, auth: Any = None, _logger: Any = None, _file_name: str | None = None) -> W:
        """
        The workspace that a `config.json` names, searched from `path` (default: here) upwards; without one the default local workspace.

        Raises ConfigNotFound where `path` or `_file_name` names a file that is not there, ConfigUnusable where it is no JSON.
        """
        start = os.fspath(path) if path else "."
        found = _find_config(start, _file_name)
        if found is None and (_file_name or _names_a_file(start)):
            folder, name = os.path.split(os.path.abspath(start)) if _names_a_file(start) else (os.path.abspath(start), "")
            raise ConfigNotFound(
                f"The workspace configuration file {_file_name or name}, could not be found in {folder} or its parent directories. "
                "Without a path from_config() needs none: it takes the default workspace, on this machine."
            )
        return cls(*found, auth=auth) if found else cls()

    @classmethod
    def get(
        cls: type[W], name: str, auth: Any = None, subscription_id: str | None = None, resource_group: str | None = None, **_more: Any
    ) -> W:
        """The workspace of that name."""
        return cls(subscription_id, resource_group, name)

    @classmethod
    def create(
        cls: type[W], name: str, auth: Any = None, subscription_id: str | None = None, resource_group: str | None = None, **_more: Any
    ) -> W:
        """As `get`: there is nothing to create."""
        return cls(subscription_id, resource_group, name)

    @classmethod
    def list(cls, subscription_id: str | None = None, auth: Any = None, resource_group: str | None = None) -> dict[str, Any]:
        """`{name: [workspace]}`: the one there is."""
        found = cls(subscription_id, resource_group)
        return {found.name: [found]}

    def write_config(self, path: str | None = None, file_name: str | None = None) -> None:
        """Writes `.azureml/config.json` below `path` (default: here)."""
        import json

        folder = os.path.join(path or ".", ".azureml")
        os.makedirs(folder, exist_ok=True)
        fields = {"subscription_id": self.subscription_id, "resource_group": self.resource_group, "workspace_name": self.name}
        with open(os.path.join(folder, file_name or "config.json"), "w", encoding="utf-8") as file:
            json.dump(fields, file, indent=4)

    @classmethod
    def _types(cls) -> dict[str, Any]:
        """The classes of what the workspace holds."""
        from outrider._dataset import Dataset
        from outrider._experiment import Experiment
        from outrider._model import Model

        return {"experiment": Experiment, "model": Model, "dataset": Dataset}

    @property
    def experiments(self) -> Mapping[str, Experiment]:
        """Experiments by name."""
        found = self._types()["experiment"].list(self)
        return {one.name: one for one in found}

    @property
    def models(self) -> Mapping[str, Model]:
        """The newest version of each model by name."""
        model = self._types()["model"]
        return _Named(lambda: _registry.names(_current.home(), "models"), lambda name: model(self, name))

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """The newest version of each registered dataset by name."""
        dataset = self._types()["dataset"]
        return _Named(lambda: _registry.names(_current.home(), "datasets"), lambda name: dataset.get_by_name(self, name))

    def get_run(self, run_id: str) -> Run:
        """The run of that id. Raises RunNotFound."""
        from outrider import _family

        found: Run = _family.get(self._types()["experiment"]._run_type(), run_id)  # noqa: SLF001 -- which class it is, is its own to say
        return found

    def get_details(self) -> dict[str, Any]:
        """What is known of the workspace."""
        return {
            "id": f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}/workspaces/{self.name}",
            "name": self.name,
            "location": self.location,
            "sku": self.sku,
            "tags": dict(self.tags),
            "home": _current.home(),
        }


def _names_a_file(path: str) -> bool:
    """A path that ends as a file does, and is no folder: what a folder holds may be missing, what was named may not."""
    return bool(os.path.splitext(path)[1]) and not os.path.isdir(path)


def _find_config(start: str, file_name: str | None) -> tuple[str, str, str] | None:
    """(subscription, resource group, name) of the file that is found; None where there is none."""
    if os.path.isfile(start):
        return _read_config(start)
    folder = os.path.abspath(start)
    while True:
        for inner in _FOLDERS:
            for name in (file_name,) if file_name else _FILES:
                path = os.path.join(folder, inner, name)
                if os.path.isfile(path):
                    return _read_config(path)
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _read_config(path: str) -> tuple[str, str, str]:
    import json

    with open(path, encoding="utf-8-sig") as file:
        try:
            found = json.load(file)
        except ValueError as error:
            raise ConfigUnusable(f"{path} is no JSON: {error}. Correct or delete it: without one the default workspace is taken.") from None
    if isinstance(found, dict) and "Scope" in found:
        parts = str(found["Scope"]).strip("/").split("/")
        found = {"subscription_id": parts[1], "resource_group": parts[3], "workspace_name": parts[-1]} if len(parts) > 4 else {}
    if not isinstance(found, dict):
        found = {}
    return found.get("subscription_id", ""), found.get("resource_group", ""), found.get("workspace_name", "")


class _Named(Mapping):  # type: ignore[type-arg]
    """A mapping whose values are made when they are asked for."""

    def __init__(self, names: Callable[[], Any], make: Callable[[str], Any]) -> None:
        self._names, self._make = names, make

    def __getitem__(self, name: str) -> Any:
        if name not in self._names():
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return repr(dict(self))
