"""
What a terminal would show of raw output: carriage returns, backspaces, erasures, the cursor going up, colours. Pure.

`settled` is one line's last state, for readers of single lines: a progress bar's final frame. `Screen` is the whole: output in chunks of
any size to lines as the user saw them, with how many states each went through, and where in the output it begins. A line is done when it
can no longer change: `HEIGHT` lines above the cursor. The bytes themselves stay as they are elsewhere; this only shows them.

Every character is one column wide here (of East Asian ones a terminal makes two).
"""

from __future__ import annotations

import codecs
import re
from collections import deque
from typing import NamedTuple

#: So many lines above the cursor may still be changed by moving it up.
HEIGHT = 100
#: A line grows to so many columns; what comes after is kept out of the picture (not out of the stored bytes).
WIDTH = 1 << 16
#: An escape sequence that long is none.
SEQUENCE = 64

_STYLE = re.compile(r"\x1b\[[0-9;:]*m|\x1b\[\?[0-9;]*[hl]|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|\x1b[()][A-Za-z0-9]|\x1b[=>78]")
_BACK = re.compile(r"(?<!\x08)\x08+\r")
_PIECE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z\\^-~])|[^\x00-\x1f\x7f\x1b]+|[\x00-\x1f\x7f]"
)
_HALF = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[ -/]*)?$")


def has_controls(data: bytes) -> bool:
    """Does it hold anything that moves the cursor, or a colour? (Three searches for a byte are quicker than one for any of three.)"""
    return b"\r" in data or b"\x1b" in data or b"\x08" in data


def settled(line: bytes) -> bytes:
    """The last state of one line (without its newline). Moving the cursor to other lines is passed over."""
    if not has_controls(line):
        return line
    text = _BACK.sub("\r", _STYLE.sub("", line.decode("utf-8", "replace")))
    if "\x1b" in text or "\x08" in text:
        row = Row(0)
        for found in _PIECE.finditer(text):
            row.write(found[0])
        return row.text().encode()
    pieces = text.split("\r")
    shown = pieces[-1]
    for piece in reversed(pieces[:-1]):
        if len(piece) > len(shown):
            shown += piece[len(shown) :]
    return shown.rstrip().encode() if len(pieces) > 1 else shown.encode()


class Row:
    """One line being written: its characters, and the column of the cursor while it is there."""

    __slots__ = ("cells", "column", "is_wrapped", "start", "states", "stop")

    def __init__(self, start: int) -> None:
        self.cells: list[str] = []
        self.column = 0
        self.start = self.stop = start  # in the output: its first byte, and behind its last
        self.states = 1
        self.is_wrapped = False  # goes on in the next row, for the terminal had no more columns

    def text(self) -> str:
        """As it stands, without blanks at its end."""
        return "".join(self.cells).rstrip()

    def write(self, piece: str) -> None:
        """One piece: characters, a control or an escape sequence that stays in the line."""
        if piece == "\r":
            self.column = 0
        elif piece == "\x08":
            self.column = max(self.column - 1, 0)
        elif piece == "\t":
            self.column = self.column // 8 * 8 + 8
        elif piece[0] == "\x1b":
            self._escape(piece)
        elif piece[0] >= " " and piece != "\x7f":
            self.put(piece)

    def put(self, text: str) -> None:
        """Characters at the cursor, over what stands there."""
        if self.column == 0 and self.cells:
            self.states += 1
        room = max(WIDTH - self.column, 0)
        text = text[:room]
        if len(self.cells) < self.column:
            self.cells += " " * (self.column - len(self.cells))
        self.cells[self.column : self.column + len(text)] = text
        self.column += len(text)

    def erase(self, how: str) -> None:
        """Of the line: from the cursor on, up to it, all."""
        if how in {"", "0"}:
            del self.cells[self.column :]
        elif how == "1":
            self.cells[: self.column + 1] = " " * min(self.column + 1, len(self.cells))
        elif how == "2":
            self.cells = []

    def _escape(self, piece: str) -> None:
        if len(piece) < 3 or piece[1] != "[":
            return
        how, arguments = piece[-1], piece[2:-1]
        count = number(arguments)
        if how == "K":
            self.erase(arguments)
        elif how == "P":
            del self.cells[self.column : self.column + count]
        elif how == "C":
            self.column = min(self.column + count, WIDTH)
        elif how == "D":
            self.column = max(self.column - count, 0)
        elif how == "G":
            self.column = min(count - 1, WIDTH)


