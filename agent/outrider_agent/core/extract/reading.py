"""What was read from a line. Values only."""

from __future__ import annotations

import msgspec


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """
    The metrics of one line (or of the lines of one block).

    `line` counts from 1, `offset` and `length` are bytes of the output; of a block they are those of the line that closed it. `step` is
    the finest axis known (global step, iteration, else the epoch's number), `total` how many of it there are; `epoch` stands beside it;
    `is_batch`: the step counts batches within that epoch. `split` and `rank` are as printed, `rule` names what read it (`kv`, `dict`,
    `table`, `bar` …).
    """

    line: int
    offset: int
    length: int
    metrics: dict[str, float]
    rule: str
    step: float | None = None
    epoch: float | None = None
    total: float | None = None
    split: str | None = None
    rank: int | None = None
    is_batch: bool = False
