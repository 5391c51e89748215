"""What an expression cannot do without, for a search that looks for that first."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from outrider_agent.cli import hits
from outrider_agent.core import literals

#: Characters that mean something in an expression, and some that do not.
PATTERNS = st.text(r"abAB1 .*+?|()[]{},^$\dswb-é", max_size=12)


@pytest.mark.filterwarnings("ignore:Possible")  # what a later Python may read otherwise
@given(PATTERNS, st.text("abAB1 -[]{},é", max_size=20))
@example("a{2}b", "aab")
@example("[]a]b", "]b")
@example(r"\.\*a", ".*a")
def test_what_is_needed_is_in_whatever_matches(pattern, text):
    """Law: a line without it holds no match, so such a line need not be matched."""
    try:
        expression = re.compile(pattern.encode(), re.IGNORECASE | re.MULTILINE)
    except (re.error, OverflowError):
        return
    found = expression.search(text.encode())
    if found is not None:
        assert all(piece.encode().lower() in found[0].lower() for piece in literals.needed(pattern))
        sets = literals.choices(pattern)
        atom, count = literals.row(pattern)
        assert not count or re.search(b"(?:%s){%d}" % (atom.encode(), count), found[0], re.IGNORECASE)
        assert not sets or any(all(piece.encode().lower() in found[0].lower() for piece in pieces) for pieces in sets)


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        (r"step \d+: nan", [": nan", "step "]),
        ("^Traceback", ["Traceback"]),
        ("error|warning", []),
        ("(error|warning) of .* thing", [" thing", " of "]),
        (r"colou?r", ["colo", "r"]),
        (r"(?i)error", []),
        (r"\x41bcd", []),
        ("", []),
    ],
)
def test_pieces_are_told_the_longest_first(pattern, pieces):
    """What stands in a group, in a set or may be missing is none."""
    assert literals.needed(pattern) == pieces


@pytest.mark.parametrize(
    ("pattern", "sets"),
    [
        ("error|warn.*loss", [["error"], ["loss", "warn"]]),
        (r"^(nan|inf)\b", [["nan"], ["inf"]]),
        (r"\d+ (a|b)", [[" "]]),
        ("((a|b)|c)", [["a"], ["b"], ["c"]]),
        ("(a|b)?", []),
        (r"(a|b)*(c|d)", [["c"], ["d"]]),
        (r"error|\d", []),
        ("error|", []),
        (r"a\|b|[|]", []),
        ("(?:a|b)", []),
    ],
)
def test_choices_are_told_each_with_its_pieces(pattern, sets):
    """Where one of them needs nothing, or the group may be absent, there is none."""
    assert literals.choices(pattern) == sets


@given(
    st.sampled_from(
        [
            "B.a",
            "ab|1",
            "a+ ?b",
            "^1",
            "b$",
            r"\bab",
            "(a|b)1",
            "1 [ab]",
            "ab1|b b",
            "(a1|b )[ab]",
            "(a|b|1)+$",
            r"\d{3}",
            r"[a-b]{4}\b",
            r"x?\w{2}\b",
        ]
    ),
    st.lists(st.text("abAB1 ", max_size=9), max_size=300),
)
def test_a_search_finds_the_lines_that_an_expression_matches(pattern, lines):
    """However many lines hold what it needs and are no match."""
    wanted = hits.Wanted(pattern, is_regex=True)
    data = wanted.ready("".join(f"{line}\n" for line in lines).encode())
    found, place = [], 0
    while (at := wanted.find(data, place)) >= 0:
        found.append(data.count(b"\n", 0, at))
        place = data.find(b"\n", at) + 1 or len(data) + 1
    assert found == [number for number, line in enumerate(lines) if re.search(pattern, line, re.IGNORECASE | re.ASCII)]
