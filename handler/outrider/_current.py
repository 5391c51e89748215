"""
The active run of this process: one, or a stack of nested ones; and where records go that name no run.

A process under OUTRIDER_RUN_ID (of `outrider run`, or set by a parent's `start_run`) joins that run with a stream of its own. Otherwise the
first record or the first `start_run` makes a run, which this process owns: it says at exit how the run ended, unless the script did.
The module's state is the process's: one active run is what the API means.
"""

from __future__ import annotations

import os
from _thread import RLock

from outrider import record, spool

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

    def position(self) -> tuple[int, int]:
        """Nowhere."""
        return (0, 0)

    def close(self) -> None:
        """Nothing to close."""


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


def ended(run: Run) -> None:
    """The run is over: what comes next goes to the one around it, else still to its stream until another starts."""
    global _last, writer
    with _lock:
        if run in _stack:
            _stack.remove(run)
        if _first.get("run") is run:
            _first.clear()
        _export()
        if _stack:
            writer = _stack[-1]._writer  # noqa: SLF001
            if run is not _joined:
                run._writer.close()  # noqa: SLF001
        else:
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
    experiment: str | None, name: str | None, facts: dict[str, Any], run_id: str | None = None, parent: Run | None = None
) -> tuple[Run, dict[str, Any]]:
    """A run that this process owns, and the line that says what is known of it. Writes nothing yet."""
    from outrider import _facts
    from outrider._run import Run

    run_id = run_id or spool.new_run_id()
    about = _facts.of_a_run(experiment, name, parent.id if parent else None, facts)
    stream = new_writer(run_id, owner=True, experiment=about["experiment"])
    _register_at_exit()
    return Run.of_process(run_id, stream, experiment=about["experiment"], name=about["name"], owns=True), about


def _push(run: Run) -> None:
    global _last, writer
    _stack.append(run)
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
        for run in reversed(list(_stack)):
            if run._owns:  # noqa: SLF001
                run._end_at_exit()  # noqa: SLF001
    except Exception:  # noqa: BLE001, S110 -- law 1: nothing may be printed at a script's exit
        pass


def _after_fork() -> None:
    """In a forked child: it takes part in its parent's runs, and owns none."""
    global _lock, _at_exit_in, _exported
    _lock = RLock()
    _at_exit_in = 0
    _exported = None
    for run in _stack:
        run._owns = False  # noqa: SLF001


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
