"""
Server-sent events: what comes of a run, as it is committed; and that something came at all, for the lists.

A stream looks at the store's counter ten times a second and reads only when it moved. What one look hands out is bounded, so a run that
writes faster than a browser reads is shown by its end. It ends when the reader goes or the portal closes; `id` is where to go on from.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from outrider_agent import errors
from outrider_agent.portal import asking, shapes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from outrider_agent.store import browsing, records

#: Between two looks at the store's counter, and between two answers.
LOOK_S = 0.1
BEAT_S = 10.0
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no"}

_CURSOR = re.compile(r"(\d{1,18})\.(\d{1,18})")


class Cursor(msgspec.Struct):
    """How far a reader has come in a run: keys of its log, and how many points of each series (None: not told of any yet)."""

    log: int = 0
    console: int = 0
    counts: dict[int, int] | None = None
    versions: int | None = None
    run: records.Run | None = None

    def __str__(self) -> str:
        return f"{self.log}.{self.console}"


def cursor(text: str) -> Cursor:
    """`since`, or Last-Event-ID. Raises `Wrong`."""
    found = _CURSOR.fullmatch(text or "0.0")
    if found is None:
        raise asking.Wrong(f"since={text} is no cursor; take the id of the last event.")
    return Cursor(log=int(found[1]), console=int(found[2]))


class Streams:
    """Serves them."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context

    async def run(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/runs/{run}/events?since=."""
        run = request.match_info["run"]
        at = cursor(request.headers.get("Last-Event-ID") or request.query.get("since", ""))
        await self._context.read(self._context.store.run, run)  # raises NotFound
        stream = await _open(request)
        async for _ in self._changes(stream):
            try:
                since = await self._context.read(self._context.store.since, run, at.log, at.console, at.counts)
            except errors.NotFound:
                await stream.write(event("deleted", {}, at))
                break
            except errors.Unavailable:
                continue
            if told := _told(since, at):
                await stream.write(told)
        return stream

    async def all(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/events: `changed` whenever something was committed."""
        stream = await _open(request)
        async for version in self._changes(stream):
            await stream.write(f"event: changed\ndata: {version}\n\n".encode())
        return stream

    async def _changes(self, stream: web.StreamResponse) -> AsyncIterator[int]:
        """At once, and after each change; a sign of life in between."""
        context, seen, beaten = self._context, -1, time.monotonic()
        while not context.closing.is_set():
            version = await context.read(context.given.changes.version)
            if version != seen:
                seen = version
                yield version
            elif time.monotonic() - beaten > BEAT_S:
                beaten = time.monotonic()
                context.given.agent.touched()
                await stream.write(b": still here\n\n")
            try:
                async with asyncio.timeout(LOOK_S):
                    await context.closing.wait()
            except TimeoutError:
                continue


async def _open(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers=HEADERS)
    await stream.prepare(request)
    await stream.write(b"retry: 1000\n\n")
    return stream


def event(name: str, document: object, at: Cursor) -> bytes:
    """One event. JSON has no line breaks, so it is one line."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (str(at).encode(), name.encode(), shapes.encoded(document))


def _told(since: browsing.Since, at: Cursor) -> bytes:
    """The events of one look; moves the cursor."""
    told: list[tuple[str, object]] = []
    if at.run != since.run:
        told.append(("run", shapes.whole(since.run, time.time_ns())))
    if since.logs or since.console:
        logs, chunks = [shapes.log(one) for one in since.logs], [shapes.chunk(one) for one in since.console]
        told.append(("log", {"logs": logs, "console": chunks, "skipped": since.skipped}))
    if since.series:
        told.append(("series", [_news(one) for one in since.series]))
    if at.versions != since.versions:
        told.append(("artifacts", {"versions": since.versions}))
    at.run, at.versions = since.run, since.versions
    at.log = since.logs[-1].key if since.logs else at.log
    at.console = since.console[-1].key if since.console else at.console
    at.counts = (at.counts or {}) | {one.key: one.series.count for one in since.series}
    return b"".join(event(name, document, at) for name, document in told)


def _news(one: browsing.News) -> dict[str, object]:
    new = None if one.points is None else shapes.points(one.points, one.first)
    return shapes.series(one.series) | {"new": new}
