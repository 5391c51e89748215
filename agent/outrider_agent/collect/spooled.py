"""Reading single lines of the spool back, for every collector. Total: what is no JSON object is an empty one."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def decode(raw: bytes) -> dict[str, Any]:
    """The line's object; `{}` when it is none. Lone surrogates (paths that are not UTF-8) are taken, which msgspec alone would refuse."""
    if not raw:
        return {}
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError):
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            return {}
    return found if isinstance(found, dict) else {}
