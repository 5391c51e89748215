"""
A bug met while a request is answered: told to the agent's log with its traceback, and to whoever asked in a sentence.

What a handler is expected to raise is answered elsewhere (`api`, `pages`); nothing of that comes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from aiohttp import web

from outrider_agent.portal import door

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = structlog.get_logger(part="portal")

#: So much of a query tells what was asked; the key is never in it, the door takes it off.
_QUERY = 500
SORRY = (
    "The agent met a bug of its own in answering this. Nothing that is tracked was lost or changed by it; try again. "
    "agent.log in the home has the details (request_failed), and `outrider flare` packs them for a report."
)


@web.middleware
async def answer_bugs(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
    """500 for what nobody foresaw. An answer that has begun is cut off instead: it cannot become another."""
    try:
        return await handler(request)
    except (web.HTTPException, ConnectionError):
        raise
    except Exception as exc:
        said = f"{type(exc).__name__}: {exc}"
        log.exception("request_failed", error=said, method=request.method, path=request.path, query=request.query_string[:_QUERY])
        if request.writer.output_size:
            raise ConnectionError("The answer had begun.") from exc
        return door.refusal(request, 500, SORRY)
