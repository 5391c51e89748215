"""
The language of the runs' query box, as a tree. Pure: text in, tests and their combination out; what a field means, the store knows.

    metrics.mse < 0.3 and params.lr in (1e-3, 3e-4) and status = failed
    min(metrics."val loss") <= 0.1 or not tags.baseline
    resnet and started > 7d and duration >= 2h

`and`, `or`, `not` and parentheses combine tests. A test is FIELD OPERATOR VALUE, FIELD in (VALUES), a FIELD with a dot alone (it is there,
and is not false), or a word alone (in the name, or the beginning of the id). A field that a run does not have fails every test of it.
"""

from __future__ import annotations

import difflib
import re
from typing import Any, Literal

import msgspec

#: Fields of a run itself, and what kind of value they are compared with.
PLAIN: dict[str, Literal["text", "number", "time", "span"]] = {
    "status": "text",
    "reason": "text",
    "name": "text",
    "id": "text",
    "experiment": "text",
    "user": "text",
    "host": "text",
    "parent": "text",
    "command": "text",
    "number": "number",
    "attempt": "number",
    "exit_code": "number",
    "started": "time",
    "ended": "time",
    "duration": "span",
}
#: Fields with a name after the dot.
NAMED = ("metrics", "params", "tags", "properties", "git")
#: What may be asked of a metric; `last` where nothing is said.
AGGREGATES = ("last", "min", "max", "count")
OPERATORS = ("=", "!=", "<=", "<", ">=", ">", "~", "!~")
SPANS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
#: A query is typed by a person: what is longer is none, and deeper ones are refused before Python's own limit is met.
LONGEST, DEEPEST = 4_000, 60

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<mark><=|>=|!=|==|!~|[=<>~(),])
      | (?P<word>[^\s"'`=<>!~(),]+(?:(?<=\.)(?:"(?:[^"\\]|\\.)*"|`[^`]*`))?)
    )""",
    re.VERBOSE,
)
_SPAN = re.compile(r"(-?\d+(?:\.\d+)?)([smhdw])")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?Z?)?")


class Wrong(Exception):
    """The query cannot be read: what is wrong, and at which character (from 0)."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared: a plain field, or one with a name (`metrics`, `lr`); of a metric also which of its figures."""

    kind: str
    name: str = ""
    of: str = "last"


class Span(msgspec.Struct, frozen=True):
    """A span of time in seconds: `90m`."""

    seconds: float


class Date(msgspec.Struct, frozen=True):
    """A moment as ISO 8601 spells it; without an hour the day's beginning, UTC."""

    text: str


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What it is compared with, and how that was spelled."""

    given: str | float | int | bool | Span | Date | None
    spelled: str


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison; `in` has several values, `is` none. `at`: where it begins."""

    field: Field
    operator: str
    values: tuple[Value, ...] = ()
    at: int = 0


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """In the name, or the beginning of the id."""

    text: str


class Not(msgspec.Struct, frozen=True, kw_only=True):
    """The contrary."""

    part: Node


class All(msgspec.Struct, frozen=True, kw_only=True):
    """Every one of them."""

    parts: tuple[Node, ...]


class Any_(msgspec.Struct, frozen=True, kw_only=True):  # noqa: N801 (`Any` is typing's)
    """At least one of them."""

    parts: tuple[Node, ...]


Node = Test | Word | Not | All | Any_


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    at: int

    @property
    def keyword(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def parse(text: str) -> Node | None:
    """The query as a tree; None for an empty one. Raises `Wrong`."""
    if len(text) > LONGEST:
        raise Wrong(f"The query has {len(text):,} characters; {LONGEST:,} are read.", LONGEST)
    tokens = _tokens(text)
    if len(tokens) == 1:
        return None
    reader = _Reader(tokens)
    found = reader.any_of(0)
    rest = reader.next
    if rest.kind != "end":
        raise Wrong(f"“{rest.text}” is not expected here: join tests by `and` or `or`.", rest.at)
    return found


def _tokens(text: str) -> list[_Token]:
    found, place = [], 0
    while place < len(text):
        if not text[place:].strip():
            break
        match = _TOKEN.match(text, place)
        if match is None:
            at = place + len(text[place:]) - len(text[place:].lstrip())
            what = "This quotation mark is not closed" if text[at] in "\"'`" else f"“{text[at]}” means nothing here"
            raise Wrong(f"{what}.", at)
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
        place = match.end()
    return [*found, _Token("end", "the end", len(text))]


class _Reader:
    """Reads tokens from left to right, by precedence: or, and, not."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0

    @property
    def next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self) -> _Token:
        token = self.next
        if token.kind != "end":
            self._place += 1
        return token

    def any_of(self, depth: int) -> Node:
        parts = [self._all_of(depth)]
        while self.next.keyword == "or":
            self._take()
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else Any_(parts=tuple(parts))

    def _all_of(self, depth: int) -> Node:
        parts = [self._one(depth)]
        while self.next.keyword == "and":
            self._take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(parts=tuple(parts))

    def _one(self, depth: int) -> Node:
        token = self._take()
        if depth > DEEPEST:
            raise Wrong("The query is nested too deeply.", token.at)
        if token.keyword == "not":
            return Not(part=self._one(depth + 1))
        if token.text == "(" and token.kind == "mark":
            inner = self.any_of(depth + 1)
            self._expect(")", "This parenthesis is not closed.", token.at)
            return inner
        if token.kind in ("end", "mark") or token.keyword in ("and", "or", "in"):
            raise Wrong(f"A test is expected here, not {_named(token)}: metrics.loss < 0.3, say.", token.at)
        return self._test(token)

    def _test(self, token: _Token) -> Node:
        field, following = self._field(token), self.next
        if following.kind == "mark" and following.text not in "(),":
            if field is None:
                raise _unknown(token)
            operator = self._take().text
            return Test(field=field, operator="=" if operator == "==" else operator, values=(self._value(),), at=token.at)
        is_negated = following.keyword == "not" and self._tokens[self._place + 1].keyword == "in"
        if following.keyword == "in" or is_negated:
            if field is None:
                raise _unknown(token)
            self._take()
            if is_negated:
                self._take()
            test = Test(field=field, operator="in", values=self._list(), at=token.at)
            return Not(part=test) if is_negated else test
        if field is not None and (field.kind in NAMED):
            return Test(field=field, operator="is", at=token.at)
        return Word(text=_unquoted(token))

    def _field(self, token: _Token) -> Field | None:
        """The field that the token begins; None where it is a word."""
        if token.keyword in AGGREGATES and self.next.text == "(" and self.next.kind == "mark":
            self._take()
            inner = self._take()
            field = _named_field(inner)
            if field is None or field.kind != "metrics":
                raise Wrong(f"{token.keyword}(…) is asked of a metric: {token.keyword}(metrics.loss).", inner.at)
            self._expect(")", f"{token.keyword}( is not closed.", token.at)
            return Field(kind=field.kind, name=field.name, of=token.keyword)
        if token.kind == "word" and token.keyword in PLAIN:
            return Field(kind=token.keyword)
        return _named_field(token)

    def _list(self) -> tuple[Value, ...]:
        opening = self._take()
        if opening.text != "(":
            raise Wrong("After `in` comes a list: in (1e-3, 3e-4).", opening.at)
        found = [self._value()]
        while self.next.text == "," and self.next.kind == "mark":
            self._take()
            found.append(self._value())
        self._expect(")", "This list is not closed.", opening.at)
        return tuple(found)

    def _value(self) -> Value:
        token = self._take()
        if token.kind in ("end", "mark"):
            raise Wrong(f"A value is expected here, not {_named(token)}.", token.at)
        if token.kind == "text":
            return Value(given=_unquoted(token), spelled=_unquoted(token))
        return Value(given=_meant(token.text), spelled=token.text)

    def _expect(self, mark: str, message: str, at: int) -> None:
        if self._take().text != mark:
            raise Wrong(message, at)


def _named(token: _Token) -> str:
    return "the end" if token.kind == "end" else f"“{token.text}”"


def _named_field(token: _Token) -> Field | None:
    kind, dot, name = token.text.partition(".")
    if token.kind != "word" or not dot or kind.lower() not in NAMED:
        return None
    if not name:
        raise Wrong(f"A name is expected after “{token.text}”: {kind}.loss, say.", token.at + len(token.text))
    if name[0] in '"`' and name[-1] == name[0] and len(name) > 1:
        name = re.sub(r"\\(.)", r"\1", name[1:-1]) if name[0] == '"' else name[1:-1]
    return Field(kind=kind.lower(), name=name)


def _unknown(token: _Token) -> Wrong:
    word = token.text.partition(".")[0]
    close = difflib.get_close_matches(word.lower(), [*PLAIN, *NAMED], n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(NAMED[:3])} with a name after a dot, and {', '.join(PLAIN)}."
    return Wrong(f"“{token.text}” is no field; {hint}", token.at)


def _unquoted(token: _Token) -> str:
    return re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "text" else token.text


def _meant(word: str) -> Any:
    """The value that a bare word means."""
    constants = {"true": True, "false": False, "null": None, "none": None}
    if word.lower() in constants:
        return constants[word.lower()]
    if found := _SPAN.fullmatch(word):
        return Span(float(found[1]) * SPANS_S[found[2]])
    if _DATE.fullmatch(word):
        return Date(word)
    try:
        return int(word) if word.lstrip("+-").isdecimal() and len(word) < 19 else float(word)
    except ValueError:
        return word
