"""
The API as OpenAPI 3.1, served at /api/v1/openapi.json: every route with its parameters and the shape of its answer.

What is written here is compared with the server by tests/e2e/test_portal_openapi.py: routes, parameters and the answers of real runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from outrider_agent import changes
from outrider_agent.portal import answers, printed, printed_answers

if TYPE_CHECKING:
    from collections.abc import Sequence

JSON, TEXT, BYTES, STREAM = "application/json", "text/plain", "application/octet-stream", "text/event-stream"


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One of the query. `kind`: a type of JSON, or the words it may be; `many`: it may come again."""

    name: str
    about: str
    kind: Literal["string", "integer", "number"] | tuple[str, ...] = "string"
    required: bool = False
    many: bool = False
    default: Any = None
    least: int | None = None

    def schema(self) -> dict[str, Any]:
        """As JSON Schema."""
        schema: dict[str, Any] = {"type": "string", "enum": list(self.kind)} if isinstance(self.kind, tuple) else {"type": self.kind}
        schema |= {key: value for key, value in (("default", self.default), ("minimum", self.least)) if value is not None}
        return {"type": "array", "items": schema} if self.many else schema


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One address and method. `answer`: the type of its JSON, or none where `media` says what it is."""

    path: str
    about: str
    method: Literal["get", "post", "patch", "delete"] = "get"
    query: Sequence[Parameter] = ()
    answer: Any = None
    media: str = JSON
    body: Any = None


def _limit(default: int, what: str = "how many at most") -> Parameter:
    return Parameter(name="limit", about=what, kind="integer", default=default, least=1)


EXPERIMENT = Parameter(name="experiment", about="only runs of this experiment")
NAME = Parameter(name="name", about="the metric's name", required=True)
SOURCE = Parameter(name="source", about="call, log, printed, file; else the best there is")
ATTEMPT = Parameter(name="attempt", about="of a run that was resumed: only this attempt", kind="integer", least=1)
AFTER = Parameter(name="after", about="what comes after this key", kind="integer", least=0)
BEFORE = Parameter(name="before", about="the last ones before this key", kind="integer", least=0)
RUN = "/runs/{run}"
RUNS = Parameter(name="run", about="a run's id; once or more", many=True, required=True)
BUCKETS = (
    NAME,
    SOURCE,
    Parameter(name="count", about="so many at most", kind="integer", default=1_000, least=1),
    Parameter(name="from", about="the first step", kind="number"),
    Parameter(name="to", about="the last step", kind="number"),
    Parameter(name="from_time", about="the first moment, in milliseconds since the epoch", kind="number"),
    Parameter(name="to_time", about="the last moment", kind="number"),
    Parameter(name="from_age", about="the same since the run began, in milliseconds; of several runs since each began", kind="number"),
    Parameter(name="to_age", about="the last such time", kind="number"),
    Parameter(name="format", about="JSON, or columns of little-endian doubles", kind=("json", "f64"), default="json"),
    Parameter(name="epochs", about="1: also the columns epoch_min and epoch_max, behind the others", kind=("0", "1"), default="0"),
)

ROUTES: tuple[Route, ...] = (
    Route(path="/openapi.json", about="this document", answer=dict[str, Any]),
    Route(path="/experiments", about="experiments, the one used last first", answer=list[answers.Experiment]),
    Route(
        path="/runs",
        about="a page of runs",
        query=(
            EXPERIMENT,
            Parameter(name="status", about="Running, Completed, Failed, Canceled, Unknown"),
            Parameter(name="text", about="in the name, or the beginning of the id"),
            Parameter(name="parent", about="only runs that this run started"),
            Parameter(name="query", about="the language of docs/api.md"),
            Parameter(name="deleted", about="those that were deleted, instead", kind=("0", "1"), default="0"),
            Parameter(
                name="sort",
                about="started, number, duration, status, name, experiment, metric:NAME, param:NAME, tag:NAME",
                default="started",
            ),
            Parameter(name="order", about="the direction", kind=("down", "up"), default="down"),
            Parameter(name="metric", about="only these metrics come along", many=True),
            _limit(50),
            Parameter(name="offset", about="so many are passed over", kind="integer", default=0, least=0),
        ),
        answer=answers.Page,
    ),
    Route(
        path="/compare",
        about="what differs between runs",
        query=(Parameter(name="run", about="a run's id; twice or more", many=True, required=True),),
        answer=answers.Comparison,
    ),
    Route(path="/charts", about="what the charts of several runs begin with", query=(RUNS,), answer=list[answers.Charted]),
    Route(path="/buckets", about="a metric of several runs drawn", query=(RUNS, *BUCKETS), answer=list[answers.RunBuckets]),
    Route(path="/names", about="names that a query may ask for", query=(EXPERIMENT,), answer=answers.Names),
    Route(
        path="/sparklines",
        about="the course of metrics in a few values, by run and name",
        query=(
            Parameter(name="run", about="a run's id", many=True),
            Parameter(name="metric", about="a metric's name", many=True),
            Parameter(name="count", about="values of each at most", kind="integer", default=24, least=2),
        ),
        answer=dict[str, dict[str, list[float | None]]],
    ),
    Route(path="/events", about="server-sent events: `changed` whenever something was committed", media=STREAM),
    Route(path=RUN, about="a run", answer=answers.WholeRun),
    Route(path=RUN, method="patch", about="sets tags, name, description", body=changes.Edit, answer=answers.WholeRun),
    Route(path=RUN, method="delete", about="purges a deleted run, for good", answer=answers.Purged),
    Route(path=f"{RUN}/cancel", method="post", about="asks the run to stop", answer=answers.Canceled),
    Route(path=f"{RUN}/delete", method="post", about="deletes the run; it can be restored until it is purged", answer=answers.Deleted),
    Route(path=f"{RUN}/restore", method="post", about="brings a deleted run back", answer=answers.Deleted),
    Route(path=f"{RUN}/metrics", about="a run's metrics, a name once for each source", answer=list[answers.Series]),
    Route(
        path=f"{RUN}/points",
        about="a metric's points",
        query=(NAME, SOURCE, Parameter(name="first", about="from this ordinal on", kind="integer", default=0, least=0), _limit(10_000)),
        answer=answers.Points,
    ),
    Route(
        path=f"{RUN}/buckets",
        about="a metric drawn: consecutive points as one",
        query=BUCKETS,
        answer=answers.Buckets,
    ),
    Route(
        path=f"{RUN}/table",
        about="the rows and tables of a name, as columns",
        query=(Parameter(name="name", about="the name", required=True), _limit(10_000)),
        answer=answers.Table,
    ),
    Route(
        path=f"{RUN}/lines",
        about="the log, woven: its end, or what stands around a moment",
        query=(
            _limit(1_000),
            ATTEMPT,
            Parameter(name="at", about="a moment in milliseconds since the epoch; else the end", kind="integer", least=0),
            Parameter(name="line", about="with `at`: the line of the console that is meant, as a hit of /search has it"),
        ),
        answer=answers.Ending,
    ),
    Route(
        path=f"{RUN}/search",
        about="lines of the log that hold a text, a stretch at a time",
        query=(
            Parameter(name="text", about="what is looked for", required=True),
            Parameter(name="regex", about="it is a regular expression", kind=("0", "1"), default="0"),
            Parameter(name="since", about="`next` of the answer before"),
            ATTEMPT,
            _limit(200),
        ),
        answer=answers.Hits,
    ),
    Route(
        path=f"{RUN}/logs",
        about="log records",
        query=(AFTER, BEFORE, Parameter(name="min_level", about="from this level up", kind="integer"), ATTEMPT, _limit(1_000)),
        answer=list[answers.LogRecord],
    ),
    Route(
        path=f"{RUN}/console", about="the console as it was read", query=(AFTER, BEFORE, ATTEMPT, _limit(1_000)), answer=list[answers.Chunk]
    ),
    Route(
        path=f"{RUN}/console.txt",
        about="the console, byte for byte",
        query=(Parameter(name="fd", about="1 stdout, 2 stderr; else both", kind="integer", least=1),),
        media=TEXT,
    ),
    Route(
        path=f"{RUN}/printed",
        about="where a printed series' points were read",
        query=(
            NAME,
            Parameter(name="step", about="only the points of this step", kind="number"),
            _limit(5, "how many of the last ones"),
        ),
        answer=list[printed_answers.Origin],
    ),
    Route(
        path=f"{RUN}/printed/at",
        about="the points read from some bytes of the console",
        query=(
            Parameter(name="attempt", about="whose console", kind="integer", default=1, least=0),
            Parameter(name="fd", about="1 stdout, 2 stderr", kind="integer", default=1, least=0),
            Parameter(name="from", about="the first byte", kind="integer", default=0, least=0),
            Parameter(name="to", about="behind the last byte", kind="integer", least=0),
        ),
        answer=list[printed_answers.ReadThere],
    ),
    Route(
        path=f"{RUN}/progress", about="how far it is, whether it stalls, and lines that nobody could read", answer=printed_answers.Progress
    ),
    Route(
        path=f"{RUN}/rules",
        method="post",
        about="a rule to read it by, and its experiment",
        body=printed.Given,
        answer=printed_answers.Reread,
    ),
    Route(
        path=f"{RUN}/artifacts",
        about="files, in their last versions or all",
        query=(Parameter(name="all_versions", about="every version", kind=("0", "1"), default="0"),),
        answer=list[answers.File],
    ),
    Route(
        path=f"{RUN}/content",
        about="a file's bytes; ranges are served",
        query=(
            Parameter(name="path", about="the file's path", required=True),
            Parameter(name="version", about="else the last", kind="integer", least=1),
            Parameter(name="view", about="to be looked at, not kept", kind=("0", "1"), default="0"),
        ),
        media=BYTES,
    ),
    Route(
        path=f"{RUN}/sheet",
        about="the first rows of a Parquet file",
        query=(
            Parameter(name="path", about="the file's path", required=True),
            Parameter(name="version", about="else the last", kind="integer", least=1),
            _limit(200),
        ),
        answer=answers.Sheet,
    ),
    Route(
        path=f"{RUN}/files.zip",
        about="a folder of the run's files as a zip",
        query=(Parameter(name="folder", about="only what lies below it"),),
        media="application/zip",
    ),
    Route(path=f"{RUN}/snapshots/{{id}}", about="the zip of a folder that is kept with the run", media="application/zip"),
    Route(
        path=f"{RUN}/events",
        about="server-sent events of a run",
        query=(
            Parameter(name="since", about="the id of the last event"),
            Parameter(name="lines", about="the log woven", kind=("0", "1"), default="0"),
            ATTEMPT,
        ),
        media=STREAM,
    ),
)


def document(version: str) -> dict[str, Any]:
    """All of it."""
    types = [kind for route in ROUTES for kind in (route.answer, route.body) if kind is not None]
    schemas, components = msgspec.json.schema_components([*types, answers.Error], ref_template="#/components/schemas/{name}")
    named = dict(zip([*map(repr, types), repr(answers.Error)], schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(f"/api/v1{route.path}", {})[route.method] = _operation(route, named)
    about = "Tracked runs. A key may be added to an answer within v1; none is renamed, retyped or taken away. docs/api.md explains."
    return {
        "openapi": "3.1.0",
        "info": {"title": "Outrider", "version": version, "description": about, "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/"}],
        "security": [{"key": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "what portal.token in the home holds"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "outrider-…", "description": "what a browser got for the key"},
            },
        },
    }


def _operation(route: Route, named: dict[str, Any]) -> dict[str, Any]:
    answer = {
        "description": route.about,
        "content": {route.media: {"schema": named[repr(route.answer)]} if route.answer is not None else {}},
    }
    refused = {"description": "refused, with a sentence", "content": {JSON: {"schema": named[repr(answers.Error)]}}}
    parts = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in ("run", "id")
        if f"{{{name}}}" in route.path
    ]
    asked = [
        {"name": one.name, "in": "query", "description": one.about, "required": one.required, "schema": one.schema()} for one in route.query
    ]
    operation: dict[str, Any] = {"summary": route.about, "operationId": operation_id(route), "parameters": [*parts, *asked]}
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON: {"schema": named[repr(route.body)]}}}
    return operation | {"responses": {"200": answer, "default": refused}}


def operation_id(route: Route) -> str:
    """A name for generated clients: `get_runs_run_metrics`."""
    return "_".join([route.method, *[part.strip("{}").replace(".", "_") for part in route.path.split("/") if part]])
