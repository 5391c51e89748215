"""
The containers collector: finds containers, follows what they write, says how they ended. An unmodified image is tracked.

One thread (`containers-tail`) looks, reads and writes; the event loop talks to engines. A look is the truth, a hint only hurries it. While
anything moves all are looked at every 50 ms, each reading at most a MiB before the next one's turn.
"""

# Paths are plain strings here: this is done twenty times a second.
# ruff: noqa: PTH100, PTH110, PTH118
from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent import futures
from typing import TYPE_CHECKING

import msgspec

from outrider_agent.collect import beginnings, container, containerbook, engineapi, enginefiles, enginelogs, stirs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from outrider_agent import protocols
    from outrider_agent.core import containers

#: Bytes that one container's file is read before it is the next one's turn.
TURN_BYTES = 1 << 20

_HOT_S = 0.05
_BORN_S = 0.01
_QUIET_AFTER_S = 2.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What is followed, and where engines are."""

    select: str = "labeled"
    names: tuple[str, ...] = ()
    experiment: str = "containers"
    docker_folder: str = "/var/lib/docker/containers"
    pods_folder: str = "/var/log/pods"
    sockets: tuple[str, ...] = ("/var/run/docker.sock", "/run/podman/podman.sock")
    sweep_interval_s: float = 1.0
    watch: bool = True
    reserve_bytes: int = 64 << 20


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """What is followed, what cannot be, and what came of it. `followed`, `unreadable`: for people, a container each; `folders`: those of
    engines that cannot be looked at.
    """

    containers: int
    running: int
    followed: tuple[str, ...]
    unreadable: tuple[str, ...]
    engines: tuple[str, ...]
    folders: tuple[str, ...]
    pending: int
    bytes: int
    set_aside: int
    gaps: int
    waiting: bool
    watch: str


class ContainersCollector:
    """
    A `protocols.Collector`. `known(run)`: what a store has of a run whose streams are gone (raises `Unavailable` when it cannot be asked).
    """

    name = "containers"

    def __init__(
        self,
        home: str | os.PathLike[str],
        clock: protocols.Clock,
        settings: Settings,
        *,
        known: Callable[[str], container.Before | None] = lambda _run: None,
    ) -> None:
        self._home, self._settings = os.path.abspath(home), settings
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._sources = enginefiles.sources(settings.docker_folder, settings.pods_folder)
        self._roots = tuple(source.folder for source in self._sources)
        self._stirs = stirs.Stirs(self._roots, self._wake.set) if settings.watch and self._roots else None
        self._apis = [engineapi.EngineApi(path, self._wake.set) for path in settings.sockets]
        self._containers: dict[str, container.Container] = {}
        self._beginnings = beginnings.Beginnings(
            container.Surroundings(self._home, clock, settings.experiment, self._roots), settings.select, settings.names, known
        )
        self._moved = 0.0
        self._turn = 0
        self._logs = enginelogs.EngineLogs(self._by_api, lambda: self._has_room(1), self._lock, self._beginnings.unreadable)
        self._waiting = False
        self._past = [0, 0, 0]

    async def run(self) -> None:
        """Collects until canceled."""
        self._stopping.clear()
        thread = futures.ThreadPoolExecutor(1, thread_name_prefix="containers-tail")
        looking = asyncio.get_running_loop().run_in_executor(thread, self._loop)
        talking = [
            asyncio.ensure_future(work) for work in (*(api.run() for api in self._apis), *(self._logs.run(api) for api in self._apis))
        ]
        try:
            await asyncio.shield(looking)
        finally:
            for task in talking:
                task.cancel()
            await asyncio.gather(*talking, return_exceptions=True)
            self._stopping.set()
            self._wake.set()
            await asyncio.shield(asyncio.to_thread(self._stop, thread))

    async def drain(self) -> None:
        """Reads every file to its end, once."""
        await asyncio.to_thread(self._drain)

    def keeps(self, run: str) -> bool:
        """Is a container of this run still followed, or not yet looked for? Then its streams stay: they say where to go on."""
        with self._lock:
            if any(one.wish.run == run and not one.is_over for one in self._containers.values()):
                return True
        return not self._beginnings.has_looked and containerbook.has_streams(self._home, run)

    def statistics(self) -> Statistics:
        """A snapshot."""
        with self._lock:
            every = self._containers.values()
            unreadable = {one.facts.name: trouble for one in every if (trouble := one.trouble) is not None} | self._beginnings.unreadable
            return Statistics(
                containers=len(every),
                running=sum(not one.is_over for one in every),
                followed=tuple(sorted(one.facts.name for one in every if not one.is_over)),
                unreadable=tuple(f"{name}: {why}" for name, why in sorted(unreadable.items())),
                engines=tuple(f"{api.socket}: {'connected' if api.connected else 'not connected'}" for api in self._apis),
                folders=tuple(f"{source.folder}: {source.trouble}" for source in self._sources if source.trouble is not None),
                pending=sum(one.pending() for one in every),
                bytes=self._past[0] + sum(one.bytes for one in every),
                set_aside=self._past[1] + sum(one.lines_aside for one in every),
                gaps=self._past[2] + sum(one.gaps for one in every),
                waiting=self._waiting,
                watch="watch" if self._stirs is not None and not self._stirs.refused else "sweep",
            )

    def close(self) -> None:
        """Lets go of every stream and file. Idempotent; after `run` was canceled and `drain` is through."""
        with self._lock:
            for one in self._containers.values():
                one.close()

    def tick(self) -> float:
        """Looks and reads once: how many seconds until it is time again."""
        with self._lock:
            self._discover()
            more = self._read()
            now = time.monotonic()
            if more:
                self._moved = now
                return 0.0
            if self._beginnings.is_expecting():
                self._moved = now
                return _BORN_S
            if now - self._moved < _QUIET_AFTER_S:
                return _HOT_S
            if self._stirs is not None and not self._stirs.is_up:
                self._stirs.up()
                self._moved = now - _QUIET_AFTER_S + 2 * _HOT_S  # once more, for what moved before the watch was up
            return self._settings.sweep_interval_s

    def _loop(self) -> None:
        while not self._stopping.is_set():
            rest = self.tick()
            if rest > _HOT_S:
                if self._wake.wait(rest):
                    self._moved = time.monotonic()
            elif rest:
                self._stopping.wait(rest)
            if self._wake.is_set():
                self._wake.clear()
                if self._stirs is not None:
                    self._stirs.down()

    def _stop(self, thread: futures.Executor) -> None:
        thread.shutdown()
        if self._stirs is not None:
            self._stirs.stop()

    def _drain(self) -> None:
        with self._lock:
            self._discover()
            while self._read() and not self._waiting:
                pass

    def _discover(self) -> None:
        """What there is now: new ones are begun, known ones learn, those that are gone are ended."""
        looked = [source.look() for source in self._sources]
        seen: dict[str, containers.Facts] = {}
        told: dict[str, containers.Facts] = {}
        asked = [api.now() for api in self._apis]
        for is_connected, facts_of in asked:
            seen |= facts_of
            told |= facts_of if is_connected else {}
        for found in looked:
            seen |= {name: _joined(facts, told.get(name)) for name, facts in (found or {}).items()}
        self._note_deaths()
        for name, facts in seen.items():
            known = self._containers.get(name)
            if known is None:
                begun = self._beginnings.begin(name, facts, by_api=any(name in facts_of for _connected, facts_of in asked))
                if begun is not None:
                    self._containers[name] = begun
            elif known.facts is not facts:
                known.learn(facts)
        # Who cannot be asked does not say that something is gone.
        if None not in looked and all(is_connected or not facts_of for is_connected, facts_of in asked):
            for gone in [name for name in self._containers if name not in seen]:
                self._forget(gone)
            self._beginnings.has_looked = True
            is_asked = bool(asked) and all(is_connected for is_connected, _facts in asked)
            for orphan in self._beginnings.orphans(seen, lambda told: self._is_observed(told, is_asked=is_asked)):
                orphan.gone()

    def _is_observed(self, told: containerbook.Resumed, *, is_asked: bool) -> bool:
        """Can it be said of this container that it is gone: was the folder that it was in looked at, or (`is_asked`) every engine asked?"""
        folders = {os.path.dirname(position.path) for position in told.place.files.values()}  # noqa: PTH120
        devices = {position.mark.identity.device for position in told.place.files.values()}
        for root in self._roots:
            if any(folder.startswith(f"{root}/") for folder in folders):
                return not any(map(os.path.exists, folders)) and enginefiles.device_of(root) in devices  # else it is unmounted
        return is_asked

    def _note_deaths(self) -> None:
        for api in self._apis:
            deaths, api.deaths = api.deaths, []
            for name, when, code, oom in deaths:
                if name in self._containers:
                    self._containers[name].died(when, code, oom=oom)

    def _forget(self, name: str) -> None:
        one = self._containers.pop(name)
        one.gone()
        self._past = [self._past[0] + one.bytes, self._past[1] + one.lines_aside, self._past[2] + one.gaps]

    def _read(self) -> bool:
        """A turn for each, beginning with another one each time. Is there more?"""
        every = list(self._containers.values())
        self._waiting = not self._has_room(len(every))
        if self._waiting or not every:
            return False
        self._turn = (self._turn + 1) % len(every)
        more = False
        for one in every[self._turn :] + every[: self._turn]:
            before = one.bytes
            more |= one.step(TURN_BYTES)
            if one.bytes != before:
                self._moved = time.monotonic()
        return more

    def _has_room(self, count: int) -> bool:
        """Does the spool take what a look may bring? Otherwise it waits where it is: in the engines' files."""
        if os.path.exists(os.path.join(self._home, "spool", "full")):
            return False
        try:
            disk = os.statvfs(self._home)
        except OSError:
            return False
        return not disk.f_blocks or disk.f_bavail * disk.f_frsize > self._settings.reserve_bytes + min(count, 64) * TURN_BYTES

    def _by_api(self, api: engineapi.EngineApi) -> Mapping[str, container.Container]:
        if not api.connected:
            return {}
        with self._lock:
            return {name: one for name, one in self._containers.items() if name in api.facts and one.by_api and not one.is_over}


def _joined(of_file: containers.Facts, of_api: containers.Facts | None) -> containers.Facts:
    """The engine knows best how a container is, unless its answer is older than what it wrote down; its file is where we see it."""
    if of_api is None or (of_api.started or 0, of_api.finished or 0) < (of_file.started or 0, of_file.finished or 0):
        return of_file
    return msgspec.structs.replace(of_api, log=of_file.log)
