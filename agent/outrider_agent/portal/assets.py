"""
The static files: our scripts and styles, and the libraries that the build installed (hatch_build.py). Read once, kept compressed.

Their address holds a hash of all of them, so that a browser may keep them for ever.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from outrider_agent.portal import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".LICENSE": "text/plain; charset=utf-8",
}
#: What our modules call the libraries -> their files.
LIBRARIES = {
    "preact": "vendor/preact.js",
    "preact/hooks": "vendor/preact-hooks.js",
    "@preact/signals-core": "vendor/signals-core.js",
    "@preact/signals": "vendor/signals.js",
    "htm": "vendor/htm.js",
}
#: Of these pages' modules, what they need is sent as one file; and what is shown with it.
JOINED = {"run.js": ("overview.js", "printed.js"), "runs.js": (), "compare.js": ()}
#: A module that one of ours needs before it can begin.
IMPORT = re.compile(r'^(?:import|export)\b[^;"]*?"\./([^"]+)"', re.MULTILINE)
FOREVER = "public, max-age=31536000, immutable"

FIRST = "theme.js"

#: What a page says where the libraries are missing.
MISSING = "Charts and the live view are not installed here. In a checkout: make portal. Installed by pip: install it again, with a network."


class Assets:
    """The static files of one agent. Made once; reads the disk."""

    def __init__(self, folder: Path = FOLDER) -> None:
        found = sorted(path for path in folder.glob("**/*") if path.is_file() and path.suffix in TYPES)
        self._files = {str(path.relative_to(folder)): path.read_bytes() for path in found}
        self._imports = {
            name: IMPORT.findall(data.decode()) for name, data in self._files.items() if name.endswith(".js") and "/" not in name
        }
        self._joined: dict[str, list[str]] = {}
        for name in JOINED.keys() & self._files.keys():
            others = [one for one in self._closure([name, *JOINED[name]]) if one != name]
            self._joined[name], source = joined.joined({one: self.text(one) for one in others})
            self._files[_joined(name)] = source.encode()
        self._packed = {name: gzip.compress(data, 9, mtime=0) for name, data in self._files.items()}
        digest = hashlib.sha256()
        for name, data in self._files.items():
            digest.update(f"{name}\0{len(data)}\0".encode() + data)
        self.root = f"/static/{digest.hexdigest()[:16]}"
        #: Are our own files and the libraries there?
        self.is_whole = all(name in self._files for name in (*LIBRARIES.values(), "vendor/uplot.js", "app.css", "run.js"))
        #: Run before anything is shown.
        self.first = self._files.get(FIRST, b"").decode()
        #: What a page may hold within itself.
        self.inline = [self.first, *(self.import_map(name) for name in ("", *self._joined))]

    def import_map(self, module: str) -> str:
        """What modules are called in a page that begins with this one -> where they are."""
        parts = {self.url(name): self.url(_joined(module)) for name in self._joined.get(module, ())}
        return json.dumps({"imports": {name: self.url(file) for name, file in LIBRARIES.items()} | parts})

    def needed(self, modules: Sequence[str]) -> list[str]:
        """These modules of ours and all that they import: asked for at once, a browser need not read one to learn of the next."""
        within = next((name for name in modules if name in self._joined), "")
        parts = self._joined.get(within, [])
        return [*([_joined(within)] if parts else []), *(name for name in self._closure(modules) if name not in parts)]

    def _closure(self, modules: Iterable[str]) -> list[str]:
        found: dict[str, None] = {}
        wanted = list(modules)
        while wanted:
            name = wanted.pop(0)
            if name not in found and name in self._files:
                found[name] = None
                wanted += self._imports.get(name, ())
        return list(found)

    def text(self, name: str) -> str:
        """What is in the file: for a page that holds it itself."""
        return self._files[name].decode()

    def url(self, name: str) -> str:
        """Where a page finds the file."""
        return f"{self.root}/{name}"

    async def serve(self, request: web.Request) -> web.Response:
        """GET /static/{hash}/{name}."""
        name = request.match_info["name"]
        if f"/static/{request.match_info['hash']}" != self.root or name not in self._files:
            raise web.HTTPNotFound
        headers = {"Content-Type": TYPES[Path(name).suffix], "Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=self._packed[name], headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=self._files[name], headers=headers)


def _joined(name: str) -> str:
    return f"with-{name}"
