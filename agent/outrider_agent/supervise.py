"""
Keeps the parts running: a collector that fails is started again after a pause, a bug is said loudly, and none takes the others with it.

This is the one broad `except` of the agent besides the sinks' loop top: whatever a part raises ends here, counted and logged once a minute.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

import structlog

from outrider_agent import errors
from outrider_agent.core import backoff

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RUNNING = "running"
BACKING_OFF = "backing off"
STOPPED = "stopped"

#: A part that worked for so long has recovered: its next failure is a first one.
_RECOVERED_S = 60.0

log = structlog.get_logger(part="supervise")


class Part:
    """The state of one supervised part, as `status` shows it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = RUNNING
        self.error: str | None = None
        self.failures = 0

    def document(self) -> dict[str, object]:
        """One entry of `status`."""
        return {"name": self.name, "state": self.state, "error": self.error, "failures": self.failures}


async def supervise(
    part: Part,
    run: Callable[[], Awaitable[None]],
    *,
    policy: backoff.Backoff | None = None,
    chance: Callable[[], float] = random.random,
) -> None:
    """Runs `run` until it returns, again after each failure. `Fenced` goes through: it ends the agent, not the part."""
    policy = policy or backoff.Backoff(base_s=0.5, cap_s=60.0)
    delays = policy.delays(chance)
    while True:
        part.state, began = RUNNING, time.monotonic()
        try:
            await run()
        except errors.Fenced:
            raise
        except Exception as exc:
            part.failures += 1
            part.state, part.error = BACKING_OFF, describe(exc)
            log.exception("part_failed", name=part.name, error=part.error)
        else:
            part.state = STOPPED
            return
        if time.monotonic() - began > _RECOVERED_S:
            delays = policy.delays(chance)
        await asyncio.sleep(next(delays))


def describe(exc: BaseException) -> str:
    """An exception in one line, for people."""
    text = str(exc).strip()
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
