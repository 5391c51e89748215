"""
The numbers of this house: functions, classes and files stay small, and few handlers catch everything.

They are measured, not felt: large units and broad `except` are what separates code that is hard to trust from code that is not.
Lengths of functions and classes are counted without docstrings. Where a test here fails, split by meaning, not by the ruler.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = ["handler", "agent", "tests", "benchmarks"]
OURS = ["handler", "agent"]

# How many handlers may catch everything: the places that docs/architecture.md lists, each one function.
BROAD_SHARE = 0.10


def sources(part):
    return sorted(path for path in (ROOT / part).rglob("*.py") if "__pycache__" not in path.parts)


def nodes(part, *kinds):
    for path in sources(part):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, kinds):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def documented(node):
    """Lines of its docstring."""
    first = node.body[0]
    return first.end_lineno - first.lineno + 1 if ast.get_docstring(node, clean=False) is not None else 0


def length(node):
    """Lines of a definition, without its docstring."""
    return node.end_lineno - node.lineno + 1 - documented(node)


def functions(part):
    return sorted((length(node), f"{where} {node.name}") for where, node in nodes(part, ast.FunctionDef, ast.AsyncFunctionDef))


@pytest.mark.parametrize("part", PARTS)
def test_nine_in_ten_functions_have_at_most_25_lines(part):
    """p90: what one reads at a glance."""
    found = functions(part)
    long = [row for row in found if row[0] > 25]
    assert len(long) <= len(found) / 10, long


@pytest.mark.parametrize("part", PARTS)
def test_no_function_has_more_than_75_lines(part):
    """The tail is where trust goes."""
    assert [row for row in functions(part) if row[0] > 75] == []


@pytest.mark.parametrize("part", PARTS)
def test_no_class_has_more_than_200_lines(part):
    """A class of a thousand lines was small once."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = []
    for where, node in nodes(part, ast.ClassDef):
        documentation = sum(documented(inner) for inner in ast.walk(node) if isinstance(inner, kinds))
        found.append((node.end_lineno - node.lineno + 1 - documentation, f"{where} {node.name}"))
    assert [row for row in found if row[0] > 200] == []


@pytest.mark.parametrize("part", PARTS)
def test_no_file_has_more_than_400_lines(part):
    """One noun a file."""
    found = [(path.read_text("utf8").count("\n"), str(path.relative_to(ROOT))) for path in sources(part)]
    assert [row for row in found if row[0] > 400] == []


@pytest.mark.parametrize("part", PARTS)
def test_every_file_opens_with_its_rules(part):
    """A newcomer reads there what lives in the file."""
    wrong = [
        str(path.relative_to(ROOT))
        for path in sources(part)
        if path.read_text("utf8") and not ast.get_docstring(ast.parse(path.read_text("utf8")))
    ]
    assert wrong == []


def is_broad(handler):
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else {"BaseException"}
    return bool(names & {"Exception", "BaseException"})


def raises(handler):
    """Does it end by raising? Then it only cleans up, or translates."""
    return isinstance(handler.body[-1], ast.Raise)


def test_at_most_one_handler_in_ten_catches_everything():
    """What is swallowed is swallowed in few, named places; all else is caught by its type. One that raises again swallows nothing."""
    handlers = [(where, node) for part in OURS for where, node in nodes(part, ast.ExceptHandler)]
    broad = [where for where, node in handlers if is_broad(node) and not raises(node)]
    assert len(broad) <= max(3, len(handlers) * BROAD_SHARE), broad


def test_few_tests_use_mocks():
    """What can be run is run: at most 4 replaced objects in 100 tests."""
    text = "\n".join(path.read_text("utf8") for path in sources("tests") if path != Path(__file__))
    tests = text.count("def test_")
    mocks = sum(text.count(word) for word in ("MagicMock", "AsyncMock", "Mock(", "monkeypatch.setattr", "mocker."))
    assert mocks <= max(4, tests * 4 / 100)


def test_tests_do_not_sleep():
    """They wait on conditions (tests/rigs/waiting.py); a sleep that is the subject itself says so in a comment on its line."""
    wrong = [
        where
        for where, node in nodes("tests", ast.Call)
        if ast.unparse(node.func) in {"time.sleep", "sleep"} and "waiting.py" not in where and "#" not in source_line(where)
    ]
    assert wrong == []


def source_line(where):
    """The text that `path:line` names."""
    path, line = where.rsplit(":", 1)
    return (ROOT / path).read_text("utf8").splitlines()[int(line) - 1]


def test_every_place_that_swallows_errors_stands_on_the_architecture_page():
    """Its section lists the files where everything is caught and nothing raised again."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf8")
    section = page.partition("## Where errors are swallowed")[2].partition("\n## ")[0]
    found = {
        where.rsplit(":", 1)[0] for part in OURS for where, node in nodes(part, ast.ExceptHandler) if is_broad(node) and not raises(node)
    }
    assert {path for path in found if f"`{path.split('/', 2)[2]}`" not in section} == set()
