"""
How long to wait before the next try. Pure: chance is an argument, nothing here sleeps or looks at a clock.

Decorrelated jitter: each delay is drawn between the base and three times the last one, and capped, so that many who failed together do not
come back together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Delays in seconds, from `base_s` up to `cap_s`."""

    base_s: float = 0.2
    cap_s: float = 30.0

    def following(self, previous: float | None, chance: float) -> float:
        """The delay after `previous` (None: the first). `chance` is in [0, 1). Always within [base_s, cap_s]."""
        highest = max(self.base_s, 3.0 * (previous if previous is not None else self.base_s))
        return min(self.cap_s, self.base_s + chance * (highest - self.base_s))

    def delays(self, random: Callable[[], float]) -> Iterator[float]:
        """The delays of one row of failures, without end. A success begins a new row: call it again."""
        previous: float | None = None
        while True:
            previous = self.following(previous, random())
            yield previous
