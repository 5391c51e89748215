"""
The agent as a service: what the service manager (systemd) is told while it lives, and what a reload changes.

The watchdog hears of progress, not of a pulse: where a sink's thread hangs, or has stopped for good, nothing is said any more, and the
manager starts the agent anew. A sink that waits for its other side (a full disk, a server that is down) is no reason for that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from outrider_agent import errors, settings, systemd

if TYPE_CHECKING:
    from collections.abc import Callable

    from outrider_agent import report

#: How often the status line is looked at; a watchdog may ask for more.
_EVERY_S = 5.0
#: Of the time that a watchdog allows, so much is used.
_SHARE = 3.0
#: What a manager adds to the deadline of a shutdown: the sinks are closed after it.
MARGIN_S = 15.0

#: What SIGHUP changes in a running agent; every other setting needs a restart, and a reload that changes one says so.
RELOADED = frozenset(
    {
        "agent.idle_exit_s",
        "agent.liveness_interval_s",
        "agent.shutdown_deadline_s",
        "log.level",
        "log.max_bytes",
        "spool.check_interval_s",
        "spool.disk_reserve_bytes",
        "spool.max_bytes",
    }
)

log = structlog.get_logger(part="service")


class Service:
    """Speaks to the manager. `run` is one more part of the agent's work."""

    def __init__(self, notifier: systemd.Notifier, told: report.Report) -> None:
        self._notifier, self._report = notifier, told
        self._silent = False

    def ready(self) -> None:
        """The agent works."""
        self._notifier.ready(self._report.line())

    def stopping(self, within_s: float) -> None:
        """It drains, and may take so many seconds."""
        self._notifier.stopping(f"stopping: {self._report.line()}", within_s + MARGIN_S)

    def ended(self, left_bytes: int) -> None:
        """What was not drained."""
        if left_bytes:
            self._notifier.status(f"stopped: {left_bytes:,} bytes were not delivered; they are kept in the spool for the next start")

    def reloading(self) -> None:
        """The settings are read anew, until `ready`."""
        self._notifier.reloading()

    async def run(self) -> None:
        """Says how it is, for as long as the agent lives; nothing where nobody asked, for a look costs an idle agent something."""
        while self._notifier.is_heard:
            self.look()
            await asyncio.sleep(min(_EVERY_S, (self._notifier.watchdog_s or _EVERY_S * _SHARE) / _SHARE))

    def look(self) -> None:
        """One look: the status line, and a beat where there is progress."""
        hangs = self._report.hangs()
        self._notifier.status(self._report.line())
        if hangs is None:
            self._notifier.beat()
        elif not self._silent and self._notifier.watchdog_s is not None:
            log.error("watchdog_not_answered", error=hangs)
        self._silent = hangs is not None


class Reloader:
    """Reads the settings again, and says which of the changes take effect. `changed` gets the new ones."""

    def __init__(
        self, current: settings.Settings, load: Callable[[], settings.Settings], changed: Callable[[settings.Settings], None]
    ) -> None:
        self.current = current
        self._load, self._changed = load, changed

    def reload(self) -> settings.Settings:
        """What is in force from now on. Settings that are wrong change nothing; they are said in the log."""
        try:
            new = self._load()
        except errors.SettingsError as exc:
            log.error("settings_not_reloaded", error=f"{exc} The settings stay as they were.")  # noqa: TRY400 (the sentence says it all)
            return self.current
        different = {field.key for field in settings.fields() if settings.value(new, field) != settings.value(self.current, field)}
        taken = different & RELOADED
        self.current = settings.merged(self.current, new, taken)
        self._changed(self.current)
        log.info("settings_reloaded", changed=sorted(taken))
        if different - RELOADED:
            log.warning("settings_need_a_restart", keys=sorted(different - RELOADED), error="these were changed, and stay as they were")
        return self.current
