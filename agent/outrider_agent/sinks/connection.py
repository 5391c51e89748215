"""
A connection to a server: a loop of its own in a thread of its own, so that a sink's thread may simply wait, and be interrupted.

Every way in which a request can fail becomes `Unavailable` with a sentence here: what is wrong, what it means for the data, what to do.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import ipaddress
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from outrider_agent import errors
from outrider_agent.core import wire

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

T = TypeVar("T")
_CONNECT_S = 10.0
_CLOSE_S = 3.0
#: A server may tell us to wait, but not for ever.
_LONGEST_WAIT_S = 60.0
_CONNECTIONS = 16
HELD = "Nothing is lost, the spool holds it; it is tried again by itself."


class Answer(NamedTuple):
    """What the server said."""

    status: int
    document: Any
    retry_after_s: float

    @property
    def sentence(self) -> str:
        """Its own words for what is wrong."""
        said = self.document.get("error") if isinstance(self.document, dict) else None
        return str(said)[:500] if said else f"status {self.status}"


class Connection:
    """Requests to one server. Made without connecting; any thread may call `call` and `wait`, the loop's own tasks `request`."""

    def __init__(self, url: str, *, token_file: str, ca_file: str, timeout_s: float) -> None:
        self.url = url
        self._token_file, self._ca_file, self._timeout_s = token_file, ca_file, timeout_s
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._interrupted = False
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    @property
    def is_overheard(self) -> bool:
        """Does a token cross a network as it is?"""
        return bool(self._token_file) and self.url.startswith("http:") and not _is_loopback(self.url)

    def call(self, method: str, path: str, *, query: Mapping[str, str] | None = None, json: Any = None) -> Answer:
        """A request, waited for. Raises `Unavailable` where no answer comes."""
        body = None if json is None else msgspec.json.encode(json)
        return self.wait(self.request(method, path, query=query, body=body))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Does it in the loop. Raises what it raises, and `Unavailable` once interrupted."""
        if self._interrupted:
            work.close()
            raise errors.Unavailable(f"The agent is stopping. {HELD}")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise errors.Unavailable(f"The agent is stopping. {HELD}") from None

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it in the loop, beside everything else. It must see to its own errors."""
        if self._interrupted:
            work.close()
            return
        asyncio.run_coroutine_threadsafe(work, self._loop)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """In the loop. Raises `Unavailable` where no answer comes."""
        given = {**(headers or {}), **await self._authorization()}
        try:
            session = await self._connected()
            async with session.request(method, self.url + path, params=query, data=body, headers=given, allow_redirects=False) as response:
                return Answer(response.status, _document(await response.read()), _seconds(response.headers.get(wire.RETRY_AFTER)))
        except TimeoutError:
            raise errors.Unavailable(f"{self.url} did not answer within {self._timeout_s:g} s. {HELD}") from None
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise errors.Unavailable(f"{self.url} cannot be reached ({_reason(exc)}). {HELD}") from exc

    def refused(self, answer: Answer) -> errors.Unavailable:
        """What an answer means that is no success."""
        if answer.document is None and answer.status < 500 and answer.status != 429:
            what = f"{self.url} does not answer as an Outrider server (status {answer.status}). {HELD} See sinks.http.url."
        elif answer.status in (401, 403):
            what = f"{self.url} refuses this agent's token ({answer.sentence}). {HELD} On the server: outrider token create NAME"
        elif answer.status in (429, 503):
            what = f"{self.url} takes nothing more at the moment ({answer.sentence}). {HELD}"
        elif answer.status >= 500:
            what = f"{self.url} could not do it ({answer.sentence}); its own log says why. {HELD}"
        else:
            what = f"{self.url} answered {answer.status}: {answer.sentence} {HELD}"
        error = errors.Unavailable(what)
        error.retry_after_s = answer.retry_after_s
        return error

    def interrupt(self) -> None:
        """What is under way is canceled, and nothing else begins. From any thread. Idempotent."""
        self._interrupted = True
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._cancel)

    def close(self) -> None:
        """Ends the thread. Idempotent."""
        if self._closed:
            return
        self._closed = self._interrupted = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            self._cancel()
            left = asyncio.all_tasks(self._loop)
            if left:
                self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            if self._session is not None:
                self._loop.run_until_complete(self._session.close())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        finally:
            self._loop.close()

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()

    async def _connected(self) -> aiohttp.ClientSession:
        """The session, made in the loop when it is first needed."""
        if self._session is None:
            context = await self._loop.run_in_executor(None, self._trust) if self.url.startswith("https:") else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=context),
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(_CONNECT_S, self._timeout_s)),
                # A proxy of the environment is for the world outside.
                trust_env=not _is_loopback(self.url),
                auto_decompress=True,
                raise_for_status=False,
            )
        return self._session

    def _trust(self) -> ssl.SSLContext:
        """What the server's certificate must be signed by. Raises `Unavailable`."""
        try:
            return ssl.create_default_context(cafile=str(Path(self._ca_file).expanduser()) if self._ca_file else None)
        except OSError as exc:
            raise errors.Unavailable(f"sinks.http.ca_file {self._ca_file} cannot be read ({exc.strerror or exc}). {HELD}") from exc

    async def _authorization(self) -> dict[str, str]:
        """The token, read anew each time, for it may be replaced while the agent runs. Raises `Unavailable`."""
        if not self._token_file:
            return {}
        try:
            text = await self._loop.run_in_executor(None, _read, self._token_file)
        except (OSError, UnicodeDecodeError) as exc:
            raise errors.Unavailable(
                f"The token of {self.url} cannot be read ({self._token_file}: {getattr(exc, 'strerror', None) or exc}). {HELD}"
            ) from exc
        return {"Authorization": f"Bearer {text}"}


def _read(path: str) -> str:
    return Path(path).expanduser().read_text("ascii").strip()


def _document(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _seconds(text: str | None) -> float:
    """Retry-After in seconds; a date is not waited for."""
    return min(float(text), _LONGEST_WAIT_S) if text is not None and text.isascii() and text.isdecimal() and len(text) < 9 else 0.0


def _reason(exc: BaseException) -> str:
    text = str(exc).strip()
    return text or type(exc).__name__


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
