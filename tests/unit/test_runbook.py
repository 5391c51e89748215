"""docs/operations.md has every warning that the agent can print, what it means for the data, and what to do."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from outrider_agent import service

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf8")


def events():
    """The name of every event that is logged as a warning or worse, with the files that say it."""
    found = {}
    for path in sorted((ROOT / "agent").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("warning", "error", "exception"):
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.setdefault(first.value, []).append(path.name)
    return found


def rows():
    """The runbook: event -> its other two columns."""
    table = PAGE.partition("## Runbook")[2]
    return {event: cells.strip(" |").split(" | ") for event, cells in re.findall(r"^\| `(\w+)` \|(.*)$", table, re.MULTILINE)}


def test_every_warning_is_in_the_runbook():
    """Somebody woken by an event finds it on the page. A new one: add its row to docs/operations.md."""
    assert len(events()) > 15
    assert {name: files for name, files in events().items() if name not in rows()} == {}


def test_every_row_says_what_it_means_and_what_to_do():
    """Two columns, neither empty, in the order of the alphabet."""
    assert all(len(cells) == 2 and all(len(cell) > 5 for cell in cells) for cells in rows().values())
    assert list(rows()) == sorted(rows())


def test_the_page_names_the_settings_that_a_reload_takes():
    """And no other: the sentence on SIGHUP is the code's list."""
    section = PAGE.partition("## Settings, again")[2].partition("\n## ")[0].partition("Everything else")[0]
    assert set(re.findall(r"`(\w+\.\w+)`", section)) == service.RELOADED
