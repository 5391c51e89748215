"""The routes that tell of several runs at once: a comparison of a hundred asks a few times, not hundreds. docs/api.md has the shapes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from aiohttp import web

from outrider_agent import errors
from outrider_agent.portal import api, asking, shapes

if TYPE_CHECKING:
    from outrider_agent.store import browsing, records

#: So many runs are told of at once.
MOST = 100


class Routes:
    """One method a route."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        return [web.get("/api/v1/charts", self.charts), web.get("/api/v1/buckets", self.buckets)]

    async def charts(self, request: web.Request) -> web.Response:
        """GET /charts?run=…: what the charts of these runs begin with."""
        return asking.json_response(await self._context.read(documents, self._context.store, _runs(request)))

    async def buckets(self, request: web.Request) -> web.Response:
        """GET /buckets?run=…&name=…: one metric of these runs."""
        runs, asked = _runs(request), asking.buckets(request.query)
        found = await self._context.read(buckets_of, self._context.store, runs, asked)
        if asked.is_packed:
            parts = [struct.pack("<d", len(one)) + shapes.packed_buckets(one, with_epochs=asked.has_epochs) for one in found]
            return web.Response(body=b"".join(parts), content_type="application/octet-stream")
        drawn = [shapes.buckets(one, with_epochs=asked.has_epochs) for one in found]
        return asking.json_response([{"run_id": run, "buckets": one} for run, one in zip(runs, drawn, strict=True)])


def _runs(request: web.Request) -> list[str]:
    runs = list(dict.fromkeys(request.query.getall("run", [])))
    if not runs:
        raise asking.Wrong("The parameter run is missing.")
    if len(runs) > MOST:
        raise asking.Wrong(f"run is there {len(runs)} times: ask for at most {MOST} runs at once.")
    return runs


def documents(store: browsing.Browser, runs: list[str]) -> list[dict[str, Any]]:
    """Of each run itself, its metrics, its files. Raises `NotFound`."""
    return [
        {
            "run": api.run_document(store, run),
            "metrics": [shapes.series(one) for one in store.series(run)],
            "artifacts": [shapes.file(one, run) for one in store.artifacts(run)],
        }
        for run in runs
    ]


def buckets_of(store: browsing.Browser, runs: list[str], asked: asking.Buckets) -> list[list[records.Bucket]]:
    """Of each run; none of a run that has not logged that metric. Raises `NotFound` for a run that is not there."""
    found = []
    for run in runs:
        try:
            found.append(api.buckets(store, run, asked))
        except errors.NotFound:
            store.run(run)
            found.append([])
    return found
