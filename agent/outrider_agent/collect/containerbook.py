"""
The agent's own stream of one container: what the container wrote, in lines that each say where they came from, so that the stream itself
says where to go on. There is no other file to disagree with it.

`from` lines say which files are followed and how far, at the beginning of each segment and when a file is begun; `at` of the lines after
it moves that on: [file, offset after it, bytes of marker before that, their crc32, next offset of stdout, of stderr]. From the engine's API
it is [0, time stamp, how many of that time stamp came, stream, …]. docs/spool.md has both.
"""

# Paths are plain strings here, as everywhere in a sweep.
# ruff: noqa: PTH118
from __future__ import annotations

import base64
import os
import re
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider import record, spool
from outrider_agent.collect import spooled, streams, tail
from outrider_agent.core import foreign

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outrider_agent import protocols

#: Streams of this kind are a container's; see `streams.AGENTS_OWN`.
KIND = "container"

_AT = re.compile(rb'"at":\[(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)\]\}')
_FROM = b'{"k":"from"'
_encode = msgspec.json.Encoder().encode


class Stamp(NamedTuple):
    """A place in the API's logs of one stream: the last message's time stamp, and how many of that time stamp came."""

    time: int = 0
    number: int = 0


class Place:
    """How far a container was read: files and marks, or time stamps of the API; and `after`, before which everything is in the store."""

    def __init__(self) -> None:
        self.files: dict[int, tail.Position] = {}
        self.stamps = {1: Stamp(), 2: Stamp()}
        self.after = 0
        self._again = {1: 0, 2: 0}

    def rewind(self) -> int:
        """The API is asked again: from which time on, ns since the epoch. What it gives again is counted off by `is_new`."""
        self._again = {1: 0, 2: 0}
        return min((stamp.time for stamp in self.stamps.values() if stamp.time), default=self.after)

    def is_begun(self) -> bool:
        """Was a file found, or did anything come from the API?"""
        return bool(self.files) or any(stamp.time for stamp in self.stamps.values())

    def is_new(self, stream: int, when: int) -> bool:
        """A message of the API: is it one that was not there before? It counts as read then."""
        last, again = self.stamps[stream], self._again
        if when < last.time:
            return False
        again[stream] = again[stream] + 1 if when == last.time else 1
        if when == last.time and again[stream] <= last.number:
            return False
        self.stamps[stream] = Stamp(when, again[stream])
        return True


class Resumed(NamedTuple):
    """What an earlier agent's stream says of a container."""

    run: str
    owner: bool
    attempt: int
    ended: bool
    started: int | None
    place: Place
    offsets: tuple[int, int]


class Opening(NamedTuple):
    """What a stream is opened with."""

    run: str
    container: str
    owner: bool
    experiment: str
    attempt: int


class Book:
    """One attempt's stream. One thread at a time. Appends are refused only where the disk is; the writer counts that."""

    def __init__(
        self, home: str, opening: Opening, clock: protocols.Clock, place: Place, *, started: int | None, offsets: tuple[int, int] = (0, 0)
    ) -> None:
        self._clock, self._opening, self._started = clock, opening, started
        self._writer = spool.Writer(home, opening.run, KIND, owner=opening.owner, experiment=opening.experiment, attempt=opening.attempt)
        self._segment = -1
        self._place = place
        self._offsets = list(offsets)

    def describe(self, fields: dict[str, Any], properties: dict[str, str]) -> None:
        """The `run` line, and properties. Before the first positions: whoever finds those may rely on these."""
        began = self._started if self._opening.owner else None  # of another's run it tells no beginning
        self._writer.append_vital(spool.line({"k": record.RUN, "t": began or self._clock.time_ns(), **fields}))
        for name, value in properties.items():
            self._append({"k": record.PROPERTY, "t": self._clock.time_ns(), "n": name, "v": value})

    def say_positions(self) -> None:
        """All that is followed, in one line."""
        self._append({"k": record.FROM, "t": self._clock.time_ns(), "id": self._opening.container, **self._positions()})
        self._segment = self._writer.position()[0]

    def _positions(self) -> dict[str, Any]:
        place = self._place
        told = {
            str(number): {
                "p": one.path,
                "o": one.mark.offset,
                "id": list(one.mark.identity),
                "h": [one.mark.head, one.mark.head_length],
                "m": [one.mark.marker, one.mark.marker_length],
                "d": one.drained,
            }
            for number, one in place.files.items()
        }
        stamps = {str(stream): list(stamp) for stream, stamp in place.stamps.items()}
        return {"started": self._started, "files": told, "o": list(self._offsets), "api": stamps, "after": place.after}

    def keep_up(self) -> None:
        """A new segment opens with all positions: an older one may be deleted at any time."""
        if self._writer.position()[0] != self._segment:
            self.say_positions()

    def console(self, stream: int, time: int, data: bytes, at: tuple[int, int, int, int]) -> None:
        """Bytes of one of its streams, and where they came from."""
        offset = self._offsets[stream - 1]
        self._offsets[stream - 1] = offset + len(data)
        line: dict[str, Any] = {"k": record.CONSOLE, "t": time, "f": stream, "o": offset}
        try:
            line["d"] = data.decode()
        except UnicodeDecodeError:
            line["b"] = base64.b64encode(data).decode()
        line["at"] = [*at, *self._offsets]
        self._writer.append(b"\n" + _encode(line) + b"\n")
        self._move(at)

    def gap(self, why: str, *, records: int, size: int | None, at: tuple[int, int, int, int] | None = None) -> None:
        """Something that is not there: `records` lines that could not be read, or 0 where nobody knows how many are missing."""
        line: dict[str, Any] = {"k": record.GAP, "t": self._clock.time_ns(), "n": records, "why": why}
        if size is not None:
            line["bytes"] = size
        if at is not None:
            line["at"] = [*at, *self._offsets]
        self._append(line)
        if at is not None:
            self._move(at)

    def set_aside(self, why: str, size: int, head: bytes, at: tuple[int, int, int, int] | None) -> None:
        """A line that could not be read: why, and how it begins."""
        shown = f": {head[:200].decode('utf-8', 'backslashreplace')}" if head else ""
        self.gap(f"set aside: {why}{shown}", records=1, size=size, at=at)

    def note(self, message: str) -> None:
        """Something the user of the run should know."""
        self._append({"k": record.NOTE, "t": self._clock.time_ns(), "lv": 30, "msg": message})

    def end(self, fields: dict[str, Any]) -> None:
        """How it ended; and no more of this stream. Of a run that is another's it says nothing but where it stands."""
        if self._opening.owner:
            self._writer.append_vital(spool.line(fields), fields)
        else:
            self._append({"k": record.FROM, "t": self._clock.time_ns(), "id": self._opening.container, "ended": True, **self._positions()})
        self.close()

    def close(self) -> None:
        """Lets go of the stream. Idempotent."""
        self._writer.close()

    @property
    def refused(self) -> int:
        """Lines that the spool did not take."""
        return self._writer.refused

    def _move(self, at: tuple[int, int, int, int]) -> None:
        """What this line says of its origin holds for the next `from` line."""
        number, end, length, checksum = at
        before = self._place.files.get(number)
        if before is not None:
            self._place.files[number] = before._replace(mark=before.mark._replace(offset=end, marker=checksum, marker_length=length))

    def _append(self, fields: dict[str, Any]) -> None:
        self._writer.append(spool.line(fields))


