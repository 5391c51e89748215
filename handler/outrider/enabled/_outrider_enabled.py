"""
What `outrider enable` puts into an environment, with a `.pth` that imports it: scripts and notebook kernels that log are tracked.

At the start of a Python nothing is imported and nothing opened; there is one look for Outrider's own folder, and where that is gone nothing
happens. The rest comes when the process itself imports `logging`, `outrider` or `azureml`. Rules: as in Outrider's bootstrap.
OUTRIDER_DISABLED=1 turns it off.
"""

# ruff: noqa: ANN001, ANN202, BLE001, INP001, S110, SIM105, UP004 -- Python 2.7 reads this too

import os
import sys

BOOTSTRAP = "@BOOTSTRAP@"  # the folder of Outrider's bootstrap, written here by `outrider enable`


class _FirstImport(object):
    """The first finder, until the process imports `logging`, `outrider` or `azureml`: then the bootstrap takes its place."""

    def find_spec(self, name, path=None, target=None):
        """What the bootstrap's finders say, or nothing."""
        if name not in ("logging", "outrider", "azureml"):
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        try:
            _load()
        except Exception:  # whatever is wrong with us is not the script's business
            pass
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None else None
            if spec is not None:
                return spec
        return None


def _load():
    """The bootstrap, which is told to open a run at the first record where there is none."""
    finder = sys.modules["_frozen_importlib_external"].PathFinder
    spec = finder.find_spec("sitecustomize", [BOOTSTRAP])
    module = sys.modules["_frozen_importlib"].module_from_spec(spec)
    module.ASKED = True  # it does what it is asked, and nothing by itself
    spec.loader.exec_module(module)
    module.arrange(implicit=True)


def _begin():
    if sys.version_info < (3, 8) or os.environ.get("OUTRIDER_DISABLED", "") not in ("", "0"):
        return
    if not os.path.isfile(os.path.join(BOOTSTRAP, "sitecustomize.py")):
        return  # Outrider was uninstalled
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if os.environ.get("OUTRIDER_RUN_ID") and BOOTSTRAP in inherited and not sys.flags.ignore_environment:
        return  # `outrider run` has seen to it
    if "logging" in sys.modules:
        _load()
    else:
        sys.meta_path.insert(0, _FirstImport())


try:
    _begin()
except Exception:  # as above
    pass
