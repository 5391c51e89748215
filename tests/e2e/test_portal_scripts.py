"""The scripts themselves: what is served is what was written."""

from __future__ import annotations

from portal_rig import ROOT


def test_the_static_files_are_the_sources():
    """What is served is what is in portal/: where this fails, run: make portal."""
    folder = ROOT / "agent" / "outrider_agent" / "portal" / "static"
    sources = {path.name: path.read_text() for kind in ("*.js", "*.css") for path in (ROOT / "portal").glob(kind)}
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == sources
    assert {"preact.js", "preact.LICENSE", "uplot.js", "uplot.LICENSE"} <= {path.name for path in (folder / "vendor").iterdir()}
