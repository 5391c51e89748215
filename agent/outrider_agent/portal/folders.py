"""
A folder of a run's files as one zip, made while it is sent: nothing of it is kept, and memory does not grow with it.

Names in a run come from scripts. In the zip none leads out of the folder into which it is unpacked, and none comes twice.
"""

from __future__ import annotations

import os
import zipfile
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import quote

from aiohttp import web

from outrider_agent import errors
from outrider_agent.portal import files

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from outrider_agent import protocols
    from outrider_agent.portal import asking
    from outrider_agent.store import records

#: So much is read at once.
CHUNK = 1 << 20
#: What did not get into the zip is named by this file of it.
MISSING = "MISSING.txt"
#: A day that every zip can say, for what has no time of its own.
DAY = (1980, 1, 1, 0, 0, 0)


class Folders:
    """Serves them."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context

    async def zip(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/runs/{run}/files.zip?folder=: the files below it in their last versions; all of them without it."""
        run = request.match_info["run"]
        folder = files.asked_path(request, "folder").strip("/")
        found = await self._context.read(self._context.store.artifacts, run)
        inside = [one for one in found if not folder or one.path.startswith(f"{folder}/")]
        if not inside:
            raise errors.NotFound(f"Run {run} has no such folder. outrider artifacts {run} lists its files.")
        name = f"{run}-{folder.replace('/', '-')}.zip" if folder else f"{run}-files.zip"
        response = web.StreamResponse(
            headers={
                **files.SANDBOXED,
                "Content-Type": "application/zip",
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(os.fsencode(name))}",
            }
        )
        await response.prepare(request)
        made = packed(inside, self._context.given.blobs)
        try:
            while (piece := await self._context.read(next, made, None)) is not None:
                await response.write(piece)
        finally:
            await self._context.read(made.close)
        return response


def packed(found: Iterable[records.Artifact], blobs: protocols.Blobs) -> Generator[bytes, None, None]:
    """The bytes of a zip of these files, a piece after the other."""
    out, missing = _Pipe(), []
    names: set[str] = {MISSING}
    with zipfile.ZipFile(cast("IO[bytes]", out), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as made:
        for one in found:
            try:
                source = blobs.open(one.sha256)
            except errors.NotFound:
                missing.append(one.path)
                continue
            info = zipfile.ZipInfo(_free(name_in_zip(one.path), names), DAY)
            info.compress_type = zipfile.ZIP_DEFLATED
            with source, made.open(info, "w", force_zip64=True) as target:
                while data := source.read(CHUNK):
                    target.write(data)
                    yield out.taken()
        if missing:
            told = "".join(f"{os.fsencode(path).decode('utf-8', 'backslashreplace')}\n" for path in missing)
            made.writestr(MISSING, f"The bytes of these files are not in the blob folder any more:\n{told}")
    yield out.taken()


def name_in_zip(path: str) -> str:
    """The path as a zip may name it: below the folder, in UTF-8, without a part that means another place."""
    text = os.fsencode(path).decode("utf-8", "replace").replace("\\", "_").replace("\0", "_").replace(":", "_")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return "/".join("_" * len(part) if part == ".." else part for part in parts) or "_"


def _free(name: str, names: set[str]) -> str:
    """The name, or the first of `name (2)`, `name (3)`… that no other file has."""
    stem, dot, suffix = name.rpartition(".") if "." in name.rpartition("/")[2][1:] else (name, "", "")
    given, count = name, 1
    while given in names:
        count += 1
        given = f"{stem} ({count}){dot}{suffix}"
    names.add(given)
    return given


class _Pipe:
    """A file that only grows, and hands out what came."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def taken(self) -> bytes:
        """What was written since."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