def number(arguments: str) -> int:
    """A sequence's first argument; 1 where it has none."""
    first = arguments.partition(";")[0]
    return max(int(first), 1) if first.isdigit() and len(first) < 6 else 1


class Shown(NamedTuple):
    """A line as it was seen: `start` and `stop` are its place in the output; `states` how many there were of it, the last one is shown."""

    text: str
    start: int
    stop: int
    states: int


class Screen:
    """Output, fed in chunks, to the lines that a user saw. `columns`: how wide the terminal was; None: as wide as is asked."""

    def __init__(self, columns: int | None = None, start: int = 0) -> None:
        self._columns = columns
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._half = ""
        self._at = start
        self._rows: deque[Row] = deque([Row(start)])
        self._row = 0
        self._fresh = True

    def feed(self, chunk: bytes) -> list[Shown]:
        """Takes a chunk; gives the lines that it moved out of reach."""
        done: list[Shown] = []
        text = self._half + self._decoder.decode(chunk)
        self._half = ""
        if (half := _HALF.search(text, max(len(text) - SEQUENCE, 0))) is not None and half[0]:
            text, self._half = text[: half.start()], half[0]
        for piece in _PIECE.finditer(text):
            self._at += len(piece[0].encode("utf-8", "replace"))
            self._take(piece[0], done)
        return done

    def finish(self) -> list[Shown]:
        """What is left, the line in progress too."""
        done: list[Shown] = []
        while self._rows and not (len(self._rows) == 1 and not self._rows[0].cells):
            self._release(done)
        self._rows, self._row = deque([Row(self._at)]), 0
        return done

    def visible(self) -> list[Shown]:
        """The lines that can still change, the one in progress last."""
        return [Shown(row.text(), row.start, row.stop, row.states) for row in self._rows]

    def _new_row(self, start: int) -> Row:
        return Row(start)

    def _take(self, piece: str, done: list[Shown]) -> None:
        row = self._rows[self._row]
        if piece == "\n":
            row.stop = max(row.stop, self._at)
            self._down(done)
        elif piece.startswith("\x1b[") and piece[-1] in "ABEF":
            self._move(piece)
        elif piece.startswith("\x1b[") and piece[-1] == "J":
            self._clear(piece[2:-1])
        elif self._columns and piece[0] >= " " and piece[0] != "\x1b":
            self._wrapped(piece, self._columns, done)
        else:
            row.write(piece)
            row.stop = max(row.stop, self._at)

    def _down(self, done: list[Shown], *, is_wrapped: bool = False) -> None:
        row = self._rows[self._row]
        row.is_wrapped = is_wrapped or row.is_wrapped
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append(self._new_row(self._at))
        self._rows[self._row].column = 0
        while len(self._rows) > HEIGHT and self._row > HEIGHT // 2:
            self._release(done)
            self._row -= 1

    def _move(self, piece: str) -> None:
        count, how = number(piece[2:-1]), piece[-1]
        column = 0 if how in "EF" else self._rows[self._row].column
        if how in "AF":
            self._row = max(self._row - count, 0)
        else:
            for _ in range(min(count, HEIGHT)):
                self._row += 1
                if self._row == len(self._rows):
                    self._rows.append(self._new_row(self._at))
        self._rows[self._row].column = column

    def _clear(self, how: str) -> None:
        row = self._rows[self._row]
        if how in {"", "0"}:
            row.erase("0")
            for below in list(self._rows)[self._row + 1 :]:
                below.cells, below.is_wrapped = [], False

    def _wrapped(self, text: str, columns: int, done: list[Shown]) -> None:
        """A terminal breaks a line when a character comes behind the last column, not before."""
        while text:
            row = self._rows[self._row]
            if row.column >= columns:
                self._down(done, is_wrapped=True)
                row = self._rows[self._row]
            piece, text = text[: columns - row.column], text[columns - row.column :]
            row.put(piece)
            row.stop = max(row.stop, self._at - len(text.encode("utf-8", "replace")))

    def _release(self, done: list[Shown]) -> None:
        row = self._rows.popleft()
        text, stop, states = "".join(row.cells), row.stop, row.states
        while row.is_wrapped and self._rows:
            row = self._rows.popleft()
            text, stop, states = text + "".join(row.cells), max(stop, row.stop), max(states, row.states)
            self._row -= 1
        done.append(Shown(text.rstrip(), row.start, stop, states))
