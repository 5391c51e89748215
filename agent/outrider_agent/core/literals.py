"""
What a regular expression cannot do without: pieces of text that are in whatever it matches. Finding text is ten times faster than matching.

Pure. Where anything in the expression is not understood for certain, the answer is that there is none, and it is matched everywhere.
"""

from __future__ import annotations

import re

#: Flags, what must not follow, names; and characters and groups by their numbers: rare, and easily misread.
_RARE = re.compile(r"\(\?|\\[0-9xuUN]")
#: The parts of an expression. The first `]` of a set is one of its characters; what comes some times may come none.
_PARTS = re.compile(
    r"(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<times>[*?]|\{\d*(?:,\d*)?\})|(?P<open>\()|(?P<close>\))|(?P<other>\|)"
    r"|(?P<any>[.^$+]|\\[A-Za-z])|(?P<plain>\\.|.)",
    re.DOTALL,
)


def needed(pattern: str) -> list[str]:
    """Pieces of text that are in every match, whatever the case of their letters, the longest first; none where none is certain."""
    if _RARE.search(pattern):
        return []
    pieces, depth = [""], 0
    for part in _PARTS.finditer(pattern):
        kind = part.lastgroup
        depth += {"open": 1, "close": -1}.get(kind or "", 0)
        if kind == "other" and depth == 0:
            return []
        if kind != "plain":
            pieces[-1] = pieces[-1][:-1] if kind == "times" else pieces[-1]
            pieces.append("")
        elif depth == 0:
            pieces[-1] += part[0][-1]
    return sorted({piece for piece in pieces if piece}, key=lambda piece: (-len(piece), piece))


def choices(pattern: str) -> list[list[str]]:
    """Sets of such pieces: of any match all pieces of one of them are in it (`error|warn.*loss`: two). None where none is certain."""
    if (pieces := needed(pattern)) or _RARE.search(pattern):
        return [pieces] if pieces else []
    cuts, groups = _shape(pattern)
    if not cuts:
        found = (choices(pattern[begin:end]) for begin, end in groups)
        return next((one for one in found if one), [])
    ends = [*cuts, len(pattern)]
    sets = [choices(pattern[begin:end]) for begin, end in zip([0, *(cut + 1 for cut in cuts)], ends, strict=True)]
    return [one for found in sets for one in found] if all(sets) else []


def row(pattern: str) -> tuple[str, int]:
    r"""What in the expression is one character, and how many of it any match has in a row: `\d{9}` has 9 of `\d`; ("", 0): not certain."""
    found: tuple[str, int] = ("", 0)
    if _RARE.search(pattern) or _shape(pattern)[0]:
        return found
    depth, before = 0, ""
    for part in _PARTS.finditer(pattern):
        kind = part.lastgroup
        depth += {"open": 1, "close": -1}.get(kind or "", 0)
        least = re.fullmatch(r"\{(\d+)(?:,\d*)?\}", part[0]) if kind == "times" and depth == 0 else None
        if least is not None and before and int(least[1]) > max(found[1], 1):
            found = (before, int(least[1]))
        before = part[0] if kind == "set" or (kind == "any" and part[0] in {r"\d", r"\w", r"\s"}) else ""
    return found


def _shape(pattern: str) -> tuple[list[int], list[tuple[int, int]]]:
    """Where the outermost `|` are, and where the insides of the outermost groups begin and end that cannot be absent."""
    cuts: list[int] = []
    groups: list[tuple[int, int]] = []
    depth = begin = 0
    for part in _PARTS.finditer(pattern):
        if part.lastgroup == "open":
            begin = part.end() if depth == 0 else begin
            depth += 1
        elif part.lastgroup == "close":
            depth -= 1
            if depth == 0:
                groups.append((begin, part.start()))
        elif depth == 0 and part.lastgroup == "other":
            cuts.append(part.start())
        elif depth == 0 and part.lastgroup == "times" and groups and groups[-1][1] + 1 == part.start():
            groups.pop()
    return cuts, groups
