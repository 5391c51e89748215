"""
Bars within bars: which of them tells how far the run is. Pure.

A bar that begins while another one is not through counts within it. The outermost is the run's, if it is one: it proves that by counting
further after the inner one has, or by standing at 0 when that one begins; or its name says so. One that begins again from the start, with
nothing around it, is itself within something that nobody tells.
"""

from __future__ import annotations

import re

import msgspec

#: So many bars lie within one another.
DEEPEST = 8
_DIGITS = re.compile(r"\d+")


class Level(msgspec.Struct):
    """A bar: what stands before it (digits as one), how far it is; `is_run`: by its name it may be the run's."""

    key: str
    count: float
    total: float
    is_run: bool
    is_drawn: bool = False  # by blocks, as rich's: where its epochs count from 0, `Epoch 4/4` is the fifth of five
    is_outer: bool = False  # another one counts within it
    is_repeated: bool = False  # it began again, and nothing is around it


def key_of(describes: str, total: float) -> str:
    """By what a bar is known again: its description, else its total."""
    return _DIGITS.sub("0", describes) or f"of {total:g}"


def count(levels: list[Level], new: Level, *, is_last: bool = False) -> None:
    """A bar shows this; `levels` are from the outermost on. `is_last`: nothing draws over it any more."""
    place = next((place for place, one in enumerate(levels) if one.key == new.key), None)
    if place is None:
        _begin(levels, new)
        return
    known = levels[place]
    is_further, is_anew = new.count > known.count, new.count < known.count
    is_anew = is_anew or (is_last and new.count == known.count == new.total and not known.is_outer)
    known.is_outer = known.is_outer or (is_further and len(levels) > place + 1)
    known.is_repeated = known.is_repeated or (is_anew and place == 0)
    known.count, known.total = new.count, new.total
    if is_further or is_anew:
        del levels[place + 1 :]


def _begin(levels: list[Level], new: Level) -> None:
    while len(levels) > 1 and levels[-1].count >= levels[-1].total:
        levels.pop()
    if levels and levels[0].count >= levels[0].total:  # through: what comes now is the run only where it is as long
        if levels[0].is_outer or (levels[0].is_run and not (new.is_run and new.total >= levels[0].total)):
            return
        levels.clear()
    if levels and levels[-1].count == 0 and levels[-1].total > 1:
        levels[-1].is_outer = True
    if len(levels) < DEEPEST:
        levels.append(new)


def outermost(levels: list[Level]) -> tuple[float, float] | None:
    """How far the run is: (count, total). None where no bar tells."""
    found = next((one for one in levels if one.is_outer), None) or next((one for one in levels if one.is_run), None)
    return None if found is None or found.is_repeated or not found.total else (found.count, found.total)
