"""
The portal's server: finds a port on loopback, says in the home where it is, and puts the parts together.

An agent works without it: where no port can be had, that is said in `status` and the agent goes on.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import os
import socket
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from aiohttp import web

from outrider_agent import layout, probes
from outrider_agent.portal import api, asking, assets, door, faults, files, folders, live, pages, several, tabular

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outrider_agent import protocols
    from outrider_agent.store import browsing, watch

log = structlog.get_logger(part="portal")

ADDRESS = "127.0.0.1"
#: So many ports from the one that is set are tried; then any.
TRIED = 50
THREADS = 3
_SHUTDOWN_S = 0.5
_BACKLOG = 128
#: A comparison names a hundred runs in its address, and an id may have 256 characters.
ADDRESS_BYTES = 32 << 10


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What it serves."""

    layout: layout.Layout
    store: browsing.Browser
    changes: watch.Changes
    blobs: protocols.Blobs
    agent: asking.Asked
    version: str
    enabled: bool
    port: int
    address: str = ADDRESS
    token_file: str = ""
    #: A listening socket that the service manager handed in: it is served instead of one of our own.
    handed_in: socket.socket | None = None


class Portal:
    """Serves from `start` to `close`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, "portal")
        self.port: int | None = None
        self.error: str | None = None

    def describe(self) -> dict[str, Any]:
        """For `status`."""
        return {"url": None if self.port is None else f"http://{ADDRESS}:{self.port}/", "error": self.error}

    async def start(self) -> None:
        """Listens, where it may and can. Never raises for want of a port or a disk."""
        if not self._parts.enabled:
            return
        try:
            await self._start()
        except OSError as exc:
            await self._stop()
            self.port, self.error = (
                None,
                f"The portal could not be started: {exc}. Everything else goes on; restart the agent to try again.",
            )
            log.warning("portal_not_started", error=self.error)

    async def close(self) -> None:
        """Ends the streams, stops listening, closes the store's connections. Idempotent."""
        self._closing.set()
        await self._stop()
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._parts.store.close()
        self._parts.changes.close()

    async def _stop(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            with contextlib.suppress(OSError):
                self._remove_info()
            await runner.cleanup()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        token = await loop.run_in_executor(self._threads, self._token)
        static = await loop.run_in_executor(self._threads, assets.Assets)
        given = asking.Given(
            store=self._parts.store,
            changes=self._parts.changes,
            blobs=self._parts.blobs,
            agent=self._parts.agent,
            version=self._parts.version,
            threads=self._threads,
        )
        app = application(asking.Context(given=given, assets=static, closing=self._closing), door.Door(token, static))
        listening = self._parts.handed_in or listen(self._parts.port, self._parts.address)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_S, max_line_size=ADDRESS_BYTES)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        self._runner, self.port = runner, listening.getsockname()[1]
        await loop.run_in_executor(self._threads, self._write_info)
        log.info("portal_started", port=self.port, charts=static.is_whole)

    def _token(self) -> str:
        """The key: the one that is given, which `outrider ui` finds in the home then, else the home's own. Raises OSError."""
        own = self._parts.layout.portal_token
        return door.given_token(self._parts.token_file, own) if self._parts.token_file else door.read_token(own)

    def _write_info(self) -> None:
        """portal.json: where it is. The key is in a file of its own."""
        content = {"v": 1, "pid": os.getpid(), "address": ADDRESS, "port": self.port, "url": self.describe()["url"]}
        layout.write_atomically(self._parts.layout.portal, json.dumps(content).encode() + b"\n")

    def _remove_info(self) -> None:
        """Only where it is this one's: it may be a successor's."""
        with contextlib.suppress(ValueError):
            if json.loads(self._parts.layout.portal.read_text()).get("pid") == os.getpid():
                self._parts.layout.portal.unlink()


def listen(port: int, address: str = ADDRESS) -> socket.socket:
    """A listening socket at that port of the address, else at one of the next, else at any. Raises OSError when there is none at all."""
    last: OSError | None = None
    for candidate in (*range(port, min(port + TRIED, 65536)), 0) if port else (0,):
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address, candidate))
            server.listen(_BACKLOG)
            server.setblocking(False)
        except OSError as exc:
            server.close()
            last = exc
        else:
            return server
    raise last or OSError("no port")


def application(context: asking.Context, guard: door.Door, more: Iterable[web.RouteDef] = ()) -> web.Application:
    """The routes behind the door; `more`: those that only some applications have."""
    routes, shown = api.Routes(context), pages.Pages(context)
    streams, content = live.Streams(context), files.Files(context)

    @web.middleware
    async def touch(request: web.Request, handler: door.Handler) -> web.StreamResponse:
        if not probes.is_probe(request.path):  # whoever watches keeps no agent awake
            context.given.agent.touched()
        return await handler(request)

    app = web.Application(
        middlewares=[guard.check, faults.answer_bugs, touch, shown.answer_errors, api.answer_errors], client_max_size=1 << 20
    )
    app.on_response_prepare.append(guard.sign)
    app.add_routes(probes.routes(context.given.agent))
    app.add_routes(routes.table())
    app.add_routes(shown.table())
    app.add_routes(tabular.Tables(context).table())
    app.add_routes(several.Routes(context).table())
    app.add_routes(more)
    app.add_routes(
        [
            web.get("/static/{hash}/{name:.+}", context.assets.serve),
            web.get("/api/v1/events", streams.all),
            web.get("/api/v1/runs/{run}/events", streams.run),
            web.get("/api/v1/runs/{run}/content", content.content),
            web.get("/api/v1/runs/{run}/sheet", content.sheet),
            web.get("/api/v1/runs/{run}/files.zip", folders.Folders(context).zip),
            web.get("/api/v1/runs/{run}/console.txt", content.console),
            web.get("/api/v1/runs/{run}/snapshots/{id}", content.snapshot),
        ]
    )
    return app
