"""What stands between two numbers of a line, taken apart: the end of the one before, headings, and the name of the one that follows."""

from __future__ import annotations

import re
from typing import NamedTuple

from outrider_agent.core.extract import names, numerals

_CUT = re.compile(
    r"\t|[|│┃;→•]|,\s|,(?=[^\W\d])|\s[-\u2013\u2014=]+>?\s|\s{2,}|[\[\]{}]|\)(?=[\s:/,]|$)|\(|:(?=\s|[^\W\d])|(?<==)=|\)"
    # a pair whose value is a word: `mode=train loss=…`, `msg="a step" loss=…`
    r"|(?<![\w.])[A-Za-z_][\w.]*=(?:\"[^\"]*\"|'[^']*'|[^\s=\"'()\[\]]+)\s+"
)
#: `|g|=0.5`, `||d||: 0.1`
_NORMED = re.compile(r"(?:^|\s)(\|{1,2}[A-Za-z]\w{0,20}\|{1,2})$")
_TOPIC = re.compile(r"([A-Za-z][\w -]{0,30}?)\s*[:(]\s*$")
_ROW = re.compile(r"\s+([a-z][\w-]{0,30})\s{2,}")
#: A name and what belongs to it is no longer.
LONGEST = 200

_UNIT_AFTER = re.compile(r"\s?([A-Za-zµ%]+(?:/[A-Za-z]+)*)(?!\w)")
_PARENTHESES = re.compile(r"\s?\(([A-Za-z](?:[\w /%]|\(\w{1,20}\)){0,80})\)$")
_GROUP = re.compile(r"([\w@ -]+?)\s*:\s*$")
_EDGES = " \t.-\u2013\u2014*#>`'\"·•/,+~<|"
_JUDGED = re.compile(r"\s+(?:is|was|are|of)$")
_POSSESSIVE = re.compile(r"(?:^|.*\s)(\S+)'s\s+(.+)$")
_WITH = re.compile(r"(?:^|.*\s)with\s+(?:an?\s+)?(?=\w+$)")
_OF = re.compile(r"\s(?:of|on|for|after)\s")
#: A sentence about a metric: "reached an accuracy of 0.9".
_METRIC_OF = re.compile(r"(?:^|\s)(?:an?|the)\s+((?:[\w-]+ )?[\w-]+)\s+of$")
_SEPARATORS = re.compile(r"[<>!~+*/-]$")
#: A number as its type prints it: `tensor(0.5, device='cuda:0')`, `np.float32(0.5)`, `Array(0.5, dtype=float32)`.
_CALL = re.compile(r"(?<![\w.])(?:[A-Za-z_]\w*\.){0,3}(?:[Tt]ensor|\w*Array|Parameter|b?float\d*|u?int\d*)\(\[?$")


class Label(NamedTuple):
    """
    `name`: of the number that follows, "" where it has none; `span`: where it stands; `is_strong`: it is joined by `:` or `=`; `head`: what
    stands before the name; `opened`: brackets between name and number; `group`: as in `accuracy: (train=…`.
    """

    name: str
    span: tuple[int, int]
    is_strong: bool
    head: str
    opened: str
    group: str | None


def past_unit(text: str, start: int, stop: int) -> int:
    """Where a gap begins behind a unit that stands at a blank from its number: `1.52 images/s eta: …`."""
    match = _UNIT_AFTER.match(text, start, stop)
    if match is None:
        return start
    is_unit = match[1] in numerals.UNIT_WORDS or "/s" in match[1] or match[1] == "%"
    return match.end() if is_unit and not text[match.end() : stop].lstrip(" ").startswith((":", "=")) else start


