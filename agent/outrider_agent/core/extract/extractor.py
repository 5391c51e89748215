"""Reads a stream's lines: bulk first (most lines are dull, and most others of a shape that is known), line by line where it must."""

from __future__ import annotations

import re
import zlib
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider_agent.core import frames
from outrider_agent.core.extract import (
    bars,
    boxes,
    changes,
    context,
    fields,
    known,
    literal,
    names,
    numerals,
    plan,
    prefilter,
    prefix,
    shapes,
    tabular,
    timeline,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from outrider_agent.core.extract import rules
    from outrider_agent.core.extract.reading import Reading

#: After so many lines that a user's rule took too long for, it is left out.
LATE = 3
#: Where one line in so many holds something, each is looked up first.
DENSE = 2
#: A dict over so many lines or bytes is none.
BRACE_LINES, BRACE_BYTES = 200, 64 << 10

#: Marks of Chinese and Japanese text, each as the one of ours that it is.
_WIDE = str.maketrans(":,;=()%|.", ":,;=()%|.")
_REPEATS = re.compile(r"(?i)\bbest\b.*:\s*$")
_SOURCE = re.compile(
    r'^\s*File "|^\s+at |^>>> |\.py:\d+: \w*Warning: |^(?:wandb|COMET \w+|trackio|swanlab):'
    r"|^[0-9a-f]{6,16}:?\s+(?:[0-9a-f]{2,8}\s+){4}|^\s*(?:[0-9a-f]{2}:){5}"  # bytes as a dump or a certificate shows them
    r'|"(?:GET|POST|PUT|HEAD|PATCH|DELETE) \S+ HTTP/|^E\s{3,}(?:assert|At index \d|[+-] |\w+Error)'
)
#: Bytes that no text has, or three in a row that are none: the line is of a binary file, and its numbers are by chance.
_BINARY = re.compile(r"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]|\ufffd{3}")
#: A file's name says nothing, whatever it holds: `epoch=3-val_loss=0.25.ckpt`.
_FILES = re.compile(
    r"(?<!\S)\S*\.(?:ckpt|pth?|h5|hdf5|keras|pkl|joblib|json|txt|log|csv|tsv|ya?ml|py|ipynb|safetensors|onnx|bin|tar|gz|zip|whl|npz?|parquet"
    r"|png|pdparams|pb)\b\S*"
)
#: Blocks that bars are drawn with, as bytes.
_DRAWN_HERE = re.compile(rb"\xe2(?:\x94[\x80\x81]|\x95[\xb8-\xbf]|\x96[\x80-\x9f])")
_GOES_ON = re.compile(r"^\s*(?:['\"{}\[\]),]|[-\d.]|[A-Za-z_]\w*(?:\(|: ?[-+\d.'\"\[{]))")


class _Line(NamedTuple):
    """A line: what is read of it, its text, its bytes, its shape. `text` differs from `whole` where bars or files' names are left out."""

    text: str
    whole: str
    line: bytes
    shape: bytes


class Extractor:
    """
    Reads metrics out of one stream's output, in order.

    `read` takes whole lines (the last may lack its newline at the output's end); `finish` gives what was still open. `state` is all that a
    later one needs to go on; the rest only saves time. The user's rules go first. `is_live`: frames are read, of a bar a part of the epoch.
    """

    def __init__(self, user: Iterable[rules.Rule] = (), state: Any = None, *, is_live: bool = False) -> None:
        self._user = tuple(user)
        self._context = context.restored(state) if state is not None else context.Context()
        self._is_dense = False  # did most lines of the last block hold something?
        self._timeline = timeline.Timeline(self._context, is_live=is_live)
        self._tabular = tabular.Tabular(self._context, self._timeline)
        self._known = known.Known(self._context, self._timeline, self._tabular)

    @property
    def state(self) -> Any:
        """What to hand to the next extractor."""
        return msgspec.to_builtins(self._context)

    @property
    def unread(self) -> int:
        """How many lines looked like numbers, and no rule read them."""
        return self._context.unread

    @property
    def left_out(self) -> list[str]:
        """The user's rules that are asked no more, as they took too long."""
        return [name for name, count in self._context.late.items() if count >= LATE]

    def progress(self, tail: bytes = b"") -> tuple[float, float] | None:
        """How far the run is: (count, total), by the bar that is being drawn in `tail`, else by the newest count of a total."""
        return timeline.progress(self._context, tail)

    def read(self, block: bytes, offset: int = 0) -> list[Reading]:
        """What these lines hold; `offset` is the place of the first in the output."""
        found: list[Reading] = []
        self._timeline.found = found
        raw = block.split(b"\n")
        if not raw[-1]:
            raw.pop()
        if not raw:
            return found
        lines = raw if not frames.has_controls(block) else [frames.settled(line) for line in raw]
        ends = [end + place for place, end in enumerate(accumulate(map(len, raw)))]
        first, now = self._context.line + 1, self._context
        shaped = shapes.Shapes(block if lines is raw else b"\n".join(lines), lines)
        mark = _marks(raw, ends, first, offset)

        def look(place: int, shape: bytes) -> None:
            self._look(lines[place], shape, lines, place)

        if self._is_dense and not self._user:
            count = self._known.read_all(lines, shaped.all(), mark, look)
        else:
            count = 0
            for place in self._places(block, lines, ends if lines is raw else None):
                count += 1
                self._timeline.place = mark(place)
                now.line, shape = first + place, shaped.of(place)
                if now.is_open or self._user or not self._known.read(lines, place, shape):
                    look(place, shape)
        self._is_dense = count * DENSE > len(lines)
        now.line = first + len(raw) - 1
        now.above = now.lines_above(lines, len(lines))
        return found

    def _places(self, block: bytes, lines: list[bytes], ends: list[int] | None) -> Iterator[int]:
        """The lines to look at; all of them while something is open that goes over lines."""
        if self._user:
            yield from range(len(lines))
            return
        if ends is None:
            block = b"\n".join(lines)
            ends = [end + place for place, end in enumerate(accumulate(map(len, lines)))]
        done = 0
        for place in [*prefilter.candidates(block, ends), len(lines)]:
            while done < place and self._context.is_open:
                yield done
                done += 1
            if done <= place < len(lines):
                yield place
                done = place + 1

    def finish(self) -> list[Reading]:
        """What was open when the output ended."""
        found: list[Reading] = []
        self._timeline.found = found
        self._timeline.place = self._context.box_at
        self._close_box()
        self._context.braces = ""
        return found + self._context.cycle.finish()

    # -- one line

    def _look(self, line: bytes, shape: bytes, lines: list[bytes], place: int) -> None:
        text = self._context.text_of(line)
        if self._user and self._ruled(text):
            return
        if _BINARY.search(text) or self._goes_on(text):
            return
        self._read_line(text, line, shape, self._context.lines_above(lines, place))

    def _ruled(self, text: str) -> bool:
        """
        Each of the user's rules may read the line, as each has its own metric: did any? The first of a name is heard; a rule that tells
        the step alone is heard before all others.
        """
        every = [(rule.name, found) for rule in self._user if (found := _ruled(self._context, rule, text)) is not None]
        is_told = False
        for name, axes in every:
            if not axes[0]:
                self._timeline.user(axes, name)
                is_told = True
        read: set[str] = set()
        for name, (metrics, step, epoch) in every:
            new = {key: value for key, value in metrics.items() if key not in read}
            if new:
                read |= set(new)
                self._timeline.user((new, step, epoch) if is_told else _placed((new, step, epoch), text), name)
        return bool(read)

    def _read_line(self, text: str, line: bytes, shape: bytes, above: list[str]) -> None:
        """A line by itself: a box's row, a dict, a bar, a table's row, or names with values."""
        text = text if text.isascii() else text.translate(_WIDE)
        before = prefix.strip(text)
        if (cells := boxes.cells(text)) is not None:
            self._context.add_row(cells, self._timeline.place)
            return
        if _SOURCE.search(text) or (above and _SOURCE.search(above[-1])):
            return
        whole, text = text, _FILES.sub(lambda match: " " * len(match[0]), bars.undrawn(changes.changed(text)))
        brace = literal.opening(text, before.stop)
        if brace >= 0 and (depth := literal.balance(text, brace)) > 0 and _may_open(text, brace):
            self._context.braces, self._context.braces_lines, self._context.braces_depth = text, 1, depth
            return
        if brace < 0 and self._tabular.take(text, above, shape):
            self._known.remember_row(shape, whole)
            return
        if brace < 0 and (bar := bars.find(text, before.stop)) is not None:
            self._timeline.bar(bar, before)
            return
        self._read_fields(_Line(text, whole, line, shape), brace, before, above)
        if text != whole and (level := timeline.drawn_level(whole)) is not None:
            self._timeline.within(level, text, fields.Scan(text, 0).axes)

    def _read_fields(self, one: _Line, brace: int, before: prefix.Prefix, above: list[str]) -> None:
        text, found = one.text, _found_in(one, brace, before)
        made = plan.judge(text, found)
        if made is None or made.kind == plan.CANDIDATE:
            made = self._member(text, found, before) or made
        if made is None:
            self._missed(text, found, one.shape)
            return
        if made.kind == plan.METRICS and above and _REPEATS.search(above[-1]):
            return
        self._timeline.apply(made, lambda span: text[span[0] : span[1]].encode())
        if made.kind == plan.METRICS and plan.may_repeat(one.whole, found) and len(one.line) < context.MAX_LINE:
            self._known.remember_plan(one.shape, one.whole, made)

    def _member(self, text: str, found: plan.Found, before: prefix.Prefix) -> plan.Plan | None:
        """A line below a heading with the step belongs to it, where it is indented or a log line too."""
        now = self._context
        if not (text.startswith((" ", "\t")) or plan.is_alone(text, found, before.stop)) or now.block != now.line - 1 or not found.fields:
            return None
        if not all(field.is_strong for field in found.fields):
            return None
        made = plan.judge(text, found._replace(axes=[fields.Axis(3, 0, 0)]))
        if made is None or made.kind != plan.METRICS:
            return None
        return made._replace(step=None, total=None)

    def _missed(self, text: str, found: plan.Found, shape: bytes) -> None:
        may_be = [field for field in found.fields if field.is_strong and not names.is_never(field.name)]
        if any(field.is_measured for field in may_be):
            values = {plan.spelled(one.name): numerals.value_of(text[one.start : one.stop]) for one in plan.learnable(text, found)}
            if not values or not self._timeline.sighted(values, f"{zlib.crc32(shape):x} "):
                self._timeline.missed()
        elif not may_be and not _DRAWN_HERE.search(shape):
            self._known.remember_dull(shape, text)

    # -- what goes over lines

    def _goes_on(self, text: str) -> bool:
        """Is the line taken by something that an earlier one opened?"""
        now = self._context
        if now.box:
            if (cells := boxes.cells(text)) is not None:
                now.add_row(cells, self._timeline.place)
                del now.box[:-BRACE_LINES]
                return True
            if boxes.is_inner_rule(text, sum(map(bool, now.box))) and (now.box[-1] or len(now.box) == 1):
                now.add_row([], self._timeline.place)
                return True
            self._close_box()
        if now.braces:
            return self._braces(text)
        return False

    def _braces(self, text: str) -> bool:
        now = self._context
        if not _GOES_ON.match(text) or now.braces_lines >= BRACE_LINES or len(now.braces) + len(text) > BRACE_BYTES:
            now.braces = ""
            return False
        if now.add_braces(text, literal.balance(text)) > 0:
            return True
        whole, now.braces = now.braces.replace("\n", " "), ""
        before = prefix.strip(whole)
        made = plan.judge(whole, plan.found_in(whole, literal.opening(whole, before.stop), before))
        if made is not None:
            self._timeline.apply(made, lambda span: whole[span[0] : span[1]].encode())
        return True

    def _close_box(self) -> None:
        rows, self._context.box = self._context.box, []
        if len(rows) > 1:
            for row in boxes.box(rows):
                self._timeline.table_row(row, "box")


def _marks(raw: list[bytes], ends: list[int], first: int, offset: int) -> Callable[[int], known.Mark]:
    """What tells of a line, by its place in the block."""

    def mark(place: int) -> known.Mark:
        size = len(raw[place])
        return first + place, offset + ends[place] - size, size

    return mark


def _found_in(one: _Line, brace: int, before: prefix.Prefix) -> plan.Found:
    """What a line holds; behind a bar's blocks a count is the step, whatever stands before them."""
    found = plan.found_in(one.text, brace, before)._replace(is_logged=before.stop > 0)
    count = None if one.text == one.whole or any(axis.level > 0 for axis in found.axes) else bars.count_behind(one.whole)
    if count is None:
        return found
    return found._replace(axes=[*found.axes, fields.Axis(2 if found.axes else 3, *count.span(1), count.span(2))])


def _placed(found: rules.Read, text: str) -> rules.Read:
    """What a user's rule read, with the step and the epoch that the line tells where the rule says none."""
    metrics, step, epoch = found
    return found if not metrics or step is not None or epoch is not None else (metrics, *plan.axes_of(text))


def _ruled(now: context.Context, rule: rules.Rule, text: str) -> rules.Read | None:
    """What a user's rule reads; one that took too long for `LATE` lines is asked no more: it would hold up everything else."""
    late = now.late.get(rule.name, 0)
    if late >= LATE:
        return None
    try:
        return rule.read(text)
    except TimeoutError:
        now.late[rule.name] = late + 1
        return None


def _may_open(text: str, brace: int) -> bool:
    """Is it the beginning of a dict over several lines, and no code?"""
    return not text[brace + 1 :].strip() or text[brace + 1 :].lstrip()[:1] in "'\""
