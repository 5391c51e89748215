"""
The offer of the `azureml` names, where the real ones are not installed: a finder for `sys.meta_path`, and the look for the real ones.

The bootstrap asks it last, after everyone else; `import outrider.azureml` appends it. Never here: the names themselves
(`azureml/names.py`). The modules it makes are filled when a name of theirs is first asked for.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any, Sequence
else:
    ModuleType = type(sys)

_External: Any = sys.modules["_frozen_importlib_external"]


class _Names(ModuleType):
    """A module of azureml: its names are imported when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        from outrider.azureml import names

        value = names.value(self.__name__, name)
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        from outrider.azureml import names

        return sorted({*self.__dict__, *names.of(self.__name__)})


class _Loader:
    """Makes the modules. One beyond the scope says so."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty module that knows where its names are."""
        from outrider.azureml import names, scope

        if not names.is_module(spec.name):
            raise scope.refusal(spec.name)
        return _Names(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """What `import *` brings; and what the SDK brought along."""
        from outrider.azureml import names

        module.__doc__ = "Azure ML's run API, by Outrider: nothing leaves this machine. See docs/azureml.md."
        module.__all__ = names.public(module.__name__)  # type: ignore[attr-defined]
        if module.__name__ == "azureml.core":
            from outrider.azureml import besides

            besides.offer()


class Finder:
    """Finds the azureml modules that Outrider offers; none where the real SDK is installed."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:  # noqa: ARG002
        """Asked after all the others have found nothing, or only a folder that happens to be named azureml."""
        if (name != "azureml" and not name.startswith("azureml.")) or is_real():
            return None
        from outrider.azureml import names, scope

        if not names.is_module(name) and not scope.is_beyond(name):
            return None
        spec: ModuleSpec = sys.modules["_frozen_importlib"].ModuleSpec(name, _Loader(), is_package=True)
        return spec


FINDER = Finder()


def is_real() -> bool:
    """Can the SDK's own `azureml.core` be imported here? Imports nothing."""
    loaded = sys.modules.get("azureml.core")
    if loaded is not None:
        return not isinstance(loaded, _Names)
    base = sys.modules.get("azureml")
    if isinstance(base, _Names):
        return False
    spec = getattr(base, "__spec__", None) if base is not None else _External.PathFinder.find_spec("azureml")
    folders = getattr(spec, "submodule_search_locations", None)
    return folders is not None and _External.PathFinder.find_spec("azureml.core", folders) is not None


def install() -> None:
    """Offers the names in this process. Raises ImportError where the real SDK is installed: a mixture of both would log half of it."""
    if is_real():
        raise ImportError(
            "azureml-core is installed here, so Outrider does not offer its own azureml names: a mixture would keep half of what is "
            "logged. Use outrider's own names (outrider.Run, outrider.Experiment, …), or uninstall azureml-core"
        )
    if not any(type(finder).__name__ in ("Finder", "OutriderOffer") and _is_ours(finder) for finder in sys.meta_path):
        sys.meta_path.append(FINDER)


def _is_ours(finder: Any) -> bool:
    return finder is FINDER or type(finder).__name__ == "OutriderOffer"
