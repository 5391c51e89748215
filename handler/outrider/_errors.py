"""
The errors that an explicit call of the run API may raise. A class's docstring is its default message.

    OutriderError
    ├── RunEnded              the run has ended: nothing more can be logged to it
    └── MetricsUnavailable    get_metrics() cannot give a whole answer now

A wrong type or value raises TypeError or ValueError. Nothing in a logging call raises anything.
"""

from __future__ import annotations


class OutriderError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class RunEnded(OutriderError):
    """This run has ended, so nothing was written; start a new one with outrider.start_run()."""


class MetricsUnavailable(OutriderError):
    """The metrics of this run cannot be read whole at the moment; nothing is lost. Start the agent (outrider agent) and ask again."""
