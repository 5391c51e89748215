"""
What the bootstrap installs in an unmodified script: its log records go to the run, its uncaught exception to the keeper.

Never here: threads, handlers, sys.excepthook, anything printed. Nothing raises into the script; each swallowing place says so.

Why `Logger.filter` and not `callHandlers`: it has returned before the first handler is called. No frame of ours is on the stack then, so
handlers that look for the caller by depth or by file name (loguru's, `Handler.handleError`) find what they would find without us.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import logging
    from types import ModuleType
    from typing import Any, Callable

_ear: Any = None  #: the RunHandler that keeps the records, of no logger
_loading = False
_early: list[logging.LogRecord] = []  #: made while the rest of us was being imported
_foreign: dict[
    int, float
] = {}  #: a process whose records came to us -> until when it is known to have no stream of its own (0: it has one)
_LOOK_S = 1.0
_MAX_TRACEBACK = 256 * 1024


def install(module: ModuleType) -> None:
    """Hooks the `logging` module, once."""
    logger_class: Any = module.Logger
    if "_hook" in getattr(logger_class.filter, "__module__", ""):
        return
    logger_class.filter = _hooked(logger_class.filter, keep)


def _hooked(original: Callable[[Any, Any], Any], keep: Callable[[Any, Any], None]) -> Callable[[Any, Any], Any]:
    gives_record = sys.version_info >= (3, 12)  # since then a filter may put another record in the place of this one

    def filter(self: logging.Logger, record: logging.LogRecord) -> Any:  # noqa: A001
        passed = original(self, record) if self.filters else record if gives_record else True
        if passed:
            keep(self, record if type(passed) is bool else passed)
        return passed

    filter.__qualname__, filter.__doc__ = "Logger.filter", original.__doc__
    return filter


def keep(logger: logging.Logger, record: logging.LogRecord) -> None:
    """One record that passed its logger, into the run. Never raises (what a signal handler raises is the script's)."""
    try:
        if _ear is None and not _open_ear(record):
            return
        if not _is_kept_elsewhere(logger, record):
            _ear.emit(record)
    except Exception:  # noqa: BLE001, S110 -- law 1
        pass


def _open_ear(record: logging.LogRecord) -> bool:
    """The rest of the handler comes with the first record. False: not yet (the record waits), or not in a run any more."""
    global _ear, _loading
    if not os.environ.get("OUTRIDER_RUN_ID"):
        return False
    if _loading:
        _early.append(record)
        return False
    _loading = True
    try:
        _ear = _new_ear()
    finally:
        _loading = False
    while _early:
        _ear.emit(_early.pop(0))
    return True


def _new_ear() -> Any:
    """A RunHandler that `logging` does not know of: it would be in its list of handlers, and closed by dictConfig."""
    from outrider import _handler

    ear = _handler.RunHandler.__new__(_handler.RunHandler)
    ear.via = "hook"
    ear.experiment = ear.run_name = ear._writer = None  # noqa: SLF001
    ear._sites = _handler._caches.setdefault("hook", {})  # noqa: SLF001
    return ear


def _is_kept_elsewhere(logger: logging.Logger, record: logging.LogRecord) -> bool:
    """By a RunHandler on its way, or by the process that made it (a QueueHandler's records, arriving here)."""
    handler_class = type(_ear)
    at: logging.Logger | None = logger
    while at:
        for handler in at.handlers:
            if isinstance(handler, handler_class):
                return True
        at = at.parent if at.propagate else None
    process = record.process
    return process is not None and process != os.getpid() and _has_a_stream(process)


def _has_a_stream(process: int) -> bool:
    """Does another process of this run keep its own records?"""
    import time

    now = time.monotonic()
    until = _foreign.get(process)
    if until is None or 0 < until < now:
        from outrider import spool

        folder = os.path.join(spool.home(), "spool", os.environ.get("OUTRIDER_RUN_ID", "-"))
        found = any(name.startswith(f"py-{process}-") for name in os.listdir(folder))
        until = _foreign[process] = 0 if found else now + _LOOK_S
    return until == 0


def leave_exception() -> None:
    """At the exit of the command's own process: what it died of, as a file for the keeper, who knows the exit code. May raise."""
    error = getattr(sys, "last_exc", None) or sys.last_value
    if error is None or not _is_uncaught(error):
        return
    import traceback

    from outrider import _encode, spool

    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if len(text) > _MAX_TRACEBACK:
        text = text[: _MAX_TRACEBACK // 2] + "\n…\n" + text[-_MAX_TRACEBACK // 2 :]
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    found = {"type": name, "message": _encode.safe_str(error)[:_MAX_TRACEBACK], "traceback": text}
    path = os.path.join(spool.home(), "spool", os.environ["OUTRIDER_RUN_ID"], f".exception-{os.getpid()}")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(fd, _encode.json_text(found).encode("ascii"))
    os.close(fd)


def _is_uncaught(error: BaseException) -> bool:
    """Did it end the script? Test runners and shells set `sys.last_value` for what they caught, elsewhere."""
    trace = error.__traceback__
    if trace is None:
        return isinstance(error, SyntaxError)
    return trace.tb_frame.f_globals.get("__name__") in ("__main__", "runpy")
