"""Which lines of a block may hold a number that is worth a look: in bulk, for most lines of most logs hold none."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: A value behind `:` or `=`, a decimal, a bar, a brace. Each begins with a rare character: that makes it fast.
#: Not the seconds of a time, nor the digits of a name (`python3.11`), nor a protocol's version.
_VALUE = re.compile(
    rb"[:=.|{%\xe2](?:"
    rb"(?<=[:=])(?<![0-9][:=])[ \t]*['\"\[({]{0,3}[-+]?\.?(?:[0-9]|[nN]a[nN]|[iI]nf)"
    rb"|(?<=[0-9]%) [a-zA-Z]|(?<=\.)(?<![A-Za-z_][0-9]\.)(?<!:[0-9][0-9]\.)(?<!/[0-9]\.)[0-9]"
    rb"|(?<=\|)|(?<=\xe2)\x94[\x81-\x83]|(?<=\{)(?=[ \t]*(?:\n|['\"a-zA-Z]|\Z)))"
)
#: Words of time: a heading is nothing but one of them and a number. Without their first letter, which may be large.
_WORDS = (b"poch", b"tep", b"iter", b"Iter", b"eneration")
_NUMBER = re.compile(rb"[a-z]*[ :#=\[(]*[0-9]")
#: The same in other languages.
_FOREIGN = tuple(word.encode() for word in ("poque", "poca", "поха", "терация", "轮", "エポック", "에포크", "ステップ"))


def candidates(block: bytes, ends: Sequence[int]) -> list[int]:
    """The places of the lines to look at, in order; `ends`: where each line's newline stands."""
    places: set[int] = set()
    at, search = 0, _VALUE.search
    while (match := search(block, at)) is not None:
        place = bisect_left(ends, match.start())
        places.add(place)
        if place >= len(ends):
            break
        at = ends[place] + 1
    if len(places) == len(ends):
        return list(range(len(ends)))
    for word in _WORDS:
        at = block.find(word)
        while at >= 0:
            at += len(word)
            if _NUMBER.match(block, at):
                places.add(bisect_left(ends, at))
            at = block.find(word, at)
    if not block.isascii():
        _foreign(block, ends, places)
    return sorted(places)


def _foreign(block: bytes, ends: Sequence[int], places: set[int]) -> None:
    """Headings in other languages."""
    for word in _FOREIGN:
        at = block.find(word)
        while at >= 0:
            places.add(bisect_left(ends, at))
            at = block.find(word, at + len(word))


#: The same in a line's shape, where it holds for each line of that shape: however many digits there are.
_SURE = re.compile(
    rb"[:=.|{](?:"
    rb"(?<=[:=])(?<![0-9][:=])[ \t]*['\"\[({]{0,3}[-+]?\.?(?:[0-9]|[nN]a[nN]|[iI]nf)"
    rb"|(?<=\.)(?<![A-Za-z_:/][0-9]\.)[0-9]|(?<=\|)|(?<=\{)(?=[ \t]*(?:['\"a-zA-Z]|\Z)))"
)


def is_candidate(line: bytes) -> bool:
    """Is one line worth a look?"""
    return bool(candidates(line, [len(line)]))


def is_sure(shape: bytes) -> bool:
    """Is each line of a shape worth a look?"""
    return _SURE.search(shape) is not None
