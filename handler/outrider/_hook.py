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
_implicit = False  #: records of a process without a run open one
_tells = False  #: is there a console, on which records may be printed too?
weakref: Any = None  #: it and those below come with the first record
_current: Any = None
_encode: Any = None
_once: Any = None
_prints: Any = None
_quote: Any = None
_Record: Any = None
_PLAIN = 0
_SIMPLE: frozenset[object] = frozenset()
_MAX_TEXT = 0
_loading = False
_early: list[logging.LogRecord] = []  #: made while the rest of us was being imported
_foreign: dict[
    int, float
] = {}  #: a process whose records came to us -> until when it is known to have no stream of its own (0: it has one)
_TOOLS = frozenset(
    {"pip", "pipx", "ensurepip", "venv", "virtualenv", "build", "conda", "poetry", "outrider", "outrider_agent"}
    | {"jupyter", "jupyterlab", "jupyterhub", "jupyter_server", "notebook"}
)
_MACHINERY = frozenset({"IPKernelApp", "traitlets", "ipykernel", "asyncio", "tornado", "comm", "parso"})  #: what a kernel says by itself
_WARNING = 30
_LOOK_S = 1.0
_FOREVER = float("inf")
_MAX_TRACEBACK = 256 * 1024

#: What the handlers on a record's way mean for it: a RunHandler keeps it, or one may pass it on to another. Or it is a notebook kernel's.
_KEPT, _PASSED_ON, _KERNELS = 1, 2, 4
#: A logger's name -> the sum of its handlers' ids, what they mean, until when nobody asks again how they print, what was told of that, and
#: to which stream. A handler that dies clears it: its id may be another's.
_ways: dict[str, tuple[int, int, float, str, str]] = {}
_watched: dict[int, Any] = {}  #: the handlers in it, by id, as weak references
#: The same sum and what a record says of its call site -> the repeating part of its line; "" where a RunHandler keeps it. Cleared as
#: `_ways` is, and at `_ask_at`: how the handlers print is asked again then, and whether the descriptor is still ours.
_sites: dict[tuple[object, ...], str] = {}
_ask_at = 0.0
_until = 0.0  #: the same; 0 where each record must be asked about
_MANY, _MANY_SITES = 2_000, 8_192


def install(module: ModuleType, *, implicit: bool = False) -> None:
    """Hooks the `logging` module, once. `implicit`: where there is no run, the first record opens one."""
    global _implicit
    _implicit = implicit
    logger_class: Any = module.Logger
    if logger_class.filter.__module__ == __name__:
        return
    logger_class.filter = _hooked(logger_class.filter, module.root)
    os.register_at_fork(after_in_child=_after_fork)


def _after_fork() -> None:
    """In the child: its stream has been told nothing yet, and what waits is its parent's."""
    _ways.clear()
    _sites.clear()
    _early.clear()


def attend() -> None:
    """From now on records may come that were kept by another way: each one is looked at."""
    global _until
    _until = 0.0


def _hooked(original: Callable[[Any, Any], Any], root: Any) -> Callable[[Any, Any], Any]:  # noqa: C901, PLR0915 -- the hot path, in one piece
    """
    `Logger.filter`, and then every record that passed goes into the run: but for those that a RunHandler on the way will keep, and those
    that another process of the run made and keeps (a QueueHandler's, arriving here).

    The body is the way of a plain record from a call site that is known, in one piece because calls cost (a call is a tenth of all; this is
    the twin of `RunHandler.handle`). All else is `_hear`'s. What is known of a site holds for its handlers, and for a second at most.
    """
    gives_record = sys.version_info >= (3, 12)  # since then a filter may put another record in the place of this one
    tasks, known, write = gives_record, _sites.get, os.write

    def filter(self: logging.Logger, record: logging.LogRecord) -> Any:  # noqa: A001, C901, PLR0912
        kept = record
        if self.filters:
            passed = original(self, record)
            if not passed:
                return passed
            if type(passed) is not bool:
                kept = passed
        else:
            passed = record if gives_record else True
        try:
            found = root.handlers
            if self.parent is root and len(found) == 1 and self.propagate and not self.handlers:
                handlers = id(found[0])
            else:  # as `_sum`
                at: Any = self
                while not at.handlers and at.propagate and at.parent:
                    at = at.parent
                handlers = 0
                while at:
                    for handler in at.handlers:
                        handlers += id(handler)
                    at = at.propagate and at.parent
            # Attributes before __dict__: asking for that one first makes each of them slow (Python 3.11 and 3.12).
            thread, created = kept.threadName, kept.created
            site = known((handlers, kept.lineno, kept.pathname, kept.name, kept.levelno, thread, kept.process))
            if site is not None and created < _until:
                if not site:
                    return passed
                message, args = kept.msg, kept.args
                if (
                    kept.exc_info
                    or kept.exc_text
                    or kept.stack_info
                    or (tasks and kept.taskName)  # type: ignore[attr-defined]
                    or type(message) is not str
                    or type(kept) is not _Record
                    or len(kept.__dict__) != _PLAIN
                ):
                    _keep(kept)
                    return passed
                if args:
                    for value in args if type(args) is tuple else (args,):
                        if type(value) not in _SIMPLE:
                            _keep(kept)
                            return passed
                    message = message % args
                if thread != "MainThread":
                    site = f'{site}"ti":{kept.thread or 0},'
                writer = _current.writer
                data = f'\n{{"k":"l","t":{int(created * 1e9)},{site}"msg":{_quote(message)}}}\n'.encode()
                size = len(data)
                if size > _MAX_TEXT:
                    _keep(kept)
                elif write(writer.fd, data) == size:
                    writer.left = left = writer.left - size
                    if left < 0:
                        writer.look_around()
                else:
                    writer.recover(data)
                return passed
        except Exception as error:  # noqa: BLE001 -- text that does not fit its arguments, a stream to be opened: `_hear` sees to it
            _signals.pass_on(error)
        _hear(self, kept)
        return passed

    filter.__qualname__, filter.__doc__ = "Logger.filter", original.__doc__
    return filter


