"""
The contracts between the parts. Structural: nothing inherits from them. A method's docstring is its contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from outrider_agent import model


class Clock(Protocol):
    """Time as an argument, so that tests need not wait."""

    def time_ns(self) -> int:
        """Wall clock, nanoseconds since the epoch. May jump."""
        ...

    def monotonic(self) -> float:
        """Seconds, never backwards."""
        ...


class Sink(Protocol):
    """Takes batches of the spool further. One thread calls it; it may block."""

    name: str

    def take_over(self) -> int:
        """Becomes the sink's owner: returns a token greater than every earlier one. Later commits of earlier owners raise `Fenced`."""
        ...

    def positions(self, streams: Iterable[model.StreamId]) -> Mapping[model.StreamId, model.Position]:
        """The committed position of each stream; `START` for one it has never seen. Raises `Unavailable`."""
        ...

    def commit(self, batch: model.Batch) -> model.Receipt:
        """
        Commits the batch and its cursors in one transaction, or neither.

        A slice whose `start` is not the committed position raises `Fenced`. Raises `Unavailable` (try again), `Rejected` (never).
        Bad lines are not an error: they are set aside in the same transaction.
        """
        ...

    def close(self) -> None:
        """Ends it. Idempotent."""
        ...


class Collector(Protocol):
    """Turns something outside into lines of the spool. Runs under `supervise()`; a collector knows nothing of sinks."""

    name: str

    async def run(self) -> None:
        """Collects until canceled; what was appended before the cancellation stays."""
        ...

    async def drain(self) -> None:
        """Reads everything that is there now to its end, once. Called at shutdown after `run` was canceled, and by flush."""
        ...


class Blobs(Protocol):
    """The bytes of artifacts, by sha256. Content never changes."""

    def has(self, sha256: str) -> bool:
        """Is it kept, whole?"""
        ...

    def put(self, source: BinaryIO, *, expect_size: int | None = None) -> tuple[str, int]:
        """Copies to the end, durable when it returns (sha256 hex, size). Idempotent. Raises `Unavailable`."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """Opens it for reading. Raises `NotFound`."""
        ...

    def delete(self, sha256: str) -> None:
        """Forgets it. Idempotent."""
        ...

    def path(self, sha256: str) -> Path | None:
        """Its path where it is a local file, else None."""
        ...
