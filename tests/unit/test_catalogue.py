"""The catalogue of what happens to files and containers that are not ours: each case of A, B, C and F has a test with its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent

#: section -> its numbers.
CASES = {
    "A": [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 20, 21, 22, 24, 25],
    "B": [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13],
    "C": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 16, 17],
    "F": [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 17, 18],
}
#: Case -> why it has no test of its own.
REASONS = {
    "C9": "without events there is the sweep: test_p_without_hints_the_sweep_finds_all, and all of a tail, which has no hints",
}


def told():
    """The cases that names and docstrings of tests name."""
    found = set()
    for path in set(TESTS.rglob("test_*.py")) - {Path(__file__).resolve()}:
        text = path.read_text()
        for name in re.findall(r"def test_(?:law_)?((?:[a-f]\d\d_)+)", text):
            found |= {f"{case[0].upper()}{int(case[1:])}" for case in name.split("_") if case}
        found |= set(re.findall(r"\b([A-F][1-9]\d?)\b", "\n".join(re.findall(r'"""(.*?)"""', text, re.DOTALL))))
    return found


@pytest.mark.parametrize("section", CASES)
def test_each_case_has_a_test(section):
    """By its number, in the test's name (`test_f04_…`) or in its docstring (`C13`)."""
    assert [case for number in CASES[section] if (case := f"{section}{number}") not in told() | REASONS.keys()] == []