def _sum(at: Any) -> int:
    """Of the ids of the handlers that a record comes to: another one where they are others."""
    found = 0
    while at:
        for handler in at.handlers:
            found += id(handler)
        at = at.propagate and at.parent
    return found


def _hear(logger: Any, record: Any) -> None:
    """Any record that passed the logger's filter, and the first one of each call site in a second: keeps it where nobody else will."""
    try:
        if _keep is None and not _open_ear(record):
            return
        way, handlers = _ways.get(logger.name), _sum(logger)
        if way is None or way[0] != handlers:
            way = _look(logger, handlers)
        means = way[1]
        if not means:
            _keep(record)
        elif means == _PASSED_ON:
            _keep(record)
            _once.remember(record)
        elif means == _KERNELS and record.levelno >= _WARNING:  # below it tells of each message, though nobody listens
            _keep(record)
        _look_again(record.created)
        if _tells and record.created >= way[2]:
            _tell(logger, record, way)
        if _until and means in (0, _KEPT) and logger.name == record.name and logger.name in _ways:
            _know(record, handlers, means)
    except Exception as error:  # noqa: BLE001 -- law 1. (What a signal handler raises is the script's, and goes on.)
        _signals.pass_on(error)


def _look_again(now: float) -> None:
    """Once a second: what was known is asked again, and the descriptor looked at, for the quick way does not."""
    global _ask_at, _until
    if now >= _ask_at:
        _sites.clear()
        writer = _current.writer
        if writer is None:
            _ask_at = now + _LOOK_S
        else:
            writer.look_at_fd()
            _ask_at = writer.look_at / 1e9
    _until = _ask_at
    if _once.armed:  # in this order: another thread may arm it meanwhile
        attend()


def _know(record: Any, handlers: int, means: int) -> None:
    """Remembers the call site."""
    key = (record.lineno, record.pathname, record.name, record.levelno, record.threadName, record.process)
    ear = _keep.__self__
    site = "" if means else ear._sites.get(key) or ear._new_site(key, record)  # noqa: SLF001
    if len(_sites) >= _MANY_SITES:
        _sites.clear()
    _sites[(handlers, *key)] = site


def _handlers(logger: Any) -> list[Any]:
    """Those that a record of this logger comes to."""
    found: list[Any] = []
    at = logger
    while at:
        found += at.handlers
        at = at.propagate and at.parent
    return found


def _look(logger: Any, handlers: int) -> Any:
    """What this logger's handlers mean; remembered for as long as they all live."""
    means, found = 0, _handlers(logger)
    for handler in found:
        means |= _meaning(type(handler))
    if not means & _KEPT and _is_kernels(logger.name):
        means = _KERNELS
    way = (handlers, means, 0.0, "", "")
    try:
        _watched.update((id(handler), weakref.ref(handler, _forget)) for handler in found if id(handler) not in _watched)
    except TypeError:  # not even a Handler: it cannot be watched, so it is looked at each time
        return way
    if len(_ways) >= _MANY:
        _ways.clear()
    _ways[logger.name] = way
    return way


