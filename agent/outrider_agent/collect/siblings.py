"""
A log and the files it was before: found by their names, opened oldest first, however they are renamed meanwhile. Reads nothing of them.
"""

# Paths are plain strings here: their names may be any bytes.
# ruff: noqa: PTH116, PTH118, PTH120, PTH208
from __future__ import annotations

import os
import time

from outrider_agent.collect import held
from outrider_agent.core import foreign

_TRIES = 8
_RACY_NS = 50_000_000


class Siblings:
    """Of the file at `path`. `roots`: folders that a link may lead into; without any, it may lead anywhere."""

    def __init__(self, path: str, roots: tuple[str, ...]) -> None:
        self._path, self._roots = path, roots
        self._seen = -1
        self.trouble: str | None = None  #: why one of them could not be opened the last time

    def has_moved(self) -> bool:
        """Was anything made, renamed or deleted beside it since the last call? Or may it have been, so shortly ago that nobody can tell?"""
        try:
            changed = os.stat(os.path.dirname(os.path.realpath(self._path))).st_mtime_ns
        except OSError:
            return False
        moved = changed != self._seen
        self._seen = changed if time.time_ns() - changed > _RACY_NS else -1
        return moved

    def open_all(self) -> list[held.Held]:
        """
        The rotated files and the one at the path, oldest first, each opened.

        Names move on while they are looked at: it is done until a look finds nothing new, for what was opened once stays.
        """
        self.trouble = None
        opened: dict[foreign.Identity, held.Held] = {}
        for _ in range(_TRIES):
            order: list[foreign.Identity] = []
            is_stable = True
            for path in self._paths():
                found = held.open_file(path)
                if isinstance(found, str):
                    self.trouble = found or self.trouble
                    is_stable = is_stable and bool(found)
                elif found.identity in opened:
                    opened[found.identity].path = path
                    order.append(found.identity)
                    found.close()
                else:
                    is_stable = False
                    opened[found.identity] = found
                    order.append(found.identity)
            if is_stable:
                break
        gone = [one for identity, one in opened.items() if identity not in order]
        return gone + [opened[identity] for identity in dict.fromkeys(order)]

    def _paths(self) -> list[str]:
        real = os.path.realpath(self._path)
        if self._roots and not real.startswith(tuple(f"{os.path.realpath(root)}/" for root in self._roots)):
            self.trouble = f"{self._path} leads out of the engines' folders, to {real}: it is not read"
            return []
        folder, name = os.path.split(real)
        try:
            names = os.listdir(folder)
        except OSError:
            names = []
        return [os.path.join(folder, other) for other in foreign.rotated(name, names)] + [real]
