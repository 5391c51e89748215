"""
What is known of a run: what it is, how it stands, its family, its metrics and its files. Nothing here writes.

Answers come from the agent, and without one from the spool (`_history`); where neither has the whole, HistoryUnavailable, never a part.
"""

from __future__ import annotations

import os

from outrider import record

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterator, Mapping, Sequence

    from outrider._experiment import Experiment
    from outrider._run import Run


class KnownRun:
    """The half of a Run that reads."""

    id: str
    claimed: bool

    def _become(self, run_id: str, writer: Any, *, experiment: str | None, name: str | None, owns: bool) -> None:
        self.id, self._experiment_name, self._display_name = run_id, experiment, name
        self.claimed = False
        self._writer = writer
        self._owns = owns
        self._names: dict[str, str] = {}
        self._ended: str | None = None
        self._known: dict[str, Any] = {}
        self._collected: list[str] = []

    @property
    def _home(self) -> str | None:
        """The OUTRIDER_HOME that the run is in; None where Outrider is turned off."""
        home: str | None = getattr(self._writer, "home", None)
        return home

    @classmethod
    def _experiment_type(cls) -> Any:
        """The class of this run's experiment."""
        from outrider._experiment import Experiment

        return Experiment

    def __repr__(self) -> str:
        return f"Run(Experiment: {self._experiment_name or '?'},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"

    def _repr_html_(self) -> str:
        from outrider import _shown

        return _shown.run(self)

    @property
    def experiment(self) -> Experiment:
        """The experiment that the run is in."""
        name = self._experiment_name or self._asked().get("experiment") or "default"
        return self._experiment_type().of_name(name)  # type: ignore[no-any-return]

    @property
    def type(self) -> str | None:
        """What kind of run it is, where it was given one (`outrider.submitted`, say)."""
        found: str | None = self._known.get("type")
        return found

    @property
    def status(self) -> str:
        """Running, or how it ended, as far as this process has said or last asked; `get_status` asks."""
        return self._ended or _standing(self._known)

    @property
    def name(self) -> str | None:
        """The run's display name."""
        return self._display_name

    @property
    def number(self) -> int | None:
        """The run's number within its experiment, from 1."""
        from outrider import _family

        return _family.number(self)

    @property
    def parent(self) -> Run | None:
        """The run that started this one, or None."""
        from outrider import _family

        return _family.parent(self)

    @property
    def tags(self) -> dict[str, Any]:
        """As `get_tags`."""
        return self.get_tags()

    @property
    def properties(self) -> dict[str, Any]:
        """As `get_properties`."""
        return self.get_properties()

    @property
    def input_datasets(self) -> Mapping[str, Any]:
        """Datasets that the run was given, by their names."""
        from outrider import _dataset

        return _dataset.inputs(self._asked().get("inputs") or {})

    @property
    def output_datasets(self) -> Mapping[str, Any]:
        """Datasets that the run makes, by their names: here a run makes files."""
        return {}

    def get_status(self) -> str:
        """How the run stands now: NotStarted, Queued, Preparing, Running, Finalizing, CancelRequested; Completed, Failed, Canceled."""
        return _standing(self._asked())

    def get_detailed_status(self) -> dict[str, Any]:
        """`{"status": …, "details": …}`: details are an error's text, or None."""
        found = self._asked()
        return {"status": _standing(found), "details": (found.get("error") or {}).get("message")}

    def get_details(self) -> dict[str, Any]:
        """
        runId, target, status, startTimeUtc, endTimeUtc, error, properties, inputDatasets, runDefinition, logFiles {name: place},
        submittedBy; no key for what is not known yet.
        """
        from outrider import _details

        return _details.of_run(self)

    def get_details_with_logs(self) -> dict[str, Any]:
        """As `get_details`, with the text of each log in `logFiles`."""
        from outrider import _details

        return _details.with_logs(self)

    def get_all_logs(self, destination: str | None = None) -> list[str]:
        """Copies the run's logs into a folder (default `assets/<run id>`); the files' paths. Raises FileExistsError for a file."""
        from outrider import _details

        return _details.copy_logs(self, destination)

    def get_children(
        self,
        recursive: bool = False,
        tags: Any = None,
        properties: Any = None,
        type: str | None = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """The runs that this one started, and with `recursive` theirs, the newest first."""
        from outrider import _family

        wanted = _family.Wanted(tags=tags, properties=properties, type=type, status=status)
        return _family.children(self, wanted, recursive=recursive)

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """
        What was logged to this run until now, by all its processes: `{name: value}`, with a list where there are many values and columns
        for rows and tables. Of an image or chart: the artifact's address, with `populate` the chart's document or the image's bytes.
        With `recursive`: `{run id: {name: value}}` of the run and all below it, of the type `run_type` where one is given. Asks the agent,
        else reads the spool; raises MetricsUnavailable rather than give a part.
        """
        from outrider import _family

        return _family.metrics(self, name, recursive=recursive, run_type=run_type, populate=populate)

    def get_tags(self) -> dict[str, Any]:
        """The run's tags."""
        return dict(self._asked().get("tags") or {})

    def get_properties(self) -> dict[str, Any]:
        """The run's properties: each was set once."""
        return dict(self._asked().get("properties") or {})

    def get_file_names(self) -> list[str]:
        """The run's files: uploaded ones, those of its output folders, its logs."""
        from outrider import _files

        return _files.names(self)

    def download_file(self, name: str, output_file_path: str | None = None) -> None:
        """Copies a file of the run to a path or into a folder (default: its base name, here). Raises FileNotInRun."""
        from outrider import _files

        _files.download(self, name, output_file_path)

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | None = None,
        output_paths: Sequence[str] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """
        Copies the run's files whose names begin with `prefix` into a folder (default: here), or each to its own of `output_paths`.

        `append_prefix`: their paths within the folder are whole, else without the prefix.
        """
        from outrider import _files

        _files.download_all(self, prefix, output_directory, output_paths, whole=append_prefix)

    def get_portal_url(self) -> str:
        """Where the portal shows the run."""
        from outrider import _shown

        return _shown.address(self._home, "runs", self.id)

    def get_environment(self) -> Any:
        """The Environment that the run was submitted with, its variables without their values; None for other runs."""
        from outrider import _definition

        return _definition.environment(self)

    def get_secret(self, name: str) -> str | None:
        """A secret: here an environment variable of that name, as it is or in capitals with `_` for `-`."""
        return os.environ.get(name, os.environ.get(name.upper().replace("-", "_")))

    def get_secrets(self, secrets: Sequence[str]) -> dict[str, str | None]:
        """Several of them."""
        return {name: self.get_secret(name) for name in secrets}

    def get_snapshot_id(self) -> str | None:
        """The id of the run's snapshot, or None."""
        found: str | None = self._asked().get("snapshot")
        return found

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | None = None) -> str:
        """The path of a zip of the run's snapshot, made in the folder `path`."""
        from outrider import _snapshot

        return _snapshot.restore_for(self, snapshot_id, path)

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Waits until the run has ended; its details."""
        from outrider import _waiting

        return _waiting.wait_for_completion(self, show_output, wait_post_processing, raise_on_error)

    def flush(self, timeout_seconds: float = 60.0) -> bool:
        """Waits up to that many seconds until the store has what this process logged. False: not in time, or no agent."""
        from outrider import _history

        return _history.flush(self.id, self._writer, timeout_seconds)

    def _asked(self) -> dict[str, Any]:
        """The run's document, asked for now. A run of this process that has said nothing yet is known by what it would say."""
        from outrider import _family

        return _family.asked(self)


def _standing(document: dict[str, Any]) -> str:
    """A status with what the run is doing while it has not ended."""
    status: str = document.get("status") or record.RUNNING
    return document.get("phase") or status if status == record.RUNNING else status
