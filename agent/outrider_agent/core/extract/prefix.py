"""What stands before a line's own words: times, levels, loggers, ranks, source lines. Most of it in one of some ten shapes."""

from __future__ import annotations

import re
from typing import NamedTuple

from outrider_agent.core.extract import names

_LEVEL = r"(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL|TRACE|Info|Warning|Debug|Error)"
_TIME = r"\d\d?:\d\d:\d\d(?:[.,]\d+)?(?: ?[AP]M)?"
_DATE = (
    r"(?:\d{4}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/]\d\d?(?:[-/]\d{2,4})?|\d{8}|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?[A-Z][a-z]{2} [ \d]\d)"
)
_STAMP = rf"(?:{_DATE}[T, ] ?{_TIME}(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?|{_TIME})"
_VERBOSE_STAMP, _VERBOSE_TIME = _STAMP.replace(" ", r"\ "), _TIME.replace(" ", r"\ ")
_PIECE = re.compile(
    rf"""\s*(?:
      (?P<glog>[IWEF]\d{{4}}\ +{_VERBOSE_TIME}\ +\d+\ +[\w./-]+:\d+\]\s*)
    | (?P<stamp>\[?{_VERBOSE_STAMP}\]?(?=[\s|,:\-]|$))
    | \[(?P<ranked>(?:[Rr]ank|default|worker|gpu|GPU|node)[\s:_-]?(?P<rank>\d+))\]:?
    | (?P<worker>(?:worker|rank|node)-(?P<worker_rank>\d+):)
    | \[\d+,(?P<mpi>\d+)\]<std(?:out|err)>:?
    | \((?:\w+\ )?pid=\d+[^)]*\)
    | (?P<named>{_LEVEL}:[\w.]+:)
    | \[?(?P<level>{_LEVEL})\]?(?=[\s:|\-\]]|$):?
    | \{{\d+\}}
    | std(?:out|err)\ [FP](?=\s)
    | \(\w+:\d+\)
    | \[\w+\](?=\s+\d{{4}}[-/])
    | \[(?P<bracket>[^\[\]]{{1,80}})\]
    )(?:\s*(?:[|:]|-(?=\s))(?=\s|$))?""",
    re.VERBOSE,
)
#: In brackets it belongs to the prefix where it holds a time, a level, a source line or a dotted name.
_FRAME = re.compile(rf"{_STAMP}|\b{_LEVEL}\b|\.py:\d+|^[A-Za-z_]\w*(?:\.\w+)+$|^[A-Za-z]\w*:\d+$|^LightGBM$")
_LOGGER = re.compile(rf"\s*([A-Za-z_][\w.]*)(?:\s+-\s+|:\s+|\s+\|\s+|\s+(?={_LEVEL}\b))(?=\S)")
_DOTTED = re.compile(r"\s*[A-Za-z_]\w*(?:\.\w+)+(?:\s+-\s+|:\s+|\s+\|\s+)(?=\S)")
#: `module:function:42 - `
_PLACE = re.compile(r"\s*[A-Za-z_][\w.]*:[\w.<>]+:\d+(?:\s+-\s+|\s+\|\s+|:\s+)(?=\S)")
_PIECES = 8


class Prefix(NamedTuple):
    """Where a line's own words begin, and what stood before them. `rank` is a place in the line: it may differ in the next."""

    stop: int
    level: str | None
    rank: tuple[int, int] | None


def strip(text: str) -> Prefix:
    """Looks at the beginning of a line."""
    at, level, rank, count = 0, None, None, 0
    for _ in range(_PIECES):
        match = _PIECE.match(text, at)
        if match is None or (match["bracket"] is not None and not _FRAME.search(match["bracket"])):
            after = _logger(text, at, count)
            if after == at:
                break
            at = after
            continue
        for group in ("rank", "worker_rank", "mpi"):
            rank = match.span(group) if match[group] is not None else rank
        named = match["named"].partition(":")[0] if match["named"] else match["level"]
        level = (named or level or "").upper() or level
        at, count = match.end(), count + 1
    return Prefix(at, level, rank)


def _logger(text: str, at: int, count: int) -> int:
    """Past a logger's name; a plain word is one only after a time or a level, and where it means nothing else."""
    match = _DOTTED.match(text, at) or (_PLACE.match(text, at) if count else None)
    if match is None and count:
        match = _LOGGER.match(text, at)
        if match is None or names.axis(match[1]) is not None or names.split_in(match[1]) or names.is_metric(match[1], measured=True):
            return at
        following = text[match.end()]
        if following.isdigit() or following in "-+.[":
            return at
    return match.end() if match else at
