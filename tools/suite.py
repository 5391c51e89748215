"""
The suite in two halves beside one another, for most of it waits: tests/e2e but what needs a container engine, and all the rest. Where the
arguments name tests, those alone, in one process. COVERED=1: what the second half covers.

The first half drives browsers, notebooks and shells, while the other takes the machine from it. A few tests of it that fail there are run
once more, alone: one that fails again fails the suite, one that does not is named at the end, and how it failed stays in the output. Other
tests have no second chance: a record that was lost once is lost. docs/decisions/0030 says why.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
E2E = "tests/e2e"
#: Of tests/e2e, what waits for an engine rather than for the processor: it goes with the other half.
HEAVY = ("test_containers*.py", "test_docker_rig.py", "test_deploy.py")
#: Of the first half, what judges data that survive on a machine: it has no second chance either.
ONCE = "tests/e2e/test_systemd.py"
#: More failures than these are no accident.
MOST_AGAIN = 3
_FAILED = 1  # pytest's exit status


def main(given: list[str]) -> int:
    """The exit status."""
    os.chdir(ROOT)
    counted = ["coverage", "run", "-m"] if os.environ.get("COVERED") else []
    if any(Path(word.partition("::")[0]).exists() for word in given):
        return subprocess.run(_pytest("named", given, counted), check=False).returncode
    heavy = sorted(str(path.relative_to(ROOT)) for pattern in HEAVY for path in (ROOT / E2E).glob(pattern))
    others = sorted({f"tests/{path.parent.name}" for path in ROOT.glob("tests/*/test_*.py")} - {E2E})
    shutil.rmtree(_memory(""), ignore_errors=True)
    BUILD.mkdir(exist_ok=True)
    log = BUILD / "e2e.log"
    with log.open("wb") as output:
        first = [*given, *(f"--ignore={path}" for path in heavy), E2E]
        beside = subprocess.Popen(_pytest("e2e", first), stdout=output, stderr=subprocess.STDOUT)
        try:
            rest = subprocess.run(_pytest("rest", [*given, *others, *heavy], counted), check=False).returncode
            e2e = beside.wait()
        finally:
            beside.kill()
    print(f"\n=== {E2E}", flush=True)
    print(log.read_text(errors="replace"), flush=True)
    worst = max(rest, _second_look(e2e, given))
    if not worst and counted:
        worst = subprocess.run([sys.executable, "-m", "coverage", "report", "--skip-covered", "--fail-under", "40"], check=False).returncode
    return worst


def _pytest(half: str, words: list[str], counted: list[str] | None = None) -> list[str]:
    """The command; each half remembers in a folder of its own which tests failed."""
    return [sys.executable, "-m", *(counted or []), "pytest", "-m", "not full", "-o", f"cache_dir={_memory(half)}", *words]


def _memory(half: str) -> Path:
    return BUILD / "cache" / half


def _second_look(status: int, given: list[str]) -> int:
    """Runs what failed of the first half once more, alone; its exit status."""
    failed = sorted(_failed("e2e")) if status == _FAILED else []
    if not failed or len(failed) > MOST_AGAIN or any(name.startswith(ONCE) for name in failed):
        return status
    print("\n=== failed, and is run once more, alone:", *failed, sep="\n  ", flush=True)
    options = [word for word in given if word.startswith("-")]
    status = subprocess.run(_pytest("again", [*options, *failed]), check=False).returncode
    if status == 0:
        print("\n=== failed beside the other half and passed alone; each is worth a look:", *failed, sep="\n  ", flush=True)
    return status


def _failed(half: str) -> list[str]:
    """Which tests failed the last time, as pytest remembers it."""
    try:
        return list(json.loads((_memory(half) / "v" / "cache" / "lastfailed").read_bytes()))
    except FileNotFoundError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
