"""
Images and charts: into an artifact, and a `fig` line that names it. Which picture it is is told from its first bytes, not from its name.

Raises InvalidImage, ValueError, TypeError, OSError to who logs.
"""

from __future__ import annotations

import os
import time

from outrider import _uploads, record
from outrider._encode import quote, safe_str
from outrider._errors import InvalidImage

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"%PDF-", "pdf"),
)
_given: set[tuple[str, str]] = set()  # (run, path) that this process has named a plot by


def image(home: str, run_id: str, name: str, path: Any, plot: Any, description: str | None) -> list[str]:
    """The fields of the two lines of an image: a file's path, or a plot. A plot in the path's place is taken as one."""
    if path is not None and plot is None and not isinstance(path, (str, os.PathLike)) and hasattr(path, "savefig"):
        path, plot = None, path
    if (path is None) == (plot is None):
        raise ValueError(f"log_image({name!r}) takes either the path of a picture or a plot, and was given {'both' if path else 'neither'}")
    if plot is not None:
        if not hasattr(plot, "savefig"):
            raise InvalidImage(f"A plot has a method `savefig` (matplotlib.pyplot, or a Figure), and {type(plot).__name__} has none.")
        return _lines(home, *_saved(run_id, name, plot), name, description)
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"log_image() takes the path of a picture, or plot=, not {type(path).__name__}")
    with open(path, "rb") as file:
        data = file.read()
    inner = os.fspath(path)
    kept = os.path.basename(inner) if os.path.isabs(inner) or ".." in inner.split("/") else inner
    return _lines(home, kept, data, name, description)


def chart(home: str, kind: str, name: str, value: Any, description: str | None) -> list[str]:
    """
    The fields of the two lines of a chart, kept as sent: a dict as JSON, or JSON text as it is.

    Raises ValueError for text that is no JSON, TypeError for what is neither, or a dict that JSON has no words for.
    """
    import json

    if isinstance(value, (str, bytes)):
        text = value if isinstance(value, str) else value.decode("utf-8")
        try:
            json.loads(text)
        except ValueError as error:
            raise ValueError(f"Invalid JSON provided for {name!r}: {error}. Nothing was logged.") from None
    elif hasattr(value, "items"):
        text = json.dumps(value, default=_plain)
    else:
        raise TypeError(f"a chart is a dict or JSON text, not {type(value).__name__}")
    return [_artifact(home, name, text.encode("utf-8", "surrogatepass")), _figure(name, name, record.CHARTS[kind], description)]


def picture_type(data: bytes) -> str | None:
    """The type of a picture by its first bytes, as `image/png`; None for what is none."""
    for beginning, kind in _BEGINNINGS:
        if data.startswith(beginning):
            return "application/pdf" if kind == "pdf" else f"image/{kind}"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return "image/svg+xml" if b"<svg" in data[:4096] else None


def _saved(run_id: str, name: str, plot: Any) -> tuple[str, bytes]:
    """A plot as PNG, and its name: `<name>_<unix seconds>.png`; of several within one second the later ones have a number, too."""
    import io

    buffer = io.BytesIO()
    plot.savefig(buffer, format="png")
    stem = f"{name}_{int(time.time())}"
    path, number = f"{stem}.png", 1
    while (run_id, path) in _given:
        number += 1
        path = f"{stem}_{number}.png"
    _given.add((run_id, path))
    return path, buffer.getvalue()


def _lines(home: str, path: str, data: bytes, name: str, description: str | None) -> list[str]:
    kind = picture_type(data)
    if kind is None:
        raise InvalidImage(f"{path} is no picture: its first bytes are of no known type (PNG, JPEG, GIF, BMP, TIFF, WebP, SVG, PDF).")
    kept = _uploads.inner_path(path)
    return [_artifact(home, kept, data), _figure(name, kept, kind, description)]


def _artifact(home: str, path: str, data: bytes) -> str:
    import io

    return _uploads.store(home, path, io.BytesIO(data))


def _figure(name: str, path: str, kind: str, description: str | None) -> str:
    told = f',"d":{quote(safe_str(description))}' if description else ""
    inner = _uploads.inner_path(path)
    return f'"k":"fig","t":{time.time_ns()},"n":{quote(name)},"p":{quote(inner)},"ty":{quote(kind)}{told}'


def _plain(value: Any) -> Any:
    """Arrays and scalars of numpy and the like, within a document."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is nothing that JSON has a word for; convert it first")
