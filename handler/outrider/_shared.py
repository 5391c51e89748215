"""
A home that several users share: a folder that is setgid and whose group may write passes both on to what is made in it.

Scripts and the agent may be different users then, in different containers: the agent reads what a script wrote (0640), writes into a dead
writer's lock block (0660), and deletes what every sink has passed. Everywhere else folders are 0700 and files 0600. The umask has no say.
Standard library only; the agent imports it through `spool`.
"""

from __future__ import annotations

import os
import stat

from outrider import _signals

_SHARED = stat.S_ISGID | stat.S_IRWXG
FOLDER, FILE, LOCK = 0o2770, 0o640, 0o660


def is_shared(folder: str | os.PathLike[str]) -> bool:
    """Is this a folder that users of a group share? A setgid bit alone is not enough: some sites set it on every home."""
    try:
        return os.stat(folder).st_mode & _SHARED == _SHARED
    except OSError as error:
        _signals.pass_on(error)
        return False


def make_folder(path: str | os.PathLike[str]) -> None:
    """`os.mkdir`, 0700, or as the folder that it is in. Raises FileExistsError, OSError."""
    parent = os.path.dirname(os.path.abspath(path))
    if not is_shared(parent):
        os.mkdir(path, 0o700)
        return
    os.mkdir(path, 0o770)
    if not is_shared(path):  # the umask, or a file system without setgid folders
        os.chmod(path, FOLDER)


def make_folders(path: str | os.PathLike[str]) -> None:
    """`os.makedirs`, each that is missing as `make_folder` makes it; those that are there stay as they are. Raises OSError."""
    path = os.path.abspath(path)
    if os.path.isdir(path):
        return
    if not os.path.isdir(os.path.dirname(path)):
        make_folders(os.path.dirname(path))
    try:
        make_folder(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def share(fd: int, folder: str | os.PathLike[str], mode: int = FILE) -> None:
    """Gives a file that was made 0600 in this folder the mode of shared ones, where the folder is shared. Raises OSError."""
    if is_shared(folder):
        os.fchmod(fd, mode)
