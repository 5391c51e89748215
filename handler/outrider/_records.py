"""
Pure: one log record into one `l` line. Total: a record that cannot be kept as it is becomes a degraded one, with the reason in `bad`.

No I/O and no state but a bounded cache of what repeats from call to call. What the script's objects do when asked for their text (raise,
log, take long) is dealt with here and in `_handler.py`'s guard.
"""

from __future__ import annotations

import logging
from time import time_ns

from outrider import _signals, _values
from outrider._encode import MAX_TEXT, json_text, quote, safe_repr, safe_str

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

_STANDARD = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_OWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
#: How many attributes a record has that nothing was added to.
PLAIN = len(logging.LogRecord("", 0, "", 0, "", (), None).__dict__)
SIMPLE = frozenset({str, int, float, bool, type(None)})
_MANY = 10_000  #: values of extra fields that are kept of one record


def fragment(record: logging.LogRecord, via: str) -> str:
    """The fields that are the same for every record of one call site, thread name and level: JSON text with a comma at its end."""
    level = record.levelno if isinstance(record.levelno, int) else 0
    parts = [f'"lv":{level:d}']
    if _STANDARD.get(level) != record.levelname:
        parts.append('"ln":' + quote(safe_str(record.levelname)))
    texts = (("lg", record.name), ("fi", record.pathname), ("fn", record.funcName), ("th", record.threadName))
    parts += [f'"{key}":' + quote(safe_str(value)) for key, value in texts if value is not None]
    if isinstance(record.lineno, int):
        parts.append(f'"no":{record.lineno:d}')
    if record.processName not in (None, "MainProcess"):
        parts.append('"pr":' + quote(safe_str(record.processName)))
    if via != "handler":
        parts.append(f'"via":"{via}"')
    return ",".join(parts) + ","


def whole(record: logging.LogRecord, via: str, nested: bool = False) -> bytes:
    """The line of any record. `nested`: made while this thread was encoding another; then no code of the script's objects is run."""
    try:
        return _whole(record, via, nested)
    except Exception as error:  # noqa: BLE001 -- a record made by hand may hold anything, anywhere
        _signals.pass_on(error)
        message = quote(safe_str(record.msg)[:MAX_TEXT])
        parts = [f'\n{{"k":"l","t":{time_ns()},{_safe_fragment(record, via)}"msg":{message}']
        return finish(parts, [f"the record could not be read: {type(error).__name__}"])


def _whole(record: logging.LogRecord, via: str, nested: bool) -> bytes:
    bad: list[str] = []
    message = _message(record, bad, nested)
    parts = [f'\n{{"k":"l","t":{_time(record.created)},{_safe_fragment(record, via)}"msg":{_cut(message, "the message", bad)}']
    if record.threadName != "MainThread" and isinstance(record.thread, int):
        parts.append(f'"ti":{record.thread:d}')
    extra = {key: value for key, value in record.__dict__.items() if key not in _OWN}
    task = getattr(record, "taskName", None)
    if task is not None:
        parts.append('"tk":' + quote(safe_str(task)))
    if nested and not _is_harmless(extra):
        bad.append("extra fields left out: logged while another record was being encoded")
    else:
        parts += points_and_fields(extra, bad)
    if record.exc_info or record.exc_text:
        parts.append(
            '"exc":' + (_bare_exception(record.exc_info, bad) if nested else exception_text(record.exc_info, record.exc_text, bad))
        )
    if record.stack_info:
        parts.append('"st":' + _cut(safe_str(record.stack_info), "the stack", bad))
    return finish(parts, bad)


def finish(parts: list[str], bad: list[str]) -> bytes:
    """Parts and the reasons of degradation, as a line."""
    if bad:
        parts.append('"bad":' + quote("; ".join(bad)))
    return (",".join(parts) + "}\n").encode("ascii")


def points_and_fields(extra: dict[str, Any], bad: list[str]) -> list[str]:
    """`m`, `s` and `x` of what came as extra: what makes no point stays an extra field, and `bad` says why."""
    parts: list[str] = []
    if "metrics" in extra:
        points = _points(extra, bad)
        if points:
            parts.append('"m":{' + ",".join(points) + "}")
            step = _step(extra, bad)
            if step:
                parts.append('"s":' + step)
    if extra:
        text = json_text(extra, _MANY)
        parts.append('"x":' + (text if len(text) <= MAX_TEXT else _shortened(extra, bad)))
    return parts


def exception_text(exc_info: Any, exc_text: Any, bad: list[str]) -> str:
    """`exc` of what logging calls exc_info (a tuple, an exception), or of a text that was formatted before."""
    error = exc_info[1] if type(exc_info) is tuple and len(exc_info) == 3 else exc_info
    if not issubclass(type(error), BaseException):
        if not exc_text:
            return '{"type":"NoneType","message":"","traceback":""}'
        return '{"type":"","message":"","traceback":' + _cut(safe_str(exc_text), "the traceback", bad) + "}"
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    message = _cut(safe_str(error), "the exception's message", bad)
    trace = _cut(traceback_text(error), "the traceback", bad)
    return f'{{"type":{quote(name)},"message":{message},"traceback":{trace}}}'


