"""
Which containers there are, from what engines leave on the disk: docker's folder of containers, Kubernetes' folder of pods' logs.

A look where nothing changed is a stat for each container. What cannot be looked at is said to be unknown (None), never gone.
"""

# Paths are plain strings here: this is looked at twenty times a second while containers write.
# ruff: noqa: PTH116, PTH118, PTH119, PTH123, PTH208
from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from outrider_agent.core import containers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RACY_NS = 100_000_000
_CONFIG, _HOST = "config.v2.json", "hostconfig.json"


class Source(Protocol):
    """Where containers are found."""

    folder: str

    @property
    def trouble(self) -> str | None:
        """Why the folder cannot be looked at."""
        ...

    def look(self) -> Mapping[str, containers.Facts] | None:
        """Every container, by id; None where it cannot be told now."""
        ...


class Listing:
    """A folder's names, listed again only when its mtime says that they changed, or is too young to say."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._seen = -1
        self.last: list[str] = []  #: what was there when it could be listed
        self.trouble: str | None = None  #: why it could not be listed the last time

    def now(self) -> list[str] | None:
        """None where it cannot be listed; empty where there is none."""
        try:
            changed = os.stat(self._folder).st_mtime_ns
            if changed != self._seen:
                self.last = sorted(os.listdir(self._folder))
                self._seen = changed if time.time_ns() - changed > _RACY_NS else -1
        except (FileNotFoundError, NotADirectoryError):
            self._seen, self.last = -1, []
        except OSError as exc:
            self.trouble = exc.strerror
            return None
        self.trouble = None
        return self.last


class Root(Listing):
    """An engine's folder. Gone as a whole, or with another file system in its place and empty, it was unmounted: nobody removed all."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._device: int | None = None

    def now(self) -> list[str] | None:
        """None too while what was there is not to be seen."""
        before, found, device = self.last, super().now(), device_of(self._folder)
        if found == [] and before and device != self._device:
            self._seen, self.last = -1, before
            self.trouble = "is not there any more, as if it were unmounted; what was followed in it is held until it is back"
            return None
        if found:
            self._device = device
        return found


class DockerFolder:
    """`/var/lib/docker/containers`: a folder each, in it what docker knows of the container, and its json-file."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._listing = Root(folder)
        self._known: dict[str, tuple[tuple[int, ...], containers.Facts | None]] = {}

    @property
    def trouble(self) -> str | None:
        """Why the folder cannot be looked at."""
        return self._listing.trouble

    def look(self) -> Mapping[str, containers.Facts] | None:
        """By id. A container whose files are not written yet comes with a later look."""
        names = self._listing.now()
        if names is None:
            return None
        self._known = {name: self._look_at(name) for name in names if not name.startswith(".")}
        return {facts.id: facts for _seen, facts in self._known.values() if facts is not None}

    def _look_at(self, name: str) -> tuple[tuple[int, ...], containers.Facts | None]:
        path = os.path.join(self.folder, name)
        known = self._known.get(name, ((), None))
        try:
            status = os.stat(os.path.join(path, _CONFIG))
        except OSError:
            return known
        seen = (status.st_ino, status.st_size, status.st_mtime_ns)
        if seen == known[0]:
            return known
        document, host = _object(os.path.join(path, _CONFIG)), _object(os.path.join(path, _HOST))
        if document is None:  # in the middle of being written: the next look finds it whole
            return ((), known[1])
        log = os.path.join(path, os.path.basename(str(document.get("LogPath") or "")) or f"{name}-json.log")
        # Where docker itself sees it may be another place than where its folder is mounted for us.
        return seen, containers.from_config(document, host or {}, log)


class PodsFolder:
    """
    `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<n>.log`: a file for each start of a container, rotated by the kubelet.

    It renames the file and then has a new one made: a start is there as long as any of its files is.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._pods = Root(folder)
        self._listings: dict[str, Listing] = {}

    @property
    def trouble(self) -> str | None:
        """Why the folder cannot be looked at."""
        return self._pods.trouble

    def look(self) -> Mapping[str, containers.Facts] | None:
        """By pod, container and number. All but the newest of a container have ended."""
        pods = self._pods.now()
        if pods is None:
            return None
        found: dict[str, containers.Facts] = {}
        there: set[str] = set()
        for pod in pods:
            for container in self._names(pod, there):
                found |= self._logs(pod, container, there)
        self._listings = {path: listing for path, listing in self._listings.items() if path in there}
        return found

    def _logs(self, pod: str, container: str, there: set[str]) -> dict[str, containers.Facts]:
        folder = os.path.join(self.folder, pod, container)
        names = sorted({name.partition(".log")[0] + ".log" for name in self._names(f"{pod}/{container}", there) if ".log" in name})
        logs = [containers.from_pod(pod, container, name, os.path.join(folder, name)) for name in names]
        starts = sorted((one for one in logs if one is not None), key=lambda one: one.number)
        ended = [msgspec.structs.replace(one, running=False, finished=_modified(one.log)) for one in starts[:-1]]
        return {one.id: one for one in (*ended, *starts[-1:])}

    def _names(self, below: str, there: set[str]) -> list[str]:
        there.add(below)
        listing = self._listings.get(below)
        if listing is None:
            listing = self._listings[below] = Listing(os.path.join(self.folder, below))
        found = listing.now()
        return listing.last if found is None else found


def sources(docker: str, pods: str) -> list[Source]:
    """Those that are set; an empty path is none."""
    kinds: list[tuple[str, Callable[[str], Source]]] = [(docker, DockerFolder), (pods, PodsFolder)]
    return [kind(folder) for folder, kind in kinds if folder]


def device_of(path: str) -> int | None:
    """Which file system it is on; None where it is not there."""
    try:
        return os.stat(path).st_dev
    except OSError:
        return None


def _modified(path: str | None) -> int:
    try:
        return os.stat(path or "").st_mtime_ns
    except OSError:
        return time.time_ns()


def _object(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            found = msgspec.json.decode(file.read())
    except (OSError, msgspec.DecodeError):
        return None
    return found if isinstance(found, dict) else None
