"""
Snapshots: the files of a folder as they are now, kept with a run as one zip in the blob store, and given back.

Here: which files belong to it, its limits, the zip, its record. Never here: starting anything. The order is blob, then record. A folder
that is unchanged has the same zip, which is stored once. Raises SnapshotError to who asked for a snapshot; then nothing was recorded.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
import zlib

from outrider import _ignore, _uploads, record, spool
from outrider._errors import SnapshotError

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Iterator

    from outrider._known import KnownRun

MAX_BYTES = 300 << 20  #: OUTRIDER_SNAPSHOT_MAX_BYTES
MAX_FILES = 2_000  #: OUTRIDER_SNAPSHOT_MAX_FILES
NOT_SOURCE = frozenset({".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache"})
_RESULTS = frozenset({"outputs", "logs", "azureml-logs", "azureml-setup", "user_logs", "system_logs"})  #: at the top: of runs
_ENVIRONMENTS = ("pyvenv.cfg", "conda-meta")  #: what is in the folder of a virtual environment
_ENOUGH = 5  #: counting ends at so many times a limit
_IN_ONE_PIECE = 1 << 20


#: The last folder that was kept: its path and state, the snapshot. A loop of runs in a notebook keeps the same folder again and again.
_last: tuple[str, str, tuple[Any, ...], Snapshot] | None = None
_SETTLED_NS = 100_000_000  #: a file may change again within one tick of its file system's clock


class Snapshot:
    """What was taken: `id`, `sha` and `size` of its zip, how many `files` of how many `bytes`, of which `folder`."""

    def __init__(self, sha: str, size: int, files: int, total: int, folder: str) -> None:
        self.sha, self.size, self.files, self.bytes, self.folder = sha, size, files, total, folder

    @property
    def id(self) -> str:
        """It comes from the content: the beginning of its hash, spelled as a UUID."""
        return id_of(self.sha)

    def line(self) -> dict[str, Any]:
        """The `snap` line that keeps it with a run (docs/spool.md)."""
        about = {"id": self.id, "sha": self.sha, "size": self.size, "files": self.files, "root": self.folder}
        return {"k": record.SNAPSHOT, "t": time.time_ns(), **about}


def id_of(sha: str) -> str:
    """A snapshot's id, from its zip's sha256."""
    return "-".join((sha[:8], sha[8:12], sha[12:16], sha[16:20], sha[20:32]))


def take(home: str, path: Any) -> Snapshot:
    """Keeps a file, or what belongs to a folder, in the blob store. Raises SnapshotError."""
    global _last
    top = os.path.abspath(os.path.expanduser(os.fsdecode(path)))
    begun = time.time_ns()
    try:
        if os.path.isfile(top):
            found = [(os.path.basename(top), top, os.stat(top))]
            _check_limits(top, found)
        else:
            found = belonging(top, home)
        state = tuple((inner, one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino, one.st_mode) for inner, _, one in found)
        if _last is not None and _last[:3] == (home, top, state) and blob(home, _last[3].id) is not None:
            return _last[3]
        sha, size = _store(home, found)
    except OSError as error:
        raise SnapshotError(
            f"no snapshot of {top} was taken: {error.filename or 'a file'}: {error.strerror}. Leave it out in .amlignore, or mend it"
        ) from error
    taken = Snapshot(sha, size, len(found), sum(status.st_size for _, _, status in found), top)
    is_settled = all(max(one[2], one[3]) < begun - _SETTLED_NS for one in state)
    _last = (home, top, state, taken) if is_settled else None
    return taken


def take_for(run: KnownRun, path: Any) -> str:
    """
    `Run.take_snapshot`: the snapshot's id. Raises SnapshotError, also where the run has one already; one that `start_logging` took by
    itself gives way, for scripts that are older than this.
    """
    home = run._home  # noqa: SLF001 -- its own package
    if home is None:
        return ""
    before = run.get_snapshot_id()
    by_itself = run.__dict__.pop("_snapshot_by_itself", None)
    if before is not None and before != by_itself:
        raise SnapshotError(f"the run {run.id} has a snapshot already ({before}), and nothing was kept: a run has one")
    taken = take(home, path)
    if taken.id != before:
        attach(run, taken)
    return taken.id


def attach(run: Any, taken: Snapshot, *, by_itself: bool = False) -> None:
    """Says in the run that the snapshot is its. `by_itself`: nobody has asked for it, so it may give way, which no property does."""
    run.add_line(spool.line(taken.line()))
    if by_itself:
        run.__dict__["_snapshot_by_itself"] = taken.id
        return
    run.add_line(spool.line({"k": record.PROPERTY, "t": time.time_ns(), "n": "ContentSnapshotId", "v": taken.id}))


def restore_for(run: KnownRun, snapshot_id: str | None = None, path: Any = None) -> str:
    """`Run.restore_snapshot`: the path of a zip. Raises SnapshotError."""
    home = run._home  # noqa: SLF001 -- its own package
    wanted = snapshot_id or run.get_snapshot_id()
    if home is None or wanted is None:
        raise SnapshotError(f"the run {run.id} has no snapshot: its folder was not kept when it began")
    return restore(home, wanted, path)


def at_start(home: str | None, directory: Any, *, chosen: bool) -> Snapshot | None:
    """
    What `start_logging` keeps: None where nothing was asked for. A folder that was `chosen` and cannot be kept raises SnapshotError; where
    it is only the default (the working folder may be anything) the run begins without, and stderr says so.
    """
    if directory is None or home is None:
        return None
    try:
        return take(home, directory)
    except SnapshotError as problem:
        if chosen:
            raise
        sys.stderr.write(f"outrider: the run has no snapshot: {problem}. Or give snapshot_directory=None\n")
        return None


def belonging(top: str, home: str) -> list[tuple[str, str, os.stat_result]]:
    """
    (path within the folder, path, its stat) of every file that belongs to a folder, sorted: not what its ignore file leaves out, nor
    version control, caches, virtual environments, the folders in which runs leave their results, nor Outrider's own home. Raises
    SnapshotError where that is more than the limits allow.
    """
    if not os.path.isdir(top):
        raise SnapshotError(f"there is no folder {top}, so no snapshot of it was taken")
    found: list[tuple[str, str, os.stat_result]] = []
    most_files, most_bytes = _limits()
    total = 0
    for one in _walk(top, "", _Ignored.at_top(top), _identity(home), ()):
        found.append(one)
        total += one[2].st_size
        if len(found) > most_files * _ENOUGH:
            break
    if len(found) > most_files or total > most_bytes:
        _check_limits(top, found)
    return sorted(found, key=lambda one: one[0])


class _Ignored:
    """The ignore files that hold at a folder: `.amlignore` of the top alone, else every `.gitignore` from the top down."""

    def __init__(self, rules: list[tuple[str, _ignore.Rules]], *, git: bool) -> None:
        self._rules = rules  # each with the folder that it is for
        self._git = git
        self.must_look_inside = any(found.has_exceptions for _, found in rules)

    @classmethod
    def at_top(cls, folder: str) -> _Ignored:
        own = os.path.join(folder, ".amlignore")
        return cls([("", _read(own))], git=False) if os.path.isfile(own) else cls([], git=True).below(folder, "")

    def below(self, folder: str, base: str) -> _Ignored:
        path = os.path.join(folder, ".gitignore")
        return _Ignored([*self._rules, (base, _read(path))], git=True) if self._git and os.path.isfile(path) else self

    def excludes(self, inner: str, *, folder: bool) -> bool:
        """In git the deepest file that has to say something decides; here any may exclude, which is the same but for odd exceptions."""
        return any(rules.excludes(inner[len(base) :], folder=folder) for base, rules in self._rules)


def _read(path: str) -> _ignore.Rules:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return _ignore.Rules(file)


def _walk(
    folder: str, base: str, ignored: _Ignored, home: tuple[int, int] | None, above: tuple[tuple[int, int], ...]
) -> Iterator[tuple[str, str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            inner = base + entry.name
            try:
                status = entry.stat()
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP):  # a link to nothing or to itself; or deleted meanwhile
                    continue
                raise
            if stat.S_ISREG(status.st_mode):
                if not ignored.excludes(inner, folder=False):
                    yield inner, entry.path, status
            elif stat.S_ISDIR(status.st_mode):
                identity = (status.st_dev, status.st_ino)
                if identity == home or identity in above or _is_no_source(entry, top=not base):
                    continue
                if ignored.must_look_inside or not ignored.excludes(inner, folder=True):
                    yield from _walk(entry.path, inner + "/", ignored.below(entry.path, inner + "/"), home, (*above, identity))


def _is_no_source(entry: os.DirEntry[str], *, top: bool) -> bool:
    if entry.name in NOT_SOURCE or (top and entry.name in _RESULTS):
        return True
    return any(os.path.exists(os.path.join(entry.path, sign)) for sign in _ENVIRONMENTS)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _limits() -> tuple[int, int]:
    return spool.setting("OUTRIDER_SNAPSHOT_MAX_FILES", MAX_FILES), spool.setting("OUTRIDER_SNAPSHOT_MAX_BYTES", MAX_BYTES)


def _check_limits(top: str, found: list[tuple[str, str, os.stat_result]]) -> None:
    most_files, most_bytes = _limits()
    count, total = len(found), sum(status.st_size for _, _, status in found)
    if count <= most_files and total <= most_bytes:
        return
    weights: dict[str, list[int]] = {}
    for inner, _, status in found:
        weight = weights.setdefault(inner.split("/")[0] + ("/" if "/" in inner else ""), [0, 0])
        weight[0] += 1
        weight[1] += status.st_size
    by = 0 if count > most_files else 1
    heaviest = sorted(weights.items(), key=lambda item: -item[1][by])[:3]
    more = "more than " if count > most_files * _ENOUGH else ""
    raise SnapshotError(
        f"the folder {top} is too large for a snapshot: {more}{count:,} files, {_megabytes(total)} (allowed: {most_files:,} files, "
        f"{_megabytes(most_bytes)}). Most of it is in "
        + ", ".join(f"{name} ({weight[0]:,} files, {_megabytes(weight[1])})" for name, weight in heaviest)
        + ". Nothing was kept. Name what the script does not need in a file .amlignore there (git's patterns), or allow more with "
        "OUTRIDER_SNAPSHOT_MAX_FILES and OUTRIDER_SNAPSHOT_MAX_BYTES"
    )


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MB"


class _Forward:
    """A file that is only written on: what can seek, `zipfile` seeks three times for each member, to say its sizes before it."""

    def __init__(self, file: BinaryIO) -> None:
        self.write, self.flush = file.write, file.flush


def _store(home: str, found: list[tuple[str, str, os.stat_result]]) -> tuple[str, int]:
    import zipfile

    with _uploads.temporary(home) as path:
        with open(path, "wb", _IN_ONE_PIECE) as file:
            only_forward: Any = _Forward(file)
            with zipfile.ZipFile(only_forward, "w") as archive:
                for inner, source, status in found:
                    _add(archive, inner, source, status)
        return _uploads.adopt(home, path)


def _add(archive: Any, inner: str, file: str, status: os.stat_result) -> None:
    import shutil
    import zipfile

    when = time.localtime(min(max(status.st_mtime, 315619200), 4354732799))  # a zip knows the years from 1980 to 2107
    info = zipfile.ZipInfo(inner.encode("utf-8", "surrogateescape").decode("utf-8", "replace"), when[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | stat.S_IMODE(status.st_mode)) << 16
    info.file_size = status.st_size
    with open(file, "rb") as source:
        if status.st_size <= _IN_ONE_PIECE:
            archive.writestr(info, source.read(), compresslevel=1)
            return
        with archive.open(info, "w", force_zip64=status.st_size > zipfile.ZIP64_LIMIT // 2) as target:
            shutil.copyfileobj(source, target, _IN_ONE_PIECE)


def blob(home: str, snapshot_id: str) -> str | None:
    """The path of a snapshot's zip in the blob store; None where this home has none of that id."""
    start = snapshot_id.replace("-", "")
    folder = os.path.join(home, "blobs", start[:2])
    try:
        found = [name for name in os.listdir(folder) if len(start) == 32 and name.startswith(start)]
    except OSError:
        return None
    return os.path.join(folder, found[0]) if len(found) == 1 else None


