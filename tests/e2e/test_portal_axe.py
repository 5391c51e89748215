"""Nothing on any page keeps somebody out: axe-core finds nothing serious, in light, in dark and on a phone."""

from __future__ import annotations

import subprocess
import sys

import pytest
from portal_rig import PATIENCE_S, ROOT, Portal
from test_portal_pages import TRAINS

AXE = ROOT / "portal" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """rules => axe.run(document, { runOnly: rules, resultTypes: ["violations"] }).then((found) => found.violations
    .filter((one) => one.impact === "serious" || one.impact === "critical")
    .map((one) => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`))"""
TABS = ("overview", "metrics", "logs", "charts", "images", "children", "details")
PAGES = [
    *("/", "/help", "/runs", "/runs?query=statsu+="),
    *("/compare", "/compare?{both}", "/compare?{both}&tab=charts", "/compare?{both}&tab=logs"),
    *(f"/runs/{{run}}?tab={tab}" for tab in TABS),
    *("/runs/{run}?tab=metrics&view=table", "/runs/{run}?tab=files&file=outputs/table.csv"),
]
#: Colours are looked at in dark too, widths on a phone: on the pages that differ most.
FEW = ["/", "/runs", "/compare?{both}", "/runs/{run}?tab=overview", "/runs/{run}?tab=metrics", "/runs/{run}?tab=logs"]
LOOKS = {"light": ({"width": 1280}, PAGES), "dark": ({"width": 1280, "dark": True}, FEW), "phone": ({"width": 360, "height": 740}, FEW)}


@pytest.fixture(scope="module")
def axe():
    """Its source."""
    return source()


def source():
    """Installed where it is not there yet. It is npm's, and never committed."""
    if not AXE.is_file():
        subprocess.run([sys.executable, "hatch_build.py", "check"], cwd=ROOT, check=True, timeout=PATIENCE_S, capture_output=True)
    return AXE.read_text()


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    made = Portal(tmp_path_factory.mktemp("axe") / "home")
    made.start(OUTRIDER_PORTAL_PORT="0")
    child = '\nwith run.child_run("kid") as kid:\n    kid.log("x", 1)\n'
    made.run(TRAINS + child, tmp_path_factory.mktemp("train"), experiment="vision", name="resnet")
    made.run("import logging\nlogging.error('bad')\nraise ValueError('no')", tmp_path_factory.mktemp("fails"), experiment="vision")
    made.flush()
    yield made
    made.stop()


@pytest.mark.parametrize("name", ["light", *(pytest.param(name, marks=pytest.mark.full) for name in ("dark", "phone"))])
def test_axe_finds_nothing_serious(portal, window, axe, name):
    """On any page, whatever it shows."""
    look, pages = LOOKS[name]
    seen = window(**look)
    seen.allowed = ("400",)
    runs = {run["number"]: run["run_id"] for run in portal.api("/runs")["runs"]}
    names = {"run": runs[1], "both": f"run={runs[1]}&run={runs[3]}"}
    found = {}
    for path in pages:
        page = seen.open(path.format(**names))
        page.locator("main h1, main h2").first.wait_for()
        page.evaluate(axe)
        if wrong := page.evaluate(RUN, RULES):
            found[path] = wrong
    assert found == {}
