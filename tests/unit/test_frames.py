"""What a terminal would show of raw output (`core/frames`); pyte, a terminal emulator, is the reference."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outrider_agent.core import frames

ROWS, COLUMNS = 40, 30

PIECES = st.one_of(
    st.text(alphabet="abcXYZ019 .:=%|", min_size=1, max_size=12),
    st.sampled_from(["\r", "\n\r", "\r\n", "\x08", "\x1b[A", "\x1b[2A", "\x1b[B", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[J"]),
    st.sampled_from(["\x1b[31m", "\x1b[1;32m", "\x1b[0m", "\x1b[?25l", "\x1b[3C", "\x1b[2D", "\x1b[5G", "\x1b]0;title\x07"]),
)


def seen(text, columns):
    """What pyte shows, without empty lines at the end."""
    screen = pyte.Screen(columns, ROWS)
    pyte.Stream(screen).feed(text)
    return "\n".join(line.rstrip() for line in screen.display).rstrip()


def shown(chunks, columns=None):
    screen = frames.Screen(columns)
    found = [line for chunk in chunks for line in screen.feed(chunk)] + screen.finish()
    return "\n".join(line.text for line in found).rstrip()


@settings(deadline=None)
@given(st.lists(PIECES, max_size=25))
def test_the_screen_is_what_a_terminal_shows(pieces):
    """On a terminal that is wide enough."""
    text = "".join(pieces)
    assert shown([text.encode()]) == seen(text, 400)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="abc ", min_size=1, max_size=70), max_size=5))
def test_a_line_that_a_narrow_terminal_broke_is_one_line(lines):
    """Broken where the terminal had no more columns, and joined again."""
    text = "\r\n".join(lines).encode()
    assert shown([text], COLUMNS) == "\n".join(line.rstrip() for line in lines).rstrip()


@settings(deadline=None)
@given(st.lists(PIECES, max_size=20), st.data())
def test_chunks_of_any_size_show_the_same(pieces, data):
    """Escape sequences and characters may be torn anywhere between two reads."""
    whole = "".join([*pieces, "ä█"]).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert shown(chunks) == shown([whole])


@settings(deadline=None)
@given(
    st.lists(PIECES.filter(lambda piece: not set(piece) & {"\n", "\x1b"} or piece.endswith(("m", "K", "C", "D", "G", "l"))), max_size=25)
)
def test_a_settled_line_is_what_the_screen_shows_of_it(pieces):
    """The quick way over one line and the whole model agree."""
    raw = "".join(piece for piece in pieces if "\n" not in piece).encode()
    assert frames.settled(raw).decode().rstrip() == shown([raw])


def test_nested_bars_end_as_their_last_states():
    """tqdm moves the cursor up to its outer bar."""
    raw = b"\router:   0%\n\rinner:   0%\x1b[A\n\rinner: 100%\x1b[A\r           \n\r           \x1b[A\router: 100%\n"
    assert shown([raw]).split("\n")[0] == "outer: 100%"


def test_a_bar_is_one_line_of_many_states():
    """So that a log can fold it, and unfold it again from its place in the output."""
    screen = frames.Screen()
    assert screen.feed(b"start\n\r 10%\r 50%\r100%\nend\n") == []
    lines = screen.finish()
    assert [line.text for line in lines] == ["start", "100%", "end"]
    assert lines[1].states == 3
    assert (lines[1].start, lines[1].stop) == (6, 22)


def test_a_line_in_progress_is_visible():
    """What has no newline yet is shown as it stands."""
    screen = frames.Screen()
    screen.feed(b"done\nstill run")
    assert [line.text for line in screen.visible()] == ["done", "still run"]


def test_memory_is_bounded_by_what_can_still_change():
    """Lines above the cursor's reach are given away as they come."""
    screen = frames.Screen()
    count = sum(len(screen.feed(b"line\n" * 1000)) for _ in range(5))
    assert count >= 5000 - frames.HEIGHT
    assert len(screen.visible()) <= frames.HEIGHT + 1


@pytest.mark.parametrize(
    "raw", [b"\x1b" * 100_000, b"\x08" * 100_000, b"\x1b[" * 50_000, b"a\r" * 50_000, bytes(range(256)) * 200, b"\x1b]0;" * 20_000]
)
def test_odd_bytes_cost_no_more_than_others(raw):
    """No sequence takes time that grows faster than its length (law 6)."""
    frames.settled(raw)
    shown([raw])
