"""
Which of the containers that are found are followed, and from where on: what an earlier agent's stream or the store says of them.
"""

# Paths are plain strings here, as everywhere in a sweep.
# ruff: noqa: PTH112, PTH118
from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from outrider_agent import errors
from outrider_agent.collect import container, containerbook
from outrider_agent.core import containers

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

_ASK_AGAIN_S = 2.0
_EXPECTED_S = 3.0
_MANY = 10_000


class Beginnings:
    """Call `begin` for each container that is not followed. One thread at a time, but for `unreadable`."""

    def __init__(
        self,
        around: container.Surroundings,
        select: str,
        names: Sequence[str],
        known: Callable[[str], container.Before | None],
    ) -> None:
        self._around, self._select, self._names, self._known = around, select, names, known
        self._resumed: dict[str, containerbook.Resumed] | None = None
        self._later: dict[str, float] = {}
        self._expected: dict[str, float] = {}
        #: Name -> why nothing of it can be read.
        self.unreadable: dict[str, str] = {}
        #: Was everything looked at once? Before that nobody knows which runs' streams are needed yet.
        self.has_looked = False

    def is_expecting(self) -> bool:
        """Was one made just now, which may start, end and be removed within a moment?"""
        now = time.monotonic()
        return any(now - since < _EXPECTED_S for since in self._expected.values())

    def begin(self, name: str, facts: containers.Facts, *, by_api: bool) -> container.Container | None:
        """The container, where it is wanted, has been started, and can be read. `by_api`: its engine can be asked for its log."""
        if not containers.is_wanted(facts, self._select, self._names) or time.monotonic() < self._later.get(name, 0.0):
            return None
        if facts.started is None and facts.error is None:
            if len(self._expected) < _MANY:
                self._expected.setdefault(name, time.monotonic())
            return None
        self._expected.pop(name, None)
        why = _unreadable(facts, by_api=by_api)
        if why is not None:
            self.unreadable[facts.name] = why
            return None
        self.unreadable.pop(facts.name, None)
        if self._resumed is None:
            self._resumed = containerbook.resumed(self._around.home)
        try:
            return self._begin(facts, self._resumed.get(name))
        except errors.Unavailable:  # whether it was read before only the store knows: it is asked again
            self._later = self._later if len(self._later) < _MANY else {}
            self._later[name] = time.monotonic() + _ASK_AGAIN_S
            return None

    def orphans(self, seen: Container[str], is_observed: Callable[[containerbook.Resumed], bool]) -> list[container.Container]:
        """
        Containers that an earlier agent followed, and that are not there any more: they ended while nobody looked.

        Each once; those whose engine cannot be asked (`is_observed`) later.
        """
        self._expected = {name: since for name, since in self._expected.items() if name in seen}
        if self._resumed is None:
            self._resumed = containerbook.resumed(self._around.home)
        gone = [name for name, one in self._resumed.items() if name not in seen and is_observed(one)]
        found = []
        for name in gone:
            told = self._resumed.pop(name)
            if not told.ended:
                paths = [position.path for _number, position in sorted(told.place.files.items())]
                facts = containers.Facts(id=name, name=told.run, running=True, started=told.started, log=paths[-1] if paths else None)
                found.append(container.Container(facts, self._around, resumed=told))
        return found

    def _begin(self, facts: containers.Facts, resumed: containerbook.Resumed | None) -> container.Container:
        if resumed is not None:
            return container.Container(facts, self._around, resumed=resumed)
        wish = containers.wish(facts)
        before = self._known(wish.run)
        joins = wish.named and (before is not None or os.path.isdir(os.path.join(self._around.home, "spool", wish.run)))
        if joins and before is not None:
            before = container.Before(before.attempt, None)  # its end is another's
        return container.Container(facts, self._around, before=before, owner=not joins)


def _unreadable(facts: containers.Facts, *, by_api: bool) -> str | None:
    """Why nothing of it can be read; None when it can."""
    if facts.driver in containers.NOTHING:
        return (
            f"its log driver is `{facts.driver}`: what it writes is kept nowhere and cannot be collected. "
            "Start it with --log-driver=json-file."
        )
    if facts.driver not in containers.FILES and not by_api:
        return (
            f"its log driver is `{facts.driver}`, which leaves no file to follow, and the engine's socket is not there to ask. "
            "Set containers.sockets, or start it with --log-driver=json-file."
        )
    return None
