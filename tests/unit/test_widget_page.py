"""What a run looks like in a cell and on a console: pure text from what is known of it."""

from __future__ import annotations

import random
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider import _widget_page as page

SECOND = 1_000_000_000


def shown(**changed):
    """A run as `_widget_data` gives it."""
    about = {"run_id": "r1", "name": "ridge", "experiment": "e", "number": 1, "status": "Running", "reason": None, "error": ""}
    more = {"started": 10 * SECOND, "ended": None, "portal": "http://127.0.0.1:1/runs/r1", "tags": {}, "properties": {}}
    known = {**about, **more, "metrics": {}, "children": [], "lines": [], "unknown": None, **changed}
    return {**known, "rows": page.rows(known["metrics"])}


class Elements(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data):
        self.text += data


FULL = shown(
    status="Failed",
    reason="signal",
    ended=85 * SECOND,
    error="Traceback: <boom>",
    tags={"selected": "yes"},
    metrics={
        "mse": [3.0, 2.0, 1.25],
        "alpha": 0.03,
        "wave": {"angle": [0.1, 0.2, 0.3], "cos": [0.9, 0.8, 0.7]},
        "note": "text",
        "ROC": "aml://artifactId/ExperimentRun/dcid.r1/ROC_1.png",
    },
    children=[shown(run_id="c1", name="child <1>", status="Completed", ended=12 * SECOND, metrics={"mse": [5, 4.5], "only": 1})],
    lines=["first", "\x1b[31mred\x1b[0m", " 10%\r100%"],
)


def test_the_page_has_all_that_is_known():
    """Status with its reason, duration, tags, metrics with their course, children as a table, the last lines, and a link."""
    text = page.html(FULL, 0)
    elements = Elements(text)
    for expected in ("ridge", "Failed", "(signal)", "1 min 15 s", "experiment e", "selected: yes", "mse", "1.25", "3 points, 1.25 to 3"):
        assert expected in elements.text, expected
    for expected in ("3 rows of angle, cos", "in the run's files", "child <1>", "4.5", "2.0 s", "red", "100%", "Traceback: <boom>"):
        assert expected in elements.text, expected
    assert "10%\r" not in elements.text
    assert 'href="http://127.0.0.1:1/runs/r1"' in text
    assert elements.tags.count("svg") == 2  # mse and wave


def test_the_page_has_no_script_and_loads_nothing():
    """Static HTML: it stays whole in a saved notebook."""
    elements = Elements(page.html(FULL, 0))
    assert not {"script", "iframe", "img", "link", "object", "embed"} & set(elements.tags)
    assert not [name for name in elements.attributes if name.startswith("on") or name == "src"]


def test_whatever_a_run_says_is_text_on_the_page():
    """Names, values, tags, lines, errors and links of a run are never taken for HTML."""
    evil = '<script>alert(1)</script>"onmouseover="x'
    run = shown(
        name=evil,
        experiment=evil,
        status=evil,
        reason=evil,
        error=evil,
        portal=evil,
        tags={evil: evil},
        metrics={evil: evil, "t": {evil: [1, 2]}},
        lines=[evil],
        unknown=evil,
    )
    elements = Elements(page.html({**run, "children": [{**run, "metrics": {evil: 1}}]}, 0))
    assert "script" not in elements.tags
    assert "onmouseover" not in elements.attributes


def test_the_text_has_the_same():
    """For a console: aligned columns, no colours."""
    text = page.text(FULL, 0)
    assert text.splitlines()[0] == "ridge: Failed (signal), experiment e, run r1, 1 min 15 s"
    for expected in ("  mse    1.25  █▄▁  3 points, 1.25 to 3", "child <1>", "  red", "  100%", "Details: http://127.0.0.1:1/runs/r1"):
        assert expected in text, expected
    assert "\x1b" not in text


def test_a_run_without_anything_is_short():
    """No heading without content."""
    text = page.text(shown(portal=None), 11 * SECOND)
    assert text == "ridge: Running, experiment e, run r1, 1.0 s\n"
    assert "<h5>" not in page.html(shown(), 11 * SECOND)


def test_what_cannot_be_read_is_said():
    """Rather than shown as nothing."""
    assert "Not all of it can be read at the moment: no agent" in page.html(shown(unknown="no agent"), 0)


@pytest.mark.parametrize(("seconds", "text"), [(0.44, "0.4 s"), (12.7, "12 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")])
def test_a_duration_is_said_shortly(seconds, text):
    """Two units at most."""
    assert page.duration(seconds) == text


def test_many_of_anything_stay_readable():
    """What is not shown is counted."""
    children = [shown(run_id=f"c{number}", metrics={"m": number}) for number in range(300)]
    text = page.html(shown(children=children, metrics={f"m{number}": 1 for number in range(30)}), 0)
    assert "and 250 more" in text
    assert "and 6 more" in text


def test_a_sparkline_of_many_points_keeps_its_peaks():
    """A million points draw as few, and the one that stands out is there."""
    values = [0.0] * 100_000
    values[54_321] = 1.0
    values[77_777] = -1.0
    svg = ET.fromstring(page.sparkline(values))
    ys = [float(point.split(",")[1]) for line in svg.findall("polyline") for point in line.get("points").split()]
    assert len(ys) == 140
    assert (min(ys), max(ys)) == (2, 24)


def test_a_gap_stays_a_gap():
    """NaN, infinities and texts are no points; what is left on both sides is not joined."""
    svg = ET.fromstring(page.sparkline([1, 2, float("nan"), float("inf"), "x", 3, 4]))
    assert len(svg.findall("polyline")) == 2
    assert page.sparkline([1]) == page.sparkline([]) == page.sparkline(["a", "b"]) == ""


@given(st.lists(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.none()), max_size=400))
def test_any_series_can_be_drawn(values):
    """Whatever was logged, both forms are made, and the SVG is well formed."""
    run = shown(metrics={"m": values, "t": {"x": values, "y": values}})
    page.text(run, 0)
    for part in page.html(run, 0).split("<svg")[1:]:
        ET.fromstring("<svg" + part.partition("</svg>")[0] + "</svg>")
    assert len(page.blocks(values)) <= 24


@given(st.text())
def test_any_line_is_one_line_of_text(line):
    """Whatever a terminal was told."""
    assert not {char for char in page.plain_line(line) if not char.isprintable() and char != "\t"}


def test_the_figures_that_most_children_have_come_first():
    """In whatever order the children are."""
    children = [shown(run_id=str(number), metrics={"rare": 1} if number == 0 else {"mse": 2, "mae": 3}) for number in range(5)]
    random.Random(0).shuffle(children)
    text = page.html(shown(children=children), 0)
    assert text.index(">mse<") < text.index(">mae<") < text.index(">rare<")
