"""
Names with their values in a line of any kind: `loss: 0.3`, `loss=0.3`, `loss 0.3`, between commas, bars, dashes, blanks or nothing.

The numbers lead: each is looked at with what stands between it and the one before. So one pass reads all of these forms, and a name may
have blanks, a unit may follow a value, and a heading may stand before a name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from outrider_agent.core.extract import labels, names, numerals

_CODE = re.compile(r"\s*(?:\*|\+ [A-Za-z]|if\b)")
_AFTER_WORD = re.compile(r"\s?([A-Za-z]+)")
_GOES_ON = re.compile(r":\s+[-+]?[\d.]")
_FIRST = re.compile(r" +\[?([A-Za-z_][\w/-]{0,40}(?: [\w/-]{1,40})?)\s?[:=]\s?[-+]?([\d.]+)")
#: `0.5 loss`, `95.2% accuracy on the test set`: the name behind its value, and nothing behind that which is its own value.
_BEHIND = re.compile(
    r"\s?((?:[A-Za-z][\w@-]{0,30}\s){0,2}?[A-Za-z][\w@-]{0,30})"
    r"(?=\s*$|\s?[,;.)(|](?!\d)|\s+(?:on|in|for|after|at|over|of|estimate|and)\b(?!\s*[:=]))"
)
#: `第 3 轮`: an axis word behind its number.
_COUNTED = re.compile(r"\s?(轮|步|次迭代|エポック|ステップ|에포크)")
_LETTERS = re.compile(r"[^\W\d_]")
#: `line 17 loss=0.5`: which of many the line is about, and no part of the name as in `top 5 acc=0.5`.
_COUNTS = re.compile(r"(?i)(?<![\w-])(?:line|file|page|port|version) ?[#=:.]? ?\d+$")
#: A list that is no values of a name: too long, or with something else in it.
_DATA = re.compile(r"\[[-+\d.eE]+\s?,")
#: `[2.34 regression]`: in brackets there is more than a value.
_WORDS_IN = re.compile(r" [A-Za-z]+\]")
#: A heading over what was best so far: `best: alpha 0.1, mse 0.3`. It is told beside the series that it was read from, not in it.
_BEST = re.compile(r"(?i)(?:^|[\s\[(])best(?: so far| results?| model| metrics)?[\]:)]\s*$")

#: `Score at iteration 10 is 0.5`: the name stands before the step.
_VERBS, _WHERE = frozenset({"is", "was"}), re.compile(r"\s(?:at|after|for|in)$")
#: Steps beside an episode are its own: `Ep 3 | steps 200`.
_EPISODE = re.compile(r"(?i)\bep(?:isode)?\W*$")

COUNT = -1


class Field(NamedTuple):
    """A name and where its value stands."""

    name: str
    start: int
    stop: int
    span: tuple[int, int]  # of the name
    unit: str
    is_strong: bool  # joined by `:` or `=`
    is_measured: bool  # printed with a decimal point, or not finite
    is_apart: bool  # nothing of another phrase stands right before the name
    split: str | None = None  # of the heading above it in the line
    is_element: bool = False  # of a list: whether it is named by its place depends on the other values


class Axis(NamedTuple):
    """A step or an epoch; how fine it is, where it stands, and where its total stands."""

    level: int
    start: int
    stop: int
    total: tuple[int, int] | None = None
    is_leading: bool = False  # `[5]`, `5:` at the line's beginning


def _is_aside(text: str, token: numerals.Token, found: labels.Label) -> bool:
    """A source line (`caller=train.py:12`), or the best value so far, told again in brackets."""
    if "=" in found.name:
        return text[token.start - 1] == ":"
    return found.name.lower() == "best" and found.head.endswith("(")


def _level(text: str, token: numerals.Token, found: labels.Label, axes: list[Axis]) -> int | None:
    """How fine an axis a name is. COUNT: "Epoch 1/3, train steps: 6", "Ep 3 | steps 200" say how many there are."""
    if token.kind != "ratio" and names.is_total(found.name):
        return None
    level = names.axis(found.name)
    is_count = any(axis.total for axis in axes) or (bool(axes) and _EPISODE.search(text, 0, axes[0].start) is not None)
    return COUNT if level is not None and names.is_plural(found.name) and is_count else level


def _first_level(text: str, token: numerals.Token, found: labels.Label) -> int | None:
    """The same of a line's first name, which may have words before it: `evolution step 3: f(x)= 0.5`."""
    level = _level(text, token, found, [])
    if level is None and not found.is_strong and text.startswith(": ", token.end):
        return names.AXES.get(found.name.rpartition(" ")[2])
    return level


