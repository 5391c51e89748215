"""
Metric values: what is one, and how it is spelled (docs/spool.md, "Values"). Pure.

Numpy, torch and the like are recognised by what their scalars can do, never imported.
"""

from __future__ import annotations

from outrider import record
from outrider._encode import float_text, int_text, quote

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any


def unwrap(value: Any) -> Any:
    """The Python value inside a scalar of numpy, torch, jax…: whatever has no axes and an `item()`. Anything else as it is."""
    kind = type(value)
    try:
        if getattr(kind, "item", None) is not None and getattr(value, "ndim", 0) == 0:
            return value.item()
        if getattr(value, "shape", None) == () and getattr(kind, "__float__", None) is not None:
            return float(value)
    except Exception:  # noqa: BLE001 -- a foreign object may raise anything; then it is no scalar
        return value
    return value


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
    if isinstance(plain, bytes):
        return quote(plain.decode("utf-8", "backslashreplace"))
    raise TypeError(_refusal(value))


def step_text(step: Any) -> str:
    """
    A step as JSON text.

    Raises TypeError for what is no whole number.
    """
    if isinstance(step, int):
        return int_text(step)
    plain = unwrap(step)
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    if isinstance(plain, int):
        return int_text(plain)
    raise TypeError(f"step must be a whole number, not {type(step).__name__}; give step=None for points without steps")


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
