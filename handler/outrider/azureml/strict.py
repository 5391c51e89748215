"""
`--strict-azure`: what Azure ML would have refused, cut or dropped of a run, said while it happens. Nothing is refused here.

Each thing is said once a run and kind, as a warning of the logger `outrider.strict`: on stderr, and in the run's log. The limits are those
that the service documented; docs/azureml.md lists them.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping, Sized

MAX_NAMES = 50
MAX_COLUMNS = 15
MAX_ROWS = 1_000_000
MAX_LIST = 250
MAX_NAME = 255
MAX_TEXT = 255
MAX_TAGS = MAX_PROPERTIES = 50
MAX_TAG_NAME = 100
MAX_TAG_VALUE = 1_000
MAX_DESCRIPTION = 5_000
MAX_ERROR = 3_000


def is_on() -> bool:
    """Was it asked for, by `outrider run --strict-azure` or OUTRIDER_STRICT_AZURE=1?"""
    return os.environ.get("OUTRIDER_STRICT_AZURE", "") not in ("", "0")


class Report:
    """What was said of one run."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}
        self._rows: dict[str, int] = {}
        self._tags: dict[str, set[str]] = {}
        self._files: set[str] = set()
        self._said: set[str] = set()

    def metric(self, name: str, columns: Mapping[str, Any], rows: int, description: Any = None) -> None:
        """Something is logged: `rows` of these columns (a value of each, or the column's values)."""
        self._names.setdefault(name, frozenset(columns))
        self._rows[name] = self._rows.get(name, 0) + rows
        self._over("names", len(self._names), MAX_NAMES, f"the metric {name!r} is the {len(self._names)}th name of this run", "names a run")
        self._over("rows " + name, self._rows[name], MAX_ROWS, f"the metric {name!r} has {self._rows[name]} rows", "rows a name")
        self._over("columns " + name, len(columns), MAX_COLUMNS, f"a row of {name!r} has {len(columns)} columns", "columns a row")
        if self._names[name] != frozenset(columns):
            self.say(
                "shape " + name, f"{name!r} is logged with other columns than before: Azure ML would answer get_metrics() with an error"
            )
        for column, value in columns.items():
            self._long(f"the name of the metric or column {column or name!r}", column or name, MAX_NAME)
            self._long(f"a text logged as {name!r}", value if isinstance(value, str) else "", MAX_TEXT)
        self._long(f"the description of {name!r}", description or "", MAX_DESCRIPTION)

    def elements(self, name: str, count: int) -> None:
        """A list is logged."""
        self._over("list " + name, count, MAX_LIST, f"the list {name!r} has {count} elements", "elements a call of log_list")
        if not count:
            self.say("empty " + name, f"the list {name!r} is empty: the SDK failed on one")

    def labels(self, kind: str, values: Mapping[str, Any]) -> None:
        """Tags or properties are set."""
        names = self._tags.setdefault(kind, set())
        names.update(values)
        self._over(kind, len(names), MAX_TAGS, f"the run has {len(names)} {kind}", f"{kind} a run")
        for name, value in values.items():
            self._long(f"the name of the {kind[:-1]} {name[:40]!r}", name, MAX_TAG_NAME)
            self._long(f"the {kind[:-1]} {name[:40]!r}", value or "", MAX_TAG_VALUE)

    def upload(self, name: str) -> None:
        """A file is uploaded."""
        if name in self._files:
            self.say("again " + name, f"the file {name!r} is uploaded again: Azure ML would have refused it (Resource Conflict)")
        self._files.add(name)

    def converted(self, what: str) -> None:
        """A value had to be made another."""
        self.say(what, what)

    def error(self, text: str) -> None:
        """The run fails with this text."""
        self._long("the error's message", text, MAX_ERROR)

    def say(self, key: str, text: str) -> None:
        """Once."""
        if key not in self._said:
            self._said.add(key)
            import logging

            logging.getLogger("outrider.strict").warning("strict-azure: %s", text)

    def _long(self, what: str, text: Sized, limit: int) -> None:
        self._over(what, len(text), limit, f"{what} has {len(text)} characters", "characters")

    def _over(self, key: str, found: int, limit: int, text: str, unit: str) -> None:
        if found > limit:
            self.say(key, f"{text}; Azure ML keeps {limit} {unit}. Here nothing is lost")
