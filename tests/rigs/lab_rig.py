"""A real JupyterLab, driven through Chromium; and notebooks that nbconvert executes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from browsing_rig import profile
from portal_rig import PATIENCE_S
from waiting import until


def notebook(path, *cells):
    """Writes a notebook of code cells."""
    sources = [
        {"cell_type": "code", "id": f"cell{number}", "metadata": {}, "execution_count": None, "outputs": [], "source": source.strip()}
        for number, source in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": sources, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    return path


def environment(folder):
    """Jupyter's own folders are the test's."""
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    return {**os.environ, **own, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def converted(path, folder, *options):
    """What nbconvert makes of a notebook: the file that it wrote."""
    command = [sys.executable, "-m", "nbconvert", *options, "--output", path.stem + "-converted", str(path)]
    done = subprocess.run(
        command, env=environment(folder), cwd=path.parent, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return next(found for found in path.parent.iterdir() if found.stem == path.stem + "-converted")


class Lab:
    """A server with its notebooks in a folder; `before`: words of a command that it is given to; `kind`: also `notebook`, Notebook 7."""

    def __init__(self, folder, before=(), kind="jupyterlab"):
        self.folder = Path(folder)
        self._before = before
        self._kind = kind
        self.notebooks = self.folder / "notebooks"
        self.notebooks.mkdir()
        self._process = None

    def start(self):
        """Starts it, at a port of its own choice."""
        command = [
            *self._before,
            sys.executable,
            "-m",
            self._kind,
            "--no-browser",
            "--allow-root",
            "--ServerApp.port=0",
            "--ServerApp.ip=127.0.0.1",
        ]
        command += [
            f"--ServerApp.root_dir={self.notebooks}",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]
        with (self.folder / "lab.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, env=environment(self.folder), cwd=self.notebooks, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._where = until(self._found, PATIENCE_S, message="JupyterLab did not start")
        return self

    def _found(self):
        assert self._process.poll() is None, (self.folder / "lab.log").read_text()
        for path in (self.folder / "jupyter_runtime_dir").glob("jpserver-*.json"):
            try:
                return json.loads(path.read_text())
            except ValueError:  # half written
                return None
        return None

    def is_connected(self, path):
        """Does the notebook have a kernel that waits for it?"""
        with urllib.request.urlopen(f"{self._where['url']}api/sessions?token={self._where['token']}", timeout=60) as answer:
            kernels = [one["kernel"] for one in json.load(answer) if one["path"] == path.name]
        return any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in kernels)

    def address(self, path):
        """Where the notebook is opened, alone: without what another page left open."""
        where = f"notebooks/{path.name}" if self._kind == "notebook" else f"lab/workspaces/{path.stem}/tree/{path.name}"
        return f"{self._where['url']}{where}?token={self._where['token']}"

    def stop(self):
        """Ends it, and the kernels with it. Told again where it went on: its handler logs, and fails if the signal met a log line."""
        try:
            until(self._is_over, PATIENCE_S, message="the server did not end")
        finally:
            self._process.kill()
            self._process.wait()

    def _is_over(self):
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(15)
        return self._process.returncode is not None


class Page:
    """A notebook in a browser."""

    def __init__(self, browser, lab, path):
        self.context = profile(browser, viewport={"width": 1200, "height": 1000})
        self.page = self.context.new_page()
        self.wrong = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(lab.address(path))
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        until(lambda: lab.is_connected(path), PATIENCE_S, message="the notebook has no kernel")

    def run_all(self):
        """Every cell, one after the other."""
        self._asked = 0.0
        until(self._has_begun, PATIENCE_S, message="no cell was run")

    def _has_begun(self):
        """Was the first cell sent? A front end that is not connected yet asks which kernel, or drops what it was told: it is told again."""
        if re.search(r"[*0-9]", self.page.evaluate("document.querySelector('.jp-InputPrompt').innerText")):
            return True
        if self.page.locator(".jp-Dialog .jp-mod-accept").count():
            self.page.locator(".jp-Dialog .jp-mod-accept").click()
            self.page.wait_for_selector(".jp-Dialog", state="detached")
            self._asked = 0.0
        elif time.monotonic() > self._asked + 5:
            self._asked = time.monotonic()
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        return False

    def wait(self, expression, timeout=PATIENCE_S):
        """Until the expression is true in the page."""
        return until(lambda: self.page.evaluate(expression), timeout=timeout, message=expression)

    def wait_text(self, *words, timeout=PATIENCE_S):
        """Until the first widget has all these words; its words."""
        try:
            return until(lambda: all(word in self.text() for word in words) and self.text(), timeout=timeout)
        except AssertionError:
            raise AssertionError(f"{words} are not all in the widget: {self.text()!r}; cells: {self.outputs()}") from None

    def text(self):
        """The words of the first widget."""
        return self.page.evaluate("document.querySelector('.outrider-run')?.innerText ?? ''")

    def outputs(self):
        """What the cells have given, as text."""
        return self.page.evaluate("[...document.querySelectorAll('.jp-Cell-outputArea')].map((area) => area.innerText)")

    def is_busy(self):
        """Is a cell running?"""
        return self.page.evaluate("document.querySelector('.jp-Notebook-ExecutionIndicator').dataset.status === 'busy'")

    def close(self):
        self.context.close()
