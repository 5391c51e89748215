"""
The active run of this process: one, or a stack of nested ones; and where records go that name no run.

A process under OUTRIDER_RUN_ID (of `outrider run`, or set by a parent's `start_run`) joins that run with a stream of its own. Otherwise the
first record or the first `start_run` makes a run, which this process owns: it says at exit how the run ended, unless the script did.
The module's state is the process's: one active run is what the API means.
"""

from __future__ import annotations

import os
from _thread import RLock

from outrider import _shared, _signals, record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping

    from outrider._run import Run

#: Where records go now; None before the first. Read on every record, so a plain attribute.
writer: Any = None

_lock = RLock()
_stack: list[Run] = []
_joined: Run | None = None  # the run that this process was started in
_last: Run | None = None  # ended; its stream takes what is still logged until another run starts
_exported: str | None = None  # OUTRIDER_RUN_ID as we set it
_outer: tuple[str | None, str | None] = (None, None)  # and as it was before, with OUTRIDER_ATTEMPT, which is about that run
_first: dict[str, Run] = {}  # the active run that was opened without being asked for
_mine: dict[str, Run] = {}  # runs that this process has started and nobody has ended
_twins: dict[tuple[Any, str], Run] = {}  # the same runs under other classes
_at_exit_in = 0  # the process that has registered its at-exit


class NullWriter:
    """Where everything goes under OUTRIDER_DISABLED=1: nowhere."""

    fd = -1
    left = 0
    look_at = float("inf")
    refused = 0
    name = directory = None

    def append(self, data: bytes) -> bool:  # noqa: ARG002
        """Keeps nothing."""
        return True

    recover = append

    def append_vital(self, data: bytes, end: Mapping[str, Any] | None = None) -> bool:  # noqa: ARG002
        """Keeps nothing."""
        return True

    def look_around(self) -> None:
        """Nothing to see."""

    look_at_fd = look_around

    def position(self) -> tuple[int, int]:
        """Nowhere."""
        return (0, 0)

    def close(self) -> None:
        """Nothing to close."""


class LaterWriter:
    """
    Where the records of an attached run go: into a stream of this process in that run, which is opened by the first of them.

    Where the run's folder is no longer in the spool, its earlier lines are in a store: the folder is marked so.
    """

    fd = -1  # so that an append that is inlined lands in `recover`
    left = 0
    look_at = float("inf")

    def __init__(self, run: str) -> None:
        self.run, self.home = run, spool.home()
        self._real: Any = None

    @property
    def name(self) -> str | None:
        """The stream's name; None before the first append."""
        return None if self._real is None else self._real.name

    @property
    def refused(self) -> int:
        """Lines that could not be kept."""
        return 0 if self._real is None else self._real.refused

    def append(self, data: bytes) -> bool:
        """As `spool.Writer.append`."""
        return bool(self._open().append(data))

    recover = append

    def append_vital(self, data: bytes, end: Mapping[str, Any] | None = None) -> bool:
        """As `spool.Writer.append_vital`."""
        return bool(self._open().append_vital(data, end))

    def look_around(self) -> None:
        """The real one looks by itself."""

    def position(self) -> tuple[int, int]:
        """As `spool.Writer.position`."""
        return (0, 0) if self._real is None else self._real.position()

    def close(self) -> None:
        """Ends the stream; the next record opens another."""
        if self._real is not None:
            self._real.close()
            self._real = None

    def _open(self) -> Any:
        if self._real is None:
            _mark_partial(self.home, self.run)
            self._real = new_writer(self.run)
        return self._real


