"""Experiment: a name that runs are gathered under. Runs are started, submitted and listed here."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Mapping, Sequence

    from outrider._run import Run
    from outrider._workspace import Workspace

    Experiments = List["Experiment"]


class Experiment:
    """The experiment of that name; it is there with its first run."""

    def __init__(self, workspace: Workspace | None, name: str, **_more: Any) -> None:
        self.workspace = workspace
        self.name = name

    @property
    def id(self) -> str:
        """The experiment's id: made from its name."""
        raise NotImplementedError

    @property
    def tags(self) -> dict[str, Any]:
        """The experiment's tags."""
        raise NotImplementedError

    @property
    def archived_time(self) -> str | None:
        """When it was archived (ISO 8601, UTC), or None."""
        raise NotImplementedError

    def start_logging(
        self,
        name: str | None = None,
        run_id: str | None = None,
        outputs: Any = None,
        snapshot_directory: str | None = ".",
        display_name: str | None = None,
        **more: Any,
    ) -> Run:
        """
        Starts an interactive run, the active one of this process from now on.

        `outputs`: the folder whose files become artifacts (default ./outputs, made now; False: none). `snapshot_directory`: a folder
        that is kept with the run; None for none.
        """
        raise NotImplementedError

    def submit(self, config: Any, tags: Mapping[str, Any] | None = None, **more: Any) -> Run:
        """Starts a script from a snapshot of its folder, in a process of its own; returns at once."""
        raise NotImplementedError

    def get_runs(
        self, type: str | None = None, tags: Any = None, properties: Any = None, status: str | None = None, include_children: bool = False
    ) -> Iterator[Run]:
        """The experiment's runs, the newest first; see `Run.list`."""
        raise NotImplementedError

    def tag(self, key: str, value: Any = None) -> None:
        """Sets a tag."""
        raise NotImplementedError

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets several tags."""
        raise NotImplementedError

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Removes tags by their keys."""
        raise NotImplementedError

    def archive(self) -> None:
        """Marks the experiment as archived."""
        raise NotImplementedError

    def reactivate(self, new_name: str | None = None) -> None:
        """The opposite of `archive`."""
        raise NotImplementedError

    def refresh(self) -> None:
        """Nothing is kept here that could be old."""

    def get_portal_url(self) -> str:
        """Where the portal shows the experiment's runs."""
        raise NotImplementedError

    @classmethod
    def list(cls, workspace: Workspace | None = None, name: str | None = None, view_type: str = "ActiveOnly") -> Experiments:
        """Every experiment, by name; archived ones with `view_type` "All" or "ArchivedOnly"."""
        raise NotImplementedError

    @classmethod
    def delete(cls, workspace: Workspace, experiment_id: str) -> None:
        """Deletes an experiment that has no run."""
        raise NotImplementedError
