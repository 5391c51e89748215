"""
The folder in which a submitted run works, and the Python it works with: filled from the snapshot, looked at, and gathered from at its end.

Here: files and questions. Never here: the command's process, the run's phases (`_launcher.py`).
"""

from __future__ import annotations

import errno
import json
import os

from outrider import _command, _launch, _snapshot, _uploads

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Iterator

    from outrider import spool

_LEFT_TO_AGENT = 64 << 20  #: a larger file is collected by a running agent alone: it would be copied twice
_SDK = "import os, sys; sys.exit(any(os.path.isdir(os.path.join(p, 'azureml', 'core')) for p in sys.path))"
_ABSENT = """\
import json, sys
from importlib import metadata
def there(name):
    try: return bool(metadata.version(name))
    except metadata.PackageNotFoundError: return False
print(json.dumps([name for name in json.loads(sys.argv[1]) if not there(name)]))
"""


def fill(home: str, snapshot_id: str, folder: str, results: list[str]) -> list[tuple[str, int, int]]:
    """The snapshot's files and the folders for results, in the run's folder. (path, size, mtime in ns) of each file. Raises OSError."""
    source = _snapshot.blob(home, snapshot_id)
    if source is None:
        raise FileNotFoundError(errno.ENOENT, "the snapshot is not in the blob store any more", snapshot_id)
    unpacked = _snapshot.unpack(source, folder)
    for path in results:
        os.makedirs(path, exist_ok=True)
    return unpacked


def collect(home: str, writer: spool.Writer, roots: list[str]) -> tuple[int, list[tuple[str, str]]]:
    """Makes what lies in the folders for results the run's: how many files; and those that could not be kept, with the reason."""
    from outrider import control

    most = _LEFT_TO_AGENT if control.agent_info(home) is not None else float("inf")
    count, failed = 0, []
    for name, path in _results(roots):
        try:
            if os.path.getsize(path) <= most:
                fields = _uploads.store(home, name, path).replace('"src":"upload"', '"src":"outputs"')
                writer.append(("\n{" + fields + "}\n").encode("ascii"))
            count += 1
        except (OSError, ValueError) as error:  # noqa: PERF203 -- the other files are kept
            failed.append((name, str(error)))
    return count, failed


def keep(home: str, writer: spool.Writer, name: str, data: bytes) -> str:
    """Makes some bytes a file of the run; the reason where they could not be kept, else ""."""
    import io

    try:
        writer.append(("\n{" + _uploads.store(home, name, io.BytesIO(data)) + "}\n").encode("ascii"))
    except OSError as error:
        return str(error)
    return ""


def _results(roots: list[str]) -> Iterator[tuple[str, str]]:
    for root in roots:
        if os.path.isdir(root):
            for inner, path in _uploads.files_below(root):
                yield f"{os.path.basename(root)}/{inner}", path


def remove_source(unpacked: list[tuple[str, int, int]], top: str) -> None:
    """Deletes what came from the snapshot and is as it was: it can be had again. What the script made stays."""
    folders = set()
    for path, size, modified in unpacked:
        try:
            found = os.lstat(path)
            if (found.st_size, found.st_mtime_ns) == (size, modified):
                os.unlink(path)
                folders.add(os.path.dirname(path))
        except OSError:  # noqa: PERF203 -- the script has moved or deleted it
            continue
    for folder in sorted(folders, key=len, reverse=True):
        _remove_empty(folder, top)


def _remove_empty(folder: str, top: str) -> None:
    """The folder and those it is in, up to `top`, as far as nothing is in them."""
    while folder != top:
        try:
            os.rmdir(folder)
        except OSError:
            return
        folder = os.path.dirname(folder)


class Interpreter:
    """The Python that a run was given."""

    def __init__(self, python: str) -> None:
        self._python = python
        self._environ = {key: value for key, value in os.environ.items() if not key.startswith(("OUTRIDER_", "AZUREML_"))}
        self._environ["OUTRIDER_DISABLED"] = "1"
        self.has_sdk = False

    def look(self, packages: list[str]) -> list[tuple[int, str]]:
        """Has it the real SDK, and which packages that were named has it not? (level, text) of what there is to say."""
        said = []
        self.has_sdk = self._ask(["-c", _SDK])[0] == 1
        if self.has_sdk:
            said.append((20, f"{self._python} has the real Azure ML SDK: AZUREML_* are not set, it would look for its service."))
        if packages:
            code, text = self._ask(["-c", _ABSENT, json.dumps(packages)])
            absent = json.loads(text) if code == 0 else []
            said.append((20, f"Nothing is installed for a run: it takes {self._python} as it is."))
            if absent:
                said.append((30, f"{self._python} has not what the environment names: {', '.join(absent)}."))
        return said

    def _ask(self, arguments: list[str]) -> tuple[int, str]:
        """(exit code, output) of a short question; (-1, "") where it cannot be asked."""
        import subprocess

        program = _command.find(self._python, self._environ, "/")
        if program is None or not _launch.is_python(program):
            return -1, ""
        try:
            found = subprocess.run([program, *arguments], env=self._environ, cwd="/", capture_output=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return -1, ""
        return found.returncode, found.stdout.decode("utf-8", "replace")
