"""
The agent's own log: structlog, JSON lines in agent.log, or lines on stderr with --foreground: for people, for the journal, or JSON.

An event is a fixed snake_case name; the data are keys. Nothing else of the agent writes to a terminal.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class File:
    """A log file that is bounded: at `max_bytes` it becomes `agent.log.1` (replacing the last one) and begins anew. Thread-safe."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._descriptor = -1
        self._size = 0

    def write(self, text: str) -> int:
        """Appends. A log that cannot be written is no reason for the agent to stop: the line is dropped."""
        data = text.encode("utf-8", "backslashreplace")
        with self._lock, contextlib.suppress(OSError):
            if self._descriptor < 0 or self._size + len(data) > self._max_bytes:
                self._reopen()
            self._size += os.write(self._descriptor, data)
        return len(text)

    def flush(self) -> None:
        """Nothing is buffered."""

    def reopen(self, max_bytes: int) -> None:
        """The next line goes to the file that has the name then: somebody may have moved this one away."""
        self._max_bytes = max_bytes
        self.close()

    def close(self) -> None:
        """Idempotent."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _reopen(self) -> None:
        rotate = self._descriptor >= 0 or (self._path.exists() and self._path.stat().st_size >= self._max_bytes)
        self._close()
        if rotate:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._descriptor).st_size


class Collapse:
    """A processor: of a warning or error that repeats, the first goes out, then one in `every_s` seconds, with a count of the others."""

    def __init__(self, every_s: float = 60.0) -> None:
        self._every_s = every_s
        self._lock = threading.Lock()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def __call__(self, _logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """Raises `DropEvent` for a repetition."""
        if method not in ("warning", "error", "exception"):
            return event
        key = (str(event.get("event")), str(event.get("error", ""))[:200])
        now = time.monotonic()
        with self._lock:
            last, hidden = self._seen.get(key, (-self._every_s, 0))
            if now - last < self._every_s:
                self._seen[key] = (last, hidden + 1)
                raise structlog.DropEvent
            if len(self._seen) > 1000:
                self._seen.clear()
            self._seen[key] = (now, 0)
        if hidden:
            event["repeated"] = hidden
        return event


#: What the journal takes from the beginning of a line (sd-daemon(3)); the rest of it is the message.
_PRIORITIES = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "exception": "<3>"}


def configure(*, path: Path, level: str, max_bytes: int, foreground: bool, form: str = "text") -> File | None:
    """Sends the log to `path` as JSON, or to stderr in the foreground, as text, keys or json. The file, to be closed last."""
    file = None if foreground else File(path, max_bytes)
    form = form if foreground else "json"
    processors: list[Any] = [structlog.processors.add_log_level, Collapse()]
    if form != "keys":  # the journal has the time
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    processors.append(structlog.processors.StackInfoRenderer())
    if form != "text":
        processors.append(structlog.processors.format_exc_info)
    renderers: dict[str, Any] = {
        # Plain: the values of variables may be secrets, and have no place in a log.
        "text": structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback),
        "keys": _for_the_journal,
        "json": structlog.processors.JSONRenderer(default=str),
    }
    structlog.configure(
        processors=[*processors, renderers[form]],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr if file is None else file),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    _route_library_warnings()
    return file


def set_level(level: str) -> None:
    """The least severe messages kept from now on."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]))


def _for_the_journal(_logger: Any, method: str, event: structlog.typing.EventDict) -> str:
    """One line: the priority, the event's name, key=value; what has spaces or more lines is quoted as JSON."""
    event.pop("level", None)
    name = event.pop("event", "")
    pairs = [f"{key}={_quoted(value)}" for key, value in event.items()]
    return " ".join([f"{_PRIORITIES.get(method, '<6>')}{name}", *pairs])


def _quoted(value: Any) -> str:
    text = str(value)
    plain = text.isprintable() and not any(char in ' "=' for char in text)
    return text if plain and text else json.dumps(text)


def _route_library_warnings() -> None:
    """Libraries that log by `logging` (asyncio, aiohttp) end up in the same place."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(_Bridge(level=logging.WARNING))


class _Bridge(logging.Handler):
    """Passes a `logging` record on to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(part="library")
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        emit = log.error if record.levelno >= logging.ERROR else log.warning
        emit("library_message", logger=record.name, error=record.getMessage(), **({"exc_info": exc_info} if exc_info else {}))