def _listed(text: str, token: numerals.Token) -> list[tuple[int, int]]:
    """Where the numbers stand of the list that this one begins."""
    begins = text[max(token.start - 2, 0) : token.start]
    return numerals.elements(text, token.start - 1) if begins.endswith("[") and begins != "[[" else []


def _is_bare(text: str, token: numerals.Token) -> bool:
    """`Train: 0 [ 32/33 …`: the number is an epoch where a bracket follows."""
    return text[token.end : token.end + 3].lstrip().startswith("[")


def _heads_metric(text: str, token: numerals.Token) -> bool:
    """`3 loss: 0.25`: a bare number, and a known metric with its value behind it."""
    after = _FIRST.match(text, token.stop)
    return after is not None and names.is_metric(after[1], measured="." in after[2])


def _behind(text: str, token: numerals.Token, found: labels.Label) -> Field | None:
    """The field of a value whose name follows it."""
    is_measured = token.kind == "number" and (token.unit == "%" or not numerals.is_whole(text[token.start : token.stop]))
    if not is_measured or token.unit not in {"", "%"} or (found.is_strong and found.name and not _may_precede(found.name)):
        return None
    match = _BEHIND.match(text, token.end)
    if match is None or not _may_follow(match[1], token.unit) or names.is_metric(found.name, measured=True):
        return None
    return Field(match[1], token.start, token.stop, match.span(1), token.unit, is_strong=False, is_measured=True, is_apart=True)


def _may_follow(name: str, unit: str) -> bool:
    """Is it a name behind its value? Of words that mean much in prose only by itself: `0.9 precision`, and no `1.7 build error`."""
    if names.is_metric(name, measured=False) or (unit and names.is_metric(name, measured=True)):
        return True
    return names.is_metric(name, measured=True) and names.is_bare(name)


def _may_precede(name: str) -> bool:
    """Is it no name of the value behind it, but of the whole: `Final: 95 % accuracy`, `after 3 epochs: 0.5 loss`?"""
    return names.axis(name) is not None or name.lower() in {"final", "result", "results", "test", "best", "train", "valid", "validation"}


def _touches(found: labels.Label) -> bool:
    """Does an `n/m` belong to the axis before it?"""
    return not _LETTERS.search(found.head) and (not found.name or "[" in found.opened)


