"""
Named things with versions, in a folder of the home: models, datasets. `<kind>/<name>/<version>/about.json`; bytes are blobs.

A version is allotted by making its folder, which only one can do: no agent is needed, nothing is locked, and a version that was begun and
never finished is skipped for ever. Nothing here is ever rewritten: what is changed of a version is a file of its own beside it,
`change-<n>.json`, and a version is what its changes make of it, one after the other. So of two that change it at once both are heard, and
whoever is killed meanwhile has changed all or nothing.
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
        inner = os.path.join(folder, str(version))
        os.rename(_written(inner, {**about, "v": 1, "name": name, "version": version}), os.path.join(inner, _FILE))
        _sync(inner)
        _sync(folder)
        return version


def first(home: str, kind: str, name: str) -> int:
    """The only version of what has none: made by the first who has something to say, for all; its number."""
    folder = os.path.join(_folder(home, kind, name), "1")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    temporary = _written(folder, {"v": 1, "name": name, "version": 1})
    try:
        os.link(temporary, os.path.join(folder, _FILE))
    except FileExistsError:  # another process was quicker, with the same
        return 1
    finally:
        os.unlink(temporary)
    _sync(folder)
    return 1


def change(
    home: str, kind: str, name: str, version: int, *, fields: About | None = None, merged: About | None = None, gone: About | None = None
) -> None:
    """
    Changes what is kept of that version: sets `fields`, and within dicts of it (tags, properties) sets the keys of `merged` and drops
    those of `gone`. Raises OSError.
    """
    folder = os.path.join(_folder(home, kind, name), str(version))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    changed = {"v": 1, "set": fields or {}, "merged": merged or {}, "gone": gone or {}}
    temporary = _written(folder, changed)
    try:
        place = max((number for number, _ in _changes(folder)), default=0)
        while True:
            place += 1
            try:
                os.link(temporary, os.path.join(folder, f"change-{place}.json"))
            except FileExistsError:  # another process was quicker
                continue
            _sync(folder)
            return
    finally:
        os.unlink(temporary)


def remove(home: str, kind: str, name: str, version: int) -> None:
    """Forgets a version and what was changed of it. Its number is not given out again."""
    folder = os.path.join(_folder(home, kind, name), str(version))
    for path in (os.path.join(folder, _FILE), *(path for _, path in _changes(folder))):
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
    found = [_version(os.path.join(folder, str(number))) for number in sorted(_numbers(folder), reverse=True)]
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


def _version(folder: str) -> About | None:
    """A version as its changes left it; None where it was never finished, or was removed."""
    about = _read(os.path.join(folder, _FILE))
    if about is None:
        return None
    for _, path in sorted(_changes(folder)):
        changed = _read(path) or {}
        about.update(changed.get("set") or {})
        for field, keys in (changed.get("merged") or {}).items():
            about[field] = {**(about.get(field) or {}), **keys}
        for field, keys in (changed.get("gone") or {}).items():
            about[field] = {key: value for key, value in (about.get(field) or {}).items() if key not in keys}
    return about


def _changes(folder: str) -> list[tuple[int, str]]:
    """(number, path) of what was changed of a version."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    parts = [(name[len("change-") : -len(".json")], name) for name in names if name.startswith("change-") and name.endswith(".json")]
    return [(int(number), os.path.join(folder, name)) for number, name in parts if number.isdigit()]


def _read(path: str) -> About | None:
    import json

    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _written(folder: str, about: About) -> str:
    """A temporary file with it, durable: a rename or link makes it seen whole."""
    import json

    temporary = os.path.join(folder, f".{os.getpid()}-{os.urandom(4).hex()}.tmp")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(about, file)
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _sync(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
