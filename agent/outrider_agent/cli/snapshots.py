"""What is in the snapshots that runs were submitted with. Reads the zips of the blob store; never unpacks them."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: A file of more bytes than these is not compared line by line.
TEXT_BYTES = 1 << 20


def files(path: Path | None) -> dict[str, str]:
    """Path within the snapshot -> what tells its content from another. Empty where there is no such zip, or it is damaged."""
    if path is None:
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            return {one.filename: f"{one.CRC:08x}-{one.file_size}" for one in archive.infolist() if not one.is_dir()}
    except (OSError, zipfile.BadZipFile):
        return {}


def text(path: Path | None, name: str) -> str | None:
    """A file of it; None where it is not there, no text, or too large."""
    if path is None:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(name).file_size > TEXT_BYTES:
                return None
            return archive.read(name).decode()
    except (OSError, KeyError, zipfile.BadZipFile, UnicodeDecodeError):
        return None
