"""Console chunks become lines again."""

from __future__ import annotations

import itertools
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from outrider_agent.cli import journal, transcript

SECOND = 1_000_000_000


class Chunk(NamedTuple):
    fd: int
    offset: int
    time: int
    data: bytes
    attempt: int = 1


def chunked(data, cuts, fd=1):
    """The data as chunks, cut at those places."""
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [Chunk(fd, start, start, data[start:end]) for start, end in itertools.pairwise(edges)]


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=20))
def test_lines_do_not_depend_on_how_the_console_was_cut_into_chunks(data, cuts):
    """A chunk is what one read returned: it means nothing."""
    lines = list(transcript.lines(chunked(data, cuts)))
    expected = data.split(b"\n")
    assert [line.text for line in lines] == [transcript.text(piece) for piece in (expected if expected[-1] else expected[:-1])]
    assert all(line.whole for line in lines[:-1])
    assert b"".join(data[line.offset : line.offset + line.length] for line in lines) == data
    if lines:
        assert lines[-1].whole == data.endswith(b"\n")


def test_each_attempt_of_a_run_has_streams_of_its_own():
    """What an earlier attempt left behind may still print: the two are not mixed, and a line cut off by the end of one stays cut off."""
    chunks = [
        Chunk(1, 0, 1, b"first"),
        Chunk(1, 0, 2, b"sec", 2),
        Chunk(1, 5, 3, b" line\n"),
        Chunk(1, 3, 4, b"ond\n", 2),
        Chunk(1, 11, 5, b"cut"),
    ]
    lines = list(transcript.lines(chunks))
    assert [(line.text, line.whole) for line in lines] == [("first line", True), ("second", True), ("cut", False)]


def test_stdout_and_stderr_are_lines_of_their_own():
    """A chunk of one between two halves of a line of the other does not break it."""
    chunks = [Chunk(1, 0, 1, b"ab"), Chunk(2, 0, 2, b"warn\n"), Chunk(1, 2, 3, b"cd\n")]
    lines = list(transcript.lines(chunks))
    assert [(line.stream, line.text, line.time) for line in lines] == [("stderr", "warn", 2), ("stdout", "abcd", 1)]


def test_a_hole_ends_the_line_before_it():
    """Refused bytes: what came before is not glued to what comes after."""
    lines = list(transcript.lines([Chunk(1, 0, 1, b"begin"), Chunk(1, 100, 2, b"end\n")]))
    assert [(line.text, line.whole) for line in lines] == [("begin", False), ("end", True)]


def test_a_line_that_never_ends_is_broken():
    """Memory is bounded whatever a script prints."""
    assembler = transcript.Assembler()
    piece = b"x" * 65_536
    lines = [line for index in range(64) for line in assembler.feed(Chunk(1, index * len(piece), index, piece))]
    assert lines
    assert all(len(line.text) <= transcript.LONGEST_LINE + len(piece) for line in lines)


def test_a_line_that_was_written_over_is_shown_as_a_terminal_left_it():
    """Backspaces and erasures, as Keras and rich use them."""
    assert transcript.shown("\r 1/16 loss: 0.63\x08\x08\x08\x08\r16/16 loss: 0.5\x1b[K") == "16/16 loss: 0.5"
    assert transcript.shown("abc\x08\x08X") == "aXc"


def test_a_progress_bar_is_shown_in_its_last_state():
    """As a terminal would leave it."""
    assert transcript.shown("10%\r50%\r100%") == "100%"
    assert transcript.shown("done\r") == "done"
    assert transcript.shown("") == ""


@given(st.lists(st.integers(0, 50), max_size=60))
def test_entries_are_told_by_time_and_equal_times_in_order(times):
    """Within the window the order is exact and stable."""
    entries = [journal.Entry(time, line=transcript.Line(time, "stdout", str(index))) for index, time in enumerate(times)]
    told = list(journal.by_time(entries))
    assert told == sorted(entries, key=journal.when)


def test_sorting_holds_no_more_than_its_window():
    """Memory is bounded whatever the run's length."""
    source = iter(journal.Entry(time) for time in range(1_000))
    told = journal.by_time(source, window=10)
    next(told)
    assert next(source).time <= 11
