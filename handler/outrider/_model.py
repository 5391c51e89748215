"""Model: a named, versioned artifact: a file or folder of a run, or of the disk, under a name that is easy to ask for."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, List, Mapping

    from outrider._run import Run
    from outrider._workspace import Workspace

    Models = List["Model"]


class Model:
    """A registered model: the newest of that name, or the version asked for. `id` is `name:version`. Raises ModelNotFound."""

    name: str
    version: int
    id: str
    tags: dict[str, Any]
    properties: dict[str, Any]
    description: str
    run_id: str | None

    def __init__(
        self,
        workspace: Workspace | None = None,
        name: str | None = None,
        id: str | None = None,
        tags: Any = None,
        properties: Any = None,
        version: int | None = None,
        run_id: str | None = None,
        **_more: Any,
    ) -> None:
        raise NotImplementedError

    @property
    def created_time(self) -> Any:
        """When it was registered: a datetime, UTC."""
        raise NotImplementedError

    @property
    def run(self) -> Run | None:
        """The run that it comes from, or None."""
        raise NotImplementedError

    def download(self, target_dir: str = ".", exist_ok: bool = False, exists_ok: bool | None = None) -> str:
        """Copies the model into a folder; the path of the file or folder. Raises FileExistsError without `exist_ok`."""
        raise NotImplementedError

    @classmethod
    def register(
        cls,
        workspace: Workspace | None,
        model_path: str,
        model_name: str,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        description: str | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        **more: Any,
    ) -> Model:
        """Registers a file or folder of the disk as the next version of a model."""
        raise NotImplementedError

    @classmethod
    def list(
        cls,
        workspace: Workspace | None = None,
        name: str | None = None,
        tags: Any = None,
        properties: Any = None,
        run_id: str | None = None,
        latest: bool = False,
        **_more: Any,
    ) -> Models:
        """Registered models, the newest first."""
        raise NotImplementedError

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: Workspace | None = None) -> str:
        """The path of the model's file or folder, ready to be read."""
        raise NotImplementedError

    def delete(self) -> None:
        """Removes this version from the registry."""
        raise NotImplementedError
