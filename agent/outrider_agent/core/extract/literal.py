"""Dicts and JSON objects in a line, with the place of every number in them. One pass from the opening brace; torn ends are survived."""

from __future__ import annotations

import re
from typing import NamedTuple

from outrider_agent.core.extract import numerals

_STRING = re.compile(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""")
_KEY = re.compile(r"[\s,]*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"|([A-Za-z_]\w*))\s*[:=]\s*")
_NUMBER = re.compile(r"[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?(?![\w.])|[-+]?(?:nan|NaN|inf(?:inity)?|Infinity)\b")
_CALL = re.compile(r"[A-Za-z_][\w.]*\(")
_WORD = re.compile(r"[^,{}\[\]()]+")
_DEPTH = 6


class Item(NamedTuple):
    """A key (nested ones joined by `/`) and its value: a number at `start:stop`, or a text."""

    name: str
    start: int
    stop: int
    text: str | None
    places: tuple[tuple[int, int], ...] = ()  # of a list of numbers: where each stands


def opening(text: str, start: int) -> int:
    """Where the line's dict begins: at its first brace that a key or nothing follows; -1 where it has none."""
    at = text.find("{", start)
    while at >= 0:
        if at + 1 == len(text.rstrip()) or _KEY.match(text, at + 1):
            return at
        at = text.find("{", at + 1)
    return -1


def balance(text: str, start: int = 0) -> int:
    """How many braces are open at the end; strings are passed over."""
    depth, at = 0, start
    while at < len(text):
        char = text[at]
        if char in "'\"" and (match := _STRING.match(text, at)):
            at = match.end()
            continue
        depth += (char == "{") - (char == "}")
        at += 1
    return depth


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.items: list[Item] = []

    def object(self, at: int, path: str, depth: int) -> int:
        """From behind an opening brace to behind its closing one."""
        text = self.text
        while match := _KEY.match(text, at):
            key = match[1] or match[2] or match[3] or ""
            at = self.value(match.end(), f"{path}{key}", depth)
        close = text.find("}", at)
        return close + 1 if close >= 0 and not text[at:close].strip(" ,\n\t") else at

    def value(self, at: int, path: str, depth: int) -> int:
        text = self.text
        if text.startswith("{", at) and depth < _DEPTH:
            return self.object(at + 1, f"{path}/", depth + 1)
        if match := _STRING.match(text, at):
            inner = 1 if match[1] is not None else 2
            if _NUMBER.fullmatch(match[inner]):
                self.items.append(Item(path, *match.span(inner), None))
            else:
                self.items.append(Item(path, at, match.end(), match[inner]))
            return match.end()
        if match := _NUMBER.match(text, at):
            self.items.append(Item(path, *match.span(), None))
            return match.end()
        return self._other(at, path)

    def _other(self, at: int, path: str) -> int:
        text = self.text
        if match := _CALL.match(text, at):  # np.float32(0.89), tensor(0.5, device='cuda:0')
            close = text.find(")", at)
            if number := _NUMBER.match(text, match.end()):
                self.items.append(Item(path, *number.span(), None))
            return close + 1 if close >= 0 else len(text)
        if text[at : at + 1] in {"[", "("}:
            if (number := _NUMBER.match(text, at + 1)) and text[number.end() : number.end() + 1] == "]":
                self.items.append(Item(path, *number.span(), None))
            elif places := numerals.elements(text, at):
                self.items.append(Item(path, *places[0], None, tuple(places)))
            return _past_list(text, at)
        word = _WORD.match(text, at)
        if word:
            self.items.append(Item(path, at, word.end(), word[0].strip()))
        return word.end() if word else at + 1


def _past_list(text: str, at: int) -> int:
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place] in "[(") - (text[place] in "])")
        if depth == 0:
            return place + 1
    return len(text)


def items(text: str, start: int) -> list[Item]:
    """What the dict at `start` holds."""
    reader = _Reader(text)
    at = start
    while 0 <= at < len(text) and text[at] == "{":
        at = reader.object(at + 1, "", 0)
        if not text.startswith((";{", ", {"), at):
            break
        at = text.index("{", at)
    return reader.items


def measured(text: str, item: Item) -> bool:
    """Is it printed with a decimal point, or not finite?"""
    return not numerals.is_whole(text[item.start : item.stop])
