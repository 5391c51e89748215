"""
A run's log while it grows: what came is woven in by time, and what that changes at the end of what was told is said.

Records and the console come by different streams, so a record may be read after its own print. It is put where it belongs, and everything
from there on is told again; whoever shows it takes the end away and puts the new one there. What is older than `LATE_NS`, or further up
than `UNSETTLED`, stays as it was told, but for lines that were drawn over: they are taken out by their names, and put back where they
belong when that is over. Memory and the work of a look are bounded.
"""

from __future__ import annotations

import bisect
import collections
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.cli import journal, transcript
from outrider_agent.core import echoes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outrider_agent.store import browsing, records

#: How much later than what stands below it a record or a line may come.
LATE_NS = 5_000_000_000
UNSETTLED = 1_000
#: So much of what was told before is read where somebody goes on.
BEFORE = 1_000


class Change(NamedTuple):
    """
    What to show: `entries` at the end, after everything from the entry of id `first` on has been taken away (None: nothing is).

    `open`: the lines without an end yet, below all that. `gone`: ids of lines further up that are drawn over now, and go; `back`: lines
    that come back further up as they were left, by their time.
    """

    first: str | None
    entries: list[journal.Entry]
    open: list[journal.Entry]
    gone: list[str]
    back: list[journal.Entry]


class Weaving:
    """Of one reader of one run."""

    def __init__(self, store: browsing.Browser, run_id: str, attempt: int | None = None) -> None:
        self._store, self._run_id, self._attempt = store, run_id, attempt
        self._begin()

    def _begin(self) -> None:
        self._prints = journal.Prints(self._store, self._run_id)
        self._assembler = transcript.Assembler()
        self._settled, self._told = echoes.Echoes(), echoes.Echoes()
        self._unsettled: collections.deque[journal.Entry] = collections.deque()
        self._taken: set[str] = set()  # what was told, and is open again
        self._gone: set[str] = set()  # what was told long ago, and is open again
        self._is_sure = False

    def go_on(self, log: int, console: int) -> None:
        """Takes what is up to those keys for told. What the reader has of the last of it is not sure: the next change tells it again."""
        self._begin()
        logs = self._store.logs_before(self._run_id, log + 1, BEFORE, attempt=self._attempt)
        chunks = self._store.console_before(self._run_id, console + 1, BEFORE, attempt=self._attempt)
        lines = list(transcript.settled(line for chunk in chunks for line in self._assembler.feed(chunk)))
        self._weave(logs, journal.begun(lines) if len(chunks) == BEFORE else lines)
        self._is_sure = False

    def end(self, count: int) -> journal.Ending:
        """The end of the log, where too much came to tell it all; goes on from there."""
        found = journal.ending(self._store, self._run_id, count, with_echoes=True, attempt=self._attempt)
        self.go_on(found.logs, found.console)
        return found

    def add(self, logs: Sequence[records.LogRecord], chunks: Sequence[records.ConsoleChunk]) -> Change:
        """What came, in the order committed."""
        return self._weave(logs, list(transcript.settled(line for chunk in chunks for line in self._assembler.feed(chunk))))

    def _weave(self, logs: Sequence[records.LogRecord], lines: Sequence[transcript.Line]) -> Change:
        if logs:
            self._prints.look()
        came = [journal.Entry(one.time, record=one) for one in logs] + [journal.Entry(one.time, line=one) for one in lines]
        before = list(self._unsettled)
        open_now = self._open()
        opened = {entry.id for entry in open_now}  # what is drawn over is open again
        known = self._taken.union(entry.id for entry in before)
        self._taken = opened & known.union(entry.id for entry in came)
        again = {entry.id for entry in (*open_now, *came) if _is_again(entry)} - known
        gone, self._gone = sorted(again - self._gone), again & opened
        came = [entry for entry in came if entry.id not in opened]
        back = [entry for entry in came if entry.id in again and (not before or entry.time < before[0].time)]
        came = sorted((entry for entry in came if entry not in back), key=journal.when)
        place = bisect.bisect_right(before, came[0].time, key=journal.when) if came else len(before)
        new = opened.union(entry.id for entry in came)
        old = [entry for entry in before if entry.id not in new]  # the others have become something else
        if place < len(before) or len(old) < len(before):
            self._told = self._settled.copy()
            self._unsettled = collections.deque(self._marked(sorted([*old, *came], key=journal.when)))  # stable: what was told stays first
        else:
            self._unsettled.extend(self._marked(came))
        after = list(self._unsettled)
        kept = next(
            (index for index, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), min(len(before), len(after))
        )
        if not self._is_sure:
            kept, self._is_sure = 0, True
        self._settle()
        first = before[kept].id if kept < len(before) else None
        return Change(first, after[kept:], self._open(), gone, back)

    def _marked(self, entries: list[journal.Entry]) -> list[journal.Entry]:
        return [journal.mark(entry, self._told, self._prints) for entry in entries]

    def _settle(self) -> None:
        waiting = self._unsettled
        while waiting and (len(waiting) > UNSETTLED or waiting[-1].time - waiting[0].time > LATE_NS):
            journal.mark(waiting.popleft(), self._settled, self._prints)

    def _open(self) -> list[journal.Entry]:
        seen = self._told.copy()
        return [journal.mark(journal.Entry(line.time, line=line), seen, self._prints) for line in self._assembler.open()]


def _is_again(entry: journal.Entry) -> bool:
    return entry.line is not None and entry.line.again
