"""
`outrider flare`: one archive for whoever helps: versions, settings, what the agent says of itself, its log. Never what runs logged.

What a key's name or a value's form says is a secret is left out; runs are named by a hash, the same in every file, unless --with-run asks
for one: then its folder of the spool is added as it is. What is in the bundle is listed, and nothing is sent anywhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outrider_agent import errors, layout, settings
from outrider_agent.cli import doctor, edit, fresh, main, output, status
from outrider_agent.cli import format as fmt
from outrider_agent.cli.service import UNIT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping

EXAMPLES = """\
examples:
  outrider flare
  outrider flare --output /tmp/for-support.tar.gz
  outrider flare --with-run latest      with what that run logged, as it is in the spool and the store's description of it

Look into it before you send it: tar -tzf FILE lists it, and every file in it is text.
"""

#: Of each log the end, so many bytes.
LOG_BYTES = 1 << 20
REMOVED = "<removed>"
#: A key whose value is nobody's business.
_SECRET_KEY = re.compile(r"(?i)token|secret|passw|credential|api_?key|access_?key|private|auth|cookie|signature|dsn")
#: The same in running text: key=value, "key": "value", a bearer, and what stands before the @ of an address.
_WORDS = r"(?:token|secret|passw|credential|api_?key|access_?key|cookie|signature)"
_SECRET_TEXT = (
    (re.compile(rf"(?i)(\"?[a-z0-9_.-]*{_WORDS}[a-z0-9_.-]*\"?\s*[=:]\s*)\"[^\"]*\""), rf'\1"{REMOVED}"'),
    (re.compile(rf"(?i)(\b[a-z0-9_.-]*{_WORDS}[a-z0-9_.-]*\s*[=:]\s*)[^\s\",}}&]+"), r"\1" + REMOVED),
    (re.compile(r"(?i)(bearer\s+|basic\s+)[a-z0-9._~+/=-]{8,}"), r"\1" + REMOVED),
    (re.compile(r"(://)[^/\s@\"']+@"), r"\1" + REMOVED + "@"),
)
_PACKAGES = ("outrider", "aiohttp", "msgspec", "pyyaml", "regex", "rich", "structlog", "watchdog")


def configure(parser: argparse.ArgumentParser, _name: str) -> None:
    """Declares the arguments."""
    parser.epilog = EXAMPLES
    parser.add_argument("--output", metavar="FILE", help="where to write it (default: outrider-flare-TIME.tar.gz here)")
    parser.add_argument("--with-run", metavar="RUN", help="add what this run logged")
    parser.set_defaults(handler=flare)


def flare(args: argparse.Namespace) -> int:
    """Writes it."""
    home = fresh.home(args)
    target = Path(args.output or time.strftime("outrider-flare-%Y%m%d-%H%M%S.tar.gz"))
    run = _find(home, args.with_run) if args.with_run else None
    hide = Hide(_runs(home), keep=run)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, make in _contents(home, ask=not args.no_agent).items():
            _add(archive, f"flare/{name}", hide(_made(make)))
            output.say(f"  {name}")
        if run is not None:
            archive.add(Path(home) / "spool" / run, f"flare/run/{run}", filter=_only_files) if (
                Path(home) / "spool" / run
            ).is_dir() else None
            output.say(f"  run/{run}: what it logged, as it lies in the spool")
    output.say(f"wrote {target} ({fmt.size(target.stat().st_size)}); nothing was sent: look into it, then hand it to whoever helps")
    return 0


class Hide:
    """Takes secrets out of a text, and names runs by a hash."""

    def __init__(self, runs: Iterator[str] | list[str], *, keep: str | None = None) -> None:
        # The longest first: one id may be the beginning of another.
        self._names = {
            run: f"run-{hashlib.sha256(run.encode()).hexdigest()[:10]}" for run in sorted(runs, key=len, reverse=True) if run != keep
        }

    def __call__(self, text: str) -> str:
        """The text as it may be shown."""
        for pattern, instead in _SECRET_TEXT:
            text = pattern.sub(instead, text)
        for run, name in self._names.items():
            text = re.sub(rf"(?<![A-Za-z0-9_.-]){re.escape(run)}(?![A-Za-z0-9_-])", name, text)
        return text


def _find(home: str, text: str) -> str:
    with fresh.store(home) as store:
        return edit.find(store, home, text)[0]


def _runs(home: str) -> list[str]:
    """Every run that can be named: those of the spool and those of the store."""
    found = set()
    folder = Path(home) / "spool"
    if folder.is_dir():
        found |= {entry.name for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)}
    if fresh.store_path(home).exists():
        with fresh.store(home) as store:
            found |= {one.run_id for one in store.runs(limit=1_000_000)}
    return sorted(found)


def _contents(home: str, *, ask: bool) -> dict[str, Callable[[], str]]:
    """Each file, and how it is made."""
    where = layout.Layout(Path(home))
    return {
        "versions.json": lambda: _json(_versions()),
        "settings.json": lambda: _json(_settings()),
        "environment.json": lambda: _json(public(dict(os.environ))),
        "status.json": lambda: _json(status.describe(home, ask=ask)),
        "doctor.json": lambda: _json([one._asdict() for one in doctor.checks(home)]),
        "home.json": lambda: _json(list(_listing(Path(home)))),
        "agent.log": lambda: _end(where.log),
        "agent.log.1": lambda: _end(where.log.with_name("agent.log.1")),
        "journal.txt": _journal,
    }


def _made(make: Callable[[], str]) -> str:
    """What cannot be had is said in its place: a bundle is wanted when something is wrong."""
    try:
        return make()
    except (OSError, errors.OutriderError, subprocess.SubprocessError) as error:
        return f"could not be had: {error}\n"


def _versions() -> dict[str, Any]:
    found = {name: metadata.version(name) for name in _PACKAGES if _is_installed(name)}
    return {"outrider": main.version(), "python": platform.python_version(), "system": platform.platform(), "packages": found}


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _settings() -> list[dict[str, Any]]:
    return [{"key": key, "value": _shown(key, value), "origin": origin} for key, value, origin in settings.describe()]


def public(variables: Mapping[str, str]) -> dict[str, str]:
    """Outrider's variables, and those that say how Python and the machine are set up; secrets without their value."""
    kept = {name: value for name, value in variables.items() if name.startswith(("OUTRIDER_", "PYTHON", "XDG_", "LANG", "LC_"))}
    return {name: _shown(name, value) for name, value in sorted(kept.items())}


