"""
Ignore files: which paths of a folder the patterns of `.amlignore` or `.gitignore` leave out. Pure: text in, questions answered.

The patterns are git's. One difference, the original's: where a file has exceptions (`!keep.py`), one below an excluded folder counts too.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Iterable, Pattern


class Rules:
    """The patterns of one ignore file, for paths relative to its folder."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._groups: list[tuple[bool, Pattern[str]]] = []  # (does it leave out?, any of its patterns), in order
        kind = True
        texts: list[str] = []
        for line in lines:
            found = _pattern(line)
            if found is None:
                continue
            if found[0] is not kind and texts:
                self._groups.append((kind, re.compile("|".join(texts), re.DOTALL)))
                texts = []
            kind = found[0]
            texts.append(found[1])
        if texts:
            self._groups.append((kind, re.compile("|".join(texts), re.DOTALL)))
        #: May a file below an excluded folder be in after all? Then such a folder has to be looked into.
        self.has_exceptions = any(not excludes for excludes, _ in self._groups)

    def excludes(self, path: str, *, folder: bool) -> bool:
        """Of a path with `/` between its parts, none first: is it, or a folder it is in, left out? The last pattern that fits decides."""
        for excludes, pattern in reversed(self._groups):
            if pattern.match(path + "/" if folder else path):
                return excludes
        return False


def _pattern(line: str) -> tuple[bool, str] | None:
    """(does it leave out?, what matches it and everything below it); None for a comment or nothing."""
    text = line.rstrip("\r\n")
    while text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#"):
        return None
    excludes = not text.startswith("!")
    if not excludes:
        text = text[1:]
    only_folders = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anchored = "/" in text
    body = _expression(text.lstrip("/"))
    if body is None:
        return None
    start = "" if anchored else "(?:.*/)?"
    return excludes, f"(?:{start}{body}{'/' if only_folders else '(?:/|$)'})"


def _expression(glob: str) -> str | None:
    """The glob as a regular expression; None for one that cannot be one (an open bracket)."""
    if glob == "**":
        return ".*"
    found, at = "", 0
    while at < len(glob):
        part, at = _next(glob, at)
        if part is None:
            return None
        found += part
    try:
        re.compile(found)
    except re.error:
        return None
    return found


def _next(glob: str, at: int) -> tuple[str | None, int]:
    """What stands at a place of the glob, as a regular expression, and where the next thing stands."""
    one = glob[at]
    if glob.startswith("**/", at) and (at == 0 or glob[at - 1] == "/"):
        return "(?:.*/)?", at + 3
    if glob.startswith("/**", at) and at + 3 == len(glob):
        return "/.+", at + 3
    if one == "*":
        return "[^/]*", len(glob) - len(glob[at:].lstrip("*"))
    if one == "?":
        return "[^/]", at + 1
    if one == "[":
        return _bracket(glob, at)
    if one == "\\" and at + 1 < len(glob):
        return re.escape(glob[at + 1]), at + 2
    return re.escape(one), at + 1


def _bracket(glob: str, at: int) -> tuple[str | None, int]:
    end = glob.find("]", at + 2 + (glob[at + 1 : at + 2] in ("!", "^")))
    if end < 0:
        return None, at
    inner = glob[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
    return "[" + ("^/" + inner[1:] if inner[:1] in ("!", "^") else inner) + "]", end + 1
