"""
Two lanes of work, each one named thread: small files do not wait behind a huge one. Knows nothing of what the work is.
"""

from __future__ import annotations

import queue
import threading
from concurrent import futures
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Work = TypeVar("Work")

#: From this size on a file goes down the lane of the large ones, bytes.
LARGE = 32 << 20


class Lanes(Generic[Work]):
    """`do` is called for each piece of work, in the lane's thread; what it raises ends that lane and is handed to `broken`."""

    def __init__(self, do: Callable[[Work], None], broken: Callable[[BaseException], None]) -> None:
        self._do, self._broken = do, broken
        self._lanes: dict[str, tuple[queue.SimpleQueue[Work | None], futures.ThreadPoolExecutor]] = {}
        self._lock = threading.Lock()

    def put(self, work: Work, size: int) -> None:
        """Queues it; the lane's thread is started with its first work."""
        name = "outputs-large" if size >= LARGE else "outputs-small"
        with self._lock:
            if name not in self._lanes:
                self._lanes[name] = self._start(name)
            self._lanes[name][0].put(work)

    def stop(self) -> None:
        """Ends both lanes once their queues are worked off (`do` makes short work of it while stopping). Idempotent."""
        with self._lock:
            lanes, self._lanes = self._lanes, {}
        for lane, _thread in lanes.values():
            lane.put(None)
        for _lane, thread in lanes.values():
            thread.shutdown()

    def _start(self, name: str) -> tuple[queue.SimpleQueue[Work | None], futures.ThreadPoolExecutor]:
        lane: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        thread = futures.ThreadPoolExecutor(1, thread_name_prefix=name)
        thread.submit(self._work, lane).add_done_callback(self._ended)
        return lane, thread

    def _work(self, lane: queue.SimpleQueue[Work | None]) -> None:
        while (work := lane.get()) is not None:
            self._do(work)

    def _ended(self, lane: futures.Future[None]) -> None:
        error = lane.exception()
        if error is not None:  # a bug: the collector's loop raises it, and is supervised
            self._broken(error)
