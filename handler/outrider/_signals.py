"""
Whose is an exception: did the script's signal handler raise it, while code of ours was running?

Python calls a signal handler between any two steps of the main thread, so what it raises comes out of whatever we are in the middle of. It
is the script's, and goes on to the script. Here only that question; imported with the hook, so it imports nothing that is not there.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

ALL = _signal.valid_signals()


def mask(blocked: Any = None) -> Any:
    """The signals that this thread lets wait; with an argument, those from now on. May raise what a signal handler raises."""
    if blocked is None:
        return _signal.pthread_sigmask(_signal.SIG_BLOCK, ())
    return _signal.pthread_sigmask(_signal.SIG_SETMASK, blocked)


def raised(error: BaseException) -> bool:
    """
    Does the traceback, from the caller's frame inward, go through a signal handler?

    A handler is known by its second argument, which is the frame that it interrupted; or, where it has let go of that, by being set.
    """
    trace = error.__traceback__
    codes: set[CodeType] | None = None
    while trace is not None and trace.tb_next is not None:
        inner = trace.tb_next.tb_frame
        if _was_given(inner, trace.tb_frame):
            return True
        codes = _handlers() if codes is None else codes
        if inner.f_code in codes:
            return True
        trace = trace.tb_next
    return False


def pass_on(error: BaseException) -> None:
    """Raises it again where a signal handler raised it: the first thing to do with a broad catch, or an OSError (TimeoutError is one)."""
    if raised(error):
        raise error


def _was_given(inner: FrameType, outer: FrameType) -> bool:
    """Is one frame an argument of the other?"""
    code, found = inner.f_code, inner.f_locals
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)]  # 4: it has *args
    for name in names:
        value = found.get(name)
        if value is outer or (type(value) is tuple and any(item is outer for item in value)):
            return True
    return False


def _handlers() -> set[CodeType]:
    """The code of the functions that are set as handlers now."""
    found = set()
    for number in range(1, _signal.NSIG):
        try:
            handler = _signal.getsignal(number)
        except (ValueError, OSError):
            continue
        code = getattr(getattr(handler, "__func__", handler), "__code__", None)
        if code is not None:
            found.add(code)
    return found
