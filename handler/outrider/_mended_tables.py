"""
What pandas did until its versions 1 and 2, for scripts of that time: on request only, as all that `_mend.py` gives back.

Here: methods that are no more, arguments that are no more or were once given by position, and what a script rests on without naming it:
columns of text are of the type `object`, and a change of `table["column"]` is one of the table. A name that is there keeps what it does.
"""

from __future__ import annotations

import functools
import inspect

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Mapping

#: Arguments of methods and functions that could be given by position, in that order; where it is none, in today's.
_SAME = ("drop", "sort_values", "sort_index", "dropna", "reset_index", "drop_duplicates", "any", "all", "to_csv", "replace", "clip")
_FILLED = {"fillna": ("value", "method", "axis", "inplace")}
BY_POSITION: Mapping[str, Mapping[str, tuple[str, ...] | None]] = {
    "DataFrame": {**dict.fromkeys((*_SAME, "set_index", "rank", "interpolate")), **_FILLED, "pivot": ("index", "columns", "values")},
    "Series": {**dict.fromkeys(_SAME), **_FILLED},
}

#: Functions over columns that left out those which are not numbers.
OF_NUMBERS = ("corr", "cov", "mean", "median", "std", "var", "sem", "skew", "kurt", "kurtosis", "quantile", "sum", "prod", "min", "max")

_FREQUENCIES = {"H": "h", "T": "min", "S": "s", "L": "ms", "U": "us", "N": "ns", "M": "ME", "Q": "QE", "A": "YE", "Y": "YE"}
_FREQUENCIES.update({"BM": "BME", "BQ": "BQE", "BA": "BYE", "BY": "BYE", "SM": "SME", "CBM": "CBME", "BH": "bh"})


def mend(pandas: Any) -> None:
    """Of the module pandas."""
    _types(pandas)
    _arguments(pandas)
    for name, methods in BY_POSITION.items():
        for method, order in methods.items():
            _replace(getattr(pandas, name), method, functools.partial(_by_position, order=order))
    _replace(pandas, "concat", functools.partial(_by_position, order=None))
    for method in OF_NUMBERS:
        _replace(pandas.DataFrame, method, _of_numbers)
        _replace(pandas.core.groupby.DataFrameGroupBy, method, _of_numbers)
    _methods(pandas)
    _changes_of_a_column(pandas)
    _frequencies(pandas)


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    real = getattr(owner, name, None)
    if real is not None:
        setattr(owner, name, functools.wraps(real)(make(real)))


def _add(owner: Any, name: str, value: Any) -> None:
    if not hasattr(owner, name):
        setattr(owner, name, value)


def _types(pandas: Any) -> None:
    """Columns of text are of the type `object`, as `column.dtype == object` and numpy expect."""
    if not pandas.__version__.startswith("3."):
        return  # before, they are; later, they cannot be
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pandas.set_option("future.infer_string", False)


def _by_position(real: Any, order: tuple[str, ...] | None = None) -> Any:
    parameters = list(inspect.signature(real).parameters.values())
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    places = sum(one.kind in kinds for one in parameters)
    is_method = bool(parameters) and parameters[0].name == "self"
    names = list(order) if order is not None else [one.name for one in parameters[is_method:] if one.kind not in (2, 4)]

    def by_position(*given: Any, **named: Any) -> Any:
        if len(given) > places:
            kept = int(is_method) if order is not None else places
            named.update(zip(names[kept - is_method :], given[kept:]))
            given = given[:kept]
        return real(*given, **named)

    return by_position


def _of_numbers(real: Any) -> Any:
    def of_numbers(self: Any, *given: Any, **named: Any) -> Any:
        if named.get("numeric_only", 0) is None:
            del named["numeric_only"]
        if "numeric_only" in named:
            return real(self, *given, **named)
        try:
            return real(self, *given, **named)
        except (TypeError, ValueError):
            return real(self, *given, **named, numeric_only=True)

    return of_numbers


def _arguments(pandas: Any) -> None:
    for kind in (pandas.DataFrame, pandas.Series):
        _replace(kind, "fillna", _fillna)
        _replace(kind, "to_csv", functools.partial(_changed, change={"line_terminator": "lineterminator"}))
        _replace(kind, "describe", functools.partial(_changed, change={"datetime_is_numeric": None}))
        _replace(kind, "groupby", functools.partial(_changed, change={"squeeze": None}))
    _replace(pandas.DataFrame, "to_dict", _to_dict)
    _replace(pandas, "read_csv", _read)
    _replace(pandas, "read_table", _read)
    for name in ("to_datetime", "to_numeric"):
        _replace(pandas, name, functools.partial(_changed, change={"infer_datetime_format": None}))
        _replace(pandas, name, _ignoring_errors)
    text = pandas.Series.str
    for method in ("split", "rsplit"):
        _replace(text, method, _by_position)
    _replace(text, "replace", _replaced_text)


def _changed(real: Any, change: dict[str, str | None]) -> Any:
    """With arguments that have another name, or None: that made no difference."""

    def changed(*given: Any, **named: Any) -> Any:
        for old, new in change.items():
            if old in named:
                value = named.pop(old)
                if new is not None:
                    named[new] = value
        return real(*given, **named)

    return changed


def _fillna(real: Any) -> Any:
    def fillna(self: Any, *given: Any, **named: Any) -> Any:
        method = named.pop("method", None)
        if method is None:
            return real(self, *given, **named)
        if named.get("value", 0) is None:
            del named["value"]
        return (self.ffill if method in ("ffill", "pad") else self.bfill)(*given, **named)

    return fillna


