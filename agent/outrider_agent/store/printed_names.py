"""How many series a run's console may make: a name that holds a number of its own on every line would make one for each line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent.store import queries

if TYPE_CHECKING:
    import sqlite3

SQL = queries.load("printed")
#: So many series are read from a run's console.
MOST = 1_000
#: The names of so many runs are kept in memory.
CACHED = 256

TOO_MANY = (
    "More than {most:,} names were read from the output, which looks like numbers that are a part of names; from “{name}” on new ones were "
    "left out. The output is kept whole; a rule of your own for such lines, and `outrider reread`, read it again."
)


class Names:
    """The names that each run's console has brought. Lives within the writer's transactions; after any that failed, `forget`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[int, set[str]] = {}
        self._told: set[int] = set()

    def forget(self) -> None:
        """Drops what is cached."""
        self._known.clear()
        self._told.clear()

    def admits(self, run_key: int, name: str, now: int) -> bool:
        """Is there, or may there be, a series of that name? That one was left out is told in the run's notes, once."""
        known = self._known.get(run_key)
        if known is None:
            if len(self._known) >= CACHED:
                self.forget()
            known = self._known[run_key] = {row[0] for row in self._connection.execute(SQL.printed_names, {"run_key": run_key})}
        if name in known:
            return True
        if len(known) < MOST:
            known.add(name)
            return True
        if run_key not in self._told:
            self._told.add(run_key)
            self._tell(run_key, name, now)
        return False

    def _tell(self, run_key: int, name: str, now: int) -> None:
        begin = TOO_MANY.partition("{name}")[0].format(most=MOST)
        if self._connection.execute(SQL.has_note, {"run_key": run_key, "begin": begin}).fetchone() is None:
            self._connection.execute(SQL.add_note, (run_key, now, 30, TOO_MANY.format(most=MOST, name=name)))
