"""
How the handlers on a record's way print it: what a reader needs to tell the print of a record, on the console, from other lines.

Reads the script's handlers, formatters and streams; calls no method of theirs but what the standard library defines. Kept small: it is
asked once a second and logger at most, and the answer is written only when it has changed.
"""

from __future__ import annotations

import logging
import os
import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

_TEXT = type(sys.__stdout__ or sys.__stderr__ or open(os.devnull))  # noqa: SIM115 -- TextIOWrapper, without importing io
_STYLES = {"PercentStyle": "%", "StrFormatStyle": "{", "StringTemplateStyle": "$"}
_SILENT = frozenset(
    {"SocketHandler", "DatagramHandler", "SysLogHandler", "NTEventLogHandler", "SMTPHandler", "HTTPHandler", "RotatingFileHandler"}
    | {"TimedRotatingFileHandler", "WatchedFileHandler", "BaseRotatingHandler"}
)
_LONGEST = 2_000  #: characters of a format that are kept


def of(handlers: Sequence[logging.Handler]) -> list[dict[str, Any]]:
    """
    One entry for each handler whose print may reach the console: `f` 1 or 2 (0: not known which), `lv` its level, and where its format
    is known `fmt` with its style `st` and `df`, the format of dates. `own` is true where the script has a say in how the text looks.
    """
    if not handlers:
        handlers = [logging.lastResort] if logging.lastResort is not None else []
    found = [_print(handler) for handler in handlers]
    return [entry for entry in found if entry is not None]


def _print(handler: logging.Handler) -> dict[str, Any] | None:
    kind = type(handler)
    number = _number(handler, kind)
    if number is None:
        return None
    entry: dict[str, Any] = {"f": number, "lv": handler.level if isinstance(handler.level, int) else 0}
    entry.update(_format(handler, kind))
    return entry


def _number(handler: logging.Handler, kind: type) -> int | None:
    """1 or 2; 0 where it may be either; None where it is no console."""
    if (
        kind is logging.NullHandler
        or kind.__module__ == "outrider._handler"
        or (kind.__module__ == "logging.handlers" and kind.__name__ in _SILENT)
    ):
        return None
    if kind.__module__ == "rich.logging":
        return _of_stream(getattr(handler.console, "_file", None) or sys.stdout)  # type: ignore[attr-defined]
    if not isinstance(handler, logging.StreamHandler):
        return 0
    stream = handler.stream
    if stream is None:  # a file that is opened later
        return 0 if str(getattr(handler, "baseFilename", "")).startswith(("/dev/", "/proc/")) else None
    return _of_stream(stream)


def _of_stream(stream: Any) -> int | None:
    if type(stream) is not _TEXT:
        return 0
    try:
        there = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed
        return None
    for number in (1, 2):
        try:
            here = os.fstat(number)
        except OSError:
            continue
        if (here.st_dev, here.st_ino, here.st_rdev) == (there.st_dev, there.st_ino, there.st_rdev):
            return number
    return None


def _format(handler: logging.Handler, kind: Any) -> dict[str, Any]:
    formatter = handler.formatter
    if formatter is None:
        return {"fmt": "%(message)s", "st": "%", **({} if _is_plain(kind) else {"own": True})}
    pattern, style = getattr(formatter, "_fmt", None), getattr(formatter, "_style", None)
    known = _STYLES.get(type(style).__name__)
    if not isinstance(pattern, str) or known is None or len(pattern) > _LONGEST:
        return {"own": True}
    found: dict[str, Any] = {"fmt": pattern, "st": known}
    if isinstance(formatter.datefmt, str):
        found["df"] = formatter.datefmt[:_LONGEST]
    if type(formatter) is not logging.Formatter or not _is_plain(kind):
        found["own"] = True
    return found


def _is_plain(kind: Any) -> bool:
    """Does it write what its formatter says, and nothing else?"""
    return kind.format is logging.Handler.format and kind.emit in (logging.StreamHandler.emit, logging.FileHandler.emit)
