"""
What `outrider run` puts before everything on PYTHONPATH: `site` imports it at the start of every Python below the command.

It takes its folder off sys.path again, arranges for the script's log records to be kept, and hands on to the environment's own
`sitecustomize`, as if this one had never been there. Rules: valid on Python 2.7 and 3.6, where it only hands on; imports nothing but what
`site` has loaded (and `atexit`, which is built in, and put back until the script imports it), so that no module of the script's folder is
taken for the standard library's and sys.modules looks as ever; prints nothing; raises nothing of its own. OUTRIDER_DISABLED=1 turns it off.
"""

# ruff: noqa: ANN001, ANN201, ANN202, ANN204, ARG002, BLE001, INP001, S110, SIM105, UP004, UP036 -- Python 2.7 reads this too

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _begin(_):
    """Leaves sys.path, and arranges for the rest, where this Python is part of a run."""
    sys.path[:] = [entry for entry in sys.path if not entry or os.path.abspath(entry) != _HERE]
    sys.path_importer_cache.pop(_HERE, None)
    if sys.version_info < (3,):
        # Python 2 has compiled this file beside it; were Outrider gone one day, Python 3 would stumble over that.
        os.unlink(os.path.join(_HERE, "sitecustomize.pyc" if __debug__ else "sitecustomize.pyo"))
    if sys.version_info < (3, 8) or not os.environ.get("OUTRIDER_RUN_ID"):
        return
    if os.environ.get("OUTRIDER_DISABLED", "") not in ("", "0"):
        return
    if os.environ.get("OUTRIDER_LINE_BUFFERED"):
        _quietly(_print_by_line)
    arrange(False)


def _print_by_line(_):
    """A submitted script's prints are followed while it runs: each line leaves at once."""
    sys.stdout.reconfigure(line_buffering=True)


def arrange(implicit):
    """Listens to `logging`, and offers `outrider`. `implicit`: where there is no run, the first record opens one."""
    if any(type(finder).__name__ == "OutriderOffer" for finder in sys.meta_path):
        return  # another copy of this file, further down PYTHONPATH, or a re-import
    sys.meta_path.append(OutriderOffer())
    if os.environ.get("OUTRIDER_LEGACY", "") not in ("", "0"):
        _quietly(_mend)
    if os.environ.get("AZUREML_RUN_ID"):
        _quietly(_see_mlflow)
    if os.environ.get("OUTRIDER_KEEPER") == str(os.getppid()) and "atexit" in sys.builtin_module_names:
        _quietly(_register_at_exit)
    if "logging" in sys.modules:
        _quietly(_listen, (sys.modules["logging"], implicit))
    else:
        sys.meta_path.insert(0, _FirstImport(implicit))


def _register_at_exit(_):
    """Has `_at_exit` called, and leaves no trace in sys.modules: who imports `atexit` later is given the same module."""
    was_there = "atexit" in sys.modules
    import atexit

    atexit.register(_quietly, _at_exit, os.getpid())
    if not was_there:
        sys.meta_path.insert(0, _Kept(sys.modules.pop("atexit")))


class OutriderOffer(object):
    """The last finder: offers the handler that this file belongs to, where the interpreter has none of its own, and the azureml names."""

    def find_spec(self, name, path=None, target=None):
        """Only for `outrider` itself (its modules are found through it), and for azureml where the real one is not installed."""
        if name == "azureml" or name.startswith("azureml."):
            found = []
            _quietly(_azureml, (name, found))
            return found[0] if found else None
        if name != "outrider" or path is not None:
            return None
        return sys.modules["_frozen_importlib_external"].PathFinder.find_spec(name, [os.path.dirname(os.path.dirname(_HERE))])


class _Kept(object):
    """The first finder, until its module is imported by the script too: finds that one, and is its loader. (3.8 calls but the last one.)"""

    def __init__(self, module):
        self._module = module
        self._spec = module.__spec__

    def find_spec(self, name, path=None, target=None):
        """A spec of the module that is there already."""
        if name != self._spec.name:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        return type(self._spec)(name, self, origin=self._spec.origin)

    def create_module(self, spec):
        """There is one."""
        return self._module

    def exec_module(self, module):
        """It has run; what the import has just written about it is taken back."""
        module.__spec__ = self._spec


