"""
`outrider enable` and `outrider disable`: a `.pth` and a small module in an environment's site-packages, or out of there again.

Here: which folder is meant, and the two files. Never here: what they do (`enabled/_outrider_enabled.py`). A note in OUTRIDER_HOME says
where it was enabled; `--list` looks whether it still is.
"""

from __future__ import annotations

import os
import sys

from outrider import _launch, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    import argparse

PTH = "outrider-enabled.pth"
MODULE = "_outrider_enabled.py"
#: `site` runs a line that begins with `import`. Whatever goes wrong, and be it that the module is gone, it says nothing.
LINE = "import sys; exec('try:\\n import _outrider_enabled\\nexcept Exception:\\n pass')\n"
_ASK = "import sys, sysconfig; sys.stdout.write(sysconfig.get_path('purelib'))"

EXAMPLES = {
    "enable": """\
examples:
  outrider enable                    the active environment ($VIRTUAL_ENV, $CONDA_PREFIX), else the one that outrider is in
  outrider enable --venv ./.venv     another one
  outrider enable --user             your own packages, of this version of Python
  outrider enable --list             where it is enabled

From then on each Python process of that environment that makes log records is a run of its own, without `outrider run`: its log
records and metrics are tracked, its files of ./outputs, and how it ended; what it prints is not. Installers, notebook servers and
processes of a run that is tracked already open none. OUTRIDER_DISABLED=1 turns it off for a process.
""",
    "disable": """\
examples:
  outrider disable                   takes it out of the active environment
  outrider disable --venv ./.venv
  outrider disable --all             everywhere it is known to be enabled

What was tracked stays. An environment where Outrider was uninstalled without this comes to no harm.
""",
}


class Problem(Exception):
    """It cannot be done; its text says why, and what to do."""


def main(command: str, arguments: list[str]) -> int:
    """Runs `enable` or `disable`; its exit code."""
    try:
        options = parser(command).parse_args(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    try:
        if command == "enable" and options.list:
            for folder in known():
                sys.stdout.write(f"{folder}\n")
            return 0
        if command == "disable" and options.all:
            return sum(disable(folder) for folder in known())
        folder, python = target(options)
        return enable(folder, python) if command == "enable" else disable(folder)
    except Problem as problem:
        _launch.complain(str(problem))
        return 1


def parser(command: str) -> argparse.ArgumentParser:
    """The options."""
    import argparse

    found = argparse.ArgumentParser(
        prog=f"outrider {command}",
        description="Tracks the scripts and notebooks of an environment without `outrider run`."
        if command == "enable"
        else "Undoes `outrider enable`.",
        epilog=EXAMPLES[command],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    where = found.add_mutually_exclusive_group()
    where.add_argument("--venv", metavar="DIR", help="the environment in this folder (venv, virtualenv, conda)")
    where.add_argument("--user", action="store_true", help="your own site-packages")
    where.add_argument("--system", action="store_true", help="the installation that this Python's environment was made from")
    if command == "enable":
        where.add_argument("--list", action="store_true", help="list where it is enabled, and change nothing")
    else:
        where.add_argument("--all", action="store_true", help="everywhere it is known to be enabled")
    return found


def target(options: argparse.Namespace) -> tuple[str, str]:
    """The site-packages that the options mean, and a Python that uses them. Raises Problem."""
    if options.user:
        import site

        return site.getusersitepackages(), sys.executable
    prefix = options.venv or os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if options.system:
        python = getattr(sys, "_base_executable", None) or sys.executable
    elif prefix is None:
        python = sys.executable
    else:
        python = os.path.join(prefix, "bin", "python")
        if not os.access(python, os.X_OK):
            raise Problem(f"{prefix} is no environment: it has no bin/python. Nothing was changed; name one with --venv DIR")
    return packages_of(python), python


def packages_of(python: str) -> str:
    """Where that interpreter looks for packages: asked, for every layout is another."""
    import subprocess

    try:
        done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem(f"{python} does not run ({error}). Nothing was changed") from error
    if done.returncode != 0 or not done.stdout:
        raise Problem(f"{python} does not say where its packages are ({done.stderr.strip()[-200:]}). Nothing was changed")
    return done.stdout


def enable(folder: str, python: str) -> int:
    """Puts the two files there; again, if they are there already: Outrider may have moved."""
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "enabled", MODULE)
    with open(source, encoding="utf-8") as file:
        text = file.read().replace('"@BOOTSTRAP@"', repr(_launch.BOOTSTRAP))
    was_enabled = is_enabled(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        _put(os.path.join(folder, MODULE), text)
        _put(os.path.join(folder, PTH), LINE)
    except OSError as error:
        now = "It stays enabled as it was" if was_enabled else "Nothing is tracked there; choose another with --venv or --user"
        raise Problem(f"cannot write to {folder}: {error.strerror}. {now}") from error
    _compile(os.path.join(folder, MODULE), python)
    _note(folder)
    sys.stdout.write(f"enabled in {folder}\nPython processes there that log are tracked from now on. To undo it: outrider disable\n")
    return 0


def _compile(path: str, python: str) -> None:
    """So that no start of a Python pays for it, where those who start may not write there. What fails here costs a millisecond."""
    import subprocess

    environ = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [python, "-S", "-m", "compileall", "-q", path]
    subprocess.run(command, env={**environ, "OUTRIDER_DISABLED": "1"}, capture_output=True, timeout=60, check=False)


def disable(folder: str) -> int:
    """Takes them away; 1 where there was nothing."""
    found = is_enabled(folder)
    cached = os.path.join(folder, "__pycache__")
    names = [name for name in os.listdir(cached) if name.startswith("_outrider_enabled.")] if os.path.isdir(cached) else []
    try:
        for path in [os.path.join(folder, PTH), os.path.join(folder, MODULE), *(os.path.join(cached, name) for name in names)]:
            if os.path.lexists(path):
                os.unlink(path)
    except OSError as error:
        raise Problem(f"cannot remove {path}: {error.strerror}. Until that is gone, scripts there are tracked") from error
    if not found:
        _launch.complain(f"it was not enabled in {folder}. `outrider enable --list` says where it is")
        return 1
    sys.stdout.write(f"disabled in {folder}\n")
    return 0


def is_enabled(folder: str) -> bool:
    """Is the `.pth` there?"""
    return os.path.exists(os.path.join(folder, PTH))


def known() -> list[str]:
    """Where it was enabled, and still is."""
    try:
        with open(_notes(), encoding="utf-8", errors="surrogateescape") as file:
            return [folder for folder in dict.fromkeys(file.read().splitlines()) if is_enabled(folder)]
    except OSError:
        return []


def _note(folder: str) -> None:
    kept = [*known(), folder]
    try:
        spool.make_folders(spool.home())
        _put(_notes(), "".join(f"{one}\n" for one in dict.fromkeys(kept)))
    except OSError as error:
        _launch.complain(f"cannot note it in {_notes()} ({error.strerror}): it is enabled, but `outrider enable --list` will not show it")


def _notes() -> str:
    return os.path.join(spool.home(), "enabled")


def _put(path: str, text: str) -> None:
    """At once or not at all: an interpreter may start at any moment."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
