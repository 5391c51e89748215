"""
A progress bar while it is drawn: which of its frames are read before its line ends. Pure.

A frame is what stands between two carriage returns. One is read when a later one counts further, so that it was the last of its count; at
most one a second, by the times that the chunks came with. So the frames that are read depend on the stored chunks alone: not on when the
agent looked, nor on whether it was another one by then. The last frame of a line is none of these: it is read with the line.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from outrider_agent.core import frames
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
    """The line in progress: its last bytes, when a frame of it was read, and that one's count."""

    def __init__(self, state: Any = None, tail: bytes = b"") -> None:
        self._window = tail[-WINDOW:]
        self._is_cut = len(tail) > WINDOW
        self._at: int | None = None
        self._count: float | None = None
        if state is not None:
            self._at, self._count = state

    @property
    def state(self) -> Any:
        """What to hand to the next one, beside the line itself. None where no bar is drawn."""
        return None if self._at is None else [self._at, self._count]

    def frame(self, data: bytes, now: int) -> Frame | None:
        """Takes a chunk, which came at `now`; gives the frame that is to be read then, if any."""
        end = data.rfind(b"\n") + 1
        if end:
            self._window, self._is_cut, self._at, self._count = b"", False, None, None
        rest = data[max(end, len(data) - WINDOW - 1) :]
        if not rest:
            return None
        line = self._window + rest
        self._is_cut = self._is_cut or len(line) > WINDOW
        self._window = line[-WINDOW:]
        if b"\r" not in self._window:
            return None
        if self._at is None:  # a line that is done within a second is read when it ends
            self._at = now
            return None
        if now - self._at < EVERY_NS:
            return None
        self._at, chosen = now, self._choose()
        if chosen is None or chosen.reached == self._count:
            return None
        self._count = chosen.reached
        return chosen

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


def _count(piece: bytes, *, is_last: bool) -> float | None:
    """What a frame counts. The last one may be torn: it counts only as a bar that is whole as far as its pace."""
    text = frames.settled(piece).decode("utf-8", "replace") if piece else ""
    counted = bars.counted(text) if text and (not is_last or bars.find(text, 0) is not None) else None
    return None if counted is None else counted[0]
