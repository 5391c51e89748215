"""From what a line holds to its points: which step and epoch they belong to, and which names have proved themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from outrider_agent.core import frames
from outrider_agent.core.extract import bars, context, cycle, fields, names, nesting, plan, prefix, tables
from outrider_agent.core.extract.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from outrider_agent.core.extract import rules, shapes

#: The last state of a bar has no more bytes.
BAR_BYTES = 4096
_EVALUATION = frozenset({"val", "valid", "validation", "test", "testing", "eval", "evaluation", "dev"})

Axes = tuple[float | None, float | None, float | None]  # epoch, step, total


class Timeline:
    """Gathers readings in `found`; keeps the context's epoch, step and progress. `place`: line, offset and length of the line at hand."""

    def __init__(self, state: context.Context, *, is_live: bool = False) -> None:
        self._context, self._is_live = state, is_live
        self.place = (0, 0, 0)
        self.found: list[Reading] = []

    def missed(self) -> None:
        """The line at hand looks like numbers, and nothing read it."""
        now = self._context
        now.unread += 1
        now.unread_at = [*now.unread_at, self.place][-context.UNREAD :]

    def user(self, found: rules.Read, name: str) -> None:
        """What a user's rule found in the line."""
        metrics, step, epoch = found
        now = self._context
        if epoch is not None:
            now.epoch, now.step = epoch, None
        now.step = step if step is not None else now.step
        if metrics:
            self._emit(metrics, name, step if step is not None else now.step if now.step is not None else now.epoch, now.epoch)

    def apply(self, made: plan.Plan, text_of: Callable[[plan.Span], bytes]) -> None:
        """What a plan says of a line; `text_of` gives the text at a place."""
        spans = (made.epoch, made.step, made.total, made.epochs)
        epoch, step, total, epochs = (_number(text_of(span)) if span else None for span in spans)
        if made.kind == plan.AXIS:
            _heading(self._context, epoch, step, total)
            if not self._context.cycle.is_over and not self._is_live:
                here = self._reading({}, made.rule, epoch if step is None else step, epoch, total=total, is_batch=made.is_batch)
                self.found += self._context.cycle.told(here)
            return
        rank = int(text_of(made.rank)) if made.rank else None
        metrics = {name: _number(text_of(span)) for name, span in made.values}
        if made.kind == plan.CANDIDATE:
            self._candidate(metrics, rank)
            return
        self._points(made, (epoch, step, total), metrics, (rank, epochs))

    def repeat(self, pattern: shapes.Pattern, texts: tuple[bytes, ...]) -> None:
        """The same for a line of a shape that is known: `texts` are those at its places."""
        metrics = _numbers(pattern.names, pattern.values(texts))
        epoch = None if pattern.epoch is None else _number(texts[pattern.epoch])
        step = None if pattern.step is None else _number(texts[pattern.step])
        total = None if pattern.total is None else _number(texts[pattern.total])
        epochs = None if pattern.epochs is None else _number(texts[pattern.epochs])
        rank = None if pattern.rank is None else int(texts[pattern.rank])
        self._points(pattern.plan, (epoch, step, total), metrics, (rank, epochs))

    def _points(self, made: plan.Plan, axes: Axes, metrics: dict[str, float], more: tuple[int | None, float | None]) -> None:
        """`more`: the rank, and how many epochs there are."""
        (epoch, step, total), (rank, epochs) = axes, more
        now = self._context
        if now.block == now.line - 1:
            now.block = now.line
        if epoch is not None:
            now.epoch, now.step, now.header = epoch, None, None
        if step is not None:
            now.step = step
        if total is not None:
            now.count, now.total = step if step is not None else epoch, total
            if epochs and total and step is not None and epoch is not None:
                now.count, now.total = _of_epochs(now, epoch, epochs, step / total)
        finest = _finest(now, made, axes)
        is_batch = made.is_batch and finest == step
        line, offset, length = self.place
        one = Reading(
            line=line,
            offset=offset,
            length=length,
            metrics=metrics,
            rule=made.rule,
            step=finest,
            epoch=now.epoch,
            total=total,
            split=made.split,
            rank=rank,
            is_batch=is_batch,
        )
        if now.cycle.is_over or self._is_live:
            self.found.append(one)
        else:
            self._cycle(one, made, is_bare=step is None and epoch is None)

    def _cycle(self, one: Reading, made: plan.Plan, *, is_bare: bool) -> None:
        """A line in a stream of which it is not known where its rounds tell their steps."""
        now = self._context.cycle
        if is_bare:
            self.found += now.bare(one, is_logged=made.is_logged) if cycle.may_hold(one) else [one]
        else:
            self.found += now.told(one) if one.rule in cycle.LINES else now.passed()
            self.found.append(one)

    def sighted(self, metrics: dict[str, float], shape: str) -> bool:
        """Unknown names among other words: metrics when a line of the same shape has them again with another value. Are some by now?"""
        return self._candidate(metrics, None, shape)

    def _candidate(self, metrics: dict[str, float], rank: int | None, shape: str = "") -> bool:
        """A name that nobody knows is a metric when it comes again with another value. Until then its first reading waits."""
        now = self._context
        if any(name in now.implied_names for name in metrics):
            now.implied += 1
            now.implied_names = []
        if len(now.implied_names) < context.CANDIDATES:
            now.implied_names += list(metrics)
        step = now.step if now.step is not None else now.epoch if now.epoch is not None else float(now.implied)
        ready: dict[str, float] = {}
        for name, value in metrics.items():
            known = now.candidates.get(shape + name)
            if known is None:
                now.wait(shape + name, context.Candidate(value, self._reading({name: value}, "kv.learned", step, now.epoch, rank=rank)))
                continue
            if known.first is not None and value == known.value:
                continue
            if known.first is not None:
                self.found.append(known.first)
                now.unmissed(known.first)
                known.first = None
            ready[name] = value
        if ready:
            self._emit(ready, "kv.learned", step, now.epoch, rank=rank)
        return bool(ready)

    def _emit(self, metrics: dict[str, float], rule: str, step: float | None, epoch: float | None, **more: Any) -> None:
        self.found.append(self._reading(metrics, rule, step, epoch, **more))

    def _reading(self, metrics: dict[str, float], rule: str, step: float | None, epoch: float | None, **more: Any) -> Reading:
        line, offset, length = self.place
        return Reading(line=line, offset=offset, length=length, metrics=metrics, rule=rule, step=step, epoch=epoch, **more)

    def table_row(self, row: tables.Row, rule: str) -> None:
        """A row of a table or of a box."""
        epoch = next((axis for axis in row.axes if axis[0] == 0), None)
        step = max((axis for axis in row.axes if axis[0] > 0), default=None)
        finest = step or epoch
        metrics = {plan.spelled(name): value for name, value in row.values.items()}
        axes = epoch and epoch[1], step and step[1], finest and finest[2]
        self._row(metrics, rule, axes, is_counted=rule == "csv" and not row.is_keyed)

    def repeat_row(self, known: shapes.Cells, cells: list[bytes], rule: str) -> None:
        """The same for a row of which it is known what its cells are."""
        epoch = None if known.epoch is None else _number(cells[known.epoch])
        step = None if known.step is None else _number(cells[known.step])
        self._row(_numbers(known.names, known.values(cells)), rule, (epoch, step, None), is_counted=rule == "csv")

    def _row(self, metrics: dict[str, float], rule: str, axes: Axes, *, is_counted: bool) -> None:
        now = self._context
        epoch, step, total = axes
        if not now.cycle.is_over:
            self.found += now.cycle.passed()
        if epoch is not None:
            now.epoch, now.step = epoch, None
        if step is not None:
            now.step = step
        finest = now.step if now.step is not None else now.epoch
        if finest is None and is_counted:  # then its number in the table
            finest, now.rows = float(now.rows), now.rows + 1
        self._emit(metrics, rule, finest, now.epoch, total=total)

    def bar(self, bar: bars.Bar, before: prefix.Prefix) -> None:
        """A progress bar and what was put behind it."""
        if bars.is_download(bar):
            return
        now = self._context
        scan = fields.Scan(bar.text, before.stop)
        axes = list(scan.axes)
        if bar.kind == "tqdm" and axes[:1] and axes[0].is_leading and axes[0].total and axes[0].stop < bar.counted[0]:
            axes[0] = axes[0]._replace(level=0, is_leading=False)  # `1/3: 100%|███| 8/8`: of the epochs
        if bar.kind == "tqdm" and not any(axis.level > 0 for axis in axes):
            axes.append(fields.Axis(2 if axes else 3, *bar.counted, bar.total))
        listed = [field for field in scan.fields if field.start > bar.counted[1] or names.is_metric(field.name, measured=field.is_measured)]
        made = plan.judge(bar.text, plan.Found(f"bar.{bar.kind}", listed, axes, scan.split, before.rank, is_listed=True))
        if bar.kind == "keras":
            self._keras(bar, made)
            return
        self._counted(bar, axes)
        told = now.count, now.total
        if made is not None and made.kind == plan.METRICS:
            self.apply(made, lambda span: bar.line[span[0] : span[1]].encode())
            now.count, now.total = told

    def _keras(self, bar: bars.Bar, made: plan.Plan | None) -> None:
        """A bar over an epoch's batches: its last state is the epoch's. Without a heading it is an evaluation."""
        now = self._context
        if bar.is_full and now.header is not None and now.total and not self._is_live:
            now.count = now.header
        if made is None or made.kind != plan.METRICS or not (bar.is_full or (self._is_live and now.header is not None)):
            return
        metrics = {name: float(bar.text[span[0] : span[1]]) for name, span in made.values}
        split = None if now.header is not None else "eval"
        left = 0.0 if bar.is_full or bar.numbers is None else 1 - bar.numbers[0] / bar.numbers[1]
        self._emit(metrics, made.rule, None if now.header is None else now.header - left, now.header, split=split, total=now.total)
        now.header = now.header if left else None

    def _counted(self, bar: bars.Bar, axes: list[fields.Axis]) -> None:
        """The longest bar without a name of its own tells the step of what is printed beside it; the outermost, how far the run is."""
        if bar.numbers is None:
            return
        now, (count, total) = self._context, bar.numbers
        is_unnamed = not bar.describes or any(axis.level == 0 for axis in axes) or names.split_in(bar.describes) is not None
        if is_unnamed and total >= now.bar_total:
            now.bar, now.bar_total = count, total
        self.within(_level(bar, is_run=is_unnamed), bar.text, axes, is_last=True)

    def within(self, level: nesting.Level, text: str, axes: Sequence[fields.Axis], *, is_last: bool = False) -> None:
        """A bar tells how far the run is, or a part of it."""
        now = self._context
        told = _nested(now, now.bars, level, (text, axes), is_last=is_last)
        if told is not None or (now.bars and now.bars[0].is_repeated):
            now.count, now.total = told or (None, None)


