"""
The routes that agents speak to (docs/server.md). They check what came, hand it on, and answer with the truth; nothing is decided here.

Whatever a client sends is bounded: a body's size and the time it may take, what it unpacks to, and how much of all is in memory at once.
Who may come in is the door's business.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from aiohttp import web

from outrider import spool
from outrider_agent import errors, model
from outrider_agent.core import wire
from outrider_agent.receive import budget

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Awaitable, Callable, Mapping

    from outrider_agent.blobs import parts
    from outrider_agent.receive import receiver

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

T = TypeVar("T")
#: What all senders together may have in memory here.
IN_HAND_BYTES = 256 << 20
#: What is smaller is unpacked and checked at once, not in a thread.
SMALL_BYTES = 32 << 10


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may send."""

    max_body_bytes: int
    body_timeout_s: float


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What the routes work with. `about(run, attempt)` blocks on the disk, as do the uploads."""

    receiver: receiver.Receiver
    uploads: parts.Uploads
    about: Callable[[str, int | None], wire.Known]
    threads: concurrent.futures.Executor
    version: str
    limits: Limits


class TooLarge(Exception):
    """A body is larger than the server takes."""


class TooSlow(Exception):
    """A body did not come in time."""


class Streams(msgspec.Struct, kw_only=True):
    """Body of POST /streams."""

    streams: list[tuple[str, str]]


class Hashes(msgspec.Struct, kw_only=True):
    """Body of POST /blobs."""

    sha256: list[str]


class Routes:
    """One method a route."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self._budget = budget.Budget(IN_HAND_BYTES)

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        routes = [
            web.get(wire.ABOUT, self.about),
            web.post(wire.STREAMS, self.positions),
            web.get(f"{wire.STREAMS}/{{run}}", self.run),
            web.get(f"{wire.STREAMS}/{{run}}/{{writer}}", self.position),
            web.put(f"{wire.STREAMS}/{{run}}/{{writer}}", self.take),
            web.post(wire.BLOBS, self.blobs),
            web.get(f"{wire.BLOBS}/{{sha256}}", self.blob),
            web.put(f"{wire.BLOBS}/{{sha256}}", self.part),
        ]
        return [route.__class__(route.method, route.path, _answering(route.handler), route.kwargs) for route in routes]

    async def about(self, _request: web.Request) -> web.Response:
        """GET /server: that this is one, and what it takes."""
        limit = self._given.limits.max_body_bytes
        return _json({"v": wire.VERSION, "server": "outrider", "version": self._given.version, "max_body_bytes": limit})

    async def positions(self, request: web.Request) -> web.Response:
        """POST /streams: where these are committed."""
        asked = _decoded(await self._body(request, 4 << 20), Streams).streams
        if len(asked) > wire.MOST_NAMED:
            raise wire.Malformed(f"{len(asked)} streams at once; {wire.MOST_NAMED} are the most.")
        names = [_stream(*one) for one in asked]
        found = await self._in_thread(self._given.receiver.positions, names)
        return _json({"positions": [found[name] for name in names]})

    async def position(self, request: web.Request) -> web.Response:
        """GET /streams/{run}/{writer}."""
        name = _stream(request.match_info["run"], request.match_info["writer"])
        found = await self._in_thread(self._given.receiver.positions, [name])
        return _place(found[name])

    async def run(self, request: web.Request) -> web.Response:
        """GET /streams/{run}?attempt=: what is known of it."""
        run, attempt = request.match_info["run"], request.query.get("attempt", "")
        if not spool.valid_name(run) or not (attempt == "" or (attempt.isdecimal() and len(attempt) < 10)):
            raise wire.Malformed("That is no run, or no attempt of one.")
        return _json(await self._in_thread(self._given.about, run, int(attempt) if attempt else None))

    async def take(self, request: web.Request) -> web.Response:
        """PUT /streams/{run}/{writer}?from=&to=: commits a slice; 409 with the truth where it does not begin there."""
        name, said = _stream(request.match_info["run"], request.match_info["writer"]), wire.parse(request.query)
        most = min(wire.SHORT_BYTES, self._given.limits.max_body_bytes) if said.is_short else said.length
        if most > self._given.limits.max_body_bytes:
            raise TooLarge(f"{most} bytes at once; this server takes {self._given.limits.max_body_bytes}. Send smaller slices.")
        with self._budget.share(request.get("who", ""), most):
            data = await self._unpacked(request, most)
            waits = self._given.receiver.offer(said.slice(name, data), said.reason)
            answer = await asyncio.wrap_future(waits)
        return _place(answer.position, status=200 if answer.taken else 409)

    async def blobs(self, request: web.Request) -> web.Response:
        """POST /blobs: which of these are here, whole."""
        asked = _decoded(await self._body(request, 4 << 20), Hashes).sha256
        if len(asked) > wire.MOST_NAMED:
            raise wire.Malformed(f"{len(asked)} blobs at once; {wire.MOST_NAMED} are the most.")
        held = self._given.uploads.held
        return _json({"whole": await self._in_thread(lambda: [held(sha).whole for sha in asked])})

    async def blob(self, request: web.Request) -> web.Response:
        """GET /blobs/{sha256}: how much of it is here."""
        return _held(await self._in_thread(self._given.uploads.held, request.match_info["sha256"]))

    async def part(self, request: web.Request) -> web.Response:
        """PUT /blobs/{sha256}?offset=&size=: the next part; 409 with the truth where it does not begin there."""
        offset, size = (_number(request.query, key) for key in ("offset", "size"))
        announced = min(request.content_length or self._given.limits.max_body_bytes, self._given.limits.max_body_bytes)
        with self._budget.share(request.get("who", ""), announced):
            data = await self._body(request, self._given.limits.max_body_bytes)
            given, is_whole = request.headers.get(wire.PART_SHA256, ""), await self._in_thread(hashlib.sha256, data)
            if given.lower() != is_whole.hexdigest():
                raise wire.Malformed("The part is not what its hash says: it was damaged on its way and not kept; send it again.")
            held = await self._in_thread(self._given.uploads.append, request.match_info["sha256"], offset, data, size)
        return _held(held, status=200 if held.whole or held.offset == offset + len(data) else 409)

    async def _unpacked(self, request: web.Request, most: int) -> bytes:
        encoding = request.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", "gzip"):
            raise wire.Malformed(f"Content-Encoding {encoding[:40]} is none of identity, gzip.")
        # What cannot be packed grows a little.
        data = await self._body(request, most + most // 1000 + 64 if encoding == "gzip" else most)
        if encoding == "identity":
            return data
        return wire.unpacked(data, most) if len(data) < SMALL_BYTES else await self._in_thread(wire.unpacked, data, most)

    async def _body(self, request: web.Request, most: int) -> bytes:
        """The body, read to its end in the time that it has."""
        if (request.content_length or 0) > most:
            raise TooLarge(f"A body of {request.content_length} bytes; {most} are the most here. Nothing of it was kept.")
        found: list[bytes] = []
        try:
            async with asyncio.timeout(self._given.limits.body_timeout_s):
                async for chunk in request.content.iter_any():
                    found.append(chunk)
                    if (most := most - len(chunk)) < 0:
                        raise TooLarge("The body is larger than was announced, or than this server takes. Nothing of it was kept.")
        except TimeoutError:
            raise TooSlow(f"The body did not come within {self._given.limits.body_timeout_s:g} s. Nothing of it was kept.") from None
        return b"".join(found)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._given.threads, work, *arguments)


