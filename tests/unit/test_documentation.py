"""What the pages name is there: what links lead to, files of the tree, targets of make, commands and their options, decisions."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from outrider_agent.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PLACES = [ROOT, ROOT / "handler" / "outrider", ROOT / "agent" / "outrider_agent"]
DECISIONS = ROOT / "docs" / "decisions"
TREE = r"(?:agent|benchmarks|deploy|docs|examples|handler|portal|systemd|tests|tools)/[\w./*-]+"
#: A command up to what is not its own: another command's words, a remark, a second column, a pipe.
COMMAND = re.compile(r"(?:^ *|[$(;&] ?)outrider ([a-z]+)\b((?: (?! |-- |#|[|])[^ `\n]+)*)", re.MULTILINE)


@pytest.fixture(params=PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def page(request):
    return request.param


def anchors(path):
    """The addresses of a page's headings, as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text("utf8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_link_leads_somewhere(page):
    """To a file of the tree, and to a heading that it has."""
    for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text("utf8")):
        name, _, anchor = target.partition("#")
        path = page.parent / name if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def test_every_file_that_is_named_is_there(page):
    """Where a page sends somebody into the tree, or into one of the two packages."""
    named = re.findall(rf"`({TREE})`", page.read_text("utf8"))
    assert [name for name in named if not any(list(place.glob(name.rstrip("/"))) for place in PLACES)] == []


def test_every_target_of_make_is_in_the_makefile(page):
    """As it is typed: in code."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf8"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z]+)", page.read_text("utf8"), re.MULTILINE)) <= targets


def test_every_decision_that_is_named_is_written_down(page):
    """By its number."""
    written = {path.name[:4] for path in DECISIONS.glob("[0-9]*.md")}
    assert set(re.findall(r"decisions/(\d{4})", page.read_text("utf8"))) <= written


def options(parser):
    """Those of a command and of the commands below it."""
    found = {"--help"}
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            found = found.union(*map(options, action.choices.values()))
    return found


#: Of the handler's commands, some of which are parsed by hand, any option that its sources name.
BY_HAND = {found for path in (ROOT / "handler").rglob("*.py") for found in re.findall(r"--[a-z][a-z-]+", path.read_text("utf8"))}


def code(text):
    """What a page shows as code: inline, in blocks that are indented, and in fenced ones."""
    inline, indented = re.findall(r"`([^`\n]+)`", text), re.findall(r"^    (.+)$", text, re.MULTILINE)
    return [*inline, *indented, *re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)]


def test_every_command_that_is_shown_has_these_options(page):
    """In code, inline and in blocks."""
    for name, words in (found for piece in code(page.read_text("utf8")) for found in COMMAND.findall(piece)):
        assert name in main.COMMANDS or name in main.HANDLERS, f"outrider {name}"
        known = BY_HAND if name in main.HANDLERS else options(main.command_parser(name))
        assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", words)) <= known, f"outrider {name}{words}"


def test_a_number_that_was_not_used_has_no_decision():
    """The page on decisions says which: nobody looks for them."""
    unused = re.findall(r"\b\d{4}\b", (DECISIONS / "README.md").read_text("utf8"))
    assert unused != []
    assert [number for number in unused if list(DECISIONS.glob(f"{number}-*"))] == []
