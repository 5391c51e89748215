"""
Server-sent events: what comes of a run, as it is committed; and that something came at all, for the lists.

A stream looks at the store's counter ten times a second and reads only when it moved. What one look hands out is bounded, so a run that
writes faster than a browser reads is shown by its end. It ends when the reader goes or the portal closes; `id` is where to go on from.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from typing import TYPE_CHECKING, Protocol

import msgspec
from aiohttp import web

from outrider_agent import errors
from outrider_agent.cli import weaving
from outrider_agent.portal import asking, shapes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from outrider_agent.store import browsing, records

#: Of a log that grows faster than it is read, woven: so many of its last lines.
LINES = 1_000
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

    def reach(self, since: browsing.Since) -> None:
        """As far as that goes."""
        self.log = since.logs[-1].key if since.logs else self.log
        self.console = since.console[-1].key if since.console else self.console


def cursor(text: str) -> Cursor:
    """`since`, or Last-Event-ID. Raises `Wrong`."""
    found = _CURSOR.fullmatch(text or "0.0")
    if found is None:
        raise asking.Wrong(f"since={text} is no cursor; take the id of the last event.")
    return Cursor(log=int(found[1]), console=int(found[2]))


class Log(Protocol):
    """How a stream tells a run's log."""

    def told(self, since: browsing.Since, at: Cursor) -> tuple[str, object]:
        """What came: the event's name and its data. Moves the cursor."""
        ...


class Raw:
    """Records and chunks, as the store has them."""

    def told(self, since: browsing.Since, at: Cursor) -> tuple[str, object]:
        """The event `log`."""
        logs, chunks = [shapes.log(one) for one in since.logs], [shapes.chunk(one) for one in since.console]
        at.reach(since)
        return "log", {"logs": logs, "console": chunks, "skipped": since.skipped}


class Woven:
    """Lines by time, each record's own print marked, as `outrider logs` tells them."""

    def __init__(self, store: browsing.Browser, run: str, attempt: int | None) -> None:
        self._weaving = weaving.Weaving(store, run, attempt)
        self._is_begun = False

    def told(self, since: browsing.Since, at: Cursor) -> tuple[str, object]:
        """The event `lines`."""
        is_begun, self._is_begun = self._is_begun, True
        if since.skipped:
            found = self._weaving.end(LINES)
            at.log, at.console = found.logs, found.console
            return "lines", {"first": None} | shapes.ending(found) | {"skipped": True}
        if not is_begun:
            self._weaving.go_on(at.log, at.console)
        at.reach(since)
        return "lines", shapes.change(self._weaving.add(since.logs, since.console)) | {"skipped": False}


class Streams:
    """Serves them."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context

    async def run(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/runs/{run}/events?since=&lines=&attempt=."""
        run, query = request.match_info["run"], request.query
        at = cursor(request.headers.get("Last-Event-ID") or query.get("since", ""))
        attempt = asking.whole_number(query, "attempt", None, least=1)
        is_woven = asking.choice(query, "lines", ("0", "1"), "0") == "1"
        await self._context.read(self._context.store.run, run)  # raises NotFound
        log: Log = Woven(self._context.store, run, attempt) if is_woven else Raw()
        stream = await _open(request)
        async for _ in self._changes(stream):
            try:
                told = await self._context.read(self._look, run, attempt, at, log)
            except errors.NotFound:
                await stream.write(event("deleted", {}, at))
                break
            except errors.Unavailable:
                continue
            if told:
                await stream.write(told)
        return stream

    def _look(self, run: str, attempt: int | None, at: Cursor, log: Log) -> bytes:
        return _told(self._context.store.since(run, at.log, at.console, at.counts, attempt), at, log)

    async def all(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/events: `changed` whenever something was committed."""
        stream = await _open(request)
        with contextlib.suppress(ConnectionResetError):  # the page has gone
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


def _told(since: browsing.Since, at: Cursor, log: Log) -> bytes:
    """The events of one look; moves the cursor."""
    told: list[tuple[str, object]] = []
    if at.run != since.run:
        told.append(("run", shapes.whole(since.run, time.time_ns())))
    if since.logs or since.console:
        told.append(log.told(since, at))
    if since.series:
        told.append(("series", [_news(one) for one in since.series]))
    if at.versions != since.versions:
        told.append(("artifacts", {"versions": since.versions}))
    at.run, at.versions = since.run, since.versions
    at.counts = (at.counts or {}) | {one.key: one.series.count for one in since.series}
    return b"".join(event(name, document, at) for name, document in told)


def _news(one: browsing.News) -> dict[str, object]:
    new = None if one.points is None else shapes.points(one.points, one.first)
    return shapes.series(one.series) | {"new": new}
