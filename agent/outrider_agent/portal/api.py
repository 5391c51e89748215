"""The routes of /api/v1 that answer at once. docs/api.md has every parameter and shape."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec
from aiohttp import web

from outrider_agent import errors
from outrider_agent.cli import documents, journal
from outrider_agent.portal import asking, door, shapes
from outrider_agent.store import browsing

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE, LONGEST_PAGE = 50, 500
LINES, MOST_LINES = 1_000, 10_000
POINTS, MOST_POINTS = 10_000, 100_000
BUCKETS, MOST_BUCKETS = 1_000, 10_000


def wanted(query: Mapping[str, str]) -> browsing.Wanted:
    """Which runs a query asks for. Raises `Wrong`."""
    sort, _, metric = query.get("sort", "started").partition(":")
    if sort not in get_args(browsing.Sort) or (sort == "metric") != bool(metric):
        raise asking.Wrong(f"sort={query['sort']} is none of {', '.join(get_args(browsing.Sort)[:-1])}, metric:NAME.")
    return browsing.Wanted(
        experiment=query.get("experiment") or None,
        status=query.get("status") or None,
        text=query.get("text") or None,
        sort=cast("browsing.Sort", sort),
        metric=metric or None,
        down=asking.choice(query, "order", ("down", "up"), "down") == "down",
        limit=asking.whole_number(query, "limit", PAGE, least=1, most=LONGEST_PAGE) or PAGE,
        offset=asking.whole_number(query, "offset", 0) or 0,
    )


class Routes:
    """One method a route."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context
        self._store = context.store

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        run = "/api/v1/runs/{run}"
        return [
            web.get("/api/v1/experiments", self.experiments),
            web.get("/api/v1/runs", self.runs),
            web.get(run, self.run),
            web.get(f"{run}/metrics", self.metrics),
            web.get(f"{run}/points", self.points),
            web.get(f"{run}/buckets", self.buckets),
            web.get(f"{run}/lines", self.lines),
            web.get(f"{run}/logs", self.logs),
            web.get(f"{run}/console", self.console),
            web.get(f"{run}/artifacts", self.artifacts),
            web.post(f"{run}/cancel", self.cancel),
        ]

    async def experiments(self, _request: web.Request) -> web.Response:
        """GET /experiments."""
        found = await self._context.read(self._store.overviews)
        return asking.json_response([shapes.overview(one) for one in found])

    async def runs(self, request: web.Request) -> web.Response:
        """GET /runs."""
        asked, now = wanted(request.query), time.time_ns()
        page = await self._context.read(self._store.page, asked, now)
        return asking.json_response(
            {"total": page.total, "offset": asked.offset, "limit": asked.limit, "runs": [shapes.listed(one, now) for one in page.runs]}
        )

    async def run(self, request: web.Request) -> web.Response:
        """GET /runs/{run}."""
        return asking.json_response(await self._context.read(run_document, self._store, request.match_info["run"]))

    async def metrics(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/metrics."""
        found = await self._context.read(self._store.series, request.match_info["run"])
        return asking.json_response([shapes.series(one) for one in found])

    async def points(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/points."""
        query = request.query
        first = asking.whole_number(query, "first", 0) or 0
        limit = asking.whole_number(query, "limit", POINTS, least=1, most=MOST_POINTS) or POINTS
        name, source = asking.required(query, "name"), query.get("source")
        found = await self._context.read(self._store.points_from, request.match_info["run"], name, source, first, limit)
        return asking.json_response(shapes.points(found, first))

    async def buckets(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/buckets."""
        query = request.query
        count = asking.whole_number(query, "count", BUCKETS, least=1, most=MOST_BUCKETS) or BUCKETS
        low, high = asking.number(query, "from"), asking.number(query, "to")
        between = None if low is None and high is None else (low, high)
        form = asking.choice(query, "format", ("json", "f64"), "json")
        name, source = asking.required(query, "name"), query.get("source")
        found = await self._context.read(self._store.buckets, request.match_info["run"], name, count, between, source)
        if form == "f64":
            return web.Response(body=shapes.packed_buckets(found), content_type="application/octet-stream")
        return asking.json_response(shapes.buckets(found))

    async def lines(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/lines: the last of the log, woven."""
        run, query = request.match_info["run"], request.query
        limit = asking.whole_number(query, "limit", LINES, least=1, most=MOST_LINES) or LINES
        attempt = asking.whole_number(query, "attempt", None, least=1)
        found = await self._context.read(journal.ending, self._store, run, limit, with_echoes=True, attempt=attempt)
        return asking.json_response(shapes.ending(found))

    async def logs(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/logs: after a key, before one, or the last ones."""
        run, query = request.match_info["run"], request.query
        limit = asking.whole_number(query, "limit", LINES, least=1, most=MOST_LINES) or LINES
        level = asking.whole_number(query, "min_level", -(2**62), least=-(2**62))
        after, before = asking.whole_number(query, "after", None), asking.whole_number(query, "before", None)
        attempt = asking.whole_number(query, "attempt", None, least=1)
        if before is not None:
            found = await self._context.read(self._store.logs_before, run, before, limit, level, attempt)
        else:
            found = await self._context.read(self._store.logs, run, after, level, limit, last=after is None, attempt=attempt)
        return asking.json_response([shapes.log(one) for one in found])

    async def console(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/console: after a key, before one, or the last chunks."""
        run, query = request.match_info["run"], request.query
        limit = asking.whole_number(query, "limit", LINES, least=1, most=MOST_LINES) or LINES
        after, before = asking.whole_number(query, "after", None), asking.whole_number(query, "before", None)
        attempt = asking.whole_number(query, "attempt", None, least=1)
        if before is not None:
            found = await self._context.read(self._store.console_before, run, before, limit, attempt)
        else:
            found = await self._context.read(self._store.console, run, after, limit, last=after is None, attempt=attempt)
        return asking.json_response([shapes.chunk(one) for one in found])

    async def artifacts(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/artifacts."""
        run = request.match_info["run"]
        every = asking.choice(request.query, "all_versions", ("0", "1"), "0") == "1"
        found = await self._context.read(self._store.artifacts, run, every)
        return asking.json_response([shapes.file(one, run) for one in found])

    async def cancel(self, request: web.Request) -> web.Response:
        """POST /runs/{run}/cancel."""
        return asking.json_response(await self._context.given.agent.cancel(request.match_info["run"], "portal"))


#: So many children come with a run; `/runs` and `outrider runs` have the rest.
CHILDREN = 500


def run_document(store: browsing.Browser, run_id: str) -> dict[str, Any]:
    """A run, with what is small of it. Raises `NotFound`."""
    given, now = store.run(run_id), time.time_ns()
    return shapes.whole(given, now) | {
        "attempts": [documents.attempt(one, now) for one in store.attempts(run_id)],
        "properties": store.properties(run_id),
        "gaps": [documents.gap(one) for one in store.gaps(run_id)],
        "notes": [documents.note(one) for one in store.notes(run_id)],
        "set_aside": [documents.set_aside(one) for one in store.set_aside(run_id, 20)],
        "tables": tables(store, run_id),
        "figures": figures(store, run_id),
        "models": [documents.model(one) for one in store.models(run_id)],
        "snapshots": [documents.snapshot(one) for one in store.snapshots(run_id)],
        "children": [msgspec.structs.asdict(one) for one in store.children(run_id, CHILDREN)],
    }


def figures(store: browsing.Browser, run_id: str) -> list[dict[str, Any]]:
    """Images and charts, each as it was when it was logged: a path may be logged again and again."""
    found = store.figures(run_id)
    return shapes.figures(found, store.artifacts(run_id, all_versions=True), run_id) if found else []


def tables(store: browsing.Browser, run_id: str) -> dict[str, Any]:
    """Rows and tables by name: how many lines, and the last."""
    return documents.metrics([], store.rows(run_id))


@web.middleware
async def answer_errors(request: web.Request, handler: Any) -> web.StreamResponse:
    """Every error of the API is JSON with one sentence."""
    if not door.wants_json(request):
        return cast("web.StreamResponse", await handler(request))
    try:
        return cast("web.StreamResponse", await handler(request))
    except asking.Wrong as exc:
        return _refused(request, 400, str(exc))
    except errors.Ambiguous as exc:
        return _refused(request, 409, str(exc))
    except errors.NotFound as exc:
        return _refused(request, 404, str(exc))
    except errors.OutriderError as exc:
        return _refused(request, 503, str(exc))
    except web.HTTPException as exc:
        return _refused(request, exc.status, f"{exc.status} {exc.reason}: {request.path}")


def _refused(request: web.Request, status: int, what: str) -> web.Response:
    return door.refusal(request, status, what)
