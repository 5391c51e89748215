"""
A progress bar while it is drawn: which of its frames are read before its line ends. Pure.

A frame is what stands between two carriage returns. One is read when a later one counts further, so that it was the last of its count; at
most one a second, by the times that the chunks came with. So the frames that are read depend on the stored chunks alone: not on when the
agent looked, nor on whether it was another one by then. The last frame of a line is none of these: it is read with the line.

Where several rows are drawn again and again (rich), all but the lowest end by a newline each time, and are read as lines. The lowest is
drawn over when the cursor goes up from it: then it is a frame.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider_agent.core import frames, redrawn
from outrider_agent.core.extract import bars

#: From one frame that is read to the next.
EVERY_NS = 1_000_000_000
#: Of the line in progress so many bytes are looked at: its last frames.
WINDOW = 8 << 10


class Frame(NamedTuple):
    """One to be read, as raw bytes, and how far it counts; it begins `before_end` bytes before what has come so far ends."""

    text: bytes
    before_end: int
    reached: float


class Drawing:
    """The line in progress: its last bytes, when a frame of it was read, and that one's count; how many rows it lies below."""

    def __init__(self, state: Any = None, tail: bytes = b"") -> None:
        self._window = tail[-WINDOW:]
        self._is_cut = len(tail) > WINDOW
        self._at: int | None = None
        self._count: float | None = None
        self._rows = 0
        if state is not None:
            self._at, self._count, *rows = state
            self._rows = rows[0] if rows else 0

    @property
    def state(self) -> Any:
        """What to hand to the next one, beside the line itself. None where no bar is drawn."""
        return None if self._at is None and not self._rows else [self._at, self._count, self._rows]

    def frame(self, data: bytes, now: int) -> Frame | None:
        """Takes a chunk, which came at `now`; gives the frame that is to be read then, if any."""
        end = data.rfind(b"\n") + 1
        over = self._drawn_over(data, end) if end else None
        if end:
            self._window, self._is_cut = b"", False
        if over is not None:
            found = self._due(over._replace(before_end=over.before_end + len(data) - end), now)
            if found is not None:
                rest = data[end:]
                self._window = rest[-WINDOW:]
                return found
        rest = data[max(end, len(data) - WINDOW - 1) :]
        if not rest:
            return None
        line = self._window + rest
        self._is_cut = self._is_cut or len(line) > WINDOW
        self._window = line[-WINDOW:]
        if b"\r" not in self._window:
            return None
        return self._due(None, now)

    def _due(self, over: Frame | None, now: int) -> Frame | None:
        """A frame that was drawn over, else one of the line in progress, if it is time and it counts further."""
        if self._at is None:  # a line that is done within a second is read when it ends
            self._at = now
            return None
        if now - self._at < EVERY_NS:
            return None
        self._at, chosen = now, over or self._choose()
        if chosen is None or chosen.reached == self._count:
            return None
        self._count = chosen.reached
        return chosen

    def _drawn_over(self, data: bytes, end: int) -> Frame | None:
        """Of lines that are done, the last that begins as the lowest row, from which the cursor goes up, and goes on as another one."""
        if b"\x1b" not in data and b"\x1b" not in self._window:
            self._end_rows(data.count(b"\n", 0, end))
            return None
        whole = self._window + data[:end]  # of a long line only its end
        found, at = None, 0
        for line in _lines(whole):
            up = redrawn.first_up(line)
            self._rows += redrawn.height(line)
            self._end_rows(1)
            if up >= 0 and frames.settled(line[up:].rstrip(b"\r\n")).strip():
                found = _lowest(line[:up], len(whole) - at) or found
            at += len(line)
        return found

    def _choose(self) -> Frame | None:
        """The last frame of the last count before the newest."""
        pieces = self._window.split(b"\r")
        first = 1 if self._is_cut else 0
        newest, after = None, 0
        for place in range(len(pieces) - 1, first - 1, -1):
            count = _count(pieces[place], is_last=place == len(pieces) - 1)
            if count is not None and newest is None:
                newest = count
            elif count is not None and count != newest:
                return Frame(pieces[place], after + len(pieces[place]), count)
            after += len(pieces[place]) + 1
        return None

    def _end_rows(self, count: int) -> None:
        """So many newlines: behind the lowest row something else begins."""
        if count > self._rows:
            self._at = self._count = None
        self._rows = max(self._rows - count, 0)


def _lines(data: bytes) -> list[bytes]:
    return [line + b"\n" for line in data.split(b"\n")[:-1]]


def _lowest(above: bytes, before_end: int) -> Frame | None:
    """The last state that a row had before it was left; `before_end`: how many bytes before the end the row begins."""
    start, found = 0, None
    for piece in above.split(b"\r"):
        if (count := _count(piece, is_last=False)) is not None:
            found = Frame(piece, before_end - start, count)
        start += len(piece) + 1
    return found


def _count(piece: bytes, *, is_last: bool) -> float | None:
    """What a frame counts. The last one may be torn: it counts only as a bar that is whole as far as its pace."""
    text = frames.settled(piece).decode("utf-8", "replace") if piece else ""
    counted = bars.counted(text) if text and (not is_last or bars.find(text, 0) is not None) else None
    return None if counted is None else counted[0]