class Scan:
    """One line's fields and axes, gathered from left to right."""

    def __init__(self, text: str, start: int) -> None:
        self.text, self.start = text, start
        self.fields: list[Field] = []
        self.axes: list[Axis] = []
        self.split: str | None = None  # of the first heading
        self._topic = ""
        self.heads = ""  # whatever belongs to no name
        self._heading: str | None = None
        self._is_best = False
        self._group: str | None = None
        self._carried = start  # where a phrase began that an inner number interrupted
        self._share: labels.Label | None = None  # `Accuracy: 97/100 (97%)`: the name of what follows in brackets
        self._rest = ""  # the words before an axis, for a value without a name of its own
        self._at = start
        for token in numerals.tokens(text):
            if token.start >= max(start, self._at):
                self._take(token)
                self._at = max(self._at, token.end)
        self._head(text[self._at :])

    def _take(self, token: numerals.Token) -> None:
        text = self.text
        begin = labels.past_unit(text, self._at, token.start) if self._at > self.start else self._at
        found = labels.label(text, begin, token.start)
        if self._carried < self._at and not found.head.strip() and not _COUNTS.search(text, max(self._carried, begin - 40), begin):
            found = labels.label(text, self._carried, token.start)
        if text.find(")", begin, token.start) >= 0:
            self._group = None
        self._group = found.group or self._group
        self._head(found.head)
        begin, self._carried = self._carried, token.end
        if (behind := _behind(text, token, found)) is not None:
            self.fields.append(behind._replace(split=self._heading))
        elif _LETTERS.search(found.name):
            self._named(token, found, begin)
        else:
            self._unnamed(token, found)

    def _head(self, head: str) -> None:
        """What belongs to no name may say which part of the data the line is about."""
        self.heads += head
        self._topic = labels.topic(head) or self._topic
        self._is_best = self._is_best or _BEST.search(head) is not None
        if (split := names.split_in(head)) is not None:
            self._heading = split
            self.split = self.split or split

    def _named(self, token: numerals.Token, found: labels.Label, begin: int) -> None:
        level = _level(self.text, token, found, self.axes) if self.fields or self.axes else _first_level(self.text, token, found)
        is_whole = token.kind == "ratio" or (token.kind == "number" and numerals.is_whole(self.text[token.start : token.stop]))
        if level is not None and (is_whole or (level == 0 and token.kind == "number")) and not token.unit:
            self._axis(token, level)
            self._head(found.name)
            self._rest = found.name.rpartition(" ")[0]
        elif found.name.lower() in {"train", "test", "val", "eval"} and _is_bare(self.text, token) and not self.fields and not self.axes:
            self._axis(token, 0)
            self._head(found.name)
        elif self._suffixed(token):
            return
        elif token.kind == "number" and found.is_strong and _GOES_ON.match(self.text, token.end):
            self._carried = begin  # "mAP@0.5:0.95: 0.6": the name goes on
        elif token.kind == "number" and (places := _listed(self.text, token)):
            self._elements(token, found, places)
        elif token.kind == "number" and "[(" not in found.opened and not _DATA.match(self.text, token.start - 1):
            self._field(token, found)
            if not found.is_strong and found.name.rpartition(" ")[2].lower() in names.STOPS:
                self._carried = begin
        elif token.kind == "ratio" and names.split_in(found.name) == found.name.lower():
            self._head(found.name)
            self._unnamed(token, found)
        elif token.kind == "ratio" and names.is_metric(found.name, measured=True):
            self._share = found

    def _field(self, token: numerals.Token, found: labels.Label) -> None:
        text = self.text
        value = text[token.start : token.stop]
        if (
            _CODE.match(text, token.end)
            or (found.opened.endswith("[") and _WORDS_IN.match(text, token.end))
            or _is_aside(text, token, found)
        ):
            return
        if self._rest and found.name in _VERBS and not self.fields:
            found = found._replace(name=_WHERE.sub("", self._rest))
        self._group = self._group or (None if self.fields else labels.row(found.head))
        name = labels.full(found, self._group, self._topic)
        if self._is_best and "best" not in name.lower():
            name = f"best {name}"
        last = found.name.rpartition(" ")[2].lower()
        if last in (names.PREPOSITIONS if found.is_strong else names.STOPS) or (not found.is_strong and found.name.count(" ") > 3):
            return
        is_apart = bool(found.head or self.fields or self.axes) or not _LETTERS.search(text, self.start, found.span[0])
        self.fields.append(
            Field(
                name,
                token.start,
                token.stop,
                found.span,
                token.unit,
                found.is_strong,
                not numerals.is_whole(value),
                is_apart,
                self._heading,
            )
        )

    def _elements(self, token: numerals.Token, found: labels.Label, places: list[tuple[int, int]]) -> None:
        """`IoU: [0.1, 0.2]`: a value a class, each with its place behind the name; of values that are all the same one."""
        self._at = places[-1][1]
        if not (names.is_metric(found.name, measured=True) or names.is_varying(found.name)):
            return
        count = len(self.fields)
        self._field(token, found)
        if len(self.fields) == count:
            return
        first = self.fields.pop()
        self.fields += elements_of(first, places, self.text)

    def _suffixed(self, token: numerals.Token) -> bool:
        """`12epoch`, `after 20 iterations`: the axis word follows the number."""
        after = _AFTER_WORD.match(self.text, token.end) or _COUNTED.match(self.text, token.end)
        if after is None or token.kind != "number" or not numerals.is_whole(self.text[token.start : token.stop]):
            return False
        level = names.AXES.get(names.plain(after[1]))
        before = self.text[self._at : token.start].rpartition("(")[2].strip().lower()
        if level is None or (before not in {"", "after", "at", "第"} and after[0] != after[1]):
            return False
        self._axis(token, level)
        return True

    def _axis(self, token: numerals.Token, level: int, *, is_leading: bool = False) -> None:
        if level == COUNT or token.kind == "other":
            return
        stop = token.middle if token.kind == "ratio" else token.stop
        total = (token.second, token.end) if token.kind == "ratio" else None
        self.axes.append(Axis(level, token.start, stop, total, is_leading))

    def _unnamed(self, token: numerals.Token, found: labels.Label) -> None:
        text, fields = self.text, self.fields
        between = text[self._at : token.start].strip()
        is_first = not fields and not self.axes
        if between in {"+", "±", "+/-", "+-"} or (between == "" and text[token.start] == "+"):
            self._deviation(token)
        elif self._share and token.unit == "%" and between == "(":
            self._field(token, self._share)
        elif token.kind == "ratio":
            self._ratio(token, found, between)
        elif token.kind == "number" and found.is_strong and self._rest and not fields:
            self._field(token, found._replace(name=_WHERE.sub("", self._rest)))
        elif is_first:
            self._leading(token)
        elif self._is_step_at_end(token):
            self._axis(token, 3)
        elif not self._suffixed(token) and len(self.axes) == 1 and self.axes[0].is_leading and self._closes_pair(token):
            self.axes[0] = self.axes[0]._replace(level=0)
            self._axis(token, 2, is_leading=True)

    def _ratio(self, token: numerals.Token, found: labels.Label, between: str) -> None:
        """`n/m`: at the line's beginning, behind an epoch, or in brackets at the end."""
        text, fields = self.text, self.fields
        if len(self.axes) == 1 and self.axes[0].total and between == "][" and not fields:  # Train: [12/300][100/1251]
            self.axes[0] = self.axes[0]._replace(level=0)
            self._axis(token, 2)
        elif len(fields) == 1 and not any(axis.level for axis in self.axes) and between == "[" and text[token.end :].strip() == "]":
            self._axis(token, 2)
        elif (not fields and not self.axes) or (not fields and all(axis.level == 0 for axis in self.axes) and _touches(found)):
            at_start = not text[self.start : token.start].strip(" [(|")
            self._axis(token, 2 if self.axes or not at_start else 3, is_leading=at_start)

    def _deviation(self, token: numerals.Token) -> None:
        if self.fields and self.fields[-1].stop <= token.start and token.kind == "number":  # and no complex number's other part
            last = self.fields[-1]
            self.fields.append(last._replace(name=f"{last.name}_std", start=token.start + (self.text[token.start] == "+"), stop=token.stop))

    def _leading(self, token: numerals.Token) -> None:
        """`[5]`, `[1, 2000]`, `5:` and `5 |` at the line's beginning."""
        text = self.text
        before, after = text[self.start : token.start].strip(), text[token.stop : token.stop + 2]
        is_step = (
            (before == "[" and after[:1] in {"]", ","})
            or (before == "" and after in {":\t", ": "})
            or (before == "" and after[:1] == "|")
            or (before == "" and _heads_metric(text, token))
        )
        if is_step and numerals.is_whole(text[token.start : token.stop]):
            self._axis(token, 3, is_leading=True)
        else:
            self._suffixed(token)

    def _is_step_at_end(self, token: numerals.Token) -> bool:
        """`x: 1.1 (10)`: the one value's step."""
        text = self.text
        return (
            len(self.fields) == 1
            and not self.axes
            and (self.fields[0].is_strong or names.is_metric(self.fields[0].name, measured=True))
            and text[self._at : token.start] == " ("
            and text[token.stop :].strip() == ")"
            and numerals.is_whole(text[token.start : token.stop])
        )

    def _closes_pair(self, token: numerals.Token) -> bool:
        """The second of `[1, 2000]` and of `1|20|`."""
        between = self.text[self._at : token.start].strip()
        return not self.fields and between in {",", "|"} and self.text[token.stop : token.stop + 1] in {"]", "|"}


