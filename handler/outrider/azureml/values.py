"""
What the azureml names accept as a metric's value, and what becomes of it: the table that scripts were written against. Pure.

Numbers, texts, bools and None stay what they are, numpy's and torch's scalars become Python's; anything else is kept as its text, and said
once. What the original lost without a word (or crashed on) is kept.
"""

from __future__ import annotations

from outrider import _values
from outrider._encode import safe_str
from outrider.azureml.exceptions import AzureMLException, UserErrorException

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

_PLAIN = (bool, int, float, str)


def cell(value: Any, said: Callable[[str], None]) -> Any:
    """A scalar as it is, else its text; `said` is told when it is only that."""
    if value is None or type(value) in _PLAIN:
        return value
    plain = _values.unwrap(value)
    if plain is None or isinstance(plain, _PLAIN):
        return plain
    said(f"a value of type {type(value).__name__} is kept as its text")
    return safe_str(value)


def point(value: Any, said: Callable[[str], None]) -> Any:
    """What `log` takes. Raises UserErrorException for a list, range or generator."""
    if isinstance(value, (list, range)) or (hasattr(value, "__next__") and hasattr(value, "__iter__")):
        raise UserErrorException("run.log does not support list type. Use run.log_list instead")
    return cell(value, said)


def elements(values: Any, what: str = "run.log_list") -> list[Any]:
    """What `log_list` takes: anything that can be gone through; a text gives its characters. Raises AzureMLException for what it holds."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, _PLAIN) and not isinstance(values, str):
        values = [values]
    try:
        items: Iterable[Any] = iter(values)
    except TypeError:
        raise UserErrorException(f"{what} takes many values, not {type(values).__name__}; use run.log for one") from None
    found = [_values.unwrap(item) for item in items]
    for item in found:
        if item is not None and not isinstance(item, _PLAIN):
            raise AzureMLException(f"Value of type {type(item)} is not supported")
    return found


def row(columns: dict[str, Any], said: Callable[[str], None]) -> dict[str, Any]:
    """What `log_row` takes. Raises AzureMLException for a list."""
    for name, value in columns.items():
        if isinstance(value, list):
            raise AzureMLException(f"Rows cannot contain list values, column {name} contains a list.")
    return {name: cell(value, said) for name, value in columns.items()}


def table(value: Any, said: Callable[[str], None]) -> dict[str, list[Any]]:
    """What `log_table` takes: columns of one length, a scalar for one of length 1. Raises AzureMLException for unequal ones."""
    if not hasattr(value, "items"):
        raise UserErrorException(f"run.log_table takes a dict of columns, not {type(value).__name__}")
    columns = {safe_str(name): _column(column, said) for name, column in value.items()}
    names = list(columns)
    for name in names[1:]:
        first = names[0]
        if len(columns[name]) != len(columns[first]):
            raise AzureMLException(
                f"Columns must have the same length, column {first} had length {len(columns[first])}, however, column {name} had length "
                f"{len(columns[name])}."
            )
    return columns


def _column(column: Any, said: Callable[[str], None]) -> list[Any]:
    if hasattr(column, "tolist") and getattr(column, "ndim", None) != 0:
        column = column.tolist()
    if hasattr(column, "values") and hasattr(column, "keys"):  # a dict of DataFrame.to_dict(): by row
        column = list(column.values())
    if isinstance(column, (str, bytes)) or not hasattr(column, "__iter__") or getattr(column, "ndim", None) == 0:
        column = [column]
    return [cell(item, said) for item in column]


def text(value: Any) -> str | None:
    """A tag or property: a text, or None."""
    if value is None or isinstance(value, str):
        return value
    return safe_str(_values.unwrap(value))
