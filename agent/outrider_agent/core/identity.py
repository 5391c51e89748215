"""
Identity of files: when is a file changed, when does it hold still, what is a new version, what is it called within its run.

Pure: takes stat values and `now`, returns values. No file is opened here, no clock is read.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How often a file that changes while it is read is tried before it is recorded as it is (only once its run has ended).
BUSY_TRIES = 5

#: The longest wait between two tries of a file that cannot be read, seconds.
LONGEST_WAIT_S = 60.0

_TEMPORARY = re.compile(
    r"""(?ix)
      \.(?:tmp|temp|part|partial|incomplete|crdownload|sw[opx])(?:[._-]?[0-9a-z]{1,16})?$   # model.pkl.tmp, .tmp.4711, .x.swp
    | ~$ | ^\.\# | ^\.~ | ^\.nfs[0-9a-f]{8} | ^\.goutputstream-                             # editors, NFS
    | ^tmp[-_]?checkpoint | \.orbax-checkpoint-tmp                                          # folders that are renamed when whole
    """
)


class Stat(NamedTuple):
    """What tells two states of a file apart. ctime cannot be set back by a program, so it catches a restored mtime."""

    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Captured(NamedTuple):
    """The last version that was recorded of a path: the file as it was then, and its content's sha256."""

    stat: Stat
    sha: str


class Pending(NamedTuple):
    """A file that differs from what was captured: since when it looks as it does, and what was tried."""

    stat: Stat
    since: float
    closed: bool = False
    tries: int = 0
    not_before: float = 0.0


def is_changed(captured: Captured | None, stat: Stat) -> bool:
    """Is this something else than the version that was captured?"""
    return captured is None or captured.stat != stat


def step(pending: Pending | None, stat: Stat, now: float, *, closed: bool = False) -> Pending:
    """
    The file was looked at once more. `closed`: somebody saw its last writer close it, or saw it moved in, as it is now.

    A changed stat starts the quiet time anew; tries and their back-off stay.
    """
    if pending is None:
        return Pending(stat, now, closed)
    if pending.stat != stat:
        return pending._replace(stat=stat, since=now, closed=closed, not_before=0.0 if closed else pending.not_before)
    return pending._replace(closed=True, not_before=0.0) if closed else pending


def due(pending: Pending, settle_s: float, *, final: bool = False) -> float:
    """When may it be captured, if it stays as it is? `final`: its run has ended, nothing more is waited for."""
    quiet = pending.since if final or pending.closed else pending.since + settle_s
    return max(quiet, pending.not_before)


def failed(pending: Pending, now: float, first_wait_s: float, longest_wait_s: float = LONGEST_WAIT_S) -> Pending:
    """It could not be captured: it must hold still anew, and waits longer each time."""
    wait = min(longest_wait_s, first_wait_s * 2.0 ** min(pending.tries, 16))
    return pending._replace(since=now, closed=False, tries=pending.tries + 1, not_before=now + wait)


def is_temporary(path: str) -> bool:
    """Does the name, or a folder's on the way, say that this will be renamed when it is whole? Then it waits for its run's end."""
    return any(_TEMPORARY.search(part) for part in path.split("/"))


def root_names(roots: Iterable[str]) -> dict[str, str]:
    """
    What each root (absolute, normalized path) is called within its run: its base name.

    Where two are called alike, the later one gets `-2`, `-3`… after it: a root that is added later renames none of the earlier ones.
    """
    names: dict[str, str] = {}
    for root in roots:
        base = root.rstrip("/").rpartition("/")[2] or "root"
        name, number = base, 1
        while name in names.values():
            number += 1
            name = f"{base}-{number}"
        names.setdefault(root, name)
    return names


def next_sweep(now: float, cost_s: float, fastest_s: float) -> float:
    """When a root in which things move is swept again: a sweep costs at most 1 % of a core."""
    return now + max(fastest_s, 100.0 * cost_s)


def next_quiet_sweep(now: float, cost_s: float, fastest_s: float, quiet_s: float, roots: int) -> float:
    """
    When a root in which nothing moved for `quiet_s`, but did not long ago, is swept again: the later the longer it was quiet, and all
    `roots` of them together cost at most 0.1 % of a core. On whole seconds, as `next_idle_sweep`.
    """
    pause = max(fastest_s, quiet_s / 5, 1000.0 * cost_s * roots)
    return math.ceil(now + pause) if fastest_s >= 1.0 else now + pause


def next_idle_sweep(now: float, cost_s: float, fastest_s: float, roots: int) -> float:
    """
    When a root in which nothing moves is swept again: all `roots` of them together cost at most 0.05 % of a core.

    On whole seconds, so that a hundred of them wake the collector once a second and not a hundred times.
    """
    return math.ceil(now + max(fastest_s, 2000.0 * cost_s * roots)) if fastest_s >= 1.0 else now + fastest_s
