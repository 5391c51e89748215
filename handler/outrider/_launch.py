"""
What `outrider run` was asked for: its arguments, the run they describe, and the environment of the command.

Here: parsing, defaults, the `run` line. Never here: processes, signals, pipes, the spool's files. Nothing heavy is imported: this
stands between the user's Enter and the start of the script.
"""

from __future__ import annotations

import os
import sys

from outrider import _facts, record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import argparse
    from typing import Any, Callable

    from outrider import _resume

BOOTSTRAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap")

EXAMPLES = """\
examples:
  outrider run -- python train.py --lr 0.1          track an unmodified script
  outrider run --experiment ridge -- python -m sweep
  outrider run --name big --tag gpu=4 --tag try=2 -- torchrun --nproc-per-node 4 train.py
  outrider run --metric 'loss=Loss is ([0-9.]+)' -- python train.py
  outrider run --resume latest -- python train.py --from checkpoint.pt
  outrider run --outputs ./models --outputs ./plots -- ./train.sh | tee log.txt

Exit code, signals and output are those of the command. Options of outrider stand before the command; `--` is only needed where the
command begins with a dash. A canceled command gets SIGTERM, and SIGKILL after OUTRIDER_CANCEL_GRACE_S (10) seconds.
"""


class Usage(Exception):
    """The arguments cannot be used; its text says why."""


class Options:
    """What stands before the command, and what holds where it does not."""

    experiment: str | None = None
    name: str | None = None
    tag: list[str] | None = None
    metric: list[str] | None = None
    outputs: list[str] | None = None
    no_outputs = False
    cwd: str | None = None
    run_id: str | None = None
    resume: str | None = None
    no_agent = False
    legacy = False
    verbose = False


class Launch:
    """One `outrider run`: all that front and keeper need to know."""

    def __init__(self, options: Options, command: list[str], earlier: _resume.Earlier | None = None) -> None:
        environ = os.environ
        self.home = spool.home()
        self.run: str = earlier.run if earlier else options.run_id or spool.new_run_id()
        self.attempt = earlier.attempt if earlier else 1
        self.earlier = earlier  # with its lock
        self.parent = environ.get("OUTRIDER_RUN_ID")
        self.command = command
        folder = os.path.join(_facts.working_folder(), options.cwd or "")
        self.cwd = os.path.normpath(folder) if folder else ""  # it has been deleted
        chosen = options.experiment or (earlier and earlier.experiment) or environ.get("OUTRIDER_EXPERIMENT")
        # A nested run's OUTRIDER_EXPERIMENT was set by the outer one: nobody has chosen it for this run.
        self.default = not options.experiment and (not chosen or self.parent is not None or earlier is not None)
        self.experiment: str = chosen or os.path.basename(self.cwd) or "default"
        self.name: str = options.name or (earlier and earlier.name) or environ.get("OUTRIDER_RUN_NAME") or script_name(command)
        self.tags = {**_facts.tags_of(environ.get("OUTRIDER_TAGS", "")), **tags(options.tag or [])}
        found = [] if options.no_outputs else [os.path.normpath(os.path.join(self.cwd, path)) for path in folders(options.outputs)]
        self.outputs = [path for path in found if os.path.isabs(path)]
        self.agent = not options.no_agent and environ.get("OUTRIDER_AGENT_AUTOSTART") != "0"
        self.verbose: bool = options.verbose
        self.strict_azure: bool = getattr(options, "strict_azure", False)
        self.legacy: bool = options.legacy
        self.metrics = options.metric
        self.moves = options.cwd is not None

    def run_record(self, exe: str | None) -> dict[str, Any]:
        """The `run` line's content (docs/spool.md), but for its time."""
        found: dict[str, Any] = {
            "k": record.RUN,
            "experiment": self.experiment,
            "name": self.name,
            "command": self.command,
            "cwd": self.cwd,
            "outputs": self.outputs,
            "host": spool.hostname(),
            "user": _facts.user(),
        }
        if self.default:
            found["default"] = True
        if self.attempt > 1:
            found["attempt"] = self.attempt
        if self.tags:
            found["tags"] = self.tags
        if self.metrics:
            found["metrics"] = self.metrics
        rules = _facts.project_rules(self.cwd)
        if rules is not None:
            found["rules"] = rules
        if self.parent:
            found["parent"] = self.parent
        if exe is not None:
            found["exe"] = exe
            if is_python(exe):
                found["python"] = exe
        return found

    def environment(self, keeper: int) -> dict[str, str]:
        """The command's: as it was, but for PYTHONPATH and OUTRIDER_*."""
        environ = {key: value for key, value in os.environ.items() if key}  # one without a name cannot be passed on by Python
        if environ.get("LC_CTYPE") in _COERCED and not _was_set(b"LC_CTYPE"):
            del environ["LC_CTYPE"]
        environ["OUTRIDER_RUN_ID"] = self.run
        environ["OUTRIDER_HOME"] = self.home
        environ["OUTRIDER_EXPERIMENT"] = self.experiment
        environ["OUTRIDER_KEEPER"] = str(keeper)
        if self.legacy:
            environ["OUTRIDER_LEGACY"] = "1"
        environ.pop("OUTRIDER_ATTEMPT", None)  # an outer run's
        if self.attempt > 1:
            environ["OUTRIDER_ATTEMPT"] = str(self.attempt)
        if self.strict_azure:
            environ["OUTRIDER_STRICT_AZURE"] = "1"
        before = environ.get("PYTHONPATH", "")
        if before.split(os.pathsep)[0] != BOOTSTRAP:
            environ["PYTHONPATH"] = BOOTSTRAP + os.pathsep + before if before else BOOTSTRAP
        return environ

    # What the keeper calls on the way; a submitted run (`_launcher.py`) has something to do then.

    def begin(self, writer: spool.Writer) -> None:
        """After the `run` line, before the command. Raises OSError where the command cannot be started then."""

    def started(self, writer: spool.Writer) -> None:
        """The command runs."""

    def asks_to_end(self) -> str | None:
        """Who wants the command canceled now; None: nobody."""
        return None

    def finish(self, writer: spool.Writer) -> None:
        """The command has ended, or will not be started; its `end` line comes next. Raises nothing."""

    join: Callable[[], None] | None = None  #: in the command's process, before anything of it runs


