"""The scripts themselves: what is served is what was written."""

from __future__ import annotations

import json
import subprocess
import sys

from portal_rig import ROOT

SENT = "import hatch_build as h, json; print(json.dumps({p.name: h.without_comments(p.read_text()) for p in h.SOURCES.glob('*.js')}))"


def test_the_static_files_are_the_sources():
    """What is served is what is in portal/, scripts without their comments: where this fails, run: make portal."""
    folder = ROOT / "agent" / "outrider_agent" / "portal" / "static"
    sources = json.loads(subprocess.run([sys.executable, "-c", SENT], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    sources |= {path.name: path.read_text() for path in (ROOT / "portal").glob("*.css")}
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == sources
    assert {"preact.js", "preact.LICENSE", "uplot.js", "uplot.LICENSE"} <= {path.name for path in (folder / "vendor").iterdir()}