def label(text: str, start: int, stop: int) -> Label:
    """The gap from `start` to `stop`, where a number begins."""
    end, start = stop, max(start, stop - LONGEST)
    if stop > start and text[stop - 1] in "([" and (call := _CALL.search(text, start, stop)):
        end = stop = call.start()
    while end > start and text[end - 1] in " \t'\"[(<":
        end -= 1
    opened = "".join(char for char in text[end:stop] if char in "[(")
    is_strong = end > start and text[end - 1] in ":="
    if is_strong:
        end -= 1
        if end > start and (text[end - 1] == "=" or _SEPARATORS.search(text[start:end])):
            return Label("", (end, end), False, text[start:end], opened, None)
        if text[end] == "=" and _is_option(text, start, end):
            return Label("", (end, end), False, text[start:end], opened, None)
        end = len(text[:end].rstrip(" \t'\"")) if end > start else end
    elif text.endswith(("....", ","), start, end):  # settings with dots up to each value; what a comma parts from the value
        return Label("", (end, end), False, text[start:end], opened, None)
    return _named(text, start, max(end, start), is_strong=is_strong, opened=opened)


def _is_option(text: str, start: int, end: int) -> bool:
    """Is it an option on a command line, or a query in an address: `--loss=0.5`, `/metrics?loss=0.5`?"""
    word = text[text.rfind(" ", start, end) + 1 if text.find(" ", start, end) >= 0 else start : end]
    return "?" in word or (word[:1] == "-" and word.strip("-")[:1].isalpha())


def _named(text: str, start: int, end: int, *, is_strong: bool, opened: str) -> Label:
    piece = text[start:end].rstrip()
    unit = _PARENTHESES.search(piece)
    body = piece[: unit.start()] if unit else piece
    if unit and unit.start() == 0 and not is_strong:
        unit, body = None, piece
    cut, mark = 0, ""
    normed = _NORMED.search(body) if body.endswith("|") and (is_strong or body.startswith(" |")) else None
    if normed is not None:
        return Label(normed[1], (start + normed.start(1), start + normed.end(1)), is_strong, body[: normed.start()], opened, None)
    for found in _CUT.finditer(body):
        cut, mark = found.end(), found[0]
    head, raw = body[:cut], body[cut:] + (unit[0] if unit else "")
    group = None
    if mark == "(" and (grouped := _GROUP.search(head[:-1])):
        group = grouped[1].strip()
    name = raw.strip(_EDGES)
    at = start + cut + raw.find(name) if name else end
    told = None if is_strong else _METRIC_OF.search(name)
    if told is not None and names.is_metric(told[1], measured=True):
        return Label(told[1], (at, at + len(name)), is_strong, head, opened, group)
    shown = name if not is_strong and name.rpartition(" ")[2].lower() in names.STOPS else _shorter(name)
    return Label(shown, (at, at + len(name)), is_strong, head, opened, group)


def _shorter(name: str) -> str:
    """Of a phrase the name: "lgbm_spark's best error", "Accuracy of the network on the 10000 test images", "and the loss is"."""
    if owner := _POSSESSIVE.match(name):
        return f"{owner[1]}/{owner[2]}"
    name = _WITH.sub("", _JUDGED.sub("", name))
    while (first := name.partition(" "))[2] and first[0].lower() in names.JOINING:
        name = first[2].lstrip()
    if name.count(" ") > 2 and (phrase := _OF.search(name)) and names.is_metric(name[: phrase.start()], measured=True):
        return name[: phrase.start()]
    return name


def topic(head: str) -> str:
    """The metric of which the parts of the data follow: `loss: train 0.5, val 0.6`."""
    found = _TOPIC.search(head)
    return found[1] if found is not None and names.is_metric(found[1], measured=True) else ""


def row(head: str) -> str | None:
    """The class whose row a line is: `  cat    IoU=0.5  Acc=0.6`."""
    found = _ROW.fullmatch(head)
    return found[1] if found is not None and names.split_in(found[1]) is None else None


def full(found: Label, group: str | None, topic: str) -> str:
    """The name with the group or the part of the data that it belongs to."""
    name = f"{group}/{found.name}" if group and not found.group else found.name
    if topic and names.split_in(name) == name.lower():
        name = f"{name}/{topic}"
    return f"{found.group}/{found.name}" if found.group else name
