"""The shapes of the answers about what was read from a run's output (`printed`), as `answers` has the others."""

from __future__ import annotations

import msgspec

from outrider_agent.portal import answers


class Origin(answers.Answer):
    """A printed point and the line that it was read from. `text`: the line, null where its bytes are not kept."""

    ordinal: int
    step: float | None
    time: str | None
    value: answers.Scalar
    attempt: int
    fd: int
    offset: int
    length: int
    line: int
    rule: str
    epoch: float | None
    text: str | None


class ReadThere(answers.Answer):
    """A point that was read from some bytes of the console, and the place of its line there."""

    name: str
    ordinal: int
    offset: int
    length: int


class Unread(answers.Answer):
    """A line that looks like numbers, and that no rule read."""

    attempt: int
    fd: int
    line: int
    offset: int
    text: str | None


class Progress(answers.Answer):
    """How far a run is by its own account. `share`: from 0 to 1; `unread`: how many lines look like numbers that no rule read."""

    share: float | None
    eta_s: float | None
    silent_s: float | None
    is_stalled: bool
    unread: int
    lines: list[Unread]


class ReadBy(answers.Answer):
    """What a rule would read of a line."""

    line: int
    metrics: dict[str, answers.Scalar]


class Reread(answers.Answer):
    """A run that was read again by a new rule: how many points it has from what it printed. Of a preview: what the rule would read."""

    run: str
    points: int
    read: list[ReadBy] | msgspec.UnsetType = msgspec.UNSET
