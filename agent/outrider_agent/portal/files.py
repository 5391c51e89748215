"""
The bytes of a run's files. Whatever they hold, they cannot script the portal's page: a download, or shown in a sandbox without scripts.

A type is only named for pictures and PDF; everything else is plain text to a browser, and it may not guess.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from aiohttp import web

from outrider_agent import errors
from outrider_agent.portal import asking, sheets

if TYPE_CHECKING:
    from pathlib import Path

    from outrider_agent.store import records

#: A document of ours that is not ours to trust: no scripts, no forms, no origin, nothing loaded.
SANDBOX = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; sandbox"

SANDBOXED = {"Content-Security-Policy": SANDBOX, "X-Content-Type-Options": "nosniff"}
#: Chunks that are read at once.
PAGE = 500

SHOWN = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".svg": "image/svg+xml",
    ".pdf": "application/pdf",
}
#: Rows of a Parquet file.
ROWS, MOST_ROWS = 200, 500


class Files:
    """Serves them."""

    def __init__(self, context: asking.Context) -> None:
        self._context = context

    async def content(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/runs/{run}/content?path=…&version=…&view=1."""
        view = asking.choice(request.query, "view", ("0", "1"), "0") == "1"
        found, blob = await self._found(request)
        return web.FileResponse(blob, headers=headers(found, view=view))

    async def sheet(self, request: web.Request) -> web.Response:
        """GET /api/v1/runs/{run}/sheet?path=…&version=…&limit=: the first rows of a Parquet file."""
        rows = asking.whole_number(request.query, "limit", ROWS, least=1, most=MOST_ROWS) or ROWS
        _, blob = await self._found(request)
        document = await sheets.read(blob, rows)
        return asking.json_response({"error": document}, 422) if isinstance(document, str) else asking.json_response(document)

    async def _found(self, request: web.Request) -> tuple[records.Artifact, Path]:
        """The file that is asked for, and where its bytes are. Raises `NotFound`."""
        run = request.match_info["run"]
        asking.required(request.query, "path")
        path = asked_path(request, "path")
        version = asking.whole_number(request.query, "version", None, least=1)
        found = await self._context.read(self._context.store.file, run, path, version) if path else None
        if found is None:
            raise errors.NotFound(f"Run {run} has no such file. outrider artifacts {run} lists those it has.")
        blob = self._context.given.blobs.path(found.sha256)
        if blob is None or not await self._context.read(blob.is_file):
            raise errors.NotFound("The bytes of this file are not in the blob folder: they were deleted there; its record stays.")
        return found, blob

    async def snapshot(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/runs/{run}/snapshots/{id}: the zip of a folder that is kept with the run."""
        run, wanted = request.match_info["run"], request.match_info["id"]
        kept = await self._context.read(self._context.store.snapshots, run)
        found = next((one for one in kept if one.snapshot_id == wanted), None)
        blob = self._context.given.blobs.path(found.sha256) if found is not None else None
        if blob is None or not await self._context.read(blob.is_file):
            raise errors.NotFound(f"Run {run} has no such snapshot, or its bytes are not in the blob folder any more; its record stays.")
        name = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{run}-snapshot.zip')}"}
        return web.FileResponse(blob, headers={**SANDBOXED, **name, "Content-Type": "application/zip"})

    async def console(self, request: web.Request) -> web.StreamResponse:
        """GET /api/v1/runs/{run}/console.txt?fd=: what the command wrote, byte for byte."""
        run, after = request.match_info["run"], 0
        fd = asking.whole_number(request.query, "fd", None, least=1, most=2)
        page = await self._context.read(self._context.store.console, run, after, PAGE)
        response = web.StreamResponse(headers={**SANDBOXED, "Content-Type": "text/plain; charset=utf-8", "Content-Disposition": "inline"})
        await response.prepare(request)
        while page:
            await response.write(b"".join(chunk.data for chunk in page if fd in (None, chunk.fd)))
            page = await self._context.read(self._context.store.console, run, page[-1].key, PAGE)
        return response


def asked_path(request: web.Request, name: str) -> str:
    """A path of the query. It is bytes: what is no UTF-8 stays what it is."""
    return parse_qs(request.rel_url.raw_query_string, errors="surrogateescape").get(name, [""])[0]


def headers(found: records.Artifact, *, view: bool) -> dict[str, str]:
    """How a browser is to take it."""
    name = found.path.rsplit("/", 1)[-1]
    kind = SHOWN.get(os.path.splitext(name)[1].lower(), "text/plain; charset=utf-8")  # noqa: PTH122
    return {
        "Content-Type": kind if view else "application/octet-stream",
        "Content-Disposition": f"{'inline' if view else 'attachment'}; filename*=UTF-8''{quote(os.fsencode(name))}",
        **SANDBOXED,
        "Cache-Control": "private, max-age=3600",
    }
