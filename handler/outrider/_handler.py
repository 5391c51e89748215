"""
RunHandler: log records into the run of this process.

Never raises, but for what the script's own signal handler raises meanwhile, which is the script's. Never waits but for the local file
system, takes no lock: an append is one write. Nothing here touches other handlers. `emit` may swallow: what goes wrong in it has already
been turned into a degraded record, or the interpreter is going away.
"""

from __future__ import annotations

import logging
import os
import sys
from _thread import get_ident

from outrider import _current, _facts, _once, _records, _run, _signals  # noqa: F401 -- the first record, maybe a signal handler's, imports nothing
from outrider._encode import MAX_TEXT, quote

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    from outrider._run import Run

_CACHED = 4096  #: call sites whose repeating part is kept
_PLAIN = _records.PLAIN
_TASKS = sys.version_info >= (3, 12)  #: records name their asyncio task
_SIMPLE = _records.SIMPLE
_Record = logging.LogRecord
_write = os.write
_encoding: dict[int, Any] = {}  #: threads that are in the middle of a record, in whatever RunHandler: where
_caches: dict[str, dict[tuple[object, ...], str]] = {}  #: by `via`: the repeating part of each call site


def _after_fork() -> None:
    """In the child: the process has another name, and the other threads are gone."""
    _encoding.clear()
    for sites in _caches.values():
        sites.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _is_below(encoding: Any) -> bool:
    """Is that call still going on? (A signal handler's exception may come between any two steps, of a `finally` too.)"""
    frame: Any = sys._getframe(1)  # noqa: SLF001
    while frame is not None and frame is not encoding:
        frame = frame.f_back
    return frame is not None


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

    def handle(self, record: logging.LogRecord) -> bool:  # noqa: C901, PLR0912 -- the hot path, in one piece on purpose
        """
        Filters, and keeps. Without the handler's lock: the kernel orders the appends. Never raises.

        The body is the way of a plain record whose text runs no code of the script, in one piece because calls cost; all else is `emit`'s.
        """
        if self.filters:
            passed = self.filter(record)
            if not passed:
                return False
            record = passed if isinstance(passed, logging.LogRecord) else record
        try:
            if _once.armed and _once.is_kept(record):
                return True
            # Attributes before __dict__: asking for that one first makes each of them slow (Python 3.11 and 3.12).
            thread = record.threadName
            key = (record.lineno, record.pathname, record.name, record.levelno, thread, record.process)
            message, args, created = record.msg, record.args, record.created
            special = record.exc_info or record.exc_text or record.stack_info or (_TASKS and record.taskName)  # type: ignore[attr-defined]
            if special or type(message) is not str or type(record) is not _Record or len(record.__dict__) != _PLAIN:
                return self._kept_by_emit(record)
            if args:
                if type(args) is not tuple:
                    return self._kept_by_emit(record)
                for value in args:
                    if type(value) not in _SIMPLE:
                        return self._kept_by_emit(record)
                message = message % args
            site = self._sites.get(key)
            if site is None:
                if _once.must_ask(record):
                    return True
                site = self._new_site(key, record)
            if len(message) > MAX_TEXT:
                return self._kept_by_emit(record)
            if thread != "MainThread":
                site = f'{site}"ti":{record.thread or 0},'
            writer = self._writer or _current.writer
            now = int(created * 1e9)
            if now > writer.look_at:
                writer.look_at_fd()
            data = f'\n{{"k":"l","t":{now},{site}"msg":{quote(message)}}}\n'.encode()
            if _write(writer.fd, data) == len(data):
                writer.left = left = writer.left - len(data)
                if left < 0:
                    writer.look_around()
            else:
                writer.recover(data)
        except Exception as error:  # noqa: BLE001 -- text that does not fit its arguments, no run yet, a stream to be opened: emit sees to it
            _signals.pass_on(error)
            self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps any record. Never raises."""
        ident = get_ident()
        # A record that is made while this thread is encoding another: by a `__repr__` that logs, say. It must not run such code again.
        nested = ident in _encoding and _is_below(_encoding[ident])
        try:
            if not nested:
                _encoding[ident] = sys._getframe()  # noqa: SLF001
            data = _records.whole(record, self.via, nested=nested)
            writer = self._writer or _current.writer or _current.open_implicit(self.experiment, self.run_name)
            if writer is not None:
                writer.append(data)
        except Exception as error:  # noqa: BLE001 -- see the top: law 1
            _signals.pass_on(error)
        finally:
            if not nested:
                _encoding.pop(ident, None)

    def _kept_by_emit(self, record: logging.LogRecord) -> bool:
        if not _once.must_ask(record):
            self.emit(record)
        return True

    def _new_site(self, key: tuple[object, ...], record: logging.LogRecord) -> str:
        site = _records.fragment(record, self.via)
        if len(self._sites) >= _CACHED:
            self._sites.clear()
        self._sites[key] = site
        return site
