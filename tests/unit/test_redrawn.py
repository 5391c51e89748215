"""Lines that are drawn over one another (bars below bars, live tables), as a terminal left them; pyte, an emulator, is the reference."""

from __future__ import annotations

import io
import itertools
import re
from typing import NamedTuple

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.live import Live
from rich.table import Table
from test_frames import PIECES
from tqdm import tqdm

from outrider_agent.cli import transcript
from outrider_agent.core import extract

COLUMNS = 100
SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Chunk(NamedTuple):
    offset: int
    time: int
    data: bytes
    attempt: int = 1
    fd: int = 1


def chunks(data, sizes):
    at, found = 0, []
    for size in itertools.cycle(sizes):
        if at >= len(data):
            return found
        found.append(Chunk(at, at, data[at : at + size]))
        at += size
    return found


def seen(data):
    """What pyte shows, without empty lines."""
    screen = pyte.HistoryScreen(COLUMNS, 200)
    pyte.ByteStream(screen).feed(data)
    return [line.rstrip() for line in screen.display if line.strip()]


def told(data, sizes=(1 << 20,)):
    """What the log has, in its colours."""
    lines = transcript.lines(chunks(data, sizes))
    return [text for line in sorted(lines, key=lambda line: line.offset) if (text := transcript.shown(line.text).rstrip()).strip()]


def plain(texts):
    return [SEQUENCE.sub("", text).rstrip() for text in texts]


def nested(leave):
    """Two bars, one below the other, and what is printed before and after."""
    out = io.StringIO()
    out.write("starting\n")
    for epoch in tqdm(range(3), desc="epochs", file=out, ncols=60, mininterval=0):
        for _ in tqdm(range(4), desc=f"epoch {epoch}", file=out, ncols=60, mininterval=0, leave=leave, position=1):
            pass
    out.write("done\nreally\n")
    return out.getvalue().replace("\n", "\r\n").encode()


def live():
    """A table that grows, a line printed above it, and one below."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=60, color_system="standard")

    def table(rows):
        made = Table(title="Run")
        made.add_column("epoch")
        made.add_column("loss", style="red")
        for row in range(rows):
            made.add_row(str(row), f"{1 / (row + 1):.3f}")
        return made

    console.print("before")
    with Live(table(1), console=console, auto_refresh=False) as shown:
        for rows in range(1, 5):
            shown.update(table(rows), refresh=True)
            if rows == 2:
                console.print("[green]a line above[/green]")
    console.print("after")
    return out.getvalue().replace("\n", "\r\n").encode()


CASES = {"bars that stay": nested(leave=True), "bars that go": nested(leave=False), "a live table": live()}


@pytest.mark.parametrize("data", CASES.values(), ids=CASES.keys())
@given(sizes=st.lists(st.integers(1, 300), min_size=1, max_size=6))
@settings(deadline=None, max_examples=6)
def test_the_log_is_what_was_on_the_screen(data, sizes):
    """However the output was cut into chunks; each line has a place of its own."""
    assert plain(told(data, sizes)) == seen(data)
    places = [line.offset for line in transcript.lines(chunks(data, sizes))]
    assert len(places) == len(set(places))


@settings(deadline=None, max_examples=40)
@given(st.lists(PIECES, max_size=20), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_whatever_moves_the_cursor(pieces, sizes):
    """Of any mixture of lines, movements and colours nothing is raised, and no place is told twice (law 6)."""
    data = "".join(pieces).encode()
    places = [line.offset for line in transcript.lines(chunks(data, sizes))]
    assert len(places) == len(set(places))


def test_colours_are_kept_and_earlier_states_too():
    """A bar that is drawn below another has the states that it went through; a table its colours."""
    (bar,) = [line for line in transcript.lines(chunks(CASES["bars that go"], [50])) if "epochs" in line.text]
    assert sorted({re.search(r"(\d)/3", state)[1] for state in bar.text.split("\r")}) == ["0", "1", "2", "3"]
    assert any("\x1b[31m" in text for text in told(CASES["a live table"]))


def with_metrics():
    """Two rows with a metric each, as tqdm draws them, the lower one more often; then as rich does."""
    text = "begin\n\repochs 0/3 auc=0.5"
    for n in range(9):
        text += f"\n\rbatches {n}/9 loss=0.{n}5\x1b[A" + (f"\repochs {n // 3}/3 auc=0.{n // 3}5" if n % 3 == 2 else "")
    text += "\n\n\nbetween\n"
    for n in range(9):
        text += (
            "\r\x1b[2K\x1b[1A\x1b[2K" * (n > 0)
            + f"epochs {n // 3}/3 \x1b[32mauc=0.{n // 3}5\x1b[0m\nbatches {n}/9 \x1b[31mloss=0.{n}5\x1b[0m"
        )
    return f"{text}\nend\n".replace("\n", "\r\n").encode()


@pytest.mark.parametrize("sizes", [(1 << 20,), (37,)], ids=["at once", "in pieces"])
def test_what_was_read_from_a_row_is_known_to_be_of_that_row(sizes):
    """Though the bytes of both lie among one another: it is the row that was written last before the reading's end."""
    data = with_metrics()
    lines = list(transcript.lines(chunks(data, sizes)))
    found = extract.Extractor().read(data)
    assert {name for one in found for name in one.metrics} == {"auc", "loss"}
    wrong = 0
    for one in found:
        near = [line for line in lines if line.offset <= one.offset < line.offset + line.length]
        end = one.offset + one.length
        drawn = [line for line in near if max((at for at in line.writes if at <= end), default=-1) > one.offset]
        holder = max(drawn, key=lambda line: max(at for at in line.writes if at <= end)) if drawn else near[0]
        assert f"{next(iter(one.metrics))}=" in holder.text
        wrong += f"{next(iter(one.metrics))}=" not in near[0].text
    assert wrong > 5, "the first row that has these bytes is often another"


def test_while_lines_are_drawn_over_they_are_open():
    """They are told when that is over: those that were told before come again, in the same place."""
    assembler = transcript.Assembler()
    data = b"outer 1\r\ninner 1\x1b[A\r"
    (first,) = assembler.feed(Chunk(0, 0, data[:9]))
    assert assembler.feed(Chunk(9, 1, data[9:])) == []
    assert [(line.text, line.whole) for line in assembler.open()] == [("outer 1", False), ("inner 1", False)]
    more = b"outer 2\r\ninner 2\r\nafter\r\n"
    lines = assembler.feed(Chunk(len(data), 2, more))
    assert [(line.text.split("\r")[-1], line.again) for line in lines[:2]] == [("outer 2", True), ("inner 2", False)]
    assert (lines[0].offset, lines[0].time, lines[2].text.strip()) == (first.offset, first.time, "after")


def test_what_is_printed_where_a_bar_was_is_a_line_of_its_own_time():
    """So a record's print is found after its record, and a bar's states are not those of a line that has nothing to do with it."""
    assembler = transcript.Assembler()
    pieces = [b"outer 1\r\n", b"inner 1\x1b[A\r", b"outer 2\r\n", b"\r       \r", b"INFO:root:hello\r\n", b"after\r\n"]
    lines, at = [], 0
    for time, piece in enumerate(pieces):
        lines += assembler.feed(Chunk(at, time, piece))
        at += len(piece)
    assert [(line.text.rstrip(), line.time) for line in lines if "INFO" in line.text] == [("INFO:root:hello", 4)]
