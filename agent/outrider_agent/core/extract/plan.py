"""What of a line is worth keeping: `judge` decides over names and axes that were found; its result is a `Plan`, places in the line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from outrider_agent.core.extract import fields, literal, names, numerals, prefix, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

Span = tuple[int, int]

#: How a plan's values become points.
METRICS, AXIS, CANDIDATE = "metrics", "axis", "candidate"

_DUMP = re.compile(r"(?:^|[\s,({])[\w-]+\s?[=:]\s?(?:True|False|None|true|false|null|'[^']*'|\"[^\"]*\")(?=[\s,)}]|$)|Namespace\(")
#: So many values that are words make a line a dump of settings, whatever else stands in it.
_WORDY = 3
#: The size of something, behind its number.
_SIZE = re.compile(r"\+?\s?(?:(?:[kKMGT]i?)?(?:B|[Bb]ytes)\b|°|(?:EUR|USD|GBP|[kcm]?m|km/h|kg)\b|[€$£])")
#: COCO's report: Average Precision (AP) @[ IoU=0.50:0.95 | area= all | maxDets=100 ] = 0.412
_COCO = re.compile(r"\s*(\w[\w ()-]*?)\s*@\s?\[([^\]]*)\]\s*=\s*(-?\d\.\d+)\s*$")
_COCO_WIDEST = 400
#: `3 {'loss': 0.5}`: the dict's number.
_NUMBERED = re.compile(r"\s*(\d{1,9})[:,]?\s+(?:(?:[A-Za-z_]\w*\()(?:<[^<>]*>, ?)?)?$")
_PAIR = re.compile(r"\('([A-Za-z][\w/@.-]{0,60})', (?=[-+\d.a-z])")
#: What a dict is called that holds settings.
_SETTINGS = re.compile(r"(?i)(?:\b(?:hyper)?param\w*|\bh?params|\bconfig\w*|\bargs|\bsettings|\btrial \d+)[:= ]{0,3}$")
#: Seconds since 1970, or thousandths of them: a moment, and no measure.
#: `Throw a dice 20 times`: behind a whole number a word that has no value of its own.
_GOES_ON = re.compile(r" [a-z]{2,}\b(?!\s?[:=]?\s?[-+]?\.?\d)")
#: A duration, whose unit stands at a blank.
_SECONDS = re.compile(r" (?:s|secs?|seconds|ms|us|µs|ns)(?![\w/])(?!\s*[:=])")
_MOMENTS, _ERA = frozenset({"time", "t", "walltime", "unixtime", "now", "asctime"}), 1e9


class Plan(NamedTuple):
    """
    `values`: name and place; `fixed`: places of names, whose digits are no numbers; `is_batch`: the step counts within the epoch, of
    which there are `epochs`; `is_logged`: it stands behind a log line's time, level or logger.
    """

    kind: str
    rule: str
    values: tuple[tuple[str, Span], ...]
    fixed: tuple[Span, ...]
    epoch: Span | None
    step: Span | None
    total: Span | None
    rank: Span | None
    split: str | None
    is_batch: bool
    epochs: Span | None = None
    is_logged: bool = False


class Found(NamedTuple):
    """What a line holds, before it is judged."""

    rule: str
    fields: Sequence[fields.Field]
    axes: Sequence[fields.Axis]
    split: str | None
    rank: Span | None
    is_logged: bool = False  # behind a log line's time, level or logger
    is_listed: bool = False  # in a bar's postfix or a dict: what stands there was put there to be read


def judge(text: str, found: Found) -> Plan | None:
    """The plan of a line; None where it holds nothing."""
    if found.rule == "coco":
        return _plan(METRICS, found, list(found.fields))
    named = [field for field in found.fields if names.axis(field.name) is None or field.is_measured or found.axes]
    strong = [field for field in named if _is_strong(text, field, has_axis=bool(found.axes))]
    if _is_dump(text, found, strong):
        return None
    if not strong and all(axis.is_leading for axis in found.axes):
        named = [field for field in named if field.unit or not _SECONDS.match(text, field.stop)]
    kept = _apart(_kept(named, found, strong))
    if not kept:
        if found.axes:
            return _plan(AXIS, found, [])
        candidates = _candidates(named)
        return _plan(CANDIDATE, found, candidates) if candidates and _is_all(text, found, candidates) else None
    return _plan(METRICS, found, kept)


def _apart(kept: list[fields.Field]) -> list[fields.Field]:
    """Of a line about several parts of the data each name says which: `[train] loss=… [valid] loss=…`."""
    if len({field.name for field in kept}) == len(kept) or len({field.split for field in kept}) < 2:
        return kept
    return [field._replace(name=f"{field.split}/{field.name}") if field.split else field for field in kept]


def _is_strong(text: str, field: fields.Field, *, has_axis: bool) -> bool:
    if not names.is_metric(field.name, measured=field.is_measured or has_axis) or _is_duration(field) or names.is_never(field.name):
        return False
    if not field.is_strong and not has_axis and (names.is_package(field.name) or not _is_put(text, field)):
        return False
    return field.is_strong or (field.is_apart and (field.name.count(" ") < 3 or field.name.lower().endswith(" squared error")))


def _is_put(text: str, field: fields.Field) -> bool:
    """With neither a mark between them nor a step beside them: is the number the name's value, and no version in a sentence?"""
    if field.span[0] > field.start:  # the name stands behind it
        return True
    words = text[field.span[0] : field.start].strip(" \t([{<'\"")
    value = text[field.start : field.stop]
    if numerals.is_whole(value) and _GOES_ON.match(text, field.stop):
        return False
    return names.is_metric(field.name, measured=False) or (
        names.is_said(words) and text[field.stop : field.stop + 1] != "/" and not value[-1:].isalpha()
    )


