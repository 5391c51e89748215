"""
A query of `core/query` as a condition in SQL over runs `r` and experiments `e`: whatever the user typed is a parameter, never SQL.

The pieces are those of `sql/filter.sql`; what stands in their braces comes from the tables here, or is the name of a parameter.
"""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING, Any, Literal

from outrider_agent.core import query
from outrider_agent.store import queries

if TYPE_CHECKING:
    from collections.abc import Callable

SQL = queries.load("filter")

#: Fields that are a column of `runs`.
COLUMNS = {"id": "run_id", "parent": "parent_run_id"}
TABLES = {"params": "params", "tags": "tags", "properties": "properties"}
ORDERED = frozenset({"<", "<=", ">", ">="})
STATUSES = {"running": "Running", "completed": "Completed", "failed": "Failed", "canceled": "Canceled", "cancelled": "Canceled",
            "unknown": "Unknown", "finished": "Completed"}  # fmt: skip
SECOND_NS = 1_000_000_000


class Condition:
    """What to put after WHERE, and its parameters. Made by `compiled`."""

    def __init__(self, now: int) -> None:
        self.given: dict[str, Any] = {}
        self.sql = "1"
        self._now = now

    def bind(self, value: Any) -> str:
        """The name of a new parameter of that value."""
        name = f"q{len(self.given)}"
        self.given[name] = value
        return f":{name}"

    def of(self, node: query.Node) -> str:
        """The node as SQL."""
        if isinstance(node, query.All):
            return f"({' AND '.join(self.of(part) for part in node.parts)})"
        if isinstance(node, query.Any_):
            return f"({' OR '.join(self.of(part) for part in node.parts)})"
        if isinstance(node, query.Not):
            return f"NOT coalesce({self.of(node.part)}, 0)"
        if isinstance(node, query.Word):
            return str(SQL.word).replace("{name}", self.bind(node.text))
        return self._test(node)

    def _test(self, test: query.Test) -> str:
        kind = test.field.kind
        if kind == "metrics":
            return self._metric(test)
        if kind == "git":
            value = self._json(test, "v.value")
            return _filled(SQL.git, name=self.bind(test.field.name), value=value)
        if kind in TABLES:
            value = self._json(test, "v.value")
            return _filled(SQL.named, table=TABLES[kind], name=self.bind(test.field.name), value=value)
        return self._plain(test)

    def _metric(self, test: query.Test) -> str:
        field = test.field
        if test.operator == "is":
            return _filled(SQL.has_metric, name=self.bind(field.name))
        value = self._json(test, "s.last") if field.of == "last" else self._any(test, lambda one: f"s.{field.of} {self._number(test, one)}")
        return _filled(SQL.metric, name=self.bind(field.name), value=value)

    def _any(self, test: query.Test, piece: Callable[[query.Value], str]) -> str:
        return f"({' OR '.join(piece(value) for value in test.values)})"

    def _json(self, test: query.Test, json: str) -> str:
        """What is asked of a JSON value: compared as a number where a number was typed, else as text."""
        return (
            _filled(SQL.json_is, json=json) if test.operator == "is" else self._any(test, lambda value: self._json_one(test, value, json))
        )

    def _json_one(self, test: query.Test, value: query.Value, json: str) -> str:
        given, operator = value.given, test.operator
        if isinstance(given, query.Span | query.Date):
            given = value.spelled
        if given is None or isinstance(given, bool):
            word = "null" if given is None else str(given).lower()
            return _filled(SQL.json_constant, json=json, test=f"{self._equality(test)} {self.bind(word)}")
        if operator in ("~", "!~"):
            return _filled(SQL.json_text, json=json, test=self._pattern(operator, value.spelled))
        if isinstance(given, int | float):
            number = _filled(SQL.json_number, json=json, test=f"{operator if operator in ORDERED else '='} {self.bind(given)}")
            if operator in ORDERED:
                return f"({number})"
            text = _filled(SQL.json_text, json=json, test=f"= {self.bind(value.spelled)}")
            return f"{'NOT ' if operator == '!=' else ''}({number} OR {text})"
        return _filled(SQL.json_text, json=json, test=f"{_operator(operator)} {self.bind(given)}")

    def _equality(self, test: query.Test) -> str:
        if test.operator not in ("=", "!=", "in"):
            raise query.Wrong("true, false and null are compared by = and != only.", test.at)
        return _operator(test.operator)

    def _pattern(self, operator: str, text: str) -> str:
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return f"{'NOT ' if operator == '!~' else ''}LIKE {self.bind(f'%{escaped}%')} ESCAPE '\\'"

    def _plain(self, test: query.Test) -> str:
        kind = query.PLAIN[test.field.kind]
        if test.field.kind == "duration":
            return self._any(test, lambda value: _filled(SQL.duration, test=self._span(test, value)))
        if test.field.kind == "experiment":
            return self._any(test, lambda value: _filled(SQL.experiment, test=self._text(test, value)))
        column = COLUMNS.get(test.field.kind, test.field.kind)
        tested: dict[str, Callable[[query.Value], str]] = {
            "text": lambda value: self._text(test, value),
            "number": lambda value: self._number(test, value),
            "time": lambda value: self._time(test, value),
        }
        return self._any(test, lambda value: _filled(SQL.plain, column=column, test=tested[kind](value)))

    def _text(self, test: query.Test, value: query.Value) -> str:
        if value.given is None:
            return "IS NULL" if self._equality(test) == "=" else "IS NOT NULL"
        text = value.spelled
        if test.field.kind == "status" and test.operator not in ("~", "!~"):
            if text.lower() not in STATUSES:
                raise query.Wrong(f"“{text}” is no status; there are running, completed, failed, canceled, unknown.", test.at)
            text = STATUSES[text.lower()]
        if test.operator in ("~", "!~"):
            return self._pattern(test.operator, text)
        return f"{_operator(test.operator)} {self.bind(text)}"

    def _number(self, test: query.Test, value: query.Value) -> str:
        if isinstance(value.given, bool) or not isinstance(value.given, int | float):
            raise query.Wrong(f"{_called(test.field)} is compared with a number, not with “{value.spelled}”.", test.at)
        if test.operator in ("~", "!~"):
            raise query.Wrong(f"{_called(test.field)} is a number: {test.operator} is for text.", test.at)
        return f"{_operator(test.operator)} {self.bind(value.given)}"

    def _span(self, test: query.Test, value: query.Value) -> str:
        if test.operator in ("~", "!~"):
            raise query.Wrong(f"duration is a number: {test.operator} is for text.", test.at)
        return f"{_operator(test.operator)} {self.bind(_seconds(test, value))}"

    def _time(self, test: query.Test, value: query.Value) -> str:
        """A span means so long ago: `started > 7d`, within the last week."""
        if test.operator in ("~", "!~"):
            raise query.Wrong(f"{test.field.kind} is a time: {test.operator} is for text.", test.at)
        if isinstance(value.given, query.Span):
            moment = self._now - int(value.given.seconds * SECOND_NS)
        elif isinstance(value.given, query.Date):
            moment = _moment(test, value.given.text)
        else:
            raise query.Wrong(
                f"{test.field.kind} is compared with a date (2026-01-31) or with how long ago (7d, 2h), not “{value.spelled}”.", test.at
            )
        return f"{_operator(test.operator)} {self.bind(moment)}"


