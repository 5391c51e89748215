"""What the user of a run is told of files that were not collected, or not as one may expect: each once, after many only counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outrider_agent.collect import ledger

_MOST = 20
_WHY = {
    "outside": "is a link to something outside its folder",
    "link": "is a link to no file of its folder",
    "special": "is neither a file nor a folder",
    "unreadable": "cannot be read; it is tried again",
    "given-up": "could not be read until the run's end",
    "busy": "was still being written after the run's end: what it held then was kept",
    "missed": "was replaced before it could be captured: an earlier version of it is missing",
    "later": "was changed after the run had ended: it is taken for another run's",
}


class Notes:
    """Of one run."""

    def __init__(self, book: ledger.Ledger) -> None:
        self._book = book
        self._noted: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._noted)

    def add(self, path: str, why: str) -> None:
        """Says once that (and why) something is not as the user may expect."""
        if (path, why) in self._noted:
            return
        self._noted.add((path, why))
        if len(self._noted) <= _MOST:
            self._book.note(f"{_shown(path)} {_WHY[why]}.")


def _shown(path: str) -> str:
    """Odd names as people can read them."""
    return path if path.isprintable() else ascii(path)[1:-1]
