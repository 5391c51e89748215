"""
Waiting for the end of a run, with what it prints meanwhile under the original's headings; and asking it to end.

Here: following and asking. Never here: starting (`_submit.py`), what is known of a run (`_history.py`). Nothing in it needs the agent.
"""

from __future__ import annotations

import json
import os
import sys
import time

from outrider import _facts, control, record, spool
from outrider._errors import ActivityFailed

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    from outrider._known import KnownRun

LOG = "user_logs/std_log.txt"  #: the name of the console among a run's files
_SOON_S, _SELDOM_S = 0.05, 1.0  #: between two looks: from, to
_SHARE = 20  #: asking takes at most one part in so many of the time


_MESSAGES = {
    record.FAILED: "The run has failed; nothing more is known.",
    record.UNKNOWN: "The run's processes are gone (killed, or the machine restarted), and none said how it ended; what they wrote is kept.",
}


def wait_for_completion(
    run: KnownRun,
    show_output: bool = False,
    wait_post_processing: bool = False,  # noqa: ARG001 -- of the original: here a run has ended when everything of it is kept
    raise_on_error: bool = True,
) -> dict[str, Any]:
    """
    Waits until the run has ended; its details. `show_output`: prints what it prints, as it comes. `raise_on_error`: raises ActivityFailed
    where it has failed.
    """
    follower = Follower(run._home, run.id) if run._home is not None else None  # noqa: SLF001 -- its own package
    if show_output:
        _say(f"RunId: {run.id}\nWeb View: {run.get_portal_url()}\n")
    shown = _Shown(follower if show_output else None)
    status = _wait(run, follower, shown)
    shown.rest(run)
    details = run.get_details()
    if show_output:
        _say(f"\n{_underlined('Execution Summary')}\nRunId: {run.id}\nWeb View: {run.get_portal_url()}\n")
    if status in (record.FAILED, record.UNKNOWN):
        error = details.get("error") or {"error": {"code": "UserError", "message": _MESSAGES[status]}}
        if raise_on_error:
            raise ActivityFailed(f"Activity Failed:\n{json.dumps(error, indent=4, default=str)}", error)
        if show_output:
            _say(json.dumps(error, indent=4, default=str))
    return details


def cancel(run: Any) -> None:
    """`Run.cancel` of a run that is not this process's own: asks for its end, and returns at once."""
    home = run._home  # noqa: SLF001 -- its own package
    if home is not None and request_cancel(home, run.id, _facts.user()):
        run.add_line(spool.line({"k": record.PHASE, "t": time.time_ns(), "ph": "CancelRequested"}))


