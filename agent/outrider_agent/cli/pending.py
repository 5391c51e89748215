"""
What is in the spool and not in the store yet, found by looking at the disk: the answer where no agent is there to ask.

Only reads. A stream's completed bytes end at its last newline; what a dead writer tore off after it is no record.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from outrider import spool
from outrider_agent import model, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TAIL = 1 << 16
#: Lines are counted up to so many bytes; past it their number would take longer to find than to ship.
COUNTED = 64 << 20


class Stream(NamedTuple):
    """A stream on disk: where the store stands in it, and how many bytes of completed lines it has not taken."""

    run: str
    writer: str
    alive: bool
    segment: int
    offset: int
    pending_bytes: int

    def document(self) -> dict[str, object]:
        """As `status --json` shows it."""
        return {
            "run": self.run,
            "writer": self.writer,
            "alive": self.alive,
            "segment": self.segment,
            "offset": self.offset,
            "pending": {"store": self.pending_bytes},
        }


def folder(home: str) -> Path:
    """The spool of a home."""
    return Path(home) / "spool"


def names(directory: Path) -> list[str]:
    """Folders that are runs or streams; none where the directory is not there."""
    try:
        with os.scandir(directory) as entries:
            found = [entry.name for entry in entries if not _is_hidden(entry.name) and entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(found)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.endswith(".tmp")


def streams(home: str, positions: Mapping[model.StreamId, model.Position], run: str | None = None) -> list[Stream]:
    """Every stream in the spool (of one run), with what the store has not taken."""
    root = folder(home)
    found = []
    for run_name in [run] if run else names(root):
        for writer in names(root / run_name):
            at = positions.get(model.StreamId(run_name, writer), model.START)
            directory = root / run_name / writer
            alive = spool.is_locked(str(directory / "lock"))
            found.append(Stream(run_name, writer, alive, at.segment, at.offset, _behind(directory, at)))
    return found


def _behind(directory: Path, at: model.Position) -> int:
    return sum(end - start for _, start, end in _ranges(directory, at))


def _ranges(directory: Path, at: model.Position) -> Iterator[tuple[Path, int, int]]:
    for number in spool.segments(str(directory)):
        if number < at.segment:
            continue
        path = Path(spool.segment_path(str(directory), number))
        start = at.offset if number == at.segment else 0
        end = completed(path)
        if end > start:
            yield path, start, end


def completed(path: Path) -> int:
    """How many bytes of the file end in a newline; 0 when it is gone (the agent deletes what every sink has)."""
    try:
        with open(spool.open_regular(os.fspath(path)), "rb") as file:  # noqa: PTH123
            end = file.seek(0, os.SEEK_END)
            while end:
                start = max(0, end - TAIL)
                file.seek(start)
                newline = file.read(end - start).rfind(b"\n")
                if newline >= 0:
                    return start + newline + 1
                end = start
    except FileNotFoundError:
        pass
    return 0


def lines(home: str, positions: Mapping[model.StreamId, model.Position], run: str | None = None) -> int | None:
    """How many lines the store has not taken; None when there is too much to count quickly."""
    root = folder(home)
    behind = [stream for stream in streams(home, positions, run) if stream.pending_bytes]
    if sum(stream.pending_bytes for stream in behind) > COUNTED:
        return None
    return sum(
        _count(path, start, end)
        for stream in behind
        for path, start, end in _ranges(root / stream.run / stream.writer, model.Position(stream.segment, stream.offset))
    )


def _count(path: Path, start: int, end: int) -> int:
    count, carried = 0, b""
    try:
        with open(spool.open_regular(os.fspath(path)), "rb") as file:  # noqa: PTH123
            file.seek(start)
            while start < end and (data := file.read(min(1 << 20, end - start))):
                start += len(data)
                count += (carried + data).count(b"}\n")
                carried = data[-1:]
    except FileNotFoundError:
        return 0
    return count


def statistics(home: str) -> dict[str, Any]:
    """The spool's size, its cap, whether it is full and how many records its writers had to refuse."""
    root = folder(home)
    size = refused = 0
    for run in names(root):
        for writer in names(root / run):
            directory = root / run / writer
            size += sum(_size(Path(spool.segment_path(str(directory), number))) for number in spool.segments(str(directory)))
            refused += int(spool.counters(str(directory / "lock")).get("refused", 0))
    cap = settings.load().spool.max_bytes
    return {"bytes": size, "cap": cap, "full": (root / "full").exists(), "refused": refused}


def irregular(home: str) -> list[str]:
    """Paths in the streams' folders that are called as files of ours and are none."""
    root = folder(home)
    directories = [str(root / run / writer) for run in names(root) for writer in names(root / run)]
    return [f"{directory}/{name}" for directory in directories for name in spool.irregular(directory)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