def _is_kernels(name: str) -> bool:
    """Is it a logger of the machinery of a notebook's kernel, and this process one?"""
    return name.partition(".")[0] in _MACHINERY and "ipykernel" in sys.modules


def _forget(_: Any) -> None:
    """A handler has died."""
    _ways.clear()
    _sites.clear()
    _watched.clear()


def _meaning(kind: type) -> int:
    """What a class of handlers means for a record that comes to it."""
    logging = sys.modules["logging"]
    if any(base.__module__ == "outrider._handler" for base in kind.__mro__):
        return _KEPT
    ends = issubclass(kind, (logging.StreamHandler, logging.NullHandler)) or kind.__module__ == "rich.logging"
    if ends or (kind.__module__ == "logging.handlers" and kind.__name__ not in ("QueueHandler", "MemoryHandler", "BufferingHandler")):
        return 0
    return _PASSED_ON


def _tell(logger: Any, record: logging.LogRecord, way: Any) -> None:
    """A line that says how records of this logger are printed from this one on, where that is new or this stream has not been told."""
    writer = _current.writer or _current.open_implicit(None, None)
    handlers, means, _, told, to = way
    _ways[logger.name] = (handlers, means, _ask_at, told, to)
    text = _encode.json_text(_prints.of(_handlers(logger)))
    if (told, to) != (text, writer.name):
        writer.append(f'\n{{"k":"pr","t":{int(record.created * 1e9)},"lg":{_encode.quote(logger.name)},"to":{text}}}\n'.encode("ascii"))
        _ways[logger.name] = (handlers, means, _ask_at, text, writer.name)


def _open_ear(record: logging.LogRecord) -> bool:
    """The rest of the handler comes with the first record. False: not yet (the record waits), or not in a run at all."""
    global _loading
    if not os.environ.get("OUTRIDER_RUN_ID") and (not _implicit or _is_kernels(record.name) or _is_tool()):
        return False
    if _loading:
        _early.append(record)
        return False
    # Signals wait meanwhile: what a handler raises in the middle of an import may get lost there (importlib runs callbacks).
    before = _signals.mask()
    _loading = True
    try:
        _signals.mask(_signals.ALL)
        _load()
    except OSError:  # the script has no descriptors left, say: the record waits for the first one that finds some
        if len(_early) < _MANY:
            _early.append(record)
        return False
    finally:
        _loading = False
        _signals.mask(before)
    while _early:
        _keep(_early.pop(0))
    return True


def _is_tool() -> bool:
    """Is this process no script of anybody's, but an installer, a server of notebooks (their kernels are scripts) or ourselves?"""
    if "PIP_BUILD_TRACKER" in os.environ or "_PYPROJECT_HOOKS_BUILD_BACKEND" in os.environ:
        return True
    first = sys.argv[0] if sys.argv else ""
    words = [os.path.basename(os.path.dirname(first) if first.endswith("__main__.py") else first)]
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None:
        words.append(spec.name.partition(".")[0])
    if first == "-m":  # it is still being looked for
        given = getattr(sys, "orig_argv", [])
        words += given[given.index("-m") + 1 :][:1] if "-m" in given else []
    return any(word.rstrip("0123456789.") in _TOOLS or word.startswith("jupyter-") for word in words)


def _load() -> None:
    global _keep, _tells, weakref, _current, _encode, _once, _prints, _quote, _Record, _PLAIN, _SIMPLE, _MAX_TEXT
    import weakref

    from outrider import _current, _encode, _handler, _once, _prints, _records

    _quote, _MAX_TEXT, _PLAIN, _SIMPLE = _encode.quote, _encode.MAX_TEXT, _records.PLAIN, _records.SIMPLE
    _Record = sys.modules["logging"].LogRecord
    _tells = bool(os.environ.get("OUTRIDER_KEEPER"))
    _keep = _new_ear(_handler).handle


def _new_ear(module: Any) -> Any:
    """A RunHandler that `logging` does not know of: else it would stand in its list of handlers, and dictConfig would close it."""
    ear = module.RunHandler.__new__(module.RunHandler)
    ear.via, ear.filters, ear.level, ear._name = "hook", [], 0, None  # noqa: SLF001
    ear.experiment = ear.run_name = ear._writer = None  # noqa: SLF001
    ear._sites = module._caches.setdefault("hook", {})  # noqa: SLF001
    return ear


def is_foreign(process: int | None) -> bool:
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
    from outrider import _encode, _tracebacks, spool

    text = _tracebacks.as_printed(error)
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
