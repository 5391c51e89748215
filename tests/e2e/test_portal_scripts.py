"""The scripts themselves: they tell the log as the command line does, and what is served is what was written."""

from __future__ import annotations

import base64
import json
import random

import pytest
from cli_home import START
from portal_rig import ROOT, Portal

from outrider_agent.cli import journal
from outrider_agent.portal import shapes
from outrider_agent.store import reading


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    """An agent without a run."""
    made = Portal(tmp_path_factory.mktemp("portal") / "home")
    yield made.start(OUTRIDER_PORTAL_PORT="0")
    made.stop()


def test_the_scripts_weave_the_log_as_the_command_line_does(portal, window, home):
    """Lines and records: for the same chunks and records both tell the same, in the same order. (Echoes the page tells by less.)"""
    seen = window()
    root = seen.page.get_attribute("link[rel=stylesheet]", "href").rpartition("/")[0]
    choose = random.Random(7)
    for number in range(12):
        home_ = Portal(home / str(number)).home
        told(home_, choose)
        home_.ingest()
        with reading.Reader(home_.path / "outrider.db") as store:
            entries = journal.tail(store, "woven", 10_000, with_echoes=True)
            logs, chunks = store.logs("woven"), store.console("woven")
        news = {
            "logs": [json.loads(shaped(one, "log")) for one in logs],
            "console": [json.loads(shaped(one, "chunk")) for one in chunks],
            "skipped": False,
        }
        lines, rest = seen.page.evaluate(WEAVE, [root, news])
        whole = [[one.stream, one.text] for one in entries if one.line is None or one.line.whole]
        assert sorted(lines) == sorted(whole)
        assert [one for one in lines if one[0] == "log"] == [one for one in whole if one[0] == "log"]
        # The first byte of a sign that is not there yet is nothing in a browser, and a replacement sign on a terminal.
        open_ = [one.text.rstrip("\ufffd") for one in entries if one.line is not None and not one.line.whole]
        assert [text.rstrip("\ufffd") for text in rest if text.rstrip("\ufffd")] == [text for text in open_ if text]


WEAVE = """async ([root, news]) => {
  const { Transcript } = await import(`${root}/transcript.js`);
  const all = new Transcript();
  all.add(news);
  return [all.entries.map((one) => [one.stream, one.text]), all.rest().map((one) => one.text)];
}"""


def shaped(one, kind):
    """As the API spells it."""
    return shapes.encoded(getattr(shapes, kind)(one))


def told(home, choose):
    """A run with records, their prints in several formats, other lines, cut anywhere, and what is no UTF-8."""
    text, lines, offset = b"", [], 0
    formats = ["INFO:train:{}\n", "{}\n", "2026-01-01 10:00:00,123 INFO train {}\n", "x{}\n"]
    for number in range(30):
        at = START + number * 20_000_000
        message = f"said {number}" + ("\nmore" if number % 7 == 3 else "")
        if choose.random() < 0.6:
            lines.append({"k": "l", "t": at, "lv": 20, "lg": "train", "msg": message})
            if choose.random() < 0.7:
                text += choose.choice(formats).format(message).encode()
        if choose.random() < 0.6:
            text += choose.choice([b"plain\n", "späß \U0001f680\n".encode(), b"bar 1\rbar 2\r", b"\xff\xfe\n", b"no end"])
        cut = choose.randint(0, len(text))
        if cut:
            piece = text[:cut]
            home.write(
                "woven", "keeper-1-bbbbbbbb", {"k": "c", "t": at + 5_000_000, "f": 1, "o": offset, "b": base64.b64encode(piece).decode()}
            )
            offset, text = offset + cut, text[cut:]
    home.write("woven", "py-1-aaaaaaaa", *lines, own=False)


def test_the_static_files_are_the_sources(portal):
    """What is served is what is in portal/: where this fails, run: make portal."""
    folder = ROOT / "agent" / "outrider_agent" / "portal" / "static"
    sources = {path.name: path.read_text() for kind in ("*.js", "*.css") for path in (ROOT / "portal").glob(kind)}
    assert {path.name: path.read_text() for path in folder.iterdir() if path.is_file()} == sources
    assert {"preact.js", "preact.LICENSE", "uplot.js", "uplot.LICENSE"} <= {path.name for path in (folder / "vendor").iterdir()}
