"""
The one thread in which a sink is opened, fed and closed. Flush requests of others are answered here, by looking at what is committed.

`Unavailable` is waited out for ever. `Fenced` ends the thread and is told to whoever wires it; anything else is a bug, which stops this
sink alone, loudly, and leaves the spool to hold what comes.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import random
import threading
import time
from typing import TYPE_CHECKING

import msgspec
import structlog

from outrider_agent import errors, model
from outrider_agent.ship import deliver, retention

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outrider_agent import protocols
    from outrider_agent.core import backoff
    from outrider_agent.ship import jumps as jumping
    from outrider_agent.ship import reader as spool_reader

log = structlog.get_logger(part="ship")

#: A spool is looked at so rarely that looking takes at most one part in so many: while something comes, and when nothing did for a while.
_BUSY_SHARE, _IDLE_SHARE = 100, 200
_IDLE_AFTER_S = 5.0
#: When nothing came for a while it takes only so small a part, but keeps no record waiting for longer than so many seconds.
_REST_SHARE, _LONGEST_REST_S = 3000, 0.75
#: The same for what may be deleted, and at least so many seconds where nothing was committed.
_SWEEP_SHARE = 6000
_IDLE_RETENTION_S = 5.0
#: How often what a flush waits for is compared with what is committed, while it is not.
_FLUSH_LOOK_S = 0.02

Late = list[model.StreamLag]
Cursors = list["Mapping[model.StreamId, model.Position]"]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What of the settings concerns the way to a sink."""

    batch_records: int
    batch_bytes: int
    flush_interval_s: float
    poll_interval_s: float
    stuck_after_s: float
    retention_interval_s: float
    backoff: backoff.Backoff
    #: A sink on another machine may be out of reach for long: that is no sign that the agent is unwell.
    is_remote: bool = False


class Request:
    """A flush that somebody waits for."""

    def __init__(self, run: str | None, upto: Mapping[str, model.Position] | None, deadline: float) -> None:
        self.run, self.upto, self.deadline = run, upto, deadline
        self.goal: dict[model.StreamId, model.Position] | None = None
        self.answer: concurrent.futures.Future[Late] = concurrent.futures.Future()

    def late(self, lag: Late) -> Late:
        """What of the goal is not committed, as far as is known."""
        if self.goal is None:
            return [one for one in lag if one.pending_bytes and self.run in (None, one.stream.run)]
        seen = [one for one in lag if one.stream in self.goal and one.position < self.goal[one.stream]]
        # A goal of which nothing is in the spool (any more) is late all the same.
        return seen or [model.StreamLag(stream=name, position=model.START, pending_bytes=0, alive=False) for name in self.goal]


class Requests:
    """Those that wait, added from any thread. Once closed, none can be added."""

    def __init__(self) -> None:
        self._waiting: list[Request] = []
        self._lock = threading.Lock()
        self._closed = False

    def add(self, request: Request) -> bool:
        """False: it is closed."""
        with self._lock:
            if not self._closed:
                self._waiting.append(request)
            return not self._closed

    def all(self) -> list[Request]:
        """A copy."""
        with self._lock:
            return list(self._waiting)

    def settle(self, request: Request, late: Late) -> None:
        """Answers one."""
        with self._lock:
            if request in self._waiting:
                self._waiting.remove(request)
        if request.answer.set_running_or_notify_cancel():
            request.answer.set_result(late)

    def close(self, error: errors.Unavailable) -> None:
        """Fails those that still wait. Idempotent."""
        with self._lock:
            left, self._waiting, self._closed = self._waiting, [], True
        for request in left:
            if request.answer.set_running_or_notify_cancel():
                request.answer.set_exception(error)


class Broom:
    """Gives back what was passed: soon after something was committed, else now and then, however costly a look is."""

    def __init__(self, retained: retention.Retention, clock: protocols.Clock, interval_s: float) -> None:
        self._retention, self._clock, self._interval_s = retained, clock, interval_s
        self._swept, self._idle_s = (0.0, -1), _IDLE_RETENTION_S

    def sweep(self, commits: int, cursors: Callable[[], Cursors]) -> None:
        """One look, if it is time for one. `commits`: how many there were; `cursors`: how far every sink is."""
        now = self._clock.monotonic()
        since = now - self._swept[0]
        if since < self._interval_s or (commits == self._swept[1] and since < self._idle_s):
            return
        self._swept = (now, commits)
        began = time.thread_time()
        try:
            self._retention.sweep(cursors())
        except errors.Unavailable as exc:
            log.warning("retention_waits", error=str(exc))
        self._idle_s = max(_IDLE_RETENTION_S, _SWEEP_SHARE * (time.thread_time() - began))


