"""docs/cli.md is true: its examples parse, and have exactly the keys that the commands answer with."""

from __future__ import annotations

import json
import re

import pytest
from cli_home import ROOT, START, Home, ridge

from outrider_agent.cli import main

PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")


def examples():
    """The first example of each section on a --json: heading -> document (or its first line)."""
    found = {}
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        heading = re.match(r"`([a-zA-Z ]+) --json`", section).group(1)
        block = re.search(r"```json\n(.*?)```", section, re.DOTALL).group(1)
        found[heading] = json.loads(block.splitlines()[0] if heading.startswith("logs") else block)
    return found


EXAMPLES = examples()


def first(document):
    """A list stands for its first element."""
    return document[0] if isinstance(document, list) else document


def keys(document):
    """Its keys but for the mark of what was left out."""
    return set(first(document)) - {"…"}


@pytest.fixture
def tracked(home, monkeypatch):
    """A home with one run, its records in the store, and no agent."""
    monkeypatch.setenv("OUTRIDER_AGENT_AUTOSTART", "0")
    made = Home(home)
    ridge(made)
    made.ingest()
    return made


@pytest.mark.parametrize("heading", sorted(set(EXAMPLES) - {"ui"}))  # needs an agent: tests/e2e/test_ui.py
def test_every_documented_shape_has_the_keys_of_the_answer(tracked, capsys, heading):
    """None missing, none more."""
    words = heading.replace("RUN", "9f3c0aa1b2c4").replace("NAME", "loss").split()
    if words[0] == "flush":
        tracked.write("9f3c0aa1b2c4", "py-1-aaaaaaaa", {"k": "m", "t": START, "n": "late", "v": 1})
        words += ["--timeout", "0"]
    code = main.main([*words, "--json"])
    assert code == (1 if words[0] == "flush" else 0)
    out = capsys.readouterr().out
    answer = json.loads(out.splitlines()[0] if words[0] == "logs" else out)
    documented = EXAMPLES[heading]
    if heading == "metrics RUN":
        assert keys(documented["loss"]) == keys(answer["loss"])
        return
    wanted = keys(documented) | (keys(EXAMPLES["runs"]) if "…" in documented else set())
    assert wanted == keys(answer)
    for key in wanted & keys(documented):
        inner, real = first(documented)[key], first(answer)[key]
        if isinstance(inner, list) and inner and isinstance(inner[0], dict) and real and "…" not in inner[0]:
            assert keys(inner) == keys(real), key


def test_every_command_is_on_the_page():
    """And the page has no other."""
    listed = set(re.findall(r"^\| `(\w+)", PAGE, re.MULTILINE))
    assert listed == {*main.COMMANDS, *main.HANDLERS}


def test_the_exit_codes_are_those_of_the_page():
    """The page names them."""
    assert f"{main.INTERRUPTED} Ctrl-C" in PAGE
    assert f"{main.BROKEN_PIPE} the reader of stdout went away" in PAGE


def test_the_vocabulary_of_reasons_is_the_page_s():
    """`reason` is one of a fixed list."""
    from outrider import record

    section = PAGE[PAGE.index("`reason` is null while it runs") :]
    named = set(re.findall(r"`([a-z-]+)`", section[: section.index("(docs/spool.md")])) - {"reason"}
    assert named == set(record.REASONS)
