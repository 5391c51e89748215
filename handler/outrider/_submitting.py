"""
The command `outrider submit`: its arguments, and what it says. Submitting itself is `_submit.py`.

Like `outrider run` it works with the handler alone; unlike it, it returns at once, and the script runs from a snapshot of its folder.
"""

from __future__ import annotations

import os
import sys

from outrider import _launch
from outrider._errors import ActivityFailed, OutriderError
from outrider._script_config import ScriptRunConfig

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import argparse

EXAMPLES = """\
examples:
  outrider submit . train.py                            keep a snapshot of this folder, and run train.py from it
  outrider submit project train.py -- --lr 0.1          what stands behind `--` is the script's
  outrider submit . train.py --python ~/envs/ml/bin/python --env OMP_NUM_THREADS=4
  outrider submit . train.py --wait                     print what it prints until it ends; exit code 1 when it fails

The run belongs to nobody's terminal: it goes on when this one is closed. `outrider logs -f RUN` follows it, `outrider cancel RUN` ends it.
Of the folder everything is kept but what .amlignore (else .gitignore) names, outputs/, logs/ and version control; 300 MB and 2,000 files at
most (OUTRIDER_SNAPSHOT_MAX_BYTES, OUTRIDER_SNAPSHOT_MAX_FILES).
"""


def parser() -> argparse.ArgumentParser:
    """The arguments of `outrider submit`."""
    import argparse

    found = argparse.ArgumentParser(
        prog="outrider submit",
        usage="outrider submit FOLDER SCRIPT [options] [-- ARGUMENT…]",
        description="Runs a script from a snapshot of its folder, in the background.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = found.add_argument
    add("folder", metavar="FOLDER", help="the folder that the script needs")
    add("script", metavar="SCRIPT", help="the script, a path within FOLDER")
    add("--experiment", metavar="NAME", help="the experiment (default: $OUTRIDER_EXPERIMENT, else FOLDER's name)")
    add("--tag", metavar="KEY=VALUE", action="append", default=[], help="a tag; may be given again")
    add("--python", metavar="PATH", help="the Python that runs it (default: the one that runs outrider)")
    add("--env", metavar="KEY=VALUE", action="append", default=[], help="an environment variable of the script; may be given again")
    add("--legacy", action="store_true", help="mend what has gone from libraries since the script was written (np.float, …)")
    add("--wait", action="store_true", help="wait for its end, and print what it prints")
    return found


def main(argv: list[str]) -> int:
    """Submits; prints the run's id. The exit code: 0, 1 when nothing was submitted or (`--wait`) the run failed, 2 for wrong arguments."""
    at = argv.index("--") if "--" in argv else len(argv)
    try:
        options = parser().parse_args(argv[:at])
        tags, variables = _launch.tags(options.tag), _launch.tags(options.env)
    except _launch.Usage as problem:
        sys.stderr.write(f"outrider submit: {problem}\n")
        return 2
    except SystemExit as end:  # argparse: --help, or an unknown option
        return end.code if isinstance(end.code, int) else 2
    config = ScriptRunConfig(options.folder, options.script, argv[at + 1 :])
    config.run_config.environment_variables = {**variables, **({"OUTRIDER_LEGACY": "1"} if options.legacy else {})}
    if options.python:
        config.run_config.environment.python.user_managed_dependencies = True
        config.run_config.environment.python.interpreter_path = _program(options.python)
    folder = os.path.abspath(options.folder)
    experiment = options.experiment or os.environ.get("OUTRIDER_EXPERIMENT") or os.path.basename(folder) or "default"
    try:
        return submit(experiment, config, tags, wait=options.wait)
    except ActivityFailed:
        return 1
    except (OutriderError, OSError) as problem:
        sys.stderr.write(f"outrider submit: {problem}\n")
        return 1


def submit(experiment: str, config: ScriptRunConfig, tags: dict[str, str], *, wait: bool) -> int:
    """Starts it, and says which run it is."""
    from outrider import _submit

    spec = _submit.prepare(experiment, config, tags)
    _submit.start(spec)
    if not wait:
        sys.stdout.write(f"{spec['run']}\n")
        return 0
    from outrider._run import Run

    Run.get(None, spec["run"]).wait_for_completion(show_output=True)
    return 0


def _program(named: str) -> str:
    """A path from where the user is; a bare name is looked for in PATH later."""
    return os.path.abspath(os.path.expanduser(named)) if os.sep in named else named
