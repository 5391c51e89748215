"""
Named things with versions, in a folder of the home: models, datasets. `<kind>/<name>/<version>/about.json`; bytes are blobs.

A version is allotted by making its folder, which only one can do: no agent is needed, nothing is locked, and a version that was begun and
never finished is skipped for ever. Nothing here is ever rewritten, but by `change`, which replaces the whole file.
"""

from __future__ import annotations

import os

from outrider import _shared

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Dict

    About = Dict[str, Any]

_FILE = "about.json"


def add(home: str, kind: str, name: str, about: About) -> int:
    """Keeps it as the next version of that name; the version. Raises OSError."""
    folder = _folder(home, kind, name)
    _shared.make_folders(folder)
    version = max(_numbers(folder), default=0)
    while True:
        version += 1
        try:
            _shared.make_folder(os.path.join(folder, str(version)))
        except FileExistsError:  # another process was quicker
            continue
        _write(os.path.join(folder, str(version), _FILE), {**about, "v": 1, "name": name, "version": version})
        return version


def change(home: str, kind: str, about: About) -> None:
    """Replaces what is kept of that version."""
    _write(os.path.join(_folder(home, kind, about["name"]), str(about["version"]), _FILE), about)


def remove(home: str, kind: str, name: str, version: int) -> None:
    """Forgets a version. Its number is not given out again."""
    path = os.path.join(_folder(home, kind, name), str(version), _FILE)
    if os.path.exists(path):
        os.unlink(path)


def names(home: str | None, kind: str) -> list[str]:
    """Every name of which there is a version."""
    from urllib.parse import unquote  # a third of the time that importing the run API takes

    top = os.path.join(home or "", kind)
    found = [unquote(name) for name in sorted(os.listdir(top))] if home and os.path.isdir(top) else []
    return [name for name in found if versions(home, kind, name)]


def versions(home: str | None, kind: str, name: str) -> list[About]:
    """What is kept of each version of that name, the newest first."""
    if not home:
        return []
    folder = _folder(home, kind, name)
    found = [_read(os.path.join(folder, str(number), _FILE)) for number in sorted(_numbers(folder), reverse=True)]
    return [about for about in found if about is not None]


def newest(home: str | None, kind: str, name: str, version: int | None = None) -> About | None:
    """The newest version of that name, or the one asked for; None where there is none."""
    return next((about for about in versions(home, kind, name) if version in (None, about["version"])), None)


def _folder(home: str, kind: str, name: str) -> str:
    from urllib.parse import quote

    plain = quote(name, safe=" ()[]+,=@")
    return os.path.join(home, kind, "%2E" + plain[1:] if plain.startswith(".") else plain)


def _numbers(folder: str) -> list[int]:
    return [int(name) for name in os.listdir(folder) if name.isdigit()] if os.path.isdir(folder) else []


def _read(path: str) -> About | None:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: str, about: About) -> None:
    """Temporary file, fsync, rename."""
    import json

    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(about, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