def _shown(key: str, value: Any) -> Any:
    return REMOVED if value and _SECRET_KEY.search(key) and not key.endswith("_file") else value


def _listing(home: Path) -> Iterator[dict[str, Any]]:
    """Names, sizes and modes of the home's own files, and how much lies in its folders; no content."""
    for entry in sorted(os.scandir(home), key=lambda one: one.name):
        status_ = entry.stat(follow_symlinks=False)
        yield {"name": entry.name, "bytes": status_.st_size, "mode": oct(status_.st_mode), "uid": status_.st_uid, "gid": status_.st_gid}
    for name in ("spool", "blobs"):
        found = [path.stat().st_size for path in (home / name).rglob("*") if path.is_file()]
        yield {"folder": name, "files": len(found), "bytes": sum(found)}


def _end(path: Path) -> str:
    """The last of a log; empty where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LOG_BYTES))
        return file.read().decode("utf-8", "replace")


def _journal() -> str:
    """What a service's agent said: it has no file of its own."""
    if shutil.which("journalctl") is None:
        return ""
    scope = [] if os.getuid() == 0 else ["--user"]
    command = ["journalctl", *scope, "--unit", UNIT, "--lines", "2000", "--no-pager", "--quiet", "--output", "short-iso"]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    return done.stdout.decode("utf-8", "replace")[-LOG_BYTES:]


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, default=str) + "\n"


def _add(archive: tarfile.TarFile, name: str, text: str) -> None:
    data = text.encode("utf-8", "replace")
    one = tarfile.TarInfo(name)
    one.size, one.mtime, one.mode = len(data), int(time.time()), 0o600
    archive.addfile(one, io.BytesIO(data))


def _only_files(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return member if member.isfile() or member.isdir() else None