def traceback_text(error: BaseException) -> str:
    """As Python prints it; a word when it cannot be."""
    import traceback

    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception as failure:  # noqa: BLE001 -- foreign exceptions may raise anything when asked for their text
        _signals.pass_on(failure)
        return f"<no traceback: {type(failure).__name__}>"


def _message(record: logging.LogRecord, bad: list[str], nested: bool) -> str:
    args = record.args
    if nested and not (isinstance(record.msg, str) and is_simple(args)):
        bad.append("message not formatted: logged while another record was being encoded")
        return record.msg if isinstance(record.msg, str) else f"<{type(record.msg).__name__}>"
    try:
        message = record.getMessage()
    except Exception as error:  # noqa: BLE001 -- %-formatting runs the script's objects
        _signals.pass_on(error)
        bad.append(f"message and arguments do not fit: {type(error).__name__}: {safe_str(error)[:500]}")
        return f"{safe_str(record.msg)} {safe_repr(args)}"
    if isinstance(message, str):
        return message
    return safe_str(message)


def is_simple(args: Any) -> bool:
    """Does formatting these run no code of the script?"""
    return not args or (type(args) is tuple and SIMPLE.issuperset(map(type, args)))


def _is_harmless(extra: dict[str, Any]) -> bool:
    """Does writing these run no code of the script?"""
    values = list(extra.values())
    values += [item for value in extra.values() if type(value) is dict for item in value.values()]
    return all(type(value) in SIMPLE or type(value) is dict for value in values)


def _bare_exception(exc_info: Any, bad: list[str]) -> str:
    """`exc` without asking the exception for its text."""
    import traceback

    error = exc_info[1] if isinstance(exc_info, tuple) and len(exc_info) == 3 else exc_info
    bad.append("the exception's message left out: logged while another record was being encoded")
    trace = "".join(traceback.format_tb(error.__traceback__)) if isinstance(error, BaseException) else ""
    return f'{{"type":{quote(type(error).__name__)},"message":"","traceback":{_cut(trace, "the traceback", bad)}}}'


def _time(created: Any) -> int:
    try:
        return int(created * 1e9)
    except (TypeError, ValueError, OverflowError) as error:  # of a record made by hand; what else there is `whole` sees to
        _signals.pass_on(error)
        return time_ns()


def _safe_fragment(record: logging.LogRecord, via: str) -> str:
    try:
        return fragment(record, via)
    except Exception as error:  # noqa: BLE001 -- a record made by hand may lack anything
        _signals.pass_on(error)
        return f'"lv":0,"via":"{via}",'


def _cut(text: str, what: str, bad: list[str]) -> str:
    if len(text) > MAX_TEXT:
        bad.append(f"{what} had {len(text)} characters; its first {MAX_TEXT} are kept")
        text = text[:MAX_TEXT]
    return quote(text)


def _points(extra: dict[str, Any], bad: list[str]) -> list[str]:
    """The metrics that are scalars, taken out of `extra`; the others stay there."""
    metrics = extra["metrics"]
    try:
        items = list(metrics.items())
    except Exception as error:  # noqa: BLE001 -- whatever it is, it is no mapping
        _signals.pass_on(error)
        bad.append(f"metrics must be a dict of names and numbers, not {type(metrics).__name__}")
        return []
    points, rest = [], {}
    for name, value in items:
        try:
            points.append(quote(name if isinstance(name, str) else safe_str(name)) + ":" + _values.point_text(value))
        except Exception as error:  # noqa: BLE001, PERF203 -- a foreign object may raise anything
            _signals.pass_on(error)
            rest[name] = value
    del extra["metrics"]
    if rest:
        bad.append("metrics that are no number, text or bool: " + ", ".join(safe_str(name) for name in rest)[:500])
        extra["metrics"] = rest
    return points


def _step(extra: dict[str, Any], bad: list[str]) -> str:
    step = extra.pop("step", None)
    if step is None:
        return ""
    try:
        return _values.step_text(step)
    except (TypeError, ValueError, OverflowError) as error:  # what a foreign object raises, `step_text` takes for no number
        _signals.pass_on(error)
        bad.append("step has more than 64 bits" if type(step) is int else f"step must be a whole number, not {type(step).__name__}")
        extra["step"] = step
        return ""


def _shortened(extra: dict[str, Any], bad: list[str]) -> str:
    """Extra fields of more than a MiB: each that is large by itself loses its tail."""
    bad.append("extra fields of more than 1 MiB are cut")
    share = MAX_TEXT // (len(extra) + 1)
    texts = {safe_str(key)[:1000]: json_text(value, _MANY) for key, value in list(extra.items())[:1000]}
    return "{" + ",".join(quote(key) + ":" + (text if len(text) <= share else quote(text[:share])) for key, text in texts.items()) + "}"