_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")  #: what Python sets LC_CTYPE to in a locale without one (PEP 538): in its environment too


def _was_set(name: bytes) -> bool:
    """Was this process started with that variable?"""
    try:
        with open("/proc/self/environ", "rb") as file:
            return any(entry.startswith(name + b"=") for entry in file.read().split(b"\0"))
    except OSError:
        return True


def parser() -> argparse.ArgumentParser:
    """The options of `outrider run`."""
    import argparse

    found = argparse.ArgumentParser(
        prog="outrider run",
        usage="outrider run [options] [--] COMMAND [ARGUMENT…]",
        description="Runs a command and tracks it: its output, its log records and metrics, what it writes to ./outputs, and how it ended.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = found.add_argument
    add("--experiment", metavar="NAME", help="the experiment (default: $OUTRIDER_EXPERIMENT, else the working folder's name)")
    add("--name", metavar="NAME", help="the run's name (default: $OUTRIDER_RUN_NAME, else the script's)")
    add("--tag", metavar="KEY=VALUE", action="append", help="a tag; may be given again")
    add(
        "--metric",
        metavar="RULE",
        action="append",
        help="how to read a metric from what is printed: NAME=PATTERN, the number in brackets; may be given again (docs/reading-output.md)",
    )
    add(
        "--outputs",
        metavar="DIR",
        action="append",
        help="a folder whose files are kept as artifacts; may be given again (default: ./outputs)",
    )
    add("--no-outputs", action="store_true", help="keep no files")
    add("--cwd", metavar="DIR", help="run the command in this folder")
    add("--run-id", metavar="ID", help="the run's id (default: 12 random hex digits)")
    add("--resume", metavar="RUN", help="continue this run as a new attempt: an id, the beginning of one, `latest`, or EXPERIMENT#NUMBER")
    add("--strict-azure", action="store_true", help="report what Azure ML would have refused or dropped of this run (docs/azureml.md)")
    add("--legacy", action="store_true", help="mend what has gone from libraries since the script was written (np.float, …)")
    add("--no-agent", action="store_true", help="start no agent: the spool keeps everything until one comes")
    add("-v", "--verbose", action="store_true", help="say on stderr which run this is")
    return found


_WITH_VALUE = ("--experiment", "--name", "--tag", "--metric", "--outputs", "--cwd", "--run-id", "--resume")
_REPEATED = ("--tag", "--metric", "--outputs")
_FLAGS = {"--no-outputs": "no_outputs", "--no-agent": "no_agent", "--legacy": "legacy", "-v": "verbose", "--verbose": "verbose"}


def read_options(words: list[str]) -> Options:
    """
    The options that these words are. Plain ones are read here, for argparse takes longer to import than all of ours; help, mistakes and
    the rest are argparse's, which ends in SystemExit where they are no options.
    """
    found, rest = Options(), iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if word in _FLAGS:
            setattr(found, _FLAGS[word], True)
            continue
        if option in _WITH_VALUE and not equals:
            value = next(rest, "-")
        if option not in _WITH_VALUE or (value.startswith("-") and not equals):
            return parser().parse_args(words, Options())
        key = option[2:].replace("-", "_")
        setattr(found, key, [*(getattr(found, key) or []), value] if option in _REPEATED else value)
    return found


def split(argv: list[str]) -> int:
    """Where the options end: the index of `--` or of the command's first word."""
    at = 0
    while at < len(argv):
        word = argv[at]
        if word == "--" or not word.startswith("-") or word == "-":
            return at
        at += 2 if word in _WITH_VALUE else 1
    return len(argv)


def parse(argv: list[str], ask: _resume.Ask) -> Launch:
    """
    The arguments after `outrider run`. `ask` is asked about runs that the spool does not know. Raises Usage; `--help` and unknown options
    end in argparse's SystemExit.
    """
    at = split(argv)
    options = read_options(argv[:at])
    command = argv[at + 1 :] if argv[at : at + 1] == ["--"] else argv[at:]
    if not command:
        raise Usage("no command is given. Say what to run: outrider run -- python train.py")
    if options.cwd is not None and not os.path.isdir(options.cwd):
        raise Usage(f"--cwd: there is no folder {options.cwd!r}")
    if options.no_outputs and options.outputs:
        raise Usage("--outputs and --no-outputs contradict each other")
    if options.run_id is not None and options.resume is not None:
        raise Usage("--run-id is for a new run, --resume for one that is there")
    if os.environ.get("OUTRIDER_DISABLED", "") not in ("", "0"):
        return Launch(options, command)
    resumed = options.resume or _to_be_continued(options.run_id, ask)
    if resumed is not None:
        return Launch(options, command, earlier(resumed, ask))
    if options.run_id is not None:
        check_run_id(options.run_id)
    return Launch(options, command)


def earlier(named: str, ask: _resume.Ask) -> _resume.Earlier:
    """The run that is to be continued."""
    from outrider import _resume

    try:
        return _resume.begin(spool.home(), named, ask)
    except _resume.CannotResume as problem:
        raise Usage(f"--resume: {problem}") from problem


def _to_be_continued(run_id: str | None, ask: _resume.Ask) -> str | None:
    """Under OUTRIDER_RESUME=1 a chosen id that is there already is continued: what a scheduler that starts a job again needs."""
    if run_id is None or os.environ.get("OUTRIDER_RESUME", "") in ("", "0") or not spool.valid_name(run_id):
        return None
    from outrider import _resume

    return run_id if _resume.is_known(spool.home(), run_id, ask) else None


def check_run_id(run: str) -> None:
    """A chosen id must be a name, and must not be another run's: two commands would write one run's end."""
    if not spool.valid_name(run):
        raise Usage(f"--run-id: {run!r} cannot be an id: use letters, digits, '_', '.', '-', at most 256, the first a letter or digit")
    try:
        names = os.listdir(os.path.join(spool.home(), "spool", run))
    except OSError:
        return
    if any(name.startswith("keeper-") for name in names):
        raise Usage(f"--run-id: the run {run!r} is there already. Choose another id, or continue it: --resume {run}")


def tags(given: list[str]) -> dict[str, str]:
    """The tags of `--tag KEY=VALUE`."""
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise Usage(f"--tag: {text!r} is not KEY=VALUE")
        found[key] = value
    return found


def folders(given: list[str] | None) -> list[str]:
    """What `--outputs` says, else OUTRIDER_OUTPUTS (`0`: none), else ./outputs; not absolute yet."""
    if given:
        return given
    named = os.environ.get("OUTRIDER_OUTPUTS")
    if named is None:
        return ["outputs"]
    return [] if named in ("", "0", "none") else named.split(os.pathsep)


_SCRIPTS = (".py", ".sh", ".ipynb", ".R", ".jl", ".pl", ".rb", ".js")


def script_name(command: list[str]) -> str:
    """What a person would call it: the script's file name, the module of `python -m`, else the program's name."""
    program = os.path.basename(command[0]) or command[0]
    if is_python(program) and "-m" in command[1:-1]:
        options = command[1 : command.index("-m", 1)]
        if all(word.startswith("-") for word in options):
            return command[command.index("-m", 1) + 1]
    for word in command:
        if word.endswith(_SCRIPTS) and not word.startswith("-"):
            return os.path.basename(word)
    return program


def is_python(program: str) -> bool:
    """By its file name."""
    name = os.path.basename(program)
    return name.rstrip("0123456789.") in ("python", "pypy")


def complain(text: str) -> None:
    """One line on stderr, whatever became of `sys.stderr`."""
    data = f"outrider: {text}\n".encode("utf-8", "surrogateescape" if sys.flags.utf8_mode else "backslashreplace")
    try:
        os.write(2, data.replace(b"\n", b"\r\n") if _is_raw_terminal(2) else data)
    except OSError:
        return


def _is_raw_terminal(fd: int) -> bool:
    """One that makes no carriage returns itself (while a front has it)."""
    if not os.isatty(fd):
        return False
    import termios

    try:
        return not termios.tcgetattr(fd)[1] & termios.OPOST
    except termios.error:
        return False
