"""
The differences that are known, each with its reason: docs/neutrality.md prints this table. What is not in it is a failure of the matrix.

A difference is named as `judge` names it (`begin.environ.HOME`). An entry may also look at both values, and be good for some cells only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from matrix.judge import Difference
#: A line of ours, wherever it came between the script's own writes; the second: the last one, where lines are compared as a set.
OUR_LINE = (re.compile(rb"outrider: cannot write to [^\n]*\n"), re.compile(rb"\noutrider: cannot write to [^\n]*\Z"))


class Known(NamedTuple):
    """A difference that there is, for a reason. `only` names the conditions (or kinds) in which it may be; empty: everywhere."""

    mark: str
    what: str
    why: str
    names: str
    fits: Callable[[Any, Any], bool] = lambda _bare, _tracked: True
    only: tuple[str, ...] = ()


def our_lines_only(bare: bytes, tracked: bytes) -> bool:
    """Is it the same but for at most two lines of ours?"""
    without = {pattern.sub(b"", tracked) for pattern in OUR_LINE}
    return bare in without and tracked.count(b"outrider: ") - bare.count(b"outrider: ") <= 2


def our_finders_only(bare: list[str], tracked: list[str]) -> bool:
    """Is it the same but for what the bootstrap adds?"""
    return [name for name in tracked if name not in ("OutriderOffer", "_FirstImport", "_Kept")] == bare


KNOWN = [
    Known(
        "env",
        "`PYTHONPATH` begins with the bootstrap's folder; `OUTRIDER_RUN_ID`, `_HOME`, `_EXPERIMENT` and `_KEEPER` are set",
        "so that children of children are part of the run; `sys.path` is as ever, for the bootstrap takes its folder off",
        r"\w+\.environ\.(PYTHONPATH|OUTRIDER_(RUN_ID|HOME|EXPERIMENT|KEEPER))",
    ),
    Known(
        "job",
        "the command is not the leader of its job (process group), and its parent is the keeper: `os.getpgrp() != os.getpid()`",
        "the front is what the shell started and waits for; through pipes group and session are the same; on a terminal the command has "
        "one of its own, with its session, and job control and Ctrl-C reach it there",
        r"(job's|session's) leader|session",
        lambda bare, tracked: bare is True and tracked is False,
    ),
    Known(
        "finders",
        "`sys.meta_path` has one entry more at its end and, until `logging` and `atexit` are imported, one each at its beginning",
        "the handler is offered to an interpreter that has none, log records are heard, and an uncaught exception is read when the "
        "interpreter goes; nothing else is replaced",
        r"\w+\.python\.meta_path",
        our_finders_only,
    ),
    Known(
        "said-once",
        "a line on stderr, `outrider: cannot write to the spool …`, or two",
        "who loses records must be told; it is said once for each cause",
        "err|screen",
        our_lines_only,
        ("disk full", "spool unwritable", "ulimit -f"),
    ),
]


#: Known too, but not of the kind that a cell can show: (what, why).
STATED = [
    (
        "stdout and stderr that were files or devices are pipes for the command (terminals stay what they are)",
        "what it writes is kept before it is passed on; `fstat` tells, and it cannot seek in its own log. Both are buffered alike",
    ),
    (
        "a reader of stdout that goes away is passed on at once, but not in no time: a write in that moment still succeeds",
        "the keeper learns it from the kernel (`POLLERR`) and closes its end; the next write fails, or ends the command, as it would have",
    ),
    (
        "a disk that fills up behind `> log` is not an error of the command's",
        "the keeper meets it: it says so once on stderr, and all of the output is in the run's console",
    ),
    (
        "when the front is killed the shell sees that, and not how the command ends later",
        "the command goes on; its end is in the run",
    ),
    (
        "when the keeper gets SIGKILL the command's next print fails (SIGPIPE), and the front ends with 125",
        "somebody has to hold the other end of the pipe; the run ends as `keeper-lost`",
    ),
    (
        "`--resume` and a nested run set `OUTRIDER_ATTEMPT`, `OUTRIDER_RUN_CLAIMED`; other names of `OUTRIDER_` are the user's own",
        "so that processes of the command know which run and attempt they belong to",
    ),
    (
        "`outrider` is a program in Python: a `sitecustomize` on `PYTHONPATH` runs in it too, and it heeds `PYTHONVERBOSE` and the like",
        "Python reads these before the first line of ours; its modules are never taken from `PYTHONPATH` or the working folder",
    ),
    (
        "what a log record's arguments, or an uncaught exception, do when asked for their text they do again, even if no handler asks",
        "the text is the record; a RunHandler asks as well",
    ),
    (
        "`time outrider run …` counts none of the command's processor time and memory",
        "the command is the keeper's child, and nobody waits for the keeper: the end would wait for whoever holds a pipe",
    ),
    (
        "`import outrider` succeeds, and `import azureml.core` where the real SDK is not installed",
        "old scripts run as they are (docs/azureml.md); a library that reports to Azure ML where it finds it reports to the run",
    ),
]


def explain(found: Iterable[Difference], kind: str, condition: str) -> tuple[list[str], list[Difference]]:
    """The marks of the known differences among these, and those that nothing explains."""
    marks: dict[str, None] = {}
    unknown = []
    for one in found:
        entry = next((entry for entry in KNOWN if is_known(entry, one, kind, condition)), None)
        if entry is None:
            unknown.append(one)
        else:
            marks[entry.mark] = None
    return list(marks), unknown


def is_known(entry: Known, found: Difference, kind: str, condition: str) -> bool:
    """Does this entry explain that difference, in this cell?"""
    if not re.fullmatch(entry.names, found.name) or (entry.only and not {kind, condition} & set(entry.only)):
        return False
    return entry.fits(found.bare, found.tracked)
