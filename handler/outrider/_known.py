"""
What is known of a run: what it is, how it stands, its family, its metrics and its files. Nothing here writes.

Answers come from the agent, and without one from the spool (`_history`); where neither has the whole, HistoryUnavailable, never a part.
"""

from __future__ import annotations

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
        self._known: dict[str, Any] | None = None

    @property
    def _home(self) -> str | None:
        """The OUTRIDER_HOME that the run is in; None where Outrider is turned off."""
        home: str | None = getattr(self._writer, "home", None)
        return home

    def __repr__(self) -> str:
        return f"Run(Experiment: {self._experiment_name or '?'},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"

    def _repr_html_(self) -> str:
        raise NotImplementedError

    @property
    def experiment(self) -> Experiment:
        """The experiment that the run is in."""
        raise NotImplementedError

    @property
    def type(self) -> str | None:
        """What kind of run it is, where it was given one (`outrider.submitted`, say)."""
        raise NotImplementedError

    @property
    def status(self) -> str:
        """Running, or how it ended, as far as this process has said or last asked; `get_status` asks."""
        return self._ended or (self._known or {}).get("status") or record.RUNNING

    @property
    def name(self) -> str | None:
        """The run's display name."""
        return self._display_name

    @property
    def number(self) -> int | None:
        """The run's number within its experiment, from 1."""
        raise NotImplementedError

    @property
    def parent(self) -> Run | None:
        """The run that started this one, or None."""
        raise NotImplementedError

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
        raise NotImplementedError

    @property
    def output_datasets(self) -> Mapping[str, Any]:
        """Datasets that the run makes, by their names."""
        raise NotImplementedError

    def get_status(self) -> str:
        """How the run stands now: NotStarted, Queued, Preparing, Running, Finalizing, CancelRequested; Completed, Failed, Canceled."""
        raise NotImplementedError

    def get_detailed_status(self) -> dict[str, Any]:
        """`{"status": …, "details": …}`."""
        raise NotImplementedError

    def get_details(self) -> dict[str, Any]:
        """
        runId, target, status, startTimeUtc, endTimeUtc, error, properties, inputDatasets, runDefinition, logFiles {name: place},
        submittedBy; no key for what is not known yet.
        """
        raise NotImplementedError

    def get_details_with_logs(self) -> dict[str, Any]:
        """As `get_details`, with the text of each log in `logFiles`."""
        raise NotImplementedError

    def get_all_logs(self, destination: str | None = None) -> list[str]:
        """Copies the run's logs into a folder (default `assets/<run id>`); the files' paths."""
        raise NotImplementedError

    def get_children(
        self,
        recursive: bool = False,
        tags: Any = None,
        properties: Any = None,
        type: str | None = None,
        status: str | None = None,
    ) -> Iterator[Run]:
        """The runs that this one started, and with `recursive` theirs, the newest first."""
        raise NotImplementedError

    def get_metrics(
        self, name: str | None = None, recursive: bool = False, run_type: str | None = None, populate: bool = False
    ) -> dict[str, Any]:
        """
        What was logged to this run until now, by all its processes: `{name: value}`, with a list where there are many values and columns
        for rows and tables. With `recursive` `{run id: {name: value}}`, its children's too. Asks the agent, else reads the spool; raises
        MetricsUnavailable rather than give a part.
        """
        from outrider import _metrics

        return _metrics.of_run(self.id, self._writer, name)

    def get_tags(self) -> dict[str, Any]:
        """The run's tags."""
        raise NotImplementedError

    def get_properties(self) -> dict[str, Any]:
        """The run's properties: each was set once."""
        raise NotImplementedError

    def get_file_names(self) -> list[str]:
        """The run's files: uploaded ones, those of its output folders, its logs."""
        raise NotImplementedError

    def download_file(self, name: str, output_file_path: str | None = None) -> None:
        """Copies a file of the run to a path or into a folder (default: its base name, here). Raises FileNotInRun."""
        raise NotImplementedError

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | None = None,
        output_paths: Sequence[str] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copies the run's files whose names begin with `prefix` into a folder, or each to its own path."""
        raise NotImplementedError

    def get_portal_url(self) -> str:
        """Where the portal shows the run."""
        raise NotImplementedError

    def get_environment(self) -> Any:
        """The Environment that the run was submitted with; None for others."""
        raise NotImplementedError

    def get_secret(self, name: str) -> str | None:
        """A secret of the workspace's key vault: here an environment variable."""
        raise NotImplementedError

    def get_secrets(self, secrets: Sequence[str]) -> dict[str, str | None]:
        """Several of them."""
        raise NotImplementedError

    def get_snapshot_id(self) -> str | None:
        """The id of the run's snapshot, or None."""
        raise NotImplementedError

    def restore_snapshot(self, snapshot_id: str | None = None, path: str | None = None) -> str:
        """The path of a zip of the run's snapshot, made in the folder `path`."""
        raise NotImplementedError

    def wait_for_completion(
        self, show_output: bool = False, wait_post_processing: bool = False, raise_on_error: bool = True
    ) -> dict[str, Any]:
        """Waits until the run has ended; its details."""
        raise NotImplementedError

    def flush(self, timeout_seconds: float = 60.0) -> bool:
        """Waits up to that many seconds until the store has what this process logged. False: not in time, or no agent."""
        from outrider import _metrics

        return _metrics.flush(self.id, self._writer, timeout_seconds)

    def clean(self) -> None:
        """Removes the run's local working files."""
        raise NotImplementedError

    def _asked(self) -> dict[str, Any]:
        """The run's document, asked for now."""
        raise NotImplementedError
