"""
What an agent says of itself: health (is there progress?), the status document, and what is wrong, in sentences for people.

Only looks. A sentence says what happened, what it means for the data, and what to do.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import msgspec

from outrider import spool
from outrider_agent import model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outrider_agent import layout, supervise
    from outrider_agent.collect import containers, liveness, outputs
    from outrider_agent.ship import deliver, fullness, shipper


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is made from."""

    layout: layout.Layout
    version: str
    started: int
    cap: int
    #: The first one is the store's, where there is a store.
    shippers: Sequence[shipper.Shipper]
    liveness: liveness.Liveness
    fullness: fullness.Fullness
    outputs: outputs.OutputsCollector | None
    containers: containers.ContainersCollector | None
    parts: Sequence[supervise.Part]


class Report:
    """The agent's account of itself. `status` may block on the disk; `health` does not."""

    def __init__(self, looked: Looked) -> None:
        self._looked = looked
        #: Bytes that the spool may hold; a reload may change it.
        self.cap = looked.cap
        self._begun = time.monotonic()
        #: Where the portal is. Set when it is made.
        self.portal: Callable[[], dict[str, Any]] = dict
        #: Where the port for probes is. Set likewise.
        self.probes: Callable[[], dict[str, Any]] = dict

    def health(self) -> dict[str, Any]:
        """`ok` is false when something is pending and nothing moves, and when a sink has stopped for good."""
        first = self._looked.shippers[0]
        sink = first.statistics()
        progress = {"pending_bytes": sink.pending_bytes, "records": sink.records, "last_commit_age_s": _rounded(sink.last_commit_age_s)}
        answer: dict[str, Any] = {"ok": True, "pid": os.getpid(), "version": self._looked.version, "progress": progress}
        if sink.state in ("stuck", "fenced"):
            answer |= {"ok": False, "reason": f"stuck: {_of_sink(sink, first.bug)}"}
        return answer

    def probe(self) -> dict[str, bool]:
        """What /healthz answers. Live: this is answered. Ready: the sink has been opened. Progress: `health`."""
        ready = all(one.deliver is not None for one in self._looked.shippers)
        return {"live": True, "ready": ready, "progress": bool(self.health()["ok"])}

    def hangs(self) -> str | None:
        """
        Why only a new start can help; None while one would not: what waits for a disk or a server goes on by itself. Does not block.
        """
        return next((reason for one in self._looked.shippers if (reason := _hangs(one))), None)

    def line(self) -> str:
        """How it is, in a line: for `systemctl status`."""
        sinks, alive = [one.statistics() for one in self._looked.shippers], self._looked.liveness.statistics.alive
        if self._looked.fullness.measured.full:
            return f"the spool is full, records are refused: {self._looked.fullness.measured.why}"
        waiting = [f"{sink.pending_bytes:,} bytes wait for the sink {sink.name}: {sink.error}" for sink in sinks if sink.error]
        if waiting:
            return "; ".join(waiting)
        pending = max(sink.pending_bytes for sink in sinks)
        waits = f"{pending:,} bytes wait" if pending else "nothing waits"
        return f"{alive} runs live, {waits}, {sinks[0].records:,} records delivered"

    def status(self) -> dict[str, Any]:
        """The document of GET /status."""
        looked, lags = self._looked, {one.name: one.lag() for one in self._looked.shippers}
        first = lags[looked.shippers[0].name]
        sinks, refused = [one.statistics() for one in looked.shippers], self._refused(first)
        measured = looked.fullness.measured
        return {
            "agent": {
                "pid": os.getpid(),
                "version": looked.version,
                "started": looked.started,
                "home": os.fspath(looked.layout.home),
                "uptime_s": round(time.monotonic() - self._begun, 1),
            },
            "sinks": [_sink(sink) for sink in sinks],
            "streams": self._streams(lags, first),
            "collectors": self._collectors(),
            "spool": {"bytes": measured.bytes, "cap": self.cap, "full": measured.full, "refused": refused},
            "portal": self.portal(),
            "probes": self.probes(),
            "wrong": self._wrong(sinks, refused),
        }

    def _streams(self, lags: Mapping[str, Sequence[model.StreamLag]], first: Sequence[model.StreamLag]) -> list[dict[str, Any]]:
        """Each stream's place in the first sink, and how far each sink is behind: of one that it has not seen yet, by all of it."""
        seen = self._looked.shippers[0].reader
        pending = {name: {one.stream: one.pending_bytes for one in found} for name, found in lags.items()}
        whole = {one.stream: stream.pending(model.START) if (stream := seen.stream(one.stream)) else 0 for one in first}
        return [_stream(one, {name: found.get(one.stream, whole[one.stream]) for name, found in pending.items()}) for one in first]

    def _collectors(self) -> list[dict[str, Any]]:
        seen, collector = self._looked.liveness.statistics, self._looked.outputs
        more: dict[str, dict[str, Any]] = {
            "liveness": {"runs": seen.runs, "alive": seen.alive, "unknown": len(seen.unknown)},
            "outputs": msgspec.structs.asdict(collector.statistics()) if collector is not None else {},
        }
        if self._looked.containers is not None:
            more["containers"] = msgspec.structs.asdict(self._looked.containers.statistics())
        return [{**part.document(), **more.get(part.name, {})} for part in self._looked.parts]

    def _refused(self, lag: Sequence[model.StreamLag]) -> int:
        """Records that writers whose streams are still in the spool had to refuse."""
        root = os.fspath(self._looked.layout.spool)
        counts = [spool.counters(f"{root}/{one.stream.run}/{one.stream.writer}/lock").get("refused", 0) for one in lag]
        return sum(count for count in counts if isinstance(count, int))

    def _wrong(self, sinks: Sequence[deliver.Statistics], refused: int) -> list[str]:
        sentences = [
            _of_sink(sink, ship.bug)
            for sink, ship in zip(sinks, self._looked.shippers, strict=True)
            if sink.error or sink.state in ("stuck", "fenced")
        ]
        sink = sinks[0]
        measured = self._looked.fullness.measured
        if measured.full:
            sentences.append(
                f"The spool is full: {measured.why}. Scripts go on, but what they log is refused and counted. "
                "Free some disk space, or raise spool.max_bytes."
            )
        if sink.set_aside:
            sentences.append(
                f"{_lines(sink.set_aside)} could not be read and {'was' if sink.set_aside == 1 else 'were'} set aside with "
                f"{'its' if sink.set_aside == 1 else 'their'} place; all others went on. "
                "`outrider show RUN` lists them."
            )
        if refused:
            sentences.append(
                f"{'1 record was' if refused == 1 else f'{refused:,} records were'} refused by their writers (no room, or the home could "
                "not be written); each gap is recorded in "
                "its run. Free some disk space before the next run."
            )
        sentences += [str(error) for told in (self.portal, self.probes) if (error := told().get("error"))]
        return sentences + self._of_runs() + self._of_parts() + self._of_containers() + self._of_spool()

    def _of_runs(self) -> list[str]:
        unknown = self._looked.liveness.statistics.unknown
        if not unknown:
            return []
        named = ", ".join(unknown[:3]) + (" …" if len(unknown) > 3 else "")
        sentence = (
            f"Whether {len(unknown)} runs still live cannot be told from this machine ({named}); they stay Running. "
            "Their own machine's agent can tell; `outrider delete RUN` removes one."
        )
        return [sentence]

    def _of_parts(self) -> list[str]:
        return [
            f"The {part.name} collector fails ({part.error}) and is started again by itself; what it missed it takes then."
            for part in self._looked.parts
            if part.state != "running" and part.error
        ]

    def _of_containers(self) -> list[str]:
        if self._looked.containers is None:
            return []
        told = self._looked.containers.statistics()
        sentences = [f"The container {one}" for one in told.unreadable[:5]]
        if len(told.unreadable) > 5:
            sentences.append(f"And {len(told.unreadable) - 5} more containers cannot be followed; `outrider status --json` names them.")
        if told.folders and not any(one.endswith(": connected") for one in told.engines):
            sentences.append(
                f"Containers cannot be looked for in {told.folders[0]}. Start the agent as a user who may read that folder, or give it the "
                "engine's socket (containers.sockets)."
            )
        if told.waiting:
            sentences.append(
                "Containers are not read for now, for the spool or its disk is full; what they write stays in their engine's logs as long "
                "as it keeps them. Free some disk space."
            )
        return sentences

    def _of_spool(self) -> list[str]:
        troubles = self._looked.shippers[0].reader.statistics().troubles
        return [f"In the spool: {one.place}: {one.message}." for one in troubles[-5:]]


