r"""
A user's own rules: patterns that say which numbers are metrics. They go before everything that is known in general.

The forms of others are taken as they are: SageMaker's `metric_definitions` (a list of `Name` and `Regex`), Katib's filters (a pattern with
a group for the name and one for the value), Guild's `output-scalars` (`{name: pattern}`, with `\key`, `\value` and `\step`).
"""

from __future__ import annotations

import re
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Any

import regex

from outrider_agent import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Read = tuple[dict[str, float], float | None, float | None]

_GUILD = {
    r"\key": r"[^ \t\n:=]+",
    r"\value": r"[-+]?(?:[0-9]*\.)?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?nan|[-+]?inf",
    r"\step": r"[0-9]+",
}
#: Where rules stand in documents of ours and of others.
DOCUMENTS = ("metrics", "metric_definitions", "MetricDefinitions", "output-scalars", "source", "filter", "metricsFormat")
#: So many seconds a pattern may look at one line. One that tries its ways without end takes longer on some line, whatever the limit is.
LIMIT_S = 0.05
#: A project's file has no more.
FILE_BYTES = 64 << 10
#: A document has no more levels.
DEEPEST = 20
_NAME = re.compile(r"[\w@/.:#% -]+$")


class Rule:
    """
    One pattern. `name`: what points read by it are said to be read by. A group may be named `step` or `epoch`; other named groups are
    metrics of that name; else the first group is the value of `metric`, or, where there are two and no `metric`, they are name and value.
    """

    def __init__(self, pattern: str, metric: str | None = None, name: str = "user") -> None:
        try:
            self._pattern = regex.compile(pattern)
        except (regex.error, OverflowError, MemoryError) as exc:
            raise errors.BadRule(f"The rule {pattern!r} is no regular expression ({exc}); nothing was read by it. Mend it.") from exc
        groups = set(self._pattern.groupindex)
        self._is_named = bool(groups - {"step", "epoch"})
        if not self._pattern.groups or (metric is None and not groups and self._pattern.groups < 2):
            raise errors.BadRule(f"The rule {pattern!r} has no group for the value; put the number in brackets: loss=([0-9.]+)")
        self.metric, self.name, self.pattern = metric, name, pattern

    def read(self, text: str) -> Read | None:
        """What the rule finds in a line: metrics, step, epoch. None: nothing. Raises TimeoutError past the limit."""
        metrics: dict[str, float] = {}
        axes: dict[str, float | None] = {"step": None, "epoch": None}
        for match in self._pattern.finditer(text, timeout=LIMIT_S):
            for key, value in self._values(match):
                if (found := _number(value)) is not None:
                    if key in axes:
                        axes[key] = found
                    else:
                        metrics[key] = found
        return (metrics, axes["step"], axes["epoch"]) if metrics or axes["step"] is not None or axes["epoch"] is not None else None

    def _values(self, match: regex.Match[str]) -> Iterable[tuple[str, str | None]]:
        named = match.groupdict()
        if self._is_named:
            return named.items()
        found = [(key, value) for key, value in named.items() if value]
        if self.metric is not None:
            return [*found, (self.metric, match[1])]
        return found if named else [*found, (match[1] or "", match[2])]


def _number(text: str | None) -> float | None:
    try:
        return float((text or "").strip().replace(",", ""))
    except ValueError:
        return None


def from_option(text: str) -> Rule:
    """`--metric`: NAME=PATTERN, or one pattern that holds the name: `loss=([0-9.]+)`, `(?P<loss>…)`."""
    metric, sign, pattern = text.partition("=")
    if not sign or "(" in metric or not _NAME.match(metric):
        return Rule(text, name=f"user: {text}")
    whole = text if pattern.startswith("(") else pattern
    return Rule(whole, metric.strip(), f"user: {text}")


def from_settings(found: Any) -> list[Rule]:
    """Rules of a file: a list of tables, each ours, SageMaker's, or one of a filter; Guild's mapping; or a document that holds them."""
    if isinstance(found, dict | list) and (inner := _within(found)):
        return inner
    if isinstance(found, dict):
        return _from_mapping(found)
    if isinstance(found, str):
        return [_guild(None, found)]
    if not isinstance(found, list):
        raise errors.BadRule("Rules are a list: [[metrics]] with name and pattern; none was taken.")
    made: list[Rule] = []
    for one in found:
        made += _from_mapping(one) if isinstance(one, dict) else [_guild(None, str(one))]
    return made


def _from_mapping(one: Mapping[str, Any]) -> list[Rule]:
    if "Name" in one and "Regex" in one:  # SageMaker
        return [Rule(str(one["Regex"]), str(one["Name"]), f"sagemaker: {one['Name']}")]
    if "pattern" in one:
        metric = one.get("name")
        return [_guild(str(metric) if metric else None, str(one["pattern"]))]
    if set(one) & set(DOCUMENTS):
        raise errors.BadRule("Rules are a list: [[metrics]] with name and pattern; none was taken.")
    if any(not isinstance(pattern, str) for pattern in one.values()):
        return []
    return [_guild(str(metric), str(pattern)) for metric, pattern in one.items()]


def _within(found: Any, depth: int = 0) -> list[Rule]:
    """The rules of a document, wherever they stand in it: in an operation of a guild.yml, in the spec of a Katib experiment."""
    made: list[Rule] = []
    if depth < DEEPEST and isinstance(found, dict):
        for key, value in found.items():
            if key in DOCUMENTS and isinstance(value, (dict, list, str) if key == "output-scalars" else (dict, list)):
                made += from_settings(value)
            elif isinstance(value, dict | list):
                made += _within(value, depth + 1)
    elif depth < DEEPEST and isinstance(found, list):
        for one in found:
            made += _within(one, depth + 1)
    return made


def _guild(metric: str | None, pattern: str) -> Rule:
    for short, long in _GUILD.items():
        pattern = pattern.replace(short, long)
    if metric in {"step", "epoch"}:
        pattern = pattern.replace("(", f"(?P<{metric}>", 1)
        return Rule(pattern, name=f"user: {metric}")
    return Rule(pattern, metric, f"user: {metric or pattern}")


def carried(options: Iterable[str], text: str | None) -> tuple[list[Rule], list[str]]:
    """What a run brought: `--metric` and its project's outrider.toml. Returns rules, and what is wrong with those that are none."""
    found: list[Rule] = []
    wrong: list[str] = []
    for option in options:
        _add(found, wrong, partial(_options, option))
    for one in _parsed(text, wrong) if text else []:
        _add(found, wrong, partial(from_settings, one))
    return found, wrong


def _options(text: str) -> list[Rule]:
    return [from_option(text)]


def _add(found: list[Rule], wrong: list[str], make: Callable[[], list[Rule]]) -> None:
    try:
        found += make()
    except (errors.BadRule, TypeError, RecursionError) as exc:
        wrong.append(str(exc))


def _parsed(text: str, wrong: list[str]) -> list[Any]:
    """The rules of a project's file, each by itself."""
    if len(text.encode()) > FILE_BYTES:
        wrong.append(f"./outrider.toml is longer than {FILE_BYTES:,} bytes; none of its rules was taken. Keep nothing but rules in it.")
        return []
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        wrong.append(f"./outrider.toml is no TOML ({exc}); none of its rules was taken. Mend it.")
        return []
    found: list[Any] = []
    for key in DOCUMENTS:
        one = content.get(key, [])
        found += one if isinstance(one, list) else [{key: one}]
    if not found:
        wrong.append("./outrider.toml holds no rules; it is for [[metrics]] with name and pattern. The agent's settings stand elsewhere.")
    return [one if isinstance(one, dict) else [one] for one in found]
