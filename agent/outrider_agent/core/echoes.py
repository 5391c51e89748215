"""
Tells lines of the console that are a log record's own print from others: one event is one line.

Pure. Records and lines are offered by time. Missing an echo shows an event twice; taking a script's own line for one would hide it, so
what is not sure is no echo (decisions/0005). What speaks for one: the record's handlers print to that stream, the line was read after the
record was made and soon, it looks as that handler's format says (core/prints.py), and no later record of the same thread was printed
there before. Memory is bounded, whatever the run's length.
"""

from __future__ import annotations

import collections
import functools
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from outrider_agent.core import prints

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: How long after a record its print may be read: where its form is known, and where it is not.
WINDOW_NS = 60_000_000_000
LIKELY_WINDOW_NS = 5_000_000_000
#: How many prints are waited for on each stream, and how many of the oldest and of the newest of them a line is compared with.
REMEMBERED = 16_384
COMPARED = 128

STREAMS = {"stdout": 1, "stderr": 2}
#: Where nothing is known of a logger's handlers.
ANYWHERE: tuple[Mapping[str, Any], ...] = ({"f": 0, "lv": 0, "own": True},)


class Line(Protocol):
    """A line of the console."""

    @property
    def time(self) -> int:
        """When it was read."""
        ...

    @property
    def stream(self) -> str:
        """`stdout` or `stderr`."""
        ...

    @property
    def text(self) -> str:
        """Without its newline."""
        ...


class _Expected(NamedTuple):
    """A print that is to come. `group`: those of one group come in order. `lines`: what it must be; None: whatever looks like it."""

    record: prints.Record
    group: tuple[Any, ...]
    lines: list[list[prints.Piece]] | None
    is_free: bool


class _Following:
    """What must come next on a stream: the rest of a print."""

    def __init__(self, key: int, lines: Sequence[list[prints.Piece]], flow: str = "") -> None:
        self.key = key
        self._lines = collections.deque(lines)
        self._flow = flow

    def copy(self) -> _Following:
        """The same, to be changed by itself."""
        return _Following(self.key, self._lines, self._flow)

    def takes(self, text: str) -> bool:
        """Is the line the next of it?"""
        if self._flow:
            body = "".join(text.split())
            if not body or not self._flow.startswith(body):
                return False
            self._flow = self._flow[len(body) :]
            return True
        return bool(self._lines) and prints.fits(self._lines.popleft(), text)


@functools.lru_cache(maxsize=256)
def layout(fmt: str, style: str, dates: str | None) -> prints.Layout:
    """A format, taken apart once."""
    return prints.Layout(fmt, style, dates)


class Echoes:
    """See the top."""

    def __init__(self) -> None:
        self._expected: dict[int, collections.deque[_Expected]] = {fd: collections.deque(maxlen=REMEMBERED) for fd in (0, 1, 2)}
        self._following: dict[int, _Following] = {}

    def copy(self) -> Echoes:
        """What is expected now, to go on from twice: where a record was read later than its print, what came since is told again."""
        twin = Echoes()
        twin._expected = {fd: queue.copy() for fd, queue in self._expected.items()}
        twin._following = {fd: one.copy() for fd, one in self._following.items()}
        return twin

    def record(self, record: prints.Record, printers: Sequence[Mapping[str, Any]] | None) -> None:
        """A log record, and how its logger's handlers print; None where nobody has told."""
        if not record.message.strip():
            return
        for index, printer in enumerate(ANYWHERE if printers is None else printers):
            if record.level >= printer.get("lv", 0):
                fmt = printer.get("fmt")
                lines = layout(fmt, printer.get("st") or "%", printer.get("df")).lines(record) if isinstance(fmt, str) else None
                is_free = bool(printer.get("own")) or not isinstance(fmt, str)
                group = (record.writer, record.thread, index)
                self._expected[printer.get("f", 0)].append(_Expected(record, group, lines, is_free))

    def echo_of(self, line: Line) -> int | None:
        """The key of the record that this line is a print of, or None."""
        if not self._following and not any(self._expected.values()):
            return None  # nothing was logged: a program that only prints
        fd = STREAMS.get(line.stream, 0)
        text = prints.plain(line.text)
        following = self._following.get(fd)
        if following is not None:
            if following.takes(text):
                return following.key
            del self._following[fd]
        if not text:
            return None
        for queue in (self._expected[fd], self._expected[0]) if fd else (self._expected[0],):
            found = self._find(queue, line.time, text)
            if found is not None:
                self._following[fd] = found
                return found.key
        return None

    def _find(self, queue: collections.deque[_Expected], time: int, text: str) -> _Following | None:
        while queue and time - queue[0].record.time > WINDOW_NS:
            queue.popleft()
        oldest = range(min(COMPARED, len(queue)))
        newest = range(len(queue) - 1, max(len(queue) - COMPARED, len(oldest)) - 1, -1)  # the oldest may be prints that never come
        for index in (*oldest, *newest):
            expected = queue[index]
            if expected.record.time <= time:
                found = _compare(expected, time, text)
                if found is not None:
                    _take(queue, index)
                    return found
        return None


def _take(queue: collections.deque[_Expected], index: int) -> None:
    """Away with it, and with those before it that come from the same place: they are printed in order, so they never will be."""
    group = queue[index].group
    for place in range(index, -1, -1):
        if queue[place].group == group:
            del queue[place]


def _compare(expected: _Expected, time: int, text: str) -> _Following | None:
    record = expected.record
    if expected.lines is not None and prints.fits(expected.lines[0], text):
        return _Following(record.key, expected.lines[1:])
    if not expected.is_free or time - record.time > LIKELY_WINDOW_NS:
        return None
    if prints.is_likely(record, text):
        rest = record.message.split("\n")[1:] if not text.startswith("{") else []
        return _Following(record.key, [[line] for line in [*rest, *prints.below(record)]])
    flow = prints.wrapped(record, text)
    return None if flow is None else _Following(record.key, [[line] for line in prints.below(record)], flow)
