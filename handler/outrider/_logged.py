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

    def log(self, name: str, value: Any, step: int | None = None, description: str | None = None) -> None:
        """
        One point of the series `name`: a number, text or bool, at an optional step. NaN and infinities are kept. `description`: what it
        measures, kept with the series.
        """
        try:
            head = self._names[name]
        except (KeyError, TypeError):
            head = self._new_name(name)
        kind = type(value)
        text = repr(value) if kind is float and -_INF < value < _INF else _values.point_text(value)
        now = time_ns()
        if description:
            return self._append(f'"k":"m","t":{now},{head}{text}{_step(step)}{_description(description)}')
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
        return None

    def log_list(self, name: str, value: Iterable[Any], description: str | None = None) -> None:
        """Many values of one series at once, without steps: a list, tuple, range, array, generator of scalars."""
        texts = _values.list_text(value)
        self._append(f'"k":"ls","t":{time_ns()},"n":{self._name_text(name)},"v":{texts}{_description(description)}')

    def log_row(self, name: str, description: str | None = None, **columns: Any) -> None:
        """One row of the table `name`: a scalar for each column. Call it again for the next row."""
        if not columns:
            raise ValueError("log_row() needs at least one column: run.log_row('wave', angle=0.1, cos=0.99)")
        cells = ",".join([quote(column) + ":" + _values.text(value) for column, value in columns.items()])
        self._append(f'"k":"rw","t":{time_ns()},"n":{self._name_text(name)},"c":{{{cells}}}{_description(description)}')

    def log_table(self, name: str, value: Mapping[str, Iterable[Any]], description: str | None = None) -> None:
        """A whole table: `{column: values}`, all columns of one length."""
        columns = _values.table_text(value)
        self._append(f'"k":"tb","t":{time_ns()},"n":{self._name_text(name)},"c":{columns}{_description(description)}')

    def log_image(self, name: str, path: Any = None, plot: Any = None, description: str | None = None) -> None:
        """
        A picture: the `path` of a file, or a `plot`: anything with `savefig`, so a figure of matplotlib or `matplotlib.pyplot` itself.
        A plot in the path's place is taken as one. Raises ValueError for both or none, InvalidImage for what is no picture.
        """
        from outrider import _figures

        self._check()
        self._name_text(name)
        if self._home is not None:
            for fields in _figures.image(self._home, self.id, name, path, plot, description):
                self._append(fields)

    def log_confusion_matrix(self, name: str, value: Any, description: str | None = None) -> None:
        """A confusion matrix, as a dict or JSON text of the schema `azureml.v2.confusion_matrix`. Kept as sent."""
        self._log_chart("confusion_matrix", name, value, description)

    def log_accuracy_table(self, name: str, value: Any, description: str | None = None) -> None:
        """True and false positives and negatives by threshold, as a dict or JSON text. Kept as sent."""
        self._log_chart("accuracy_table", name, value, description)

    def log_predictions(self, name: str, value: Any, description: str | None = None) -> None:
        """Predicted against true values in bins, as a dict or JSON text. Kept as sent."""
        self._log_chart("predictions", name, value, description)

    def log_residuals(self, name: str, value: Any, description: str | None = None) -> None:
        """A histogram of residuals, as a dict or JSON text. Kept as sent."""
        self._log_chart("residuals", name, value, description)

    def tag(self, key: str, value: Any = None) -> None:
        """Sets a tag; it may be set again, after the run's end too."""
        self._say(f'"k":"tag","t":{time_ns()},"n":{self._name_text(key, "a tag")},"v":{json_text(value)}')

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Sets several tags."""
        if not hasattr(tags, "items"):
            raise TypeError(f"set_tags() takes a dict of keys and values, not {type(tags).__name__}; for one of them use tag()")
        for key, value in tags.items():
            self.tag(key, value)

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Removes tags by their keys."""
        for key in [tags] if isinstance(tags, str) else list(tags):
            self._say(f'"k":"tag","t":{time_ns()},"n":{self._name_text(key, "a tag")},"del":true')

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Sets properties. A property is set once: another value for it raises PropertyChanged, and nothing is written."""
        from outrider import _properties

        for fields in _properties.lines(self, properties):
            self._say(fields)

    @property
    def display_name(self) -> str | None:
        """The run's name, as it is shown; may be set."""
        return self._display_name

    @display_name.setter
    def display_name(self, name: str) -> None:
        self._say(f'"k":"run","t":{time_ns()},"name":{self._name_text(name, "a run")}')
        self._display_name = name

    @property
    def description(self) -> str | None:
        """What the run is about; may be set."""
        found: str | None = self._asked().get("description")
        return found

    @description.setter
    def description(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a description is a text, not {type(text).__name__}")
        self._say(f'"k":"run","t":{time_ns()},"description":{quote(text)}')

    def param(self, key: str, value: Any) -> None:
        """Sets a parameter of the run: what it was given, a learning rate say."""
        self._append(f'"k":"param","t":{time_ns()},"n":{self._name_text(key, "a parameter")},"v":{json_text(value)}')

    def params(self, values: Mapping[str, Any]) -> None:
        """Sets many parameters: a dict, `vars(args)` say."""
        if not hasattr(values, "items"):
            raise TypeError(f"params() takes a dict of names and values, not {type(values).__name__}; for one of them use param()")
        for key, value in values.items():
            self.param(key, value)

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: str | None = None) -> None:
        """Copies a file (a path, or an open binary file) into the run under `name`. Durable when it returns; else OSError."""
        from outrider import _uploads

        if self._home is not None:
            self._say(_uploads.store(self._home, name, path_or_stream))

    def upload_files(
        self, names: Sequence[str], paths: Sequence[str], return_artifacts: bool = False, timeout_seconds: float | None = None, **_more: Any
    ) -> None:
        """Copies several files into the run, each path under its name. Raises TypeError where they are not as many."""
        if len(names) != len(paths):
            raise TypeError(f"upload_files() takes as many names as paths, not {len(names)} and {len(paths)}; nothing was copied")
        for name, path in zip(names, paths):
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: str, datastore_name: str | None = None) -> None:
        """Copies every file below a folder into the run, under `name`/."""
        from outrider import _uploads

        for inner, file in _uploads.files_below(path):
            self.upload_file(name.rstrip("/") + "/" + inner if name else inner, file)

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, Any] | None = None,
        properties: Mapping[str, Any] | None = None,
        model_framework: Any = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        file_name: str | None = None,
        **more: Any,
    ) -> Model:
        """
        Registers a file or folder of the run as the next version of a model; the Model.

        `model_path` is within the run (default: the model's name). `file_name`: a file on disk, uploaded first as `outputs/<base name>`.
        Raises ModelPathNotFound with the run's files.
        """
        from outrider import _model

        about = _model.described(tags, properties, description, model_framework, model_framework_version)
        found: Model = _model.register_from_run(self, model_name, model_path, file_name, about)
        return found

    def add_line(self, data: bytes) -> None:
        """
        Appends a line that may come after the run's end, too: a tag, a file, a model. Of a run that has ended, or is attached, it goes
        into a stream that is closed behind it.
        """
        if self._ended is None and not isinstance(self._writer, _current.LaterWriter):
            self._writer.append(data)
            return
        later = _current.later_writer(self.id)
        later.append(data)
        later.close()

    @classmethod
    def model_type(cls) -> Any:
        """The class of models that the run registers."""
        from outrider import _model

        return _model.Model

    def _log_chart(self, kind: str, name: str, value: Any, description: str | None) -> None:
        from outrider import _figures

        self._check()
        self._name_text(name)
        if self._home is not None:
            for fields in _figures.chart(self._home, kind, name, value, description):
                self._append(fields)

    def _say(self, fields: str) -> None:
        self.add_line(("\n{" + fields + "}\n").encode("ascii"))

    def _append(self, fields: str) -> None:
        self._check()
        self._writer.append(("\n{" + fields + "}\n").encode("ascii"))

    def _check(self) -> None:
        if self._ended is not None:
            raise RunEnded

    def _name_text(self, name: Any, what: str = "a metric") -> str:
        if not isinstance(name, str) or not name:
            raise TypeError(f"the name of {what} must be a text that is not empty, not {safe_str(name)[:80]!r}")
        return quote(name)

    def _new_name(self, name: Any) -> str:
        self._check()
        head = '"n":' + self._name_text(name) + ',"v":'
        if len(self._names) < 10_000:
            self._names[name] = head
        return head


def _step(step: int | None) -> str:
    return "" if step is None else ',"s":' + _values.step_text(step)


def _description(text: str | None) -> str:
    return "" if not text else ',"d":' + quote(safe_str(text))
