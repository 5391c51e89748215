"""
Mends what has gone from libraries since a script was written for them: on request only (`--legacy`, OUTRIDER_LEGACY=1).

Here: the finder of what is no more, and what does the same as the names that are no more (tables: `_rot.py`; what needs
more than a name: `_mended_tables.py`, `_mended_models.py`). A name that is there keeps what it does. Nothing is imported that the script
does not import.
"""

from __future__ import annotations

import sys

from outrider import _afterwards, _rot

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any, Callable, Sequence


def install() -> None:
    """Once a process: from now on imports are mended, and what has been imported is."""
    if not any(isinstance(finder, _Missing) for finder in sys.meta_path):
        sys.meta_path.append(_Missing())
        _afterwards.Afterwards(_is_mended, mend).install()


def mend(name: str, module: ModuleType) -> None:
    """Gives a module the names it once had; and those below it, which may have been imported before it was complete."""
    for one in [name, *(one for one in _rot.ATTRIBUTES if one.startswith(name + ".") and one in sys.modules)]:
        _give_names(one, module if one == name else sys.modules[one])
    if name in _rot.PARAMETERS:
        from outrider import _mended_models

        _mended_models.mend(module)
    patch = _PATCHES.get(name)
    if patch is not None:
        patch(module)


def _is_mended(name: str) -> bool:
    return name in _rot.ATTRIBUTES or name in _rot.PARAMETERS or name in _PATCHES


def _give_names(name: str, module: ModuleType) -> None:
    for gone, where in _rot.ATTRIBUTES.get(name, {}).items():
        if gone not in vars(module):
            found = _find(module, where)
            if found is not None:
                setattr(module, gone, found)


def _find(module: ModuleType, where: str) -> Any:
    """What a path of the tables names; None where that is not there either."""
    path = where.split(".")
    found: Any
    if path[0]:
        from importlib import import_module

        for end in range(len(path), 0, -1):
            try:
                found = import_module(".".join(path[:end]))
            except ImportError:
                continue
            path = path[end:]
            break
        else:
            return None
    else:
        found, path = module, path[1:]
    for part in path:
        found = getattr(found, part, None)
    return found


