"""
Something to be done to a library once it has been imported: a first finder that lets the others find it.

Nothing is imported that the script does not import. Never here: what is done (`_mend.py`, `azureml/beside_mlflow.py`).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable


class Afterwards:
    """For the modules that `is_wanted` names: `then(name, module)` when they are there."""

    def __init__(self, is_wanted: Callable[[str], bool], then: Callable[[str, ModuleType], None]) -> None:
        self._is_wanted = is_wanted
        self._then = then
        self._busy: set[str] = set()

    def install(self) -> None:
        """Before all other finders; and at once for what has been imported."""
        sys.meta_path.insert(0, self)
        for name in [name for name in sys.modules if self._is_wanted(name)]:
            self._then(name, sys.modules[name])

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The others' spec, with a loader that calls us afterwards."""
        if not self._is_wanted(name) or name in self._busy:
            return None
        self._busy.add(name)
        try:
            for finder in list(sys.meta_path):
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find is not None and finder is not self else None
                if spec is not None:
                    if hasattr(spec.loader, "exec_module") and not getattr(spec.loader, "is_alias", False):
                        spec.loader = _Loader(spec.loader, self._then)
                    return spec
        finally:
            self._busy.discard(name)
        return None


class _Loader:
    """A library's own loader; gives its place back before the library's first line runs."""

    def __init__(self, loader: Any, then: Callable[[str, ModuleType], None]) -> None:
        self._loader = loader
        self._then = then

    def create_module(self, spec: Any) -> Any:
        """As the real one does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the real one does; then what is to be done."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then(module.__name__, module)