def _finest(now: context.Context, made: plan.Plan, axes: Axes) -> float | None:
    """The step of a line, by what it tells itself and by what stands above it."""
    epoch, step, total = axes
    is_evaluation = made.split in _EVALUATION
    if made.rule == "cv":
        return None
    if step is not None:
        return epoch if is_evaluation and epoch is not None and made.is_batch and total is not None and step >= total else step
    if made.rule == "dict" and now.bar is not None and epoch is not None:
        return now.bar
    if epoch is not None:
        return epoch if epoch.is_integer() else None
    if is_evaluation and now.epoch is not None:
        return now.epoch
    return now.step if now.step is not None else now.epoch


def _heading(now: context.Context, epoch: float | None, step: float | None, total: float | None) -> None:
    """A line that holds nothing but where the run is."""
    if epoch is not None:
        now.epoch, now.step = epoch, None
        if step is None:
            now.header = epoch
    if step is not None:
        now.step = step
    if total is not None:
        now.count, now.total = step if step is not None else epoch, total
    if total is not None and step is None and epoch is not None:  # it begins
        now.count, now.total = _of_epochs(now, epoch, total, 0.0)
    now.block = now.line


def progress(state: context.Context, tail: bytes) -> tuple[float, float] | None:
    """
    How far the run is: (count, total). By the bar in a line that is not finished, or by what that one is within; of a bar over an epoch's
    batches: epochs. Else by the newest count of a total.
    """
    told = (state.count, state.total) if state.count is not None and state.total else None
    text = frames.settled(tail[-BAR_BYTES:]).decode("utf-8", "replace")
    bar = bars.find(text, 0)
    counted = bars.counted(text) if bar is not None or b"\r" in tail else None  # a line that is not drawn over may be anything
    if counted is None:
        return told
    if bar is not None and bar.kind == "keras" and state.header is not None and state.total:
        return max(state.header - 1, 0.0) + counted[0] / counted[1], state.total
    level = drawn_level(text) or nesting.Level("", *counted, is_run=True)
    if bar is not None:
        level = _level(bar, is_run=not bar.describes or names.is_axis(bar.describes) or names.split_in(bar.describes) is not None)
    levels = [msgspec.structs.replace(one) for one in state.bars]
    shown = bars.undrawn(text) if bar is None else bar.text
    now = _nested(state, levels, level, (shown, fields.Scan(shown, 0).axes))
    return now or (None if levels and levels[0].is_repeated else told)


