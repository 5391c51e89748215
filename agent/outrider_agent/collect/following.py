"""
Which runs are followed, and which are done with: a run is taken up when it is first named, and left when it has ended and all is captured.

Under the collector's one lock. What to capture is decided in `followed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent import errors
from outrider_agent.collect import followed, ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from outrider_agent import protocols
    from outrider_agent.collect import rooted, roots, watching


class Following:
    """The runs of a home that have outputs."""

    def __init__(
        self,
        home: str,
        clock: protocols.Clock,
        settings: rooted.Settings,
        hints: watching.Hints | None,
        known: Callable[[str], Mapping[str, ledger.Kept]] | None,
    ) -> None:
        self._home, self._clock, self._settings, self._hints = home, clock, settings, hints
        self._known = known
        self._began = clock.time_ns()
        self.runs: dict[str, followed.Followed] = {}
        self.done: set[str] = set()
        self.skipped = 0

    def refresh(self, named: Iterable[roots.OutputRoots], now: float) -> None:
        """Takes up new runs, and lets go of those that were deleted."""
        names = set()
        for wanted in named:
            names.add(wanted.run)
            if not wanted.ended:
                self.done.discard(wanted.run)
            if wanted.run in self.done:
                continue
            run = self.runs.get(wanted.run) or self._follow(wanted)
            if run is not None:
                run.want(wanted, now)
                run.crowd = len(self.runs)
        for gone in self.runs.keys() - names:
            self._leave(gone)
        self.done &= names

    def finish(self) -> None:
        """Runs that ended and are captured whole are left, and not looked at again."""
        for name in [name for name, run in self.runs.items() if run.is_done]:
            self.runs[name].book.finish()
            self._leave(name)
            self.done.add(name)

    def settles_in(self, only: str | None, now: float) -> float:
        """Seconds until the last file that soon settles of runs that have ended (of one, or of any) has; 0.0: there is none."""
        ended = [run for name, run in self.runs.items() if only in (None, name) and run.has_ended]
        waits = [pending.not_before - now for run in ended for root in run.roots.values() for pending in root.pending.values()]
        return max((wait for wait in waits if 0 < wait <= self._settings.settle_s), default=0.0)

    def close(self) -> None:
        """Lets go of every stream. Idempotent."""
        for run in self.runs.values():
            run.close()
        self.runs.clear()

    def _follow(self, wanted: roots.OutputRoots) -> followed.Followed | None:
        """None: it is done with already, or cannot be taken up at the moment."""
        try:
            known = self._known(wanted.run) if self._known is not None else {}
        except errors.Unavailable:
            return None
        book = ledger.Ledger(self._home, wanted.run, self._clock)
        book.learn(known)
        if wanted.ended and book.is_final:
            book.close()
            self.done.add(wanted.run)
            return None
        run = followed.Followed(wanted, book, self._hints, home=self._home, settings=self._settings, began=self._began)
        self.runs[wanted.run] = run
        return run

    def _leave(self, name: str) -> None:
        run = self.runs.pop(name)
        run.close()
        self.skipped += run.skipped
        used = {root for other in self.runs.values() for root in other.roots}
        for root in run.roots.keys() - used:
            if self._hints is not None:
                self._hints.forget(root)
