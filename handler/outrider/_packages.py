"""
What scripts ask of `pkg_resources`, which setuptools has no more: which version of a package is installed. On request only (`_mend.py`).

Never here: entry points, plug-ins, files of packages.
"""

from __future__ import annotations

from importlib import metadata

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

DistributionNotFound = metadata.PackageNotFoundError


class VersionConflict(Exception):
    """A package is there in another version. Never raised here."""


class Distribution:
    """An installed package."""

    def __init__(self, found: Any) -> None:
        self.project_name: str = found.metadata["Name"] or ""
        self.key = self.project_name.lower()
        self.version: str = found.version
        self.location = str(found.locate_file(""))

    def __str__(self) -> str:
        return f"{self.project_name} {self.version}"


def get_distribution(name: str) -> Distribution:
    """The package of that name. Raises DistributionNotFound."""
    return Distribution(metadata.distribution(_name(name)))


def require(*names: str) -> list[Distribution]:
    """The packages of those names; their versions are not compared. Raises DistributionNotFound."""
    return [get_distribution(name) for name in names]


def parse_version(text: str) -> Any:
    """A version that can be compared with another one."""
    from importlib import import_module

    return import_module("packaging.version").Version(text)


def _name(requirement: str) -> str:
    end = next((at for at, letter in enumerate(requirement) if letter in "<>=!~[; "), len(requirement))
    return requirement[:end]


def __getattr__(name: str) -> Any:
    if name == "working_set":
        return [Distribution(found) for found in metadata.distributions() if found.metadata["Name"]]
    raise AttributeError(f"module 'pkg_resources' has no attribute {name!r}")
