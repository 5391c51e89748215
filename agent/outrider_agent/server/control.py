"""
The control server: HTTP with JSON over a unix socket that only its user can reach. Routes and their forms, nothing else.

What a route does is in `Operations`, which `main` passes in; nothing here reads the spool, the store or a setting.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
import structlog
from aiohttp import web

from outrider import spool
from outrider_agent import errors, model, probes
from outrider_agent.server import peers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
log = structlog.get_logger(part="control")

#: So long may a request wait at most, whatever it asks for.
LONGEST_WAIT_S = 24 * 3600.0
_SHUTDOWN_S = 1.0
_FOLDER = web.AppKey("folder", Path)

T = TypeVar("T")


class Operations(Protocol):
    """What can be asked of an agent. Errors: `NotFound`, `Ambiguous`, `Unavailable`, and TimeoutError where a deadline is given."""

    def touched(self) -> None:
        """A request came."""

    def health(self) -> dict[str, Any]:
        """Is there progress? `ok`, and the reason where not."""
        ...

    def probe(self) -> Mapping[str, bool]:
        """The answers of /healthz."""
        ...

    async def status(self) -> dict[str, Any]:
        """The status document."""
        ...

    async def flush(self, run: str | None, upto: Mapping[str, model.Position], timeout_s: float) -> dict[str, Any]:
        """Waits until everything that is complete now (or up to `upto`) is committed: `done`, and what is `pending` where not."""
        ...

    async def history(self, question: model.Question) -> bytes:
        """What a script asks of the past, as JSON, after committing what is there now."""
        ...

    async def cancel(self, run: str, by: str | None) -> dict[str, Any]:
        """Asks for the run to be canceled."""
        ...

    async def delete(self, run: str) -> dict[str, Any]:
        """Deletes the run."""
        ...

    def stop(self) -> None:
        """Ends the agent in order."""


class FlushRequest(msgspec.Struct, kw_only=True):
    """Body of POST /flush."""

    run: str | None = None
    timeout: float = 30.0
    upto: dict[str, tuple[int, int]] = {}


class CancelRequest(msgspec.Struct, kw_only=True):
    """Body of POST /runs/{id}/cancel."""

    by: str | None = None


class Server:
    """Serves `operations` at a socket's path until it is closed."""

    def __init__(self, operations: Operations, path: Path) -> None:
        self.path = path
        self._operations = operations
        self._runner: web.AppRunner | None = None
        self._identity: tuple[int, int] | None = None

    async def start(self) -> None:
        """Listens. Raises OSError."""
        listening = peers.listen(self.path)
        self._identity = peers.identity(self.path)
        self._runner = web.AppRunner(
            application(self._operations, self.path.parent), access_log=None, handle_signals=False, shutdown_timeout=_SHUTDOWN_S
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def close(self) -> None:
        """Stops listening, and removes the socket's file where it is still this one. Idempotent."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        if self._identity is not None and peers.identity(self.path) == self._identity:
            self.path.unlink(missing_ok=True)
        await runner.cleanup()


def application(operations: Operations, folder: Path) -> web.Application:
    """The routes, for a socket in that folder."""
    routes = Routes(operations)
    app = web.Application(middlewares=[_answer_errors, _only_its_user], client_max_size=16 << 20)
    app[_FOLDER] = folder
    app.add_routes(probes.routes(operations))
    app.add_routes(
        [
            web.get("/health", routes.health),
            web.get("/status", routes.status),
            web.post("/flush", routes.flush),
            web.post("/history", routes.history),
            web.post("/runs/{run}/cancel", routes.cancel),
            web.post("/runs/{run}/delete", routes.delete),
            web.post("/stop", routes.stop),
        ]
    )
    return app


class Routes:
    """One method a route."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def health(self, _request: web.Request) -> web.Response:
        """GET /health: 200, or 503 with the reason when nothing moves. Does not count as use: whoever watches keeps no agent awake."""
        health = self._operations.health()
        return _json(health, status=200 if health["ok"] else 503)

    async def status(self, _request: web.Request) -> web.Response:
        """GET /status."""
        self._operations.touched()
        return _json(await self._operations.status())

    async def flush(self, request: web.Request) -> web.Response:
        """POST /flush."""
        self._operations.touched()
        body = await _body(request, FlushRequest)
        return _json(await self._operations.flush(body.run, _positions(body.upto), _wait(body.timeout)))

    async def history(self, request: web.Request) -> web.Response:
        """POST /history."""
        self._operations.touched()
        question = await _body(request, model.Question)
        answer = await self._operations.history(msgspec.structs.replace(question, timeout=_wait(question.timeout)))
        return web.Response(body=answer, content_type="application/json")

    async def cancel(self, request: web.Request) -> web.Response:
        """POST /runs/{run}/cancel."""
        self._operations.touched()
        body = await _body(request, CancelRequest)
        return _json(await self._operations.cancel(request.match_info["run"], body.by))

    async def delete(self, request: web.Request) -> web.Response:
        """POST /runs/{run}/delete."""
        self._operations.touched()
        return _json(await self._operations.delete(request.match_info["run"]))

    async def stop(self, _request: web.Request) -> web.Response:
        """POST /stop: answered before it happens."""
        asyncio.get_running_loop().call_soon(self._operations.stop)
        return _json({"stopping": True})


def _positions(upto: Mapping[str, tuple[int, int]]) -> dict[str, model.Position]:
    return {writer: model.Position(*position) for writer, position in upto.items()}


def _wait(timeout_s: float) -> float:
    return min(max(timeout_s, 0.0), LONGEST_WAIT_S)


async def _body(request: web.Request, form: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _UnreadableError(f"The request cannot be read: {exc}.") from exc


def _json(document: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type="application/json")


class _UnreadableError(Exception):
    """The body is not what the route takes."""


@web.middleware
async def _answer_errors(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """Every answer is JSON, the errors too."""
    try:
        return await handler(request)
    except _UnreadableError as exc:
        return _json({"error": str(exc)}, status=400)
    except errors.Ambiguous as exc:
        return _json({"error": str(exc)}, status=409)
    except errors.NotFound as exc:
        return _json({"error": str(exc)}, status=404)
    except errors.OutriderError as exc:
        return _json({"error": str(exc)}, status=503)
    except TimeoutError as exc:
        return _json({"error": str(exc) or "The agent did not get that far in the time given; nothing is lost. Ask again."}, status=504)
    except web.HTTPException as exc:
        return _json({"error": f"{exc.status} {exc.reason}: {request.method} {request.path}"}, status=exc.status)


@web.middleware
async def _only_its_user(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """The file's mode keeps others out, the kernel's word on who is there is a second lock; who shares the home may ask."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    uid = peers.uid_of(connection) if connection is not None else None
    is_shared = spool.is_shared(request.config_dict[_FOLDER])
    if not peers.is_welcome(uid) and not (is_shared and peers.may_ask(request.method, request.path)):
        log.warning("stranger_refused", uid=uid)
        return _json({"error": "This agent serves another user."}, status=403)
    return await handler(request)
