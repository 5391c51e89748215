"""
Places where the agent may be told to die, for the fault tests.

OUTRIDER_CRASH_AT=<point>:<n> kills the process (SIGKILL) when it passes that point for the n-th time. Unset, passing costs one call of
an empty function.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

POINTS = frozenset(
    {
        "after_read",
        "before_begin",
        "after_insert",
        "before_commit",
        "after_commit",
        "before_segment_delete",
        "after_segment_delete",
        "after_gap",
    }
)


def arm(setting: str | None) -> Callable[[str], None]:
    """The function to call at each point. Raises ValueError for a point that does not exist."""
    if not setting:
        return lambda _point: None
    chosen, _, number = setting.partition(":")
    if chosen not in POINTS:
        raise ValueError(f"OUTRIDER_CRASH_AT={setting}: no such point; there are {', '.join(sorted(POINTS))}")
    left = [int(number or 1)]

    def passing(point: str) -> None:
        if point == chosen:
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passing


at = arm(os.environ.get("OUTRIDER_CRASH_AT"))