class Shipper:
    """
    `open_sink` is called in the thread, until it succeeds. `may_go`: may what is left of an ended run be deleted? None: this sink gives
    nothing back. `others`: where the other sinks stand, whose cursors count too. `on_locked` is told when the sink has not been available
    since the start; `on_fenced` when another agent owns it.
    """

    def __init__(
        self,
        name: str,
        open_sink: Callable[[], protocols.Sink],
        reader: spool_reader.SpoolReader,
        clock: protocols.Clock,
        options: Options,
        *,
        may_go: Callable[[str], bool] | None,
        on_locked: Callable[[str, float], None],
        on_fenced: Callable[[str], None],
        others: Sequence[Callable[[], Mapping[model.StreamId, model.Position]]] = (),
        jumps: jumping.Jumps | None = None,
    ) -> None:
        self.name = name
        self.reader = reader
        self.deliver: deliver.Deliver | None = None
        self._open_sink, self._clock, self._options = open_sink, clock, options
        self._on_locked, self._on_fenced = on_locked, on_fenced
        self._sink: protocols.Sink | None = None
        self._error: str | None = None
        self._bug: str | None = None
        self._begun = clock.monotonic()
        self._turn = clock.monotonic()
        self._requests = Requests()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._broom = None if may_go is None else Broom(retention.Retention(reader, may_go), clock, options.retention_interval_s)
        self._others, self._jumps = others, jumps
        self._thread = threading.Thread(target=self._run, name=f"ship-{name}", daemon=True)

    def start(self) -> None:
        """Begins. Once."""
        self._thread.start()

    def stop(self) -> None:
        """The step under way is the last one; the sink is closed after it. Does not wait. Idempotent."""
        self._stopping.set()
        self._wake.set()
        interrupt = getattr(self._sink, "interrupt", None)
        if interrupt is not None:
            interrupt()

    def wait_stopped(self, timeout_s: float) -> bool:
        """Has the thread ended in that time?"""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def flush(self, run: str | None, upto: Mapping[str, model.Position] | None, timeout_s: float) -> concurrent.futures.Future[Late]:
        """What is not committed at the deadline; empty as soon as all of it is. Fails with `Unavailable` where the sink has stopped."""
        request = Request(run, upto, self._clock.monotonic() + timeout_s)
        if not self._requests.add(request):
            request.answer.set_exception(self._gone())
        self._wake.set()
        return request.answer

    def is_frozen(self) -> bool:
        """Has the thread not come round for so long that it must be stuck in the sink?"""
        return self._thread.is_alive() and self._clock.monotonic() - self._turn > self._options.stuck_after_s

    def statistics(self) -> deliver.Statistics:
        """How the sink is doing; before it could be opened, everything in the spool is pending."""
        if self.deliver is not None:
            found = self.deliver.statistics()
        else:
            is_late = not self._options.is_remote and self._clock.monotonic() - self._begun > self._options.stuck_after_s
            found = deliver.unopened(self.name, "stuck" if is_late else "backing-off", self._error, self.reader.lag({}))
        if self._bug is not None:
            return msgspec.structs.replace(found, state="stuck", error=self._bug)
        return msgspec.structs.replace(found, state="stuck") if self.is_frozen() and found.pending_bytes else found

    def is_busy(self) -> bool:
        """Is there something that the sink has not got yet?"""
        return bool(self.statistics().pending_bytes or getattr(self._sink, "under_way", 0))

    @property
    def bug(self) -> str | None:
        """What stopped the sink for good; None while it works."""
        return self._bug

    def lag(self) -> Late:
        """How far the sink is behind each stream."""
        return self.deliver.lag() if self.deliver is not None else self.reader.lag({})

    def cursors(self) -> Mapping[model.StreamId, model.Position]:
        """How far the sink has passed each stream, for what may be deleted; a stream whose place is not known at the moment is left out."""
        known = self.deliver.positions() if self.deliver is not None else {}
        return known if self._jumps is None else self._jumps.passed(known)

    def has_ended(self, run: str, attempt: int | None = None) -> bool:
        """Has the sink the run's end (or that attempt's)? Raises `Unavailable` where it cannot be asked."""
        sink = self._sink
        if sink is None:
            raise errors.Unavailable
        return bool(sink.has_ended(run, attempt))  # type: ignore[attr-defined] # only a store can tell

    def _run(self) -> None:
        """The loop's top: what comes through here is a bug, or another agent."""
        try:
            self._open()
            while not self._stopping.is_set() and self.deliver is not None:
                self._turn = self._clock.monotonic()
                delay = self._once(self.deliver)
                if delay > 0:
                    self._wake.wait(delay)
                    self._wake.clear()
        except errors.Fenced as exc:
            self._bug = str(exc)
            self._on_fenced(str(exc))
        except Exception as exc:
            self._bug = f"{type(exc).__name__}: {exc}"
            log.exception("sink_stopped", sink=self.name, error=self._bug)
        finally:
            self._close()

    def _open(self) -> None:
        delays = self._options.backoff.delays(random.random)
        while not self._stopping.is_set():
            self._turn = self._clock.monotonic()
            try:
                self._sink = self._open_sink()
            except errors.Unavailable as exc:
                self._unavailable(exc)
                self.reader.scan()
                self._expire()
                self._wake.wait(next(delays))
                self._wake.clear()
                continue
            options = self._options
            self.deliver = deliver.Deliver(
                self._sink, self.reader, self._clock, batch_records=options.batch_records, batch_bytes=options.batch_bytes,
                flush_interval_s=options.flush_interval_s, poll_interval_s=options.poll_interval_s,
                stuck_after_s=math.inf if options.is_remote else options.stuck_after_s, backoff=options.backoff, jumps=self._jumps,
            )  # fmt: skip
            return

    def _once(self, delivering: deliver.Deliver) -> float:
        """One step, then whoever waits, then the broom. Seconds until the next."""
        requests = self._requests.all()
        for request in requests:
            if request.goal is None:
                with contextlib.suppress(OSError):  # something was deleted meanwhile: the next turn sees what is left
                    request.goal = delivering.goal(request.run, request.upto or None)
        if self._jumps is not None:
            with contextlib.suppress(OSError):  # no room to remember it: nothing is jumped over, and the spool holds it
                self._jumps.look(delivering.positions())
        began = time.thread_time()
        delay = delivering.step(urgent=bool(requests))
        took = time.thread_time() - began
        if delay not in (0.0, self._options.poll_interval_s):
            self._look_at_trouble(delivering)
        if requests:
            self._answer(delivering, requests)
        if delay <= 0:
            return 0.0
        if self._broom is not None:
            self._broom.sweep(delivering.commits, lambda: [self.cursors(), *(other() for other in self._others)])
        if requests:
            return min(delay, _FLUSH_LOOK_S)
        last = delivering.last_commit
        if last is not None and self._clock.monotonic() - last < _IDLE_AFTER_S:
            return max(delay, took * _BUSY_SHARE)
        return max(delay, took * _IDLE_SHARE, min(took * _REST_SHARE, _LONGEST_REST_S))

    def _look_at_trouble(self, delivering: deliver.Deliver) -> None:
        """Where the sink is not available: what waits for it is still counted, for that is what `stuck` means."""
        error = delivering.error
        if error is not None:
            self.reader.scan()
            self._unavailable(errors.Unavailable(error))

    def _answer(self, delivering: deliver.Deliver, requests: list[Request]) -> None:
        for request in requests:
            with contextlib.suppress(errors.Unavailable):  # then the deadline answers
                if request.goal is not None and not delivering.behind(request.goal):
                    self._requests.settle(request, [])
        self._expire()

    def _expire(self) -> None:
        """Answers those whose time is up with what is pending as far as is known."""
        now = self._clock.monotonic()
        for request in self._requests.all():
            if now >= request.deadline:
                self._requests.settle(request, request.late(self.lag()))

    def _unavailable(self, exc: errors.Unavailable) -> None:
        if self._error != str(exc):
            log.warning("sink_unavailable", sink=self.name, error=str(exc))
        self._error = str(exc)
        self._on_locked(str(exc), self._clock.monotonic() - self._begun)

    def _close(self) -> None:
        if self._sink is not None:
            self._sink.close()
        self._stopping.set()
        self._requests.close(self._gone())

    def _gone(self) -> errors.Unavailable:
        return errors.Unavailable(f"The sink {self.name} has stopped{f': {self._bug}' if self._bug else ''}. Nothing is lost.")
