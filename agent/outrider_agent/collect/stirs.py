"""
A hint that something moved below some folders, from watchdog, for those who look by themselves now and then. Never the truth.

While files grow, each write would be an event that costs more than the looks it saves: so who is busy looking takes the watch down, and
puts it up again when it is quiet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from watchdog import events

from outrider_agent.collect import watching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WANTED = [events.FileModifiedEvent, events.FileCreatedEvent, events.DirCreatedEvent, events.FileMovedEvent, events.DirDeletedEvent]


class Stirs:
    """`wake` is called from watchdog's threads. Everything else from one thread."""

    def __init__(self, folders: Iterable[str], wake: Callable[[], None]) -> None:
        self._folders, self._wake = list(folders), wake
        self._observer: Any = None
        self._watches: dict[str, Any] = {}
        self._log = watching.Log(wake)
        self.refused: set[str] = set()

    @property
    def is_up(self) -> bool:
        """Is anything watched at the moment?"""
        return bool(self._watches)

    def up(self) -> None:
        """Watches what is not watched. What was removed and made again is watched anew when it was down in between."""
        if self._observer is not None and not watching.is_alive(self._observer):
            self.stop()
        if self._observer is None:
            self._observer = watching.new_observer()
            if self._observer is None:
                return
            self._log.install()
        for folder in self._folders:
            if folder not in self._watches:
                try:
                    self._watches[folder] = self._observer.schedule(_Handler(self._wake), folder, recursive=True, event_filter=_WANTED)
                    self.refused.discard(folder)
                except (OSError, RuntimeError):  # not there, not readable, no watches left: it is looked at all the same
                    self.refused.add(folder)

    def down(self) -> None:
        """Watches nothing for now."""
        for watch in self._watches.values():
            watching.quietly(self._observer.unschedule, watch)
        self._watches.clear()

    def stop(self) -> None:
        """Ends it, with its threads. Idempotent; `up` begins anew."""
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None:
            watching.quietly(observer.stop)
            watching.quietly(observer.join)
            self._log.remove()


class _Handler(events.FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def dispatch(self, _event: events.FileSystemEvent) -> None:
        self._wake()
