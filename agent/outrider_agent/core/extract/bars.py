"""Progress bars: the count and its total, what stands before the bar, what was put behind it; and what only looks like a metric in one."""

from __future__ import annotations

import re
from typing import NamedTuple

_TQDM = re.compile(r"(?<!\d)(?P<n>\d+)/(?P<total>\d+) \[[\d:?]{0,20}<(?P<eta>[^,\]]{0,40}), *(?P<rate>[^,\]]{0,80})(?P<more>,?)")
_OPEN = re.compile(r"(?<!\d)(?P<n>\d+)it \[[\d:]{0,20}, *(?P<rate>[^,\]]{0,80})(?P<more>,?)")
_KERAS = re.compile(r"\s*(?P<n>\d+)/(?P<total>\d+|Unknown)\s*(?:\[[^\]]*\]|━+)?\s")
_KERAS_PACE = re.compile(r"\d(?:s|ms|us|µs|ns|min)/(?:step|sample|epoch|batch)\b| ETA: ")
_COUNT = re.compile(r"(?<![\w./-])(\d{1,9}) ?/ ?(\d{1,9})(?![\w./-])")
_SHARE = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d+)?) ?%")
_SIZES = re.compile(r"\d ?(?:[kMGT]i?B?|bytes)(?:/s)?\b")
_BYTES = re.compile(r"(?i)[kMGT]?i?B/s$")
_DRAWN = re.compile(r"[━█▉▊▋▌▍▎▏╸╺╍─░▒▓]{2,}")
_SHARE_DRAWN = re.compile(rf"(?:(?<![\w.])\d{{1,3}}%\s{{0,3}}\|)?{_DRAWN.pattern}")
_UNKNOWN = "-:--:--"
_CLOCKS = re.compile(r"\d+:\d\d(?::\d\d)?")
_TAIL = re.compile(r"(?<!\d)\d+%(?:\||\s{0,3}[|━─]).*$")


class Bar(NamedTuple):
    """`text`: the line with nothing but words, names and values left, at their places. `rate`: what it counts a second."""

    kind: str
    line: str
    text: str
    counted: tuple[int, int]
    total: tuple[int, int] | None
    is_full: bool
    describes: str
    rate: str

    @property
    def numbers(self) -> tuple[float, float] | None:
        """The count and its total."""
        if self.total is None:
            return None
        return float(self.line[self.counted[0] : self.counted[1]]), float(self.line[self.total[0] : self.total[1]])


def find(text: str, start: int) -> Bar | None:
    """The bar in a line, if there is one."""
    if "<" in text and (match := _TQDM.search(text, start)):
        return _tqdm(text, start, match)
    if "it [" in text and (match := _OPEN.search(text, start)):
        return _tqdm(text, start, match)
    match = _KERAS.match(text, start)
    if match is None or not _KERAS_PACE.search(text, match.end()):
        return None
    total = match.span("total") if match["total"] != "Unknown" else None
    left = " " * match.end() + text[match.end() :]
    return Bar("keras", text, left, match.span("n"), total, total is None or match["n"] == match["total"], "", "")


def _tqdm(text: str, start: int, match: re.Match[str]) -> Bar:
    drawn = text.rfind("%|", start, match.start())
    before = len(text[:drawn].rstrip("0123456789")) if drawn >= 0 else match.start()
    if drawn < 0 and (bar := text.find("|", start, match.start())) >= 0:
        before = bar
    has_total = "total" in match.re.groupindex
    close = text.rfind("]")
    after = match.end() if close < match.end() or match["more"] else close + 1
    left = text[:before] + " " * (after - before) + text[after:]
    if close >= after:
        left = f"{left[:close]} {left[close + 1 :]}"
    total = match.span("total") if has_total else None
    is_full = bool(has_total) and match["n"] == match["total"]
    return Bar("tqdm", text, left, match.span("n"), total, is_full, text[start:before].strip(" :|"), match["rate"].strip())


def is_download(bar: Bar) -> bool:
    """Does it count bytes?"""
    return _BYTES.search(bar.rate) is not None


def counted(text: str) -> tuple[float, float] | None:
    """
    How far a line says it is that draws over itself: (count, total). By its bar, else by the only count of a total, else by the only
    percentage. None for what counts bytes.
    """
    bar = find(text, 0)
    if bar is not None:
        return None if bar.numbers is None or is_download(bar) or not bar.numbers[1] else bar.numbers
    if _SIZES.search(text):
        return None
    counts = _counts(text)
    if len(counts) == 1 and counts[0][0] <= counts[0][1] and counts[0][1] > 1:
        return counts[0]
    shares = [float(share) for share in _SHARE.findall(text)]
    return (shares[0], 100.0) if not counts and len(shares) == 1 and shares[0] <= 100 else None


def _counts(text: str) -> list[tuple[float, float]]:
    """Every count of a total; behind a bar's blocks only the first."""
    behind = count_behind(text)
    return [(float(one[1]), float(one[2])) for one in ([behind] if behind else _COUNT.finditer(text))]


def count_behind(text: str) -> re.Match[str] | None:
    """The count of a total (groups 1 and 2) behind a bar's blocks; None where there are no blocks, or no count behind them."""
    drawn = list(_DRAWN.finditer(text))
    return _COUNT.search(text, drawn[-1].end()) if drawn else None


def describes_drawn(text: str) -> str | None:
    """What stands before a bar's blocks; None where there are none."""
    found = _DRAWN.search(text)
    return None if found is None else text[: found.start()].strip(" :|")


def without(text: str) -> str:
    """A table's row without the bar that is glued to its end."""
    return _TAIL.sub("", text).rstrip(" :")


def undrawn(text: str) -> str:
    """The line with its bar's blocks, the share before them, and a time left that is not known, made blanks; all else at its place."""
    return _SHARE_DRAWN.sub(lambda match: " " * len(match[0]), text).replace(_UNKNOWN, " " * len(_UNKNOWN))
