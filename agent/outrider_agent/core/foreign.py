"""
Is a file that is seen again the one that was read? For files whose writer is not ours. Pure: takes what was remembered and what is there.

Neither name nor inode nor the first bytes say it alone: names move on, inodes are given out again at once, files of one program begin
alike. What says it: the first bytes (up to 1 KiB) *and* the last bytes (up to 256) before the place up to which it was read.
"""

from __future__ import annotations

import enum
import re
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HEAD_BYTES = 1024
MARKER_BYTES = 256

_SUFFIX = re.compile(r"\d{1,7}|\d{8}(?:-?\d{6})?")


class Identity(NamedTuple):
    """What the file system calls it. `generation`: 0 where it has none; ext4 gives a deleted file's inode a new one."""

    device: int
    inode: int
    generation: int


class Mark(NamedTuple):
    """How far a file was read, and what it is known by. `head`, `marker`: checksums of its first bytes and of those before `offset`."""

    identity: Identity
    offset: int
    head: int
    head_length: int
    marker: int
    marker_length: int


class Verdict(enum.Enum):
    """What a file is to a mark."""

    SAME = "the same file: go on at the mark"
    REWRITTEN = "the same file, but truncated or rewritten: begin anew"
    MOVED = "another file of the same content up to the mark: a copy, or the file itself after a remount"
    OTHER = "another file"


def judge(mark: Mark, identity: Identity, size: int, peek: Callable[[int, int], bytes]) -> Verdict:
    """The verdict table of docs/containers.md, for one file and one mark."""
    is_same = mark.identity == identity
    matches = size >= mark.offset and is_marked(mark, peek)
    if is_same:
        return Verdict.SAME if matches else Verdict.REWRITTEN
    return Verdict.MOVED if matches and mark.offset > 0 else Verdict.OTHER


def is_marked(mark: Mark, peek: Callable[[int, int], bytes]) -> bool:
    """Are the first bytes and those before the mark what they were?"""
    before = mark.offset - mark.marker_length
    return zlib.crc32(peek(0, mark.head_length)) == mark.head and zlib.crc32(peek(before, mark.marker_length)) == mark.marker


def mark(identity: Identity, offset: int, peek: Callable[[int, int], bytes]) -> Mark:
    """A mark of a file that was read up to `offset`."""
    head, marker = peek(0, min(offset, HEAD_BYTES)), peek(max(0, offset - MARKER_BYTES), min(offset, MARKER_BYTES))
    return Mark(identity, offset, zlib.crc32(head), len(head), zlib.crc32(marker), len(marker))


def rotated(name: str, names: Iterable[str]) -> list[str]:
    """
    Of a folder's names those that a file called `name` had or its copies have after rotation, oldest first.

    `name.3 name.2 name.1` (docker, logrotate), `name.20260102-030405` (kubelet, logrotate's dateext). What is packed (`.gz`) is not read.
    """
    found = []
    for other in names:
        suffix = other[len(name) + 1 :]
        if other.startswith(f"{name}.") and _SUFFIX.fullmatch(suffix):
            # Counted ones: the larger the older. Dated ones: older than all counted ones of the same name, the smaller the older.
            found.append(((1, -int(suffix)) if len(suffix) < 8 else (0, int(suffix.replace("-", ""))), other))
    return [other for _key, other in sorted(found)]
