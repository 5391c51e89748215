"""Lines that say what a metric was and what it is now: `acc improved from 0.81 to 0.85`. Only the new value is one."""

from __future__ import annotations

import re

#: `improved from 0.81 to 0.85`, `decreased (0.5 --> 0.4)`: the name before it has the second value.
_CHANGE = re.compile(
    r"(?i) (?:has |have )?(?:(?:im|de|in)\w{3,8}ed|rose|fell|dropped|reduced|changed|went (?:up|down))(?: from)?:? \(?(?:from )?"
    r"[-+]?(?:\d[\d.,]{0,20}(?:e[-+]?\d+)?|inf|nan)%? (?:to|[-=]{1,2}>|→) (?=[-+.\d])"
)
#: The file of a model is told beside it: then the value was told elsewhere.
_SAVED = re.compile(r"(?i)\bsav(?:ing|ed)\b")


def changed(text: str) -> str:
    """The line with the name of what changed right before its new value, each at its place. Where a file is saved for it, without both."""
    found = _CHANGE.search(text) if " to " in text or "> " in text or "→" in text else None
    if found is None:
        return text
    if _SAVED.search(text, found.end()):
        return text[: found.start()] + " " * (len(text) - found.start())
    return f"{text[: found.start()]}:{' ' * (found.end() - found.start() - 1)}{text[found.end() :]}"