def elements_of(first: Field, places: list[tuple[int, int]], text: str) -> list[Field]:
    """A field for each number of a list, `name/0`, `name/1` …; of numbers that are all the same one field."""
    if len({text[start:stop] for start, stop in places}) == 1:
        return [first._replace(is_element=True)]
    is_measured = any(not numerals.is_whole(text[start:stop]) for start, stop in places)
    return [
        first._replace(name=f"{first.name}/{number}", start=start, stop=stop, is_measured=is_measured, is_element=True)
        for number, (start, stop) in enumerate(places)
    ]


def value_first(scan: Scan) -> list[Field]:
    """`11000: 0.05, 0.08 avg loss, 0.001 rate`: values before their names, between commas."""
    text, found, unnamed = scan.text, [], None
    at = scan.axes[0].stop + 1
    for piece in text[at:].split(","):
        match = re.match(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\s+([A-Za-z][A-Za-z _]*?))?\s*$", piece)
        if match is None:
            return []
        start = at + match.start(1)
        name = match[2] or ""
        field = Field(name, start, at + match.end(1), (at + match.start(2), at + match.end(2)), "", True, "." in match[1], True)
        at += len(piece) + 1
        if not name:
            unnamed = field
        elif name not in numerals.TIMES and "." in match[1]:
            if unnamed is not None and name.startswith("avg "):
                found.append(unnamed._replace(name=name.removeprefix("avg ")))
            unnamed = None
            found.append(field)
    return found
