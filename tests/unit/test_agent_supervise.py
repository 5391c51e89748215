"""Supervision: a failing part is started again, later and later; a fenced one ends the agent."""

from __future__ import annotations

import asyncio

import pytest

from outrider_agent import errors, supervise
from outrider_agent.core import backoff

QUICK = backoff.Backoff(base_s=0.001, cap_s=0.002)


def run(coroutine):
    return asyncio.run(coroutine, debug=True)


def test_a_part_that_fails_is_started_again_and_its_failures_are_counted():
    """Rule: a collector's bug takes nothing else with it, and status says what it was."""
    part, calls = supervise.Part("outputs"), []

    async def work():
        calls.append(part.state)
        if len(calls) < 4:
            raise ValueError(f"no {len(calls)}")

    run(supervise.supervise(part, work, policy=QUICK))
    assert calls == ["running"] * 4
    assert part.document() == {"name": "outputs", "state": "stopped", "error": "ValueError: no 3", "failures": 3}


def test_fencing_is_not_a_failure_of_a_part():
    """Rule: `Fenced` goes through: the whole agent stops."""

    async def work():
        raise errors.Fenced

    with pytest.raises(errors.Fenced):
        run(supervise.supervise(supervise.Part("ship"), work, policy=QUICK))


def test_a_canceled_part_is_not_started_again():
    """Rule: shutdown cancels, and that is that."""

    async def outer():
        started = asyncio.Event()

        async def work():
            started.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(supervise.supervise(supervise.Part("outputs"), work, policy=QUICK), name="outputs")
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(outer())


def test_an_exception_without_words_is_still_described():
    """Rule: the user never reads an empty reason."""
    assert supervise.describe(KeyError()) == "KeyError"
    assert supervise.describe(OSError(28, "No space left on device")) == "OSError: [Errno 28] No space left on device"