def _to_dict(real: Any) -> Any:
    whole = {"record": "records", "r": "records", "l": "list", "d": "dict", "s": "series", "i": "index", "sp": "split"}

    def to_dict(self: Any, orient: str = "dict", *given: Any, **named: Any) -> Any:
        return real(self, whole.get(orient, orient), *given, **named)

    return to_dict


def _read(real: Any) -> Any:
    plain = _by_position(real)

    def read(*given: Any, **named: Any) -> Any:
        bad, warn = named.pop("error_bad_lines", None), named.pop("warn_bad_lines", None)
        if bad is False:
            named.setdefault("on_bad_lines", "skip" if warn is False else "warn")
        for gone in ("infer_datetime_format", "mangle_dupe_cols", "tupleize_cols", "keep_date_col"):
            named.pop(gone, None)
        if named.pop("delim_whitespace", None):
            named["sep"] = r"\s+"
        squeeze = named.pop("squeeze", None)
        found = plain(*given, **named)
        return found.squeeze("columns") if squeeze else found

    return read


def _ignoring_errors(real: Any) -> Any:
    def ignoring(values: Any, *given: Any, **named: Any) -> Any:
        if named.get("errors") != "ignore":
            return real(values, *given, **named)
        try:
            return real(values, *given, **{**named, "errors": "raise"})
        except (TypeError, ValueError):
            return values

    return ignoring


def _replaced_text(real: Any) -> Any:
    def replace(self: Any, pat: Any, repl: Any = None, *given: Any, **named: Any) -> Any:
        if "regex" not in named and isinstance(pat, str):
            named["regex"] = len(pat) > 1
        names = ("n", "case", "flags", "regex")
        return real(self, pat, repl, **{**named, **dict(zip(names, given))})

    return replace


def _methods(pandas: Any) -> None:
    frame, series = pandas.DataFrame, pandas.Series
    _add(frame, "applymap", frame.map)
    for kind in (frame, series):
        _add(kind, "pad", lambda self, *given, **named: self.ffill(*given, **named))
        _add(kind, "backfill", lambda self, *given, **named: self.bfill(*given, **named))
        _add(kind, "get_values", lambda self: self.to_numpy())
        _add(kind, "mad", lambda self: (self - self.mean()).abs().mean())
    _add(frame, "swapaxes", lambda self, *_axes: self.T)
    _add(frame, "lookup", lambda self, rows, columns: self.to_numpy()[self.index.get_indexer(rows), self.columns.get_indexer(columns)])
    _add(pandas, "value_counts", lambda values, **named: series(values).value_counts(**named))


def _changes_of_a_column(pandas: Any) -> None:
    """`table["column"].fillna(0, inplace=True)` and `table["column"][rows] = 0` change the table: a column knows whose it is."""
    frame, series = pandas.DataFrame, pandas.Series
    keep = frame.__setitem__

    def column(real: Any) -> Any:
        def getitem(self: Any, key: Any) -> Any:
            found = real(self, key)
            if isinstance(found, series):
                _is_of(found, self, key)
            return found

        return getitem

    def told(real: Any) -> Any:
        def changed(self: Any, *given: Any, **named: Any) -> Any:
            table = _table_of(self) if real.__name__ == "__setitem__" or named.get("inplace") else None
            done = real(self, *given, **named)
            if table is not None:
                keep(table, self.__dict__["_outrider_of"][1], self)
            return done

        return changed

    _replace(frame, "__getitem__", column)
    for method in ("__setitem__", "fillna", "replace", "clip", "interpolate", "ffill", "bfill", "where", "mask"):
        _replace(series, method, told)


def _is_of(column: Any, table: Any, key: Any) -> None:
    import weakref

    object.__setattr__(column, "_outrider_of", (weakref.ref(table), key))


def _table_of(column: Any) -> Any:
    """The table whose column this still is; None where it is gone, or has been given another column of that name since."""
    table_, key = vars(column).get("_outrider_of", (None, None))
    table = table_() if table_ is not None else None
    if table is None or key not in table.columns or len(table) != len(column):
        return None
    from importlib import import_module

    numpy, there = import_module("numpy"), table[key]
    if isinstance(column.dtype, numpy.dtype):
        return table if numpy.may_share_memory(there.to_numpy(copy=False), column.to_numpy(copy=False)) else None
    return table if there.equals(column) else None


def _frequencies(pandas: Any) -> None:
    import re

    def today(frequency: Any) -> Any:
        found = re.fullmatch(r"(\d*)([A-Z]+)(-[A-Z]+)?", frequency) if isinstance(frequency, str) else None
        if found is None or found[2] not in _FREQUENCIES:
            return frequency
        return found[1] + _FREQUENCIES[found[2]] + (found[3] or "")

    def with_frequency(real: Any, place: int) -> Any:
        def renamed(*given: Any, **named: Any) -> Any:
            for name in ("freq", "rule"):
                if name in named:
                    named[name] = today(named[name])
            if place < len(given):
                given = (*given[:place], today(given[place]), *given[place + 1 :])
            return real(*given, **named)

        return renamed

    _replace(pandas, "date_range", functools.partial(with_frequency, place=3))
    for kind in (pandas.DataFrame, pandas.Series):
        for method in ("resample", "asfreq"):
            _replace(kind, method, functools.partial(with_frequency, place=1))
