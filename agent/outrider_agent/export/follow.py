"""
A run's page for who shows it while the run goes on (`outrider._widget_live`): lines on stdout, each a word and what it names, packed by
gzip and spelled in base64. First `page`, the whole page; then `data`, what such a page holds, whenever that has changed.
"""

from __future__ import annotations

import base64
import gzip
import select
import time
from typing import IO, TYPE_CHECKING

from outrider_agent.export import page
from outrider_agent.portal import assets, shapes

if TYPE_CHECKING:
    from outrider_agent import protocols
    from outrider_agent.store import browsing

#: Seconds between two looks: at least this, and ten times what a look costs.
SOONEST_S, COST = 1.5, 10.0


def follow(store: browsing.Browser, blobs: protocols.Blobs, run_id: str, until: int, target: IO[bytes]) -> None:
    """Writes until the run has ended, or the descriptor `until` has something to read: its end. Raises `NotFound`, `Unavailable`."""
    given = page.content(store, blobs, run_id)
    whole = page.page(given, assets.Assets()).encode("utf-8", "xmlcharrefreplace")
    _line(target, "page", base64.b64encode(gzip.compress(whole, 9)).decode())
    last, pause = _said(given), SOONEST_S
    while given.run.ended is None and not select.select([until], [], [], pause)[0]:
        started = time.perf_counter()
        given = page.content(store, blobs, run_id)
        said = _said(given)
        if said != last:
            _line(target, "data", page.packed(given))
        last, pause = said, max(SOONEST_S, COST * (time.perf_counter() - started))


def _said(given: page.Content) -> bytes:
    """What is in the page, but for how long the run has gone on."""
    lasting = {"duration_s": 0, "attempts": [one | {"duration_s": 0} for one in given.document["attempts"]]}
    return shapes.encoded(given.kept | {f"/runs/{given.run.run_id}": given.document | lasting})


def _line(target: IO[bytes], word: str, packed: str) -> None:
    try:
        target.write(f"{word} {packed}\n".encode())
        target.flush()
    except BrokenPipeError:  # nobody looks any more
        raise SystemExit(0) from None