class _Missing:
    """The last finder: a module that is no more is the one that has its contents."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002 -- the protocol's
        """Only for names of the table."""
        if name not in _rot.MODULES and name not in _rot.PACKAGES:
            return None
        from importlib.machinery import ModuleSpec

        loader: Any = _Alias(_rot.MODULES.get(name, ""))
        return ModuleSpec(name, loader, is_package=True)


class _Alias:
    """Loads a module under a name it once had."""

    is_alias = True  #: what is imported is another module, which is seen to by itself

    def __init__(self, real: str) -> None:
        self._real = real

    def create_module(self, spec: Any) -> None:
        """An ordinary module first."""

    def exec_module(self, module: ModuleType) -> None:
        """The real one takes its place; an import gives what is in sys.modules then."""
        if not self._real:
            mend(module.__name__, module)
            return
        from importlib import import_module

        try:
            sys.modules[module.__name__] = import_module(self._real)
        except ImportError as error:
            raise ModuleNotFoundError(
                f"No module named {module.__name__!r}; {self._real}, which has its contents now, is not installed ({error})",
                name=module.__name__,
            ) from error


# What a table cannot say.


def getargspec(function: Callable[..., Any]) -> Any:
    """`inspect.getargspec`: (args, varargs, keywords, defaults)."""
    import inspect
    from collections import namedtuple

    ArgSpec = namedtuple("ArgSpec", ["args", "varargs", "keywords", "defaults"])  # noqa: PYI024 -- typing is an import too
    found = inspect.getfullargspec(function)
    return ArgSpec(found.args, found.varargs, found.varkw, found.defaults)


def _add(owner: Any, name: str, value: Any) -> None:
    if not hasattr(owner, name):
        setattr(owner, name, value)


def _pandas(pandas: Any) -> None:
    def append(self: Any, other: Any, ignore_index: bool = False, verify_integrity: bool = False, sort: bool = False) -> Any:
        """`DataFrame.append`: rows of another one, of a dict, a Series or a list of them."""
        if isinstance(other, dict):
            other = pandas.Series(other)
        if isinstance(other, pandas.Series) and isinstance(self, pandas.DataFrame):
            if other.name is None and not ignore_index:
                raise TypeError("Can only append a Series if ignore_index=True or if the Series has a name")
            other = other.to_frame().T.infer_objects()
        parts = [self, *other] if isinstance(other, (list, tuple)) else [self, other]
        parts = [pandas.DataFrame([part]) if isinstance(part, dict) else part for part in parts]
        return pandas.concat(parts, ignore_index=ignore_index, verify_integrity=verify_integrity, sort=sort)

    def append_series(self: Any, to_append: Any, ignore_index: bool = False, verify_integrity: bool = False) -> Any:
        """`Series.append`."""
        parts = [self, *to_append] if isinstance(to_append, (list, tuple)) else [self, to_append]
        return pandas.concat(parts, ignore_index=ignore_index, verify_integrity=verify_integrity)

    _add(pandas.DataFrame, "append", append)
    _add(pandas.Series, "append", append_series)
    for kind in (pandas.DataFrame, pandas.Series):
        _add(kind, "iteritems", kind.items)
        _add(kind, "as_matrix", lambda self: self.to_numpy())
    _add(pandas.DataFrame, "get_value", lambda self, index, col: self.at[index, col])
    _add(pandas.Series, "get_value", lambda self, label: self.at[label])
    _add(pandas.DataFrame, "set_value", _set_value)
    _unlimited_columns(pandas)
    from outrider import _mended_tables

    _mended_tables.mend(pandas)


def _unlimited_columns(pandas: Any) -> None:
    """`pd.set_option("display.max_colwidth", -1)` once meant no limit; that is None now, and -1 an error."""
    plain = pandas.set_option

    def set_option(*pairs: Any, **more: Any) -> Any:
        said = list(pairs)
        for at in range(1, len(said), 2):
            if said[at] == -1 and str(said[at - 1]).endswith("max_colwidth"):
                said[at] = None
        return plain(*said, **more)

    pandas.set_option = set_option


def _set_value(self: Any, index: Any, col: Any, value: Any) -> Any:
    self.at[index, col] = value
    return self


def _sklearn_preprocessing(module: Any) -> None:
    _feature_names(module, ("OneHotEncoder", "PolynomialFeatures"))
    if hasattr(module, "Imputer"):
        return

    def imputer(missing_values: Any = "NaN", strategy: str = "mean", axis: int = 0, verbose: int = 0, copy: bool = True) -> Any:  # noqa: ARG001
        """`Imputer`, which is SimpleImputer now, by columns."""
        from importlib import import_module

        if axis != 0:
            raise ValueError("Imputer(axis=1) has no equal today: use sklearn.impute.SimpleImputer on the transposed data")
        simple = import_module("sklearn.impute").SimpleImputer
        return simple(missing_values=float("nan") if missing_values == "NaN" else missing_values, strategy=strategy, copy=copy)

    module.Imputer = imputer


def _feature_names(module: Any, classes: Sequence[str]) -> None:
    def get_feature_names(self: Any, input_features: Any = None) -> Any:
        """`get_feature_names`, which is `get_feature_names_out` now."""
        return self.get_feature_names_out() if input_features is None else self.get_feature_names_out(input_features)

    for name in classes:
        if hasattr(module, name):
            _add(getattr(module, name), "get_feature_names", get_feature_names)


def _sklearn_metrics(module: Any) -> None:
    import functools
    import inspect

    real = module.mean_squared_error
    if "squared" in inspect.signature(real).parameters:
        return

    @functools.wraps(real)
    def mean_squared_error(*arguments: Any, squared: bool = True, **named: Any) -> Any:
        return real(*arguments, **named) if squared else module.root_mean_squared_error(*arguments, **named)

    module.mean_squared_error = mean_squared_error


def _sklearn_base(module: Any) -> None:
    """Values of parameters that have another name now are put in order before they are looked at."""
    real = getattr(module.BaseEstimator, "_validate_params", None)
    if real is None:
        return

    def validate(self: Any) -> Any:
        for name, values in _rot.VALUES.items():
            given = getattr(self, name, None)
            if isinstance(given, str) and given in values:
                allowed = str(getattr(self, "_parameter_constraints", {}).get(name, ""))
                if repr(given) not in allowed:
                    setattr(self, name, values[given])
        if getattr(self, "max_features", None) == "auto":
            self.max_features = "sqrt" if hasattr(self, "predict_proba") else 1.0
        return real(self)

    module.BaseEstimator._validate_params = validate  # noqa: SLF001 -- a library's own, mended on request


def _matplotlib_style(module: Any) -> None:
    import functools

    real = module.use

    def present(style: Any) -> Any:
        if isinstance(style, str) and style.startswith("seaborn") and style not in module.available:
            return style.replace("seaborn", "seaborn-v0_8", 1)
        return [present(one) for one in style] if isinstance(style, (list, tuple)) else style

    @functools.wraps(real)
    def use(style: Any) -> Any:
        return real(present(style))

    module.use = use


def _yaml(module: Any) -> None:
    import functools
    import inspect

    for name in ("load", "load_all"):
        real = getattr(module, name)
        if inspect.signature(real).parameters["Loader"].default is inspect.Parameter.empty:
            setattr(module, name, functools.wraps(real)(lambda stream, Loader=module.FullLoader, real=real: real(stream, Loader)))  # noqa: N803


def _threading(module: Any) -> None:
    _add(module.Thread, "isAlive", module.Thread.is_alive)


def _models(name: str) -> Callable[[Any], None]:
    """The mend of that name, of the module that has those of models; it is imported with the library."""

    def mend_models(module: Any) -> None:
        from outrider import _mended_models

        getattr(_mended_models, name)(module)

    return mend_models


_PATCHES: dict[str, Callable[[Any], None]] = {
    "lightgbm": _models("lightgbm"),
    "xgboost": _models("xgboost"),
    "keras": _models("keras"),
    "sklearn.datasets": _models("datasets"),
    "pandas": _pandas,
    "sklearn.base": _sklearn_base,
    "sklearn.compose": lambda module: _feature_names(module, ("ColumnTransformer",)),
    "sklearn.feature_extraction": lambda module: _feature_names(module, ("DictVectorizer",)),
    "sklearn.feature_extraction.text": lambda module: _feature_names(module, ("CountVectorizer", "TfidfVectorizer")),
    "sklearn.metrics": _sklearn_metrics,
    "sklearn.preprocessing": _sklearn_preprocessing,
    "matplotlib.style": _matplotlib_style,
    "yaml": _yaml,
    "threading": _threading,
}
