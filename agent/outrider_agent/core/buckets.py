"""
Charts: many points as few buckets, each with its exact minimum and maximum. Pure.

Either from points (each bucket an equal share of them) or from the summaries of consecutive chunks, which need no point to be decoded.
"""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import msgspec

from outrider_agent.core import points

if TYPE_CHECKING:
    from collections.abc import Sequence


Range = tuple[float | None, float | None]


class Span(msgspec.Struct, frozen=True):
    """Which points of a series are meant: those from and up to a step, from and up to a moment (nanoseconds). None: no such end."""

    steps: Range = (None, None)
    times: Range = (None, None)

    def holds(self, part: points.Summary) -> bool:
        """Is every point of this part meant, but perhaps for those without a step?"""
        low, high = self.steps
        is_above = low is None or (part.step_min is not None and part.step_min >= low)
        is_below = high is None or (part.step_max is not None and part.step_max <= high)
        since, until = self.times
        return is_above and is_below and (since is None or part.time_min >= since) and (until is None or part.time_max <= until)

    def has(self, step: float | None, time: int) -> bool:
        """Is this point meant? Where steps are asked for, one without a step is not."""
        (low, high), (since, until) = self.steps, self.times
        if step is None and (low is not None or high is not None):
            return False
        is_within = step is None or ((low is None or step >= low) and (high is None or step <= high))
        return is_within and (since is None or time >= since) and (until is None or time <= until)


EVERYTHING = Span()


def shares(total: int, count: int) -> list[tuple[int, int]]:
    """Cuts `total` things into at most `count` consecutive shares of nearly equal size, none empty."""
    count = min(total, count)
    edges = [total * i // count for i in range(count + 1)] if count > 0 else []
    return list(pairwise(edges))


def of_points(columns: points.Columns, first: int, count: int) -> list[points.Summary]:
    """At most `count` buckets of these points, the first of which is the series' `first`-th."""
    return [points.summarize(columns.cut(start, stop), first + start) for start, stop in shares(len(columns), count)]


def of_pieces(pieces: Sequence[tuple[points.Columns, int]], count: int) -> list[points.Summary]:
    """The same of points in several pieces, each with the ordinal of its first, without putting them together."""
    edges = shares(sum(len(columns) for columns, _ in pieces), count)
    parts: list[list[points.Summary]] = [[] for _ in edges]
    share, begun = 0, 0  # begun: how many points the pieces before had
    for columns, first in pieces:
        end, at = begun + len(columns), begun
        while at < end:
            stop = min(end, edges[share][1])
            parts[share].append(points.summarize(columns.cut(at - begun, stop - begun), first + at - begun))
            at = stop
            share += at == edges[share][1]
        begun = end
    return [merge(group) for group in parts]


def of_summaries(summaries: Sequence[points.Summary], count: int) -> list[points.Summary]:
    """At most `count` buckets, each of whole summaries."""
    return [merge(summaries[start:stop]) for start, stop in shares(len(summaries), count)]


def in_order(summaries: Sequence[points.Summary]) -> list[points.Summary]:
    """
    Summaries of points that several processes logged, by their first step, where one has none by their first moment. `first` becomes the
    place in that order.
    """
    has_steps = all(part.step_min is not None for part in summaries)
    found = sorted(summaries, key=lambda part: (part.step_min or 0 if has_steps else 0, part.time_min))
    firsts = accumulate((part.count for part in found), initial=0)
    return [msgspec.structs.replace(part, first=first) for part, first in zip(found, firsts, strict=False)]


def merge(group: Sequence[points.Summary]) -> points.Summary:
    """
    Makes one summary of consecutive ones.

    Law: the summary of all points equals the merged summaries of their parts.
    """
    if len(group) == 1:
        return group[0]
    return points.Summary(
        first=group[0].first,
        count=sum(part.count for part in group),
        step_min=min((part.step_min for part in group if part.step_min is not None), default=None),
        step_max=max((part.step_max for part in group if part.step_max is not None), default=None),
        time_min=min(part.time_min for part in group),
        time_max=max(part.time_max for part in group),
        min=min((part.min for part in group if part.min is not None), default=None),
        max=max((part.max for part in group if part.max is not None), default=None),
        first_value=next((part.first_value for part in group if part.first_value is not None), None),
        last_value=next((part.last_value for part in reversed(group) if part.last_value is not None), None),
        nonfinite=sum(part.nonfinite for part in group),
        epoch_min=min((part.epoch_min for part in group if part.epoch_min is not None), default=None),
        epoch_max=max((part.epoch_max for part in group if part.epoch_max is not None), default=None),
    )


def within(columns: points.Columns, first: int, span: Span) -> list[tuple[points.Columns, int]]:
    """The points that are meant, as runs of consecutive ones, each with the ordinal of its first."""
    keep = [span.has(step, time) for step, time in zip(columns.steps, columns.times, strict=True)]
    if all(keep):
        return [(columns, first)] if keep else []
    found: list[tuple[points.Columns, int]] = []
    start: int | None = None
    for place, kept in enumerate([*keep, False]):
        if kept and start is None:
            start = place
        elif not kept and start is not None:
            found.append((columns.cut(start, place), first + start))
            start = None
    return found
