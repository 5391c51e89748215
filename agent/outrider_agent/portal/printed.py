"""The routes about what was read from a run's output: where a point comes from, which lines nobody read, how far the run is, new rules."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from outrider_agent import errors
from outrider_agent.cli import extract
from outrider_agent.cli import format as fmt
from outrider_agent.portal import asking
from outrider_agent.store import records

if TYPE_CHECKING:
    from outrider_agent.core.extract import rules
    from outrider_agent.store import browsing, origins

POINTS, MOST_POINTS = 5, 1_000


class Routes:
    """One method a route."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context
        self._store = context.store

    def table(self) -> list[web.RouteDef]:
        """Every route."""
        run = "/api/v1/runs/{run}"
        return [
            web.get(f"{run}/printed", self.printed),
            web.get(f"{run}/printed/at", self.at),
            web.get(f"{run}/progress", self.progress),
            web.post(f"{run}/rules", self.rules),
        ]

    async def printed(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/printed: the lines that points of a series were read from."""
        query, run = request.query, request.match_info["run"]
        name, step = asking.required(query, "name"), asking.number(query, "step")
        limit = asking.whole_number(query, "limit", POINTS, least=1, most=MOST_POINTS)
        found = await self._context.read(self._store.origins, run, name, step, last=limit)
        return asking.json_response([document(one) for one in found])

    async def at(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/printed/at: the points that were read from some bytes of the console."""
        query, run = request.query, request.match_info["run"]
        where = [asking.whole_number(query, name, default) for name, default in (("attempt", 1), ("fd", 1), ("from", 0), ("to", 2**62))]
        await self._context.read(self._store.run, run)
        found = await self._context.read(self._store.read_at, run, *where)
        return asking.json_response(msgspec.to_builtins(found))

    async def progress(self, request: web.Request) -> web.Response:
        """GET /runs/{run}/progress: percent, remaining time, silence, and lines that look like numbers."""
        return asking.json_response(await self._context.read(progress, self._store, request.match_info["run"], time.time_ns()))

    async def rules(self, request: web.Request) -> web.Response:
        """POST /runs/{run}/rules: a rule for the run's experiment; the run is read again by it. A preview changes nothing."""
        run = request.match_info["run"]
        await self._context.read(self._store.run, run)
        try:
            given = msgspec.json.decode(await request.read(), type=Given)
            rule = extract.made_rule(given.pattern, given.name or None)
        except (msgspec.MsgspecError, json.JSONDecodeError) as exc:
            raise asking.Wrong('A rule is {"name": "loss", "pattern": "Loss is ([0-9.]+)"}.') from exc
        except errors.BadRule as exc:
            raise asking.Wrong(str(exc)) from exc
        if given.preview:
            return asking.json_response(await self._context.read(preview, self._store, run, rule))
        count = await self._context.given.agent.reread(run, [rule])
        return asking.json_response({"run": run, "points": count})


class Given(msgspec.Struct, forbid_unknown_fields=True):
    """A rule as it is sent."""

    pattern: str
    name: str = ""
    preview: bool = False


def document(one: origins.Origin) -> dict[str, Any]:
    """Where a point comes from, as JSON."""
    return {**msgspec.to_builtins(one), "time": fmt.iso(one.time), "value": records.json_value(one.value)}


def progress(store: browsing.Browser, run: str, now: int) -> dict[str, Any]:
    """How far a run is by its own account, and the last lines that look like numbers."""
    found = store.progress(run, now)
    return {**msgspec.to_builtins(found), "lines": msgspec.to_builtins(store.unread(run))}


def preview(store: browsing.Browser, run: str, rule: rules.Rule) -> dict[str, Any]:
    """What a rule would read of the last lines that look like numbers."""
    found: list[dict[str, Any]] = []
    for one in store.unread(run):
        metrics, *_ = rule.read(one.text or "") or ({},)
        if metrics:
            found.append({"line": one.line, "metrics": {name: records.json_value(value) for name, value in metrics.items()}})
    return {"run": run, "points": sum(len(one["metrics"]) for one in found), "read": found}
