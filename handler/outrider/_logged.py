"""
What a script says in a run: points, lists, rows, tables, images, charts, tags, properties, parameters, files. Every call that has
returned is kept, or counted as refused.

A wrong type raises at the call, and so does logging to a run that has ended; nothing else here raises into a script. What copies
(`upload_*`, images) lives in modules of its own, imported at its first use.
"""

from __future__ import annotations

import os
from time import time_ns

from outrider import _current, _signals, _values
from outrider._encode import json_text, quote, safe_str
from outrider._errors import RunEnded
from outrider._known import KnownRun

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterable, Mapping, Sequence

    from outrider._model import Model

_INF = float("inf")
_MAX_STEP = _values.MAX_STEP
_write = os.write


class LoggedRun(KnownRun):
    """The half of a Run that writes."""

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

    def log_image(self, name: str, path: Any = None, plot: Any = None, description: str | None = None) -> None:
        """
        A picture: the `path` of a file, or a `plot`: anything with `savefig`, so a figure of matplotlib or `matplotlib.pyplot` itself.
        A plot in the path's place is taken as one. Raises ValueError for both or none, InvalidImage for what is no picture.
        """
        raise NotImplementedError

    def log_confusion_matrix(self, name: str, value: Any, description: str | None = None) -> None:
        """A confusion matrix, as a dict or JSON text of the schema `azureml.v2.confusion_matrix`. Kept as sent."""
        raise NotImplementedError

    def log_accuracy_table(self, name: str, value: Any, description: str | None = None) -> None:
        """True and false positives and negatives by threshold, as a dict or JSON text. Kept as sent."""
        raise NotImplementedError

    def log_predictions(self, name: str, value: Any, description: str | None = None) -> None:
        """Predicted against true values in bins, as a dict or JSON text. Kept as sent."""
        raise NotImplementedError

    def log_residuals(self, name: str, value: Any, description: str | None = None) -> None:
        """A histogram of residuals, as a dict or JSON text. Kept as sent."""
        raise NotImplementedError

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets several tags."""
        raise NotImplementedError

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Removes tags by their keys."""
        raise NotImplementedError

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Sets properties. A property is set once: another value later raises PropertyChanged."""
        raise NotImplementedError

    def upload_files(
        self, names: Sequence[str], paths: Sequence[str], return_artifacts: bool = False, timeout_seconds: float | None = None, **_more: Any
    ) -> None:
        """Copies several files into the run, each path under its name. Raises TypeError where they are not as many."""
        raise NotImplementedError

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        file_name: str | None = None,
        **more: Any,
    ) -> Model:
        """
        Registers a file or folder of the run as the next version of a model.

        `model_path` is within the run (default: the model's name). `file_name`: a file on disk, uploaded first as `outputs/<base name>`.
        Raises ModelPathNotFound with the run's files.
        """
        raise NotImplementedError

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
