"""What a user changes in the portal: tags and names, by the spool; deletion, undone until it is purged. And the query of the list."""

from __future__ import annotations

import json

import pytest
from cli_home import START, Home
from portal_rig import Portal

SNAPSHOT = b"PK\x05\x06" + bytes(18)
END = {"k": "end", "status": "Completed", "reason": "completed"}


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """Five runs that ended, one of them another's child, and one that nobody ended."""
    home = tmp_path_factory.mktemp("changes") / "home"
    made = Home(home)
    for number in range(5):
        at = START + number * 10**9
        lines = [{"k": "m", "t": at, "n": "mse", "v": number / 10, "s": step} for step in range(3)]
        parent = {"parent": "run0"} if number == 4 else {}
        made.write(
            f"run{number}",
            "py-1-aaaaaaaa",
            {"k": "run", "t": at, "name": f"n{number}", **parent},
            *lines,
            {**END, "t": at + 10**9},
            time=at,
        )
    sha = made.blob(SNAPSHOT)
    made.write("run0", "sub-1-bbbbbbbb", {"k": "snap", "t": START, "id": "s1", "sha": sha, "size": len(SNAPSHOT)}, own=False)
    made.write("alive", "py-1-aaaaaaaa", {"k": "param", "t": START, "n": "lr", "v": 0.1})
    made.ingest()
    running = Portal(home).start(OUTRIDER_PORTAL_PORT="0")
    yield running
    running.stop()


def patch(portal, run, **change):
    return portal.ask(f"/api/v1/runs/{run}", "PATCH", body=json.dumps(change))


def listed(portal, query=""):
    return sorted(run["run_id"] for run in portal.api(f"/runs?{query}")["runs"])


def test_a_tag_is_set_and_taken_away_and_is_a_line_of_the_spool(portal):
    """So every sink learns of it; the answer is the run as it is in the store by then."""
    assert patch(portal, "run1", tags={"stage": "final", "score": 0.5}, name="best").json()["tags"] == {"score": 0.5, "stage": "final"}
    assert portal.api("/runs/run1")["name"] == "best"
    assert listed(portal, "query=tags.stage%20%3D%20final") == ["run1"]
    assert patch(portal, "run1", tags={"score": None}, description="the one").json()["tags"] == {"stage": "final"}
    assert portal.api("/runs/run1")["description"] == "the one"


@pytest.mark.parametrize("body", ["", "[]", '{"status": "Completed"}', '{"tags": {"a": []}}', "\udcff"])
def test_what_cannot_be_changed_is_refused(portal, body):
    """With a sentence; nothing is changed. An empty body changes nothing."""
    answer = portal.ask("/api/v1/runs/run1", "PATCH", body=body.encode("utf-8", "surrogateescape"))
    assert answer.status == (200 if not body else 400)
    assert portal.ask("/api/v1/runs/none", "PATCH", body="{}").status == 404


def test_a_deleted_run_is_hidden_everywhere_until_it_is_restored(portal):
    """Lists, counts, the command line and scripts pass it over; its own page and address stay, and say so."""
    before = portal.api("/experiments")[0]["runs"]
    for _ in range(2):  # idempotent
        assert portal.ask("/api/v1/runs/run2/delete", "POST").json() == {"run": "run2", "deleted": True}
    assert "run2" not in listed(portal)
    assert listed(portal, "deleted=1") == ["run2"]
    assert portal.api("/experiments")[0]["runs"] == before - 1
    assert "run2" not in [run["run_id"] for run in portal.home.json("runs")]
    assert portal.api("/runs/run2")["deleted"] is not None
    assert portal.api("/runs/run2/metrics")[0]["count"] == 3
    assert portal.ask("/api/v1/runs/run2/restore", "POST").json() == {"run": "run2", "deleted": False}
    assert "run2" in listed(portal)
    assert portal.api("/runs/run2")["deleted"] is None


def test_only_what_was_deleted_can_be_purged_and_then_it_is_gone(portal):
    """There is a step between a click and the loss of data."""
    assert portal.ask("/api/v1/runs/run3", "DELETE").status == 400
    assert "run3" in listed(portal)
    portal.ask("/api/v1/runs/run3/delete", "POST")
    assert portal.ask("/api/v1/runs/run3", "DELETE").json() == {"run": "run3", "purged": True, "blobs": 0}
    assert portal.ask("/api/v1/runs/run3").status == 404
    assert portal.ask("/api/v1/runs/run3/restore", "POST").status == 404


def test_a_run_that_goes_on_is_not_deleted(portal):
    """It would come back with its next line, half of it."""
    answer = portal.ask("/api/v1/runs/alive/delete", "POST")
    assert (answer.status, "still running" in answer.json()["error"]) == (409, True)
    assert "alive" in listed(portal)


def test_children_are_listed_by_their_parent_and_a_deleted_one_is_not(portal):
    """A run leads to its child runs."""
    assert listed(portal, "parent=run0") == ["run4"]
    portal.ask("/api/v1/runs/run4/delete", "POST")
    assert listed(portal, "parent=run0") == []
    assert portal.api("/runs/run0")["children"] == []
    portal.ask("/api/v1/runs/run4/restore", "POST")
    assert [one["run_id"] for one in portal.api("/runs/run0")["children"]] == ["run4"]


def test_a_query_is_answered_with_counts_or_with_the_place_of_its_error(portal):
    """What is typed is never SQL."""
    found = portal.api("/runs?query=metrics.mse%20%3E%3D%200.1&metric=mse")
    assert found["total"] == sum(found["statuses"].values()) == len(found["runs"])
    assert {name for run in found["runs"] for name in run["metrics"]} == {"mse"}
    answer = portal.ask("/api/v1/runs?query=metrics.mse%20%3E")
    assert answer.status == 400
    assert answer.json()["at"] == 13
    assert portal.ask("/api/v1/runs?query=%27%3B%20DROP%20TABLE%20runs").status == 400


def test_names_and_sparklines_are_told(portal):
    """What a query may ask for, and the course of a metric in few values."""
    assert portal.api("/names")["metrics"] == ["mse"]
    assert portal.api("/names?experiment=none")["metrics"] == []
    assert portal.api("/sparklines?run=run1&run=none&metric=mse&metric=none&count=2") == {"run1": {"mse": [0.1, 0.1]}}


def test_a_snapshot_is_downloaded_as_it_was_kept(portal):
    """By the address that the run names it with; one that is not there is told."""
    (kept,) = portal.api("/runs/run0")["snapshots"]
    answer = portal.ask(kept["url"])
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, SNAPSHOT, "application/zip")
    assert "run0-snapshot.zip" in answer.headers["Content-Disposition"]
    assert portal.ask("/api/v1/runs/run0/snapshots/none").status == 404


def test_the_command_line_asks_and_restores(portal):
    """By the same query; where it is wrong, the place is shown under it."""
    assert [run["run_id"] for run in portal.home.json("runs", "--query", "parent = run0")] == ["run4"]
    code, _, err = portal.home.run("runs", "-q", "metrics.mse >")
    assert code == 1
    assert "\n             ^ A value is expected" in err
    portal.ask("/api/v1/runs/run4/delete", "POST")
    assert [run["run_id"] for run in portal.home.json("runs", "--deleted")] == ["run4"]
    assert portal.home.run("restore", "run4")[:2] == (0, "restored 1 run\n")
    assert portal.home.json("runs", "--deleted") == []
