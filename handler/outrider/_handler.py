"""
RunHandler: log records into the run of this process.

Never raises, never waits but for the local file system, takes no lock: an append is one write. Nothing here touches other handlers.
`emit` may swallow: what goes wrong in it has already been turned into a degraded record, or the interpreter is going away.
"""

from __future__ import annotations

import logging
import os
from _thread import get_ident

from outrider import _current, _records
from outrider._encode import MAX_TEXT, quote

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from outrider._run import Run

_CACHED = 4096  #: call sites whose repeating part is kept
_PLAIN = _records.PLAIN
_Record = logging.LogRecord
_write = os.write
_encoding: set[int] = set()  #: threads that are in the middle of a record, in whatever RunHandler
_caches: dict[str, dict[tuple[object, ...], str]] = {}  #: by `via`: the repeating part of each call site


def _after_fork() -> None:
    """In the child: the process has another name, and the other threads are gone."""
    _encoding.clear()
    for sites in _caches.values():
        sites.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class RunHandler(logging.Handler):
    """
    Keeps every record in the current run; without one it opens one at the first record.

    `run`: a Run or a run id, to send everything there instead. `experiment` and `name` are for the run that is opened where there is none.
    `extra={"metrics": {"loss": 0.3}, "step": 7}` makes points. A formatter is accepted and not used: the record is kept, not its text.
    """

    via = "handler"

    def __init__(self, level: int | str = 0, run: Run | str | None = None, experiment: str | None = None, name: str | None = None) -> None:
        super().__init__(level)
        self.experiment, self.run_name = experiment, name
        self._writer = None if run is None else _current.writer_of(run)
        self._sites = _caches.setdefault(self.via, {})

    def handle(self, record: logging.LogRecord) -> bool:
        """Filters, and keeps. Without the handler's lock: the kernel orders the appends."""
        if self.filters:
            passed = self.filter(record)
            if not passed:
                return False
            if isinstance(passed, logging.LogRecord):
                record = passed
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the record. Never raises."""
        ident = get_ident()
        if ident in _encoding:
            self._nested(record)
            return
        _encoding.add(ident)
        try:
            data = self._line(record)
            writer = self._writer or _current.writer or _current.open_implicit(self.experiment, self.run_name, data)
            if writer is None:
                return
            try:
                written = _write(writer.fd, data)
            except OSError:
                written = -1
            if written == len(data):
                writer.left = left = writer.left - written
                if left < 0:
                    writer.look_around()
            else:
                writer.recover(data)
        except Exception:  # noqa: BLE001, S110 -- see the top: law 1
            pass
        finally:
            _encoding.discard(ident)

    def _line(self, record: logging.LogRecord) -> bytes:
        """The record as a line: by hand where nothing about it is special."""
        attributes = record.__dict__
        if record.exc_info or record.stack_info or record.exc_text or (len(attributes) != _PLAIN and not _records.is_plain(attributes)):
            return _records.whole(record, self.via)
        key = (record.pathname, record.lineno, record.name, record.levelno, record.threadName, record.thread)
        try:
            site = self._sites[key]
        except KeyError:
            site = self._new_site(key, record)
        try:
            message = record.msg
            if type(message) is not str or type(record) is not _Record or attributes.get("taskName") is not None:
                return _records.whole(record, self.via)
            if record.args:
                message = message % record.args
            if len(message) > MAX_TEXT:
                return _records.whole(record, self.via)
            return f'\n{{"k":"l","t":{int(record.created * 1e9)},{site}"msg":{quote(message)}}}\n'.encode("ascii")
        except Exception:  # noqa: BLE001 -- %-formatting runs the script's objects
            return _records.whole(record, self.via)

    def _new_site(self, key: tuple[object, ...], record: logging.LogRecord) -> str:
        site = _records.fragment(record, self.via)
        if len(self._sites) >= _CACHED:
            self._sites.clear()
        self._sites[key] = site
        return site

    def _nested(self, record: logging.LogRecord) -> None:
        """A record made while this thread was encoding another: by a `__repr__` that logs, a signal handler, a destructor."""
        try:
            data = _records.whole(record, self.via, nested=True)
            writer = self._writer or _current.writer or _current.open_implicit(self.experiment, self.run_name, data)
            if writer is not None:
                writer.append(data)
        except Exception:  # noqa: BLE001, S110 -- see the top: law 1
            pass
