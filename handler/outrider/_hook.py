"""
What the bootstrap installs in an unmodified script: its log records go to the run, its uncaught exception to the keeper.

Never here: threads, handlers, sys.excepthook, anything printed. Nothing raises into the script; each swallowing place says so.

Why `Logger.filter` and not `callHandlers`: it has returned before the first handler is called. No frame of ours is on the stack then, so
handlers that look for the caller by depth or by file name (loguru's, `Handler.handleError`) find what they would find without us.
"""

from __future__ import annotations

import os
import sys

from outrider import _signals

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import logging
    from types import ModuleType
    from typing import Any, Callable

_keep: Any = None  #: keeps a record: the method of a RunHandler that is on no logger
_run_handler: Any = None  #: its class
_pid = 0
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
    if logger_class.filter.__module__ == __name__:
        return
    logger_class.filter = _hooked(logger_class.filter)
    _after_fork()
    os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    global _pid
    _pid = os.getpid()


def _hooked(original: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """
    `Logger.filter`, and then every record that passed goes into the run: but for those that a RunHandler on the way will keep, and those
    that another process of the run made and keeps (a QueueHandler's, arriving here). All in one function: a call is a tenth of the cost.
    """
    gives_record = sys.version_info >= (3, 12)  # since then a filter may put another record in the place of this one

    def filter(self: logging.Logger, record: logging.LogRecord) -> Any:  # noqa: A001
        passed = original(self, record) if self.filters else record if gives_record else True
        if not passed:
            return passed
        try:
            if _keep is None and not _open_ear(record):
                return passed
            at: Any = self
            while at:
                for handler in at.handlers:
                    if isinstance(handler, _run_handler):
                        return passed
                at = at.propagate and at.parent
            if record.process == _pid or not _is_foreign(record.process):
                _keep(passed if self.filters and type(passed) is not bool else record)
        except Exception as error:  # noqa: BLE001 -- law 1
            _signals.pass_on(error)
        return passed

    filter.__qualname__, filter.__doc__ = "Logger.filter", original.__doc__
    return filter


def _open_ear(record: logging.LogRecord) -> bool:
    """The rest of the handler comes with the first record. False: not yet (the record waits), or not in a run any more."""
    global _keep, _loading, _run_handler
    if not os.environ.get("OUTRIDER_RUN_ID"):
        return False
    if _loading:
        _early.append(record)
        return False
    # Signals wait meanwhile: what a handler raises in the middle of an import may get lost there (importlib runs callbacks).
    before = _signals.mask()
    _loading = True
    try:
        _signals.mask(_signals.ALL)
        from outrider import _handler

        _run_handler = _handler.RunHandler
        _keep = _new_ear(_handler).handle
    finally:
        _loading = False
        _signals.mask(before)
    while _early:
        _keep(_early.pop(0))
    return True


def _new_ear(module: Any) -> Any:
    """A RunHandler that `logging` does not know of: else it would stand in its list of handlers, and dictConfig would close it."""
    ear = module.RunHandler.__new__(module.RunHandler)
    ear.via, ear.filters = "hook", []
    ear.experiment = ear.run_name = ear._writer = None  # noqa: SLF001
    ear._sites = module._caches.setdefault("hook", {})  # noqa: SLF001
    return ear


def _is_foreign(process: int | None) -> bool:
    """Was it made by another process of this run, which keeps its own records?"""
    if not process:
        return False
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
