"""
Which step the lines belong to that tell none: that of the line above, as below `Epoch 3`, or that of the line below, as before a summary
that ends each round. Pure.

Almost always it is the line above. Only where such lines came before any line with a step, once each, and come again after the first one
with a step, does the round end with the step: then they wait for it. Where they came several times before it, a round has many of them:
none of them has a step. What is said of validation is no evidence: that is measured before training begins, too.

Of the first round only log lines wait (their print comes at once): a script that prints one value and then works for an hour shows it now.
"""

from __future__ import annotations

import enum

import msgspec

from outrider_agent.core.extract import names
from outrider_agent.core.extract.reading import Reading  # noqa: TC001 (msgspec reads the annotation)

#: A round has no more lines without a step; more are none.
LONGEST = 8
#: What read them, for lines that can be a part of a round: neither bars nor tables.
LINES = frozenset({"kv", "dict"})
_EVALUATION = frozenset({"val", "valid", "validation", "test", "testing", "eval", "evaluation", "dev"})


class Order(enum.StrEnum):
    """What is known of a stream's rounds."""

    UNKNOWN = "unknown"
    REPEATED = "repeated"  # lines without a step came several times, and none with one
    MAYBE_BELOW = "maybe below"  # they came once each, and then one with a step
    BELOW = "below"
    ABOVE = "above"


class Cycle(msgspec.Struct):
    """The round of a stream: `shapes` are those of its lines without a step, of which `held` wait; `end` is the line that told the step."""

    order: Order = Order.UNKNOWN
    shapes: list[str] = []
    held: list[Reading] = []
    end_shape: str = ""
    end: Reading | None = None

    def bare(self, one: Reading, *, is_logged: bool) -> list[Reading]:
        """A line that tells no step, `is_logged` as a log line: the readings that are sure by now."""
        shape = shape_of(one)
        if self.order is Order.ABOVE:
            return [_unplaced(one) if shape in self.shapes else one]
        if self.order in {Order.UNKNOWN, Order.REPEATED}:
            return self._first(one, shape, is_logged=is_logged)
        if self.order is Order.MAYBE_BELOW and shape != self.shapes[0]:
            return [*self.close(), one]
        self.order = Order.BELOW
        if shape not in self.shapes:
            return [one]
        is_missed = any(shape_of(other) == shape for other in self.held)  # what should have told its step
        sure = self._placed() if self.end is not None else self._taken() if is_missed else []
        self.held.append(_unplaced(one))
        return sure

    def told(self, one: Reading) -> list[Reading]:
        """A line that tells a step (`one`, perhaps without metrics): the readings before it that are sure by now."""
        if self.order is Order.UNKNOWN and self.shapes:
            self.order, self.end, self.end_shape = Order.MAYBE_BELOW, one, shape_of(one)
            return []
        is_end = shape_of(one) == self.end_shape
        if self.order is Order.ABOVE or (self.order in {Order.BELOW, Order.MAYBE_BELOW} and not is_end):
            return []
        if self.order is Order.BELOW:
            self.end = one
            return self._placed()
        shapes = self.shapes if self.order is Order.REPEATED and one.metrics else []
        sure = self.close()
        self.shapes = shapes
        return sure

    @property
    def is_over(self) -> bool:
        """Is every line without a step that of the line above?"""
        return self.order is Order.ABOVE and not self.shapes

    def passed(self) -> list[Reading]:
        """A bar, or a table's row: rounds that are not known to end with their step do not."""
        return [] if self.order in {Order.BELOW, Order.ABOVE} else self.close()

    def close(self) -> list[Reading]:
        """No round ends with its step: what was held, as it was read."""
        sure = self._placed() if self.end is not None and _is_same(self.held, self.end) else self._taken()
        self.order, self.shapes, self.end = Order.ABOVE, [], None
        return sure

    def finish(self) -> list[Reading]:
        """The output has ended, or misses something from here on."""
        if self.order is Order.BELOW:
            return self._taken()
        return self.close() if self.shapes else []

    def _first(self, one: Reading, shape: str, *, is_logged: bool) -> list[Reading]:
        """One of the lines before any that tells a step."""
        if one.step is not None or one.epoch is not None or len(self.shapes) >= LONGEST:
            return [*self.close(), one]
        if shape not in self.shapes:
            self.shapes.append(shape)
            if self.order is Order.UNKNOWN and is_logged:
                self.held.append(one)
                return []
            return [one]
        self.order = Order.REPEATED
        return [*self._taken(), one]

    def _taken(self) -> list[Reading]:
        held, self.held = self.held, []
        return held

    def _placed(self) -> list[Reading]:
        """What was held, with the step of the line that ended its round; without what that one says itself."""
        end, self.end = self.end, None
        if end is None:
            return []
        placed = []
        for one in self._taken():
            metrics = {name: value for name, value in one.metrics.items() if end.metrics.get(name) != value}
            if metrics:
                placed.append(
                    msgspec.structs.replace(one, metrics=metrics, step=end.step, epoch=end.epoch, total=end.total, is_batch=end.is_batch)
                )
        return placed


def may_hold(one: Reading) -> bool:
    """Can a line be a part of a round that ends with its step?"""
    return one.rule in LINES and one.split not in _EVALUATION and not any(_EVALUATION & set(names.words(name)) for name in one.metrics)


def shape_of(one: Reading) -> str:
    """By what a line is known again: the names that it holds."""
    return "\n".join(one.metrics)


def _unplaced(one: Reading) -> Reading:
    return msgspec.structs.replace(one, step=None, epoch=None)


def _is_same(held: list[Reading], end: Reading) -> bool:
    """Do lines say nothing but what the one that tells the step says, too?"""
    return bool(held) and all(end.metrics.get(name) == value for one in held for name, value in one.metrics.items())