def _level(bar: bars.Bar, *, is_run: bool) -> nesting.Level:
    count, total = bar.numbers or (0.0, 0.0)
    return nesting.Level(nesting.key_of(bar.describes, total), count, total, is_run or names.is_axis(bar.describes))


def drawn_level(text: str) -> nesting.Level | None:
    """A line with a bar's blocks, and a count or a percentage."""
    describes, counted = bars.describes_drawn(text), bars.counted(text)
    if describes is None or counted is None:
        return None
    return nesting.Level(nesting.key_of(describes, counted[1]), *counted, is_run=True, is_drawn=True)


def _nested(
    state: context.Context,
    levels: list[nesting.Level],
    level: nesting.Level,
    shown: tuple[str, Sequence[fields.Axis]],
    *,
    is_last: bool = False,
) -> tuple[float, float] | None:
    """What a bar says of the run beside the others. Where lines or the bar itself tell epochs and how many, these do."""
    text, axes = shown
    epoch = next((axis for axis in axes if axis.level == 0), None)
    if epoch is not None and epoch.total is not None and level.total:
        number, total = (_number(text[span[0] : span[1]].encode()) for span in ((epoch.start, epoch.stop), epoch.total))
        if (number, total) != (level.count, level.total):
            return _of_epochs(state, number, total + level.is_drawn * (state.is_from_zero or number == 0), level.count / level.total)
    is_of_epochs = state.total and state.epoch is not None and state.count in {state.epoch, state.epoch - 1} and not levels
    if is_of_epochs and epoch is None:
        return None  # of 30 epochs the third: a bar that says nothing of epochs is a part of one
    nesting.count(levels, level, is_last=is_last)
    return nesting.outermost(levels)


def _of_epochs(state: context.Context, epoch: float, total: float, share: float) -> tuple[float, float]:
    """`Epoch 2/5`, of which a share is done. Where an epoch was 0 they count from there."""
    state.is_from_zero = state.is_from_zero or epoch == 0
    return (epoch + share, max(total, epoch + 1)) if state.is_from_zero else (epoch - 1 + share, total)


def _numbers(keys: tuple[str, ...], texts: Sequence[bytes]) -> dict[str, float]:
    try:
        return dict(zip(keys, map(float, texts), strict=True))
    except ValueError:  # thousands
        return dict(zip(keys, map(_number, texts), strict=True))


def _number(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return float(text.replace(b",", b""))
