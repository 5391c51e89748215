"""Tests wait on conditions, never on sleeps: this is the one place that polls."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 60.0, message: str = "the condition did not come true") -> T:
    """Returns the condition's first true value; fails after `timeout` seconds with `message` and the last value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{message} within {timeout} s (last: {value!r})")
        time.sleep(0.02)
