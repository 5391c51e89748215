"""
Containers whose output only their engine can give: a connection each, made again when it ends or falls silent.

What comes again in a new connection is counted off by the container itself. Runs in the event loop; what is written is written in threads.
"""

from __future__ import annotations

import asyncio
import errno
import time
from typing import TYPE_CHECKING, TypeVar

from outrider_agent.collect import engineapi

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, MutableMapping, Sequence

    from outrider_agent.collect import container

T = TypeVar("T")

_LOOK_S = 0.1
_REOPEN_S = 0.5


class EngineLogs:
    """`wanted(api)`: whom to ask it for. `has_room`: does the spool take more? `unreadable`: name -> why, for the status."""

    def __init__(
        self,
        wanted: Callable[[engineapi.EngineApi], Mapping[str, container.Container]],
        has_room: Callable[[], bool],
        lock: threading.RLock,
        unreadable: MutableMapping[str, str],
    ) -> None:
        self._wanted, self._has_room, self._lock, self._unreadable = wanted, has_room, lock, unreadable

    async def run(self, api: engineapi.EngineApi) -> None:
        """Of one engine, until canceled."""
        open_: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = await asyncio.to_thread(self._wanted, api)
                for name, one in wanted.items():
                    if name not in open_ or open_[name].done():
                        open_[name] = asyncio.ensure_future(self._follow(api, name, one))
                open_ = {name: task for name, task in open_.items() if name in wanted or not task.done()}
                await asyncio.sleep(_LOOK_S)
        finally:
            for task in open_.values():
                task.cancel()
            await asyncio.gather(*open_.values(), return_exceptions=True)

    async def _follow(self, api: engineapi.EngineApi, name: str, one: container.Container) -> None:
        """One connection, until the container ends, or the engine is silent, or gone."""

        async def take(messages: Sequence[tuple[int, bytes]]) -> None:
            await asyncio.to_thread(self._write, one, messages)

        began = time.monotonic()
        since = await asyncio.to_thread(self._locked, one.place.rewind)
        try:
            await api.logs(name, since, tty=one.facts.tty, take=take)
        except engineapi.FAILURES as exc:
            self._unreadable[one.facts.name] = f"its log cannot be read now ({exc or type(exc).__name__}); it is tried again"
        else:
            self._unreadable.pop(one.facts.name, None)
            await asyncio.to_thread(self._locked, one.settle)
        await asyncio.sleep(max(0.0, _REOPEN_S - (time.monotonic() - began)))

    def _write(self, one: container.Container, messages: Sequence[tuple[int, bytes]]) -> None:
        """In a thread. Where the spool takes nothing it is dropped: a new connection gives it again, for it does not count as read."""
        if not self._has_room():
            raise OSError(errno.ENOSPC, "the spool is full")
        self._locked(lambda: one.take(messages))

    def _locked(self, call: Callable[[], T]) -> T:
        with self._lock:
            return call()
