"""
What msgspec is too strict for: lone surrogates (kept as their escape), numbers beyond a float (±Infinity). Pure.
"""

from __future__ import annotations

import json
from typing import Any

from outrider import record

#: Kinds whose `p` is a path, which keeps its surrogate escapes.
WITH_PATHS = frozenset({record.ARTIFACT, record.FIGURE})


def parse(text: bytes) -> dict[str, Any]:
    """A line's object. Raises ValueError, RecursionError."""
    found = json.loads(text.decode("utf-8"), parse_float=spelled_float, parse_constant=not_json)
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 -- one of decode.FAILURES
    kind = found.get("k")  # anything: of a list or an object it cannot be asked whether it is in a set
    path = found.get("p") if isinstance(kind, str) and kind in WITH_PATHS else None
    clean: dict[str, Any] = without_surrogates(found)
    if isinstance(path, str):
        clean["p"] = path
    return clean


def spelled_float(text: str) -> float | str:
    """A float; beyond its range the name of infinity."""
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        return record.INFINITY if number > 0 else record.NEGATIVE_INFINITY
    return number


def not_json(word: str) -> None:
    """Python's json would take NaN and Infinity as bare words."""
    raise ValueError(f"{word} is not JSON")


def without_surrogates(value: Any) -> Any:
    """The same with lone surrogates spelled out as their escape: no database takes them."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value
