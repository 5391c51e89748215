"""The route of rows and tables: all that was logged under one name, as columns of one length. docs/api.md has the shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from outrider_agent import errors
from outrider_agent.cli import documents
from outrider_agent.portal import asking

if TYPE_CHECKING:
    from outrider_agent.store import browsing

ROWS, MOST_ROWS = 10_000, 100_000


class Tables:
    """One method a route."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        return [web.get("/api/v1/runs/{run}/table", self.columns)]

    async def columns(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/table?name=&limit=."""
        name = asking.required(request.query, "name")
        limit = asking.whole_number(request.query, "limit", ROWS, least=1, most=MOST_ROWS) or ROWS
        return asking.json_response(await self._context.read(document, self._context.store, request.match_info["run"], name, limit))


def document(store: browsing.Browser, run_id: str, name: str, limit: int) -> dict[str, Any]:
    """
    The first `limit` rows, as columns. `kind` is that of the last record: `row` or `table`. Raises `NotFound`.

    `names` is the columns' order: JavaScript puts keys that are whole numbers before all others, whatever order they came in.
    """
    found = store.rows(run_id, name)
    if not found:
        raise errors.NotFound(f"Run {run_id} has no row or table “{name}”. outrider metrics {run_id} lists those it has.")
    columns = documents.columns(found)
    count = max((len(cells) for cells in columns.values()), default=0)
    cut = {column: cells[:limit] for column, cells in columns.items()}
    last = found[-1]
    return {"name": name, "kind": last.kind, "description": last.description, "count": count, "names": list(cut), "columns": cut}
