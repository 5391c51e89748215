"""The traceback of an uncaught exception: as Python prints it, but for the very long ones, which would hold up the script's end. Law 1."""

from __future__ import annotations

import sys
import traceback

import pytest

from outrider import _tracebacks


def deep(frames):
    """An exception that came up through so many frames."""
    here = sys.getrecursionlimit()
    sys.setrecursionlimit(frames + 1_000)

    def down(left):
        return down(left - 1) if left else 1 / 0

    try:
        down(frames)
    except ZeroDivisionError as error:
        return error
    finally:
        sys.setrecursionlimit(here)


def chained(length, cause):
    """An exception after so many others."""
    error = None
    for number in range(length):
        new = ValueError(number)
        new.__cause__, new.__context__ = (error if cause else None), error
        new.__suppress_context__ = cause
        error = new
    return error


@pytest.mark.parametrize("error", [deep(3), deep(900), chained(5, cause=True), chained(5, cause=False)])
def test_an_ordinary_one_is_as_python_prints_it(error):
    """To the letter."""
    assert _tracebacks.as_printed(error) == "".join(traceback.format_exception(error))


@pytest.mark.parametrize("error", [deep(20_000), chained(20_000, cause=True), chained(20_000, cause=False)])
def test_of_a_very_long_one_the_end_is_kept(error):
    """What is left out is marked."""
    text = _tracebacks.as_printed(error)
    assert text.startswith("…\n")
    assert text.splitlines()[-1] == traceback.format_exception_only(error)[-1].rstrip()
    assert text.count("\n") < 1_000


def test_a_chain_that_bites_its_tail_ends():
    """`__context__` may be set to anything."""
    one, two = ValueError("one"), ValueError("two")
    one.__context__, two.__context__ = two, one
    assert "ValueError: one" in _tracebacks.as_printed(one)
