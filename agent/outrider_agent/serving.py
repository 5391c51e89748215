"""
What can be asked of a server over its control socket, by the same commands that ask an agent; and what it tells agents of their runs.

A server has no spool of its own: nothing is ever pending here. What its agents hold, they say themselves.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from outrider import record, spool
from outrider_agent import changes, errors, layout, model
from outrider_agent.core import wire
from outrider_agent.store import answering, printed

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from outrider_agent import protocols
    from outrider_agent.receive import receiver
    from outrider_agent.store import browsing, history

T = TypeVar("T")

#: What is said of a run is committed within so long.
SAID_S = 30.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the operations work on."""

    layout: layout.Layout
    version: str
    started: int
    receiver: receiver.Receiver
    reader: history.Historian
    database: Path
    blobs: protocols.Blobs
    threads: concurrent.futures.Executor
    stop: Callable[[], None]
    url: Callable[[], str]
    #: A transaction that takes longer is no progress.
    stuck_after_s: float


class ServerOperations:
    """The `control.Operations` of a server."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._changes = changes.Changes(told.layout, told.database, told.reader, told.blobs, self._say)
        self._begun = time.monotonic()

    def touched(self) -> None:
        """A server does not end for want of requests."""

    def health(self) -> dict[str, Any]:
        """`ok` is false while nothing can be committed."""
        error = self._wrong()
        answer: dict[str, Any] = {"ok": error is None, "pid": os.getpid(), "version": self._told.version}
        return answer if error is None else {**answer, "reason": error}

    def _wrong(self) -> str | None:
        """Why nothing can be committed at the moment."""
        busy_s = self._told.receiver.busy_s()
        if busy_s > self._told.stuck_after_s:
            return f"the transaction under way has taken {busy_s:.0f} s; the store's disk may hang"
        return self._told.receiver.error

    def probe(self) -> dict[str, bool]:
        """What /healthz answers: it listens, its store is open; and what comes can be committed."""
        return {"live": True, "ready": True, "progress": bool(self.health()["ok"])}

    async def status(self) -> dict[str, Any]:
        """The document of GET /status, in an agent's shape."""
        received, error = self._told.receiver, self._wrong()
        sink = {
            "name": "store",
            "state": "ok" if error is None else "backing-off",
            "error": error,
            "records": received.records,
            "set_aside": received.set_aside,
            "transactions": received.commits,
            "records_per_transaction": round(received.records / max(1, received.commits), 1),
            "pending_bytes": 0,
            "last_commit_age_s": None,
        }
        return {
            "agent": {
                "pid": os.getpid(),
                "version": self._told.version,
                "started": self._told.started,
                "home": os.fspath(self._told.layout.home),
                "uptime_s": round(time.monotonic() - self._begun, 1),
            },
            "sinks": [sink],
            "streams": [],
            "collectors": [],
            "spool": {"bytes": 0, "cap": None, "full": False, "refused": 0},
            "portal": {"url": self._told.url(), "error": None},
            "probes": {"url": self._told.url(), "error": None},
            "wrong": [f"The store takes nothing at the moment; agents hold what they have and come again: {error}"] if error else [],
        }

    async def flush(self, _run: str | None, _upto: Mapping[str, model.Position], _timeout_s: float) -> dict[str, Any]:
        """What an agent was told is committed, is; there is nothing else here."""
        return {"done": True, "pending": []}

    async def history(self, question: model.Question) -> bytes:
        """From the store."""
        for run in (question.run, question.parent):
            _check(run)
        return await self._in_thread(answering.answer, self._told.reader, question)

    async def cancel(self, run: str, _by: str | None) -> dict[str, Any]:
        """Its processes are elsewhere."""
        _check(run)
        host = (await self._in_thread(self._told.reader.run, run)).host or "its machine"
        raise errors.NotFound(f"Run {run} runs on {host}; a server cannot stop it. Nothing was asked of it. There: outrider cancel {run}")

    async def delete(self, run: str) -> dict[str, Any]:
        """Deletes the run for good: from the store, and the blobs that only it had."""
        _check(run)
        return {"run": run, "deleted": True, "blobs": await self._in_thread(self._changes.purge, run)}

    async def edit(self, run: str, edit: changes.Edit) -> None:
        """Says it of the run; it is committed when this returns."""
        _check(run)
        await self._in_thread(self._changes.edit, run, edit)

    async def remove(self, run: str) -> None:
        """Deletes the run; `restore` undoes it until it is purged."""
        _check(run)
        await self._in_thread(self._changes.remove, run)

    async def restore(self, run: str) -> None:
        """Undoes `remove`."""
        _check(run)
        await self._in_thread(self._changes.restore, run)

    async def reread(self, run: str, rules: Sequence[Any]) -> int:
        """Reads what the run printed again, from the bytes in the store, and by these rules too."""
        _check(run)
        return await self._in_thread(printed.reread, self._told.database, run, rules)

    def purge_older(self, seconds: float) -> int:
        """Purges what was deleted longer ago than that; how many runs. Blocks."""
        return self._changes.purge_older(seconds)

    def stop(self) -> None:
        """Ends it in order."""
        self._told.stop()

    def _say(self, run: str, attempt: int, lines: list[bytes]) -> None:
        """A stream of the server's own, whole at once. Raises `Unavailable`."""
        writer = f"server-{os.getpid()}-{secrets.token_hex(4)}"
        head = {"k": record.HEAD, "v": record.FORMAT_VERSION, "run": run, "w": writer, "seg": 0, "t": time.time_ns(), "att": attempt}
        data = b"\n" + msgspec.json.encode(head) + b"\n" + b"".join(lines)
        start, end = model.Position(0, 0), model.Position(0, len(data))
        piece = model.Slice(stream=model.StreamId(run, writer), start=start, end=end, data_offset=0, data=data)
        try:
            self._told.receiver.offer(piece).result(SAID_S)
        except TimeoutError:
            raise errors.Unavailable(
                f"The store did not take it within {SAID_S:g} s; it may yet. Look at the run, then try again."
            ) from None

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._told.threads, work, *arguments)


class About:
    """What an agent without a store asks of a run of its own. Blocks on the disk."""

    def __init__(self, store: browsing.Browser, has_ended: Callable[[str, int | None], bool]) -> None:
        self._store, self._has_ended = store, has_ended

    def __call__(self, run: str, attempt: int | None) -> wire.Known:
        """A run that is not known has not ended. Raises `Unavailable`."""
        ended = self._has_ended(run, attempt)
        try:
            found, files = self._store.run(run), self._store.artifacts(run)
        except errors.NotFound:
            return wire.Known(ended=ended)
        kept = {one.path: (one.size, one.sha256, one.modified or 0) for one in files if one.source == "outputs"}
        return wire.Known(
            ended=ended, outputs=found.outputs, started=found.started, attempt=found.attempt, ended_at=found.ended, artifacts=kept
        )


def portal_card(url: str) -> bytes:
    """The content of portal.json."""
    parts = urlsplit(url)
    content = {"v": 1, "pid": os.getpid(), "address": parts.hostname, "port": parts.port, "url": url}
    return json.dumps(content).encode() + b"\n"


def _check(run: str | None) -> None:
    if run is not None and not spool.valid_name(run):
        raise errors.NotFound(f"{run!r} is no run id.")
