"""
RunDetails: a run in a cell of a notebook, kept up to date until the run ends; on a console once, as text. For past runs too.

    outrider.RunDetails(run).show()

What is shown is plain HTML, so that it stays in the saved notebook and in what is converted from it. Its charts come below it in a frame,
for front ends that run scripts, and follow the run where an agent takes in what it logs. It is drawn anew by one daemon thread a `show()`,
and only in a notebook: a cell that waits, or trains, holds back nothing (decisions/0014, 0025).
"""

from __future__ import annotations

import sys
from time import perf_counter, time_ns

from outrider import _widget_charts, _widget_data, _widget_live, _widget_page, record

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

    from outrider._run import Run

#: Seconds between two looks: at least this, ten times what a look costs, and never more than the last.
_SOONEST_S, _COST, _LATEST_S = 1.5, 10.0, 9.0
#: How long the end of a cell waits, once, for the run's end to be drawn.
_LAST_LOOK_S = 3.0


class RunDetails:
    """The state of a run, to be shown. `run_instance`: this process's own run, a submitted one, a child, or one of the past."""

    def __init__(self, run_instance: Run) -> None:
        self.run = run_instance
        self._live: _Live | None = None

    def show(self, render_lib: Any = None, widget_settings: Any = None, *, charts: bool = True) -> None:  # noqa: ARG002 -- the arguments of old scripts
        """
        Shows status, metrics, child runs and last lines. In a notebook they are drawn anew until the run has ended, at most 2 s apart (for
        runs that take longer than 0.2 s to read at most 10 s); elsewhere they are printed once. Returns at once. Below are its charts: as
        it goes on where an agent runs, else when it has ended, where the agent is installed; without `charts`, not. The first two arguments
        are for scripts of the old SDK, and mean nothing.
        """
        look = _Look(self.run, has_charts=charts)
        shell = _notebook()
        if shell is None:
            _print(look.text())
            return
        from IPython import display

        if self._live is not None:  # shown before: that view stays as it is, this one goes on
            self._live.stop()
        display_it: Any = display.display  # it has no types
        handle = display_it(look.bundle(), raw=True, display_id=True)
        if not look.is_whole:
            live_charts = _widget_live.begun(self.run._home or "", self.run.id, display_it) if charts else None  # noqa: SLF001 -- as below
            self._live = _Live(look, handle, shell, live_charts)
            self._live.start()

    def _ipython_display_(self) -> None:
        self.show()

    def get_widget_data(self, widget_settings: Any = None) -> dict[str, Any]:
        """
        What the widget shows, as data: status, workbench_run_details_uri, run_id, run_properties, child_runs, children_metrics, run_metrics
        (each value in a list), run_logs, graph, widget_settings.
        """
        return _widget_data.as_sdk(_widget_data.read(self.run), widget_settings)


class _Look:
    """The run as it was last read. Where reading is slow, metrics and children are read less often than the status."""

    def __init__(self, run: Run, *, has_charts: bool = False) -> None:
        self.run = run
        self._charts = None if has_charts else ""
        self._cost = 0.0
        self._due = 0.0
        self._shown: dict[str, Any] = {}
        self.again()

    @property
    def is_over(self) -> bool:
        """Has the run ended?"""
        return bool(self._shown["ended"])

    @property
    def is_whole(self) -> bool:
        """Has the run ended, and are its charts there, if they are wanted?"""
        return self.is_over and self._charts is not None

    def draw_charts(self) -> None:
        """Of a run that has ended: its charts, where they can be had. May take a second or two."""
        if self._charts is None:
            self._charts = _widget_charts.fragment(self.run._home or "", self.run.id)  # noqa: SLF001 -- where its records are

    def taken_charts(self) -> str:
        """The same, for who shows them: they are not part of the bundle then."""
        self.draw_charts()
        found, self._charts = self._charts or "", ""
        return found

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return min(max(_SOONEST_S, _COST * self._cost), _LATEST_S)

    def again(self) -> None:
        """Reads the run anew."""
        started = perf_counter()
        whole = started >= self._due
        self._shown = _widget_data.read(self.run, self._shown, whole=whole)
        if whole:
            now = perf_counter()
            self._cost = now - started
            self._due = now + _COST * self._cost if self._cost * _COST > _LATEST_S else now

    def text(self) -> str:
        """As plain text."""
        return _widget_page.text(self._shown, time_ns())

    def bundle(self) -> dict[str, str]:
        """As what a notebook displays: HTML, and text for where there is none."""
        return {"text/html": _widget_page.html(self._shown, time_ns()) + (self._charts or ""), "text/plain": self.text()}


class _Live:
    """A view that is drawn anew until the run has ended, by a thread of its own. The end is drawn within the cell that ended the run."""

    def __init__(self, look: _Look, handle: Any, shell: Any, charts: _widget_live.LiveCharts | None) -> None:
        from threading import Event, Thread

        self._look, self._handle, self._shell, self._charts = look, handle, shell, charts
        self._wake = Event()
        self._stopped = False
        self._thread = Thread(target=self._go_on, name="outrider-widget", daemon=True)

    def start(self) -> None:
        """Begins; returns at once."""
        self._shell.events.register("post_run_cell", self._cell_ended)
        self._thread.start()

    def stop(self) -> None:
        """The view stays as it is."""
        self._stopped = True
        self._wake.set()

    def _go_on(self) -> None:
        while not self._look.is_over:
            self._wake.wait(self._look.pause)
            self._wake.clear()
            if self._stopped:
                break
            self._look.again()
            self._handle.update(self._look.bundle(), raw=True)
            if self._charts is not None:
                self._charts.look()
        self._end()

    def _end(self) -> None:
        """Of a run that has ended, its charts as they stay: where those of the running one are, else below the rest."""
        if self._stopped:
            if self._charts is not None:
                self._charts.close()
            return
        if self._look.is_whole:
            return
        if self._charts is not None:
            self._charts.end(self._look.taken_charts())
            return
        self._look.draw_charts()
        self._handle.update(self._look.bundle(), raw=True)

    def _cell_ended(self, *_: Any) -> None:
        if self._thread.is_alive() and self._look.run.status in record.TERMINAL:
            self._wake.set()
            self._thread.join(_LAST_LOOK_S)
        if not self._thread.is_alive():
            self._shell.events.unregister("post_run_cell", self._cell_ended)


def _notebook() -> Any:
    """The shell of a kernel, whose output a front end draws; else None. Looked up among what is loaded, never imported."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell if getattr(shell, "kernel", None) is not None else None


def _print(text: str) -> None:
    """To stdout, with `?` for what its encoding has no word for."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding, "replace"))
    sys.stdout.flush()
