"""
Experiment: a name that runs are gathered under. Runs are started, submitted and listed here.

It is there with its first run. What is said of itself (tags, archived) is a file of the home (`_registry`), for it may have no run yet.
"""

from __future__ import annotations

import re
import time

from outrider import _current, _history, _registry

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import datetime as dt
    from typing import Any, Dict, Iterator, List, Mapping, Sequence, TypeVar

    from outrider._run import Run
    from outrider._workspace import Workspace

    E = TypeVar("E", bound="Experiment")
    Experiments = List[E]
    Document = Dict[str, Any]

KIND = "experiments"
_NAME = re.compile(r"[a-zA-Z0-9][\w\-]{0,254}", re.ASCII)


class Experiment:
    """The experiment of that name. Raises ValueError for one that is not of letters, digits, `_` and `-`, the first a letter or digit."""

    def __init__(self, workspace: Workspace | None, name: str, **_more: Any) -> None:
        if not isinstance(name, str):
            raise TypeError(f"the name of an experiment is a text, not {type(name).__name__}")
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"{name!r} cannot be the name of an experiment: use letters, digits, '_' and '-', at most 255, the first a letter or digit"
            )
        self._workspace, self.name = workspace, name

    @classmethod
    def of_name(cls: type[E], name: str) -> E:
        """The experiment of a run that is there: its name may be any text."""
        found = cls.__new__(cls)
        found._workspace, found.name = None, name  # noqa: SLF001 -- its own class
        return found

    @classmethod
    def _run_type(cls) -> Any:
        """The class of this experiment's runs."""
        from outrider._run import Run

        return Run

    @classmethod
    def _workspace_type(cls) -> Any:
        """The class of this experiment's workspace."""
        from outrider._workspace import Workspace

        return Workspace

    def __repr__(self) -> str:
        return f"Experiment(Name: {self.name},\nWorkspace: {self.workspace.name})"

    def _repr_html_(self) -> str:
        from outrider import _shown

        return _shown.experiment(self.name, self.workspace.name, _current.home())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Experiment) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def workspace(self) -> Any:
        """The workspace that it is in: of the class that goes with the experiment's."""
        if self._workspace is None:
            self._workspace = self._workspace_type()()
        return self._workspace

    @property
    def id(self) -> str:
        """The experiment's id: made from its name, always the same."""
        import uuid

        return str(uuid.uuid5(uuid.NAMESPACE_URL, "outrider:experiment:" + self.name))

    @property
    def tags(self) -> dict[str, Any]:
        """The experiment's tags."""
        return dict(self._about().get("tags") or {})

    @property
    def archived_time(self) -> dt.datetime | None:
        """When it was archived (a datetime, UTC), or None."""
        import datetime as dt

        found = self._about().get("archived")
        return None if found is None else dt.datetime.fromtimestamp(found / 1e9, tz=dt.timezone.utc)

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
        that is kept with the run (docs/submit.md); None for none. Raises SnapshotError for one that was chosen and cannot be kept.
        """
        from outrider import _children, _snapshot

        taken = _snapshot.at_start(_current.home(), snapshot_directory, chosen=snapshot_directory != ".")
        run: Run = _children.interactive(self._run_type(), self.name, display_name or name, run_id, outputs)
        if taken is not None:
            _snapshot.attach(run, taken, by_itself=snapshot_directory == ".")
        return run

    def submit(self, config: Any, tags: Mapping[str, Any] | None = None, **more: Any) -> Run:
        """Starts a script from a snapshot of its folder, in a process of its own; returns at once."""
        from outrider import _submit

        return _submit.submit(self, config, tags, **more)

    def get_runs(
        self,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
        include_children: bool = False,
    ) -> Iterator[Run]:
        """The experiment's runs, the newest first; see `Run.list`."""
        found: Iterator[Run] = self._run_type().list(self, type, tags, properties, status, include_children)
        return found

    def tag(self, key: str, value: Any = None) -> None:
        """Sets a tag."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets several tags."""
        self._change(merged={"tags": dict(tags)})

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Removes tags by their keys."""
        self._change(gone={"tags": [tags] if isinstance(tags, str) else list(tags)})

    def archive(self) -> None:
        """Marks the experiment as archived: `list` leaves it out."""
        self._change(fields={"archived": time.time_ns()})

    def reactivate(self, new_name: str | None = None) -> None:
        """The opposite of `archive`."""
        self._change(fields={"archived": None})

    def refresh(self) -> None:
        """Nothing is kept here that could be old."""

    def get_portal_url(self) -> str:
        """Where the portal shows the experiment's runs."""
        from outrider import _shown

        return _shown.address(_current.home(), "runs", experiment=self.name)

    @classmethod
    def list(
        cls: type[E], workspace: Any = None, experiment_name: str | None = None, view_type: str = "ActiveOnly", tags: Any = None
    ) -> Experiments[E]:
        """Every experiment, by name; archived ones with `view_type` "All" or "ArchivedOnly"."""
        from outrider import _family

        wanted, found = _family.Wanted(tags=tags), []
        for name in experiment_names():
            one = cls.of_name(name)
            one._workspace = workspace  # noqa: SLF001 -- its own class
            shown = view_type == "All" or (one.archived_time is not None) == (view_type == "ArchivedOnly")
            if shown and experiment_name in (None, name) and wanted.fits({"tags": one.tags}):
                found.append(one)
        return found

    @classmethod
    def delete(cls, workspace: Any, experiment_id: str) -> None:
        """Forgets what is said of an experiment. Raises ValueError for one that has runs."""
        for one in cls.list(workspace, view_type="All"):
            if experiment_id in (one.id, one.name):
                if any(True for _ in one.get_runs(include_children=True)):
                    raise ValueError(f"the experiment {one.name!r} has runs, so it was not deleted")
                for about in _registry.versions(_current.home(), KIND, one.name):
                    _registry.remove(_current.home() or "", KIND, one.name, about["version"])

    def _about(self) -> Document:
        return _registry.newest(_current.home(), KIND, self.name) or {}

    def _change(self, **changed: Any) -> None:
        """What two processes say of it at once is both said."""
        home = _current.home()
        if home is not None:
            there = _registry.newest(home, KIND, self.name)
            _registry.change(home, KIND, self.name, there["version"] if there else _registry.first(home, KIND, self.name), **changed)


def experiment_names() -> list[str]:
    """The names of every experiment that has a run or was told something of, sorted."""
    home = _current.home()
    of_runs = {document["experiment"] for document in _history.runs(home)}
    return sorted(of_runs | set(_registry.names(home, KIND)))
