"""
Two lanes of work, each one named thread: small files do not wait behind a huge one. Knows nothing of what the work is.
"""

from __future__ import annotations

import queue
import threading
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
        self._queues: dict[str, queue.SimpleQueue[Work | None]] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def put(self, work: Work, size: int) -> None:
        """Queues it; the lane's thread is started with its first work."""
        name = "outputs-large" if size >= LARGE else "outputs-small"
        with self._lock:
            lane = self._queues.get(name)
            if lane is None:
                lane = self._queues[name] = queue.SimpleQueue()
                thread = threading.Thread(target=self._work, args=(lane,), name=name, daemon=True)
                self._threads.append(thread)
                thread.start()
        lane.put(work)

    def stop(self) -> None:
        """Ends both lanes once their queues are worked off (`do` makes short work of it while stopping). Idempotent."""
        with self._lock:
            queues, self._queues = self._queues, {}
            threads, self._threads = self._threads, []
        for lane in queues.values():
            lane.put(None)
        for thread in threads:
            thread.join()

    def _work(self, lane: queue.SimpleQueue[Work | None]) -> None:
        try:
            while (work := lane.get()) is not None:
                self._do(work)
        except BaseException as error:  # noqa: BLE001
            self._broken(error)
