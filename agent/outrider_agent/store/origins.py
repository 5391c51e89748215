"""Where printed points were read, and what a run's console says of its progress. Reads the store; writes nothing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent import errors
from outrider_agent.core import frames, points
from outrider_agent.store import queries, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

SQL = queries.load("printed")
#: No output for so many times the usual gap is a stall; and never before so many seconds.
STALL_GAPS, STALL_LEAST_S = 6.0, 60.0
#: The usual gap is that of the last so many chunks.
GAPS = 50
SECOND = 1_000_000_000


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


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a run's console says of it. `share`: how much is done, from 0 to 1; `eta_s`: at the pace so far; `unread`: lines that look like
    numbers and that no rule read; `silent_s`: since the last output; `is_stalled`: silent for six times the usual gap.
    """

    share: float | None
    eta_s: float | None
    unread: int
    silent_s: float | None
    is_stalled: bool


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

    def progress(self, run_id: str, now: int) -> Progress:
        """How far a run is by its own account, and whether it has fallen silent. `now` in nanoseconds."""
        run = self.run(run_id)
        row = next(iter(self._rows(SQL.progress, run_id=run_id)), None)
        share = None if row is None or row[1] is None else min(max(float(row[1]), 0.0), 1.0)
        elapsed = (now - run.started) / SECOND
        eta = elapsed * (1 - share) / share if share and not run.is_over else None
        times = [int(one[0]) for one in self._rows(SQL.times, run_id=run_id, limit=GAPS)]
        silent = None if run.is_over or not times else max((now - times[0]) / SECOND, 0.0)
        unread = 0 if row is None else int(row[0] or 0)
        return Progress(share=share, eta_s=eta, unread=unread, silent_s=silent, is_stalled=silent is not None and silent > _patience(times))


def _patience(times: list[int]) -> float:
    """How many seconds without output are usual enough."""
    gaps = sorted((later - earlier) / SECOND for later, earlier in itertools.pairwise(times))
    usual = gaps[len(gaps) // 2] if gaps else STALL_LEAST_S
    return max(STALL_GAPS * usual, STALL_LEAST_S)


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
    )
