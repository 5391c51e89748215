"""
An engine's API over its unix socket (docker, podman): which containers there are, what happens to them, and their logs where there is no
file to be read.

First it listens for events, then it asks what there is: nothing falls between. Whatever goes wrong with the connection, it is made
again, and all is asked anew. Never writes: with a read-only proxy before the socket it works as well.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp

from outrider_agent.core import backoff, containerlog, containers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

#: Longest silence of a connection before it is made anew. An engine may stop a stream of logs without a word.
SILENCE_S = 30.0
_ANSWER_S = 10.0

#: Events after which a container is looked at again.
_CHANGES = frozenset(
    {"create", "start", "restart", "die", "died", "oom", "stop", "kill", "pause", "unpause", "rename", "update", "cleanup"}
)
_GONE = frozenset({"destroy", "remove"})
_DEATHS = frozenset({"die", "died"})

FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class EngineApi:
    """One engine. `changed` is called, in the event loop, whenever `facts` or `deaths` have changed."""

    def __init__(self, socket: str, changed: Callable[[], None]) -> None:
        self.socket = socket
        self._changed = changed
        self.facts: dict[str, containers.Facts] = {}
        self.deaths: list[tuple[str, int, int, bool]] = []
        self.connected = False
        self.error: str | None = None
        self.connections = 0
        self._since = 0  # ns: what happened from then on is asked for again with each new connection

    def now(self) -> tuple[bool, dict[str, containers.Facts]]:
        """Is it connected, and what it has told; from any thread. In this order: who is connected has told all."""
        is_connected = self.connected
        return is_connected, dict(self.facts)

    async def run(self) -> None:
        """Listens until canceled; where there is no engine, it is looked for again and again."""
        delays = backoff.Backoff(base_s=0.2, cap_s=5.0).delays(lambda: 0.5)
        while True:
            try:
                async with self._session() as session:
                    await self._listen(session)
            except FAILURES as exc:
                self.error = f"{self.socket}: {exc or type(exc).__name__}"
            if self.connected:
                delays = backoff.Backoff(base_s=0.2, cap_s=5.0).delays(lambda: 0.5)
            self.connected = False
            self._changed()
            await asyncio.sleep(next(delays))

    async def logs(self, container: str, since: int, *, tty: bool, take: Callable[[list[tuple[int, bytes]]], Awaitable[None]]) -> None:
        """A container's output from `since` (ns) on, until it ends or the engine falls silent. Messages begin with their time stamp."""
        query = {"follow": "1", "stdout": "1", "stderr": "1", "timestamps": "1"}
        if since > 0:
            query["since"] = f"{since // 1_000_000_000}.{since % 1_000_000_000:09d}"
        async with self._session() as session, session.get(f"http://engine/containers/{container}/logs", params=query) as answer:
            answer.raise_for_status()
            framed = not tty and "raw-stream" not in answer.headers.get("Content-Type", "")
            messages = _frames(answer) if framed else _lines(answer)
            try:
                async for found in messages:
                    await take(found)
            except (TimeoutError, aiohttp.ServerTimeoutError):
                return

    def _session(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S, sock_read=SILENCE_S)
        return aiohttp.ClientSession(connector=aiohttp.UnixConnector(self.socket), timeout=timeout)

    async def _listen(self, session: aiohttp.ClientSession) -> None:
        filters = {"filters": json.dumps({"type": ["container"]})}
        if self._since:
            filters["since"] = f"{self._since // 1_000_000_000}.{self._since % 1_000_000_000:09d}"
        async with session.get("http://engine/events", params=filters) as events:
            events.raise_for_status()
            await self._list(session)
            self.connected, self.error = True, None
            self.connections += 1
            self._changed()
            try:
                async for line in _json_lines(events):
                    await self._heed(session, line)
                    self._changed()
            except (TimeoutError, aiohttp.ServerTimeoutError):
                return  # nothing happened for a while, or the connection is dead: which of the two, a new one shows

    async def _list(self, session: aiohttp.ClientSession) -> None:
        """Everything there is; what is not in the list has gone."""
        listed = await self._ask(session, "containers/json", all="1")
        ids = [str(one.get("Id")) for one in listed or () if isinstance(one, dict)]
        for gone in self.facts.keys() - set(ids):
            del self.facts[gone]
        for name in ids:
            await self._inspect(session, name)

    async def _heed(self, session: aiohttp.ClientSession, event: dict[str, Any]) -> None:
        """Docker spells it Action and Actor.ID, podman besides status and id; each may lack the other's."""
        actor = event.get("Actor") if isinstance(event.get("Actor"), dict) else {}
        name = str(actor.get("ID") or event.get("id") or "")  # type: ignore[union-attr]
        action = str(event.get("Action") or event.get("status") or "").partition(":")[0]
        self._since = max(self._since, _when(event))
        if not name:
            return
        if action in _DEATHS:
            self._note_death(name, actor or {}, event)
        if action in _GONE:
            self.facts.pop(name, None)
        elif action in _CHANGES:
            await self._inspect(session, name)

    def _note_death(self, name: str, actor: dict[str, Any], event: dict[str, Any]) -> None:
        attributes = actor.get("Attributes") if isinstance(actor.get("Attributes"), dict) else {}
        code = str((attributes or {}).get("exitCode", (attributes or {}).get("containerExitCode", "")))
        if code.lstrip("-").isdigit() and _when(event):
            known = self.facts.get(name)
            self.deaths.append((name, _when(event), int(code), bool(known and known.oom)))

    async def _inspect(self, session: aiohttp.ClientSession, name: str) -> None:
        document = await self._ask(session, f"containers/{name}/json")
        if isinstance(document, dict):
            self.facts[name] = containers.from_inspect(document)

    async def _ask(self, session: aiohttp.ClientSession, path: str, **query: str) -> Any:
        """None where there is no such thing any more."""
        timeout = aiohttp.ClientTimeout(total=_ANSWER_S)
        async with session.get(f"http://engine/{path}", params=query, timeout=timeout) as answer:
            if answer.status == 404:
                return None
            answer.raise_for_status()
            return await answer.json(content_type=None)


def _when(event: dict[str, Any]) -> int:
    """Nanoseconds since the epoch; podman gives some without the nanoseconds. 0 where neither is there."""
    nanoseconds, seconds = event.get("timeNano"), event.get("time")
    return nanoseconds if isinstance(nanoseconds, int) else seconds * 1_000_000_000 if isinstance(seconds, int) else 0


async def _json_lines(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, Any]]:
    """Objects as they come, a line each. Nothing for a while is no news, but the connection may be dead: it is made anew."""
    rest = b""
    async for data in answer.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            found = json.loads(line) if line.strip() else None
            if isinstance(found, dict):
                yield found


async def _frames(answer: aiohttp.ClientResponse) -> AsyncIterator[list[tuple[int, bytes]]]:
    frames = containerlog.Frames()
    async for data in answer.content.iter_any():
        if found := frames.feed(data):
            yield found


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[list[tuple[int, bytes]]]:
    """With a terminal there are no frames, and one stream. What has no newline at the end of the connection is given too."""
    rest = b""
    async for data in answer.content.iter_any():
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            yield [(1, line + b"\n") for line in lines]
    if rest:
        yield [(1, rest)]
