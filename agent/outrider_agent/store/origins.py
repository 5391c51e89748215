"""Where printed points were read, and what a run's console says of its progress. Reads the store; writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent import errors
from outrider_agent.core import frames, points
from outrider_agent.store import progress, queries, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = queries.load("printed")


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A printed point and the line that it was read from: `line` from 1, `offset` and `length` in bytes of stream `fd` of that attempt."""

    ordinal: int
    step: int | float | None
    time: int
    value: Any
    attempt: int
    fd: int
    offset: int
    length: int
    line: int
    rule: str
    epoch: int | float | None = None
    text: str | None = None


class ReadHere(msgspec.Struct, frozen=True, kw_only=True):
    """A point of a printed series, by the place of its line."""

    name: str
    ordinal: int
    offset: int
    length: int


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A line that looks like numbers, and that no rule read."""

    attempt: int
    fd: int
    line: int
    offset: int
    text: str | None


class Origins(reading.Reader):
    """A store's reader that knows where printed points come from."""

    def origins(self, run_id: str, name: str, step: float | None = None, *, last: int | None = None) -> list[Origin]:
        """Where a printed series' points were read: those of that step, or the last ones. Raises `NotFound`."""
        found = self.points(run_id, name, "printed")
        rows = self._rows(SQL.origins, run_id=run_id, name=name)
        made = [
            _origin(found[ordinal], ordinal, place, rule)
            for ordinal, place, rule in _unpacked(rows)
            if ordinal < len(found) and (step is None or found[ordinal].step == step)
        ]
        if not made:
            at = "" if step is None else f" at step {step:g}"
            raise errors.NotFound(
                f"No printed point of {name!r}{at} is in run {run_id}; `outrider metrics {run_id} {name}` lists its points."
            )
        made = made[-last:] if last else made
        return [msgspec.structs.replace(one, text=self.line(run_id, one)) for one in made]

    def line(self, run_id: str, origin: Origin) -> str | None:
        """The line as a terminal left it; None where its bytes are not in the store any more."""
        return self._text(run_id, origin.attempt, origin.fd, origin.offset, origin.length)

    def _text(self, run_id: str, attempt: int, fd: int, start: int, length: int) -> str | None:
        stop = start + length
        given = {"attempt": attempt, "fd": fd, "start": start, "stop": stop}
        data, at = b"", start
        for row in self._rows(SQL.bytes_at, run_id=run_id, **given):
            offset, chunk = row[0], bytes(row[1])
            if offset > at:
                return None
            data += chunk[at - offset : stop - offset]
            at = max(at, min(offset + len(chunk), stop))
        return frames.settled(data).decode("utf-8", "replace").strip("\r") if at >= stop else None

    def read_at(self, run_id: str, attempt: int, fd: int, start: int, stop: int) -> list[ReadHere]:
        """The points that were read between two offsets of a console."""
        found = []
        for row in self._rows(SQL.origins_between, run_id=run_id, start=start, stop=stop):
            for place, where in enumerate(points.parse(row[2])):
                if where[0] == attempt and where[1] == fd and start <= where[2] < stop:
                    found.append(ReadHere(name=str(row[0]), ordinal=row[1] + place, offset=where[2], length=where[3]))
        return found

    def unread(self, run_id: str) -> list[Unread]:
        """The last lines of a run that look like numbers and that no rule read."""
        found = []
        for row in self._rows(SQL.states, run_id=run_id):
            for line, offset, length in points.parse(row[2]).get("unread_at", []):
                text = self._text(run_id, row[0], row[1], offset, length)
                found.append(Unread(attempt=row[0], fd=row[1], line=line, offset=offset, text=text))
        return found

    def progress(self, run_id: str, now: int) -> progress.Progress:
        """How far a run is by its own account, and whether it has fallen silent. `now` in nanoseconds. Raises `NotFound`."""
        run = self.run(run_id)
        with self._snapshots.open() as connection:
            return progress.of(connection, run, now)


def _unpacked(rows: Any) -> Iterator[tuple[int, list[int], str]]:
    for first, places, told in ((row[0], points.parse(row[1]), points.parse(row[2])) for row in rows):
        for place, where in enumerate(places):
            yield first + place, where, told if isinstance(told, str) else told[place]


def _origin(point: Any, ordinal: int, place: list[int], rule: str) -> Origin:
    attempt, fd, offset, length, line = place
    return Origin(
        ordinal=ordinal,
        step=point.step,
        time=point.time,
        value=point.value,
        attempt=attempt,
        fd=fd,
        offset=offset,
        length=length,
        line=line,
        rule=rule,
        epoch=point.epoch,
    )
