"""Tables of datasets, read with the script's own pandas, and the steps that choose rows and columns of them."""

from __future__ import annotations

from outrider.azureml import dataset_store as store
from outrider.azureml.exceptions import DatasetValidationError

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, Mapping


def frame(definition: Mapping[str, Any]) -> Any:
    """The whole table as a DataFrame. Raises DatasetValidationError where there are no files or there is no pandas."""
    try:
        import pandas as pd  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError as error:
        raise DatasetValidationError("a dataset's table is read with pandas, which is not installed here: pip install pandas") from error
    options = definition.get("options", {})
    parts = []
    for place in _places(definition["paths"]):
        part = _read(pd, place, definition["format"], options)
        if options.get("include_path"):
            part.insert(0, "Path", place)
        parts.append(part)
    table = parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)
    for column, kind in (options.get("set_column_types") or {}).items():
        table[column] = pd.to_datetime(table[column]) if kind == "datetime" else table[column].astype(kind)
    for step in definition.get("steps", ()):
        table = _step(pd, table, *step)
    return table


def chosen(definition: Mapping[str, Any], files: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The files that the steps leave."""
    for name, *arguments in definition.get("steps", ()):
        if name == "take":
            files = files[: arguments[0]]
        elif name == "skip":
            files = files[arguments[0] :]
        elif name == "split":
            mask = _mask(len(files), arguments[0], arguments[1])
            files = [file for file, first in zip(files, mask) if first == arguments[2]]
    return files


def _places(paths: list[str]) -> list[str]:
    remote = [path for path in paths if "://" in path]
    places = remote + [path for _inner, path in store.files([path for path in paths if "://" not in path])]
    if not places:
        raise DatasetValidationError(f"there are no files at {', '.join(paths)}. Copy the data there; nothing is fetched from Azure")
    return places


def _read(pd: Any, place: str, kind: str, options: Mapping[str, Any]) -> Any:
    if kind == "parquet":
        return pd.read_parquet(place)
    if kind == "jsonl":
        return pd.read_json(place, lines=True)
    header = 0 if options.get("header", True) else None
    table = pd.read_csv(place, sep=options.get("separator", ","), header=header, encoding=_encoding(options.get("encoding")))
    if header is None:
        table.columns = [f"Column{number + 1}" for number in range(len(table.columns))]
    return table


def _encoding(name: str | None) -> str | None:
    return {"utf8": "utf-8", "iso88591": "iso-8859-1", "latin1": "latin-1", "utf16": "utf-16", "windows1252": "cp1252"}.get(
        name or "", name
    )


def _step(pd: Any, table: Any, name: str, *arguments: Any) -> Any:
    if name == "keep":
        return table[arguments[0]]
    if name == "drop":
        return table.drop(columns=arguments[0])
    if name == "take":
        return table.head(arguments[0])
    if name == "skip":
        return table.iloc[arguments[0] :].reset_index(drop=True)
    if name == "split":
        mask = _mask(len(table), arguments[0], arguments[1])
        return table[[first == arguments[2] for first in mask]].reset_index(drop=True)
    times = pd.to_datetime(table[arguments[0]])
    moment = pd.Timestamp(arguments[1])
    return table[times >= moment] if name == "since" else table[times <= moment]


def _mask(count: int, share: float, seed: int) -> list[bool]:
    """Which of them are in the first part."""
    import random

    chance = random.Random(seed)  # noqa: S311 -- a split, not a secret
    return [chance.random() < share for _ in range(count)]