class _FirstImport(object):
    """The first finder, until `logging` is imported: it lets the others find it, and listens once it is there. Who only asks may ask."""

    def __init__(self, implicit):
        self.implicit = implicit
        self._asks = False

    def find_spec(self, name, path=None, target=None):
        """The spec that the others give, with a loader that calls us afterwards."""
        if name != "logging" or self._asks:
            return None
        self._asks = True
        try:
            for finder in list(sys.meta_path):
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find is not None else None
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = _Loader(spec.loader, self)
                    return spec
        finally:
            self._asks = False
        return None

    def leave(self):
        """It is being imported."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)


class _Loader(object):
    """The real loader; gives its place back before the module's first line runs."""

    def __init__(self, loader, finder):
        self._loader = loader
        self._finder = finder

    def create_module(self, spec):
        """As the real one does."""
        return self._loader.create_module(spec)

    def exec_module(self, module):
        """As the real one does; then listens."""
        self._finder.leave()
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _quietly(_listen, (module, self._finder.implicit))


def _as_importlib(function):
    """Of an import that fails Python shows no frame of its own machinery: let this be one."""
    code = function.__code__
    if hasattr(code, "replace"):  # since Python 3.8
        function.__code__ = code.replace(co_filename="<frozen importlib._bootstrap>")


def _quietly(step, argument=None):
    """The one place that swallows: whatever is wrong with us is not the script's business."""
    try:
        step(argument)
    except Exception:  # see above
        pass


def _listen(how):
    """Hooks the records of this process: of the `logging` module, and whether a run is opened for them."""
    if _is_ours():
        from outrider import _hook

        _hook.install(how[0], implicit=how[1])


def _azureml(asked):
    """Finds a module of azureml, for a script that wants one and found none."""
    name, found = asked
    if _is_ours():
        from outrider import _offer

        found.append(_offer.FINDER.find_spec(name))


def _mend(_):
    """`outrider run --legacy`: what has gone from libraries since the script was written for them."""
    if _is_ours():
        from outrider import _mend

        _mend.install()


def _see_mlflow(_):
    """A submitted script: what it logs through MLflow is its run's, as in a job of Azure ML."""
    if _is_ours():
        from outrider.azureml import beside_mlflow

        beside_mlflow.watch()


def _is_ours():
    """Would `import outrider` bring the handler, and not a file of the script's that happens to have its name? Imports nothing."""
    if "outrider" in sys.modules:
        spec = sys.modules["outrider"].__spec__
    else:
        spec = sys.modules["_frozen_importlib_external"].PathFinder.find_spec("outrider")
    if spec is None:
        return True  # ours will be offered
    folders = spec.submodule_search_locations or ()
    return any(os.path.isfile(os.path.join(folder, "_hook.py")) for folder in folders)


def _at_exit(pid):
    """
    Leaves the uncaught exception for the keeper, who knows the exit code. A KeyboardInterrupt is left alone: Python is about to die by
    SIGINT, and would forget it if code were compiled now (`traceback` brings a namedtuple, which does).
    """
    error = getattr(sys, "last_value", None)
    if os.getpid() == pid and error is not None and not isinstance(error, KeyboardInterrupt) and _is_ours():
        from outrider import _hook

        _hook.leave_exception()


_quietly(_as_importlib, _Loader.exec_module)
if "ASKED" not in globals():  # else `outrider enable`'s module has loaded it, and calls `arrange`
    _quietly(_begin)
    # The next one takes our place in sys.modules. There is none: its ImportError is what `site` expects, and leaves no trace of us.
    if getattr(sys.modules.get(__name__), "__file__", None) == __file__:
        _module = sys.modules.pop(__name__)  # kept: Python 2 empties the globals of a module that nobody holds
    __import__(__name__)
