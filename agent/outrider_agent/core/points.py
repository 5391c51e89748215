"""
Points of a series as they are stored: packed into chunks of JSON lists, each with a summary. Pure.

A value stays as docs/spool.md spells it; nothing here turns it into another.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: A chunk holds at most so many points; one of fewer than SMALL is merged with its neighbours when there are many of them.
FULL = 1024
SMALL = 512
#: So many small chunks may stand at the tail of a series.
TAIL = 32

NUMBERS = frozenset({int, float})


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a chart needs of consecutive points. `min`, `max`, `first_value` and `last_value` are of the finite values."""

    first: int
    count: int
    step_min: int | float | None
    step_max: int | float | None
    time_min: int
    time_max: int
    min: float | None
    max: float | None
    first_value: float | None
    last_value: float | None
    nonfinite: int
    epoch_min: float | None = None
    epoch_max: float | None = None


class Columns:
    """Points in an order, a list a field, all of one length. `epochs`: None where no point has one, which is all that it costs then."""

    __slots__ = ("epochs", "steps", "times", "values")

    def __init__(
        self,
        times: list[int] | None = None,
        steps: list[Any] | None = None,
        values: list[Any] | None = None,
        epochs: list[int | float | None] | None = None,
    ) -> None:
        self.times: list[int] = [] if times is None else times
        self.steps: list[int | float | None] = [] if steps is None else steps
        self.values: list[Any] = [] if values is None else values
        self.epochs = epochs

    def __len__(self) -> int:
        return len(self.times)

    def append(self, time: int, step: float | None, value: Any, epoch: float | None) -> None:
        """Adds a point."""
        if epoch is not None and self.epochs is None:
            self.epochs = self.epoch_list()
        if self.epochs is not None:
            self.epochs.append(epoch)
        self.times.append(time)
        self.steps.append(step)
        self.values.append(value)

    def extend(self, other: Columns) -> None:
        """Adds the other's points after its own."""
        if self.epochs is not None or other.epochs is not None:
            self.epochs = self.epoch_list() + other.epoch_list()
        self.times += other.times
        self.steps += other.steps
        self.values += other.values

    def cut(self, start: int, stop: int) -> Columns:
        """Those from `start` up to `stop`."""
        epochs = None if self.epochs is None else self.epochs[start:stop]
        return Columns(self.times[start:stop], self.steps[start:stop], self.values[start:stop], epochs)

    def picked(self, order: Sequence[int]) -> Columns:
        """Those at these places, in that order."""
        epochs = None if self.epochs is None else [self.epochs[i] for i in order]
        return Columns([self.times[i] for i in order], [self.steps[i] for i in order], [self.values[i] for i in order], epochs)

    def epoch_list(self) -> list[int | float | None]:
        """The epoch of each point."""
        return [None] * len(self) if self.epochs is None else self.epochs


def newest(points: Columns) -> int:
    """The place of the newest point; of several of one time the last of them."""
    times = points.times
    return len(times) - 1 - times[::-1].index(max(times))


def by_time(points: Columns) -> Columns:
    """The points by time; those of one time stay as they are."""
    return points.picked(sorted(range(len(points)), key=points.times.__getitem__))


def by_step(points: Columns) -> Columns:
    """The points by step, of one step by time; where one has no step, all by time."""
    steps, times = points.steps, points.times
    if None in steps:
        return by_time(points)
    return points.picked(sorted(range(len(points)), key=lambda place: (cast("float", steps[place]), times[place])))


def finite(values: Sequence[Any]) -> Sequence[Any]:
    """The finite numbers among values as docs/spool.md spells them; the very same object when all of them are (the usual case)."""
    return values if NUMBERS.issuperset(map(type, values)) else [value for value in values if isinstance(value, (int, float))]


def has_text(values: Sequence[Any]) -> bool:
    """Is one of them a text (as opposed to a number, a bool, null or a spelled-out float)?"""
    odd = set(map(type, values)) - NUMBERS
    if not odd or not odd & {str, list}:
        return False
    return any(isinstance(value, list) or (isinstance(value, str) and value not in {"NaN", "Infinity", "-Infinity"}) for value in values)


def summarize(points: Columns, first: int) -> Summary:
    """The summary of these points, the first of which is the series' `first`-th."""
    numbers = finite(points.values)
    steps = present(points.steps)
    epochs = [] if points.epochs is None else present(points.epochs)
    return Summary(
        first=first,
        count=len(points),
        step_min=min(steps, default=None),
        step_max=max(steps, default=None),
        time_min=min(points.times),
        time_max=max(points.times),
        min=real(min(numbers, default=None)),
        max=real(max(numbers, default=None)),
        first_value=real(numbers[0]) if numbers else None,
        last_value=real(numbers[-1]) if numbers else None,
        nonfinite=len(points) - len(numbers),
        epoch_min=min(epochs, default=None),
        epoch_max=max(epochs, default=None),
    )


def present(steps: list[int | float | None]) -> list[int | float]:
    """The steps (or epochs) that are there; the very same list when all are (the usual case)."""
    return cast("list[int | float]", steps) if None not in steps else [step for step in steps if step is not None]


def real(number: float | None) -> float | None:
    """As a float; an integer beyond a float's range is the largest one (a summary, not the value, which is kept)."""
    if number is None:
        return None
    try:
        return float(number)
    except OverflowError:
        return 1.7976931348623157e308 if number > 0 else -1.7976931348623157e308


def chunks(points: Columns) -> Iterator[Columns]:
    """The points cut into as few chunks of at most FULL as there can be, of nearly equal size: of many points none is SMALL."""
    total = len(points)
    if total <= FULL:
        yield points
        return
    parts = -(-total // FULL)
    for i in range(parts):
        yield points.cut(total * i // parts, total * (i + 1) // parts)


def pack(points: Columns, time_min: int) -> tuple[str, str | None, str, str | None]:
    """The JSON lists of a chunk: times after `time_min`, steps (None when no point has one), values, epochs (None in the same way)."""
    times = json_text([time - time_min for time in points.times])
    steps = json_text(points.steps) if any(step is not None for step in points.steps) else None
    has_epochs = points.epochs is not None and any(epoch is not None for epoch in points.epochs)
    return times, steps, json_text(points.values), json_text(points.epochs) if has_epochs else None


def unpack(time_min: int, times: str, steps: str | None, values: str, epochs: str | None = None) -> Columns:
    """The inverse of `pack`."""
    offsets: list[int] = parse(times)
    return Columns(
        [time_min + offset for offset in offsets],
        [None] * len(offsets) if steps is None else parse(steps),
        parse(values),
        None if epochs is None else parse(epochs),
    )


def json_text(value: Any) -> str:
    """JSON of anything that was decoded from JSON."""
    return msgspec.json.encode(value).decode()


def parse(text: str) -> Any:
    """JSON that `json_text` wrote; integers of any length."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)