def request_cancel(home: str, run_id: str, by: str = "") -> bool:
    """
    Asks the run's keeper to end it: SIGTERM to its process group, SIGKILL to what is left of that after the grace. False: it is not in the
    spool any more, so it has ended.
    """
    folder = os.path.join(home, "spool", run_id)
    temporary = os.path.join(folder, f".cancel-{os.getpid()}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"by": by, "t": time.time_ns()}, file)
        os.replace(temporary, os.path.join(folder, "cancel"))
    except FileNotFoundError:
        return False
    return True


def _wait(run: KnownRun, follower: Follower | None, shown: _Shown) -> str:
    """The status it ended with. The spool says at once that it has; asking (the agent, or the whole spool) counts, and is seldom."""
    pause, next_question, gone = _SOON_S, 0.0, False
    while True:
        moved = shown.look()
        now = time.monotonic()
        if now >= next_question or (follower is not None and follower.has_ended()):
            status = run.get_status()
            if status in record.TERMINAL or (gone and status == record.UNKNOWN):
                return status
            # Without an agent nobody writes the end of a run whose processes are gone; seen twice, as everywhere.
            gone = status == record.UNKNOWN and control.agent_info(run._home or "") is None  # noqa: SLF001 -- its own package
            next_question = time.monotonic() + max(_SELDOM_S, (time.monotonic() - now) * _SHARE)
        pause = _SOON_S if moved else min(pause * 1.3, _SELDOM_S / 2)
        time.sleep(pause)


class _Shown:
    """What was printed of the console so far."""

    def __init__(self, follower: Follower | None) -> None:
        self._follower = follower
        self._begun = False

    def look(self) -> bool:
        """Prints what is new; was there something?"""
        if self._follower is None:
            return False
        data = self._follower.read()
        if data:
            self._write(data)
        return bool(data)

    def rest(self, run: KnownRun) -> None:
        """What the spool did not have any more."""
        if self._follower is None:
            return
        from outrider import _history

        self.look()
        if self._follower.is_cut:
            self._write(_history.console(run._home, run.id, self._follower.given))  # noqa: SLF001 -- its own package
        if self._begun:
            _say("")

    def _write(self, data: bytes) -> None:
        if not self._begun:
            self._begun = True
            _say(f"{_underlined(f'Streaming {LOG}')}\n")
        sys.stdout.write(data.decode("utf-8", "replace"))
        sys.stdout.flush()


class Follower:
    """Reads what a run's command prints from its keeper's stream, as it comes. `given` is how many bytes that were."""

    def __init__(self, home: str, run_id: str) -> None:
        self._folder = os.path.join(home, "spool", run_id)
        self._stream: str | None = None
        self._segment = 0
        self._offset = 0
        self._tail = b""
        self._ended = False
        self.given = 0
        self.is_cut = False  #: something of it has left the spool before it was read here

    def has_ended(self) -> bool:
        """Has the keeper said that the run is over?"""
        return self._ended

    def read(self) -> bytes:
        """What is new, of both streams in the order it was written."""
        found = b""
        while not self.is_cut:
            data = self._next()
            if data is None:
                return found
            found += data
        return found

    def _next(self) -> bytes | None:
        """Of one more piece of the stream; None where there is no more for now."""
        if self._stream is None and not self._find():
            return None
        assert self._stream is not None  # noqa: S101
        try:
            with open(spool.segment_path(self._stream, self._segment), "rb") as file:
                file.seek(self._offset)
                data = file.read(1 << 20)
            is_last = not data and not os.path.exists(spool.segment_path(self._stream, self._segment + 1))
        except FileNotFoundError:
            self.is_cut = not self._ended
            return None
        if is_last:
            return None
        if not data:
            self._segment, self._offset, self._tail = self._segment + 1, 0, b""
            return b""
        self._offset += len(data)
        lines = (self._tail + data).split(b"\n")
        self._tail = lines.pop()
        return b"".join(self._take(line) for line in lines if line)

    def _take(self, raw: bytes) -> bytes:
        if not raw.startswith((b'{"k":"c"', b'{"k":"end"')):
            return b""
        try:
            line = json.loads(raw)
        except ValueError:
            return b""
        if line["k"] == record.END:
            self._ended = True
            return b""
        data = _bytes(line)
        self.given += len(data)
        return data

    def _find(self) -> bool:
        """The newest keeper's stream: a run that was resumed has several."""
        try:
            names = [name for name in os.listdir(self._folder) if name.startswith("keeper-") and not name.endswith(".tmp")]
        except OSError:
            self.is_cut = True
            return False
        streams = [os.path.join(self._folder, name) for name in names]
        if not streams:
            return False
        self._stream = max(streams, key=os.path.getmtime)
        numbers = spool.segments(self._stream)
        self.is_cut = bool(numbers) and numbers[0] > 0
        return bool(numbers) and not self.is_cut


def _bytes(line: dict[str, Any]) -> bytes:
    if "d" in line:
        return str(line["d"]).encode("utf-8", "surrogatepass")
    import base64

    return base64.b64decode(line.get("b") or "")


def _underlined(text: str) -> str:
    return f"{text}\n{'=' * len(text)}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
