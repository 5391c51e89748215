"""Properties: each is set once. What is set already is asked for first; where nobody can say, the store decides, and notes it."""

# ruff: noqa: SLF001 -- the run's own half
from __future__ import annotations

import time

from outrider._encode import json_text
from outrider._errors import HistoryUnavailable, PropertyChanged

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping

    from outrider._logged import LoggedRun


def lines(run: LoggedRun, properties: Mapping[str, Any]) -> list[str]:
    """The fields of a `prop` line for each that is new. Raises PropertyChanged, TypeError."""
    if not hasattr(properties, "items"):
        raise TypeError(f"add_properties() takes a dict of names and values, not {type(properties).__name__}")
    if not properties or run._home is None:
        return []
    try:
        there = run.get_properties()
    except HistoryUnavailable:
        there = {}
    changed = [key for key, value in properties.items() if key in there and _plain(there[key]) != _plain(value)]
    if changed:
        shown = ", ".join(f"{key!r} is {there[key]!r}" for key in changed)
        raise PropertyChanged(
            f"Properties of a run are set once and cannot be changed: {shown}. Nothing was written; use a tag for what changes."
        )
    return [
        f'"k":"prop","t":{time.time_ns()},"n":{run._name_text(key, "a property")},"v":{json_text(value)}'
        for key, value in properties.items()
        if key not in there
    ]


def _plain(value: Any) -> Any:
    import json

    return json.loads(json_text(value))
