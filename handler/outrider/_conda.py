"""
CondaDependencies: the packages that an environment names. Outrider installs nothing: a run takes the interpreter it is given, and its
system log names those of these packages that are missing there.

Conda's files are YAML; read and written here is the part of it that they use: lists of texts under `dependencies`, `pip`, `channels`.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Iterable

_FILE = "conda_dependencies.yml"


class CondaDependencies:
    """Conda and pip packages, channels, a Python version. Read from a file, or begun empty."""

    def __init__(self, conda_dependencies_file_path: Any = None, _underlying_structure: Any = None) -> None:
        self._name = "project_environment"
        self._python: str | None = None
        self._conda: list[str] = []
        self._pip: list[str] = []
        self._options: list[str] = []
        self._channels: list[str] = []
        if conda_dependencies_file_path is not None:
            with open(conda_dependencies_file_path, encoding="utf-8") as file:
                self._take(parse(file))
        elif _underlying_structure is not None:
            self._take(_underlying_structure)

    @classmethod
    def create(
        cls,
        pip_indexurl: str | None = None,
        pip_packages: Iterable[str] | None = None,
        conda_packages: Iterable[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,  # noqa: ARG003 -- of the original, whose own packages were meant
    ) -> CondaDependencies:
        """One with these packages."""
        found = cls()
        if pip_indexurl is not None:
            found.set_pip_option(f"--index-url {pip_indexurl}")
        for package in pip_packages or ():
            found.add_pip_package(package)
        for package in conda_packages or ():
            found.add_conda_package(package)
        if python_version is not None:
            found.set_python_version(python_version)
        return found

    @property
    def pip_packages(self) -> list[str]:
        """The pip packages, as they were named."""
        return list(self._pip)

    @property
    def conda_packages(self) -> list[str]:
        """The conda packages, as they were named."""
        return list(self._conda)

    @property
    def conda_channels(self) -> list[str]:
        """The conda channels."""
        return list(self._channels)

    @property
    def python_version(self) -> str | None:
        """The Python version asked for."""
        return self._python

    def set_python_version(self, version: str) -> None:
        """Names a Python version, like '3.8'."""
        self._python = str(version)

    def add_pip_package(self, pip_package: str) -> None:
        """Adds a pip package; one of the same name is replaced."""
        _replace(self._pip, pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Removes a pip package, whatever its version."""
        _remove(self._pip, pip_package)

    def set_pip_requirements(self, pip_requirements: Iterable[str]) -> None:
        """Puts these in the place of all pip packages."""
        self._pip = list(pip_requirements)

    def set_pip_option(self, pip_option: str) -> None:
        """Adds an option of pip's, like `--index-url …`."""
        self._options.append(pip_option)

    def set_pip_index_url(self, index_url: str) -> None:
        """Names the index that pip asks."""
        self.set_pip_option(f"--index-url {index_url}")

    def add_conda_package(self, conda_package: str) -> None:
        """Adds a conda package; one of the same name is replaced."""
        _replace(self._conda, conda_package)

    def remove_conda_package(self, conda_package: str) -> None:
        """Removes a conda package, whatever its version."""
        _remove(self._conda, conda_package)

    def add_channel(self, channel: str) -> None:
        """Adds a conda channel."""
        if channel not in self._channels:
            self._channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        """Removes a conda channel."""
        if channel in self._channels:
            self._channels.remove(channel)

    def as_dict(self) -> dict[str, Any]:
        """As conda's file has it: `name`, `channels`, `dependencies`."""
        dependencies: list[Any] = [f"python={self._python}"] if self._python else []
        dependencies += self._conda
        if self._pip or self._options:
            dependencies.append({"pip": [*self._options, *self._pip]})
        found: dict[str, Any] = {"name": self._name, "dependencies": dependencies}
        if self._channels:
            found["channels"] = list(self._channels)
        return found

    def serialize_to_string(self) -> str:
        """The text of conda's file."""
        lines = [f"name: {self._name}", "dependencies:"]
        for one in self.as_dict()["dependencies"]:
            if isinstance(one, dict):
                lines += ["- pip:", *(f"  - {package}" for package in one["pip"])]
            else:
                lines.append(f"- {one}")
        if self._channels:
            lines += ["channels:", *(f"- {channel}" for channel in self._channels)]
        return "\n".join(lines) + "\n"

    def save(self, path: Any = None) -> str:
        """Writes conda's file; its path."""
        target = os.fspath(path) if path is not None else _FILE
        if os.path.isdir(target):
            target = os.path.join(target, _FILE)
        with open(target, "w", encoding="utf-8") as file:
            file.write(self.serialize_to_string())
        return target

    def save_to_file(self, base_directory: Any, conda_file_path: str | None = None) -> str:
        """Writes conda's file into a folder; its path within that."""
        name = conda_file_path or _FILE
        self.save(os.path.join(os.fspath(base_directory), name))
        return name

    def _take(self, document: dict[str, Any]) -> None:
        self._name = document.get("name") or self._name
        self._channels = [str(one) for one in document.get("channels") or ()]
        for one in document.get("dependencies") or ():
            if isinstance(one, dict):
                for package in one.get("pip") or ():
                    (self._options if package.startswith("-") else self._pip).append(package)
            elif one.split("=")[0].strip() == "python":
                self._python = one.split("=")[-1].strip()
            else:
                self._conda.append(one)


def distribution(requirement: str) -> str:
    """The name of what a requirement asks for, without extras, version or marker; "" for an option or an address."""
    text = requirement.strip()
    if text.startswith("-") or "://" in text:
        return ""
    end = next((at for at, one in enumerate(text) if not (one.isalnum() or one in "_.-")), len(text))
    return text[:end]


def parse(lines: Iterable[str]) -> dict[str, Any]:
    """Conda's file: `key: text`, or `key:` with a list below it, in which `- pip:` has a list of its own."""
    found: dict[str, Any] = {}
    present: list[Any] = []
    inner: list[Any] | None = None
    depth = 0
    for raw in lines:
        text = _uncommented(raw)
        if not text.strip() or text.strip() == "---":
            continue
        indent = len(text) - len(text.lstrip())
        content = text.strip()
        if not content.startswith("-"):
            key, _, value = content.partition(":")
            present, inner = [], None
            found[key.strip()] = _text(value) if value.strip() else present
            continue
        item = content[1:].strip()
        if inner is not None and indent > depth:
            inner.append(_text(item))
        elif item.endswith(":"):
            inner, depth = [], indent
            present.append({item[:-1].strip(): inner})
        else:
            inner = None
            present.append(_text(item))
    return found


def _uncommented(line: str) -> str:
    at = 0 if line.startswith("#") else line.find(" #")
    return line[:at].rstrip() if at >= 0 else line.rstrip()


def _text(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] in "'\"" and value[-1] == value[0] else value


def _remove(packages: list[str], named: str) -> None:
    name = distribution(named).lower()
    packages[:] = [one for one in packages if not name or distribution(one).lower() != name]


def _replace(packages: list[str], package: str) -> None:
    if not isinstance(package, str) or not package.strip():
        raise TypeError(f"a package is named by a text, like 'scikit-learn==1.2', not {package!r}")
    _remove(packages, package)
    packages.append(package)