def marker(data: bytes, start: int, end: int) -> tuple[int, int]:
    """(length, crc32) of the last bytes of `data[start:end]`, by which the place after them is known again."""
    begin = max(start, end - foreign.MARKER_BYTES)
    return end - begin, zlib.crc32(data[begin:end])


def has_streams(home: str, run: str) -> bool:
    """Has a container written into this run?"""
    return any(name.startswith(f"{KIND}-") for name in streams.folders(os.path.join(home, "spool", run)))


def resumed(home: str) -> dict[str, Resumed]:
    """What the streams of earlier agents say, by container. Where one has several, the newest counts."""
    found: dict[str, tuple[tuple[int, int], Resumed]] = {}
    root = os.path.join(home, "spool")
    for run in streams.folders(root):
        for name in streams.folders(os.path.join(root, run)):
            if name.startswith(f"{KIND}-") and (told := _read(run, os.path.join(root, run, name))) is not None:
                container, order, one = told
                if container not in found or found[container][0] < order:
                    found[container] = order, one
    return {container: one for container, (_order, one) in found.items()}


def _read(run: str, directory: str) -> tuple[str, tuple[int, int], Resumed] | None:
    """(container, what orders its streams, what it says); None for a stream that says nothing."""
    data = b""
    for number in reversed(spool.segments(directory)):
        try:
            with open(spool.open_regular(spool.segment_path(directory, number)), "rb") as segment:  # noqa: PTH123
                data = segment.read() + data
        except OSError:
            return None
        if data.find(b"\n" + _FROM) >= 0:
            break
    head = streams.head(directory)
    place = data.rfind(b"\n" + _FROM)
    end = data.find(b"\n", place + 1)
    if head is None or place < 0 or end < 0:
        return None
    said = spooled.decode(data[place + 1 : end])
    container = said.get("id")
    if not isinstance(container, str):
        return None
    rest = data[end : data.rfind(b"\n") + 1]
    one = _moved_on(run, head, said, rest)
    order = (head.attempt, said["t"] if isinstance(said.get("t"), int) else 0)
    return container, order, one


def _moved_on(run: str, head: streams.Head, said: dict[str, Any], rest: bytes) -> Resumed:
    place = Place()
    place.files = dict(_positions(said.get("files")))
    place.after = said["after"] if isinstance(said.get("after"), int) else 0
    out, err = said.get("o") or (0, 0)
    api = said.get("api") or {}
    place.stamps = {stream: Stamp(*api.get(str(stream), (0, 0))) for stream in (1, 2)}
    for found in _AT.finditer(rest):
        number, end, length, crc, out, err = map(int, found.groups())
        if number == 0:
            place.stamps[crc] = Stamp(end, length)
        elif number in place.files:
            mark = place.files[number].mark._replace(offset=end, marker=crc, marker_length=length)
            place.files[number] = place.files[number]._replace(mark=mark)
    return Resumed(
        run=run,
        owner=head.own,
        attempt=head.attempt,
        ended=said.get("ended") is True or b'\n{"k":"end"' in rest,
        started=said["started"] if isinstance(said.get("started"), int) else None,
        place=place,
        offsets=(int(out), int(err)),
    )


def _positions(told: Any) -> Iterator[tuple[int, tail.Position]]:
    for number, one in told.items() if isinstance(told, dict) else ():
        try:
            identity = foreign.Identity(*one["id"])
            mark = foreign.Mark(identity, one["o"], one["h"][0], one["h"][1], one["m"][0], one["m"][1])
            yield int(number), tail.Position(one["p"], mark, one.get("d") is True)
        except (KeyError, TypeError, ValueError, IndexError):
            continue
