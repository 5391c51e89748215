"""
The wire between an agent and a server, version 1: how a slice of a stream is named in a request. docs/server.md specifies it. Pure.

Both ends use this file, so that neither can spell what the other does not read.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import msgspec

from outrider_agent import model

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
STREAMS, BLOBS, ABOUT = "/api/v1/streams", "/api/v1/blobs", "/api/v1/server"
#: In answers: the server cannot take more now, and when to come again.
RETRY_AFTER = "Retry-After"
#: What follows tells the sha256 (hex) of the body as it travels.
PART_SHA256 = "X-Outrider-Sha256"
#: Of what is set aside or stands for a gap, no more travels than this.
SHORT_BYTES = 128 << 10

#: A question names at most so many streams or blobs.
MOST_NAMED = 10_000

_PLACE = re.compile(r"(\d{1,10})\.(\d{1,18})", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)


class Malformed(ValueError):
    """The request does not say what it must, or contradicts itself."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What a server knows of a run, as it tells an agent that has no store. Times in ns; artifacts: path -> (bytes, sha256, modified)."""

    ended: bool
    outputs: list[str] | None = None
    started: int | None = None
    attempt: int = 1
    ended_at: int | None = None
    artifacts: dict[str, tuple[int, str, int]] = {}


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a request says of its body: the bytes between two positions of a stream.

    `torn`: so many bytes at the end are a line that nobody will finish. `gap`: the body is one `gap` line that stands for those bytes.
    `reason`: the body is only the beginning of them; they are set aside for that.
    """

    start: model.Position
    end: model.Position
    torn: int = 0
    gap: bool = False
    reason: str | None = None

    @property
    def data_offset(self) -> int:
        """Where the bytes begin in the segment of `end`: at `start`, but in a new segment at its beginning."""
        return self.start.offset if self.start.segment == self.end.segment else 0

    @property
    def length(self) -> int:
        """How many bytes lie between."""
        return self.end.offset - self.data_offset

    def query(self) -> dict[str, str]:
        """As the request spells it."""
        found = {"from": spelled(self.start), "to": spelled(self.end)}
        if self.torn:
            found["torn"] = str(self.torn)
        if self.gap:
            found["gap"] = "1"
        if self.reason is not None:
            found["reason"] = self.reason
        return found

    @property
    def is_short(self) -> bool:
        """Does the body stand for more bytes than it has?"""
        return self.gap or self.reason is not None

    def slice(self, stream: model.StreamId, data: bytes) -> model.Slice:
        """The body as a slice. Raises `Malformed` where it is not what the request said."""
        if self.is_short:
            return model.Slice(stream=stream, start=self.start, end=self.end, data_offset=self.data_offset, data=data)
        whole = len(data) - self.torn
        if len(data) != self.length or whole < 0 or (whole and data[whole - 1 : whole] != b"\n"):
            raise Malformed(f"The body has {len(data)} bytes; {self.length} of whole lines were announced. Nothing of it was kept.")
        return model.Slice(stream=stream, start=self.start, end=self.end, data_offset=self.data_offset, data=data, torn=self.torn)


def named(piece: model.Slice) -> Named:
    """What a request says of a slice. One that has other bytes than lie between its positions is the gap that stands for them."""
    said = Named(start=piece.start, end=piece.end, torn=piece.torn)
    return said if len(piece.data) == said.length else Named(start=piece.start, end=piece.end, gap=True)


def parse(query: Mapping[str, str]) -> Named:
    """What a request says. Raises `Malformed`."""
    start, end = position(query.get("from", "")), position(query.get("to", ""))
    torn = query.get("torn", "0")
    if not _NUMBER.fullmatch(torn):
        raise Malformed(f"torn={torn[:40]} is no number of bytes.")
    found = Named(start=start, end=end, torn=int(torn), gap=query.get("gap") == "1", reason=query.get("reason"))
    if end <= start or found.torn > found.length or (found.is_short and found.torn):
        raise Malformed(f"from={spelled(start)} to={spelled(end)} torn={torn} is no slice of a stream.")
    return found


def spelled(place: model.Position) -> str:
    """A position as text: `segment.offset`."""
    return f"{place.segment}.{place.offset}"


def position(text: str) -> model.Position:
    """A position from its text. Raises `Malformed`."""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise Malformed(f"{text[:40]!r} is no position; write segment.offset, as in 0.4096.")
    return model.Position(int(match[1]), int(match[2]))


def packed(data: bytes) -> bytes:
    """As gzip, quickly."""
    return zlib.compress(data, level=1, wbits=31)


def unpacked(data: bytes, most: int) -> bytes:
    """From gzip, up to `most` bytes. Raises `Malformed` where it is none, or holds more."""
    machine = zlib.decompressobj(wbits=31)
    try:
        found = machine.decompress(data, most + 1)
    except zlib.error as exc:
        raise Malformed(f"The body is no gzip ({exc}). Nothing of it was kept.") from None
    if len(found) > most or not machine.eof or machine.unused_data:
        raise Malformed("The body is not the gzip of what was announced. Nothing of it was kept.")
    return found
