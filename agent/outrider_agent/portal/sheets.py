"""
The first rows of a Parquet file, for a page that shows them. What reads it is a process of its own with bounds: the file is anybody's.

Run as a program it is that process: `python sheets.py FILE ROWS` writes the document of `Sheet` to stdout. It needs pyarrow.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import resource
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

#: Columns, and characters of a cell, that are shown at most.
COLUMNS, CELL = 200, 200
#: What the process may take: seconds of the clock, bytes of memory.
SECONDS, MEMORY = 20.0, 4 << 30
MISSING = 3


async def read(path: Path, rows: int) -> dict[str, Any] | str:
    """The document; or, where there is none, a sentence why."""
    command = [sys.executable, "-I", __file__, str(path), str(rows)]
    pipe, none = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    child = await asyncio.create_subprocess_exec(*command, stdin=none, stdout=pipe, stderr=none)
    try:
        async with asyncio.timeout(SECONDS):
            out, _ = await child.communicate()
    except TimeoutError:
        return f"It could not be read within {SECONDS:.0f} seconds: download it to look into it."
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == MISSING:
        return "Parquet files are shown where pyarrow is installed beside the agent: pip install 'outrider[parquet]'"
    if child.returncode:
        return "It cannot be read as Parquet: download it to look into it."
    document: dict[str, Any] = json.loads(out)
    return document


def main(path: str, rows: int) -> int:
    """What the process does; its exit code."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        return MISSING
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    file = parquet.ParquetFile(path)
    names = file.schema_arrow.names[:COLUMNS]
    found = next(file.iter_batches(batch_size=rows, use_threads=False), None)
    columns = [] if found is None else [[_cell(cell) for cell in column.to_pylist()] for column in found.columns[:COLUMNS]]
    document = {
        "count": file.metadata.num_rows,
        "names": names,
        "types": [str(kind) for kind in file.schema_arrow.types[:COLUMNS]],
        "rows": [list(row) for row in zip(*columns, strict=True)],
    }
    sys.stdout.write(json.dumps(document))
    return 0


def _cell(cell: Any) -> str | None:
    if cell is None:
        return None
    text = json.dumps(cell, default=str, ensure_ascii=False) if isinstance(cell, (bool, dict, list)) else str(cell)
    return text if len(text) <= CELL else f"{text[:CELL]}…"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
