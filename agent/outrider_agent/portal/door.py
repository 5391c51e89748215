"""
Who may come in, and what a browser may do with what it gets. docs/api.md says it for users.

Loopback is shared by all users of a machine, and a browser carries requests of every page it shows. So: a key in a 0600 file of the home;
the URL's key is exchanged for a cookie; a Host that is not loopback is refused (DNS rebinding); a request that another site's page makes is
refused; what a cookie allows to change needs our own Origin. Nothing here knows a route's meaning.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import pathlib
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from outrider_agent import layout, probes
from outrider_agent.portal import markup

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

    from outrider_agent.portal import assets

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: The names under which loopback is reached; any port, so that a port may be forwarded by ssh.
_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")
#: Who is at the other end of these requests does not matter: they show nothing and change nothing.
_OPEN = ("/static/",)
_READS = frozenset({"GET", "HEAD"})

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def policy(inline: Iterable[str]) -> str:
    """The pages' Content-Security-Policy: nothing from elsewhere, no script within a page but these, which we name by their hashes."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in inline)
    return (
        f"default-src 'self'; script-src 'self' {hashes}; img-src 'self' data:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )


def read_token(path: Path) -> str:
    """The key of a home, made when there is none. Raises OSError."""
    try:
        kept = path.read_text().strip()
        if _TOKEN.fullmatch(kept):
            if path.stat().st_mode & 0o077:
                path.chmod(0o600)
            return kept
    except (FileNotFoundError, UnicodeDecodeError):
        pass
    token = secrets.token_urlsafe(32)
    layout.write_atomically(path, token.encode() + b"\n")
    return token


def given_token(source: str, home: Path) -> str:
    """The key that somebody put into a file (a secret of a container), kept in the home too. Raises OSError, where it is none as well."""
    token = pathlib.Path(source).read_text().strip()
    if not _TOKEN.fullmatch(token):
        raise OSError(
            f"{source} (portal.token_file) holds no key: 32 to 128 of A-Z a-z 0-9 - _ are one, as `openssl rand -hex 32` prints it"
        )
    if not home.exists() or home.read_text().strip() != token:
        layout.write_atomically(home, token.encode() + b"\n")
    return token


class Door:
    """Checks every request. `open`: the paths that need no key."""

    open: tuple[str, ...] = _OPEN

    def __init__(self, token: str, static: assets.Assets) -> None:
        self._token = token.encode()
        # Cookies are shared by all ports of a host: each key has a name of its own, and the cookie is not the key itself.
        self._pass = hmac.new(self._token, b"cookie", hashlib.sha256).hexdigest()
        self.cookie = f"outrider-{hashlib.sha256(self._token).hexdigest()[:12]}"
        self._policy = policy(static.inline)
        self._style = static.url("app.css")

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers itself, or hands on."""
        if self.is_for_all(request.path) and request.method in _READS:
            return await handler(request)  # it tells counts and sizes, and is asked under whatever name a machine has for this one
        if not self.is_served(request):
            return self._refused(request, 421, "This is not an address of Outrider's portal.", "Open it by 127.0.0.1 or localhost.")
        if _is_foreign(request):
            return self._refused(request, 403, "Another site's page asked for this.", "Nothing was changed. Open the page itself.")
        if request.path.startswith(self.open):
            return await handler(request)
        if request.method in _READS and "token" in request.query:
            return self._exchange(request)
        how = await self.admitted(request)
        if how is None:
            return _bounce(str(request.rel_url)) if _came_from_elsewhere(request) else self.unknown(request)
        if request.method not in _READS and not _is_own(request, how):
            return self._refused(request, 403, "This request does not come from the portal's own page.", "Nothing was changed.")
        return await handler(request)

    async def sign(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Every answer has its headers; a handler's own ones stand."""
        for name, value in {**HEADERS, "Content-Security-Policy": self._policy, "Cache-Control": "no-store"}.items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "outrider"

    def is_for_all(self, path: str) -> bool:
        """May anybody who reaches the port read it?"""
        return probes.is_probe(path)

    def is_served(self, request: web.Request) -> bool:
        """Is it loopback that was asked for?"""
        return _HOST.fullmatch(request.headers.get("Host", "")) is not None

    async def admitted(self, request: web.Request) -> str | None:
        """By what: `bearer` or `cookie`."""
        if _is(bearer(request), self._token):
            return "bearer"
        if _is(request.cookies.get(self.cookie, ""), self._pass.encode()):
            return "cookie"
        return None

    def unknown(self, request: web.Request) -> web.Response:
        """401, and what to type."""
        return self._refused(request, 401, "This page needs its key.", "On the machine where Outrider runs, type:", command="outrider ui")

    def _refused(self, request: web.Request, status: int, *told: str, command: str = "", form: markup.Safe | None = None) -> web.Response:
        return refusal(request, status, *told, command=command, style=self._style, form=form)

    def _exchange(self, request: web.Request) -> web.StreamResponse:
        """A right key in the URL becomes a cookie, and leaves the URL; a wrong one is as good as none."""
        if not _is(request.query["token"], self._token):
            return self.unknown(request)
        rest = urlencode([pair for pair in parse_qsl(request.query_string, keep_blank_values=True) if pair[0] != "token"])
        clean = "/" + request.rel_url.raw_path.lstrip("/") + (f"?{rest}" if rest else "")
        # A redirect counts as the other site's navigation, and would not carry a Strict cookie.
        elsewhere = _came_from_elsewhere(request)
        response = _bounce(clean) if elsewhere else web.Response(status=303, headers={"Location": clean})
        admit(request, response, self.cookie, self._pass)
        return response


def admit(request: web.Request, response: web.Response, name: str, value: str) -> None:
    """Gives the browser a cookie that no script and no other site's page can use."""
    response.set_cookie(name, value, httponly=True, samesite="Strict", secure=scheme(request) == "https", path="/")


def bearer(request: web.Request) -> str:
    """The key in the request's header; empty where there is none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" else ""


def _is(given: str, secret: bytes) -> bool:
    """Compares in a time that tells nothing; what a header holds may be no UTF-8."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret)


def _is_foreign(request: web.Request) -> bool:
    """Did a page of another site (or another port of this host) make this request? Following a link to us is fine."""
    site = request.headers.get("Sec-Fetch-Site", "")
    is_link = request.method in _READS and request.headers.get("Sec-Fetch-Mode") == "navigate" and _is_top(request)
    return site in ("cross-site", "same-site") and not is_link


def _is_top(request: web.Request) -> bool:
    return request.headers.get("Sec-Fetch-Dest") == "document"


def _came_from_elsewhere(request: web.Request) -> bool:
    return request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def _is_own(request: web.Request, how: str) -> bool:
    """A cookie comes along whoever makes the request: then the page's origin must be ours. A key in a header is only sent on purpose."""
    origin = request.headers.get("Origin")
    if origin is None:
        return how == "bearer"
    return origin.lower() == f"{scheme(request)}://{request.headers.get('Host', '').lower()}"


def scheme(request: web.Request) -> str:
    """How the browser came here: what stands before us, to end TLS, says so."""
    return "https" if request.headers.get("X-Forwarded-Proto", "").lower() == "https" else "http"


def _bounce(to: str) -> web.Response:
    """A page of ours that goes on to `to`: the next request is then our own, and carries the cookie."""
    page = markup.tag("meta", charset="utf-8") + markup.tag("meta", http_equiv="refresh", content=f"0; url={to}")
    return web.Response(text=f"<!doctype html>{page}<title>Outrider</title>", content_type="text/html", charset="utf-8")


def wants_json(request: web.Request) -> bool:
    """Is a program asking?"""
    return request.path.startswith("/api/")


def refusal(
    request: web.Request, status: int, *told: str, command: str = "", style: str = "", form: markup.Safe | None = None
) -> web.Response:
    """A refusal, for a program or for people."""
    if wants_json(request):
        return web.json_response({"error": " ".join(part for part in (*told, command) if part)}, status=status)
    tag = markup.tag
    shown = [tag("pre", tag("code", command)), tag("p", "It prints an address that opens this portal.")] if command else []
    body = tag("main", tag("div", tag("h1", told[0]), *[tag("p", part) for part in told[1:]], *shown, form, class_="empty"))
    head = tag("meta", charset="utf-8") + tag("meta", name="viewport", content="width=device-width, initial-scale=1")
    sheet = tag("link", rel="stylesheet", href=style)
    return web.Response(
        text=f"<!doctype html><html lang=en>{head}<title>Outrider</title>{sheet}{body}</html>",
        status=status,
        content_type="text/html",
        charset="utf-8",
    )
