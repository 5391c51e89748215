"""
The structlog processor: every event into the current run, and on to the next processor unchanged.

Put it before the renderer: `structlog.configure(processors=[..., outrider.structlog.OutriderProcessor(), renderer])`. The keys
`metrics` and `step` make points, as `extra` does with RunHandler. Does not import structlog. Never raises.
"""

from __future__ import annotations

import sys
from time import time, time_ns

from outrider import _current, _facts, _once, _records, _run, _signals  # noqa: F401 -- the first record, maybe a signal handler's, imports nothing
from outrider._encode import quote, safe_str

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, MutableMapping

_LEVELS = {"debug": 10, "info": 20, "warn": 30, "warning": 30, "error": 40, "exception": 40, "critical": 50, "fatal": 50}
_NAMED = ("event", "level", "logger", "logger_name", "exc_info", "stack")


class OutriderProcessor:
    """A processor. `experiment` and `name` are for the run that is opened where there is none."""

    def __init__(self, experiment: str | None = None, name: str | None = None) -> None:
        self.experiment, self.name = experiment, name

    def __call__(self, logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Keeps the event, and returns it as it came."""
        try:
            data = _line(logger, method_name, dict(event_dict))
            writer = _current.writer or _current.open_implicit(self.experiment, self.name)
            if writer is not None:
                writer.append(data)
            if "logging" in sys.modules and isinstance(logger, sys.modules["logging"].Logger):
                _once.expect(logger.name, _level(event_dict, method_name), safe_str(event_dict.get("event", "")), time())
        except Exception as error:  # noqa: BLE001 -- law 1: nothing may be raised into the script
            _signals.pass_on(error)
        return event_dict


def _level(event: MutableMapping[str, Any], method_name: str) -> int:
    return _LEVELS.get(safe_str(event.get("level") or method_name).lower(), _LEVELS.get(method_name, 20))


def _line(logger: Any, method_name: str, event: dict[str, Any]) -> bytes:
    import threading

    level = _level(event, method_name)
    name = event.get("logger") or event.get("logger_name") or getattr(logger, "name", None)
    thread = threading.current_thread()
    bad: list[str] = []
    parts = [f'\n{{"k":"l","t":{time_ns()},"lv":{level}']
    if isinstance(name, str):
        parts.append('"lg":' + quote(name))
    parts.append(f'"th":{quote(thread.name)},"ti":{thread.ident or 0},"via":"handler","msg":{quote(safe_str(event.get("event", "")))}')
    parts += _records.points_and_fields({key: value for key, value in event.items() if key not in _NAMED}, bad)
    error = event.get("exc_info", method_name == "exception")
    if error is True:
        error = sys.exc_info()[1]
    if error:
        parts.append('"exc":' + _records.exception_text(error, None, bad))
    if isinstance(event.get("stack"), str):
        parts.append('"st":' + quote(event["stack"]))
    return _records.finish(parts, bad)
