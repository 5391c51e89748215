"""Numbers as scripts print them: signs, exponents, thousands, units; and what only looks like a number (times, versions, dates)."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Units of a time. A value with one of them is a duration, and a duration is no metric.
TIMES = frozenset(
    {"ns", "us", "µs", "ms", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minutes", "h", "hr", "hrs", "hours", "d", "days"}
) | {"秒", "毫秒", "分", "分钟", "小时", "сек", "мс", "мин"}
#: Units of anything else, as they stand right behind a number. The value stays as it is printed.
UNITS = frozenset(
    {"k", "K", "M", "G", "T", "B", "b", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "Mb", "Gb", "x", "W", "C", "it", "dB"}
)
#: What a rate is per.
PER = TIMES | {"step", "it", "iter", "epoch", "batch", "sample", "img"}
#: Words that may follow a number at a blank: its unit, and no name of what comes next.
UNIT_WORDS = TIMES | UNITS | {"tokens", "samples", "images", "seqs", "steps", "it", "iters"}

#: A list of more numbers is data, and no metric a class.
LONGEST_LIST = 100

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?"
_TOKEN = re.compile(
    rf"""(?=[-+.\dnNiI])(?:(?<![\w.@#$^])|(?<=poch\ \#)|(?<=poch\#)|(?<=tep\ \#)|(?<=ation\ \#)|(?<=rial\ \#)|(?<=rial\#)|(?<=sode\ \#))(?:
      (?P<date>\d{{4}}[-/]\d\d?[-/]\d\d?(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?|\d\d?/\d\d?/\d{{2,4}}(?!\d))
    | (?P<clock>\d+(?::\d\d)+(?:[.,]\d+)?(?!\d))
    | (?P<duration>\d+\ ?[dhm](?:\ ?\d+\ ?[hms])+\b)
    | (?P<version>\d+\.\d+\.[\d.]*\d\w*|\d+\.(?:\d+\.)?[xX](?!\w)|\d+\.\.\d+)
    | (?P<ratio>(?P<n>\d+)\ *[/]\ *(?P<m>\d+)(?![\d.]))
    | (?P<number>[-+]?(?:{_NUMBER}|(?i:nan|inf(?:inity)?)(?=\W|$|ms|s\b)))
    )""",
    re.VERBOSE,
)
_UNIT = re.compile(r"(?: ?%)|[A-Za-zµ]+(?:/[A-Za-z]+)*|/[A-Za-z]+| ?(?:毫?秒|分钟?|小时|сек|мс|мин)")
#: How Julia, C and Java mark a number of single precision: `0.5f0`, `0.5f`.
_SINGLE = re.compile(r"f0?(?!\w)")
#: The end of a word that a number began: `2beef2f2`.
_REST = re.compile(r"\w+")
#: Before a sign there is no letter, digit or closing bracket: else the dash joins.
_JOINED = re.compile(r"[\w)\]]")
_WORD_BEFORE, _WORD_AFTER = re.compile(r"[A-Za-z_]\s+$"), re.compile(r"\s+[A-Za-z]")
_RANGE = re.compile(r"-\d+[\]a-z]")  # of "[951-1000]", "1-100batch"
_REVISION = re.compile(r"-\d+\S*\s+[a-z]")  # of a package: "1.46-1 amd64"
_INTEGER = re.compile(r"[-+]?[\d,]+$")


#: `[0.1, 0.2]`, `[0.1 0.2]`
_LIST = re.compile(
    rf"\[\s{{0,8}}(?:[-+]?(?:{_NUMBER}|nan|inf)(?:\s{{0,8}},\s{{0,8}}|\s{{1,8}}|(?=\]))){{2,{LONGEST_LIST}}}\]", re.IGNORECASE
)
_ELEMENT = re.compile(rf"[-+]?(?:{_NUMBER}|nan|inf)", re.IGNORECASE)


class Token(NamedTuple):
    """A number, and where it stands. `kind`: number, ratio (n of m), other (a date, a time, a version: it has a place and no value)."""

    kind: str
    start: int
    stop: int
    end: int  # with its unit
    unit: str
    middle: int = 0  # of a ratio: where n ends
    second: int = 0  # and m begins


def elements(text: str, start: int) -> list[tuple[int, int]]:
    """Where the numbers stand of the list that begins at `start`; none where it is no list of two or more."""
    found = _LIST.match(text, start)
    return [] if found is None else [match.span() for match in _ELEMENT.finditer(text, start, found.end())]


def value_of(text: str) -> float:
    """The number that a token's text is."""
    return float(text.replace(",", ""))


def is_whole(text: str) -> bool:
    """Is it printed as an integer?"""
    return _INTEGER.match(text) is not None


def tokens(text: str) -> list[Token]:
    """Every number of a line, in order."""
    found: list[Token] = []
    at = 0
    while match := _TOKEN.search(text, at):
        token = _token(text, match)
        at = max(match.end(), at + 1)
        if token is not None:
            found.append(token)
            at = max(at, token.end)
    return found


def _token(text: str, match: re.Match[str]) -> Token | None:
    """What was found, if nothing around it makes it a part of a word."""
    start, stop = match.span()
    kind = match.lastgroup or ""
    before = text[start - 1] if start else " "
    if kind == "ratio":
        if before in "-/" or text[stop : stop + 1] in {"/", "-"}:
            return Token("other", start, stop, stop, "")
        return Token("ratio", start, match.end("n"), stop, "", match.end("n"), match.start("m"))
    if kind != "number":
        return Token("other", start, stop, stop, "")
    if (before in "[:" and _RANGE.match(text, stop)) or (before == " " and _REVISION.match(text, stop)):
        return Token("other", start, stop, stop, "")
    if text[start] in "+-" and _JOINED.match(before) and not (text[start] == "+" and before.isdigit()):
        return None
    if before in "-/" and start > 1 and _JOINED.match(text[start - 2]):
        return None
    if text[stop - 1].isalpha() and _WORD_BEFORE.search(text, max(start - 2, 0), start) and _WORD_AFTER.match(text, stop):
        return None  # "number of nan iterations"
    if text[stop - 1] == "." and not text[stop : stop + 1].strip():
        stop -= 1  # the sentence's
    return _with_unit(text, start, stop)


def _with_unit(text: str, start: int, stop: int) -> Token | None:
    """The token with the unit behind it; None where letters follow that are none: then it is a part of a word."""
    after = _UNIT.match(text, stop)
    if after is None:
        ends = text[stop : stop + 1]
        if ends == "@" and text[stop + 1 : stop + 2].isalpha():  # of an address
            return Token("other", start, stop, stop, "")
        return None if ends == "_" else Token("number", start, stop, stop, "")
    unit = after[0].strip()
    first = unit.partition("/")[0]
    if not first and (text[after.end() : after.end() + 1] == "_" or unit[1:] not in PER):
        return Token("number", start, stop, stop, "")
    if unit == "%" or not first or first in UNITS or first in TIMES:
        return Token("number", start, stop, after.end(), unit)
    if first in {"epoch", "ep", "iter", "step"}:
        return Token("number", start, stop, stop, "")
    if single := _SINGLE.match(text, stop):
        return Token("number", start, stop, single.end(), "")
    end = _REST.match(text, after.end())
    stop = after.end() if end is None else end.end()
    return Token("other", start, stop, stop, "")