def _is_dump(text: str, found: Found, strong: list[fields.Field]) -> bool:
    """Is it a dump of settings, and no report?"""
    if not found.is_listed and len(_DUMP.findall(text)) >= _WORDY:
        return True
    if any(axis.level > 1 for axis in found.axes):  # a trial's settings stand beside its number
        return False
    if not strong and any(names.is_config(field.name) for field in found.fields):
        return True
    return not found.is_listed and not found.axes and _DUMP.search(text) is not None


def _is_duration(field: fields.Field) -> bool:
    return field.unit.partition("/")[0] in numerals.TIMES and "/" not in field.unit


def _kept(named: list[fields.Field], found: Found, strong: list[fields.Field]) -> list[fields.Field]:
    if not strong and not found.axes:
        return []
    has_measure = bool(strong) or any(field.is_measured and _may_stand(field) for field in named)
    is_sure = bool(strong) or any(not axis.is_leading for axis in found.axes)  # `[29030] GLIBC 2.35 is slow` is no step
    kept = [
        field
        for field in named
        if field in strong or (has_measure and (is_sure or field.is_strong) and _may_stand(field) and _is_said(field, found))
    ]
    if (
        not strong
        and not any(axis.level > 1 for axis in found.axes)
        and all(names.is_setting(field.name) for field in kept)
        and len(kept) > 1
    ):
        return []
    return kept


def _is_said(field: fields.Field, found: Found) -> bool:
    """Is it put as a value: measured, or joined to its name where steps are told; and not a word of a sentence?"""
    if not (field.is_measured or names.is_rate(field.name) or (found.axes and field.is_strong) or found.is_listed):
        return False
    return field.is_strong or (bool(found.axes) and field.name.count(" ") < 4)


def _may_stand(field: fields.Field) -> bool:
    return not names.is_never(field.name) and not _is_duration(field) and field.name.count(" ") < 6


def _candidates(named: list[fields.Field]) -> list[fields.Field]:
    """Names that may prove themselves by changing: nothing but `name: 1.5` on the line."""
    return [field for field in named if field.is_strong and field.is_measured and _may_stand(field) and not _is_aside(field.name)]


def _is_aside(name: str) -> bool:
    return name.startswith("%") or names.is_setting(name) or tables.is_aside(name)


def learnable(text: str, found: Found) -> list[fields.Field]:
    """Of a line of words that nothing knows: the values that may turn out to be measured, when a line of this shape comes again."""
    if found.rule != "kv" or found.axes or _DUMP.search(text):
        return []
    return [field for field in _candidates(list(found.fields)) if not (field.unit or field.is_element or _SIZE.match(text, field.stop))]


def _is_all(text: str, found: Found, kept: list[fields.Field]) -> bool:
    """Is there nothing on the line but these?"""
    return (
        len(kept) == len(found.fields)
        and kept[0].span[0] <= len(text) - len(text.lstrip()) + 1
        and not text[kept[-1].stop :].strip(" ,;.%)")
    )


def is_alone(text: str, found: Found, start: int) -> bool:
    """Is there, behind a log line's prefix, nothing but one name and its value?"""
    if not start or len(found.fields) != 1:
        return False
    only = found.fields[0]
    return not text[start : only.span[0]].strip() and not text[only.stop :].strip(" .%")


def _plan(kind: str, found: Found, kept: list[fields.Field]) -> Plan:
    epoch = next((axis for axis in found.axes if axis.level == 0), None)
    finer = [axis for axis in found.axes if axis.level > 0]
    step = max(finer, key=lambda axis: axis.level, default=None)
    boosted = bool(found.axes) and found.axes[0].is_leading
    totalled = step or epoch
    return Plan(
        kind,
        found.rule,
        tuple((spelled(field.name, is_boosted=boosted), (field.start, field.stop)) for field in kept),
        tuple(field.span for field in found.fields if field.span[1] > field.span[0]),
        (epoch.start, epoch.stop) if epoch else None,
        (step.start, step.stop) if step else None,
        totalled.total if totalled else None,
        found.rank,
        found.split,
        step is not None and (step.level == 2 or (epoch is not None and step.total is not None)),
        epoch.total if epoch and step and step.total else None,
        found.is_logged,
    )


