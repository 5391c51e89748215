"""
The suite in five parts, four at a time, for most of it waits: all that is not named here; tests/e2e; tests/fault with the matrix of
tests/neutrality; of tests/e2e what needs a container engine; and, when another part has ended, what a browser shows. The first is seen
as it runs, the others' output when all have ended. Where the arguments name tests, those alone, in one process.
COVERED=1: and what the first covers, for most of it runs in its own process.

Two parts drive browsers, notebooks and shells, while the others take the machine from them. A few tests of these that fail there are run
once more, alone: one that fails again fails the suite, one that does not is named at the end, and how it failed stays in the output. Other
tests have no second chance: a record that was lost once is lost. docs/decisions/0030 and 0040 say why.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
E2E = "tests/e2e"
#: Of tests/e2e, what waits for an engine rather than for the processor, and what a browser shows.
OF_E2E = {
    "engine": ("test_containers*.py", "test_docker_rig.py", "test_deploy.py"),
    "pages": ("test_portal_*.py", "test_run_api_shown.py", "test_run_lab.py", "test_server_people.py", "test_ui.py", "test_widget*.py"),
}
#: The part whose output is not put away.
SEEN = "rest"
#: What kills and starves waits most.
FAULTS = ("tests/fault", "tests/neutrality")
#: The parts whose tests have a second chance.
AGAIN = ("e2e", "pages")
#: Of these, what judges data that survive on a machine: it has no second chance either.
ONCE = "tests/e2e/test_systemd.py"
#: More failures than these are no accident.
MOST_AGAIN = 3
#: In which order they begin. The last waits for one of them.
ORDER = (SEEN, "e2e", "fault", "engine", "pages")
#: So many parts at once. With a fifth a busy machine is slower at all of them, and shows what only happens there.
LANES = 4
_FAILED = 1  # pytest's exit status


def main(given: list[str]) -> int:
    """The exit status."""
    os.chdir(ROOT)
    counted = ["coverage", "run", "-m"] if os.environ.get("COVERED") else []
    if any(Path(word.partition("::")[0]).exists() for word in given):
        return subprocess.run(_pytest("named", given, counted), check=False).returncode
    parts = _parts()
    shutil.rmtree(_memory(""), ignore_errors=True)
    BUILD.mkdir(exist_ok=True)
    ended = _run({part: _pytest(part, [*given, *words], counted if part == SEEN else []) for part, words in parts.items()})
    for part in parts:
        if part != SEEN:
            print(f"\n=== {part}", flush=True)
            print(_log(part).read_text(errors="replace"), flush=True)
    worst = max([_second_look(ended, given), *(status for part, status in ended.items() if part not in AGAIN)])
    if counted and SEEN in parts and not worst:
        worst = subprocess.run([sys.executable, "-m", "coverage", "report", "--skip-covered", "--fail-under", "40"], check=False).returncode
    return worst


def _parts() -> dict[str, list[str]]:
    """What each part is given; none without a test."""
    found = {part: sorted(_named(path) for pattern in patterns for path in (ROOT / E2E).glob(pattern)) for part, patterns in OF_E2E.items()}
    apart = [path for paths in found.values() for path in paths]
    folders = sorted({_named(path.parent) for path in ROOT.glob("tests/*/test_*.py") if _named(path) not in apart})
    found["e2e"] = [*(f"--ignore={path}" for path in apart), E2E] if E2E in folders else []
    found["fault"] = [folder for folder in folders if folder in FAULTS]
    found["rest"] = [folder for folder in folders if folder not in (E2E, *FAULTS)]
    return {part: found[part] for part in ORDER if found[part]}


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _run(commands: dict[str, list[str]]) -> dict[str, int]:
    """Each part's exit status. None outlives this process."""
    running: list[subprocess.Popen[bytes]] = []

    def one(part: str) -> int:
        with _log(part).open("wb") as output:
            away = (None, None) if part == SEEN else (output, subprocess.STDOUT)
            running.append(process := subprocess.Popen(commands[part], stdout=away[0], stderr=away[1]))
            return process.wait()

    pool = ThreadPoolExecutor(LANES)
    try:
        return dict(zip(commands, pool.map(one, commands), strict=True))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in running:
            process.kill()
            process.wait()


def _log(part: str) -> Path:
    return BUILD / f"{part}.log"


def _pytest(part: str, words: list[str], counted: Sequence[str] = ()) -> list[str]:
    """The command; each part remembers in a folder of its own which tests failed."""
    return [sys.executable, "-m", *counted, "pytest", "-m", "not full", "-o", f"cache_dir={_memory(part)}", *words]


def _memory(part: str) -> Path:
    return BUILD / "cache" / part


def _second_look(ended: dict[str, int], given: list[str]) -> int:
    """Runs what failed of these parts once more, alone; the exit status."""
    status = max([0, *(ended.get(part, 0) for part in AGAIN)])
    failed = sorted(name for part in AGAIN for name in _failed(part)) if status == _FAILED else []
    if not failed or len(failed) > MOST_AGAIN or any(name.startswith(ONCE) for name in failed):
        return status
    print("\n=== failed, and is run once more, alone:", *failed, sep="\n  ", flush=True)
    options = [word for word in given if word.startswith("-")]
    status = subprocess.run(_pytest("again", [*options, *failed]), check=False).returncode
    if status == 0:
        print("\n=== failed beside the other parts and passed alone; each is worth a look:", *failed, sep="\n  ", flush=True)
    return status


def _failed(part: str) -> list[str]:
    """Which tests failed the last time, as pytest remembers it."""
    try:
        return list(json.loads((_memory(part) / "v" / "cache" / "lastfailed").read_bytes()))
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
