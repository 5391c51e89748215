"""
What machines ask of an agent: `/healthz` (is it live, is it ready, does it make progress?) and `/metrics` (Prometheus' text format).

Served on the control socket and on the portal's port alike. The answers tell counts and sizes, never a name, a path or a value of a run: so
they need no key (docs/decisions/0019). The figures themselves are made from the status document, so that the two never disagree.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HEALTH, METRICS = "/healthz", "/metrics"
#: The questions, in the order in which a start answers them.
QUESTIONS = ("live", "ready", "progress")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_STATES = ("ok", "backing-off", "stuck", "fenced")
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Asked(Protocol):
    """Who answers."""

    def probe(self) -> Mapping[str, bool]:
        """The answer to each of `QUESTIONS`. Must not block."""
        ...

    async def status(self) -> dict[str, Any]:
        """The status document."""
        ...


def is_probe(path: str) -> bool:
    """Is it one of these?"""
    return path in (METRICS, HEALTH) or path.startswith(HEALTH + "/")


def routes(asked: Asked) -> list[web.RouteDef]:
    """What an application adds."""

    async def health(request: web.Request) -> web.Response:
        """GET /healthz, /healthz/{question}: 200, or 503 where an answer is no."""
        answers = asked.probe()
        question = request.match_info.get("question")
        if question is not None and question not in answers:
            raise web.HTTPNotFound
        given = {question: answers[question]} if question else dict(answers)
        body = msgspec.json.encode({"ok": all(given.values()), **given})
        return web.Response(body=body, status=200 if all(given.values()) else 503, content_type="application/json")

    async def metrics(_request: web.Request) -> web.Response:
        """GET /metrics."""
        return web.Response(body=exposition(await asked.status(), asked.probe()).encode(), headers={"Content-Type": CONTENT_TYPE})

    return [web.get(HEALTH, health), web.get(HEALTH + "/{question}", health), web.get(METRICS, metrics)]


def exposition(status: Mapping[str, Any], answers: Mapping[str, bool]) -> str:
    """The metrics, as Prometheus' text format 0.0.4 spells them. Sizes are bytes, times seconds."""
    lines: list[str] = []
    for name, kind, text, samples in _families(status, answers):
        found = [(labels, value) for labels, value in samples if value is not None]
        if found:
            lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
            lines += [f"{name}{_labels(labels)} {float(value):.17g}" for labels, value in found]
    return "\n".join(lines) + "\n"


Family = tuple[str, str, str, "Iterable[tuple[Mapping[str, str], Any]]"]


def _families(status: Mapping[str, Any], answers: Mapping[str, bool]) -> Iterator[Family]:
    agent = status["agent"]
    yield "outrider_info", "gauge", "Always 1; the version is a label.", [({"version": str(agent["version"])}, 1)]
    for question in QUESTIONS:
        yield f"outrider_{question}", "gauge", f"1 where /healthz/{question} says yes.", [({}, answers[question])]
    yield "outrider_uptime_seconds", "gauge", "Since the agent began.", [({}, agent["uptime_s"])]
    yield from _of_sinks(status["sinks"])
    yield from _of_spool(status["spool"])
    yield from _of_streams(status["streams"])
    yield from _of_collectors(status["collectors"])
    yield "outrider_wrong", "gauge", "How many things `outrider status` says are wrong.", [({}, len(status["wrong"]))]
    yield from _of_process()


def _of_sinks(sinks: Iterable[Mapping[str, Any]]) -> Iterator[Family]:
    known = [({"sink": str(sink["name"])}, sink) for sink in sinks]
    for name, kind, key, text in (
        ("records_total", "counter", "records", "Records committed since the agent began."),
        ("transactions_total", "counter", "transactions", "Transactions committed since the agent began."),
        ("set_aside_total", "counter", "set_aside", "Lines that could not be read or were rejected, kept with their place."),
        ("pending_bytes", "gauge", "pending_bytes", "What waits in the spool for it."),
        ("last_commit_age_seconds", "gauge", "last_commit_age_s", "Since the last commit."),
    ):
        yield f"outrider_sink_{name}", kind, text, [(labels, sink.get(key)) for labels, sink in known]
    states = [({**labels, "state": state}, sink["state"] == state) for labels, sink in known for state in _STATES]
    yield "outrider_sink_state", "gauge", "1 for the state that it is in.", states


def _of_spool(spool: Mapping[str, Any]) -> Iterator[Family]:
    yield "outrider_spool_bytes", "gauge", "What the spool holds.", [({}, spool["bytes"])]
    yield "outrider_spool_cap_bytes", "gauge", "What it may hold (spool.max_bytes).", [({}, spool["cap"])]
    yield "outrider_spool_full", "gauge", "1 while writers refuse records for want of room.", [({}, spool["full"])]
    yield "outrider_spool_refused_records", "gauge", "Records refused by writers whose streams are in the spool.", [({}, spool["refused"])]


def _of_streams(streams: Iterable[Mapping[str, Any]]) -> Iterator[Family]:
    alive = [bool(stream["alive"]) for stream in streams]
    yield "outrider_streams", "gauge", "Streams in the spool.", [({"alive": "1"}, sum(alive)), ({"alive": "0"}, len(alive) - sum(alive))]


def _of_collectors(collectors: Iterable[Mapping[str, Any]]) -> Iterator[Family]:
    known = [({"collector": str(one["name"])}, one) for one in collectors]
    yield "outrider_collector_up", "gauge", "1 while it runs.", [(labels, one["state"] == "running") for labels, one in known]
    yield "outrider_collector_failures_total", "counter", "How often it failed.", [(labels, one["failures"]) for labels, one in known]
    runs = [one for _, one in known if one["name"] == "liveness"]
    for key, text in (("alive", "Runs that live."), ("unknown", "Runs of which cannot be told whether they live.")):
        yield f"outrider_runs_{key}", "gauge", text, [({}, one.get(key)) for one in runs]


def _of_process() -> Iterator[Family]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    yield "process_cpu_seconds_total", "counter", "User and system time of the agent.", [({}, used.ru_utime + used.ru_stime)]
    resident, descriptors = _resident_bytes(), _open_descriptors()
    yield "process_resident_memory_bytes", "gauge", "Memory of the agent.", [({}, resident)]
    yield "process_open_fds", "gauge", "Open files of the agent.", [({}, descriptors)]


def _resident_bytes() -> int | None:
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 (a file of the kernel's, read in one call)
            return int(file.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return None


def _open_descriptors() -> int | None:
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 (names are all that is asked for)
    except OSError:
        return None


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items()) + "}" if labels else ""
