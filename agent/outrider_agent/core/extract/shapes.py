"""
How a line of a shape that is known is read at once.

A shape is the line with every run of digits made one `0`; from a plan that was made of one line a `Pattern` is made that reads any line of
that shape in one match, without looking at names again; of a table's row a `Cells`.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from outrider_agent.core.extract import plan

_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_DIGITS = re.compile(r"\d+")
_JOINED = re.compile(rb"[A-Za-z_@]0")
_IN_NAMES = re.compile(rb"[A-Za-z_@][0-9]+")
#: When one line in so many was asked for, all of a block are done at once.
_SINGLE = 4


def shapes(block: bytes) -> bytes:
    """Lines with every run of digits made one `0`."""
    block = block.translate(_ZEROS)
    for run in (b"0" * 16, b"0000", b"00", b"00"):
        block = block.replace(run, b"0")
    while b"00" in block:
        block = block.replace(b"00", b"0")
    return block


class Shapes:
    """
    The shapes of a block's lines, by place. Two lines of one shape differ in their numbers and in nothing else: the digits of names
    (`loss1`, `top5`) are part of it.
    """

    def __init__(self, block: bytes, lines: Sequence[bytes]) -> None:
        self._block, self._lines = block, lines
        self._bare: list[bytes] = []
        self._asked = 0

    def of(self, place: int) -> bytes:
        """One line's."""
        self._asked += 1
        if not self._bare and self._asked * _SINGLE > len(self._lines):
            self._bare = shapes(self._block).split(b"\n")
        return self._whole(self._bare[place] if self._bare else shapes(self._lines[place]), place)

    def all(self) -> list[bytes]:
        """Every line's."""
        bare = shapes(self._block)
        found = bare.split(b"\n")
        if _JOINED.search(bare) is None:
            return found
        are_joined: dict[bytes, bool] = {}
        for place, one in enumerate(found[: len(self._lines)]):
            is_joined = are_joined.get(one)
            if is_joined is None:
                is_joined = are_joined[one] = _JOINED.search(one) is not None
            if is_joined:
                found[place] = self._whole(one, place)
        return found

    def _whole(self, bare: bytes, place: int) -> bytes:
        return bare if _JOINED.search(bare) is None else b"\n".join([bare, *_IN_NAMES.findall(self._lines[place])])


class Pattern:
    """Reads the lines of one shape by a plan that was made of one of them; `is_sure`: any of them is worth a look (`prefilter`)."""

    def __init__(self, text: str, made: plan.Plan, *, is_sure: bool) -> None:
        self.plan, self.is_sure = made, is_sure
        #: Does it change nothing for the line below?
        self.is_calm = not text.rstrip().endswith(":") and 'File "' not in text
        spans = [span for _, span in made.values] + [span for span in (made.epoch, made.step, made.total, made.rank, made.epochs) if span]
        self._groups = {span: number for number, span in enumerate(sorted(set(spans)))}
        #: The texts at the plan's places; None where the line is not of that shape after all.
        self.match = re.compile(self._source(text)).match
        #: Places in what `match` gives, of the metrics and of the axes.
        self.names = tuple(name for name, _ in made.values)
        self.values = _picked([self._groups[span] for _, span in made.values])
        self.epoch, self.step, self.total, self.rank, self.epochs = (
            None if span is None else self._groups[span] for span in (made.epoch, made.step, made.total, made.rank, made.epochs)
        )

    def _source(self, text: str) -> bytes:
        parts: list[bytes] = []
        at = 0
        for span in sorted(self._groups):
            parts += [self._literal(text, at, span[0]), b"(", _digits(text[span[0] : span[1]]), b")"]
            at = span[1]
        return b"".join([*parts, self._literal(text, at, len(text)), rb"\s*$"])

    def _literal(self, text: str, start: int, stop: int) -> bytes:
        """Names as they are, other numbers as any."""
        parts, at = [], start
        for first, last in self.plan.fixed:
            if start <= first and last <= stop and first >= at:
                parts += [_digits(text[at:first]), re.escape(text[first:last].encode())]
                at = last
        return b"".join([*parts, _digits(text[at:stop])])


class Cells(NamedTuple):
    """Which of a row's cells are what, by their places between separators (None: blanks); `is_sure`: any such row is worth a look."""

    separator: bytes | None
    names: tuple[str, ...]
    values: Callable[[Sequence[bytes]], Sequence[bytes]]
    epoch: int | None
    step: int | None
    is_sure: bool


def cells(separator: str, values: dict[str, int], epoch: int | None, step: int | None, *, is_sure: bool) -> Cells:
    """`values`: each name and the place of its cell."""
    return Cells(separator.encode() or None, tuple(values), _picked(list(values.values())), epoch, step, is_sure)


def _picked(places: list[int]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """What takes the texts at these places."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda texts: [texts[place] for place in places]


def _digits(text: str) -> bytes:
    parts, at = [], 0
    for match in _DIGITS.finditer(text):
        parts += [re.escape(text[at : match.start()].encode()), rb"\d+"]
        at = match.end()
    return b"".join([*parts, re.escape(text[at:].encode())])
