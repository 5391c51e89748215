"""How much of what is on its way in may be in memory: all senders together, and one of them. Pure counting; one event loop."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING

from outrider_agent import errors

if TYPE_CHECKING:
    from collections.abc import Iterator


class Crowded(errors.Unavailable):
    """The server has as much in hand as it can hold; come again in a moment."""

    retry_after_s = 1.0


class Greedy(Crowded):
    """This token has its share of the server in hand already; come again in a moment."""


class Budget:
    """Bytes. One sender has at most half of them, so that it never keeps the others out."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0
        self._by_sender: Counter[str] = Counter()

    @contextlib.contextmanager
    def share(self, sender: str, size: int) -> Iterator[None]:
        """Holds `size` bytes of it. Raises `Crowded` or `Greedy`; whoever holds nothing yet is let in unless all is taken."""
        if self._by_sender[sender] and self._by_sender[sender] + size > self.most // 2:
            raise Greedy
        if self.used and self.used + size > self.most:
            raise Crowded
        self.used += size
        self._by_sender[sender] += size
        try:
            yield
        finally:
            self.used -= size
            self._by_sender[sender] -= size
            if not self._by_sender[sender]:
                del self._by_sender[sender]