def compiled(text: str | None, now: int) -> Condition:
    """The condition that the text asks for; of an empty one every run fulfils it. Raises `query.Wrong`."""
    condition = Condition(now)
    node = query.parse(text or "")
    if node is not None:
        condition.sql = condition.of(node)
    return condition


def _filled(piece: str, **given: str) -> str:
    for name, text in given.items():
        piece = piece.replace("{" + name + "}", text)
    return piece


def _operator(operator: str) -> Literal["=", "<>", "<", "<=", ">", ">="]:
    """As SQL spells it; `in` is an equality with one of several."""
    known: dict[str, Literal["=", "<>", "<", "<=", ">", ">="]] = {
        "=": "=", "in": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
    }  # fmt: skip
    return known[operator]


def _called(field: query.Field) -> str:
    return f"{field.of}({field.kind}.{field.name})" if field.name else field.kind


def _seconds(test: query.Test, value: query.Value) -> float:
    if isinstance(value.given, query.Span):
        return value.given.seconds
    if isinstance(value.given, int | float) and not isinstance(value.given, bool):
        return float(value.given)
    raise query.Wrong(f"duration is compared with seconds or a span (90s, 5m, 2h, 1d), not with “{value.spelled}”.", test.at)


def _moment(test: query.Test, text: str) -> int:
    shape = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")[text.count(":") if "T" in text or " " in text else 0]
    try:
        return calendar.timegm(time.strptime(text.replace(" ", "T").removesuffix("Z"), shape)) * SECOND_NS
    except ValueError:
        raise query.Wrong(f"“{text}” is no date: 2026-01-31 or 2026-01-31T12:30, in UTC.", test.at) from None
