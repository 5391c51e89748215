"""What the run API says of a run is shown: by `outrider show`, by the portal's API, on its page."""

from __future__ import annotations

import pytest
from cli_home import START, Home
from portal_rig import Portal

#: A picture of one grey point.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)


def said(home):
    """A parent with everything, and a child."""
    home.write(
        "parent1",
        "py-1-aaaaaaaa",
        {"k": "run", "t": START, "name": "first", "description": "what <it> is about", "type": "outrider.submitted"},
        {"k": "prop", "t": START, "n": "commit", "v": "abc"},
        {"k": "ph", "t": START, "ph": "Preparing"},
        {"k": "fig", "t": START, "n": "ROC", "p": "ROC_1.png", "ty": "image/png", "d": "of the test set"},
        {"k": "fig", "t": START, "n": "matrix", "p": "matrix", "ty": "azureml.v2.confusion_matrix"},
        {"k": "model", "t": START, "n": "ridge", "ver": 2, "p": "outputs/m.pkl", "files": {"m.pkl": [home.blob(b"m"), 1]}},
        {"k": "snap", "t": START, "id": "snap-1", "sha": home.blob(b"zip"), "size": 3, "files": 1, "root": "/home/x"},
    )
    home.artifact("parent1", "ROC_1.png", PNG)
    home.artifact("parent1", "matrix", b"{}")
    home.write("child1", "py-2-aaaaaaaa", {"k": "run", "t": START + 5, "name": "kid", "parent": "parent1"}, time=START + 5)


def test_show_has_it(tmp_path):
    """As text, and as JSON in the promised shapes."""
    home = Home(tmp_path / "home")
    said(home)
    home.ingest()
    document = home.json("show", "parent1")
    assert (document["description"], document["type"], document["phase"]) == ("what <it> is about", "outrider.submitted", "Preparing")
    assert [(one["name"], one["path"], one["type"]) for one in document["figures"]] == [
        ("ROC", "ROC_1.png", "image/png"),
        ("matrix", "matrix", "azureml.v2.confusion_matrix"),
    ]
    (model,) = document["models"]
    assert (model["name"], model["version"], model["path"], model["files"]) == ("ridge", 2, "outputs/m.pkl", {"m.pkl": 1})
    assert [one["id"] for one in document["snapshots"]] == ["snap-1"]
    assert document["children"] == ["child1"]
    code, out, _ = home.run("show", "parent1")
    assert code == 0
    for word in ("what <it> is about", "Running (Preparing)", "commit=abc", "ROC (image/png)", "ridge:2", "snap-1", "child1"):
        assert word in out


@pytest.fixture
def portal(home):
    made = Portal(home)
    yield made
    made.stop()


def test_the_portal_has_it(portal):
    """In its API and on its page, which is whole without scripts; text is escaped; figures and files have addresses that answer."""
    said(portal.home)
    portal.start()
    portal.flush()
    document = portal.api("/runs/parent1")
    assert (document["status"], document["why"]) == ("Running", "Preparing")
    (picture, chart) = document["figures"]
    assert portal.ask(picture["url"]).body == PNG
    assert portal.ask(chart["url"]).body == b"{}"
    assert document["children"] == [{"run_id": "child1", "number": 2, "name": "kid", "status": "Running"}]
    assert (document["models"][0]["name"], document["properties"]) == ("ridge", {"commit": "abc"})
    page = portal.ask("/runs/parent1").text
    for word in ("what &lt;it&gt; is about", "ROC", "of the test set", "ridge:2", 'href="/runs/child1"', "commit", "view=1"):
        assert word in page
    assert 'href="/runs/parent1"' in portal.ask("/runs/child1").text
    assert "start_logging" in portal.ask("/help").text


def test_a_page_in_a_browser_has_it_and_follows_it(portal, window):
    """What scripts draw is the same; a figure and a model that come later are there without a reload."""
    said(portal.home)
    portal.start()
    portal.flush()
    seen = window()
    for tab, words in (("overview", ("what <it> is about", "Preparing", "ridge:2", "kid", "commit")), ("images", ("of the test set",))):
        page = seen.open(f"/runs/parent1?tab={tab}")
        for word in words:
            page.get_by_text(word).first.wait_for()
    seen.wait("document.querySelector('main img')?.complete === true")
    portal.home.artifact("parent1", "later.png", PNG)
    line = {"k": "fig", "t": START + 9, "n": "later", "p": "later.png", "ty": "image/png"}
    portal.home.write("parent1", "py-1-aaaaaaaa", line)
    seen.wait("document.querySelectorAll('main img').length === 2")
    seen.allowed = ("Failed to load resource",)
    seen.shot("figures")
