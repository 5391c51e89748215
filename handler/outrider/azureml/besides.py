"""
What `import azureml.core` brought along besides its names: modules of the standard library that scripts use without importing them.

The SDK imported half of Python, so `import urllib` was enough for `urllib.request`. Here they are imported when they are used. Never here:
modules of others, which a script that needs them has to install anyway.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable

#: A package -> what of it was there without an import of its own. They are as good as empty, and cost nothing to import.
PACKAGES = {"urllib": ("request", "parse", "error", "response"), "concurrent": ("futures",), "xml": ("dom", "etree", "parsers")}


def offer() -> None:
    """From now on the modules of PACKAGES are imported when a script first names them, and MLflow's runs are seen."""
    from importlib import import_module

    from outrider.azureml import beside_mlflow

    beside_mlflow.watch()
    for name, below in PACKAGES.items():
        package = import_module(name)
        if "__getattr__" not in vars(package):
            package.__dict__["__getattr__"] = _late(package.__name__, below)


def _late(package: str, below: tuple[str, ...]) -> Callable[[str], Any]:
    def late(name: str) -> Any:
        if name not in below:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        from importlib import import_module

        import_module(f"{package}.{name}")
        return vars(sys.modules[package])[name]

    return late
