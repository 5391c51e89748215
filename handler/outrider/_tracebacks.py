"""
The text of an uncaught exception's traceback, in a time that does not hold up the script's end.

Here: what is left out of the very long ones. Never here: where the text goes.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from types import TracebackType

_MANY_FRAMES, _MANY_CAUSES, _LAST_FRAMES = 5_000, 100, 200


def as_printed(error: BaseException) -> str:
    """
    As Python prints it. Of more than 5,000 frames, or 100 exceptions that led to one another, the last 200 frames of the last exception:
    for all of them `traceback` needs seconds, and Python itself does not use it here.
    """
    import traceback

    if not _is_long(error):
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return "…\n" + "".join(traceback.format_exception(type(error), error, _end(error.__traceback__), chain=False))


def _is_long(error: BaseException) -> bool:
    frames = causes = 0
    at: BaseException | None = error
    while at is not None:
        causes += 1
        frames += _length(at.__traceback__)
        if frames > _MANY_FRAMES or causes > _MANY_CAUSES:
            return True
        at = at.__cause__ or at.__context__
    return False


def _length(trace: TracebackType | None) -> int:
    frames = 0
    while trace is not None:
        frames += 1
        trace = trace.tb_next
    return frames


def _end(trace: TracebackType | None) -> TracebackType | None:
    for _ in range(_length(trace) - _LAST_FRAMES):
        assert trace is not None  # noqa: S101 -- it has that many
        trace = trace.tb_next
    return trace
