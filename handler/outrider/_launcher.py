"""
The launcher of a submitted run: a detached `outrider run` whose command runs in a folder unpacked from the run's snapshot.

Here: what comes before the command (Preparing) and after it (Finalizing), as the keeper's hooks of `_launch.Launch`. It reads what it has
to do as JSON from stdin, and says `ready` on stdout once the run is in the spool. What it does it tells in notes: the run's system log.
Never here: the files themselves (`_workfolder.py`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace

from outrider import _definition, _facts, _git, _launch, _shared, _submit, _workfolder, record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, NoReturn


def main() -> NoReturn:
    """The process that `_submit.start` starts: a child of it stays, and becomes the front and the keeper."""
    from outrider import _front

    ready = os.dup(1)
    os.set_inheritable(ready, False)
    try:
        spec = json.loads(sys.stdin.buffer.read())
        work = folder_of(spec["home"], spec["run"])
        _shared.make_folders(os.path.dirname(work))
        _shared.make_folder(work)
        if os.fork() > 0:
            os._exit(0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nowhere, fd)
        os.close(nowhere)
        launch = Submission(spec, work, ready)
    except Exception as error:
        os.write(ready, f"{type(error).__name__}: {error}\n".encode("utf-8", "replace"))
        raise
    _front.run(launch)


def folder_of(home: str, run: str) -> str:
    """Where a submitted run works."""
    return os.path.join(home, "submitted", run)


class Submission(_launch.Launch):
    """An `outrider run` of a submitted script."""

    def __init__(self, spec: dict[str, Any], work: str, ready: int) -> None:
        options = SimpleNamespace(run_id=spec["run"], experiment=spec["experiment"], name=spec["name"], tag=[], outputs=None, cwd=work)
        options.metric = None
        options.no_outputs, options.no_agent, options.verbose, options.legacy = False, True, False, False
        super().__init__(options, spec["command"])  # type: ignore[arg-type]
        self._spec = spec
        self._ready = ready
        self._unpacked: list[tuple[str, int, int]] = []
        self._started = 0.0
        self._said: list[str] = []
        self._interpreter = _workfolder.Interpreter(spec["interpreter"])
        self.parent = spec["parent"]
        self.tags.update(spec["tags"])
        self.outputs = [os.path.join(work, "outputs"), os.path.join(work, "logs")]

    def run_record(self, exe: str | None) -> dict[str, Any]:
        """With what only a submitted run has."""
        found = super().run_record(exe)
        found["type"] = _submit.TYPE
        if self._spec["inputs"]:
            found["inputs"] = self._spec["inputs"]
        return found

    def environment(self, keeper: int) -> dict[str, str]:
        """With what the configuration says, and what a job of Azure ML finds; not where the real SDK would take it for its own."""
        environ = super().environment(keeper)
        environ["OUTRIDER_LINE_BUFFERED"] = "1"  # its prints are followed live
        if not self._interpreter.has_sdk:
            environ.update(self._spec["azureml"])
        own = {key: environ[key] for key in environ if key.startswith("OUTRIDER_")}
        before = environ["PYTHONPATH"]
        environ.update(self._spec["variables"])
        if environ["PYTHONPATH"] != before:
            environ["PYTHONPATH"] = _launch.BOOTSTRAP + os.pathsep + environ["PYTHONPATH"]
        return {**environ, **{key: value for key, value in own.items() if key in ("OUTRIDER_RUN_ID", "OUTRIDER_HOME", "OUTRIDER_KEEPER")}}

    def join(self) -> None:
        """The command leads a process group: canceling reaches all of it."""
        os.setpgid(0, 0)

    def begin(self, writer: spool.Writer) -> None:
        """Preparing: the folder, and what is known of it. Raises OSError where it cannot be made."""
        spec, taken = self._spec, self._spec["snapshot"]
        self._phase(writer, "Preparing")
        os.write(self._ready, b"ready\n")
        writer.append(spool.line(taken))
        about = {"ContentSnapshotId": taken["id"], "azureml.target": spec["target"]}
        for key, value in {**about, **_git.properties(spec["folder"])}.items():
            writer.append(spool.line({"k": record.PROPERTY, "t": time.time_ns(), "n": key, "v": value}))
        who = f"{_facts.user()} on {spool.hostname()}"
        self.say(writer, f"Submitted from {spec['folder']} by {who}; files in its snapshot {taken['id']}: {taken['files']:,}.")
        self._keep(writer, _definition.FILE, json.dumps(spec["definition"], indent=2))
        self._unpacked = _workfolder.fill(self.home, taken["id"], self.cwd, self.outputs)
        rules = _facts.project_rules(self.cwd)
        if rules is not None:
            writer.append(spool.line({"k": record.RUN, "t": time.time_ns(), "rules": rules}))
        for level, text in [*((20, remark) for remark in spec["remarks"]), *self._interpreter.look(spec["packages"])]:
            self.say(writer, text, level)
        self.say(writer, f"Prepared {self.cwd} in {(time.time_ns() - spec['submitted']) / 1e9:.2f} s. Starting: {' '.join(self.command)}")

    def started(self, writer: spool.Writer) -> None:
        """The command runs."""
        self._started = time.monotonic()
        self._phase(writer, record.RUNNING)

    def asks_to_end(self) -> str | None:
        """Who wants the command to end now: its time is over."""
        longest = self._spec["max_duration_s"]
        if longest and self._started and time.monotonic() - self._started > longest:
            return f"max_run_duration_seconds ({longest:g} s)"
        return None

    def finish(self, writer: spool.Writer) -> None:
        """Finalizing: what it left in outputs/ and logs/ becomes the run's; the copy of its source goes."""
        self._phase(writer, "Finalizing")
        count, failed = _workfolder.collect(self.home, writer, self.outputs)
        self.say(writer, f"Files kept of outputs/ and logs/: {count:,}.")
        for path, error in failed:
            self.say(writer, f"{path} could not be kept: {error}.", 30)
        _workfolder.remove_source(self._unpacked, self.cwd)
        self._keep(writer, "system_logs/outrider.txt", "".join(self._said))

    def say(self, writer: spool.Writer, text: str, level: int = 20) -> None:
        """One line of the run's system log."""
        self._said.append(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {'warning' if level > 20 else 'info':<7} {text}\n")
        writer.append(spool.line({"k": record.NOTE, "t": time.time_ns(), "lv": level, "msg": text}))

    def _keep(self, writer: spool.Writer, name: str, text: str) -> None:
        problem = _workfolder.keep(self.home, writer, name, text.encode())
        if problem:
            self.say(writer, f"{name} could not be kept: {problem}.", 30)

    def _phase(self, writer: spool.Writer, phase: str) -> None:
        writer.append_vital(spool.line({"k": record.PHASE, "t": time.time_ns(), "ph": phase}))
