"""The routes of /api/v1 that answer at once. docs/api.md has every parameter and shape."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, cast, get_args

import msgspec
from aiohttp import web

from outrider_agent import changes, errors
from outrider_agent.cli import compare, documents, hits, journal, searching
from outrider_agent.core import query as language
from outrider_agent.portal import asking, door, openapi, printed, shapes
from outrider_agent.store import browsing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from multidict import MultiMapping

    from outrider_agent.store import records

PAGE, LONGEST_PAGE = 50, 500
LINES, MOST_LINES = 1_000, 10_000
HITS = 200
POINTS, MOST_POINTS = 10_000, 100_000


#: How runs may be ordered, and how that is spelled where it goes by a name.
SORTS = get_args(browsing.Sort)
SORTS_SPELLED = [f"{sort}:NAME" if sort in browsing.SORTS_BY_NAME else sort for sort in SORTS]
#: So many sparklines are drawn at once, of so many values each.
SPARK_RUNS, SPARK_NAMES, SPARK_VALUES = 200, 20, 100


def wanted(query: MultiMapping[str], limit: int = PAGE) -> browsing.Wanted:
    """Which runs a query asks for. Raises `Wrong`."""
    sort, _, by = query.get("sort", "started").partition(":")
    if sort not in SORTS or (sort in browsing.SORTS_BY_NAME) != bool(by):
        raise asking.Wrong(f"sort={query['sort']} is none of {', '.join(SORTS_SPELLED)}.")
    return browsing.Wanted(
        experiment=query.get("experiment") or None,
        status=query.get("status") or None,
        text=query.get("text") or None,
        parent=query.get("parent") or None,
        query=query.get("query") or None,
        removed=asking.choice(query, "deleted", ("0", "1"), "0") == "1",
        sort=cast("browsing.Sort", sort),
        by=by or None,
        down=asking.choice(query, "order", ("down", "up"), "down") == "down",
        limit=asking.whole_number(query, "limit", limit, least=1, most=LONGEST_PAGE) or limit,
        offset=asking.whole_number(query, "offset", 0) or 0,
        metrics=tuple(query.getall("metric")) if "metric" in query else None,
    )


def place(query: Mapping[str, str]) -> hits.Place | None:
    """`line`: ATTEMPT.STREAM.OFFSET of a line of the console. Raises `Wrong`."""
    text = query.get("line", "")
    found = re.fullmatch(r"(\d{1,9})\.(stdout|stderr|fd\d{1,9})\.(\d{1,18})", text)
    if text and found is None:
        raise asking.Wrong(f"line={text} is no place of a line (ATTEMPT.STREAM.OFFSET).")
    return None if found is None else hits.Place(int(found[1]), found[2], int(found[3]))


def stretch(query: Mapping[str, str]) -> searching.Since:
    """`since` of a search: RECORD.CHUNK, and the streams that are told. Raises `Wrong`."""
    text = query.get("since", "") or "0.0"
    if re.fullmatch(r"\d{1,18}\.\d{1,18}(\.\d{1,9}-\d{1,9}){0,64}", text) is None:
        raise asking.Wrong(f"since={text} is no place of a search; take `next` of the answer before.")
    log, console, *told = text.split(".")
    pairs = (one.split("-") for one in told)
    return searching.Since(int(log), int(console), frozenset((int(fd), int(attempt)) for fd, attempt in pairs))


class Routes:
    """One method a route."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context
        self._store = context.store

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        run = "/api/v1/runs/{run}"
        return [
            web.get("/api/v1/openapi.json", self.openapi),
            web.get("/api/v1/experiments", self.experiments),
            web.get("/api/v1/runs", self.runs),
            web.get("/api/v1/compare", self.compare),
            web.get("/api/v1/names", self.names),
            web.get("/api/v1/sparklines", self.sparklines),
            web.get(run, self.run),
            web.get(f"{run}/metrics", self.metrics),
            web.get(f"{run}/points", self.points),
            web.get(f"{run}/buckets", self.buckets),
            web.get(f"{run}/lines", self.lines),
            web.get(f"{run}/search", self.search),
            web.get(f"{run}/logs", self.logs),
            web.get(f"{run}/console", self.console),
            web.get(f"{run}/artifacts", self.artifacts),
            web.post(f"{run}/cancel", self.cancel),
            web.patch(run, self.edit),
            web.post(f"{run}/delete", self.remove),
            web.post(f"{run}/restore", self.restore),
            web.delete(run, self.purge),
            *printed.Routes(self._context).table(),
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
            {
                "total": page.total,
                "offset": asked.offset,
                "limit": asked.limit,
                "statuses": dict(page.statuses),
                "runs": [shapes.listed(one, now) for one in page.runs],
            }
        )

    async def compare(self, request: web.Request) -> web.Response:
        """GET /compare: what differs between runs."""
        runs = list(dict.fromkeys(request.query.getall("run", [])))
        if len(runs) < 2:
            raise asking.Wrong("run is there less than twice: comparing takes two runs or more.")
        found = await self._context.read(compare.comparison, self._store, self._context.given.blobs.path, runs, time.time_ns())
        return asking.json_response(found)

    async def names(self, request: web.Request) -> web.Response:
        """GET /names: what a query may ask for."""
        found = await self._context.read(self._store.names, request.query.get("experiment") or None)
        return asking.json_response(msgspec.structs.asdict(found))

    async def sparklines(self, request: web.Request) -> web.Response:
        """GET /sparklines: the course of some metrics of some runs."""
        query = request.query
        runs, names = query.getall("run", [])[:SPARK_RUNS], query.getall("metric", [])[:SPARK_NAMES]
        count = asking.whole_number(query, "count", 24, least=2, most=SPARK_VALUES) or 24
        return asking.json_response(await self._context.read(self._store.sparklines, runs, names, count))

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
        asked = asking.buckets(request.query)
        found = await self._context.read(buckets, self._store, request.match_info["run"], asked)
        if asked.is_packed:
            return web.Response(body=shapes.packed_buckets(found, with_epochs=asked.has_epochs), content_type="application/octet-stream")
        return asking.json_response(shapes.buckets(found, with_epochs=asked.has_epochs))

    async def lines(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/lines: the last of the log, woven, or what stands around a moment."""
        run, query = request.match_info["run"], request.query
        limit = asking.whole_number(query, "limit", LINES, least=1, most=MOST_LINES) or LINES
        attempt = asking.whole_number(query, "attempt", None, least=1)
        at = asking.whole_number(query, "at", None, most=2**43)
        if at is not None:
            around = await self._context.read(
                searching.around, self._store, run, at * 1_000_000, limit, attempt=attempt, place=place(query)
            )
            return asking.json_response(shapes.ending(around))
        found = await self._context.read(journal.ending, self._store, run, limit, with_echoes=True, attempt=attempt)
        return asking.json_response(shapes.ending(found))

    async def search(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/search: lines of the log that hold a text."""
        run, query = request.match_info["run"], request.query
        limit = asking.whole_number(query, "limit", HITS, least=1, most=MOST_LINES) or HITS
        attempt = asking.whole_number(query, "attempt", None, least=1)
        text, is_regex = asking.required(query, "text"), asking.choice(query, "regex", ("0", "1"), "0") == "1"
        since = stretch(query)
        try:
            wanted = hits.Wanted(text, is_regex=is_regex)
        except re.error as exc:
            raise asking.Wrong(f"text={text} is no regular expression: {exc}.") from None
        found = await self._context.read(searching.search, self._store, run, wanted, since, limit, attempt=attempt)
        return asking.json_response(shapes.hits(found))

    async def openapi(self, _request: web.Request) -> web.Response:
        """GET /openapi.json."""
        return asking.json_response(openapi.document(self._context.given.version))

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

    async def edit(self, request: web.Request) -> web.Response:
        """PATCH /runs/{run}: tags, name, description."""
        run = request.match_info["run"]
        try:
            edit = msgspec.json.decode(await request.read() or b"{}", type=changes.Edit)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise asking.Wrong(f"What is to be changed cannot be read: {exc}.") from exc
        await self._context.given.agent.edit(run, edit)
        return asking.json_response(await self._context.read(run_document, self._store, run))

    async def remove(self, request: web.Request) -> web.Response:
        """POST /runs/{run}/delete."""
        await self._context.given.agent.remove(request.match_info["run"])
        return asking.json_response({"run": request.match_info["run"], "deleted": True})

    async def restore(self, request: web.Request) -> web.Response:
        """POST /runs/{run}/restore."""
        await self._context.given.agent.restore(request.match_info["run"])
        return asking.json_response({"run": request.match_info["run"], "deleted": False})

    async def purge(self, request: web.Request) -> web.Response:
        """DELETE /runs/{run}: for good; only what was deleted before."""
        run = await self._context.read(self._store.run, request.match_info["run"])
        if run.removed is None:
            raise asking.Wrong(f"Run {run.run_id} is not deleted; only a deleted run can be purged. Nothing was changed.")
        found = await self._context.given.agent.delete(run.run_id)
        return asking.json_response({"run": run.run_id, "purged": True, "blobs": found["blobs"]})

    async def cancel(self, request: web.Request) -> web.Response:
        """POST /runs/{run}/cancel."""
        return asking.json_response(await self._context.given.agent.cancel(request.match_info["run"], "portal"))


#: So many children come with a run; `/runs` and `outrider runs` have the rest.
CHILDREN = 500


def run_document(store: browsing.Browser, run_id: str) -> dict[str, Any]:
    """A run, with what is small of it. Raises `NotFound`."""
    given, now = store.run(run_id), time.time_ns()
    return shapes.whole(given, now) | {
        "has_parent": given.parent_run_id is not None and store.has(given.parent_run_id),
        "attempts": [documents.attempt(one, now) for one in store.attempts(run_id)],
        "properties": store.properties(run_id),
        "gaps": [documents.gap(one) for one in store.gaps(run_id)],
        "notes": [documents.note(one) for one in store.notes(run_id)],
        "set_aside": [documents.set_aside(one) for one in store.set_aside(run_id, 20)],
        "tables": tables(store, run_id),
        "figures": figures(store, run_id),
        "models": [documents.model(one) for one in store.models(run_id)],
        "snapshots": [shapes.snapshot(one, run_id) for one in store.snapshots(run_id)],
        "log_counts": store.log_counts(run_id),
        "children": [msgspec.structs.asdict(one) for one in store.children(run_id, CHILDREN)],
    }


def buckets(store: browsing.Browser, run_id: str, asked: asking.Buckets) -> list[records.Bucket]:
    """A metric, drawn. Ages count from the millisecond that a run's `started` tells. Raises `NotFound`."""
    times = asked.times
    if asked.ages is not None:
        started = store.run(run_id).started // 1_000_000 * 1_000_000
        low, high = (None if age is None else max(1 - 2**63, min(2**63 - 1, started + age)) for age in asked.ages)
        times = (low, high)
    return store.buckets(run_id, asked.name, asked.count, asked.steps, asked.source, time_range=times)


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
    except language.Wrong as exc:
        return asking.json_response({"error": str(exc), "at": exc.at}, 400)
    except errors.Ambiguous as exc:
        return _refused(request, 409, str(exc))
    except errors.NotFound as exc:
        return _refused(request, 404, str(exc))
    except errors.StoreError as exc:
        return _refused(request, 503, str(exc))
    except errors.OutriderError as exc:
        return _refused(request, 409, str(exc))
    except web.HTTPException as exc:
        return _refused(request, exc.status, f"{exc.status} {exc.reason}: {request.path}")


def _refused(request: web.Request, status: int, what: str) -> web.Response:
    return door.refusal(request, status, what)
