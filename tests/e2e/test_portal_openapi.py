"""The API as it is documented for machines, held to the server: every route, every parameter, the shape of every answer."""

from __future__ import annotations

import io
import json
import re
from urllib.parse import quote, urlencode

import msgspec
import pyarrow as pa
import pytest
from cli_home import ridge
from portal_rig import ROOT, Portal
from pyarrow import parquet

from outrider_agent.portal import answers, openapi

RUN = "9f3c0aa1b2c4"
#: What an example request asks for, where a parameter is required.
EXAMPLES = {"name": "loss", "path": "outputs/model.pkl", "run": [RUN, "other"], "text": "epoch"}
READS = [route for route in openapi.ROUTES if route.method == "get"]
JSON_READS = [route for route in READS if route.answer is not None]


def ids(route):
    return openapi.operation_id(route)


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """A run that has a little of everything, and another."""
    made = Portal(tmp_path_factory.mktemp("openapi") / "home")
    ridge(made.home)
    at = 1_700_000_000_000_000_000
    end = {"k": "end", "t": at + 1, "status": "Completed", "reason": "completed"}
    made.home.write(
        "other", "py-1-aaaaaaaa", {"k": "run", "t": at, "parent": RUN}, {"k": "m", "t": at, "n": "loss", "v": "NaN"}, end, time=at
    )
    printed = {"k": "c", "t": at, "f": 2, "o": 1 << 20, "d": "epoch 1: loss=0.5\nepoch 2: loss=0.25\n"}
    made.home.write(RUN, "keeper-9-bbbbbbbb", printed, own=False, time=at)
    made.home.write("gone", "py-1-aaaaaaaa", {"k": "param", "t": at, "n": "lr", "v": 1}, end, time=at)
    table = io.BytesIO()
    parquet.write_table(pa.table({"step": [1, 2]}), table)
    made.home.artifact(RUN, "outputs/t.parquet", table.getvalue())
    made.home.ingest()
    made.start(OUTRIDER_PORTAL_PORT="0")
    yield made
    made.stop()


def address(route, **more):
    """An example request of the route."""
    query = {one.name: EXAMPLES[one.name] for one in route.query if one.required} | more
    if route.path.endswith("/table"):
        query["name"] = "table"
    if route.path.endswith("/sheet"):
        query["path"] = "outputs/t.parquet"
    return f"/api/v1{route.path.replace('{run}', RUN)}" + (f"?{urlencode(query, doseq=True, quote_via=quote)}" if query else "")


def test_every_address_that_is_documented_for_people_is_here_and_no_other():
    """docs/api.md is held to the server by test_portal_api; this one to docs/api.md."""
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    reads = {("get", path) for path in re.findall(r"^\| `(/[^`]+)`", page, re.MULTILINE)}
    writes = {(method.lower(), path) for method, path in re.findall(r"^\| `(POST|PATCH|DELETE) (/[^`]+)`", page, re.MULTILINE)}
    assert {(route.method, route.path) for route in openapi.ROUTES} == reads | writes


def test_the_document_is_whole(portal):
    """Each reference leads somewhere, each operation has a name of its own, and it is what the module says."""
    document = portal.api("/openapi.json")
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    referred = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert referred <= set(document["components"]["schemas"])
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) == len(openapi.ROUTES)


@pytest.mark.parametrize("route", [route for route in JSON_READS if not route.path.endswith("/table")], ids=ids)
def test_an_answer_has_the_documented_shape(portal, route):
    """Every key that is there is declared, and of its type; what is declared is there."""
    answer = portal.ask(address(route))
    assert answer.status == 200, answer.text
    msgspec.json.decode(answer.body, type=route.answer)


@pytest.mark.parametrize("route", READS, ids=ids)
def test_every_documented_parameter_is_looked_at(portal, route):
    """A number that is none, and a word that is none of its words, are refused with a sentence; a required one that is missing too."""
    for one in route.query:
        if one.kind != "string":
            answer = portal.ask(address(route, **{one.name: "x"}))
            assert answer.status == 400, one.name
            assert one.name in msgspec.json.decode(answer.body, type=answers.Error).error
        if one.required and not route.media.startswith("application/octet"):
            assert portal.ask(address(route).partition("?")[0]).status == 400, one.name


@pytest.mark.parametrize("route", [route for route in openapi.ROUTES if "{run}" in route.path and route.media == openapi.JSON], ids=ids)
def test_a_run_that_is_not_there_is_an_error_of_the_documented_shape(portal, route):
    """404, one sentence."""
    answer = portal.ask(address(route).replace(RUN, "nobody"), route.method.upper())
    assert answer.status == 404
    assert "nobody" in msgspec.json.decode(answer.body, type=answers.Error).error


def test_what_changes_something_answers_as_documented(portal):
    """In the order of a run's end: edited, deleted, restored, purged."""
    by_path = {(route.method, route.path): route for route in openapi.ROUTES}

    def done(method, path, body=None):
        answer = portal.ask(f"/api/v1{path.replace('{run}', 'gone')}", method.upper(), body=body)
        assert answer.status == 200, answer.text
        return msgspec.json.decode(answer.body, type=by_path[method, path].answer)

    assert done("patch", "/runs/{run}", '{"tags": {"a": 1}}').tags == {"a": 1}
    assert done("post", "/runs/{run}/delete").deleted
    assert not done("post", "/runs/{run}/restore").deleted
    done("post", "/runs/{run}/delete")
    assert done("delete", "/runs/{run}").purged
