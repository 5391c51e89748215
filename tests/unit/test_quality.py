"""
The numbers of this house: functions, classes and files stay small, and few handlers catch everything.

They are measured, not felt: large units and broad `except` are what separates code that is hard to trust from code that is not.
Lengths of functions and classes are counted without docstrings. Where a test here fails, split by meaning, not by the ruler.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["handler", "agent", "tests", "benchmarks"]
OURS = ["handler", "agent"]

KINDS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# How many handlers may catch everything: the places that docs/architecture.md lists, each one function.
BROAD_SHARE = 0.10
# What `until` waits for where nothing else is said.
PATIENCE_S = 60


def sources(part):
    return sorted(path for path in (ROOT / part).rglob("*.py") if "__pycache__" not in path.parts)


def documented(node):
    """Lines of its docstring."""
    first = node.body[0]
    return first.end_lineno - first.lineno + 1 if ast.get_docstring(node, clean=False) is not None else 0


def length(node):
    """Lines of a definition, without its docstring; of a class, without those of its methods either."""
    inside = [inner for inner in ast.walk(node) if isinstance(inner, KINDS)] if isinstance(node, ast.ClassDef) else [node]
    return node.end_lineno - node.lineno + 1 - sum(documented(inner) for inner in inside)


def is_broad(handler):
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"BaseException"}
    return bool(names & {"Exception", "BaseException"})


def raises(handler):
    """Does it end by raising? Then it only cleans up, or translates."""
    return isinstance(handler.body[-1], ast.Raise)


def called(node):
    """The last name of what is called."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def is_short(node):
    """Is it told to wait for less than the house's patience?"""
    given = [*node.args[1:2], *(word.value for word in node.keywords if word.arg == "timeout")]
    return any(isinstance(one, ast.Constant) and one.value < PATIENCE_S for one in given)


@cache
def measured(path):
    """What the rules ask of a file, by their names. It is parsed once; its tree is not kept: a million nodes burden every test."""
    text = path.read_text("utf8")
    lines, tree, name = text.splitlines(), ast.parse(text), path.relative_to(ROOT)
    found = {kind: [] for kind in ("functions", "classes", "handlers", "swallow", "sleeps", "short")}
    for node in ast.walk(tree):
        where = f"{name}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found["functions"].append((length(node), f"{where} {node.name}"))
        elif isinstance(node, ast.ClassDef):
            found["classes"].append((length(node), f"{where} {node.name}"))
        elif isinstance(node, ast.ExceptHandler):
            found["handlers"].append(where)
            found["swallow"] += [where] if is_broad(node) and not raises(node) else []
        elif isinstance(node, ast.Call) and called(node) in {"sleep", "until"}:
            is_said = "#" in lines[node.lineno - 1]
            found["sleeps"] += [where] if ast.unparse(node.func) in {"time.sleep", "sleep"} and not is_said else []
            found["short"] += [where] if called(node) == "until" and is_short(node) and not is_said else []
    return found | {"has_rules": not text or bool(ast.get_docstring(tree))}


def all_of(part, what):
    return [one for path in sources(part) for one in measured(path)[what]]


@pytest.mark.parametrize("part", PARTS)
def test_nine_in_ten_functions_have_at_most_25_lines(part):
    """p90: what one reads at a glance."""
    found = all_of(part, "functions")
    long = [row for row in found if row[0] > 25]
    assert len(long) <= len(found) / 10, long


@pytest.mark.parametrize("part", PARTS)
def test_no_function_has_more_than_75_lines(part):
    """The tail is where trust goes."""
    assert [row for row in all_of(part, "functions") if row[0] > 75] == []


@pytest.mark.parametrize("part", PARTS)
def test_no_class_has_more_than_200_lines(part):
    """A class of a thousand lines was small once."""
    assert [row for row in all_of(part, "classes") if row[0] > 200] == []


@pytest.mark.parametrize("part", PARTS)
def test_no_file_has_more_than_400_lines(part):
    """One noun a file."""
    found = [(path.read_text("utf8").count("\n"), str(path.relative_to(ROOT))) for path in sources(part)]
    assert [row for row in found if row[0] > 400] == []


@pytest.mark.parametrize("part", PARTS)
def test_every_file_opens_with_its_rules(part):
    """A newcomer reads there what lives in the file."""
    assert [str(path.relative_to(ROOT)) for path in sources(part) if not measured(path)["has_rules"]] == []


def test_at_most_one_handler_in_ten_catches_everything():
    """What is swallowed is swallowed in few, named places; all else is caught by its type. One that raises again swallows nothing."""
    handlers, broad = ([where for part in OURS for where in all_of(part, what)] for what in ("handlers", "swallow"))
    assert len(broad) <= max(3, len(handlers) * BROAD_SHARE), broad


def test_few_tests_use_mocks():
    """What can be run is run: at most 4 replaced objects in 100 tests."""
    text = "\n".join(path.read_text("utf8") for path in sources("tests") if path != Path(__file__))
    tests = text.count("def test_")
    mocks = sum(text.count(word) for word in ("MagicMock", "AsyncMock", "Mock(", "monkeypatch.setattr", "mocker."))
    assert mocks <= max(4, tests * 4 / 100)


def test_tests_do_not_sleep():
    """They wait on conditions (tests/rigs/waiting.py); a sleep that is the subject itself says so in a comment on its line."""
    assert [where for where in all_of("tests", "sleeps") if "waiting.py" not in where] == []


def test_tests_wait_as_long_as_a_busy_machine_needs():
    """A limit only ends what hangs: a shorter one is a race on a slow machine, unless a comment on its line says why it is none."""
    assert all_of("tests", "short") == []


def test_every_place_that_swallows_errors_stands_on_the_architecture_page():
    """Its section lists the files where everything is caught and nothing raised again."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf8")
    section = page.partition("## Where errors are swallowed")[2].partition("\n## ")[0]
    found = {where.rsplit(":", 1)[0] for part in OURS for where in all_of(part, "swallow")}
    assert {path for path in found if f"`{path.split('/', 2)[2]}`" not in section} == set()
