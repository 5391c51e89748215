"""
What can be asked of a running agent: what the control server's routes do, and the sentences of `status`.

Works on the parts that `main` passes in; wires nothing. Whatever may block is done in the readers' threads.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from outrider import spool
from outrider_agent import changes, errors, layout, model, report
from outrider_agent.collect import streams
from outrider_agent.store import answering, printed

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from outrider_agent import protocols
    from outrider_agent.collect import outputs
    from outrider_agent.ship import shipper
    from outrider_agent.store import history


T = TypeVar("T")

#: So long somebody who changed a run waits for it to be in the store.
EDITED_S = 5.0


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What the operations work on."""

    layout: layout.Layout
    database: Path
    shipper: shipper.Shipper
    reader: history.Historian
    outputs: outputs.OutputsCollector | None
    blobs: protocols.Blobs
    threads: concurrent.futures.Executor
    report: report.Report
    stop: Callable[[], None]
    has_store: bool = True


class AgentOperations:
    """The `control.Operations` of an agent. `last_used` is the monotonic time of the last request."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        say = functools.partial(changes.into_spool, os.fspath(parts.layout.home))
        self._changes = changes.Changes(parts.layout, parts.database, parts.reader, parts.blobs, say)
        self.last_used = time.monotonic()
        self.waiting = 0

    def touched(self) -> None:
        """A request came."""
        self.last_used = time.monotonic()

    def health(self) -> dict[str, Any]:
        """Progress, not a pulse."""
        return self._parts.report.health()

    def probe(self) -> dict[str, bool]:
        """What /healthz answers."""
        return self._parts.report.probe()

    async def status(self) -> dict[str, Any]:
        """The status document."""
        return await self._in_thread(self._parts.report.status)

    async def flush(self, run: str | None, upto: Mapping[str, model.Position], timeout_s: float) -> dict[str, Any]:
        """Outputs of runs that have ended first, for they become lines; then everything that is complete in the spool."""
        self._check(run)
        deadline = time.monotonic() + timeout_s
        self.waiting += 1
        try:
            drained = await self._drained(run, timeout_s)
            late = await asyncio.wrap_future(self._parts.shipper.flush(run, upto, max(0.0, deadline - time.monotonic())))
        finally:
            self.waiting -= 1
            self.touched()
        return {"done": drained and not late, "pending": [_pending(lag) for lag in late]}

    async def history(self, question: model.Question) -> bytes:
        """Commits what is there, then reads the store. Raises TimeoutError rather than give a partial answer."""
        for run in (question.run, question.parent):
            self._check(run)
        if not self._parts.has_store:
            raise errors.Unavailable(
                "This agent keeps no store; it ships what it collects to a server, and only there can all of it be read."
            )
        timeout_s = question.timeout
        if question.what == "files":
            await self._drained(question.run, timeout_s)
        alone = question.run if not question.recursive else None
        if alone is None or question.upto is not None or not await self._in_thread(self._is_committed, alone):
            late = await asyncio.wrap_future(self._parts.shipper.flush(alone, question.upto, timeout_s))
            if late:
                behind = sum(lag.pending_bytes for lag in late)
                raise TimeoutError(
                    f"What was logged is not in the store after {timeout_s:g} s ({behind:,} bytes before it); nothing is lost."
                )
        return await self._in_thread(answering.answer, self._parts.reader, question)

    async def cancel(self, run: str, by: str | None) -> dict[str, Any]:
        """Leaves the request in the run's folder; a run without a keeper, on this machine, has its process told."""
        self._check(run)
        signaled = await self._in_thread(self._cancel, run, by)
        return {"run": run, "canceled": True, "signaled": signaled}

    async def delete(self, run: str) -> dict[str, Any]:
        """Deletes the run for good: from the store, its folder of the spool, and the blobs that only it had."""
        self._check(run)
        blobs = await self._in_thread(self._changes.purge, run)
        return {"run": run, "deleted": True, "blobs": blobs}

    async def edit(self, run: str, edit: changes.Edit) -> None:
        """Says it of the run, and waits until it is in the store."""
        self._check(run)
        await self._in_thread(self._changes.edit, run, edit)
        await asyncio.wrap_future(self._parts.shipper.flush(run, None, EDITED_S))

    async def remove(self, run: str) -> None:
        """Deletes the run; `restore` undoes it until it is purged."""
        self._check(run)
        await self._in_thread(self._changes.remove, run)

    async def restore(self, run: str) -> None:
        """Undoes `remove`."""
        self._check(run)
        await self._in_thread(self._changes.restore, run)

    def purge_older(self, seconds: float) -> int:
        """Purges what was deleted longer ago than that; how many runs. Blocks."""
        return self._changes.purge_older(seconds)

    async def reread(self, run: str, rules: Sequence[Any]) -> int:
        """Reads what the run printed again, from the bytes in the store, and by these rules too."""
        self._check(run)
        return await self._in_thread(printed.reread, self._parts.database, run, rules)

    def stop(self) -> None:
        """Ends the agent in order."""
        self._parts.stop()

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._parts.threads, work, *arguments)

    async def _drained(self, run: str | None, timeout_s: float) -> bool:
        """Everything that lies in the outputs of runs which have ended is captured; False when the time did not suffice."""
        collector = self._parts.outputs
        if collector is None:
            return True
        if run is not None and not await self._in_thread(self._is_over, run):
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await collector.drain(run)
                if rest := collector.settles_in(run):
                    await asyncio.sleep(rest)
                    await collector.drain(run)
        except TimeoutError:
            return False
        return True

    def _is_over(self, run: str) -> bool:
        directory = os.fspath(self._parts.layout.run(run))
        owners = [os.path.join(directory, name) for name in streams.folders(directory)]  # noqa: PTH118
        heads = [(folder, streams.head(folder)) for folder in owners]
        return not owners or any(head is not None and head.own and streams.has_end(folder) for folder, head in heads)

    def _is_committed(self, run: str) -> bool:
        """Is everything that lies in the run's folder in the store, by the sizes of its files? Then nobody needs to wait for the sink."""
        directory = os.fspath(self._parts.layout.run(run))
        there = {name: os.path.join(directory, name) for name in streams.folders(directory)}  # noqa: PTH118
        known = {one.writer: (one.segment, one.offset) for one in self._parts.reader.streams(run)} if there else {}
        for name, folder in there.items():
            numbers = spool.segments(folder)
            try:
                if not numbers or (numbers[-1], os.stat(spool.segment_path(folder, numbers[-1])).st_size) != known.get(name):  # noqa: PTH116
                    return False
            except OSError:
                return False
        return True

    def _check(self, run: str | None) -> None:
        if run is not None and not spool.valid_name(run):
            raise errors.NotFound(f"{run!r} is no run id.")

    def _cancel(self, run: str, by: str | None) -> bool:
        folder = self._parts.layout.run(run)
        if not folder.is_dir():
            known = self._parts.reader.run(run)  # raises NotFound
            raise errors.NotFound(f"Run {run} has ended already ({known.status}); there is nothing to cancel.")
        request = {"by": by, "t": time.time_ns()}
        try:
            layout.write_atomically(self._parts.layout.cancel(run), json.dumps(request).encode())
        except OSError as exc:
            raise errors.Unavailable(f"The request to cancel {run} could not be written: {exc}.") from exc
        return _tell_owner(os.fspath(folder))


