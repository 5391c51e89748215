"""
Where the slices of many agents become transactions of one store. One thread, one queue; whoever sent a slice waits for its answer.

A slice that begins where its stream is committed goes in; any other is answered with the truth, so that its sender goes on from there. What
came meanwhile shares a transaction. A line that the store refuses is set aside here, as an agent beside its own store would do it.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, Protocol

import structlog

from outrider_agent import errors, model
from outrider_agent.core import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

log = structlog.get_logger(part="receive")

#: One transaction takes at most about so much, and what waits for one is at most so much.
BATCH_BYTES = 8 << 20
QUEUE_BYTES = 128 << 20
#: The store is told that it may tidy up when nothing came for so long.
IDLE_S = 2.0


class Store(Protocol):
    """A transactional sink that is here (protocols.Sink), and can set a slice aside unread."""

    def take_over(self) -> int:
        """As `protocols.Sink`."""
        ...

    def positions(self, streams: Iterable[model.StreamId]) -> Mapping[model.StreamId, model.Position]:
        """As `protocols.Sink`."""
        ...

    def commit(self, batch: model.Batch) -> model.Receipt:
        """As `protocols.Sink`."""
        ...

    def pass_over(self, piece: model.Slice, reason: str) -> None:
        """Sets a slice aside with its reason."""

    def idle(self) -> None:
        """Nothing is to be done for a while."""

    def close(self) -> None:
        """Idempotent."""


class Answer(NamedTuple):
    """Where the stream is committed now, and whether the slice that was sent is in it by this."""

    position: model.Position
    taken: bool


class Offer(NamedTuple):
    """A slice whose sender waits. `reason`: it is to be set aside, for that."""

    piece: model.Slice
    reason: str | None
    answer: concurrent.futures.Future[Answer]


class Full(errors.Unavailable):
    """The server has as much as it can take at the moment."""

    retry_after_s = 1.0


class Receiver:
    """`start`, then `offer` from any thread, then `close`. `on_fenced` is told when another server owns the store."""

    def __init__(self, store: Store, on_fenced: Callable[[str], None], *, queue_bytes: int = QUEUE_BYTES) -> None:
        self._store, self._on_fenced, self._queue_bytes = store, on_fenced, queue_bytes
        self._waiting: deque[Offer] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._closed = False
        self._error: str | None = None
        self._began: float | None = None
        self.commits = self.records = self.set_aside = 0
        self._tidied = 0
        self._thread = threading.Thread(target=self._run, name="receive", daemon=True)

    @property
    def error(self) -> str | None:
        """Why nothing goes in at the moment; None where the last transaction went well."""
        return self._error

    def busy_s(self) -> float:
        """Seconds that the transaction under way has taken; 0 where none is."""
        began = self._began
        return 0.0 if began is None else time.monotonic() - began

    def start(self) -> None:
        """Becomes the store's owner, and begins. Raises `Unavailable`."""
        self._store.take_over()
        self._thread.start()

    def offer(self, piece: model.Slice, reason: str | None = None) -> concurrent.futures.Future[Answer]:
        """The slice's answer, once it is committed or was found elsewhere. It may fail with `Unavailable`. Raises `Full`."""
        made = Offer(piece, reason, concurrent.futures.Future())
        with self._changed:
            if self._closed:
                raise errors.Unavailable("The server is stopping; nothing is lost, the agent holds it.")
            if self._waiting and self._bytes + len(piece.data) > self._queue_bytes:
                raise Full
            self._waiting.append(made)
            self._bytes += len(piece.data)
            self._changed.notify()
        return made.answer

    def positions(self, streams: Iterable[model.StreamId]) -> Mapping[model.StreamId, model.Position]:
        """Where these are committed. Blocks on the disk. Raises `Unavailable`."""
        return self._store.positions(streams)

    def close(self) -> None:
        """What waits is committed, then the store is closed. Blocks. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._store.close()

    def _run(self) -> None:
        while (offers := self._take()) is not None:
            self._began = time.monotonic() if offers else None
            self._attempt(offers)
            self._began = None

    def _attempt(self, offers: Sequence[Offer]) -> None:
        """The loop's top: what the store raises is the senders' answer. A bug is told to whose data it is about, and loudly."""
        try:
            if offers:
                self._settle(offers)
            else:
                self._tidied = self.commits
                self._store.idle()
        except errors.Unavailable as exc:
            self._fail(offers, exc)
        except errors.Fenced as exc:
            self._fail(offers, exc)
            self._on_fenced(str(exc))
        except Exception as exc:
            if len(offers) > 1:  # nobody is stopped by what another one sent
                for one in offers:
                    self._attempt([one])
                return
            log.exception("commit_failed", error=f"{type(exc).__name__}: {exc}")
            self._fail(offers, errors.StoreError(f"An error in Outrider's server ({type(exc).__name__}): {exc}"))

    def _take(self) -> list[Offer] | None:
        """What is there now, as much as one transaction takes; nothing when it was quiet for a while; None at the end."""
        with self._changed:
            if not self._waiting and not self._closed:
                self._changed.wait(IDLE_S if self.commits != self._tidied else None)
            if not self._waiting:
                return None if self._closed else []
            found = [self._waiting.popleft()]
            size = len(found[0].piece.data)
            while self._waiting and size < BATCH_BYTES:
                found.append(self._waiting.popleft())
                size += len(found[-1].piece.data)
            self._bytes -= size
            return found

    def _settle(self, offers: Sequence[Offer]) -> None:
        """Commits what fits; then everybody gets the truth."""
        at = dict(self._store.positions({one.piece.stream for one in offers}))
        fitting: list[Offer] = []
        for one in offers:
            if one.piece.start == at[one.piece.stream]:
                fitting.append(one)
                at[one.piece.stream] = one.piece.end
        for group in groups(fitting):
            self._commit(group)
        self._error = None
        taken = {id(one) for one in fitting}
        for one in offers:
            mine = id(one) in taken
            settle(one.answer, Answer(one.piece.end if mine else at[one.piece.stream], mine))

    def _commit(self, group: Sequence[Offer]) -> None:
        """Offers that share a transaction, or one that is set aside."""
        first = group[0]
        if first.reason is not None:
            self._store.pass_over(first.piece, first.reason)
            self.set_aside += 1
        else:
            self._deliver(model.Batch(slices=tuple(one.piece for one in group)))

    def _deliver(self, batch: model.Batch) -> None:
        """Commits a batch; one that is rejected is parted until the line at fault stands alone."""
        try:
            receipt = self._store.commit(batch)
        except errors.Rejected as exc:
            parts = batches.halves(batch)
            for part in parts:
                self._deliver(part)
            if not parts:
                self._store.pass_over(batch.slices[0], str(exc))
                self.set_aside += 1
            return
        self.commits += 1
        self.records += receipt.records
        self.set_aside += receipt.set_aside

    def _fail(self, offers: Sequence[Offer], error: errors.StoreError) -> None:
        self._error = str(error) if offers else self._error
        for one in offers:
            if not one.answer.done() and one.answer.set_running_or_notify_cancel():
                one.answer.set_exception(error)


def groups(offers: Sequence[Offer]) -> list[list[Offer]]:
    """In order, those that may share a transaction together."""
    found: list[list[Offer]] = []
    for one in offers:
        if found and one.reason is None and found[-1][-1].reason is None:
            found[-1].append(one)
        else:
            found.append([one])
    return found


def settle(answer: concurrent.futures.Future[Answer], result: Answer) -> None:
    """Answers, where somebody still waits."""
    if answer.set_running_or_notify_cancel():
        answer.set_result(result)