def _lines(count: int) -> str:
    return f"{count:,} line" if count == 1 else f"{count:,} lines"


def _hangs(ship: shipper.Shipper) -> str | None:
    if ship.bug is not None:
        return f"the sink {ship.name} has stopped: {ship.bug}"
    if ship.is_frozen():
        return f"the sink {ship.name} does not come back from what it does"
    sink = ship.statistics()
    if sink.state == "stuck" and sink.error is None:
        return f"the sink {sink.name} makes no progress, and has no reason for it"
    return None


def _of_sink(sink: deliver.Statistics, bug: str | None) -> str:
    waits = f"{sink.pending_bytes:,} bytes wait in the spool"
    if bug is not None:
        return (
            f"The sink {sink.name} has stopped because of an error in Outrider ({bug}). Nothing is lost, {waits}. "
            "Restart the agent, and report this with agent.log."
        )
    if sink.error:
        return f"The sink {sink.name} does not take records at the moment and is tried again by itself; {waits}: {sink.error}"
    return f"The sink {sink.name} makes no progress. Nothing is lost, {waits}. See agent.log; restarting the agent does no harm."


def _sink(sink: deliver.Statistics) -> dict[str, Any]:
    return {
        "name": sink.name,
        "state": sink.state,
        "error": sink.error,
        "records": sink.records,
        "set_aside": sink.set_aside,
        "transactions": sink.commits,
        "records_per_transaction": round(sink.records_per_transaction, 1),
        "pending_bytes": sink.pending_bytes,
        "last_commit_age_s": _rounded(sink.last_commit_age_s),
    }


def _stream(lag: model.StreamLag, pending: Mapping[str, int]) -> dict[str, Any]:
    return {
        "run": lag.stream.run,
        "writer": lag.stream.writer,
        "alive": lag.alive,
        "segment": lag.position.segment,
        "offset": lag.position.offset,
        "pending": dict(pending),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