def _pending(lag: model.StreamLag) -> dict[str, Any]:
    return {
        "run": lag.stream.run,
        "writer": lag.stream.writer,
        "segment": lag.position.segment,
        "offset": lag.position.offset,
        "bytes": lag.pending_bytes,
    }


def _tell_owner(directory: str) -> bool:
    """SIGTERM for the owner's process, where there is no keeper to do better, and where it is that process beyond doubt."""
    told = False
    for writer in streams.folders(directory):
        folder = os.path.join(directory, writer)  # noqa: PTH118
        head = streams.head(folder)
        if head is None or not head.own or head.is_keeper or head.pid is None or head.pid <= 1:
            continue
        if head.boot == spool.boot_id() and head.host == spool.hostname() and _holds(head.pid, os.path.join(folder, "lock")):  # noqa: PTH118
            try:
                os.kill(head.pid, signal.SIGTERM)
            except OSError:
                continue
            told = True
    return told


def _holds(pid: int, lock: str) -> bool:
    """Has that process the lock's file open, and is it locked? A pid alone may be somebody else's by now, or from another namespace."""
    try:
        if not spool.is_locked(lock):
            return False
        wanted = os.stat(lock)  # noqa: PTH116
        with os.scandir(f"/proc/{pid}/fd") as entries:
            return any(_is_file(entry.path, wanted) for entry in entries)
    except OSError:
        return False


def _is_file(path: str, wanted: os.stat_result) -> bool:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino)
