"""
Loads the named queries of `store/sql/*.sql`. Each begins with `-- name: <name>` and at least one line that says what it is for.

No SQL is written anywhere else (but what a pragma or a transaction needs).
"""

from __future__ import annotations

import importlib.resources
import re
from types import SimpleNamespace

HEADING = re.compile(r"^-- name: (\w+)\n((?:--.*\n)*)", re.MULTILINE)


def text(name: str) -> str:
    """The SQL file of that name, whole."""
    return importlib.resources.files("outrider_agent.store").joinpath("sql", f"{name}.sql").read_text("utf-8")


def parse(source: str) -> dict[str, str]:
    """The queries of a file by name. Raises ValueError for one without a description or of a name that is taken."""
    pieces = HEADING.split(source)[1:]
    found: dict[str, str] = {}
    for name, description, body in zip(pieces[0::3], pieces[1::3], pieces[2::3], strict=True):
        if not description.strip("- \n"):
            raise ValueError(f"query {name} does not say what it is for")
        if name in found:
            raise ValueError(f"query {name} is there twice")
        found[name] = body.strip().rstrip(";")
    return found


def load(name: str) -> SimpleNamespace:
    """The queries of `sql/<name>.sql` as attributes."""
    return SimpleNamespace(**parse(text(name)))
