"""
Where commands write: stdout for what was asked, stderr for everything else; colours, tables and progress bars only on a terminal.

Nothing here knows a run. `rich` is imported only where a terminal is there to show it, so that a piped `outrider runs` stays quick.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TextIO

from outrider_agent.cli import format as fmt

#: A cell of a plain table has no more characters; what is longer is whole in --json.
WIDEST = 200
_ANSI = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36", "bold red": "1;31"}

STATUS_STYLES = {"Running": "cyan", "Completed": "green", "Failed": "red", "Canceled": "yellow", "Unknown": "yellow"}


class Cell(NamedTuple):
    """Text of a table's cell, with a style for terminals."""

    text: str
    style: str = ""


Row = Sequence[Cell | str]


class Column(NamedTuple):
    """A table's column. `fold` marks the ones that give way first where the terminal is narrow."""

    title: str
    right: bool = False
    fold: bool = False


def is_terminal(stream: TextIO) -> bool:
    """Is somebody looking at it?"""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def has_colours(stream: TextIO) -> bool:
    """Colours: on a terminal that knows them, unless NO_COLOR says no (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in that style, where the stream (stdout) has colours."""
    code = _ANSI.get(style)
    return f"\x1b[{code}m{text}\x1b[0m" if code and has_colours(stream or sys.stdout) else text


def prepare() -> None:
    """Text that the terminal's encoding has no sign for is escaped instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # a stand-in of a test, or closed
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def say(text: str = "") -> None:
    """A line of what was asked for."""
    print(text)


def tell(text: str) -> None:
    """A line about it, on stderr."""
    sys.stdout.flush()
    print(f"outrider: {text}", file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """Something the reader should know, on stderr."""
    tell(styled(text, "yellow", sys.stderr))


def as_json(document: object) -> None:
    """One document: indented for people, one JSON value for programs; ASCII, so that it is valid in every locale."""
    print(json.dumps(document, indent=2, allow_nan=False))


def as_json_line(document: object) -> None:
    """One document on one line."""
    print(json.dumps(document, allow_nan=False))


def table(columns: Sequence[Column], rows: Iterable[Row]) -> None:
    """An aligned table: by rich on a terminal, else plain, and cut only where a cell is beyond measure, so that it may be piped on."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    if is_terminal(sys.stdout):
        _rich_table(columns, cells)
    else:
        _plain_table(columns, cells)


def _plain_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    lines = [[fmt.shorten(column.title, WIDEST) for column in columns]]
    lines += [[fmt.shorten(fmt.one_line(cell.text), WIDEST) for cell in row] for row in rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        padded = [
            text.rjust(width) if column.right else text.ljust(width) for text, width, column in zip(line, widths, columns, strict=True)
        ]
        print("  ".join(padded).rstrip())


def _rich_table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    from rich import console, table, text  # noqa: PLC0415 (only terminals pay for it)

    shown = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        shown.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=True,
            overflow="ellipsis",
            min_width=None if column.fold else 4,
        )
    for row in rows:
        shown.add_row(*[text.Text(fmt.one_line(cell.text), style=cell.style) for cell in row])
    console.Console(no_color=not has_colours(sys.stdout), highlight=False).print(shown)


class Progress:
    """How far long work has come. This one shows nothing: it is what a pipe gets."""

    def advance(self, amount: int) -> None:
        """So many bytes (or things) more."""

    def describe(self, text: str) -> None:
        """What is being worked on."""


class _Bar(Progress):
    def __init__(self, total: int | None, text: str, *, in_bytes: bool) -> None:
        from rich import console, progress  # noqa: PLC0415 (only terminals pay for it)

        figures: list[progress.ProgressColumn] = (
            [progress.DownloadColumn(binary_units=True), progress.TransferSpeedColumn()] if in_bytes else [progress.MofNCompleteColumn()]
        )
        columns = [progress.TextColumn("{task.description}", markup=False), progress.BarColumn(), *figures, progress.TimeRemainingColumn()]
        self.bar = progress.Progress(*columns, console=console.Console(stderr=True), transient=True)
        self.task = self.bar.add_task(fmt.one_line(text), total=total)

    def advance(self, amount: int) -> None:
        self.bar.advance(self.task, amount)

    def describe(self, text: str) -> None:
        self.bar.update(self.task, description=fmt.shorten(fmt.one_line(text), 40))


@contextlib.contextmanager
def progress(total: int | None, text: str, *, in_bytes: bool = False) -> Iterator[Progress]:
    """A progress bar on stderr while the block runs, where stderr is a terminal. `total` None: nobody knows how long it is."""
    if not is_terminal(sys.stderr):
        yield Progress()
        return
    shown = _Bar(total, text, in_bytes=in_bytes)
    with shown.bar:
        yield shown


def width() -> int:
    """Columns of the terminal; 100 where there is none."""
    return shutil.get_terminal_size((100, 24)).columns


def silence_stdout() -> None:
    """After a broken pipe: what is still buffered goes nowhere, and the interpreter's own flush at exit stays quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with contextlib.suppress(OSError, ValueError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
