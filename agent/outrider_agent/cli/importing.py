"""Old logs become runs (`outrider import`): text, compressed or not, and Docker's json-file; what a file is, its content tells."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import hashlib
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import msgspec

from outrider import record
from outrider_agent import errors
from outrider_agent.cli import extract, fresh, output

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 32 << 10
_STAMP = re.compile(rb"(?m)^[\[(]?(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,]\d+)?(Z)?")
_DOCKER = b'{"log":'
#: In a folder these are taken in; a README and a list of requirements are no logs.
_LOGS = re.compile(r"\.(?:log|out|err|stdout|stderr)(?:\.\d+)?(?:\.gz)?$|\.outrider\.zip$")
SECOND = 1_000_000_000


class Piece(NamedTuple):
    """Console bytes: of which stream, and when."""

    fd: int
    time: int
    data: bytes


def work(path: Path) -> int | None:
    """How many bytes `take_log` goes through, to show how far it is: twice the file. None for a .gz, whose content nobody has counted."""
    with path.open("rb") as stream:
        return None if stream.read(2) == extract.GZIP else 2 * path.stat().st_size


def is_empty(path: Path) -> bool:
    """Is there nothing in it, unpacked? Raises as `take_log`."""
    with extract.opened(str(path)) as stream:
        return not stream.read(1)


def logs_in(folder: Path) -> list[Path]:
    """The logs and bundles in a folder and in those below it, by name; what begins with a dot is passed over. Raises `NotFound`: none."""
    found = [path for path in sorted(folder.rglob("*")) if _LOGS.search(path.name) and path.is_file()]
    found = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not found:
        raise errors.NotFound(
            f"{folder} is a folder, and no file in it ends in .log, .out or .err (also with .1 or .gz behind it); nothing of it was "
            "imported. Name the files in it."
        )
    return found


@contextlib.contextmanager
def received(stream: IO[bytes]) -> Iterator[Path]:
    """What comes in on a stream, as a file for as long as it is taken in: its name is made of all of its content."""
    with tempfile.TemporaryDirectory(prefix="outrider-import-") as folder:
        path = Path(folder) / "stdin"
        with path.open("wb") as file:
            shutil.copyfileobj(stream, file)
        yield path


def take_log(
    home: Path, path: Path, experiment: str | None = None, progress: output.Progress | None = None, *, source: str | None = None
) -> tuple[str, bool]:
    """
    A log file as a run in the spool, whole or not at all. Returns the run's id, and whether it is new: the id is made of the content.
    `source`: where it is from, if that is not the file.

    Raises OSError; EOFError and `zlib.error` for a .gz that is damaged.
    """
    shown = progress or output.Progress()
    run_id = f"log-{_digest(path, shown)}"
    spool = home / "spool"
    if (spool / run_id).exists() or _is_stored(home, run_id):
        return run_id, False
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".import-", dir=spool))
    try:
        writer = folder / "import-1"
        writer.mkdir(mode=0o700)
        with (writer / "00000000.ndjson").open("wb") as segment:
            _write(segment, _header(run_id, path, experiment, source), path, shown)
        folder.rename(spool / run_id)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return run_id, True


def _is_stored(home: Path, run_id: str) -> bool:
    with fresh.store(str(home)) as store, contextlib.suppress(errors.NotFound):
        return store.run(run_id).run_id == run_id
    return False


def _digest(path: Path, shown: output.Progress) -> str:
    found = hashlib.sha256()
    with extract.opened(str(path)) as stream:
        while block := stream.read(1 << 20):
            found.update(block)
            shown.advance(len(block))
    return found.hexdigest()[:20]


class Header(NamedTuple):
    """What is known of the run beside its output."""

    run_id: str
    experiment: str
    name: str
    source: str


def _header(run_id: str, path: Path, experiment: str | None, source: str | None) -> Header:
    return Header(run_id, experiment or path.resolve().parent.name or "logs", path.name, source or str(path.resolve()))


def _write(segment: IO[bytes], header: Header, path: Path, shown: output.Progress) -> None:
    """The stream, as docs/spool.md says: a header, what is known of the run, the console, the end."""
    last = path.stat().st_mtime_ns
    offsets = {1: 0, 2: 0}
    started = False
    with extract.opened(str(path)) as stream:
        for piece in _pieces(stream, last):
            if not started:
                _begin(segment, header, piece.time)
                started = True
            _append(segment, {"k": record.CONSOLE, "t": piece.time, "f": piece.fd, "o": offsets[piece.fd], **_bytes(piece.data)})
            offsets[piece.fd] += len(piece.data)
            shown.advance(len(piece.data))
            last = piece.time
    if not started:
        _begin(segment, header, last)
    _append(segment, {"k": record.END, "t": last, "status": "Completed", "reason": "ended"})


def _begin(segment: IO[bytes], header: Header, now: int) -> None:
    head = {"k": "head", "v": 1, "run": header.run_id, "w": "import-1", "seg": 0, "t": now, "own": True, "exp": header.experiment}
    _append(segment, head)
    known = {"experiment": header.experiment, "name": header.name, "tags": {"imported": header.source}}
    _append(segment, {"k": "run", "t": now, **known})


def _append(segment: IO[bytes], fields: dict[str, Any]) -> None:
    segment.write(b"\n" + json.dumps(fields, separators=(",", ":")).encode() + b"\n")


def _bytes(data: bytes) -> dict[str, str]:
    try:
        return {"d": data.decode()}
    except UnicodeDecodeError:
        return {"b": base64.b64encode(data).decode()}


def _pieces(stream: IO[bytes], modified: int) -> Iterator[Piece]:
    """The file's output, in whole lines where they end at all. Times are those of its lines, else the file's."""
    rest, when, is_docker = b"", None, None
    while block := stream.read(BLOCK):
        data = rest + block
        if is_docker is None:
            is_docker = data.startswith(_DOCKER)
        end = data.rfind(b"\n") + 1 or len(data)
        data, rest = data[:end], data[end:]
        if is_docker:
            yield from _docker(data, modified)
            continue
        when = _time(data) or when
        yield Piece(1, when or modified, data)
    if rest:
        yield from _docker(rest, modified) if is_docker else [Piece(1, when or modified, rest)]


def _time(data: bytes) -> int | None:
    """When its first line that tells it was printed; without a zone it is this machine's."""
    match = _STAMP.search(data)
    if match is None:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        zone = dt.UTC if match[7] else None
        moment = dt.datetime(*(int(match[group]) for group in range(1, 7)), tzinfo=zone)  # type: ignore[arg-type, misc]
        return int(moment.timestamp()) * SECOND
    return None


class Logged(msgspec.Struct):
    """A line of Docker's json-file."""

    log: str
    stream: str = "stdout"
    time: str = ""


def _docker(data: bytes, modified: int) -> Iterator[Piece]:
    """Each line is an object with the text, its stream and its time; what is none is kept as it is."""
    for raw in data.splitlines(keepends=True):
        try:
            found = msgspec.json.decode(raw, type=Logged)
        except msgspec.MsgspecError:
            yield Piece(1, modified, raw)
            continue
        when = modified
        with contextlib.suppress(ValueError):
            when = int(dt.datetime.fromisoformat(found.time).timestamp() * SECOND) if found.time else modified
        yield Piece(2 if found.stream == "stderr" else 1, when, found.log.encode("utf-8", "replace"))
