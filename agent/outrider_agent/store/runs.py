"""
A run's own row: when it is made, which experiment and number it has, what is known of it, how it ended (docs/spool.md; core/ending.py).

Works inside the writer's transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider import record
from outrider_agent.core import decode, ending, points
from outrider_agent.store import queries

if TYPE_CHECKING:
    import sqlite3

SQL = queries.load("write")
#: The experiment of a run that named none.
PLACEHOLDER = "default"


class Place(NamedTuple):
    """Where records come from."""

    run: str
    run_key: int
    stream_key: int
    attempt: int


class Runs:
    """Writes runs, experiments and streams."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def place(self, run: str, stream_key: int, first: Any) -> Place:
        """The run's row and its attempt's, made when they are new."""
        attempt = max(getattr(first, "att", 1), self._execute(SQL.stream_attempt, {"stream_key": stream_key}).fetchone()[0])
        row = self._execute(SQL.run, {"run": run}).fetchone()
        if row is None:
            experiment = getattr(first, "exp", None) or PLACEHOLDER
            key, number = self._number(experiment, first.t)
            given = {"run": run, "experiment_key": key, "number": number, "t": first.t}
            row = self._execute(SQL.add_run, given).fetchone()
        place = Place(run, row[0], stream_key, attempt)
        if self._execute(SQL.attempt, {"run_key": place.run_key, "attempt": attempt}).fetchone() is None:
            self._begin(place, first.t, getattr(first, "host", None))
        return place

    def _begin(self, place: Place, time: int, host: str | None) -> None:
        """An attempt's first sign: with a newer one the run runs again, and what came before is over."""
        self._execute(SQL.add_attempt, {"run_key": place.run_key, "attempt": place.attempt, "t": time, "host": host})
        newest = self._execute(SQL.newest_attempt, {"run_key": place.run_key, "attempt": place.attempt}).fetchone()[0]
        for (older,) in self._execute(SQL.unfinished, {"run_key": place.run_key, "newest": newest}).fetchall():
            self._decide(place._replace(attempt=older))
        self._execute(SQL.end_run, {"run_key": place.run_key})

    def head(self, place: Place, item: decode.Head) -> None:
        """What a segment's header says of its stream and run."""
        given = {name: getattr(item, name) for name in ("own", "host", "boot", "pid", "rank", "t", "att")}
        self._execute(SQL.describe_stream, {"stream_key": place.stream_key, **given})
        if item.seg == 0:
            self._execute(SQL.started, {"run_key": place.run_key, "t": item.t, "host": item.host})
            self._execute(SQL.add_attempt, {"run_key": place.run_key, "attempt": place.attempt, "t": item.t, "host": item.host})
        if item.exp:
            self._choose(place, item.exp, item.t, default=True)
        if item.own:
            self._decide(place)

    def describe(self, place: Place, item: decode.Run) -> Place:
        """What a `run` line says; later fields win. Returns where the stream's records belong from now on."""
        given = {name: getattr(item, name) for name in ("name", "cwd", "host", "user", "python", "parent", "description", "type")}
        lists = {name: json_or_none(getattr(item, name)) for name in ("command", "outputs", "inputs")}
        is_earlier = place.attempt < self._execute(SQL.run, {"run": place.run}).fetchone()[3]
        self._execute(
            SQL.describe_run_earlier if is_earlier else SQL.describe_run, {"run_key": place.run_key, "t": item.t, **given, **lists}
        )
        # A container's begins before anybody looks at it: its `run` line is older than its stream.
        self._execute(SQL.started, {"run_key": place.run_key, "t": item.t, "host": None})
        self._execute(SQL.add_attempt, {"run_key": place.run_key, "attempt": place.attempt, "t": item.t, "host": None})
        for key, value in (item.tags or {}).items():
            if is_earlier and self._execute(SQL.has_tag, {"run_key": place.run_key, "key": key}).fetchone():
                continue
            tag = {"run_key": place.run_key, "key": key, "value": points.json_text(value), "t": item.t, "stream_key": place.stream_key}
            self._execute(SQL.set_tag, tag)
        if item.experiment:
            self._choose(place, item.experiment, item.t, default=item.default)
        if item.attempt is None or item.attempt <= place.attempt:
            return place
        # A writer whose header does not say it: the stream is the newer attempt's from its beginning.
        self._execute(SQL.set_stream_attempt, {"stream_key": place.stream_key, "attempt": item.attempt})
        place = place._replace(attempt=item.attempt)
        self._begin(place, item.t, item.host)
        return place

    def _choose(self, place: Place, experiment: str, time: int, *, default: bool) -> None:
        """A chosen experiment beats a default one, the first choice a later one, any name none; a run that moves gets a new number."""
        _, present, is_default, _, chosen = self._execute(SQL.run, {"run": place.run}).fetchone()
        name = self._execute(SQL.experiment_name, {"experiment_key": present}).fetchone()[0]
        if default and (not is_default or name != PLACEHOLDER):
            return
        if not is_default and time >= chosen:
            return
        given = {"run_key": place.run_key, "t": 0 if default else time, "default": default}
        if name != experiment:
            key, number = self._number(experiment, time)
            self._execute(SQL.move_run, {**given, "experiment_key": key, "number": number})
        elif not default:
            self._execute(SQL.choose_experiment, given)

    def end(self, place: Place, item: decode.End) -> None:
        """An `end`: who wrote it decides what it means."""
        error = item.err or decode.Failure()
        new = ending.Ending(
            status=item.status,
            reason=ending.known_reason(item.status, item.reason),
            time=item.t,
            code=item.code,
            signal=item.sig,
            error_type=error.type,
            error_message=error.message,
            traceback=error.traceback,
            error_code=error.code,
            by=item.by,
            evidence=item.oom,
        )
        self._decide(place, new)

    def _decide(self, place: Place, new: ending.Ending | None = None) -> None:
        """The attempt's status anew, and so the run's: after an `end`, after its owner became known, or after a newer attempt began."""
        which = {"run_key": place.run_key, "attempt": place.attempt}
        seen, said = map(parsed, self._execute(SQL.attempt, which).fetchone())
        owner = self._execute(SQL.is_owner, {"stream_key": place.stream_key}).fetchone()[0]
        if new is not None and (owner or ending.is_observed(new) or new.by):
            seen = ending.later(seen, new)
        elif new is not None:
            said = ending.worse(said, new)
        owned = self._execute(SQL.owned, {"run": place.run, "attempt": place.attempt}).fetchone()
        over = ending.decide(seen, said, owned=owned is not None)
        next_began = self._execute(SQL.next_started, which).fetchone()[0]
        if next_began is not None:
            over = ending.superseded(over, owned[0] if owned else None, next_began)
        names = ("reason", "code", "signal", "error_type", "error_message", "error_code", "traceback", "by")
        given = {name: getattr(over, name, None) for name in names}
        given |= {"status": over.status if over else record.RUNNING, "ended": over.time if over else None}
        given |= {"evidence": json_or_none(over.evidence if over else None), "seen": json_or_none(seen), "said": json_or_none(said)}
        self._execute(SQL.end_attempt, {**which, **given})
        self._execute(SQL.end_run, {"run_key": place.run_key})

    def _number(self, experiment: str, time: int) -> tuple[int, int]:
        """An experiment's key and the next run number in it."""
        key = self._execute(SQL.experiment, {"name": experiment, "t": time}).fetchone()[0]
        return key, self._execute(SQL.next_number, {"experiment_key": key}).fetchone()[0]


def json_or_none(value: Any) -> str | None:
    """JSON, but NULL for nothing."""
    return None if value is None else points.json_text(value)


def parsed(text: str | None) -> ending.Ending | None:
    """A kept ending."""
    return None if text is None else msgspec.json.decode(text, type=ending.Ending)
