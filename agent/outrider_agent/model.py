"""
The agent's own values: frozen, keyword-only. No I/O, and nothing of any one technology.

Wire forms (the spool's lines) are in `core/decode.py`; rows of a store are in that store.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec


class Position(NamedTuple):
    """Where a reader stands in one stream: after the last completed line of `segment` that ended at byte `offset`. Ordered."""

    segment: int
    offset: int


START = Position(0, 0)


class StreamId(NamedTuple):
    """A stream's name: the run and the writer, as their folders are called."""

    run: str
    writer: str


class Slice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """
    Consecutive bytes of one stream: whole lines of one segment, from `start` (the cursor it was read at) to `end`.

    `data` begins at (`segment`, `data_offset`), which is `start` but where a segment was left behind: then `start` is the end of an earlier
    segment. `torn` counts bytes of a torn tail that end this slice (they are in `data`, without a newline, and no more will follow).
    """

    stream: StreamId
    start: Position
    end: Position
    data_offset: int
    data: bytes
    torn: int = 0


class Batch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one transaction takes: slices in delivery order; a stream may come several times, each slice starting where the last ended."""

    slices: tuple[Slice, ...]

    @property
    def size(self) -> int:
        """Bytes of the spool in it."""
        return sum(len(piece.data) for piece in self.slices)


class Receipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a sink made of a batch: records committed, lines set aside, and the time it took in seconds."""

    records: int
    set_aside: int
    seconds: float


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a script asks of the past (POST /history). `runs`: documents of the run, of the children of `parent`, of `experiment`, or of all;
    `metrics`, `files`, `console` (from byte `start` on) and `tail` (the last `count` lines) are of the run; `recursive`: of what is below
    it, too; `packed`: many rows together.

    Everything that is in the spool now (or `upto`, writer -> position) is committed before the answer, within `timeout` seconds.
    """

    what: Literal["runs", "metrics", "files", "console", "tail"]
    run: str | None = None
    experiment: str | None = None
    parent: str | None = None
    recursive: bool = False
    packed: bool = False
    start: int = 0
    count: int = 20
    upto: dict[str, Position] | None = None
    timeout: float = 5.0


class StreamLag(msgspec.Struct, frozen=True, kw_only=True):
    """How far a sink is behind one stream: bytes of completed lines that are not committed."""

    stream: StreamId
    position: Position
    pending_bytes: int
    alive: bool