def _mark_partial(home: str, run: str) -> None:
    folder = os.path.join(home, "spool", run)
    try:
        if not any(not name.startswith(".") for name in (os.listdir(folder) if os.path.isdir(folder) else [])):
            _shared.make_folders(folder)
            os.close(os.open(os.path.join(folder, ".shipped"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        _signals.pass_on(error)  # the writer finds out what it is, and counts


def later_writer(run_id: str) -> Any:
    """The stream of an attached run: nothing is opened yet."""
    return NullWriter() if disabled() else LaterWriter(run_id)


def home() -> str | None:
    """The OUTRIDER_HOME of this process; None where Outrider is turned off."""
    return None if disabled() else spool.home()


def own(run_id: str) -> Run | None:
    """The Run object that this process has of that run, while it runs: its own, or the one that the process was started in."""
    found = _mine.get(run_id)
    if found is None and _joined is not None and _joined.id == run_id:
        found = _joined
    return found if found is not None and found.status not in record.TERMINAL else None


def disabled() -> bool:
    """Has OUTRIDER_DISABLED turned everything off?"""
    return os.environ.get("OUTRIDER_DISABLED", "") not in ("", "0")


def new_writer(run_id: str, *, owner: bool = False, experiment: str | None = None) -> Any:
    """A stream of this process for that run."""
    if disabled():
        return NullWriter()
    joins = not owner and run_id == os.environ.get("OUTRIDER_RUN_ID")
    attempt = max(1, spool.setting("OUTRIDER_ATTEMPT", 1)) if joins else 1
    return spool.Writer(spool.home(), run_id, owner=owner, experiment=experiment, attempt=attempt)


def writer_of(run: Run | str) -> Any:
    """The stream of a Run, or a new one for a run id. Raises ValueError for what cannot be a run id."""
    return new_writer(run) if isinstance(run, str) else run._writer  # noqa: SLF001


def get() -> Run | None:
    """The active run, or None."""
    return _stack[-1] if _stack else None


def require() -> Run:
    """
    The active run; where there is none, the one that this process was started in, or a new one.

    After the script has ended its last run that one is given: what is called on it says so.
    """
    with _lock:
        if _stack:
            return _stack[-1]
        return _last if _last is not None else _open(None, None)


def open_implicit(experiment: str | None, name: str | None) -> Any:
    """The stream for a record that finds none: opens what `require` would."""
    global writer
    with _lock:
        if writer is None and disabled():
            writer = NullWriter()
        return writer or _open(experiment, name)._writer  # noqa: SLF001


def _open(experiment: str | None, name: str | None) -> Run:
    """
    The run that this process was started in, else a new one, made active.

    A signal handler may log in the middle of this: whichever of the two calls comes first to `setdefault` (one step for the interpreter)
    has made the run; the other's has not written anything yet, and is dropped.
    """
    joined = _join()
    run, about = (joined, None) if joined is not None else _new(experiment, name, {})
    first = _first.setdefault("run", run)
    if first is run:
        _push(run)
        if about is not None:
            run._writer.append_vital(spool.line(about))  # noqa: SLF001
    elif run is not joined:
        run._writer.close()  # noqa: SLF001
    return first


def start(experiment: str | None, name: str | None, run_id: str | None, facts: dict[str, Any]) -> Run:
    """`start_run`: attaches to the run that is there and nobody has claimed, else makes a new one, a child of an active one."""
    with _lock:
        base = _stack[-1] if _stack else _join()
        if base is not None and base.status == record.RUNNING and not base.claimed and run_id in (None, base.id):
            base.claim(experiment, name, facts)
            run = base
        else:
            run, about = _new(experiment, name, facts, run_id=run_id, parent=base)
            run.claimed = True
            _push(run)
            run._writer.append_vital(spool.line(about))  # noqa: SLF001
        if run not in _stack:
            _push(run)
        os.environ["OUTRIDER_RUN_CLAIMED"] = run.id  # a `start_run` of a child process is not about this run
        return run


def is_in_a_run() -> bool:
    """Is a run active, or was this process started in one?"""
    with _lock:
        return bool(_stack) or _join() is not None


def is_joined(run: Run) -> bool:
    """Was this process started in that run? Then its launcher ends it."""
    return _joined is not None and run.id == _joined.id


def context(cls: Any) -> Any:
    """The run that `require` gives, or a new one where that has ended, as one of this class; the same object each time."""
    with _lock:
        run = require()
        if run.status in record.TERMINAL and not _stack:
            run = _open(None, None)
    if isinstance(run, cls):
        return run
    twin = _twins.get((cls, run.id))
    if twin is None or twin.__dict__ is not run.__dict__:
        twin = _twins[cls, run.id] = cls.same_as(run)
    return twin


def begin(cls: Any, experiment: str | None, name: str | None, run_id: str | None, facts: dict[str, Any], parent: Run | None = None) -> Any:
    """A new run of this class that this process owns, started, but not the active one: an interactive run, or a child."""
    with _lock:
        run, about = _new(experiment, name, facts, run_id=run_id, parent=parent, cls=cls)
        run.claimed = True
        _mine[run.id] = run
        run._writer.append_vital(spool.line(about))  # noqa: SLF001
        return run


def activate(run: Run) -> None:
    """Makes it the active run: log records of this process go there. Around it is the run that the process was started in, if any."""
    with _lock:
        around = None if _stack else _join()
        if around is not None and around.status == record.RUNNING:
            _push(around)
        if all(other.id != run.id for other in _stack):
            _push(run)
            os.environ["OUTRIDER_RUN_CLAIMED"] = run.id


def ended(run: Run) -> None:
    """The run is over: what comes next goes to the one around it, else still to its stream until another starts."""
    global _last, writer
    with _lock:
        was_active = any(other.id == run.id for other in _stack)
        _stack[:] = [other for other in _stack if other.id != run.id]
        _mine.pop(run.id, None)
        if "run" in _first and _first["run"].id == run.id:
            _first.clear()
        _export()
        if _stack:
            writer = _stack[-1]._writer  # noqa: SLF001
            writer.look_at_fd()  # nobody did while the inner run was on
        if (_stack or not was_active) and not is_joined(run):
            run._writer.close()  # noqa: SLF001
        elif not _stack and was_active:
            _last = run


def _join() -> Run | None:
    """The run that this process was started in, if any."""
    global _joined
    if _joined is None:
        run_id = os.environ.get("OUTRIDER_RUN_ID")
        if run_id and spool.valid_name(run_id) and (_last is None or _last.id != run_id):
            from outrider._run import Run

            _joined = Run.of_process(run_id, new_writer(run_id), experiment=os.environ.get("OUTRIDER_EXPERIMENT"), name=None, owns=False)
            _joined.claimed = os.environ.get("OUTRIDER_RUN_CLAIMED") == run_id
    return _joined


def _new(
    experiment: str | None, name: str | None, facts: dict[str, Any], run_id: str | None = None, parent: Run | None = None, cls: Any = None
) -> tuple[Run, dict[str, Any]]:
    """A run that this process owns, and the line that says what is known of it. Writes nothing yet."""
    from outrider import _facts
    from outrider._run import Run

    run_id = run_id or spool.new_run_id()
    about = _facts.of_a_run(experiment, name, parent.id if parent else None, facts)
    stream = new_writer(run_id, owner=True, experiment=about["experiment"])
    _register_at_exit()
    known = {"parent": about.get("parent"), "type": about.get("type"), "started": about["t"]}
    made = (cls or Run).of_process(run_id, stream, experiment=about["experiment"], name=about["name"], owns=True, known=known)
    return made, about


def _push(run: Run) -> None:
    global _last, writer
    _stack.append(run)
    if run._owns:  # noqa: SLF001
        _mine[run.id] = run
    writer = run._writer  # noqa: SLF001
    _export()
    if _last is not None and _last is not run:
        if _last is not _joined:
            _last._writer.close()  # noqa: SLF001
        _last = None


def _export() -> None:
    """OUTRIDER_RUN_ID: children join the innermost run that this process owns."""
    global _exported, _outer
    mine = [run.id for run in _stack if run._owns]  # noqa: SLF001
    if mine:
        if _exported is None:
            _outer = os.environ.get("OUTRIDER_RUN_ID"), os.environ.pop("OUTRIDER_ATTEMPT", None)
        os.environ["OUTRIDER_RUN_ID"] = _exported = mine[-1]
    elif _exported is not None:
        if os.environ.get("OUTRIDER_RUN_ID") == _exported:
            del os.environ["OUTRIDER_RUN_ID"]
            for name, before in zip(("OUTRIDER_RUN_ID", "OUTRIDER_ATTEMPT"), _outer):
                if before is not None:
                    os.environ[name] = before
        _exported = None


def _register_at_exit() -> None:
    global _at_exit_in
    if _at_exit_in != os.getpid():
        import atexit

        _at_exit_in = os.getpid()
        atexit.register(_at_exit, _at_exit_in)


def _at_exit(pid: int) -> None:
    """The owner's last word for runs that the script has not ended. Swallows: nobody is left to tell."""
    if os.getpid() != pid:
        return
    try:
        for run in reversed(list(_mine.values())):
            run._end_at_exit()  # noqa: SLF001
    except Exception:  # noqa: BLE001, S110 -- law 1: nothing may be printed at a script's exit
        pass


def _after_fork() -> None:
    """In a forked child: it takes part in its parent's runs, and owns none."""
    global _lock, _at_exit_in, _exported
    _lock = RLock()
    _at_exit_in = 0
    _exported = None
    for run in [*_stack, *_mine.values()]:
        run._owns = False  # noqa: SLF001
    _mine.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
