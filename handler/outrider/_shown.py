"""What a run looks like in a cell of a notebook, and where the portal shows things."""

# ruff: noqa: SLF001 -- the run's own half
from __future__ import annotations

import os

from outrider import _signals

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    from outrider._known import KnownRun

DEFAULT_PORT = 7433


def address(home: str | None, *path: str, **query: str) -> str:
    """The address of a page of the portal: of the one that runs, else where the next one would be."""
    from urllib.parse import quote, urlencode

    asked = "?" + urlencode(query) if query else ""
    return _portal(home).rstrip("/") + "/" + "/".join(quote(part, safe="") for part in path) + asked


def file_address(home: str | None, run_id: str, name: str) -> str:
    """The address of a file of a run."""
    from outrider import _history

    if name == _history.CONSOLE:
        return address(home, "api", "v1", "runs", run_id, "console.txt")
    return address(home, "api", "v1", "runs", run_id, "content", path=name)


def _portal(home: str | None) -> str:
    import json

    from outrider import control

    if home is not None:
        control.wait_begun(home)  # it says its port when it is there: the first free one
    try:
        with open(os.path.join(home or "", "portal.json"), encoding="utf-8") as file:
            found = json.load(file)
        return str(found["url"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        _signals.pass_on(error)
        return f"http://127.0.0.1:{DEFAULT_PORT}/"


def run(shown: KnownRun) -> str:
    """A table of one row: experiment, id, type, status, and two links."""
    cells = [
        ("Experiment", _text(shown._experiment_name)),
        ("Id", _text(shown.id)),
        ("Type", _text(shown.type)),
        ("Status", _text(shown.status)),
        ("Details Page", _link(address(shown._home, "runs", shown.id), "Link to Outrider's portal")),
        ("Docs Page", _link(address(shown._home, "help"), "Link to Documentation")),
    ]
    return table(cells)


def table(cells: list[tuple[str, str]]) -> str:
    """A table of one row; the cells are HTML."""
    heads = "".join(f"<th>{name}</th>" for name, _ in cells)
    return f'<table style="width:100%"><tr>{heads}</tr><tr>{"".join(f"<td>{cell}</td>" for _, cell in cells)}</tr></table>'


def experiment(name: str, workspace: str, home: str | None) -> str:
    """The same of an experiment."""
    pages = [
        ("Report Page", _link(address(home, "runs", experiment=name), "Link to Outrider's portal")),
        ("Docs Page", _link(address(home, "help"), "Link to Documentation")),
    ]
    return table([("Name", _text(name)), ("Workspace", _text(workspace)), *pages])


def _text(value: Any) -> str:
    from html import escape

    return "" if value is None else escape(str(value))


def _link(url: str, words: str) -> str:
    from html import escape

    return f'<a href="{escape(url)}" target="_blank" rel="noopener">{words}</a>'
