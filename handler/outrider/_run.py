"""
Run: a run as a script holds it: its life, from the start over its children to its end. What it logs is in `_logged`, what is known of it in
`_known`: one class, in three files so that each can be read at a glance.

A Run is this process's own (`start_run`, `Experiment.start_logging`, `child_run`) or attached (`Run(experiment, run_id)`, `get_runs`,
`parent`): the same class. What is written on an attached run goes into a stream of this process in that run, opened at the first write.
What is needed at exit is imported here: an import at exit may run `eval` (namedtuple does), and that makes the interpreter forget that it
was to die of SIGINT.
"""

from __future__ import annotations

import sys
from time import time_ns

from outrider import _current, _records, record, spool
from outrider._encode import json_text, quote, safe_str
from outrider._errors import RunEnded, RunNotFound
from outrider._logged import LoggedRun

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Callable, Iterator, List, Mapping, Sequence, TypeVar

    from outrider._experiment import Experiment
    from outrider._workspace import Workspace

    R = TypeVar("R", bound="Run")
    Runs = List["Run"]


class Run(LoggedRun):
    """
    A run: made by `outrider.start_run()` or `Experiment.start_logging()`; `Run(experiment, run_id)` is one that is there already.

    Used in a `with` block it ends with the block: an exception marks it Failed and goes on. Raises RunNotFound for an unknown id.
    """

    def __init__(self, experiment: Experiment | None, run_id: str, outputs: Any = None, **_more: Any) -> None:
        from outrider import _history

        self._become(run_id, _current.later_writer(run_id), experiment=experiment.name if experiment else None, name=None, owns=False)
        self._known = _history.run(self._home, run_id)
        self._experiment_name, self._display_name = self._known["experiment"], self._known.get("name")

    @classmethod
    def of_process(
        cls: type[R], run_id: str, writer: Any, *, experiment: str | None, name: str | None, owns: bool, known: dict[str, Any] | None = None
    ) -> R:
        """A run that this process writes to, or whose document (`known`) was read: nothing is asked. For `_current` and `_history`."""
        run = cls.__new__(cls)
        run._become(run_id, writer, experiment=experiment, name=name, owns=owns)  # noqa: SLF001 -- its own class
        run._known = known or {}  # noqa: SLF001
        return run

    @classmethod
    def same_as(cls: type[R], run: Run) -> R:
        """The same run under another class: both share all their state, so what ends one ends the other."""
        twin = cls.__new__(cls)
        twin.__dict__ = run.__dict__
        return twin

    @classmethod
    def get(cls: type[R], workspace: Workspace | None, run_id: str) -> R:
        """The run of that id. Raises RunNotFound."""
        from outrider import _family

        found: R = _family.get(cls, run_id)
        return found

    @classmethod
    def list(
        cls: type[R],
        experiment: Experiment,
        type: str | None = None,
        tags: Any = None,
        properties: Any = None,
        status: str | None = None,
        include_children: bool = False,
    ) -> Iterator[R]:
        """
        The experiment's runs, the newest first.

        `tags`, `properties`: a text is a key that must be there, a dict keys with their values.
        """
        from outrider import _family

        wanted = _family.Wanted(tags=tags, properties=properties, type=type, status=status)
        return _family.listed(cls, experiment.name, wanted, include_children=include_children)

    @classmethod
    def list_by_compute(cls: type[R], compute: Any, **filters: Any) -> Iterator[R]:
        """Runs that were submitted to a compute target: everything runs on this machine, so there are none."""
        return iter(())

    @classmethod
    def get_context(cls: type[R], allow_offline: bool = True, used_for_context_manager: bool = False, **_more: Any) -> R:
        """
        The run that this process is in: the active one, or that of `outrider run` or a submission; where there is none, a new one.

        The same run is the same object. With `allow_offline` False there must be one: else RunNotFound.
        """
        if not allow_offline and not _current.is_in_a_run():
            raise RunNotFound("This process is in no run. Start it by `outrider run`, submit it, or call experiment.start_logging().")
        found: R = _current.context(cls)
        return found

    @classmethod
    def get_submitted_run(cls: type[R], **more: Any) -> R:
        """An older name of `get_context(allow_offline=False)`."""
        return cls.get_context(allow_offline=False)

    @staticmethod
    def add_type_provider(runtype: str, run_factory: Callable[..., Any]) -> None:
        """`Run.get` and `Run.list` give runs of this type by `run_factory(experiment, document)`. Raises ValueError where one is there."""
        from outrider import _family

        _family.add_provider(runtype, run_factory)

    def start(self) -> None:
        """The run runs: said again where it was only prepared."""
        if self.status in record.PHASES and self.status != record.RUNNING:
            self._say(f'"k":"ph","t":{time_ns()},"ph":"{record.RUNNING}"')

    def child_run(self: R, name: str | None = None, run_id: str | None = None, outputs: Any = None) -> R:
        """A new run, started, whose parent is this one. Log records go to it only within its `with` block."""
        from outrider import _children

        found: R = _children.child(self, name, run_id, outputs)
        return found

    def create_children(self, count: int | None = None, tag_key: str | None = None, tag_values: Sequence[Any] | None = None) -> Runs:
        """
        Several children at once, started: `count` of them, or one with the tag `tag_key` for each of `tag_values`.

        Raises ValueError for both forms, none, or more than 100.
        """
        from outrider import _children

        return _children.several(self, count, tag_key, tag_values)

    def submit_child(self, config: Any, tags: Mapping[str, Any] | None = None, **more: Any) -> Run:
        """As `Experiment.submit`; the new run's parent is this one."""
        from outrider import _submit

        return _submit.submit(self.experiment, config, tags, parent=self.id, **more)

    def take_snapshot(self, file_or_folder_path: str) -> str:
        """Keeps a copy of a folder (or file) with the run; the snapshot's id. One a run."""
        from outrider import _snapshot

        return _snapshot.take_for(self, file_or_folder_path)

    def complete(self) -> None:
        """Ends the run as Completed. Calling it again does nothing."""
        self._end(record.COMPLETED, "completed")

    def fail(self, error_details: BaseException | str | None = None, error_code: str | None = None) -> None:
        """Ends the run as Failed, with an exception or a text that says why."""
        if error_details is not None and not isinstance(error_details, (str, BaseException)):
            raise TypeError(f"fail() takes an exception or a text, not {type(error_details).__name__}")
        self._end(record.FAILED, "failed", error_details, error_code)

    def cancel(self) -> None:
        """Ends the run as Canceled; one of another process is asked to end."""
        if isinstance(self._writer, _current.LaterWriter):
            from outrider import _waiting

            _waiting.cancel(self)
        else:
            self._end(record.CANCELED, "canceled")

    def clean(self) -> None:
        """Removes the folder that a submitted run worked in, once it has ended; what the run keeps is in the home."""
        from outrider import _submit

        _submit.clean(self)

    def __enter__(self: R) -> R:
        if self._owns and self._ended is None:
            _current.activate(self)
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
        self._experiment_name, self._display_name = experiment or self._experiment_name, name or self._display_name
        said = {"experiment": experiment, "name": name, **facts}
        said = {key: value for key, value in said.items() if value is not None}
        if said:
            self._writer.append_vital(spool.line({"k": record.RUN, "t": time_ns(), **said}))

    def _end(self, status: str, reason: str, error: BaseException | str | None = None, code: str | None = None) -> None:
        if self._ended is not None:
            if self._ended == status:
                return
            raise RunEnded(f"this run has already ended as {self._ended}, so {status} was not written; a run ends once")
        if self._collected:
            _keep_outputs(self)
        self._ended = status
        self._names = {}
        end = {"k": record.END, "t": time_ns(), "status": status, "reason": reason}
        self._writer.append_vital(("\n" + json_text(end)[:-1] + _error(error, code) + "}\n").encode("ascii"), end)
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


def _keep_outputs(run: Run) -> None:
    from outrider import _children

    _children.keep_outputs(run)


def _error(error: BaseException | str | None, code: str | None = None) -> str:
    if error is None and code is None:
        return ""
    if isinstance(error, BaseException):
        text = _with_hint(_records.exception_text(error, None, []), error)
    else:
        text = '{"type":"","message":' + quote(error or "") + ',"traceback":""}'
    return ',"err":' + (text[:-1] + ',"code":' + quote(safe_str(code)) + "}" if code else text)


def _with_hint(text: str, error: BaseException) -> str:
    """An error about what has gone from a library since the script was written says so in its message."""
    if not isinstance(error, (AttributeError, ImportError, TypeError)):
        return text
    from outrider import _rot

    hint = _rot.hint(type(error).__name__, safe_str(error))
    at = text.find(',"traceback":') - 1  # where the message's quote closes: those within it are escaped
    return text if hint is None else text[:at] + quote("\n" + hint)[1:] + text[at + 1 :]
