"""
Files into the blob store of a home: copied to a temporary name while they are hashed, made durable, then named by their sha256.

The order is blob, then record: a record never names bytes that may be missing. Raises OSError and ValueError to who uploads.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from time import time_ns

from outrider import _shared, _signals
from outrider._encode import quote

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Iterator

_CHUNK = 1 << 20


def store(home: str, name: str, path_or_stream: Any) -> str:
    """Copies into the blob store; the fields of the `art` line."""
    inner = inner_path(name)
    if isinstance(path_or_stream, (str, bytes, os.PathLike)):
        sha, size, modified = _keep(home, path_or_stream)
    elif hasattr(path_or_stream, "read"):
        sha, size = _copy(home, path_or_stream)
        modified = time_ns()
    else:
        raise TypeError(f"upload_file() takes a path or an open binary file, not {type(path_or_stream).__name__}")
    return f'"k":"art","t":{time_ns()},"p":{quote(inner)},"size":{size},"sha":"{sha}","mt":{modified},"src":"upload"'


def keep(home: str, path: str) -> tuple[str, int]:
    """Copies a file into the blob store: (sha256, bytes). Raises OSError."""
    return _keep(home, path)[:2]


def _keep(home: str, path: Any) -> tuple[str, int, int]:
    """
    (sha256, bytes, mtime) of a file, which is in the blob store then. One that this process has kept already, and that has not changed, is
    not read again; where the file system can, its extents are shared and nothing is copied.
    """
    begun = time_ns()
    with open(path, "rb") as file:
        status = os.fstat(file.fileno())
        identity = (home, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        sha = _kept.get(identity)
        if sha is not None and os.path.exists(_path(home, sha)):
            return sha, status.st_size, status.st_mtime_ns
        sha, size = _reflinked(home, file) or _copy(home, file)
        after = os.fstat(file.fileno())
    is_settled = max(status.st_mtime_ns, status.st_ctime_ns) < begun - _SETTLED_NS and after.st_ctime_ns == status.st_ctime_ns
    if is_settled and stat.S_ISREG(status.st_mode):
        if len(_kept) >= _MOST:
            _kept.clear()
        _kept[identity] = sha
    return sha, size, after.st_mtime_ns


#: What this process has kept, by what its files were then.
_kept: dict[tuple[Any, ...], str] = {}
_MOST = 10_000
_SETTLED_NS = 100_000_000  #: a file may change again within one tick of its file system's clock
_FICLONE = 0x40049409  # linux/fs.h: share another file's extents, copy on write


def _reflinked(home: str, source: BinaryIO) -> tuple[str, int] | None:
    """The blob of a file, sharing its extents; None where the file system cannot."""
    import fcntl

    with temporary(home) as name:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _shared.share(fd, os.path.dirname(name))
            fcntl.ioctl(fd, _FICLONE, source.fileno())
        except OSError as error:
            _signals.pass_on(error)
            return None
        finally:
            os.close(fd)
        return adopt(home, name)


def files_below(path: str) -> Iterator[tuple[str, str]]:
    """(path within the folder, path) of every file below it, sorted. Raises NotADirectoryError where it is no folder."""
    top = os.fsdecode(path)
    if not os.path.isdir(top):
        raise NotADirectoryError(f"upload_folder() takes a folder, and {top!r} is none")
    for folder, folders, files in os.walk(top):
        folders.sort()
        for file in sorted(files):
            whole = os.path.join(folder, file)
            if os.path.isfile(whole):
                yield os.path.relpath(whole, top).replace(os.sep, "/"), whole


def inner_path(name: Any) -> str:
    """The path of an artifact within its run, made plain. Raises TypeError, ValueError."""
    if not isinstance(name, str):
        raise TypeError(f"the name of an uploaded file must be a text, not {type(name).__name__}")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or "\0" in name:
        raise ValueError(f"{name!r} cannot be the name of an uploaded file: use a path within the run, like 'outputs/model.pkl'")
    return "/".join(parts)


@contextmanager
def temporary(home: str) -> Iterator[str]:
    """A name of its own for a new file beside the blobs; what has not been adopted by the end is deleted."""
    folder = os.path.join(home, "blobs", "tmp")
    for path in (home, os.path.dirname(folder), folder):
        _shared.make_folders(path)
    name = os.path.join(folder, f"{os.getpid()}-{os.urandom(8).hex()}")
    try:
        yield name
    finally:
        _unlink(name)


def adopt(home: str, path: str) -> tuple[str, int]:
    """Makes a file of `temporary` a blob: (its sha256, its size)."""
    import hashlib

    digest, size = hashlib.sha256(), 0
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fchmod(fd, 0o600)
        _shared.share(fd, os.path.dirname(path))
        while chunk := os.read(fd, _CHUNK):
            digest.update(chunk)
            size += len(chunk)
        os.fsync(fd)
    finally:
        os.close(fd)
    sha = digest.hexdigest()
    _name_it(home, path, sha)
    return sha, size


def _copy(home: str, source: BinaryIO) -> tuple[str, int]:
    with temporary(home) as name:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _shared.share(fd, os.path.dirname(name))
            sha, size = _copy_hashing(source, fd)
            os.fsync(fd)
        finally:
            os.close(fd)
        _name_it(home, name, sha)
    return sha, size


def _copy_hashing(source: BinaryIO, fd: int) -> tuple[str, int]:
    import hashlib

    digest, size = hashlib.sha256(), 0
    while True:
        chunk = source.read(_CHUNK)
        if not chunk:
            return digest.hexdigest(), size
        if isinstance(chunk, str):
            raise TypeError("upload_file() needs a file opened in binary mode: open(path, 'rb')")
        digest.update(chunk)
        size += len(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(fd, rest) :]


def _path(home: str, sha: str) -> str:
    return os.path.join(home, "blobs", sha[:2], sha)


def _name_it(home: str, temporary: str, sha: str) -> None:
    final = _path(home, sha)
    folder = os.path.dirname(final)
    _shared.make_folders(folder)
    if os.path.exists(final):
        _unlink(temporary)
        return
    os.rename(temporary, final)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
