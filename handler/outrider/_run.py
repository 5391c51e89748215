"""
Run: what a script calls when it wants to say more than it logs. Every call that has returned is kept, or counted as refused.

A wrong type raises at the call, and so does a call on a run that has ended; nothing else here raises into a script. What reads
(`get_metrics`, `flush`) and what copies (`upload_*`) live in modules of their own, imported at their first use. What is needed at exit
is imported here: an import at exit may run `eval` (namedtuple does), and that makes the interpreter forget that it was to die of SIGINT.
"""

from __future__ import annotations

import os
import sys
from time import time_ns

from outrider import _current, _records, _signals, _values, record, spool
from outrider._encode import json_text, quote, safe_str
from outrider._errors import RunEnded

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Iterable, Mapping

_INF = float("inf")
_MAX_STEP = _values.MAX_STEP
_write = os.write


class Run:
    """A run: made by `outrider.start_run()`. Used in a `with` block it ends with the block: an exception marks it Failed and goes on."""

    def __init__(self, run_id: str, writer: Any, *, experiment: str | None, name: str | None, owns: bool) -> None:
        self.id, self.experiment, self.name = run_id, experiment, name
        self.claimed = False
        self._writer = writer
        self._owns = owns
        self._names: dict[str, str] = {}
        self._ended: str | None = None

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.status}: {self.experiment or '?'}/{self.name or '?'}>"

    @property
    def status(self) -> str:
        """Running, or how it ended, as far as this process has said."""
        return self._ended or record.RUNNING

    def log(self, name: str, value: Any, step: int | None = None) -> None:
        """One point of the series `name`: a number, text or bool, at an optional step. NaN and infinities are kept."""
        try:
            head = self._names[name]
        except (KeyError, TypeError):
            head = self._new_name(name)
        kind = type(value)
        text = repr(value) if kind is float and -_INF < value < _INF else _values.point_text(value)
        now = time_ns()
        writer = self._writer
        if now > writer.look_at:
            writer.look_at_fd()
        if step is None:
            data = f'\n{{"k":"m","t":{now},{head}{text}}}\n'.encode("ascii")
        else:
            at = step if type(step) is int and -_MAX_STEP <= step <= _MAX_STEP else _values.step_text(step)
            data = f'\n{{"k":"m","t":{now},{head}{text},"s":{at}}}\n'.encode("ascii")
        try:
            written = _write(writer.fd, data)
        except OSError as error:
            _signals.pass_on(error)
            written = -1
        if written == len(data):
            writer.left = left = writer.left - written
            if left < 0:
                writer.look_around()
        else:
            writer.recover(data)

    def log_list(self, name: str, values: Iterable[Any], description: str | None = None) -> None:
        """Many values of one series at once, without steps: a list, tuple, range, array, generator of scalars."""
        texts = _values.list_text(values)
        self._append(f'"k":"ls","t":{time_ns()},"n":{self._name(name)},"v":{texts}{_description(description)}')

    def log_row(self, name: str, description: str | None = None, **columns: Any) -> None:
        """One row of the table `name`: a scalar for each column. Call it again for the next row."""
        if not columns:
            raise ValueError("log_row() needs at least one column: run.log_row('wave', angle=0.1, cos=0.99)")
        cells = ",".join([quote(column) + ":" + _values.text(value) for column, value in columns.items()])
        self._append(f'"k":"rw","t":{time_ns()},"n":{self._name(name)},"c":{{{cells}}}{_description(description)}')

    def log_table(self, name: str, value: Mapping[str, Iterable[Any]], description: str | None = None) -> None:
        """A whole table: `{column: values}`, all columns of one length."""
        columns = _values.table_text(value)
        self._append(f'"k":"tb","t":{time_ns()},"n":{self._name(name)},"c":{columns}{_description(description)}')

    def tag(self, key: str, value: Any = None) -> None:
        """Sets a tag; it may be set again."""
        self._append(f'"k":"tag","t":{time_ns()},"n":{self._name(key, "a tag")},"v":{json_text(value)}')

    def param(self, key: str, value: Any) -> None:
        """Sets a parameter of the run: what it was given, a learning rate say."""
        self._append(f'"k":"param","t":{time_ns()},"n":{self._name(key, "a parameter")},"v":{json_text(value)}')

    def params(self, values: Mapping[str, Any]) -> None:
        """Sets many parameters: a dict, `vars(args)` say."""
        if not hasattr(values, "items"):
            raise TypeError(f"params() takes a dict of names and values, not {type(values).__name__}; for one of them use param()")
        for key, value in values.items():
            self.param(key, value)

    def upload_file(self, name: str, path_or_stream: Any) -> None:
        """Copies a file (a path, or an open binary file) into the run under `name`. Durable when it returns; else OSError."""
        from outrider import _uploads

        self._check()
        if not isinstance(self._writer, _current.NullWriter):
            self._append(_uploads.store(self._writer.home, name, path_or_stream))

    def upload_folder(self, name: str, path: str) -> None:
        """Copies every file below a folder into the run, under `name`/."""
        from outrider import _uploads

        for inner, file in _uploads.files_below(path):
            self.upload_file(name.rstrip("/") + "/" + inner if name else inner, file)

    def get_metrics(self, name: str | None = None) -> dict[str, Any]:
        """
        What was logged to this run until now, by all its processes: `{name: value}`, with a list where there are many values and columns
        for rows and tables. Asks the agent, else reads the spool; raises MetricsUnavailable rather than give a part.
        """
        from outrider import _metrics

        return _metrics.of_run(self.id, self._writer, name)

    def flush(self, timeout: float = 60.0) -> bool:
        """Waits up to `timeout` seconds until the store has what this process logged. False: not in time, or no agent."""
        from outrider import _metrics

        return _metrics.flush(self.id, self._writer, timeout)

    def complete(self) -> None:
        """Ends the run as Completed. Calling it again does nothing."""
        self._end(record.COMPLETED, "completed")

    def fail(self, error: BaseException | str | None = None) -> None:
        """Ends the run as Failed, with an exception or a text that says why."""
        if error is not None and not isinstance(error, (str, BaseException)):
            raise TypeError(f"fail() takes an exception or a text, not {type(error).__name__}")
        self._end(record.FAILED, "failed", error)

    def cancel(self) -> None:
        """Ends the run as Canceled."""
        self._end(record.CANCELED, "canceled")

    def __enter__(self) -> Run:  # noqa: PYI034 -- typing.Self is not for 3.8
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._ended is not None:
            return
        if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.complete()
        elif isinstance(error, KeyboardInterrupt):
            self.cancel()
        else:
            self._end(record.FAILED, "exception", error)

    def claim(self, experiment: str | None, name: str | None, facts: Mapping[str, Any]) -> None:
        """The first `start_run` of a process that is in a run already: what it says about it."""
        self.claimed = True
        self.experiment, self.name = experiment or self.experiment, name or self.name
        said = {"experiment": experiment, "name": name, **facts}
        said = {key: value for key, value in said.items() if value is not None}
        if said:
            self._writer.append_vital(spool.line({"k": record.RUN, "t": time_ns(), **said}))

    def _end(self, status: str, reason: str, error: BaseException | str | None = None) -> None:
        if self._ended is not None:
            if self._ended == status:
                return
            raise RunEnded(f"this run has already ended as {self._ended}, so {status} was not written; a run ends once")
        self._ended = status
        self._names = {}
        end = {"k": record.END, "t": time_ns(), "status": status, "reason": reason}
        self._writer.append_vital(("\n" + json_text(end)[:-1] + _error(error) + "}\n").encode("ascii"), end)
        _current.ended(self)

    def _end_at_exit(self) -> None:
        """The process ends in order, and the script has not said how the run went: an uncaught exception says it."""
        error = getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)
        if not isinstance(error, BaseException) or hasattr(sys, "ps1"):  # at a prompt an exception is not the end
            self._end(record.COMPLETED, "ended")
        elif isinstance(error, KeyboardInterrupt):
            self._end(record.CANCELED, "canceled", error)
        else:
            self._end(record.FAILED, "exception", error)

    def _append(self, fields: str) -> None:
        self._check()
        self._writer.append(("\n{" + fields + "}\n").encode("ascii"))

    def _check(self) -> None:
        if self._ended is not None:
            raise RunEnded

    def _name(self, name: Any, what: str = "a metric") -> str:
        if not isinstance(name, str) or not name:
            raise TypeError(f"the name of {what} must be a text that is not empty, not {safe_str(name)[:80]!r}")
        return quote(name)

    def _new_name(self, name: Any) -> str:
        self._check()
        head = '"n":' + self._name(name) + ',"v":'
        if len(self._names) < 10_000:
            self._names[name] = head
        return head


def _description(text: str | None) -> str:
    return "" if not text else ',"d":' + quote(safe_str(text))


def _error(error: BaseException | str | None) -> str:
    if error is None:
        return ""
    if isinstance(error, str):
        return ',"err":{"type":"","message":' + quote(error) + ',"traceback":""}'
    return ',"err":' + _records.exception_text(error, None, [])
