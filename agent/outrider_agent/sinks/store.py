"""The tracking store as a sink: which store a place names. What it does with records is the store's own business (`store/`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outrider_agent.store import sqlite

if TYPE_CHECKING:
    import os

    from outrider_agent import protocols


def open_store(path: str | os.PathLike[str]) -> protocols.Sink:
    """The store at that path, made where there is none. Raises `Unavailable`, `SchemaTooNew`."""
    return sqlite.SqliteStore(path)
