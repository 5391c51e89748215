"""
Where datasets' definitions are kept, and which files they mean. `datasets` says what a definition is.

Files are written beside their place and renamed; a version is claimed by making its file, so that two processes never share one.
"""

from __future__ import annotations

import glob
import json
import os

from outrider import spool
from outrider.azureml.exceptions import UserErrorException

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping

_ABOUT = ("name", "version", "description", "tags")


def _top() -> str:
    return os.path.join(spool.home(), "datasets")


def keep(definition: Mapping[str, Any]) -> str:
    """Keeps a definition; its id."""
    import hashlib

    core = {key: value for key, value in definition.items() if key not in _ABOUT}
    digest = hashlib.sha256(json.dumps(core, sort_keys=True).encode()).hexdigest()
    identity = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    path = _id_path(identity)
    if not os.path.exists(path):
        _write(path, core)
    return identity


def is_id(text: str) -> bool:
    """Is it the id of a dataset that is kept?"""
    return len(text) == 36 and os.path.exists(_id_path(text))


def of_id(identity: str) -> dict[str, Any]:
    """The definition. Raises UserErrorException."""
    if not is_id(str(identity)):
        raise UserErrorException(f"there is no dataset with the id {identity!r} in this home. Submit the script with the dataset again")
    return _read(_id_path(identity))


def register(definition: Mapping[str, Any], name: str, description: str | None, tags: Any, fresh: bool) -> dict[str, Any]:
    """Keeps it under a name; the definition as registered. Raises UserErrorException where the name is taken by another."""
    folder = _name_folder(name)
    versions = _versions(folder)
    core = {key: value for key, value in definition.items() if key not in _ABOUT}
    if versions:
        newest = registered(name, versions[-1])
        if {key: value for key, value in newest.items() if key not in _ABOUT} == core:
            return newest
        if not fresh:
            raise UserErrorException(f'There is already a dataset registered under name "{name}". Specify `create_new_version=True`')
    version = versions[-1] + 1 if versions else 1
    os.makedirs(folder, exist_ok=True)
    while True:
        about = {"name": name, "version": version, "description": description, "tags": dict(tags or {})}
        try:
            _write(os.path.join(folder, f"{version}.json"), {**core, **about}, new=True)
        except FileExistsError:
            version += 1
        else:
            return {**core, **about}


def registered(name: str, version: Any) -> dict[str, Any]:
    """The definition of a registered dataset. Raises UserErrorException."""
    versions = _versions(_name_folder(name))
    wanted = versions[-1] if versions and version in ("latest", None) else version
    if wanted is None or str(wanted) not in map(str, versions):
        known = ", ".join(names()) or "none"
        raise UserErrorException(
            f'Cannot find dataset registered with name "{name}" in the workspace. Registered here: {known}. Its data is not fetched from '
            f"Azure: register local files, Dataset.Tabular.from_delimited_files('data.csv').register(ws, {name!r})"
        )
    return _read(os.path.join(_name_folder(name), f"{wanted}.json"))


def names() -> list[str]:
    """All registered names."""
    from urllib.parse import unquote

    top = os.path.join(_top(), "by-name")
    return sorted(unquote(name) for name in os.listdir(top)) if os.path.isdir(top) else []


def forget(name: str | None) -> None:
    """Forgets a name, and its versions."""
    if name:
        folder = _name_folder(name)
        for version in _versions(folder):
            os.unlink(os.path.join(folder, f"{version}.json"))
        if os.path.isdir(folder):
            os.rmdir(folder)


def table_path(identity: str) -> str:
    """Where a table is written as text."""
    folder = os.path.join(_top(), "tables")
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, f"{identity}.csv")


def files(paths: list[str]) -> list[tuple[str, str]]:
    """(path within the dataset, path) of each file of paths, folders and patterns, sorted."""
    found = {}
    for path in paths:
        base = _base(path)
        matches = [path] if os.path.exists(path) else sorted(glob.glob(path, recursive=True))
        for match in matches:
            inside = (
                [os.path.join(top, name) for top, _folders, names in os.walk(match) for name in names] if os.path.isdir(match) else [match]
            )
            found.update({file: os.path.relpath(file, base).replace(os.sep, "/") for file in inside})
    return sorted((inner, file) for file, inner in found.items())


def folder(paths: list[str]) -> str:
    """The folder that they are in; a single file is itself."""
    if len(paths) == 1:
        return paths[0] if os.path.isfile(paths[0]) else _base(paths[0])
    return os.path.commonpath([_base(path) for path in paths])


def _base(path: str) -> str:
    """The folder that a path's files are counted from: itself, or the part before a pattern."""
    if os.path.isdir(path):
        return path
    head = path
    while glob.has_magic(head):
        head = os.path.dirname(head)
    return head if os.path.isdir(head) else os.path.dirname(head)


def _id_path(identity: str) -> str:
    return os.path.join(_top(), "by-id", f"{os.path.basename(identity)}.json")


def _name_folder(name: str) -> str:
    from urllib.parse import quote

    if not isinstance(name, str) or not name:
        raise UserErrorException(f"the name of a dataset must be a text that is not empty, not {name!r}")
    return os.path.join(_top(), "by-name", quote(name, safe=" "))


def _versions(folder: str) -> list[int]:
    listed = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(int(name[:-5]) for name in listed if name.endswith(".json") and name[:-5].isdigit())


def _read(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def _write(path: str, content: Mapping[str, Any], *, new: bool = False) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.tmp"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file)
    try:
        if new:
            os.link(temporary, path)
        else:
            os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
