"""
Metric values: what is one, and how it is spelled (docs/spool.md, "Values"). Pure.

Numpy, torch and the like are recognised by what their scalars can do, never imported.
"""

from __future__ import annotations

from outrider import _signals, record
from outrider._encode import float_text, int_text, quote

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any


MAX_STEP = (1 << 63) - 1


def unwrap(value: Any) -> Any:
    """The Python value inside a scalar of numpy, torch, jax…: whatever has no axes and an `item()`. Anything else as it is."""
    kind = type(value)
    try:
        if getattr(kind, "item", None) is not None and getattr(value, "ndim", 0) == 0:
            plain = value.item()
            # A numpy.longdouble is its own item.
            return float(value) if type(plain) is kind and getattr(getattr(value, "dtype", None), "kind", None) == "f" else plain
        if getattr(value, "shape", None) == () and getattr(kind, "__float__", None) is not None:
            return float(value)
    except Exception as error:  # noqa: BLE001 -- a foreign object may raise anything; then it is no scalar
        _signals.pass_on(error)
        return value
    return value


def point_text(value: Any) -> str:
    """
    The value of a point as JSON text: a number, text or bool.

    Raises TypeError for what is none of these, None too (a cell of a table may be empty, a point may not).
    """
    if value is None:
        raise TypeError(_refusal(value))
    return text(value)


def text(value: Any) -> str:
    """
    A scalar as JSON text.

    Raises TypeError for what is no scalar.
    """
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, int):
        return int_text(value)
    if isinstance(value, str):
        quoted = quote(value)
        return "[" + quoted + "]" if value in record.NONFINITE else quoted
    plain = unwrap(value)
    if plain is not value and isinstance(plain, (str, int, float)):  # bool is an int
        return text(plain)
    raise TypeError(_refusal(value))


def step_text(step: Any) -> str:
    """
    A step as JSON text.

    Raises TypeError for what is no whole number, ValueError for one of more than 64 bits (the store has no room for it).
    """
    plain = step if isinstance(step, int) else unwrap(step)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    if isinstance(plain, int):
        if -MAX_STEP <= plain <= MAX_STEP:
            return int_text(plain)
        raise ValueError("step must be a whole number of at most 64 bits (up to 9223372036854775807)")
    raise TypeError(f"step must be a whole number, not {type(step).__name__}; give step=None for points without steps")


def list_text(values: Any) -> str:
    """
    Many scalars as a JSON list.

    Raises TypeError for what is no list of scalars.
    """
    if isinstance(values, (str, bytes)) or hasattr(values, "items"):
        raise TypeError(f"log_list() and the columns of a table take many values, not {type(values).__name__}; for one value use log()")
    if hasattr(values, "tolist"):  # arrays of numpy, torch, pandas: one call instead of one a value
        values = values.tolist()
    try:
        items = iter(values)
    except TypeError:
        raise TypeError(
            f"log_list() and the columns of a table take many values, not {type(values).__name__}; for one value use log()"
        ) from None
    return "[" + ",".join([text(value) for value in items]) + "]"


def table_text(value: Any) -> str:
    """
    `{column: values}` as a JSON object; a scalar is a column of one.

    Raises TypeError for what is no table, ValueError when its columns are of unequal length.
    """
    if not hasattr(value, "items"):
        raise TypeError(f"log_table() takes a dict of columns, {{'x': [1, 2], 'y': [3, 4]}}, not {type(value).__name__}")
    columns = {}
    for name, column in value.items():
        if not isinstance(name, str):
            raise TypeError(f"the names of columns must be texts, not {type(name).__name__}")
        columns[name] = _column(column)
    lengths = {name: len(column) for name, column in columns.items()}
    if not columns:
        raise ValueError("log_table() needs at least one column")
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise ValueError(f"the columns of a table must be of one length, but {shown}; nothing was logged")
    return "{" + ",".join([quote(name) + ":" + list_text(column) for name, column in columns.items()]) + "}"


def _column(column: Any) -> Any:
    if hasattr(column, "tolist") and getattr(column, "ndim", None) != 0:
        return column.tolist()
    if isinstance(column, (list, tuple)):
        return column
    if isinstance(column, (str, bytes, int, float)) or column is None or not hasattr(column, "__iter__") or getattr(column, "ndim", 1) == 0:
        return [column]
    return list(column)


def number(value: Any) -> Any:
    """A value as a line or the store spells it, back as Python's: the three names as floats, a one-element list as its text."""
    if isinstance(value, str):
        return float(value) if value in record.NONFINITE else value
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def _refusal(value: Any) -> str:
    name = type(value).__name__
    if isinstance(value, (list, tuple, set, range)) or getattr(value, "ndim", None):
        return f"a metric value must be a number, text or bool, not {name}; log many values with log_list()"
    if isinstance(value, dict):
        return "a metric value must be a number, text or bool, not dict; log columns with log_row() or log_table()"
    return f"a metric value must be a number, text or bool, not {name}; convert it first, with float() or str()"
