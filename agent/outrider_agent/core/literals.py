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
