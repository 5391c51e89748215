"""
The charts of a run that goes on, below what `_widget_page` shows: the page that `outrider export --html` writes, in a frame that is made
once and is then told what came, so that a zoom and what is pinned stay.

A process of its own reads the store and writes a line whenever something changed: `page …`, then `data …`, each packed. It ends with the
run, or when its stdin is closed, as it is when this process goes. Where no agent takes the run's records in there are no such charts.
"""

from __future__ import annotations

import os

from outrider import _widget_charts, control

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import subprocess
    from typing import Any, Callable

#: So long one look waits for the rest of a line that has begun.
_REST_S = 0.3
#: Told to the frame of this name: `source.js` in it draws what came.
_FEED = (
    "<script>for(const frame of document.querySelectorAll('iframe[name=\"%s\"]'))"
    'frame.contentWindow.postMessage({outrider:"%s"},"*")</script>'
)


def begun(home: str, run_id: str, display: Callable[..., Any]) -> LiveCharts | None:
    """The charts, begun, in two outputs of the cell; None where there is no agent, or the process cannot be started. Raises nothing."""
    if not control.agent_info(home):
        return None
    try:
        process = _started(home, run_id)
    except OSError:
        return None
    empty = {"text/html": "", "text/plain": ""}
    return LiveCharts(run_id, process, *[display(empty, raw=True, display_id=True) for _ in range(2)])


def _started(home: str, run_id: str) -> subprocess.Popen[bytes]:
    import subprocess

    command = [*_widget_charts.command(home, run_id), "--follow"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=_widget_charts.environment(), cwd="/", **pipes)  # type: ignore[call-overload,no-any-return] # by name


class LiveCharts:
    """A frame, and what is told to it. Used by one thread."""

    def __init__(self, run_id: str, process: subprocess.Popen[bytes], frame: Any, feed: Any) -> None:
        self._name = f"outrider-{run_id}-{os.getpid()}-{id(process)}"
        self._process, self._frame, self._feed = process, frame, feed
        self._begun = b""
        self._out = process.stdout.fileno()  # type: ignore[union-attr] # it is a pipe
        os.set_blocking(self._out, False)

    def look(self) -> None:
        """Shows what came since the last look."""
        newest = {line.partition(b" ")[0]: line.partition(b" ")[2].decode() for line in self._lines()}
        if b"page" in newest:
            self._show(self._frame, _widget_charts.frame(newest[b"page"], self._name))
        elif b"data" in newest:
            self._show(self._feed, _FEED % (self._name, newest[b"data"]))

    def end(self, last: str) -> None:
        """The run has ended: in place of the frame stands `last`, and nothing is told any more."""
        self.close()
        self._show(self._feed, "")
        self._show(self._frame, last)

    def close(self) -> None:
        """Ends the process; the frame stays as it is."""
        import subprocess

        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _show(self, handle: Any, html: str) -> None:
        handle.update({"text/html": html, "text/plain": ""}, raw=True)

    def _lines(self) -> list[bytes]:
        """The lines that came; the rest of one that has begun is waited for, shortly."""
        import select

        while select.select([self._out], [], [], _REST_S if self._begun and not self._begun.endswith(b"\n") else 0)[0]:
            try:
                came = os.read(self._out, 1 << 20)
            except BlockingIOError:
                break
            if not came:
                break
            self._begun += came
        *lines, self._begun = self._begun.split(b"\n")
        return lines
