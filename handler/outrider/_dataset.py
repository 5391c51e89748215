"""Dataset: files of this machine under a name, as a script's input. Small: it opens tables with pandas and lists files."""

from __future__ import annotations

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any


class Dataset:
    """Files under a name."""

    name: str | None

    def to_pandas_dataframe(self) -> Any:
        """The table, as a DataFrame of pandas."""
        raise NotImplementedError
