"""
Where things are in an OUTRIDER_HOME, and whether a folder can be one.

Paths only: nothing here opens, locks or interprets the files it names (but for the probe that a home can be written).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from outrider import spool
from outrider_agent import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A unix socket's path may be 107 bytes long; a margin is left for the temporary name it is bound under.
SOCKET_PATH_MAX = 92

#: File systems on which neither SQLite's WAL nor our locks can be trusted.
REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ncpfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"})


class Layout(msgspec.Struct, frozen=True):
    """The paths of one home."""

    home: Path

    @property
    def spool(self) -> Path:
        """The runs' folders."""
        return self.home / "spool"

    @property
    def full(self) -> Path:
        """The flag that tells writers to refuse."""
        return self.spool / "full"

    @property
    def database(self) -> Path:
        """The embedded store."""
        return self.home / "outrider.db"

    @property
    def blobs(self) -> Path:
        """The bytes of artifacts."""
        return self.home / "blobs"

    @property
    def sinks(self) -> Path:
        """What sinks besides the store must remember, a folder each."""
        return self.home / "sinks"

    @property
    def lock(self) -> Path:
        """Held by the agent while it lives."""
        return self.home / "agent.lock"

    @property
    def info(self) -> Path:
        """Who the agent is and where its socket is."""
        return self.home / "agent.json"

    @property
    def portal(self) -> Path:
        """Where the portal is served."""
        return self.home / "portal.json"

    @property
    def portal_token(self) -> Path:
        """The portal's key: whoever can read it may read and change what the portal can."""
        return self.home / "portal.token"

    @property
    def log(self) -> Path:
        """The agent's own log."""
        return self.home / "agent.log"

    @property
    def ballast(self) -> Path:
        """Freed first when the disk is full."""
        return self.home / "ballast"

    def run(self, run: str) -> Path:
        """A run's folder in the spool."""
        return self.spool / run

    def submitted(self, run: str) -> Path:
        """Where a submitted run works, and what it left there."""
        return self.home / "submitted" / run

    def cancel(self, run: str) -> Path:
        """Present: somebody asked for the run to be canceled."""
        return self.spool / run / "cancel"

    def socket(self, environ: Mapping[str, str] | None = None) -> Path:
        """The control socket: in the home, or, where that path is too long for a socket, in the user's runtime folder."""
        path = self.home / "control.sock"
        if len(os.fsencode(path)) <= SOCKET_PATH_MAX:
            return path
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        name = f"outrider-{os.getuid()}-{digest}.sock"
        runtime = (os.environ if environ is None else environ).get("XDG_RUNTIME_DIR", "")
        if runtime and Path(runtime).is_dir() and len(os.fsencode(runtime)) + len(name) < SOCKET_PATH_MAX:
            return Path(runtime) / name
        # Its folder is ours alone: `prepare` sees to it.
        return Path("/tmp") / f"outrider-{os.getuid()}" / name  # noqa: S108


def prepare(layout: Layout) -> None:
    """Makes the home's folders, private to their user or group. Idempotent. Raises `HomeUnusable` where it cannot serve."""
    try:
        _private(layout.home)
        _private(layout.spool)
        _private(layout.blobs)
        socket_folder = layout.socket().parent
        if socket_folder != layout.home:
            _private(socket_folder)
    except OSError as exc:
        raise errors.HomeUnusable(
            f"OUTRIDER_HOME {layout.home} cannot be made: {exc.strerror or exc}. Nothing is collected. "
            "Set OUTRIDER_HOME to a folder you can write."
        ) from exc
    _refuse_remote(layout.home)
    _refuse_foreign(socket_folder)
    probe(layout.home)


def _private(folder: Path) -> None:
    spool.make_folders(folder)


def probe(home: Path) -> None:
    """A home that cannot be written is said at once, not by the first record. Raises `HomeUnusable`."""
    try:
        with tempfile.NamedTemporaryFile(dir=home, prefix=".probe-"):
            pass
    except OSError as exc:
        raise errors.HomeUnusable(
            f"OUTRIDER_HOME {home} cannot be written: {exc.strerror or exc}. Nothing can be stored there. "
            "Free some space, correct its permissions, or set OUTRIDER_HOME to another folder."
        ) from exc


def _refuse_foreign(folder: Path) -> None:
    """The socket's folder must be ours: in another's folder, another could put a socket in our place."""
    status = folder.stat()
    if status.st_uid not in (os.getuid(), 0):
        raise errors.HomeUnusable(f"{folder} belongs to another user (uid {status.st_uid}). Set OUTRIDER_HOME to a folder of your own.")


def _refuse_remote(home: Path) -> None:
    kind = file_system(home)
    if kind in REMOTE:
        raise errors.HomeUnusable(
            f"OUTRIDER_HOME {home} is on a network file system ({kind}), where locks and the store cannot be trusted. "
            "Nothing was changed. Set OUTRIDER_HOME to a folder on a local disk."
        )


def file_system(path: Path, mounts: Path = Path("/proc/self/mounts")) -> str:
    """The kind of file system that `path` lies on, as the kernel calls it; empty where that cannot be told."""
    target = os.path.realpath(path)
    best, kind = "", ""
    with contextlib.suppress(OSError):
        for line in mounts.read_text(errors="surrogateescape").splitlines():
            fields = line.split(" ")
            if len(fields) < 3:
                continue
            point = _unescape(fields[1])
            inside = target == point or target.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):  # of mounts on one point the last is on top
                best, kind = point, fields[2]
    return kind


def _unescape(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def write_atomically(path: Path, data: bytes) -> None:
    """Replaces a small file of state, 0600 (0640 where the home is shared): temporary file, fsync, rename. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        spool.share(descriptor, path.parent)
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
