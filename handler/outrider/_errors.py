"""
The errors that an explicit call of the run API may raise. A class's docstring is its default message.

    OutriderError
    ├── RunEnded                  the run has ended: nothing more can be logged to it
    ├── HistoryUnavailable        what is known of runs cannot be read whole now
    │   └── MetricsUnavailable    get_metrics() cannot give a whole answer now
    ├── NotKnown                  there is no such run, file, model or dataset
    │   ├── RunNotFound
    │   ├── FileNotInRun
    │   ├── ModelNotFound
    │   │   └── ModelPathNotFound
    │   └── DatasetNotFound
    ├── PropertyChanged           a property is set once
    ├── ConfigNotFound            a workspace's file that was named is not there
    │   └── ConfigUnusable        it is there, and cannot be used
    ├── InvalidImage              what was given to log_image() is no picture
    ├── SnapshotError             a folder could not be kept as a snapshot, or a snapshot not be given back
    ├── SubmitError               a run could not be submitted: nothing was started
    └── ActivityFailed            the run that was waited for has failed

A wrong type or value raises TypeError or ValueError. Nothing in a logging call raises anything.
"""

from __future__ import annotations


class OutriderError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class RunEnded(OutriderError):
    """This run has ended, so nothing was written; start a new one with outrider.start_run()."""


class HistoryUnavailable(OutriderError):
    """What is known of runs cannot be read whole at the moment; nothing is lost. Start the agent (outrider agent) and ask again."""


class MetricsUnavailable(HistoryUnavailable):
    """The metrics of this run cannot be read whole at the moment; nothing is lost. Start the agent (outrider agent) and ask again."""


class NotKnown(OutriderError):
    """There is no such thing."""


class RunNotFound(NotKnown):
    """There is no such run in this home."""


class FileNotInRun(NotKnown):
    """The run has no such file."""


class ModelNotFound(NotKnown):
    """There is no such model in this home."""


class ModelPathNotFound(ModelNotFound):
    """The files that were to be registered are not there."""


class DatasetNotFound(NotKnown):
    """There is no such dataset in this home."""


class PropertyChanged(OutriderError):
    """A property is set once, and cannot be changed."""


class ConfigNotFound(OutriderError):
    """The workspace's configuration file is not there."""


class ConfigUnusable(ConfigNotFound):
    """The workspace's configuration file cannot be used."""


class InvalidImage(OutriderError):
    """What was given to log_image() is no picture; nothing was logged."""


class SnapshotError(OutriderError):
    """The folder was not kept as a snapshot."""


class SubmitError(OutriderError):
    """The run was not submitted; nothing was started."""


class ActivityFailed(OutriderError):
    """The run that was waited for has failed. `error` is a dict with what is known of it."""

    def __init__(self, message: str | None = None, error: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.error = error or {}
