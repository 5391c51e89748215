"""
The door of a server: people sign in with a token, agents send one with each request. docs/server.md says it for users.

Beside the home's own key (`door`), which `outrider ui` uses on the server's machine, the store's tokens count, each for what it was made
for.
A cookie names the token it stands for and is signed with the home's key, so that it ends with its token and no copy of the store makes one.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import structlog
from aiohttp import web

from outrider_agent import probes
from outrider_agent.portal import door, markup
from outrider_agent.store import tokens

if TYPE_CHECKING:
    import concurrent.futures

    from outrider_agent.portal import assets

log = structlog.get_logger(part="door")

SIGN_IN = "/sign-in"
COOKIE = "outrider-session"
#: A sign-in form is no longer than this.
_FORM_BYTES = 4096


class Gate(door.Door):
    """Checks every request to a server. `shipping`: what the paths of agents begin with; `is_open`: they may come without a token.

    `is_near`: only this machine reaches the port.
    """

    open = (*door.Door.open, SIGN_IN)

    def __init__(
        self,
        key: str,
        static: assets.Assets,
        keeper: tokens.Keeper,
        reader: concurrent.futures.Executor,
        *,
        shipping: tuple[str, ...],
        is_open: bool,
        is_near: bool,
    ) -> None:
        super().__init__(key, static)
        self._key = key.encode()
        self._keeper, self._reader = keeper, reader
        self._shipping, self._is_open, self._is_near = shipping, is_open, is_near

    def table(self) -> list[web.RouteDef]:
        """Its own routes."""
        return [web.get(SIGN_IN, self.form), web.post(SIGN_IN, self.sign_in)]

    def is_for_all(self, path: str) -> bool:
        """The figures of a server are for those that may read it, wherever others reach it; its health is for all."""
        return super().is_for_all(path) and (self._is_near or path != probes.METRICS)

    def is_served(self, request: web.Request) -> bool:
        """Whatever name it has, for only what the request brings opens it; where agents need no token, only as loopback."""
        return not self._is_open or super().is_served(request)

    async def admitted(self, request: web.Request) -> str | None:
        """By what: `bearer` or `cookie`. Raises 403 for a token that was made for something else."""
        by_key = await super().admitted(request)
        if by_key is not None:
            request["who"] = "key"
            return by_key
        how, token = "bearer", None
        is_ship = request.path.startswith(self._shipping)
        if given := door.bearer(request):
            token = await self._lookup(sha256=tokens.hashed(given))
        elif is_ship:
            return "bearer" if self._is_open else None
        else:
            how, token = "cookie", await self._by_cookie(request.cookies.get(COOKIE, ""))
        if token is None:
            if given:
                log.warning("token_refused", error="unknown, revoked or expired", address=request.remote)
            return None
        if not token.may("ship" if is_ship else "read"):
            sentence = f"The token {token.name} was made for something else ({token.scope}). Nothing was changed."
            raise web.HTTPForbidden(text=json.dumps({"error": sentence}), content_type="application/json")
        request["who"] = token.name
        return how

    def unknown(self, request: web.Request) -> web.Response:
        """401: for people a form, for programs a sentence."""
        if door.wants_json(request):
            sentence = "The server knows no such token, or it was revoked, or it expired. On the server: outrider token create NAME"
            return web.json_response({"error": sentence}, status=401, headers={"WWW-Authenticate": "Bearer"})
        return self._form(request, 401, "Sign in", str(request.rel_url))

    async def form(self, request: web.Request) -> web.Response:
        """GET /sign-in."""
        return self._form(request, 200, "Sign in", request.query.get("next", "/"))

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """POST /sign-in: a right token becomes a cookie."""
        if (request.content_length or _FORM_BYTES + 1) > _FORM_BYTES:
            raise web.HTTPRequestEntityTooLarge(_FORM_BYTES, request.content_length or 0)
        given = await request.post()
        text, onward = str(given.get("token", "")).strip(), str(given.get("next", "/"))
        token = await self._lookup(sha256=tokens.hashed(text))
        if token is None or not token.may("read"):
            log.warning("sign_in_refused", error="unknown, revoked, expired, or not for people", address=request.remote)
            return self._form(request, 401, "That token opens nothing here", onward)
        response = web.Response(status=303, headers={"Location": inside(onward)})
        door.admit(request, response, COOKIE, f"{token.key}.{self._signed(token)}")
        return response

    async def _by_cookie(self, value: str) -> tokens.Token | None:
        key, _, signed = value.partition(".")
        if not key.isascii() or not key.isdecimal() or len(key) > 18:
            return None
        token = await self._lookup(key=int(key))
        if token is None or not hmac.compare_digest(signed.encode("utf-8", "surrogateescape"), self._signed(token).encode()):
            return None
        return token

    def _signed(self, token: tokens.Token) -> str:
        return hmac.new(self._key, f"session {token.key} {token.sha256}".encode(), hashlib.sha256).hexdigest()

    async def _lookup(self, sha256: str | None = None, key: int | None = None) -> tokens.Token | None:
        """The token that holds, of that hash or key; where it is not known, the keeper looks in its thread."""
        known = self._keeper.find_nowait(sha256, key)
        return known or await asyncio.get_running_loop().run_in_executor(self._reader, self._keeper.find, time.monotonic(), sha256, key)

    def _form(self, request: web.Request, status: int, title: str, onward: str) -> web.Response:
        tag = markup.tag
        field = tag(
            "input", type="password", name="token", autocomplete="current-password", required=True, autofocus=True, aria_label="Token"
        )
        going = tag("input", type="hidden", name="next", value=inside(onward))
        form = tag("form", going, field, " ", tag("button", "Sign in", type="submit"), method="post", action=SIGN_IN)
        told = "This server's pages need a token. Who runs the server makes one: outrider token create NAME"
        return self._refused(request, status, title, told, form=form)


def inside(path: str) -> str:
    """A path of this site, whatever was given; the first page where it is none."""
    return quote(path, safe="/?&=%.~_-+:,") if path.startswith("/") and not path.startswith(("//", "/\\", SIGN_IN)) else "/"
