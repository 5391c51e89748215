"""
The launcher of a submitted run: a detached `outrider run` whose command runs in a folder unpacked from the run's snapshot.

Here: what comes before the command (Preparing) and after it (Finalizing); both are the keeper's hooks of `_launch.Launch`. It reads what
it has to do as JSON from stdin, and says `ready` on stdout once the run is in the spool. What it does is told in notes of the run: its system log.
"""

from __future__ import annotations

import json
import os
import sys
import time
from types import SimpleNamespace

from outrider import _command, _launch, _snapshot, _submit, _uploads, record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, NoReturn

_LEFT_TO_AGENT = 64 << 20  #: a larger output is collected by a running agent alone: it would be copied twice
_SDK = "import os, sys; sys.exit(any(os.path.isdir(os.path.join(p, 'azureml', 'core')) for p in sys.path))"
_ABSENT = """\
import json, sys
from importlib import metadata
def there(name):
    try: return bool(metadata.version(name))
    except metadata.PackageNotFoundError: return False
print(json.dumps([name for name in json.loads(sys.argv[1]) if not there(name)]))
"""


def main() -> NoReturn:
    """The process that `_submit.start` starts: a child of it stays, and becomes the front and the keeper."""
    from outrider import _front

    ready = os.dup(1)
    os.set_inheritable(ready, False)
    try:
        spec = json.loads(sys.stdin.buffer.read())
        work = folder_of(spec["home"], spec["run"])
        os.makedirs(work, 0o700)
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
        options.no_outputs, options.no_agent, options.verbose = False, True, False
        super().__init__(options, spec["command"])
        self._spec = spec
        self._ready = ready
        self._unpacked: list[tuple[str, int, int]] = []
        self._started = 0.0
        self._has_sdk = False
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
        environ["PYTHONUNBUFFERED"] = environ.get("PYTHONUNBUFFERED", "1")  # its prints are followed live
        if not self._has_sdk:
            environ.update(self._spec["azureml"])
        own = {key: environ[key] for key in environ if key.startswith("OUTRIDER_")}
        before = environ["PYTHONPATH"]
        environ.update(self._spec["environment"])
        if environ["PYTHONPATH"] != before:
            environ["PYTHONPATH"] = _launch.BOOTSTRAP + os.pathsep + environ["PYTHONPATH"]
        return {**environ, **{key: value for key, value in own.items() if key in ("OUTRIDER_RUN_ID", "OUTRIDER_HOME", "OUTRIDER_KEEPER")}}

    def join(self) -> None:
        """The command leads a process group: canceling reaches all of it."""
        os.setpgid(0, 0)

    def begin(self, writer: spool.Writer) -> None:
        """Preparing: the folder, and what is known of it. Raises OSError where it cannot be made."""
        spec = self._spec
        self._phase(writer, "Preparing")
        os.write(self._ready, b"ready\n")
        writer.append(spool.line(spec["snapshot"]))
        for key, value in (("ContentSnapshotId", spec["snapshot"]["id"]), ("azureml.runsource", "experiment"), ("target", spec["target"])):
            self._property(writer, key, value)
        self._property(writer, "runDefinition", spec["definition"])
        taken = spec["snapshot"]
        self.say(writer, f"Submitted from {spec['folder']} by {self._who()}; its snapshot {taken['id']} has {taken['files']:,} files.")
        for remark in spec["remarks"]:
            self.say(writer, remark)
        source = _snapshot.blob(self.home, taken["id"])
        if source is None:
            raise FileNotFoundError(2, "the snapshot is not in the blob store any more", taken["id"])
        self._unpacked = _snapshot.unpack(source, self.cwd)
        for folder in self.outputs:
            os.makedirs(folder, exist_ok=True)
        self._look_at_interpreter(writer)
        self._git(writer)
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
        count, failed = self._collect(writer)
        self.say(writer, f"Kept {count:,} files of outputs/ and logs/.")
        for path, error in failed:
            self.say(writer, f"{path} could not be kept: {error}.", 30)
        self._remove_source()

    def say(self, writer: spool.Writer, text: str, level: int = 20) -> None:
        """One line of the run's system log."""
        writer.append(spool.line({"k": record.NOTE, "t": time.time_ns(), "lv": level, "msg": text}))

    def _phase(self, writer: spool.Writer, phase: str) -> None:
        writer.append_vital(spool.line({"k": record.PHASE, "t": time.time_ns(), "ph": phase}))

    def _property(self, writer: spool.Writer, key: str, value: Any) -> None:
        writer.append(spool.line({"k": record.PROPERTY, "t": time.time_ns(), "n": key, "v": value}))

    def _who(self) -> str:
        from outrider import _facts

        return f"{_facts.user()} on {spool.hostname()}"

    def _look_at_interpreter(self, writer: spool.Writer) -> None:
        """Has it the real SDK, and which of the packages that were named has it not?"""
        python = self._spec["interpreter"]
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("OUTRIDER_", "AZUREML_"))}
        environ["OUTRIDER_DISABLED"] = "1"
        self._has_sdk = _asked(python, environ, ["-c", _SDK])[0] == 1
        if self._has_sdk:
            self.say(writer, f"{python} has the real Azure ML SDK, so its variables (AZUREML_*) are not set: it would look for its service.")
        if self._spec["packages"]:
            code, text = _asked(python, environ, ["-c", _ABSENT, json.dumps(self._spec["packages"])])
            absent = json.loads(text) if code == 0 else []
            self.say(writer, f"Nothing is installed for a run: it takes {python} as it is.")
            if absent:
                self.say(writer, f"{python} has not what the environment names: {', '.join(absent)}.", 30)

    def _git(self, writer: spool.Writer) -> None:
        """The repository that the folder is in, as the original's properties name it."""
        from outrider import _git

        for key, value in _git.properties(self._spec["folder"]).items():
            self._property(writer, key, value)

    def _collect(self, writer: spool.Writer) -> tuple[int, list[tuple[str, str]]]:
        """How many files became the run's; and those that did not, with the reason."""
        from outrider import control

        most = _LEFT_TO_AGENT if control.agent_info(self.home) is not None else float("inf")
        count, failed = 0, []
        for root in self.outputs:
            for inner, path in _uploads.files_below(root) if os.path.isdir(root) else ():
                name = f"{os.path.basename(root)}/{inner}"
                try:
                    if os.path.getsize(path) <= most:
                        fields = _uploads.store(self.home, name, path).replace('"src":"upload"', '"src":"outputs"')
                        writer.append(("\n{" + fields + "}\n").encode("ascii"))
                    count += 1
                except (OSError, ValueError) as error:
                    failed.append((name, str(error)))
        return count, failed

    def _remove_source(self) -> None:
        """What came from the snapshot and is as it was: it can be had again. What the script made stays."""
        folders = set()
        for path, size, modified in self._unpacked:
            try:
                found = os.lstat(path)
                if (found.st_size, found.st_mtime_ns) == (size, modified):
                    os.unlink(path)
                    folders.add(os.path.dirname(path))
            except OSError:
                continue
        for folder in sorted(folders, key=len, reverse=True):
            while folder != self.cwd:
                try:
                    os.rmdir(folder)
                except OSError:
                    break
                folder = os.path.dirname(folder)


def _asked(python: str, environ: dict[str, str], arguments: list[str]) -> tuple[int, str]:
    """(exit code, output) of a short question to the run's Python; (-1, "") where it cannot be asked."""
    import subprocess

    program = _command.find(python, environ, "/")
    if program is None or not _launch.is_python(program):
        return -1, ""
    try:
        found = subprocess.run([program, *arguments], env=environ, cwd="/", capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return -1, ""
    return found.returncode, found.stdout.decode("utf-8", "replace")
