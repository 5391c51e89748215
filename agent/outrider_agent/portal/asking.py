"""
What a handler of the portal works with: the store in threads of its own, and what a request asks for, checked.

A wrong parameter is `Wrong`: 400 with a sentence.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from outrider_agent.portal import assets, shapes

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Mapping, Sequence

    from outrider_agent import changes, protocols
    from outrider_agent.store import browsing, watch

T = TypeVar("T")
BUCKETS, MOST_BUCKETS = 1_000, 10_000


class Wrong(Exception):
    """The request asks for what cannot be."""


class Asked(Protocol):
    """What the portal may ask of its agent."""

    def touched(self) -> None:
        """A request came, or somebody still looks."""

    async def cancel(self, run: str, by: str | None) -> dict[str, Any]:
        """Asks for the run to be canceled."""
        ...

    async def edit(self, run: str, edit: changes.Edit) -> None:
        """Says it of the run."""

    async def remove(self, run: str) -> None:
        """Deletes the run; it can be restored until it is purged."""

    async def restore(self, run: str) -> None:
        """Undoes that."""

    async def delete(self, run: str) -> dict[str, Any]:
        """Purges the run."""
        ...

    def probe(self) -> Mapping[str, bool]:
        """The answers of /healthz."""
        ...

    async def status(self) -> dict[str, Any]:
        """The status document: /metrics is made of it."""
        ...

    async def reread(self, run: str, rules: Sequence[Any]) -> int:
        """Reads what the run printed again, and by these rules of the user's; how many points there are."""
        ...


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """What `main` hands in."""

    store: browsing.Browser
    changes: watch.Changes
    blobs: protocols.Blobs
    agent: Asked
    version: str
    threads: concurrent.futures.Executor


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What the handlers share. `closing` is set when the portal ends: streams end then."""

    given: Given
    assets: assets.Assets
    closing: asyncio.Event

    @property
    def store(self) -> browsing.Browser:
        """Reads; only in `read`."""
        return self.given.store

    async def read(self, work: Callable[..., T], *arguments: Any, **more: Any) -> T:
        """Does it in a thread of the portal's own."""
        return await asyncio.get_running_loop().run_in_executor(self.given.threads, lambda: work(*arguments, **more))


def json_response(document: object, status: int = 200) -> web.Response:
    """A document."""
    return web.Response(body=shapes.encoded(document), status=status, content_type="application/json")


def whole_number(query: Mapping[str, str], name: str, default: int | None, *, least: int = 0, most: int = 2**63 - 1) -> int | None:
    """A number of the query; the default where it is absent. Above `most` it is `most`."""
    text = query.get(name, "")
    if text == "":
        return default
    if not text.removeprefix("-").isdecimal() or len(text) > 20:
        raise Wrong(f"{name}={text} is no whole number.")
    number = int(text)
    if number < least:
        raise Wrong(f"{name}={text} is less than {least}.")
    return min(number, most)


def number(query: Mapping[str, str], name: str) -> float | None:
    """A number of the query."""
    text = query.get(name, "")
    if text == "":
        return None
    try:
        given = float(text)
    except ValueError:
        raise Wrong(f"{name}={text} is no number.") from None
    if given != given or given in (float("inf"), float("-inf")):  # noqa: PLR0124 (NaN)
        raise Wrong(f"{name}={text} is no finite number.")
    return given


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """Which buckets of a metric a query asks for: spans of steps, of time, and of time since the run began (nanoseconds), None for all."""

    name: str
    source: str | None
    count: int
    steps: tuple[float | None, float | None] | None
    times: tuple[int | None, int | None] | None
    ages: tuple[int | None, int | None] | None
    is_packed: bool
    has_epochs: bool


def buckets(query: Mapping[str, str]) -> Buckets:
    """Reads it. Moments are asked for in milliseconds, which may have a fraction. Raises `Wrong`."""
    low, high = number(query, "from"), number(query, "to")
    times = (_nanoseconds(number(query, "from_time")), _nanoseconds(number(query, "to_time")))
    ages = (_nanoseconds(number(query, "from_age")), _nanoseconds(number(query, "to_age")))
    if times != (None, None) and ages != (None, None):
        raise Wrong("from_time and to_time are moments, from_age and to_age times since the run began: ask for one of them.")
    return Buckets(
        name=required(query, "name"),
        source=query.get("source"),
        count=whole_number(query, "count", BUCKETS, least=1, most=MOST_BUCKETS) or BUCKETS,
        steps=None if low is None and high is None else (low, high),
        times=None if times == (None, None) else times,
        ages=None if ages == (None, None) else ages,
        is_packed=choice(query, "format", ("json", "f64"), "json") == "f64",
        has_epochs=choice(query, "epochs", ("0", "1"), "0") == "1",
    )


def _nanoseconds(milliseconds: float | None) -> int | None:
    return None if milliseconds is None else max(1 - 2**63, min(2**63 - 1, int(milliseconds * 1e6)))


def choice(query: Mapping[str, str], name: str, known: tuple[str, ...], default: str) -> str:
    """One of a few words."""
    text = query.get(name) or default
    if text not in known:
        raise Wrong(f"{name}={text} is none of {', '.join(known)}.")
    return text


def required(query: Mapping[str, str], name: str) -> str:
    """A text that has to be there; a metric may have an empty name."""
    text = query.get(name)
    if text is None:
        raise Wrong(f"The parameter {name} is missing.")
    return text
