"""Which blobs the lines of a stream name (docs/spool.md: `art`, `model`, `snap`), and where each such line begins. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from outrider_agent.core import decode, lines

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A line that names a blob has its kind in it, spelled so; that it is there means little.
_KINDS = (b'"art"', b'"model"', b'"snap"')
_HINT = re.compile(b"|".join(_KINDS))
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_sha256(text: str) -> bool:
    """Is it the hex of one, as blobs are named?"""
    return _SHA256.fullmatch(text) is not None


def blobs(data: bytes) -> Iterator[tuple[int, str]]:
    """The blobs that are named in these lines, each with the offset at which its line begins, in order."""
    if not any(kind in data for kind in _KINDS):  # metrics: several times as fast as the expression
        return
    at = 0
    while match := _HINT.search(data, at):
        begin = data.rfind(lines.NEWLINE, 0, match.start()) + 1
        end = data.find(lines.NEWLINE, match.end())
        at = end if end >= 0 else len(data)
        for item in decode.decode(data[begin:at]).records:
            yield from ((begin, sha) for sha in named(item))


def named(item: object) -> list[str]:
    """The blobs that one record names."""
    if isinstance(item, (decode.Artifact, decode.Snapshot)):
        return [item.sha]
    if isinstance(item, decode.Model):
        return [sha for sha, _ in item.files.values()]
    return []
