"""
Hints that something moved under a root, from watchdog. Never the truth: whatever is wrong here only makes artifacts come a little later.

watchdog's observer threads call in here, and only put names into a set; the collector's thread takes them out. A watch that cannot be had
(no inotify, no watches left, a file system that tells nothing) leaves that root to the sweep, and is counted.
"""

# Paths are plain strings here: there are thousands of them in a sweep, and their names may be any bytes.
# ruff: noqa: PTH116
from __future__ import annotations

import logging
import os
import threading
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

from watchdog import events

from outrider_agent.collect import early

if TYPE_CHECKING:
    from collections.abc import Callable

#: A thread each in watchdog: so many roots are watched at once, the others are swept.
MOST_WATCHES = 64

_OVERFLOW = "overflow"


class Hinted(NamedTuple):
    """Root -> paths that a writer closed; roots in which something else moved; root -> renames, in order, whose files are held."""

    closed: dict[str, set[str]]
    stirred: set[str]
    renamed: dict[str, list[early.Renamed]]


class Hints:
    """Watches folders. `wake` is called, from any thread, when there is something to `take`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()
        self._closed: dict[str, set[str]] = {}
        self._stirred: set[str] = set()
        self._renamed: dict[str, early.Seen] = {}
        self._watches: dict[str, tuple[Any, tuple[int, int]]] = {}
        self._observer: Any = None
        self._log = Log(self._overflowed)
        self._broken = False
        self.overflows = 0
        self.refused = 0
        self.restarts = 0

    @property
    def mode(self) -> str:
        """`watch`, or `sweep` where watching does not work."""
        return "sweep" if self._broken else "watch"

    def watches(self, root: str) -> bool:
        """Is this root watched at the moment?"""
        return root in self._watches

    def watch(self, root: str, real: str) -> None:
        """Watches the folder `real`, or goes on watching it; another folder of that name is watched anew."""
        try:
            status = os.stat(real)
        except OSError:
            return self.forget(root)
        inode = (status.st_dev, status.st_ino)
        if not self._is_well():
            return None
        watched = self._watches.get(root)
        if watched is not None and watched[1] == inode:
            return None
        self.forget(root)
        if len(self._watches) < MOST_WATCHES:
            self._add(root, real, inode)
        return None

    def forget(self, root: str) -> None:
        """Watches it no longer. Idempotent."""
        watched = self._watches.pop(root, None)
        if watched is not None and self._observer is not None:
            quietly(self._observer.unschedule, watched[0])
        with self._lock:
            self._closed.pop(root, None)
            self._stirred.discard(root)
            _let_go(self._renamed.pop(root, None))

    def take(self) -> Hinted:
        """What was hinted since the last call."""
        with self._lock:
            closed, self._closed = self._closed, {}
            stirred, self._stirred = self._stirred, set()
            renamed = {root: found for root, seen in self._renamed.items() if (found := seen.take())}
        return Hinted(closed, stirred, renamed)

    def stop(self) -> None:
        """Ends all watching and its threads. Idempotent."""
        observer, self._observer = self._observer, None
        self._watches.clear()
        if observer is not None:
            quietly(observer.stop)
            quietly(observer.join)
            self._log.remove()
        with self._lock:
            for root in list(self._renamed):
                _let_go(self._renamed.pop(root))

    def closed(self, root: str, path: str) -> None:
        """A file was closed by its writer, or moved in with its folder. Called by watchdog's threads."""
        with self._lock:
            self._closed.setdefault(root, set()).add(path)
        self._wake()

    def renamed(self, root: str, path: str) -> None:
        """A file was renamed into place: it is held at once. Called by watchdog's threads."""
        with self._lock:
            self._renamed.setdefault(root, early.Seen()).add(path)
        self._wake()

    def stirred(self, root: str) -> None:
        """Something else moved below a root. Called by watchdog's threads."""
        with self._lock:
            self._stirred.add(root)
        self._wake()

    def _overflowed(self) -> None:
        self.overflows += 1
        with self._lock:
            self._stirred.update(self._watches)
        self._wake()

    def _is_well(self) -> bool:
        """Is there an observer that works? One that died is replaced, and everything watched anew."""
        if self._broken:
            return False
        if self._observer is not None and not is_alive(self._observer):
            self.stop()
            self.restarts += 1
        if self._observer is None:
            self._observer = new_observer()
            self._broken = self._observer is None
            if not self._broken:
                self._log.install()
        return not self._broken

    def _add(self, root: str, real: str, inode: tuple[int, int]) -> None:
        wanted = [events.FileClosedEvent, events.FileMovedEvent, events.DirMovedEvent, events.DirCreatedEvent]
        try:
            watch = self._observer.schedule(_Handler(self, root), real, recursive=True, event_filter=wanted)
        except (OSError, RuntimeError):  # out of watches, out of threads
            self.refused += 1
            return
        self._watches[root] = (watch, inode)


class _Handler(events.FileSystemEventHandler):
    """Turns the events of one root into hints."""

    def __init__(self, hints: Hints, root: str) -> None:
        self._hints, self._root = hints, root

    def dispatch(self, event: events.FileSystemEvent) -> None:
        if event.is_directory:
            self._hints.stirred(self._root)
        elif event.event_type == events.EVENT_TYPE_CLOSED:
            self._hints.closed(self._root, os.fsdecode(event.src_path))
        elif event.dest_path and event.is_synthetic:  # its folder was moved
            self._hints.closed(self._root, os.fsdecode(event.dest_path))
        elif event.dest_path:
            self._hints.renamed(self._root, os.fsdecode(event.dest_path))


class Log(logging.Handler):
    """watchdog says only in its log that events were lost; and what else it says there is not for our user (one warning is 65 KB)."""

    def __init__(self, overflowed: Callable[[], None]) -> None:
        super().__init__(logging.WARNING)
        self._overflowed = overflowed

    def install(self) -> None:
        """Listens to watchdog, and keeps what it says from our log."""
        logger = logging.getLogger("watchdog")
        logger.addHandler(self)
        logger.propagate = False
        # It warns (65 KB) when it comes to watch a new folder twice, which harms nothing; as an error that would end its reader thread.
        warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.")

    def remove(self) -> None:
        """Listens no longer."""
        logging.getLogger("watchdog").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """One word of watchdog's."""
        if _OVERFLOW in str(record.msg):
            self._overflowed()


def new_observer() -> Any:
    """A started observer, or None where there can be none."""
    try:
        from watchdog.observers import inotify  # noqa: PLC0415

        observer = inotify.InotifyObserver(generate_full_events=True)
        observer.start()
    except (ImportError, OSError, RuntimeError):
        return None
    return observer


def is_alive(observer: Any) -> bool:
    """The observer, its emitters and (where it has one) the reader below them."""
    reader = getattr(observer, "_inotify_fd", None)
    return bool(observer.is_alive() and (reader is None or not hasattr(reader, "is_alive") or reader.is_alive()))


def _let_go(seen: early.Seen | None) -> None:
    for renamed in seen.take() if seen is not None else ():
        if renamed.early is not None:
            renamed.early.close()


def quietly(call: Callable[..., object], *arguments: object) -> None:
    """Calls into watchdog, whatever it makes of a watch that is gone already."""
    try:
        call(*arguments)
    except (OSError, RuntimeError, KeyError, AttributeError):
        return
