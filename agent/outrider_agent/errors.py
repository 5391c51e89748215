"""
The agent's errors. A class's docstring is its default message.

    OutriderError
    ├── StoreError
    │   ├── Unavailable       try again later: locked, full disk, connection refused
    │   ├── Rejected          the batch is at fault: set it aside with its reason
    │   ├── Fenced            somebody else owns the sink now: stop
    │   └── SchemaTooNew      the store was written by a newer Outrider
    ├── AlreadyRunning        another agent holds this home
    ├── HomeUnusable          OUTRIDER_HOME cannot be used
    ├── SettingsError         a setting is wrong or unknown
    ├── BadRule               a rule for reading printed metrics is none
    └── NotFound              no such run, metric, artifact
        └── Ambiguous         a shortened run id fits several runs
"""

from __future__ import annotations


class OutriderError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class StoreError(OutriderError):
    """The store did not take what it was given."""


class Unavailable(StoreError):
    """The store cannot be reached or written at the moment; nothing is lost, the spool holds it."""

    #: Who is asked not to come again sooner, waits at least so long.
    retry_after_s = 0.0


class Rejected(StoreError):
    """The store refused these data."""


class Fenced(StoreError):
    """Another agent has taken over this sink; this one must stop."""


class SchemaTooNew(StoreError):
    """The store was written by a newer version of Outrider; upgrade this one."""


class AlreadyRunning(OutriderError):
    """Another agent already serves this OUTRIDER_HOME."""


class HomeUnusable(OutriderError):
    """OUTRIDER_HOME cannot be used."""


class SettingsError(OutriderError):
    """A setting is wrong."""


class BadRule(OutriderError):
    """A rule for reading printed metrics is none."""


class NotFound(OutriderError):
    """There is no such thing."""


class Ambiguous(NotFound):
    """That shortened id fits several runs."""
