"""The pages: experiments, the runs of one, a run. Useful as they come from the server; scripts only make them live."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from outrider_agent import errors
from outrider_agent.cli import compare
from outrider_agent.cli import format as fmt
from outrider_agent.core import query as language
from outrider_agent.portal import api, asking, beside, door, helping, listing, onerun, shell
from outrider_agent.portal.markup import Safe, tag
from outrider_agent.store import browsing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

#: What a run's page shows first, by its tab: run.js asks for these modules before it shows anything.
FIRST = {
    "overview": ("overview.js",),
    "metrics": ("metrics.js",),
    "files": ("files.js",),
    "details": ("details.js",),
    "charts": ("charts.js",),
    "images": ("images.js",),
}
#: The same of a comparison: compare.js has the other tabs itself.
BESIDE = {tab: FIRST[tab] for tab in ("charts", "images")}


class Pages:
    """One method a page."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context

    def table(self) -> list[web.RouteDef]:
        """Every page."""
        return [
            web.get("/", self.experiments),
            web.get("/runs", self.runs),
            web.get("/runs/{run}", self.run),
            web.get("/compare", self.compare),
            web.get("/help", self.help),
        ]

    async def experiments(self, _request: web.Request) -> web.Response:
        """GET /."""
        found = await self._context.read(self._context.store.overviews)
        return self._page("Experiments", [("Experiments", None)], listing.experiments(found, time.time_ns()))

    async def runs(self, request: web.Request) -> web.Response:
        """GET /runs."""
        now, wrong, chosen = time.time_ns(), None, request.query.get("cols")
        wanted = api.wanted(request.query, limit=listing.ROWS)
        try:
            choose = functools.partial(listing.measured, chosen=chosen)
            page = await self._context.read(self._context.store.page, wanted, now, choose)
        except language.Wrong as exc:
            wrong = listing.Wrong(error=str(exc), at=exc.at)
            page = browsing.Page(runs=[], total=0, statuses={})
        is_here = wanted.parent is not None and await self._context.read(self._context.store.has, wanted.parent)
        seen = listing.see(page, wanted, wrong, chosen, wanted.parent if is_here else None)
        is_new = wanted.experiment is not None and not page.runs and not await self._is_experiment(wanted.experiment)
        title = fmt.one_line(wanted.experiment) if wanted.experiment else "Child runs" if wanted.parent else "All runs"
        main = listing.nothing(title) if is_new else listing.runs(seen, title, now, drawn=self._context.assets.is_whole)
        return self._page(title, [("Experiments", "/"), (title, None)], main, modules=["list.js" if is_new else "runs.js"], app=True)

    async def _is_experiment(self, name: str) -> bool:
        found = await self._context.read(self._context.store.experiments)
        return any(one.name == name for one in found)

    async def run(self, request: web.Request) -> web.Response:
        """GET /runs/{run}: also by the beginning of its id, `latest`."""
        store, given = self._context.store, request.match_info["run"]
        attempt = asking.whole_number(request.query, "attempt", None, least=1)
        run_id = await self._context.read(store.find_run, given)
        if run_id != given:
            raise web.HTTPSeeOther(shell.href(f"/runs/{run_id}", **{**request.query, "attempt": attempt}))
        seen = await self._context.read(onerun.look, store, run_id, attempt)
        tab = request.query.get("tab", "overview")
        main = onerun.page(seen, time.time_ns(), drawn=self._context.assets.is_whole, logs=tab == "logs")
        title = f"{fmt.one_line(seen.run.experiment)} #{seen.run.number}"
        crumbs = [
            ("Experiments", "/"),
            (fmt.one_line(seen.run.experiment), shell.href("/runs", experiment=seen.run.experiment)),
            (f"#{seen.run.number}", None),
        ]
        first = FIRST.get(tab, ())
        return self._page(title, crumbs, main, modules=["run.js"], first=first, charts=True)

    async def compare(self, request: web.Request) -> web.Response:
        """GET /compare?run=…&run=…, or those that a list shows: with the list's own `experiment`, `parent`, `query` …"""
        runs, now = list(dict.fromkeys(request.query.getall("run", []))), time.time_ns()
        crumbs: list[tuple[str, str | None]] = [("Experiments", "/"), ("Compare", None)]
        if not runs and any(request.query.get(name) for name in beside.LISTED):
            runs = await self._listed(request, now)
        if len(runs) < 2:
            return self._page("Compare", crumbs, beside.nothing())
        found = await self._context.read(compare.comparison, self._context.store, self._context.given.blobs.path, runs, now)
        first = BESIDE.get(request.query.get("tab", ""), ())
        return self._page("Compare", crumbs, beside.page(found, runs), modules=["compare.js"], first=first, charts=True)

    async def _listed(self, request: web.Request, now: int) -> list[str]:
        """The first runs of a list. Raises `Wrong`."""
        wanted = msgspec.structs.replace(api.wanted(request.query), limit=beside.MOST, offset=0, metrics=())
        try:
            page = await self._context.read(self._context.store.page, wanted, now)
        except language.Wrong as exc:
            raise asking.Wrong(f"The query cannot be read: {exc}") from exc
        return [one.run.run_id for one in page.runs]

    async def help(self, _request: web.Request) -> web.Response:
        """GET /help: where a run's documentation link leads."""
        return self._page("Help", [("Experiments", "/"), ("Help", None)], helping.page())

    def _page(
        self,
        title: str,
        crumbs: list[tuple[str, str | None]],
        main: Safe,
        *,
        modules: list[str] | None = None,
        first: Sequence[str] = (),
        charts: bool = False,
        app: bool = False,
    ) -> web.Response:
        whole = shell.page(self._context.assets, title, crumbs, main, modules=modules or ["list.js"], first=first, charts=charts, app=app)
        response = web.Response(text=whole, content_type="text/html", charset="utf-8")
        response.enable_compression()
        return response

    @web.middleware
    async def answer_errors(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """What people read instead of a page."""
        if door.wants_json(request) or request.path.startswith("/static/"):
            return await handler(request)
        try:
            return await handler(request)
        except errors.Ambiguous as exc:
            return self._sorry(409, str(exc))
        except errors.NotFound as exc:
            return self._sorry(404, str(exc))
        except errors.OutriderError as exc:
            return self._sorry(503, f"{str(exc).rstrip('.')}. This page comes back by itself when it can be shown.")
        except asking.Wrong as exc:
            return self._sorry(400, str(exc))
        except web.HTTPException as exc:
            if exc.status < 400:
                raise
            return self._sorry(exc.status, f"{exc.status} {exc.reason}: {request.path}")

    def _sorry(self, status: int, what: str) -> web.Response:
        main = tag(
            "div", tag("h1", "This page cannot be shown"), tag("p", what), tag("p", tag("a", "All experiments", href="/")),
            class_="empty", data_again=status == 503,
        )  # fmt: skip
        response = self._page("Not shown", [("Experiments", "/")], main)
        response.set_status(status)
        return response
