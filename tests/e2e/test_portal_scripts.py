"""The scripts themselves: what is served is what was written."""

from __future__ import annotations

import json
import subprocess
import sys

from portal_rig import ROOT

SENT = """
import hatch_build, json
files = [path for path in hatch_build.SOURCES.iterdir() if path.suffix in (".js", ".css")]
print(json.dumps({path.name: hatch_build.without_comments(path.read_text()) for path in files}))
"""


def test_the_static_files_are_the_sources():
    """What is served is what is in portal/, without comments and indentation: where this fails, run: make portal."""
    folder = ROOT / "agent" / "outrider_agent" / "portal" / "static"
    sources = json.loads(subprocess.run([sys.executable, "-c", SENT], cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == sources
    assert {"preact.js", "preact.LICENSE", "uplot.js", "uplot.LICENSE"} <= {path.name for path in (folder / "vendor").iterdir()}
