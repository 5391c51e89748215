"""A module of the standard library, even where the script's folder holds a file of its name: that is the script's to import, not ours."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

_HOME = os.path.dirname(os.__file__)


def standard(name: str) -> Any:
    """The module. One that the script's file hides is loaded beside it, and does not take its place in sys.modules."""
    if name in sys.builtin_module_names:
        return __import__(name)
    there = sys.modules.get(name)
    finder: Any = sys.modules["_frozen_importlib_external"].PathFinder
    spec = there.__spec__ if there is not None else finder.find_spec(name)
    if spec is None or (spec.origin or "").startswith(_HOME):
        return __import__(name)
    spec = finder.find_spec(name, [_HOME, os.path.join(_HOME, "lib-dynload")])
    if spec is None:
        return __import__(name)
    module = sys.modules["_frozen_importlib"].module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