def spelled(name: str, *, is_boosted: bool = False) -> str:
    """The name as a series has it: as printed, without blanks. Of a boosting round's `train-logloss` the data set stands apart."""
    if is_boosted and "-" in name and "/" not in name:
        data, _, metric = name.rpartition("-")
        name = f"{data}/{metric}" if data and metric else name
    return "_".join(name.replace("'s ", "/").split())


def from_items(text: str, start: int, rank: Span | None, head: fields.Scan | None) -> Found:
    """What a dict holds, as fields and axes; `head`: what stands before it in the line."""
    kept: list[fields.Field] = []
    axes: list[fields.Axis] = list(head.axes) if head else []
    split = head.split if head else None
    found = literal.items(text, start)
    for index, item in enumerate(found):
        if item.text is not None:
            if names.plain(item.name) in {"split", "mode", "phase", "stage", "subset"}:
                split = names.split_in(item.text) or split
            continue
        name, level = item.name, names.axis(item.name)
        if names.plain(name) in _MOMENTS and numerals.value_of(text[item.start : item.stop]) >= _ERA:
            continue
        if name == "metricValue" and index and found[index - 1].text:
            name = found[index - 1].text or name
        is_measured = literal.measured(text, item)
        if level is not None and (not is_measured or level == 0) and names.plain(item.name) not in {"epochs", "steps"}:
            axes.append(fields.Axis(level, item.start, item.stop))
        elif item.places:
            if names.is_metric(name, measured=True) or names.is_varying(name):
                first = fields.Field(name, item.start, item.stop, (item.start, item.start), "", True, is_measured, True)
                kept += fields.elements_of(first, list(item.places), text)
        else:
            kept.append(fields.Field(name, item.start, item.stop, (item.start, item.start), "", True, is_measured, True))
    return Found("dict", kept, axes, split, rank, is_listed=True)


def found_in(text: str, brace: int, before: prefix.Prefix) -> Found:
    """The names, values and axes of a line: of its dict (`brace` is where that begins, -1: it has none), else of its words."""
    if brace >= 0 and _SETTINGS.search(text, max(brace - 24, 0), brace):
        text = text[:brace]
    elif brace >= 0:
        head = fields.Scan(text[:brace], before.stop)
        if not head.axes and (number := _NUMBERED.match(text, before.stop, brace)):
            head.axes.append(fields.Axis(3, *number.span(1), is_leading=True))
        found = from_items(text, brace, before.rank, head)
        if found.fields or found.axes:
            return found
    if text.lstrip().startswith("[CV"):
        return _validation(text, before)
    if "@" in text and len(text) < _COCO_WIDEST and (coco := _COCO.match(text, before.stop)):
        name = f"{coco[1]}@[{coco[2].strip()}]".replace(" ", "")
        one = fields.Field(name, *coco.span(3), coco.span(1), "", True, True, True)
        return Found("coco", [one], [], None, before.rank)
    scan = fields.Scan(_paired(text), before.stop)
    if scan.axes and scan.axes[0].is_leading and not any(field.is_strong for field in scan.fields) and (first := fields.value_first(scan)):
        return Found("kv", first, scan.axes, scan.split, before.rank)
    return Found("kv", scan.fields, scan.axes, scan.split, before.rank)


def _paired(text: str) -> str:
    """A list of pairs, `[('loss', 0.5), …]`, as names with their values, each at its place."""
    return _PAIR.sub(lambda match: f"  {match[1]} = ", text) if "[('" in text else text


def axes_of(text: str) -> tuple[float | None, float | None]:
    """Step and epoch of a line, whatever else it holds."""
    before = prefix.strip(text)
    made = _plan(AXIS, found_in(text, literal.opening(text, before.stop), before), [])
    step, epoch = (numerals.value_of(text[span[0] : span[1]]) if span else None for span in (made.step, made.epoch))
    return step, epoch


def _validation(text: str, before: prefix.Prefix) -> Found:
    """scikit-learn's `[CV 2/3] END C=1;, score=0.98`: settings, then results."""
    start = text.find(";")
    end = text.find("total time=")
    scan = fields.Scan(text[: end if end > 0 else len(text)], max(start + 1, 0) if start >= 0 else len(text[: text.find("END") + 3]))
    return Found("cv", scan.fields, [], scan.split, before.rank)


#: A pattern reads no more values.
MOST = 300


def may_repeat(text: str, found: Found) -> bool:
    """Can a pattern be made of the line? Not where a list's values decide on names; nor of so many values that making it takes long."""
    return text.isascii() and len(found.fields) <= MOST and not any(field.is_element for field in found.fields)
