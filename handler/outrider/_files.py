"""
A run's files: their names, and copies of them. Bytes come from the blobs of the home, from a folder that nobody has captured yet, or, of
the console, from the run's records.
"""

# ruff: noqa: SLF001 -- the run's own half
from __future__ import annotations

import os
import shutil

from outrider import _history
from outrider._errors import FileNotInRun

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Sequence

    from outrider._known import KnownRun

_SHOWN = 20


def names(run: KnownRun) -> list[str]:
    """The names of the run's files, sorted."""
    return sorted(_history.files(run._home, run.id))


def download(run: KnownRun, name: str, target: str | None) -> str:
    """Copies one file; its path."""
    there = _history.files(run._home, run.id)
    path = os.fspath(target) if target else ""
    if not path or path.endswith("/") or os.path.isdir(path):
        path = os.path.join(path, os.path.basename(name))
    _copy(run, there, name, path)
    return path


def download_all(run: KnownRun, prefix: str | None, folder: str | None, paths: Sequence[str] | None, *, whole: bool) -> None:
    """Copies those whose names begin so. Raises ValueError where there are more or fewer paths than files."""
    there = _history.files(run._home, run.id)
    wanted = [name for name in sorted(there) if not prefix or name.startswith(prefix)]
    if paths is not None and len(paths) != len(wanted):
        raise ValueError(f"output_paths has {len(paths)} paths, and {len(wanted)} files begin with {prefix!r}; nothing was copied")
    for place, name in enumerate(wanted):
        inner = name if whole or not prefix else _within(name, prefix)
        _copy(run, there, name, paths[place] if paths is not None else os.path.join(folder or ".", inner))


def text(run: KnownRun, name: str, there: dict[str, Any] | None = None) -> str:
    """A file of the run as text."""
    return data(run._home, run.id, name, there).decode("utf-8", "replace")


def data(home: str | None, run_id: str, name: str, there: dict[str, Any] | None = None) -> bytes:
    """A file's bytes. Raises FileNotInRun."""
    found = _history.files(home, run_id) if there is None else there
    if _is_console(name, found):
        return _history.console(home, run_id)
    with open(_path(home, found, name), "rb") as file:
        return file.read()


def figure(home: str | None, run_id: str, logged: dict[str, Any]) -> Any:
    """A chart's document, or an image's bytes."""
    import json

    found = data(home, run_id, logged["path"])
    if not logged["type"].startswith("azureml."):
        return found
    try:
        return json.loads(found)
    except ValueError:
        return found.decode("utf-8", "replace")


def blob_path(home: str, sha: str) -> str:
    """Where the bytes of that sha256 are kept."""
    return os.path.join(home, "blobs", sha[:2], sha)


def copy_blob(home: str, sha: str, target: str) -> None:
    """Copies a blob, making folders. Raises FileNotInRun where it is gone, OSError."""
    source = blob_path(home, sha)
    if not os.path.exists(source):
        raise FileNotInRun(f"The bytes of {target} are no longer in {home}: somebody has deleted them (blob {sha[:12]}…).")
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    shutil.copyfile(source, target)


def _copy(run: KnownRun, there: dict[str, Any], name: str, target: str) -> None:
    target = os.fspath(target)
    if _is_console(name, there):
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        with open(target, "wb") as file:
            file.write(_history.console(run._home, run.id))
        return
    known = there.get(_plain(name, there))
    if known is not None and run._home is not None and known.get("sha"):
        copy_blob(run._home, known["sha"], target)
        return
    source = _path(run._home, there, name)
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    shutil.copyfile(source, target)


def _path(home: str | None, there: dict[str, Any], name: str) -> str:
    """Where the bytes of a file of the run are. Raises FileNotInRun."""
    known = there.get(_plain(name, there))
    if known is None or home is None:
        shown = sorted(there)[:_SHOWN]
        more = f" and {len(there) - len(shown)} more" if len(there) > len(shown) else ""
        raise FileNotInRun(f"File with path {name} was not found,\navailable files include: {', '.join(shown) or 'none'}{more}.")
    return str(known["local"]) if "local" in known else blob_path(home, known["sha"])


def _plain(name: str, there: dict[str, Any]) -> str:
    """The name as it is kept: `./outputs/model.pkl` is outputs/model.pkl."""
    if name in there:
        return name
    return "/".join(part for part in str(name).split("/") if part not in ("", "."))


def _is_console(name: str, there: dict[str, Any]) -> bool:
    """Does the name mean the console? A file of that name that somebody uploaded comes first."""
    asked = _plain(name, there)
    return asked in (_history.CONSOLE, _history.OLD_CONSOLE) and not there.get(asked) and _history.CONSOLE in there


def _within(name: str, prefix: str) -> str:
    """The name without the folder that the prefix names."""
    return name[len(prefix) :].lstrip("/") or os.path.basename(name)
