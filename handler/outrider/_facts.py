"""What a process knows of itself when it starts a run: the fields of a `run` line. Reads the environment; starts nothing."""

from __future__ import annotations

import os
import stat
import sys
import time

from outrider import _memory, record, spool

TYPE_CHECKING = False  # typing is an import too
if TYPE_CHECKING:
    from typing import Any


def of_a_run(experiment: str | None, name: str | None, parent: str | None, more: dict[str, Any]) -> dict[str, Any]:
    """The whole `run` line of a run that this process starts; `more` are fields the caller has chosen."""
    chosen = experiment or os.environ.get("OUTRIDER_EXPERIMENT")
    line: dict[str, Any] = {
        "k": record.RUN,
        "t": time.time_ns(),
        "experiment": chosen or default_experiment(),
        "default": None if chosen else True,
        "name": name or os.environ.get("OUTRIDER_RUN_NAME") or script_name(),
        "command": command(),
        "cwd": working_folder(),
        "outputs": default_outputs(),
        "host": spool.hostname(),
        "user": user(),
        "python": sys.version.split()[0],
        "exe": sys.executable or None,
        "parent": parent,
        "oom": _memory.mark(),
        "tags": tags_of(os.environ.get("OUTRIDER_TAGS", "")) or None,
    }
    line["tags"] = {**(line["tags"] or {}), **(more.get("tags") or {})} or None
    line.update((key, value) for key, value in more.items() if key != "tags" and value is not None)
    return {key: value for key, value in line.items() if value is not None}


def default_experiment() -> str:
    """The working folder's name."""
    return os.path.basename(working_folder().rstrip("/")) or "default"


def script_name() -> str:
    """The script's file name."""
    first = sys.argv[0] if sys.argv else ""
    name = os.path.basename(first)
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(first)) or name
    if name == "ipykernel_launcher.py":
        return os.path.basename(os.environ.get("JPY_SESSION_NAME", "")) or "notebook"
    return "interactive" if name in ("", "-", "-c") else name


def command() -> list[str]:
    """How this process was started, as far as it can be known."""
    given = getattr(sys, "orig_argv", None)  # since Python 3.10
    return [str(part) for part in given] if given else [sys.executable or "python", *map(str, sys.argv)]


def working_folder() -> str:
    """The working folder; "" where it has been deleted."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def user() -> str:
    """Who runs this."""
    named = os.environ.get("USER") or os.environ.get("LOGNAME")
    if named:
        return named
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def default_outputs() -> list[str]:
    """The folders that are collected when the script names none: OUTRIDER_OUTPUTS (`0`: none), else ./outputs."""
    given = os.environ.get("OUTRIDER_OUTPUTS")
    if given is None:
        return outputs("./outputs")
    return [] if given in ("", "0", "none") else outputs(given.split(os.pathsep))


def outputs(given: Any) -> list[str]:
    """Absolute paths of what the script names: a path, several, or False for none. Raises TypeError for anything else."""
    if given is None or given is False:
        return []
    paths = [given] if isinstance(given, (str, os.PathLike)) else given
    if paths is True:
        return outputs("./outputs")
    if not isinstance(paths, (list, tuple)) or not all(isinstance(path, (str, os.PathLike)) for path in paths):
        raise TypeError(f"outputs must be a folder's path, a list of them, or False, not {type(given).__name__}")
    return [os.path.normpath(os.path.join(working_folder(), os.path.expanduser(os.fsdecode(path)))) for path in paths]


def tags_of(text: str) -> dict[str, str]:
    """OUTRIDER_TAGS: `key=value` pairs with commas between; a key alone has an empty value."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return {key.strip(): value.strip() for key, _, value in pairs}


#: A project's rules: its file, and of that no more bytes. One that is longer is carried so far, and by one byte more, which tells it.
RULES_FILE, RULES_BYTES = "outrider.toml", 64 << 10


def project_rules(folder: str) -> str | None:
    """The text of the folder's outrider.toml, as it is: the agent parses it. None where there is none that can be read."""
    try:
        fd = os.open(os.path.join(folder, RULES_FILE), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        return os.read(fd, RULES_BYTES + 1).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(fd)
