"""`make neutrality`: runs the whole matrix and writes docs/neutrality.md; fails, and writes nothing, where something is not known."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from matrix import judge, kinds, known, page
from matrix.conditions import CONDITIONS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "neutrality.md"


def main() -> int:
    """Every cell in turn."""
    parser = argparse.ArgumentParser(prog="make neutrality", description="Runs the matrix of neutrality and writes docs/neutrality.md.")
    parser.add_argument("--kind", action="append", help="only this kind; writes nothing")
    parser.add_argument("--condition", action="append", help="only this condition; writes nothing")
    args = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGQUIT):  # a shell's background job ignores them, and so would every script
        signal.signal(number, signal.SIG_DFL)
    cells: dict[tuple[str, str], str] = {}
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for condition in CONDITIONS:
            for kind in [*kinds.KINDS, *kinds.versions()]:
                if (args.kind and kind.name not in args.kind) or (args.condition and condition.name not in args.condition):
                    continue
                text, unknown = run(Path(folder) / "cell", kind, condition)
                cells[kind.name, condition.name] = text
                bad += bool(unknown)
                print(f"{condition.name:18}{kind.name:20}{text}", *map(told, unknown), sep="\n      ", flush=True)
    if bad:
        print(f"{bad} cells differ in ways that are not known; docs/neutrality.md is left as it is", file=sys.stderr)
    elif not (args.kind or args.condition):
        machine = f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} cores"
        PAGE.write_text(page.static() + page.grid(cells, machine))
    return 1 if bad else 0


def run(folder: Path, kind: kinds.Kind, condition) -> tuple[str, list[judge.Difference]]:
    """A cell's marks, and what is not known."""
    if judge.not_applicable(kind, condition):
        return "-", []
    marks, unknown = known.explain(judge.cell(folder, kind, condition), kind.name, condition.name)
    return " ".join(marks), unknown


def told(one: judge.Difference) -> str:
    """A difference in a line: the ends of both values, where long ones mostly differ."""
    return f"!! {one.name}: bare {repr(one.bare)[-300:]}, tracked {repr(one.tracked)[-300:]}"


if __name__ == "__main__":
    sys.exit(main())