def restore(home: str, snapshot_id: str, path: Any = None) -> str:
    """Copies a snapshot as `<id>.zip` into a folder (default: a new temporary one), made where it is missing. Its path."""
    import shutil

    source = blob(home, snapshot_id)
    if source is None:
        raise SnapshotError(f"the snapshot {snapshot_id} is not in {home}: its run was deleted there, or it was taken elsewhere")
    if path is None:
        import tempfile

        folder = tempfile.mkdtemp(prefix="outrider-")
    else:
        folder = os.path.abspath(os.path.expanduser(os.fsdecode(path)))
        os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, f"{snapshot_id}.zip")
    shutil.copyfile(source, target)
    return target


def unpack(zip_path: str, folder: str) -> list[tuple[str, int, int]]:
    """Writes the files of a snapshot into a folder that is there. (path, size, mtime in ns) of each. Raises OSError."""
    import zipfile

    try:
        with zipfile.ZipFile(zip_path) as archive:
            return [_unpack(archive, info, folder) for info in archive.infolist()]
    except (zipfile.BadZipFile, zlib.error) as error:
        raise OSError(errno.EIO, f"the snapshot is damaged ({error})", zip_path) from error


def _unpack(archive: Any, info: Any, folder: str) -> tuple[str, int, int]:
    import shutil

    parts = info.filename.split("/")
    if ".." in parts or info.filename.startswith("/"):
        raise OSError(errno.EINVAL, "the snapshot names a file outside its folder", info.filename)
    target = os.path.join(folder, *parts)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with archive.open(info) as source, open(target, "wb") as file:
        shutil.copyfileobj(source, file)
    os.chmod(target, stat.S_IMODE(info.external_attr >> 16) | stat.S_IWUSR)
    modified = int(time.mktime((*info.date_time, 0, 0, -1)))
    os.utime(target, (modified, modified))
    return target, info.file_size, os.stat(target).st_mtime_ns