def _answering(handler: Any) -> Handler:
    """Every error is one JSON sentence, and says by its status what to do about it."""

    async def answering(request: web.Request) -> web.StreamResponse:
        try:
            response: web.StreamResponse = await handler(request)
        except wire.Malformed as exc:
            return _json({"error": str(exc)}, status=400)
        except errors.NotFound as exc:
            return _json({"error": str(exc)}, status=404)
        except TooSlow as exc:
            return _json({"error": str(exc)}, status=408, headers={"Connection": "close"})
        except TooLarge as exc:
            return _json({"error": str(exc)}, status=413)
        except errors.Rejected as exc:
            return _json({"error": str(exc)}, status=422)
        except (errors.Unavailable, errors.Fenced) as exc:
            wait = getattr(exc, "retry_after_s", 0.0) or 2.0
            status = 429 if isinstance(exc, budget.Greedy) else 503
            return _json({"error": str(exc)}, status=status, headers={wire.RETRY_AFTER: f"{wait:.0f}"})
        except errors.StoreError as exc:
            return _json({"error": str(exc)}, status=500)
        return response

    return answering


def _stream(run: str, writer: str) -> model.StreamId:
    if not spool.valid_name(run) or not spool.valid_name(writer) or len(writer) > 128:
        raise wire.Malformed("The names of a run and a writer match [A-Za-z0-9][A-Za-z0-9_.-]*, at most 256 and 128 characters.")
    return model.StreamId(run, writer)


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise wire.Malformed(f"{name}={text[:40]} is no number of bytes.")
    return int(text)


def _decoded(data: bytes, form: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise wire.Malformed(f"The request cannot be read: {exc}.") from exc


def _place(position: model.Position, status: int = 200) -> web.Response:
    return _json({"segment": position.segment, "offset": position.offset}, status=status)


def _held(held: parts.Held, status: int = 200) -> web.Response:
    return _json({"offset": held.offset, "whole": held.whole}, status=status)


def _json(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type="application/json", headers=headers)
