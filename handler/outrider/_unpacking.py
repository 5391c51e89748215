"""The command `outrider snapshot`: the files that a run was submitted with, given back into a folder. It works with the handler alone."""

from __future__ import annotations

import os
import sys

from outrider import _resume, _snapshot, spool
from outrider._errors import OutriderError

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider snapshot latest                       into ./<the run's id>
  outrider snapshot ridge_1795_1c86b325 there    into ./there, which must be empty or not there yet
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `outrider snapshot`."""
    import argparse

    found = argparse.ArgumentParser(
        prog="outrider snapshot",
        usage="outrider snapshot RUN [FOLDER]",
        description="Writes the snapshot of a run, the files of its folder as they were, into a folder.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    found.add_argument("run", metavar="RUN", help="a run's id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    found.add_argument("folder", metavar="FOLDER", nargs="?", help="where to (default: a folder here, called as the run)")
    return found


def main(argv: list[str], ask: _resume.Ask) -> int:
    """Unpacks; prints the folder's path. The exit code: 0, 1 when there is nothing to unpack or it failed, 2 for wrong arguments."""
    try:
        options = parser().parse_args(argv)
    except SystemExit as end:  # argparse: --help, or an unknown option
        return end.code if isinstance(end.code, int) else 2
    try:
        folder = unpack(options.run, options.folder, ask)
    except (_resume.CannotResume, OutriderError, OSError) as problem:
        sys.stderr.write(f"outrider snapshot: {problem}\n")
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


def unpack(text: str, folder: str | None, ask: _resume.Ask) -> str:
    """The folder that the snapshot of the run named by `text` was written into. Raises OutriderError, CannotResume, OSError."""
    from outrider._run import Run

    home = spool.home()
    run, _ = _resume.named(home, text, ask)
    snapshot_id = Run.get(None, run).get_snapshot_id()
    if snapshot_id is None:
        raise OutriderError(f"the run {run} has no snapshot: its folder was not kept when it began")
    source = _snapshot.blob(home, snapshot_id)
    if source is None:
        raise OutriderError(f"the snapshot {snapshot_id} is not in {home}: it was taken elsewhere")
    target = os.path.abspath(folder or run)
    os.makedirs(target, exist_ok=True)
    if os.listdir(target):
        raise OutriderError(f"{target} is not empty, and nothing was written: name a folder that is empty or not there")
    _snapshot.unpack(source, target)
    return target
