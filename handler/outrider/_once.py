"""
What has been kept already by another way: a record goes through a queue to a RunHandler, or was an event of structlog's before.

`_hook.py` and `structlog.py` say what they kept, `RunHandler` asks. In doubt the answer is no: a record twice is better than none.
The state is the process's, and bounded; `armed` is False until there is something to ask for, so that a plain script pays nothing.
"""

from __future__ import annotations

import os
import sys
import weakref
from _thread import get_ident
from itertools import islice

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import logging
    from typing import Any, Callable

_MANY = 16_384  #: records on their way through queues that are remembered
_SOON_S = 1.0  #: an event of structlog's reaches `logging` at once

armed = False
_kept: dict[tuple[object, ...], Any] = {}  #: what a record is known by -> a weak reference to it, for its copies look the same
_said: dict[int, tuple[str, int, str, float]] = {}  #: by thread: logger, level, text and time of the event that structlog passes on
_hook = sys.modules.get("outrider._hook")  #: where it is there, other processes of the run have it too, and keep what they made
_is_foreign: Callable[[int | None], bool] | None = None if _hook is None else _hook.is_foreign
_pid = os.getpid()


def remember(record: logging.LogRecord) -> None:
    """The hook kept it, and a handler on its way may pass it on."""
    if len(_kept) >= _MANY:
        for old in list(islice(_kept, _MANY // 4)):
            _kept.pop(old, None)
    _kept[_key(record)] = weakref.ref(record)
    _arm()


def expect(logger: str, level: int, text: str, now: float) -> None:
    """Of structlog: the event is kept, and will come to that logger in this thread."""
    if text:
        _said[get_ident()] = (logger, level, text, now)
        _arm()


def _arm() -> None:
    """From now on there is something to ask for."""
    global armed
    armed = True
    if _hook is not None:
        _hook.attend()


def is_kept(record: logging.LogRecord) -> bool:
    """Is it in the run already? May raise, where the record was made by hand."""
    if _said and _is_event(record):
        return True
    if _kept:
        kept = _kept.get(_key(record))
        # The same object, or its copy out of a queue. In its own thread another record that looks the same (a clock stands still) is new.
        if kept is not None and (kept() is record or get_ident() != record.thread):
            return True
    return _is_foreign is not None and record.process != _pid and _is_foreign(record.process)


def must_ask(record: logging.LogRecord) -> bool:
    """`is_kept` for the first record of a call site: where it came from another process, each one is asked about from now on."""
    if _is_foreign is not None and record.process not in (None, _pid):
        _arm()
    return is_kept(record)


def _key(record: logging.LogRecord) -> tuple[object, ...]:
    return (record.created, record.thread, record.lineno, record.name)


def _is_event(record: logging.LogRecord) -> bool:
    thread = get_ident()
    said = _said.get(thread)
    if said is None or said[0] != record.name or said[1] != record.levelno or record.created - said[3] > _SOON_S:
        return False
    message = record.msg
    if isinstance(message, dict):  # ProcessorFormatter renders it later
        found = message.get("event") == said[2]
    else:
        found = isinstance(message, str) and (said[2] in message or _quoted(said[2]) in message)
    if found:
        _said.pop(thread, None)
    return found


def _quoted(text: str) -> str:
    """As a JSON renderer writes it."""
    from outrider._encode import quote

    return quote(text)[1:-1]


def _after_fork() -> None:
    """In the child: nothing is on its way, and who it is has changed."""
    global _pid, armed
    _pid = os.getpid()
    _kept.clear()
    _said.clear()
    armed = False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
